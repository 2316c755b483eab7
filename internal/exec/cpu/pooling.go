package cpu

import (
	"math"
	"slices"
)

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
	forward  []zone[T] // all results of an image, which meet its pixels
	backward []zone[T] // all pixels, which meet results: one set for each residue of rows and columns, as in [planConvInput]
	shares   []T       // 1 over the size of each window, for every element of an image of results
	ones     []T       // weights of a depthwise convolution that only adds
}

// box is the sums over the 3x3 neighbours of the pixels of an image. A row of -0, which
// changes no sum, stands for the rows above and below it.
type box[T Float] struct {
	rows, pixels, channels int
	outside                []T
	edge, inner            []T // factors of the sums in the first and the last row, and between them
}

// zone is a rectangle of rows x pixels that meet the same taps.
//
// A 3x3 window with padding has nine: four corners, whose windows reach over two
// edges of the image, four sides, and the inner part. In the first corner only the
// taps 4, 5, 7 and 8 of 0 to 8 lie inside:
//
//	. . .|. .                     corner | side   | corner
//	. +---------                  -------+--------+-------
//	.|4 5                         side   | inner  | side
//	.|7 8                         -------+--------+-------
//	. |                           corner | side   | corner
type zone[T Float] struct {
	g            convGeometry // of a depthwise convolution: one run for each tap
	places       []T          // kh·KW + kw of each tap
	dst0, src0   int          // element of the first pixel, and of its first tap
	rows, pixels int
	flat         rectangle // the same for what does not tell channels apart
}

// rectangle is rows x pixels of channels elements each, at dst and, the first tap, at src.
type rectangle struct {
	rows, pixels, channels int
	dst, src               strides
}

// flatten puts the pixels one after another where it can: a column of pixels is a
// row, and pixels side by side are one long pixel.
func (r rectangle) flatten() rectangle {
	switch {
	case r.pixels == 1:
		return rectangle{1, r.rows, r.channels, strides{0, r.dst.row}, strides{0, r.src.row}}
	case r.dst.pixel == r.channels && r.src.pixel == r.channels:
		r.pixels, r.channels = 1, r.pixels*r.channels
	}
	return r
}

// end is the element after the last one.
func (r *rectangle) end(s strides) int { return s.at(r.rows-1, r.pixels-1) + r.channels }

// pooling is that of the instruction, on images and results of these shapes.
func (p *plan[T]) pooling(image, result [4]int) *pooling[T] {
	a := p.attr
	w := window{kh: a.KH, kw: a.KW, stride: a.Stride, pad: a.Pad, h: image[1], w: image[2], c: image[3], oh: result[1], ow: result[2],
		img: image[1] * image[2] * image[3], out: result[1] * result[2] * result[3]}
	if known := p.poolings[w]; known != nil {
		return known
	}
	s := &pooling[T]{window: w, shares: windowShares[T](&w), ones: make([]T, w.kh*w.kw*w.c)}
	for i := range s.ones {
		s.ones[i] = 1
	}
	rows, cols := axis{results: w.oh, stride: w.stride, pixels: w.h}, axis{results: w.ow, stride: w.stride, pixels: w.w}
	rows.all(w.kh, w.pad)
	cols.all(w.kw, w.pad)
	near, far := strides{w.ow * w.c, w.c}, strides{w.w * w.c, w.c} // of results and of pixels
	apart := strides{w.stride * far.row, w.stride * far.pixel}     // of pixels of one residue
	s.forward = appendZones(s.forward, &w, 0, near, apart, rows, cols)
	for rh := range min(w.stride, w.h) {
		rows := axis{results: (w.h-rh-1)/w.stride + 1, stride: 1, pixels: w.oh}
		rows.taps, rows.at = residue(rh, w.kh, a)
		for rw := range min(w.stride, w.w) {
			cols := axis{results: (w.w-rw-1)/w.stride + 1, stride: 1, pixels: w.ow}
			cols.taps, cols.at = residue(rw, w.kw, a)
			s.backward = appendZones(s.backward, &w, far.at(rh, rw), apart, near, rows, cols)
		}
	}
	p.poolings[w] = s
	return s
}

// windowShares is 1 over the number of pixels in each window.
func windowShares[T Float](w *window) []T {
	var shares []T
	for oh := range w.oh {
		for ow := range w.ow {
			share := 1 / T(w.inside(oh, w.kh, w.h)*w.inside(ow, w.kw, w.w))
			for range w.c {
				shares = append(shares, share)
			}
		}
	}
	return shares
}

// inside is how many taps of the window at output row or column o lie inside a side
// of n pixels.
func (w *window) inside(o, k, n int) int {
	first := o*w.stride - w.pad
	return min(k, n-first) - max(0, -first)
}

// separable says that the window is 3x3 with stride 1 and padding 1, which has a
// faster way: sums of columns, then of rows, see [box].
func (w *window) separable() bool {
	return w.kh == 3 && w.kw == 3 && w.stride == 1 && w.pad == 1 && w.h > 1 && w.w > 1
}

// box is that of a separable window, with the shares of a row of pixels.
func (w *pooling[T]) box(shares func(row int) []T) *box[T] {
	return &box[T]{rows: w.h, pixels: w.w, channels: w.c, edge: shares(0), inner: shares(1),
		outside: slices.Repeat([]T{T(math.Copysign(0, -1))}, w.w*w.c)}
}

// axis is the rows or the columns of a pooling. Result r meets taps[i] at pixel
// r·stride + at[i] of the other side, if that is one of its pixels; at ascends.
type axis struct {
	results, stride, pixels int
	taps, at                []int
}

// all sets the taps of a window of k with so much padding.
func (a *axis) all(k, pad int) {
	for tap := range k {
		a.taps, a.at = append(a.taps, tap), append(a.at, tap-pad)
	}
}

