package cpu

// kernels are the loops in which the time goes. A processor may bring its own
// version of any of them, which must give the same bits as the portable one: each
// result is computed by the same roundings in the same order.
type kernels[T Float] struct {
	// conv computes rows x pixels results times oc channels:
	//
	//	dst[r·dstRow + p·dstStep + o] = Σ_t Σ_j src[r·srcRow + p·srcStep + offs[t] + j] · w[(t·run + j)·wStep + o],  j < run
	//
	// each sum from zero, in the order of t and then of j; add means that it is
	// added to what is there. Offsets ascend.
	conv func(dst []T, dstRow, dstStep int, src []T, srcRow, srcStep int, offs []int, run int, w []T, wStep, rows, pixels, oc int, add bool)
	// depth is the same for depthwise convolution, channel by channel:
	//
	//	dst[r·dstRow + p·dstStep + k] = Σ_t src[r·srcRow + p·srcStep + offs[t] + k] · w[t·c + k],  k < c
	depth func(dst []T, dstRow, dstStep int, src []T, srcRow, srcStep int, offs []int, w []T, rows, pixels, c int, add bool)
	// convWeight adds to the gradient of weights, over a block of rows x cols pixels:
	//
	//	dw[i·dwStep + o] += Σ_r Σ_q x[r·xRow + q·xStep + i] · dy[r·dyRow + q·dyStep + o],  i < ic, o < oc
	//
	// each sum from zero, in the order of r and then of q.
	convWeight func(dw []T, dwStep int, x []T, xRow, xStep int, dy []T, dyRow, dyStep, rows, cols, ic, oc int)
	// depthWeight is the same for depthwise convolution, for taps that lie xTap apart:
	//
	//	dw[t·c + k] += Σ_r Σ_q x[r·xRow + q·xStep + t·xTap + k] · dy[r·dyRow + q·dyStep + k],  t < taps, k < c
	depthWeight func(dw []T, taps int, x []T, xTap, xRow, xStep int, dy []T, dyRow, dyStep, rows, cols, c int)

	// maxIndex finds, for rows x pixels results of c channels, the first of the
	// largest among what they meet, and writes places[t] of that t:
	//
	//	src[r·srcRow + p·srcStep + offs[t] + k],  k < c
	maxIndex func(dst []T, dstRow, dstStep int, src []T, srcRow, srcStep int, offs []int, places []T, rows, pixels, c int)
	// maxGather writes the src whose place is the result's index, else 0. The index
	// lies as dst does.
	maxGather func(dst []T, dstRow, dstStep int, index, src []T, srcRow, srcStep int, offs []int, places []T, rows, pixels, c int)
	// maxScatter writes the sum of those src, from zero in the order of t, whose
	// index is places[t]. The index lies as src does.
	maxScatter func(dst []T, dstRow, dstStep int, index, src []T, srcRow, srcStep int, offs []int, places []T, rows, pixels, c int)

	// sum, dot and square add up channels in lanes, see [lanes].
	sum    func(acc *lanes[T], x []T, c, width, pixels int)
	dot    func(acc *lanes[T], x, y []T, c, width, pixels int)
	square func(acc *lanes[T], x []T, mean *lanes[T], c, width, pixels int) // (x − mean)²

	// Passes over contiguous memory. Vectors of coefficients have a period that
	// is a multiple of 32 elements, and repeat; y may be any of the arguments.
	relu     func(y, x []T)                                 // max(x, 0)
	reluMask func(y, x, g []T)                              // g where x > 0
	add      func(y, a, b []T)                              // a + b
	sum3     func(y, a, b, c []T)                           // (a + b) + c
	mul      func(y, a, b []T)                              // a·b
	axpy     func(y, x []T, a T)                            // y + a·x
	lin      func(y []T, xs [][]T, at int, coefs, bias []T) // bias + Σ_k coefs_k · xs[k][at:]
	norm     func(y, x, mean, rstd []T)                     // (x − mean)·rstd
	bnGrad   func(y, g, x, meanG, meanGX, rstd []T)         // rstd·((g − meanG) − x·meanGX)
}

func portable[T Float]() *kernels[T] {
	return &kernels[T]{
		conv: portableConv[T], depth: portableDepth[T], convWeight: portableConvWeight[T], depthWeight: portableDepthWeight[T],
		maxIndex: portableMaxIndex[T], maxGather: portableMaxGather[T], maxScatter: portableMaxScatter[T],
		sum: portableSum[T], dot: portableDot[T], square: portableSquare[T],
		relu: portableReLU[T], reluMask: portableReLUMask[T], add: portableAdd[T], sum3: portableSum3[T], mul: portableMul[T], axpy: portableAxpy[T],
		lin: portableLin[T], norm: portableNorm[T], bnGrad: portableBNGrad[T],
	}
}

