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
		columns, weights := p.perWorker(w.img), boxWeights[T](&w)
		p.stage(p.xs[0][0], 2*len(x), func(n, worker int) {
			y := y[n*w.img : (n+1)*w.img]
			box(in, &w, y, x[n*w.img:(n+1)*w.img], columns[worker])
			in.mul(y, y, weights)
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
		columns, scaled, weights := p.perWorker(w.img), p.perWorker(w.img), boxWeights[T](&w)
		p.stage(p.ys[0], 2*len(y), func(n, worker int) {
			in.mul(scaled[worker], g[n*w.img:(n+1)*w.img], weights)
			box(in, &w, y[n*w.img:(n+1)*w.img], scaled[worker], columns[worker])
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

// boxWeights is 1 over the size of each window, for every element of an image.
func boxWeights[T Float](w *window) []T {
	weights := make([]T, 0, w.img)
	for oh := range w.h {
		_, h0, h1 := w.span(oh, w.kh, w.h)
		for ow := range w.w {
			_, v0, v1 := w.span(ow, w.kw, w.w)
			for range w.c {
				weights = append(weights, 1/T((h1-h0)*(v1-v0)))
			}
		}
	}
	return weights
}

// box sums the 3x3 neighbours of every pixel of one image, top to bottom and then
// left to right. columns is workspace for an image.
func box[T Float](in *inner[T], w *window, y, x, columns []T) {
	c, n, last := w.c, w.w*w.c, (w.h-1)*w.w*w.c
	in.add(columns[:n], x[:n], x[n:2*n])
	in.sum3(columns[n:last], x[:last-n], x[n:last], x[2*n:])
	in.add(columns[last:], x[last-n:last], x[last:])
	// Sums across the ends of rows are wrong, and put right afterwards.
	in.sum3(y[c:w.img-c], columns[:w.img-2*c], columns[c:w.img-c], columns[2*c:])
	for left := 0; left < w.img; left += n {
		right := left + n - c
		for i := range c {
			y[left+i] = columns[left+i] + columns[left+c+i]
			y[right+i] = columns[right-c+i] + columns[right+i]
		}
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
