package cpu

// The kernels of convolutions, for every processor. Sums of a few pixels by a few
// channels are kept in registers, as far as the compiler does so.

func portableConv[T Float](g *convGeometry, dst, src, w []T, rows, pixels int, add bool) {
	for r := range rows {
		from := src
		if len(g.starts) > 0 {
			from = src[r*g.src.row:]
		}
		portableConvRow(g, dst[r*g.dst.row:], from, w, pixels, add)
	}
}

// portableConvRow has tiles of 2 pixels x 4 channels, and finishes with smaller ones.
func portableConvRow[T Float](g *convGeometry, dst, src, w []T, pixels int, add bool) {
	o, step := 0, g.src.pixel
	for ; o+4 <= g.channels; o += 4 {
		p := 0
		for ; p+2 <= pixels; p += 2 {
			var acc [8]T
			at := o
			for _, off := range g.starts {
				conv2x4(&acc, src[off+p*step:][:g.runLen], src[off+(p+1)*step:][:g.runLen], w[at:], g.wStep)
				at += g.wRun
			}
			put4((*[4]T)(dst[p*g.dst.pixel+o:]), [4]T(acc[:4]), add)
			put4((*[4]T)(dst[(p+1)*g.dst.pixel+o:]), [4]T(acc[4:]), add)
		}
		for ; p < pixels; p++ {
			var acc [4]T
			at := o
			for _, off := range g.starts {
				conv1x4(&acc, src[off+p*step:][:g.runLen], w[at:], g.wStep)
				at += g.wRun
			}
			put4((*[4]T)(dst[p*g.dst.pixel+o:]), acc, add)
		}
	}
	for ; o < g.channels; o++ {
		for p := range pixels {
			acc, at := T(0), o
			for _, off := range g.starts {
				for j, x := range src[off+p*step:][:g.runLen] {
					acc += T(x * w[at+j*g.wStep])
				}
				at += g.wRun
			}
			if add {
				acc += dst[p*g.dst.pixel+o]
			}
			dst[p*g.dst.pixel+o] = acc
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

func portableDepthwise[T Float](g *convGeometry, dst, src, w []T, rows, pixels int, add bool) {
	if len(g.starts) == 0 {
		if !add {
			clearPixels(g, dst, rows, pixels)
		}
		return
	}
	for r := range rows {
		portableDepthwiseRow(g, dst[r*g.dst.row:], src[r*g.src.row:], w, pixels, add)
	}
}

// clearPixels is for results that meet no tap.
func clearPixels[T Float](g *convGeometry, dst []T, rows, pixels int) {
	c, step := g.channels, g.dst.pixel
	for r := range rows {
		dst := dst[r*g.dst.row:]
		for p := range pixels {
			clear(dst[p*step:][:c])
		}
	}
}

func portableDepthwiseRow[T Float](g *convGeometry, dst, src, w []T, pixels int, add bool) {
	c, step, starts, wStep := g.channels, g.src.pixel, g.starts, g.wStep
	for p := range pixels {
		dst := dst[p*g.dst.pixel:]
		k := 0
		for ; k+4 <= c; k += 4 {
			var a0, a1, a2, a3 T
			for t, off := range starts {
				x, w := (*[4]T)(src[off+p*step+k:]), (*[4]T)(w[t*wStep+k:])
				a0 += T(x[0] * w[0])
				a1 += T(x[1] * w[1])
				a2 += T(x[2] * w[2])
				a3 += T(x[3] * w[3])
			}
			put4((*[4]T)(dst[k:]), [4]T{a0, a1, a2, a3}, add)
		}
		for ; k < c; k++ {
			acc := T(0)
			for t, off := range starts {
				acc += T(src[off+p*step+k] * w[t*wStep+k])
			}
			if add {
				acc += dst[k]
			}
			dst[k] = acc
		}
	}
}
