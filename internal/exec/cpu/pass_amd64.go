//go:build !noasm

package cpu

// The functions below do whole blocks of 32 elements in AVX2 and FMA and leave the rest
// to the portable kernels.

//go:noescape
func reluBlocks(y, x *float32, blocks int)

//go:noescape
func reluMaskBlocks(y, x, grad *float32, blocks int)

//go:noescape
func addBlocks(y, a, b *float32, blocks int)

//go:noescape
func mulBlocks(y, a, b *float32, blocks int)

//go:noescape
func axpyBlocks(y, x *float32, blocks int, a float32)

//go:noescape
func linBlocks(a *linArgs)

//go:noescape
func normBlocks(y, x, mean, rstd *float32, period, blocks int)

//go:noescape
func bnGradBlocks(y, grad, x, meanG, meanGX, rstd *float32, period, blocks int)

//go:noescape
func sgdBlocks(w, grad, buf *float32, blocks int, clip, decay, gradRate, momentum, bufRate float32)

//go:noescape
func sumLanes(acc *lanes[float32], x *float32, at *laneOffsets, rounds int)

//go:noescape
func dotLanes(acc *lanes[float32], x, y *float32, at *laneOffsets, rounds int)

//go:noescape
func squareLanes(acc *lanes[float32], x *float32, mean *lanes[float32], at *laneOffsets, rounds int)

//go:noescape
func fetchLines(first *float32, after, lines int)

//go:noescape
func foldLanes(into *float64, acc *lanes[float32], width int)

//go:noescape
func meanLanes(mean *lanes[float32], sums *float64, n float64, width int)

//go:noescape
func sumQuads(a *narrowLanes)

//go:noescape
func sumPairs(a *narrowLanes)

//go:noescape
func sumSingles(a *narrowLanes)

//go:noescape
func dotQuads(a *narrowLanes)

//go:noescape
func dotPairs(a *narrowLanes)

//go:noescape
func dotSingles(a *narrowLanes)

//go:noescape
func squareQuads(a *narrowLanes)

//go:noescape
func squarePairs(a *narrowLanes)

//go:noescape
func squareSingles(a *narrowLanes)

func reluAVX2(y, x []float32) {
	n := len(x) / 32 * 32
	y = y[:len(x)]
	if n > 0 {
		reluBlocks(&y[0], &x[0], n/32)
	}
	portableReLU(y[n:], x[n:])
}

func reluMaskAVX2(y, x, g []float32) {
	n := len(x) / 32 * 32
	y, g = y[:len(x)], g[:len(x)]
	if n > 0 {
		reluMaskBlocks(&y[0], &x[0], &g[0], n/32)
	}
	portableReLUMask(y[n:], x[n:], g[n:])
}

func addAVX2(y, a, b []float32) {
	n := len(a) / 32 * 32
	y, b = y[:len(a)], b[:len(a)]
	if n > 0 {
		addBlocks(&y[0], &a[0], &b[0], n/32)
	}
	portableAdd(y[n:], a[n:], b[n:])
}

func mulAVX2(y, a, b []float32) {
	n := len(a) / 32 * 32
	y, b = y[:len(a)], b[:len(a)]
	if n > 0 {
		mulBlocks(&y[0], &a[0], &b[0], n/32)
	}
	portableMul(y[n:], a[n:], b[n:])
}

func axpyAVX2(y, x []float32, a float32) {
	n := len(x) / 32 * 32
	y = y[:len(x)]
	if n > 0 {
		axpyBlocks(&y[0], &x[0], n/32, a)
	}
	portableAxpy(y[n:], x[n:], a)
}

// linArgs is the argument of linBlocks, which starts sums from acc, or from bias
// where acc is nil. at, place and period are in bytes.
type linArgs struct {
	y, acc        *float32
	xs            *[]float32 // the first of terms slices
	terms, at     int
	coefs, bias   *float32
	place, period int
	blocks        int
}

