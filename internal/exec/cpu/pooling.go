package cpu

// window is the geometry of a pooling operator on images [h,w,c] with results
// [oh,ow,c].
type window struct {
	kh, kw, stride, pad int
	h, w, c, oh, ow     int
	img, out            int // elements of an image and of its results
}

// pooling is a window with what its kernels need to know. Instructions of one
// geometry share it.
type pooling[T Float] struct {
	window
	forward  *patches[T] // results, which meet pixels of the image
	backward *patches[T] // pixels, which meet results: one set for each residue of rows and columns, as in [planConvInput]
	shares   []T         // 1 over the size of each window, for every element of an image of results
	ones     []T         // weights of a depthwise convolution that only adds
}

func (p *plan[T]) pooling(image, result [4]int) *pooling[T] {
	a := p.attr
	w := window{kh: a.KH, kw: a.KW, stride: a.Stride, pad: a.Pad, h: image[1], w: image[2], c: image[3], oh: result[1], ow: result[2],
		img: image[1] * image[2] * image[3], out: result[1] * result[2] * result[3]}
	if known := p.poolings[w]; known != nil {
		return known
	}
	s := &pooling[T]{window: w, ones: make([]T, w.kh*w.kw*w.c)}
	for i := range s.ones {
		s.ones[i] = 1
	}
	for oh := range w.oh {
		for ow := range w.ow {
			share := 1 / T(w.span(oh, w.kh, w.h)*w.span(ow, w.kw, w.w))
			for range w.c {
				s.shares = append(s.shares, share)
			}
		}
	}
	axis := func(k int) (taps, at []int) {
		for tap := range k {
			taps, at = append(taps, tap), append(at, tap-w.pad)
		}
		return taps, at
	}
	khs, rows := axis(w.kh)
	kws, cols := axis(w.kw)
	s.forward = &patches[T]{dstRow: w.ow * w.c, dstStep: w.c, srcRow: w.stride * w.w * w.c, srcStep: w.stride * w.c}
	s.forward.add(&w, 0, w.oh, w.ow, w.stride, w.h, w.w, rows, khs, cols, kws)
	s.backward = &patches[T]{dstRow: w.stride * w.w * w.c, dstStep: w.stride * w.c, srcRow: w.ow * w.c, srcStep: w.c}
	for rh := range min(w.stride, w.h) {
		khs, rows := residue(rh, w.kh, a)
		for rw := range min(w.stride, w.w) {
			kws, cols := residue(rw, w.kw, a)
			s.backward.add(&w, (rh*w.w+rw)*w.c, (w.h-rh-1)/w.stride+1, (w.w-rw-1)/w.stride+1, 1, w.oh, w.ow, rows, khs, cols, kws)
		}
	}
	p.poolings[w] = s
	return s
}

// span is how many taps of the window at output row or column o lie inside a side
// of n pixels.
func (w *window) span(o, k, n int) int {
	first := o*w.stride - w.pad
	return min(k, n-first) - max(0, -first)
}

// boxed says that the window is 3x3 with stride 1 and padding 1, which has a
// faster way: sums of rows, then of columns.
func (w *window) boxed() bool {
	return w.kh == 3 && w.kw == 3 && w.stride == 1 && w.pad == 1 && w.h > 1 && w.w > 1
}

// taps are pixels of a source, as elements from the first one, ascending, with the
// place kh·KW + kw of each in its window.
type taps[T Float] struct {
	offs   []int
	places []T
}

// patch is a rectangle of results that meet the same taps: results at element dst
// of the image of results and on, the first tap of the first one at element src.
type patch[T Float] struct {
	taps[T]
	dst, src     int
	rows, pixels int
}

// patches are all results of an image. Rows and pixels of results lie dstRow and
// dstStep elements apart, what they meet srcRow and srcStep.
type patches[T Float] struct {
	list                             []patch[T]
	dstRow, dstStep, srcRow, srcStep int
}

// band is a run of results along an axis that meet the same taps, first..last-1 of
// those of the axis.
type band struct{ from, count, first, last int }

// meet cuts an axis of n results into bands. Result r meets tap t at pixel
// r·step + at[t] of the other side, if that is one of its pixels; at ascends.
func meet(n, step, pixels int, at []int) []band {
	var list []band
	for r := range n {
		first := 0
		for first < len(at) && r*step+at[first] < 0 {
			first++
		}
		last := first
		for last < len(at) && r*step+at[last] < pixels {
			last++
		}
		if end := len(list) - 1; end >= 0 && list[end].first == first && list[end].last == last {
			list[end].count++
			continue
		}
		list = append(list, band{r, 1, first, last})
	}
	return list
}

