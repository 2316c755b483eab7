//go:build !noasm

package cpu

// The functions below do whole chunks of 32 elements in AVX2 and leave the rest
// to the plain loops.

//go:noescape
func reluAVX(y, x *float32, chunks int)

//go:noescape
func reluMaskAVX(y, x, grad *float32, chunks int)

//go:noescape
func addAVX(y, a, b *float32, chunks int)

//go:noescape
func sum3AVX(y, a, b, c *float32, chunks int)

//go:noescape
func mulAVX(y, a, b *float32, chunks int)

//go:noescape
func axpyAVX(y, x *float32, chunks int, a float32)

//go:noescape
func linAVX(y, acc *float32, xs *[]float32, terms, at int, coefs, bias *float32, place, period, chunks int)

//go:noescape
func normAVX(y, x, mean, rstd *float32, period, chunks int)

//go:noescape
func bnGradAVX(y, grad, x, meanG, meanGX, rstd *float32, period, chunks int)

//go:noescape
func sumAVX(acc *lanes[float32], x *float32, o1, o2, o3, step, rounds int)

//go:noescape
func dotAVX(acc *lanes[float32], x, y *float32, o1, o2, o3, step, rounds int)

//go:noescape
func squareAVX(acc *lanes[float32], x *float32, mean *lanes[float32], o1, o2, o3, step, rounds int)

func avxReLU(y, x []float32) {
	n := len(x) / 32 * 32
	y = y[:len(x)]
	if n > 0 {
		reluAVX(&y[0], &x[0], n/32)
	}
	plainReLU(y[n:], x[n:])
}

func avxReLUMask(y, x, g []float32) {
	n := len(x) / 32 * 32
	y, g = y[:len(x)], g[:len(x)]
	if n > 0 {
		reluMaskAVX(&y[0], &x[0], &g[0], n/32)
	}
	plainReLUMask(y[n:], x[n:], g[n:])
}

func avxAdd(y, a, b []float32) {
	n := len(a) / 32 * 32
	y, b = y[:len(a)], b[:len(a)]
	if n > 0 {
		addAVX(&y[0], &a[0], &b[0], n/32)
	}
	plainAdd(y[n:], a[n:], b[n:])
}

func avxSum3(y, a, b, c []float32) {
	n := len(a) / 32 * 32
	y, b, c = y[:len(a)], b[:len(a)], c[:len(a)]
	if n > 0 {
		sum3AVX(&y[0], &a[0], &b[0], &c[0], n/32)
	}
	plainSum3(y[n:], a[n:], b[n:], c[n:])
}

func avxMul(y, a, b []float32) {
	n := len(a) / 32 * 32
	y, b = y[:len(a)], b[:len(a)]
	if n > 0 {
		mulAVX(&y[0], &a[0], &b[0], n/32)
	}
	plainMul(y[n:], a[n:], b[n:])
}

func avxAxpy(y, x []float32, a float32) {
	n := len(x) / 32 * 32
	y = y[:len(x)]
	if n > 0 {
		axpyAVX(&y[0], &x[0], n/32, a)
	}
	plainAxpy(y[n:], x[n:], a)
}

func avxLin(y []float32, xs [][]float32, at int, coefs, bias []float32) {
	n, period := len(y)/32*32, len(bias)
	if len(xs) == 0 || n == 0 {
		plainLin(y, xs, at, coefs, bias)
		return
	}
	for _, x := range xs {
		_ = x[at : at+len(y)]
	}
	_ = coefs[:len(xs)*period]
	// Large tensors often lie so that the same places of all are in one set of the
	// fastest cache: more than a few of them at a time push each other out.
	const streams, piece = 8, 1024
	var sums [piece]float32
	for lo := 0; lo < n; lo += piece {
		chunks, place := min(piece, n-lo)/32, lo%period
		var acc *float32
		for k := 0; k < len(xs); k += streams {
			out, terms := &y[lo], len(xs)-k
			if terms > streams {
				out, terms = &sums[0], streams
			}
			linAVX(out, acc, &xs[k], terms, 4*(at+lo), &coefs[k*period], &bias[0], 4*place, 4*period, chunks)
			acc = &sums[0]
		}
	}
	for i := n; i < len(y); i++ {
		j := i % period
		sum := bias[j]
		for k, x := range xs {
			sum += float32(coefs[k*period+j] * x[at+i])
		}
		y[i] = sum
	}
}