func linAVX2(y []float32, xs [][]float32, at int, coefs, bias []float32) {
	n, period := len(y)/32*32, len(bias)
	if len(xs) == 0 || n == 0 {
		portableLin(y, xs, at, coefs, bias)
		return
	}
	for _, x := range xs {
		_ = x[at : at+len(y)]
	}
	_ = coefs[:len(xs)*period]
	// Large tensors often lie so that the same places of all are in one set of the
	// fastest cache: more than a few of them at a time push each other out.
	const streams = 8
	if len(xs) <= streams {
		linBlocks(&linArgs{y: &y[0], xs: &xs[0], terms: len(xs), at: 4 * at, coefs: &coefs[0], bias: &bias[0], period: 4 * period, blocks: n / 32})
	} else {
		linPieces(y[:n], xs, at, coefs, bias, streams)
	}
	linFrom(y, n, xs, at, coefs, bias)
}

// linPieces takes so many terms at a time through a piece of y that stays in cache.
func linPieces(y []float32, xs [][]float32, at int, coefs, bias []float32, streams int) {
	const piece = 1024
	var sums [piece]float32
	period := len(bias)
	for lo := 0; lo < len(y); lo += piece {
		a := linArgs{at: 4 * (at + lo), bias: &bias[0], place: 4 * (lo % period), period: 4 * period, blocks: min(piece, len(y)-lo) / 32}
		for k := 0; k < len(xs); k += streams {
			a.y, a.xs, a.terms, a.coefs = &y[lo], &xs[k], len(xs)-k, &coefs[k*period]
			if a.terms > streams {
				a.y, a.terms = &sums[0], streams
			}
			linBlocks(&a)
			a.acc = &sums[0]
		}
	}
}

func normAVX2(y, x, mean, rstd []float32) {
	n, period := len(x)/32*32, len(mean)
	y, rstd = y[:len(x)], rstd[:period]
	if n > 0 {
		normBlocks(&y[0], &x[0], &mean[0], &rstd[0], 4*period, n/32)
	}
	if n < len(x) { // the rest, of less than 32 elements, lies in one period
		place := n % period
		portableNorm(y[n:], x[n:], mean[place:], rstd[place:])
	}
}

func bnGradAVX2(y, g, x, meanG, meanGX, rstd []float32) {
	n, period := len(g)/32*32, len(rstd)
	y, x, meanG, meanGX = y[:len(g)], x[:len(g)], meanG[:period], meanGX[:period]
	if n > 0 {
		bnGradBlocks(&y[0], &g[0], &x[0], &meanG[0], &meanGX[0], &rstd[0], 4*period, n/32)
	}
	if n < len(g) {
		place := n % period
		portableBNGrad(y[n:], g[n:], x[n:], meanG[place:], meanGX[place:], rstd[place:])
	}
}

func sgdAVX2(w, g, buf []float32, s *sgd[float32]) {
	n := len(w) / 32 * 32
	g = g[:len(w)]
	if buf == nil {
		if n > 0 {
			sgdBlocks(&w[0], &g[0], nil, n/32, s.clip, s.decay, s.gradRate, s.momentum, s.bufRate)
		}
		portableSGD(w[n:], g[n:], nil, s)
		return
	}
	buf = buf[:len(w)]
	if n > 0 {
		sgdBlocks(&w[0], &g[0], &buf[0], n/32, s.clip, s.decay, s.gradRate, s.momentum, s.bufRate)
	}
	portableSGD(w[n:], g[n:], buf[n:], s)
}

// laneOffsets says where the lanes 8.., 16.. and 24.. of a block begin, in bytes from
// the first, how far all step, and how far ahead products ask memory for numbers and
// their factors.
type laneOffsets struct{ second, third, fourth, step, ahead, aheadY int }