// native is portable with the loops replaced that this processor has better ones for.
func native[T Float]() *kernels[T] {
	in := portable[T]()
	if single, ok := any(in).(*kernels[float32]); ok {
		if all := instructionSets(); len(all) > 0 {
			all[len(all)-1](single)
		}
	}
	return in
}

func portableConv[T Float](dst []T, dstRow, dstStep int, src []T, srcRow, srcStep int, offs []int, run int, w []T, wStep, rows, pixels, oc int, add bool) {
	for r := range rows {
		from := src
		if len(offs) > 0 {
			from = src[r*srcRow:]
		}
		portableConvRow(dst[r*dstRow:], dstStep, from, srcStep, offs, run, w, wStep, pixels, oc, add)
	}
}

// portableConvRow keeps 2 pixels x 4 channels in registers, and finishes with smaller tiles.
func portableConvRow[T Float](dst []T, dstStep int, src []T, srcStep int, offs []int, run int, w []T, wStep, pixels, oc int, add bool) {
	o := 0
	for ; o+4 <= oc; o += 4 {
		p := 0
		for ; p+2 <= pixels; p += 2 {
			var acc [8]T
			at := o
			for _, off := range offs {
				conv2x4(&acc, src[off+p*srcStep:][:run], src[off+(p+1)*srcStep:][:run], w[at:], wStep)
				at += run * wStep
			}
			put4((*[4]T)(dst[p*dstStep+o:]), [4]T(acc[:4]), add)
			put4((*[4]T)(dst[(p+1)*dstStep+o:]), [4]T(acc[4:]), add)
		}
		for ; p < pixels; p++ {
			var acc [4]T
			at := o
			for _, off := range offs {
				conv1x4(&acc, src[off+p*srcStep:][:run], w[at:], wStep)
				at += run * wStep
			}
			put4((*[4]T)(dst[p*dstStep+o:]), acc, add)
		}
	}
	for ; o < oc; o++ {
		for p := range pixels {
			acc, at := T(0), o
			for _, off := range offs {
				for _, x := range src[off+p*srcStep:][:run] {
					acc += T(x * w[at])
					at += wStep
				}
			}
			if add {
				acc += dst[p*dstStep+o]
			}
			dst[p*dstStep+o] = acc
		}
	}
}

// put4 writes sums, or adds what is there and writes them.
func put4[T Float](dst *[4]T, sums [4]T, add bool) {
	if add {
		for k := range sums {
			sums[k] += dst[k]
		}
	}
	*dst = sums
}

func conv2x4[T Float](acc *[8]T, x, y []T, w []T, wStep int) {
	a0, a1, a2, a3, b0, b1, b2, b3 := acc[0], acc[1], acc[2], acc[3], acc[4], acc[5], acc[6], acc[7]
	y = y[:len(x)]
	for j, x := range x {
		y, w4 := y[j], (*[4]T)(w)
		a0 += T(x * w4[0])
		b0 += T(y * w4[0])
		a1 += T(x * w4[1])
		b1 += T(y * w4[1])
		a2 += T(x * w4[2])
		b2 += T(y * w4[2])
		a3 += T(x * w4[3])
		b3 += T(y * w4[3])
		w = w[min(wStep, len(w)):]
	}
	*acc = [8]T{a0, a1, a2, a3, b0, b1, b2, b3}
}

func conv1x4[T Float](acc *[4]T, x []T, w []T, wStep int) {
	a0, a1, a2, a3 := acc[0], acc[1], acc[2], acc[3]
	for _, x := range x {
		w4 := (*[4]T)(w)
		a0 += T(x * w4[0])
		a1 += T(x * w4[1])
		a2 += T(x * w4[2])
		a3 += T(x * w4[3])
		w = w[min(wStep, len(w)):]
	}
	*acc = [4]T{a0, a1, a2, a3}
}

func portableDepth[T Float](dst []T, dstRow, dstStep int, src []T, srcRow, srcStep int, offs []int, w []T, rows, pixels, c int, add bool) {
	for r := range rows {
		from := src
		if len(offs) > 0 {
			from = src[r*srcRow:]
		}
		portableDepthRow(dst[r*dstRow:], dstStep, from, srcStep, offs, w, pixels, c, add)
	}
}

