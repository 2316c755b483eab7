package cpu

// window is the geometry of a pooling operator on images [h,w,c] with results
// [oh,ow,c].
type window struct {
	kh, kw, stride, pad  int
	h, w, c, oh, ow, img int // img: elements of an image
}

func (p *plan[T]) window(image, result [4]int) window {
	a := p.attr
	return window{a.KH, a.KW, a.Stride, a.Pad, image[1], image[2], image[3], result[1], result[2], image[1] * image[2] * image[3]}
}

// span is the part from..to of the window at output row or column o that lies
// inside a side of n pixels, as taps, and the pixel of tap 0.
func (w *window) span(o, k, n int) (first, from, to int) {
	first = o*w.stride - w.pad
	return first, max(0, -first), min(k, n-first)
}

// boxed says that the window is 3x3 with stride 1 and padding 1, which has a
// faster way: sums of rows, then of columns.
func (w *window) boxed() bool {
	return w.kh == 3 && w.kw == 3 && w.stride == 1 && w.pad == 1 && w.h > 1 && w.w > 1
}

func planAvgPool[T Float](p *plan[T]) {
	w, x, y, in := p.window(p.xs[0], p.ys), p.x[0], p.y, p.inner
	out := w.oh * w.ow * w.c
	if w.boxed() {
		rows := p.perWorker(w.w * w.c)
		p.stage(p.xs[0][0], 3*len(x), func(n, worker int) {
			box(in, &w, y[n*out:(n+1)*out], x[n*w.img:(n+1)*w.img], rows[worker], true)
		})
		return
	}
	p.stage(p.xs[0][0], w.kh*w.kw*len(y), func(n, _ int) {
		x, y := x[n*w.img:(n+1)*w.img], y[n*out:(n+1)*out]
		for oh := range w.oh {
			h, h0, h1 := w.span(oh, w.kh, w.h)
			for ow := range w.ow {
				v, v0, v1 := w.span(ow, w.kw, w.w)
				dst := y[(oh*w.ow+ow)*w.c:][:w.c]
				clear(dst)
				for kh := h0; kh < h1; kh++ {
					for kw := v0; kw < v1; kw++ {
						src := x[((h+kh)*w.w+v+kw)*w.c:][:w.c]
						for k, v := range src {
							dst[k] += v
						}
					}
				}
				scale := 1 / T((h1-h0)*(v1-v0))
				for k := range dst {
					dst[k] *= scale
				}
			}
		}
	})
}

func planAvgPoolGrad[T Float](p *plan[T]) {
	w, g, y, in := p.window(p.ys, p.xs[0]), p.x[0], p.y, p.inner
	out := w.oh * w.ow * w.c
	if w.boxed() {
		// The same box sums, of g divided by the sizes of its windows.
		rows, images := p.perWorker(w.w*w.c), p.perWorker(w.img)
		p.stage(p.ys[0], 4*len(y), func(n, worker int) {
			scaled, g := images[worker], g[n*out:(n+1)*out]
			for r := range w.h {
				_, h0, h1 := w.span(r, 3, w.h)
				wide, narrow := 1/T((h1-h0)*3), 1/T((h1-h0)*2)
				at := r * w.w * w.c
				from, to := g[at:at+w.w*w.c], scaled[at:at+w.w*w.c]
				edge := len(from) - w.c
				for i := range w.c {
					to[i] = from[i] * narrow
					to[edge+i] = from[edge+i] * narrow
				}
				for i := w.c; i < edge; i++ {
					to[i] = from[i] * wide
				}
			}
			box(in, &w, y[n*w.img:(n+1)*w.img], scaled, rows[worker], false)
		})
		return
	}
	p.stage(p.ys[0], w.kh*w.kw*len(g), func(n, _ int) {
		y, g := y[n*w.img:(n+1)*w.img], g[n*out:(n+1)*out]
		clear(y)
		for oh := range w.oh {
			h, h0, h1 := w.span(oh, w.kh, w.h)
			for ow := range w.ow {
				v, v0, v1 := w.span(ow, w.kw, w.w)
				src := g[(oh*w.ow+ow)*w.c:][:w.c]
				scale := 1 / T((h1-h0)*(v1-v0))
				for kh := h0; kh < h1; kh++ {
					for kw := v0; kw < v1; kw++ {
						dst := y[((h+kh)*w.w+v+kw)*w.c:][:w.c]
						for k, v := range src {
							dst[k] += T(v * scale)
						}
					}
				}
			}
		}
	})
}

