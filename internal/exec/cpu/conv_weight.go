package cpu

// weightConv is the gradient of a convolution's weights.
type weightConv[T Float] struct {
	kh, kw, stride, dilation int
	groups, cin, cout        int // channels of a group
	h, w                     int // results
	rows                     int // of results in a block, so that it fits the fastest cache
	src                      padding
	padded                   bool
	margins                  [][]T
	x, dy                    []T
	g                        weightGeometry
	turn                     turned
	kernels                  *kernels[T]
}

// turned says that parts hold blocks of a gradient, the matrices of a row of taps, as
// outs x ins and not as ins x outs, so that the longer side lies in vectors: the same
// sums either way.
type turned struct{ blocks, ins, outs int }

// turn is what suits blocks of ins x outs.
func turn(blocks, ins, outs int) turned {
	if outs < 16 && ins > outs {
		return turned{blocks, ins, outs}
	}
	return turned{}
}

// geometry is that of the gradient of dy in place of x.
func (t turned) geometry(g weightGeometry) weightGeometry {
	if t.blocks == 0 {
		return g
	}
	return weightGeometry{x: g.dy, dy: g.x, ins: g.outs, inStep: 1, outs: g.ins, dwStep: g.ins, next: g.next}
}

// planConvWeight splits the batch into a fixed number of parts. Each walks its
// images in blocks of rows, and the parts' gradients are added in order.
func planConvWeight[T Float](p *plan[T]) {
	if winogradFits(p.attr, p.xs[0], p.xs[1][3]) {
		planWinogradWeight(p)
	} else {
		planDirectWeight(p)
	}
}

// planDirectWeight is for whatever planWinogradWeight is not for.
func planDirectWeight[T Float](p *plan[T]) {
	a, x, dy := p.attr, p.xs[0], p.xs[1]
	c, k := x[3], dy[3]
	block := max(4096/max(c*a.Stride*a.Stride, k), 32) // pixels of dy
	if a.KH == 1 && a.KW == 1 && a.Stride == 1 && a.Pad == 0 {
		planPointwiseWeight(p, block)
		return
	}
	if a.Groups == 1 && shortRows(dy[2], dy[0]) {
		planShortWeight(p)
		return
	}
	s := &weightConv[T]{kh: a.KH, kw: a.KW, stride: a.Stride, dilation: a.Dilation, groups: a.Groups, cin: p.ys[2], cout: k / a.Groups,
		h: dy[1], w: dy[2], rows: min(max(block/dy[2], 1), dy[1]), x: p.x[0], dy: p.x[1], kernels: p.kernels,
		src: padding{h: x[1], w: x[2], channels: c, left: a.Pad}}
	s.src.wide = max((s.w-1)*a.Stride+(a.KW-1)*a.Dilation+1, x[2]+a.Pad)
	s.padded = a.Pad > 0 || s.src.wide > x[2] || (s.h-1)*a.Stride+(a.KH-1)*a.Dilation >= x[1]
	if s.padded {
		s.margins = p.perWorker(s.src.len((s.rows-1)*a.Stride + (a.KH-1)*a.Dilation + 1))
	} else {
		s.src.wide = x[2]
	}
	s.g = s.geometry()
	if s.joined() {
		s.turn = turn(s.kh, s.g.ins, s.g.outs)
		s.g = s.turn.geometry(s.g)
	}
	planWeightParts(p, dy[0], true, s.turn, s.image)
}

func (s *weightConv[T]) depthwise() bool { return s.groups > 1 && s.cin == 1 && s.cout == 1 }

// joined says that the taps of a row are one matrix: neighbours of one group.
func (s *weightConv[T]) joined() bool { return s.groups == 1 && s.dilation == 1 }