// segment is count results from one on that meet the same taps of an axis, those
// from first to last-1.
type segment struct{ from, count, first, last int }

// segments cuts an axis.
func (a *axis) segments() []segment {
	var list []segment
	for r := range a.results {
		first := 0
		for first < len(a.at) && r*a.stride+a.at[first] < 0 {
			first++
		}
		last := first
		for last < len(a.at) && r*a.stride+a.at[last] < a.pixels {
			last++
		}
		if end := len(list) - 1; end >= 0 && list[end].first == first && list[end].last == last {
			list[end].count++
			continue
		}
		list = append(list, segment{r, 1, first, last})
	}
	return list
}

// appendZones appends the zones of all results of two axes, the first of which is
// element dst0. Results lie as dst says, what they meet as src.
func appendZones[T Float](list []zone[T], w *window, dst0 int, dst, src strides, rows, cols axis) []zone[T] {
	for _, r := range rows.segments() {
		for _, q := range cols.segments() {
			n := zone[T]{dst0: dst0 + dst.at(r.from, q.from), rows: r.count, pixels: q.count,
				g: convGeometry{dst: dst, src: src, runLen: 1, wStep: w.c, wRun: w.c, channels: w.c}}
			n.flat = rectangle{n.rows, n.pixels, w.c, dst, src}.flatten()
			if r.first < r.last && q.first < q.last {
				top, left := rows.at[r.first], cols.at[q.first]
				n.src0 = ((r.from*rows.stride+top)*cols.pixels + q.from*cols.stride + left) * w.c
				for i := r.first; i < r.last; i++ {
					for j := q.first; j < q.last; j++ {
						n.g.starts = append(n.g.starts, ((rows.at[i]-top)*cols.pixels+cols.at[j]-left)*w.c)
						n.places = append(n.places, T(rows.taps[i]*w.kw+cols.taps[j]))
					}
				}
			}
			list = append(list, n)
		}
	}
	return list
}

// addTaps adds up what each result meets, in the order of taps.
func addTaps[T Float](k *kernels[T], list []zone[T], dst, src, ones []T) {
	for i := range list {
		r := &list[i]
		k.depthwise(&r.g, dst[r.dst0:], src[r.src0:], ones, r.rows, r.pixels, false)
	}
}

func planAvgPool[T Float](p *plan[T]) {
	w, x, y, k := p.pooling(p.xs[0], p.ys), p.x[0], p.y, p.kernels
	if w.separable() {
		b := w.box(func(row int) []T { return w.shares[row*w.w*w.c:][:w.w*w.c] })
		p.batch(p.ys[0], p.ys[0], 2*len(x), func(n, _ int) { k.box(b, y[n*w.img:(n+1)*w.img], x[n*w.img:(n+1)*w.img]) })
		return
	}
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(y), func(n, _ int) {
		y := y[n*w.out : (n+1)*w.out]
		addTaps(k, w.forward, y, x[n*w.img:(n+1)*w.img], w.ones)
		k.mul(y, y, w.shares)
	})
}

// planAvgPoolGrad adds up the shares of g that the windows give to each pixel.
func planAvgPoolGrad[T Float](p *plan[T]) {
	w, g, y, k := p.pooling(p.ys, p.xs[0]), p.x[0], p.y, p.kernels
	scaled := p.perWorker(w.out)
	if w.separable() {
		ones := slices.Repeat([]T{1}, w.w*w.c)
		b := w.box(func(int) []T { return ones })
		p.batch(p.ys[0], p.ys[0], 2*len(y), func(n, worker int) {
			k.mul(scaled[worker], g[n*w.img:(n+1)*w.img], w.shares)
			k.box(b, y[n*w.img:(n+1)*w.img], scaled[worker])
		})
		return
	}
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(g), func(n, worker int) {
		k.mul(scaled[worker], g[n*w.out:(n+1)*w.out], w.shares)
		addTaps(k, w.backward, y[n*w.img:(n+1)*w.img], scaled[worker], w.ones)
	})
}

func planMaxPoolIndex[T Float](p *plan[T]) {
	w, x, y, k := p.pooling(p.xs[0], p.ys), p.x[0], p.y, p.kernels
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(y)/2, func(n, _ int) {
		x, y := x[n*w.img:(n+1)*w.img], y[n*w.out:(n+1)*w.out]
		for i := range w.forward {
			r := &w.forward[i]
			k.maxIndex(r, y[r.dst0:], x[r.src0:])
		}
	})
}

func planMaxGather[T Float](p *plan[T]) {
	w, index, z, y, k := p.pooling(p.xs[1], p.ys), p.x[0], p.x[1], p.y, p.kernels
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(y)/2, func(n, _ int) {
		index, z, y := index[n*w.out:(n+1)*w.out], z[n*w.img:(n+1)*w.img], y[n*w.out:(n+1)*w.out]
		for i := range w.forward {
			r := &w.forward[i]
			k.maxGather(r, y[r.dst0:], index[r.dst0:], z[r.src0:])
		}
	})
}

func planMaxScatter[T Float](p *plan[T]) {
	w, index, g, y, k := p.pooling(p.ys, p.xs[0]), p.x[0], p.x[1], p.y, p.kernels
	p.batch(p.ys[0], p.ys[0], w.kh*w.kw*len(g)/2, func(n, _ int) {
		index, g, y := index[n*w.out:(n+1)*w.out], g[n*w.out:(n+1)*w.out], y[n*w.img:(n+1)*w.img]
		for i := range w.backward {
			r := &w.backward[i]
			k.maxScatter(r, y[r.dst0:], index[r.src0:], g[r.src0:])
		}
	})
}
