package cpu

import "idarts/internal/exec"

// correlation is the common form of a convolution and of its adjoint in x:
//
//	y[r, q, o] = Σ_i Σ_j Σ_k x[r·stride + rows_i, q·stride + cols_j, k] · w[i, j, k, o]
//
// x is zero outside the image; i runs over row taps, j over column taps. A
// convolution is one of these. The adjoint of a convolution with stride s is
// s x s of them, one for each residue of the rows and columns of dx: with stride 2 and
// a 3x3 kernel, pixels of dx marked alike meet the same taps,
//
//	a b a b     a meets 4, b 3 and 5, c 1 and 7, d 0, 2, 6 and 8
//	c d c d     of the taps  0 1 2
//	a b a b                  3 4 5
//	c d c d                  6 7 8
type correlation struct {
	h, w       int   // results
	rows, cols []int // places of the taps in x for result 0, ascending
	weights    int   // where the weights start
	y0         int   // element of the image of y where result 0, 0 is
	g          convGeometry
}

// everySecond is every second argument from the first one on.
func everySecond[E any](args []E, first int) (list []E) {
	for i := first; i < len(args); i += 2 {
		list = append(list, args[i])
	}
	return list
}

func planConv[T Float](p *plan[T]) {
	if s := correlate(p); winogradFits(p.attr, p.xs[0], p.ys[3]) {
		planWinograd(p, p.xs[0], s.x, s.w)
	} else {
		s.plan(p)
	}
}

// correlate is a convolution in the common form.
func correlate[T Float](p *plan[T]) *directConv[T] {
	a, x, w := p.attr, p.xs[0], p.xs[1]
	s := &directConv[T]{
		groups: a.Groups, cin: w[2], cout: w[3] / a.Groups, stride: a.Stride, images: x[0],
		src: padding{h: x[1], w: x[2], channels: x[3]}, dst: strides{p.ys[2] * p.ys[3], p.ys[3]}, dstImage: p.ys[1] * p.ys[2] * p.ys[3],
		x: everySecond(p.x, 0), w: everySecond(p.x, 1), y: p.y, kernels: p.kernels,
	}
	rows, cols := make([]int, a.KH), make([]int, a.KW)
	for i := range rows {
		rows[i] = i*a.Dilation - a.Pad
	}
	for j := range cols {
		cols[j] = j*a.Dilation - a.Pad
	}
	s.parts = []correlation{{h: p.ys[1], w: p.ys[2], rows: rows, cols: cols}}
	return s
}

func planConvInput[T Float](p *plan[T]) {
	if s := correlateInput(p); winogradFits(p.attr, p.ys, p.xs[1][3]) {
		planWinograd(p, p.xs[1], s.x, s.w)
	} else {
		s.plan(p)
	}
}

// correlateInput is the adjoint of a convolution in x. It turns the weights around
// first: for each residue of dx, the taps that meet it, last first, and in each the
// matrix transposed.
func correlateInput[T Float](p *plan[T]) *directConv[T] {
	a, w, dy := p.attr, p.xs[0], p.xs[1]
	c := p.ys[3] // channels of dx
	s := &directConv[T]{
		groups: a.Groups, cin: w[3] / a.Groups, cout: w[2], stride: 1, images: dy[0],
		src: padding{h: dy[1], w: dy[2], channels: dy[3]}, dst: strides{a.Stride * p.ys[2] * c, a.Stride * c}, dstImage: p.ys[1] * p.ys[2] * c,
		x: everySecond(p.x, 1), y: p.y, kernels: p.kernels,
	}
	olds := everySecond(p.x, 0)
	for range olds {
		s.w = append(s.w, p.values.reserve(w.Len()))
	}
	var taps []int // kh·KW + kw of each matrix of s.w
	for rh := range min(a.Stride, p.ys[1]) {
		khs, rows := residue(rh, a.KH, a)
		for rw := range min(a.Stride, p.ys[2]) {
			kws, cols := residue(rw, a.KW, a)
			s.parts = append(s.parts, correlation{
				h: (p.ys[1]-rh-1)/a.Stride + 1, w: (p.ys[2]-rw-1)/a.Stride + 1, rows: rows, cols: cols,
				weights: len(taps) * s.cin * c, y0: (rh*p.ys[2] + rw) * c,
			})
			for _, kh := range khs {
				for _, kw := range kws {
					taps = append(taps, kh*a.KW+kw)
				}
			}
		}
	}
	s.planTransposed(p, olds, taps)
	return s
}

// planTransposed adds the stage that fills s.w with the matrices of taps of olds, each
// transposed within its groups.
func (s *directConv[T]) planTransposed(p *plan[T], olds [][]T, taps []int) {
	c := s.groups * s.cout // channels of dx
	size := s.cin * c
	p.stage(len(taps)*len(olds), len(taps)*len(olds)*size, func(t, _ int) {
		k, t := t/len(taps), t%len(taps)
		from, to := olds[k][taps[t]*size:][:size], s.w[k][t*size:][:size]
		if s.groups == 1 {
			s.kernels.transpose(to, from, s.cout, s.cin)
			return
		}
		for g := range s.groups {
			for i := range s.cout {
				row := from[i*s.cin*s.groups+g*s.cin:][:s.cin]
				at := g*s.cout + i
				for o, v := range row {
					to[o*c+at] = v
				}
			}
		}
	})
}

// residue lists the taps k of an axis that meet the pixels r, r+stride, ... of dx,
// and for each the pixel of dy that it joins to pixel r. Tap k joins input
// o·stride − pad + k·dilation to output o.
func residue(r, k int, a exec.Attr) (taps, places []int) {
	for tap := k - 1; tap >= 0; tap-- {
		if d := r + a.Pad - tap*a.Dilation; d%a.Stride == 0 {
			taps, places = append(taps, tap), append(places, d/a.Stride)
		}
	}
	return taps, places
}