func (s *weightConv[T]) geometry() weightGeometry {
	src := s.src.strides()
	c, k := s.src.channels, s.groups*s.cout
	g := weightGeometry{x: strides{s.stride * src.row, s.stride * src.pixel}, dy: strides{s.w * k, k},
		ins: s.cin, inStep: 1, outs: s.cout, dwStep: k}
	switch {
	case s.joined():
		g.ins = s.kw * c
	case s.depthwise():
		g.ins, g.inStep, g.outs = s.kw, s.dilation*c, c
	}
	return g
}

// image adds the gradient of image n.
func (s *weightConv[T]) image(dw []T, worker, n int) {
	k := s.groups * s.cout
	for r0 := 0; r0 < s.h; r0 += s.rows {
		rows := min(s.rows, s.h-r0)
		src, first := imageOf(s.x, &s.src, n), r0*s.stride-s.src.left
		if s.padded {
			padRows(s.margins[worker], src, &s.src, first, first+(rows-1)*s.stride+(s.kh-1)*s.dilation)
			src = s.margins[worker]
		} else {
			src = src[s.src.len(first):]
		}
		s.block(dw, src, s.dy[(n*s.h+r0)*s.w*k:(n+1)*s.h*s.w*k], rows)
	}
}

// block adds the gradient of some rows of dy. src begins at the first tap's pixel for
// the first result.
func (s *weightConv[T]) block(dw, src, dy []T, rows int) {
	c, k := s.src.channels, s.groups*s.cout
	row, pixel := s.dilation*s.src.len(1), s.dilation*c // from tap to tap
	for kh := range s.kh {
		x := src[kh*row:]
		if s.joined() {
			if s.turn.blocks > 0 {
				s.kernels.convWeight(&s.g, dw[kh*s.kw*c*k:], dy, x, rows, s.w)
			} else {
				s.kernels.convWeight(&s.g, dw[kh*s.kw*c*k:], x, dy, rows, s.w)
			}
			continue
		}
		if s.depthwise() {
			s.kernels.depthwiseWeight(&s.g, dw[kh*s.kw*c:], x, dy, rows, s.w)
			continue
		}
		for kw := range s.kw {
			tap := dw[(kh*s.kw+kw)*s.cin*k:]
			for q := range s.groups {
				s.kernels.convWeight(&s.g, tap[q*s.cout:], x[kw*pixel+q*s.cin:], dy[q*s.cout:], rows, s.w)
			}
		}
	}
}

// planShortWeight is for images whose rows are too short for the kernels. Each tap is a
// matrix of its own, summed over the pixels that it meets, a row of some images at a time;
// what lies outside of the images is left out.
func planShortWeight[T Float](p *plan[T]) {
	a, x, dy := p.attr, p.xs[0], p.xs[1]
	c, k := x[3], dy[3]
	imageX, imageDy := x[1]*x[2]*c, dy[1]*dy[2]*k
	g := &weightGeometry{x: strides{imageX, a.Stride * c}, dy: strides{imageDy, k}, ins: c, inStep: 1, outs: k, dwStep: k}
	type row struct{ dw, x, dy, pixels int }
	var rows []row
	for kh := range a.KH {
		top := kh*a.Dilation - a.Pad
		r0, r1 := meeting(dy[1], a.Stride, top, x[1])
		for kw := range a.KW {
			left := kw*a.Dilation - a.Pad
			q0, q1 := meeting(dy[2], a.Stride, left, x[2])
			if q0 >= q1 {
				continue
			}
			for r := r0; r < r1; r++ {
				rows = append(rows, row{(kh*a.KW + kw) * c * k, ((r*a.Stride+top)*x[2] + q0*a.Stride + left) * c, (r*dy[2] + q0) * k, q1 - q0})
			}
		}
	}
	f, xs, dys := p.kernels.convWeight, p.x[0], p.x[1]
	groups := (dy[0] + shortRow - 1) / shortRow
	planWeightParts(p, groups, dy[0]%shortRow == 0, turned{}, func(dw []T, _, n int) {
		n *= shortRow
		for _, r := range rows {
			f(g, dw[r.dw:], xs[n*imageX+r.x:], dys[n*imageDy+r.dy:], min(shortRow, dy[0]-n), r.pixels)
		}
	})
}