func portableDepthRow[T Float](dst []T, dstStep int, src []T, srcStep int, offs []int, w []T, pixels, c int, add bool) {
	for p := range pixels {
		if len(offs) == 0 {
			if !add {
				clear(dst[p*dstStep:][:c])
			}
			continue
		}
		k := 0
		for ; k+4 <= c; k += 4 {
			var a0, a1, a2, a3 T
			for t, off := range offs {
				x, w := (*[4]T)(src[off+p*srcStep+k:]), (*[4]T)(w[t*c+k:])
				a0 += T(x[0] * w[0])
				a1 += T(x[1] * w[1])
				a2 += T(x[2] * w[2])
				a3 += T(x[3] * w[3])
			}
			put4((*[4]T)(dst[p*dstStep+k:]), [4]T{a0, a1, a2, a3}, add)
		}
		for ; k < c; k++ {
			acc := T(0)
			for t, off := range offs {
				acc += T(src[off+p*srcStep+k] * w[t*c+k])
			}
			if add {
				acc += dst[p*dstStep+k]
			}
			dst[p*dstStep+k] = acc
		}
	}
}

// portableConvWeight keeps 2 x 4 weights in registers, and finishes with smaller tiles.
func portableConvWeight[T Float](dw []T, dwStep int, x []T, xRow, xStep int, dy []T, dyRow, dyStep, rows, cols, ic, oc int) {
	o := 0
	for ; o+4 <= oc; o += 4 {
		i := 0
		for ; i+2 <= ic; i += 2 {
			var acc [8]T
			for r := range rows {
				weight2x4(&acc, x[r*xRow+i:], xStep, dy[r*dyRow+o:], dyStep, cols)
			}
			a, b := (*[4]T)(dw[i*dwStep+o:]), (*[4]T)(dw[(i+1)*dwStep+o:])
			for k := range 4 {
				a[k] += acc[k]
				b[k] += acc[4+k]
			}
		}
		for ; i < ic; i++ {
			var a0, a1, a2, a3 T
			for r := range rows {
				for q := range cols {
					x, g := x[r*xRow+q*xStep+i], (*[4]T)(dy[r*dyRow+q*dyStep+o:])
					a0 += T(x * g[0])
					a1 += T(x * g[1])
					a2 += T(x * g[2])
					a3 += T(x * g[3])
				}
			}
			a := (*[4]T)(dw[i*dwStep+o:])
			a[0] += a0
			a[1] += a1
			a[2] += a2
			a[3] += a3
		}
	}
	for ; o < oc; o++ {
		for i := range ic {
			acc := T(0)
			for r := range rows {
				for q := range cols {
					acc += T(x[r*xRow+q*xStep+i] * dy[r*dyRow+q*dyStep+o])
				}
			}
			dw[i*dwStep+o] += acc
		}
	}
}

func weight2x4[T Float](acc *[8]T, x []T, xStep int, dy []T, dyStep, cols int) {
	a0, a1, a2, a3, b0, b1, b2, b3 := acc[0], acc[1], acc[2], acc[3], acc[4], acc[5], acc[6], acc[7]
	for range cols {
		x2, g := (*[2]T)(x), (*[4]T)(dy)
		a0 += T(x2[0] * g[0])
		b0 += T(x2[1] * g[0])
		a1 += T(x2[0] * g[1])
		b1 += T(x2[1] * g[1])
		a2 += T(x2[0] * g[2])
		b2 += T(x2[1] * g[2])
		a3 += T(x2[0] * g[3])
		b3 += T(x2[1] * g[3])
		x, dy = x[min(xStep, len(x)):], dy[min(dyStep, len(dy)):]
	}
	*acc = [8]T{a0, a1, a2, a3, b0, b1, b2, b3}
}

func portableDepthWeight[T Float](dw []T, taps int, x []T, xTap, xRow, xStep int, dy []T, dyRow, dyStep, rows, cols, c int) {
	for t := range taps {
		portableDepthTap(dw[t*c:], x[t*xTap:], xRow, xStep, dy, dyRow, dyStep, rows, cols, c)
	}
}

func portableDepthTap[T Float](dw []T, x []T, xRow, xStep int, dy []T, dyRow, dyStep, rows, cols, c int) {
	k := 0
	for ; k+4 <= c; k += 4 {
		var a0, a1, a2, a3 T
		for r := range rows {
			for q := range cols {
				x, g := (*[4]T)(x[r*xRow+q*xStep+k:]), (*[4]T)(dy[r*dyRow+q*dyStep+k:])
				a0 += T(x[0] * g[0])
				a1 += T(x[1] * g[1])
				a2 += T(x[2] * g[2])
				a3 += T(x[3] * g[3])
			}
		}
		d := (*[4]T)(dw[k:])
		d[0] += a0
		d[1] += a1
		d[2] += a2
		d[3] += a3
	}
	for ; k < c; k++ {
		acc := T(0)
		for r := range rows {
			for q := range cols {
				acc += T(x[r*xRow+q*xStep+k] * dy[r*dyRow+q*dyStep+k])
			}
		}
		dw[k] += acc
	}
}