func avxNorm(y, x, mean, rstd []float32) {
	n, period := len(x)/32*32, len(mean)
	y, rstd = y[:len(x)], rstd[:period]
	if n > 0 {
		normAVX(&y[0], &x[0], &mean[0], &rstd[0], 4*period, n/32)
	}
	for i := n; i < len(x); i++ {
		y[i] = (x[i] - mean[i%period]) * rstd[i%period]
	}
}

func avxBNGrad(y, g, x, meanG, meanGX, rstd []float32) {
	n, period := len(g)/32*32, len(rstd)
	y, x, meanG, meanGX = y[:len(g)], x[:len(g)], meanG[:period], meanGX[:period]
	if n > 0 {
		bnGradAVX(&y[0], &g[0], &x[0], &meanG[0], &meanGX[0], &rstd[0], 4*period, n/32)
	}
	for i := n; i < len(g); i++ {
		j := i % period
		y[i] = rstd[j] * ((g[i] - meanG[j]) - float32(x[i]*meanGX[j]))
	}
}

// vectors says where the lanes 8.., 16.. and 24.. of a block begin and how far
// they step, in bytes; ok is false where lanes do not form vectors of 8.
func vectors(c, width int) (o1, o2, o3, step int, ok bool) {
	switch {
	case width == 32 || width == c: // one after another
		return 32, 64, 96, 4 * c * (32 / width), true
	case width == 16:
		return 32, 4 * c, 4*c + 32, 8 * c, true
	case width == 8:
		return 4 * c, 8 * c, 12 * c, 16 * c, true
	}
	return 0, 0, 0, 0, false
}

func avxSum(acc *lanes[float32], x []float32, c, width, pixels int) {
	side := 32 / width
	o1, o2, o3, step, ok := vectors(c, width)
	rounds := pixels / side
	if !ok || rounds == 0 {
		plainSum(acc, x, c, width, pixels)
		return
	}
	_ = x[(pixels-1)*c+width-1]
	sumAVX(acc, &x[0], o1, o2, o3, step, rounds)
	for p := rounds * side; p < pixels; p++ {
		for k := range width {
			acc[p%side*width+k] += x[p*c+k]
		}
	}
}

func avxDot(acc *lanes[float32], x, y []float32, c, width, pixels int) {
	side := 32 / width
	o1, o2, o3, step, ok := vectors(c, width)
	rounds := pixels / side
	if !ok || rounds == 0 {
		plainDot(acc, x, y, c, width, pixels)
		return
	}
	_, _ = x[(pixels-1)*c+width-1], y[(pixels-1)*c+width-1]
	dotAVX(acc, &x[0], &y[0], o1, o2, o3, step, rounds)
	for p := rounds * side; p < pixels; p++ {
		for k := range width {
			acc[p%side*width+k] += float32(x[p*c+k] * y[p*c+k])
		}
	}
}

func avxSquare(acc *lanes[float32], x []float32, mean *lanes[float32], c, width, pixels int) {
	side := 32 / width
	o1, o2, o3, step, ok := vectors(c, width)
	rounds := pixels / side
	if !ok || rounds == 0 {
		plainSquare(acc, x, mean, c, width, pixels)
		return
	}
	_ = x[(pixels-1)*c+width-1]
	squareAVX(acc, &x[0], mean, o1, o2, o3, step, rounds)
	for p := rounds * side; p < pixels; p++ {
		for k := range width {
			d := x[p*c+k] - mean[p%side*width+k]
			acc[p%side*width+k] += float32(d * d)
		}
	}
}