// box sums the 3x3 neighbours of every pixel of one image, top to bottom and then
// left to right, and divides by their number if mean is set. row is workspace.
func box[T Float](in *inner[T], w *window, y, x, row []T, mean bool) {
	c, n := w.c, w.w*w.c
	for r := range w.h {
		rows := T(3)
		switch {
		case r == 0:
			in.add(row, x[:n], x[n:2*n])
			rows = 2
		case r == w.h-1:
			in.add(row, x[(r-1)*n:r*n], x[r*n:])
			rows = 2
		default:
			in.scaledSum(row, x[(r-1)*n:r*n], x[r*n:(r+1)*n], x[(r+1)*n:(r+2)*n], 1)
		}
		wide, narrow := T(1), T(1)
		if mean {
			wide, narrow = 1/(rows*3), 1/(rows*2)
		}
		dst := y[r*n : (r+1)*n]
		for i := range c {
			dst[i] = (row[i] + row[c+i]) * narrow
			dst[n-c+i] = (row[n-2*c+i] + row[n-c+i]) * narrow
		}
		in.scaledSum(dst[c:n-c], row[:n-2*c], row[c:n-c], row[2*c:], wide)
	}
}

func planMaxPoolIndex[T Float](p *plan[T]) {
	w, x, y := p.window(p.xs[0], p.ys), p.x[0], p.y
	best := p.perWorker(w.c)
	out := w.oh * w.ow * w.c
	p.stage(p.xs[0][0], 2*w.kh*w.kw*len(y), func(n, worker int) {
		x, y, best := x[n*w.img:(n+1)*w.img], y[n*out:(n+1)*out], best[worker]
		for oh := range w.oh {
			h, h0, h1 := w.span(oh, w.kh, w.h)
			for ow := range w.ow {
				v, v0, v1 := w.span(ow, w.kw, w.w)
				dst := y[(oh*w.ow+ow)*w.c:][:w.c]
				copy(best, x[((h+h0)*w.w+v+v0)*w.c:])
				for k := range dst {
					dst[k] = T(h0*w.kw + v0)
				}
				for kh := h0; kh < h1; kh++ {
					for kw := v0; kw < v1; kw++ {
						place := T(kh*w.kw + kw)
						for k, v := range x[((h+kh)*w.w+v+kw)*w.c:][:w.c] {
							if v > best[k] {
								best[k], dst[k] = v, place
							}
						}
					}
				}
			}
		}
	})
}

// winners calls f for each element of one image's results with the element of
// the image that its index points at, if that lies inside.
func winners[T Float](w *window, index []T, f func(result, element int)) {
	i := 0
	for oh := range w.oh {
		for ow := range w.ow {
			for k := range w.c {
				place := int(index[i])
				r, q := oh*w.stride-w.pad+place/w.kw, ow*w.stride-w.pad+place%w.kw
				if uint(r) < uint(w.h) && uint(q) < uint(w.w) {
					f(i, (r*w.w+q)*w.c+k)
				}
				i++
			}
		}
	}
}

func planMaxGather[T Float](p *plan[T]) {
	w, index, z, y := p.window(p.xs[1], p.ys), p.x[0], p.x[1], p.y
	out := w.oh * w.ow * w.c
	p.stage(p.ys[0], 4*len(y), func(n, _ int) {
		z, y := z[n*w.img:(n+1)*w.img], y[n*out:(n+1)*out]
		clear(y)
		winners(&w, index[n*out:(n+1)*out], func(result, element int) { y[result] = z[element] })
	})
}

func planMaxScatter[T Float](p *plan[T]) {
	w, index, g, y := p.window(p.ys, p.xs[0]), p.x[0], p.x[1], p.y
	out := w.oh * w.ow * w.c
	p.stage(p.ys[0], len(y)+4*len(g), func(n, _ int) {
		g, y := g[n*out:(n+1)*out], y[n*w.img:(n+1)*w.img]
		clear(y)
		winners(&w, index[n*out:(n+1)*out], func(result, element int) { y[element] += g[result] })
	})
}