// run joins the pixels of a row to one when they lie side by side.
func run(dstStep, srcStep, pixels, c int) (int, int) {
	if dstStep == c && srcStep == c {
		return 1, pixels * c
	}
	return pixels, c
}

func portableMaxIndex[T Float](dst []T, dstRow, dstStep int, src []T, srcRow, srcStep int, offs []int, places []T, rows, pixels, c int) {
	pixels, c = run(dstStep, srcStep, pixels, c)
	var largest [64]T
	for r := range rows {
		for p := range pixels {
			for k := 0; k < c; k += len(largest) {
				src := src[r*srcRow+p*srcStep+k:]
				best := largest[:copy(largest[:min(len(largest), c-k)], src[offs[0]:])]
				dst := dst[r*dstRow+p*dstStep+k:][:len(best)]
				for k := range dst {
					dst[k] = places[0]
				}
				for t := 1; t < len(offs); t++ {
					place := places[t]
					for k, v := range src[offs[t]:][:len(best)] {
						if v > best[k] {
							best[k], dst[k] = v, place
						}
					}
				}
			}
		}
	}
}

func portableMaxGather[T Float](dst []T, dstRow, dstStep int, index, src []T, srcRow, srcStep int, offs []int, places []T, rows, pixels, c int) {
	pixels, c = run(dstStep, srcStep, pixels, c)
	for r := range rows {
		for p := range pixels {
			at := r*dstRow + p*dstStep
			dst, index := dst[at:][:c], index[at:][:c]
			clear(dst)
			for t, off := range offs {
				src, place := src[r*srcRow+p*srcStep+off:][:c], places[t]
				for k, v := range index {
					if v == place {
						dst[k] = src[k]
					}
				}
			}
		}
	}
}

func portableMaxScatter[T Float](dst []T, dstRow, dstStep int, index, src []T, srcRow, srcStep int, offs []int, places []T, rows, pixels, c int) {
	pixels, c = run(dstStep, srcStep, pixels, c)
	for r := range rows {
		for p := range pixels {
			dst := dst[r*dstRow+p*dstStep:][:c]
			clear(dst)
			for t, off := range offs {
				at := r*srcRow + p*srcStep + off
				src, place := src[at:][:c], places[t]
				for k, v := range index[at:][:c] {
					if v == place {
						dst[k] += src[k]
					}
				}
			}
		}
	}
}

func portableReLU[T Float](y, x []T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = max(v, 0)
	}
}

func portableReLUMask[T Float](y, x, g []T) {
	y, g = y[:len(x)], g[:len(x)]
	for i, v := range x {
		s := g[i]
		if !(v > 0) {
			s = 0
		}
		y[i] = s
	}
}

func portableAdd[T Float](y, a, b []T) {
	y, b = y[:len(a)], b[:len(a)]
	for i, v := range a {
		y[i] = v + b[i]
	}
}

func portableSum3[T Float](y, a, b, c []T) {
	y, b, c = y[:len(a)], b[:len(a)], c[:len(a)]
	for i, v := range a {
		y[i] = v + b[i] + c[i]
	}
}

func portableMul[T Float](y, a, b []T) {
	y, b = y[:len(a)], b[:len(a)]
	for i, v := range a {
		y[i] = v * b[i]
	}
}

func portableAxpy[T Float](y, x []T, a T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += T(a * v)
	}
}

func portableLin[T Float](y []T, xs [][]T, at int, coefs, bias []T) {
	period := len(bias)
	for from := 0; from < len(y); from += 32 {
		place := from % period
		acc := [32]T(bias[place:])
		n := min(32, len(y)-from)
		for k, x := range xs {
			a := (*[32]T)(coefs[k*period+place:])
			for i, v := range x[at+from:][:n] {
				acc[i&31] += T(a[i&31] * v)
			}
		}
		copy(y[from:], acc[:n])
	}
}

func portableNorm[T Float](y, x, mean, rstd []T) {
	period := len(mean)
	for base := 0; base < len(x); base += period {
		x := x[base:min(base+period, len(x))]
		y, mean, rstd := y[base:][:len(x)], mean[:len(x)], rstd[:len(x)]
		for i, v := range x {
			y[i] = (v - mean[i]) * rstd[i]
		}
	}
}

func portableBNGrad[T Float](y, g, x, meanG, meanGX, rstd []T) {
	period := len(rstd)
	for base := 0; base < len(g); base += period {
		g := g[base:min(base+period, len(g))]
		y, x := y[base:][:len(g)], x[base:][:len(g)]
		meanG, meanGX, rstd := meanG[:len(g)], meanGX[:len(g)], rstd[:len(g)]
		for i, v := range g {
			y[i] = rstd[i] * ((v - meanG[i]) - T(x[i]*meanGX[i]))
		}
	}
}