// meeting is the range of results r of n for which r·stride + at lies in 0..limit-1.
func meeting(n, stride, at, limit int) (first, end int) {
	for end = n; end > 0 && (end-1)*stride+at >= limit; end-- {
	}
	for first < end && first*stride+at < 0 {
		first++
	}
	return first, end
}

// planPointwiseWeight is for 1x1 kernels: pixels are independent there, so the batch is
// cut into blocks of so many pixels, about.
func planPointwiseWeight[T Float](p *plan[T], block int) {
	c, k, groups := p.xs[0][3], p.xs[1][3], p.attr.Groups
	cin, cout := p.ys[2], k/groups
	pixels, image := len(p.x[1])/k, p.xs[1][1]*p.xs[1][2]
	w := evenBlock(block, image, p.xs[1][0])
	images := pixels / w
	g, t := weightGeometry{x: strides{0, c}, dy: strides{0, k}, ins: cin, inStep: 1, outs: cout, dwStep: k, next: w}, turned{}
	if groups == 1 {
		t = turn(1, cin, cout)
		g = t.geometry(g)
	}
	f, xs, dys := p.kernels.convWeight, p.x[0], p.x[1]
	planWeightParts(p, images, true, t, func(dw []T, _, n int) {
		from := n * w
		if t.blocks > 0 {
			f(&g, dw, dys[from*k:], xs[from*c:], 1, w)
			return
		}
		for q := range groups {
			f(&g, dw[q*cout:], xs[from*c+q*cin:], dys[from*k+q*cout:], 1, w)
		}
	})
}

// evenBlock is the largest number of pixels up to most, 1 at least, that divides an image evenly,
// or is whole images that divide the batch evenly.
func evenBlock(most, image, images int) int {
	if most >= image {
		n := min(most/image, images)
		for images%n != 0 {
			n--
		}
		return n * image
	}
	for image%most != 0 {
		most--
	}
	return most
}

// planWeightParts adds a stage in which image adds each of the images' gradient
// to dw, and those that add up the parts. even: all images are as large.
func planWeightParts[T Float](p *plan[T], images int, even bool, t turned, image func(dw []T, worker, n int)) {
	const most = 16 // few enough to add up in T
	out, y := p.y, p.y
	if t.blocks > 0 {
		y = p.values.reserve(len(y))
	}
	parts := min(images, most)
	work := p.xs[1].Len() * p.ys.Len() / p.ys[3] / 4
	size := (len(y) + 15) / 16 * 16
	sums := p.values.reserve(parts * size)
	p.stage(parts, work, func(part, worker int) {
		dw := sums[part*size:][:len(y)]
		clear(dw)
		for n := part * images / parts; n < (part+1)*images/parts; n++ {
			image(dw, worker, n)
		}
	})
	if dy := p.xs[1]; images%parts == 0 && even && dy[1]*dy[2] > 1 {
		each := images / parts
		p.divide(split{images: dy[0], tiles: images, together: each, run: func(n, worker int) {
			dw := sums[n/each*size:][:len(y)]
			if n%each == 0 {
				clear(dw)
			}
			image(dw, worker, n)
		}})
	}
	add := p.kernels.add
	p.elements(1, func(lo, hi int) {
		y := y[lo:hi]
		if parts == 1 {
			copy(y, sums[lo:hi])
			return
		}
		add(y, sums[lo:hi], sums[size+lo:size+hi])
		for part := 2; part < parts; part++ {
			add(y, y, sums[part*size+lo:part*size+hi])
		}
	})
	if t.blocks > 0 {
		f, size := p.kernels.transpose, t.ins*t.outs
		p.serial(func() {
			for b := range t.blocks {
				f(out[b*size:], y[b*size:], t.outs, t.ins)
			}
		})
	}
}