// add appends the patches of h x w results from element dst on, whose row and
// column taps lie at rows and cols and have the numbers khs and kws.
func (s *patches[T]) add(w *window, dst, h, wide, step, srcH, srcW int, rows, khs, cols, kws []int) {
	for _, r := range meet(h, step, srcH, rows) {
		for _, q := range meet(wide, step, srcW, cols) {
			p := patch[T]{dst: dst + r.from*s.dstRow + q.from*s.dstStep, rows: r.count, pixels: q.count}
			if r.first < r.last && q.first < q.last {
				p.src = ((r.from*step+rows[r.first])*srcW + q.from*step + cols[q.first]) * w.c
				for i := r.first; i < r.last; i++ {
					for j := q.first; j < q.last; j++ {
						p.offs = append(p.offs, ((rows[i]-rows[r.first])*srcW+cols[j]-cols[q.first])*w.c)
						p.places = append(p.places, T(khs[i]*w.kw+kws[j]))
					}
				}
			}
			s.list = append(s.list, p)
		}
	}
}

// sums adds up what each result meets, in the order of taps.
func (s *patches[T]) sums(in *kernels[T], dst, src, ones []T, c int) {
	for i := range s.list {
		p := &s.list[i]
		in.depth(dst[p.dst:], s.dstRow, s.dstStep, src[p.src:], s.srcRow, s.srcStep, p.offs, ones, p.rows, p.pixels, c, false)
	}
}

func planAvgPool[T Float](p *plan[T]) {
	w, x, y, in := p.pooling(p.xs[0], p.ys), p.x[0], p.y, p.kernels
	if w.boxed() {
		columns := p.perWorker(w.img)
		p.batch(p.ys[0], p.ys[0], 2*len(x), func(n, worker int) {
			y := y[n*w.img : (n+1)*w.img]
			box(in, &w.window, y, x[n*w.img:(n+1)*w.img], columns[worker])
			in.mul(y, y, w.shares)
		})
		return
	}
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(y), func(n, _ int) {
		y := y[n*w.out : (n+1)*w.out]
		w.forward.sums(in, y, x[n*w.img:(n+1)*w.img], w.ones, w.c)
		in.mul(y, y, w.shares)
	})
}

// planAvgPoolGrad adds up the shares of g that the windows give to each pixel.
func planAvgPoolGrad[T Float](p *plan[T]) {
	w, g, y, in := p.pooling(p.ys, p.xs[0]), p.x[0], p.y, p.kernels
	scaled := p.perWorker(w.out)
	if w.boxed() {
		columns := p.perWorker(w.img)
		p.batch(p.ys[0], p.ys[0], 2*len(y), func(n, worker int) {
			in.mul(scaled[worker], g[n*w.img:(n+1)*w.img], w.shares)
			box(in, &w.window, y[n*w.img:(n+1)*w.img], scaled[worker], columns[worker])
		})
		return
	}
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(g), func(n, worker int) {
		in.mul(scaled[worker], g[n*w.out:(n+1)*w.out], w.shares)
		w.backward.sums(in, y[n*w.img:(n+1)*w.img], scaled[worker], w.ones, w.c)
	})
}

// box sums the 3x3 neighbours of every pixel of one image, top to bottom and then
// left to right. columns is workspace for an image.
func box[T Float](in *kernels[T], w *window, y, x, columns []T) {
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
	w, x, y, in := p.pooling(p.xs[0], p.ys), p.x[0], p.y, p.kernels
	s := w.forward
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(y)/2, func(n, _ int) {
		x, y := x[n*w.img:(n+1)*w.img], y[n*w.out:(n+1)*w.out]
		for i := range s.list {
			p := &s.list[i]
			in.maxIndex(y[p.dst:], s.dstRow, s.dstStep, x[p.src:], s.srcRow, s.srcStep, p.offs, p.places, p.rows, p.pixels, w.c)
		}
	})
}

func planMaxGather[T Float](p *plan[T]) {
	w, index, z, y, in := p.pooling(p.xs[1], p.ys), p.x[0], p.x[1], p.y, p.kernels
	s := w.forward
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(y)/2, func(n, _ int) {
		index, z, y := index[n*w.out:(n+1)*w.out], z[n*w.img:(n+1)*w.img], y[n*w.out:(n+1)*w.out]
		for i := range s.list {
			p := &s.list[i]
			in.maxGather(y[p.dst:], s.dstRow, s.dstStep, index[p.dst:], z[p.src:], s.srcRow, s.srcStep, p.offs, p.places, p.rows, p.pixels, w.c)
		}
	})
}

func planMaxScatter[T Float](p *plan[T]) {
	w, index, g, y, in := p.pooling(p.ys, p.xs[0]), p.x[0], p.x[1], p.y, p.kernels
	s := w.backward
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(g)/2, func(n, _ int) {
		index, g, y := index[n*w.out:(n+1)*w.out], g[n*w.out:(n+1)*w.out], y[n*w.img:(n+1)*w.img]
		for i := range s.list {
			p := &s.list[i]
			in.maxScatter(y[p.dst:], s.dstRow, s.dstStep, index[p.src:], g[p.src:], s.srcRow, s.srcStep, p.offs, p.places, p.rows, p.pixels, w.c)
		}
	})
}