// vectors has those of a block of so many pixels of c channels; ok is false where 8 lanes
// are not neighbours.
func vectors(c, width, pixels int) (at laneOffsets, ok bool) {
	// After this block come those beside it; new are only the pixels of the next tile.
	at.ahead = 4 * c * pixels
	at.aheadY = at.ahead
	if width == c { // x is one stream; y may be one more than the processor follows
		at.ahead, at.aheadY = 0, 1024
	}
	at.second, at.third, at.fourth, at.step = 32, 64, 96, 4*c*(32/width)
	switch {
	case width == 32 || width == c: // one after another
	case width == 16:
		at.third, at.fourth = 4*c, 4*c+32
	case width == 8:
		at.second, at.third, at.fourth = 4*c, 8*c, 12*c
	default:
		return at, false
	}
	return at, true
}

// narrowLanes is the argument of the sums over blocks of 4, 2 or 1 channels, whose pixels
// lie step bytes apart; y are factors or means.
type narrowLanes struct {
	acc          *lanes[float32]
	x, y         *float32
	step, rounds int
}

func sumAVX2(acc *lanes[float32], x []float32, c, width, pixels int) {
	side := 32 / width
	rounds := pixels / side
	if rounds == 0 {
		portableSum(acc, x, c, width, pixels)
		return
	}
	_ = x[(pixels-1)*c+width-1]
	if at, ok := vectors(c, width, pixels); ok {
		sumLanes(acc, &x[0], &at, rounds)
	} else {
		a := narrowLanes{acc, &x[0], nil, 4 * c, rounds}
		switch width {
		case 4:
			sumQuads(&a)
		case 2:
			sumPairs(&a)
		default:
			sumSingles(&a)
		}
	}
	for p := rounds * side; p < pixels; p++ {
		for k := range width {
			acc[p%side*width+k] += x[p*c+k]
		}
	}
}

func dotAVX2(acc *lanes[float32], x, y []float32, c, width, pixels int) {
	side := 32 / width
	rounds := pixels / side
	if rounds == 0 {
		portableDot(acc, x, y, c, width, pixels)
		return
	}
	_, _ = x[(pixels-1)*c+width-1], y[(pixels-1)*c+width-1]
	if at, ok := vectors(c, width, pixels); ok {
		dotLanes(acc, &x[0], &y[0], &at, rounds)
	} else {
		a := narrowLanes{acc, &x[0], &y[0], 4 * c, rounds}
		switch width {
		case 4:
			dotQuads(&a)
		case 2:
			dotPairs(&a)
		default:
			dotSingles(&a)
		}
	}
	for p := rounds * side; p < pixels; p++ {
		addProducts(acc[p%side*width:][:width], x[p*c:], y[p*c:])
	}
}

func squareAVX2(acc *lanes[float32], x []float32, mean *lanes[float32], c, width, pixels int) {
	side := 32 / width
	rounds := pixels / side
	if rounds == 0 {
		portableSquare(acc, x, mean, c, width, pixels)
		return
	}
	_ = x[(pixels-1)*c+width-1]
	if at, ok := vectors(c, width, pixels); ok {
		squareLanes(acc, &x[0], mean, &at, rounds)
	} else {
		a := narrowLanes{acc, &x[0], &mean[0], 4 * c, rounds}
		switch width {
		case 4:
			squareQuads(&a)
		case 2:
			squarePairs(&a)
		default:
			squareSingles(&a)
		}
	}
	for p := rounds * side; p < pixels; p++ {
		for k := range width {
			lane := p%side*width + k
			d := x[p*c+k] - mean[lane]
			acc[lane] = fma(d, d, acc[lane])
		}
	}
}

func foldAVX2(into []float64, acc *lanes[float32], width int) {
	if width < 4 {
		portableFold(into, acc, width)
		return
	}
	foldLanes(&into[:width][0], acc, width)
}

func meansAVX2(mean *lanes[float32], sums []float64, n float64, width int) {
	if width < 4 {
		portableMeans(mean, sums, n, width)
		return
	}
	meanLanes(mean, &sums[:width][0], n, width)
	repeat(mean[:], mean[:width])
}

func fetchAMD64(x []float32, after, n int) {
	fetchLines(&x[0], 4*after, (4*n+line-1)/line)
}
