package cpu

import (
	"slices"

	"idarts/internal/exec"
)

// bandPixels is how many pixels of results one tile of a convolution has, about.
const bandPixels = 256

// correlation is the common form of a convolution and of its adjoint in x:
//
//	y[r, q, o] = Σ_i Σ_j Σ_k x[r·stride + rows_i, q·stride + cols_j, k] · w[i, j, k, o]
//
// x is zero outside the image; i runs over row taps, j over column taps. A
// convolution is one of these. The adjoint of a convolution with stride s is
// s x s of them, one for each residue of the rows and columns of dx.
type correlation struct {
	h, w       int   // results
	rows, cols []int // places of the taps in x for result 0, ascending
	weights    int   // where the weights start
	y0         int   // element of the image of y where result 0, 0 is
}

// sweep runs correlations over a batch.
type sweep[T Float] struct {
	parts              []correlation
	groups, cin, cout  int // channels of a group
	stride             int
	images, srcH, srcW int
	srcImage, dstImage int   // elements of an image
	dstRow, dstCol     int   // elements between results
	top, left, wide    int   // first row and column of x that taps reach if negative, as margins; columns with margins
	low, high          int   // rows of x that result 0 reaches: low..high
	x, w               [][]T // convolutions are added up over the pairs
	y                  []T
	kernels            *kernels[T]
}

// pairs are every second argument from the first on.
func pairs[E any](args []E, first int) (list []E) {
	for i := first; i < len(args); i += 2 {
		list = append(list, args[i])
	}
	return list
}

func planConv[T Float](p *plan[T]) {
	a, x, w := p.attr, p.xs[0], p.xs[1]
	s := &sweep[T]{
		groups: a.Groups, cin: w[2], cout: w[3] / a.Groups, stride: a.Stride,
		images: x[0], srcH: x[1], srcW: x[2], srcImage: x[1] * x[2] * x[3], dstImage: p.ys[1] * p.ys[2] * p.ys[3],
		dstRow: p.ys[2] * p.ys[3], dstCol: p.ys[3], x: pairs(p.x, 0), w: pairs(p.x, 1), y: p.y, kernels: p.kernels,
	}
	rows, cols := make([]int, a.KH), make([]int, a.KW)
	for i := range rows {
		rows[i] = i*a.Dilation - a.Pad
	}
	for j := range cols {
		cols[j] = j*a.Dilation - a.Pad
	}
	s.parts = []correlation{{h: p.ys[1], w: p.ys[2], rows: rows, cols: cols}}
	s.plan(p)
}

// planConvInput turns the weights around first: for each residue of dx, the taps
// that meet it, last first, and in each the matrix transposed.
func planConvInput[T Float](p *plan[T]) {
	a, w, dy := p.attr, p.xs[0], p.xs[1]
	c := p.ys[3] // channels of dx
	s := &sweep[T]{
		groups: a.Groups, cin: w[3] / a.Groups, cout: w[2], stride: 1,
		images: dy[0], srcH: dy[1], srcW: dy[2], srcImage: dy[1] * dy[2] * dy[3], dstImage: p.ys[1] * p.ys[2] * c,
		dstRow: a.Stride * p.ys[2] * c, dstCol: a.Stride * c, x: pairs(p.x, 1), y: p.y, kernels: p.kernels,
	}
	olds := pairs(p.x, 0)
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
	size := s.cin * c
	p.stage(len(taps)*len(olds), len(taps)*len(olds)*size, func(t, _ int) {
		k, t := t/len(taps), t%len(taps)
		from, to := olds[k][taps[t]*size:][:size], s.w[k][t*size:][:size]
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
	s.plan(p)
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

// plan adds the stage that computes all results.
func (s *sweep[T]) plan(p *plan[T]) {
	work := 0
	for _, c := range s.parts {
		work += s.images * c.h * c.w * s.groups * s.cout * (1 + len(c.rows)*len(c.cols)*s.cin*len(s.x)/4)
	}
	if s.pointwise() {
		s.planPointwise(p, work)
		return
	}

	// What the taps reach, over all parts.
	var bottom, right, h, w int
	for _, c := range s.parts {
		h, w = max(h, c.h), max(w, c.w)
		if len(c.rows) == 0 || len(c.cols) == 0 {
			continue
		}
		s.low, s.high = min(s.low, c.rows[0]), max(s.high, c.rows[len(c.rows)-1])
		s.left = max(s.left, -c.cols[0])
		s.top = max(s.top, -c.rows[0])
		bottom = max(bottom, (c.h-1)*s.stride+c.rows[len(c.rows)-1]-(s.srcH-1))
		right = max(right, (c.w-1)*s.stride+c.cols[len(c.cols)-1]-(s.srcW-1))
	}
	s.wide = s.left + s.srcW + right
	padded := s.top+bottom+s.left+right > 0

	// Offsets of the taps, from the first one. Column taps that are neighbours
	// form one run with the channels when there is a single group.
	channels := s.groups * s.cin
	depthwise := s.groups > 1 && s.cin == 1 && s.cout == 1
	offs, runs := make([][]int, len(s.parts)), make([]int, len(s.parts))
	for i, c := range s.parts {
		joined := s.groups == 1 && len(c.cols) > 0 && c.cols[len(c.cols)-1]-c.cols[0] == len(c.cols)-1
		runs[i] = s.cin
		for _, row := range c.rows {
			for j, col := range c.cols {
				if j == 0 || !joined {
					offs[i] = append(offs[i], ((row-c.rows[0])*s.wide+col-c.cols[0])*channels)
				}
			}
		}
		if joined {
			runs[i] = len(c.cols) * s.cin
		}
	}

	// The loops end a row that they do not divide with pixels done twice.
	if twice := (w+shortRow-1)/shortRow*shortRow - w; padded && !depthwise && 4*twice > w && s.images >= shortRow {
		s.planShort(p, work, h, offs, runs)
		return
	}

	band := max(bandPixels/w, 1)
	if depthwise { // less work on a pixel, so that copying the same margins twice weighs more
		band = max(4*bandPixels/w, 1)
	}
	bands := (h + band - 1) / band
	var margins [][]T
	if padded {
		margins = p.perWorker(((band-1)*s.stride + s.high - s.low + 1) * s.wide * channels)
	}
	p.batch(s.images, s.images*bands, work, func(tile, worker int) {
		n, q0 := tile/bands, tile%bands*band
		q1 := min(q0+band, h)
		dst := s.y[n*s.dstImage : (n+1)*s.dstImage]
		for k, x := range s.x {
			src, first := x[n*s.srcImage:(n+1)*s.srcImage], 0
			if padded {
				first = q0*s.stride + s.low
				last := (q1-1)*s.stride + s.high
				frame(margins[worker], src, first, last, s.left, s.srcH, s.srcW, s.wide, channels)
				src = margins[worker]
			}
			for i := range s.parts {
				c, w := &s.parts[i], s.w[k]
				rows := min(q1, c.h) - q0
				if rows <= 0 {
					continue
				}
				from, to, pitch := src, dst[c.y0+q0*s.dstRow:], s.stride*s.wide*channels
				if len(offs[i]) > 0 {
					from = src[((q0*s.stride+c.rows[0]-first)*s.wide+s.left+c.cols[0])*channels:]
				}
				if depthwise {
					s.kernels.depth(to, s.dstRow, s.dstCol, from, pitch, s.stride*channels, offs[i], w[c.weights:], rows, c.w, channels, k > 0)
					continue
				}
				for g := range s.groups {
					s.kernels.conv(to[g*s.cout:], s.dstRow, s.dstCol, from[min(g*s.cin, len(from)):], pitch, s.stride*channels, offs[i], runs[i],
						w[c.weights+g*s.cout:], s.groups*s.cout, rows, c.w, s.cout, k > 0)
				}
			}
		}
	})
}

// shortRow is how many pixels the convolution loops take at a time.
const shortRow = 8

// planShort is for images whose rows are shorter than that, or end with few pixels:
// it takes the same pixel of several images as a row.
func (s *sweep[T]) planShort(p *plan[T], work, h int, offs [][]int, runs []int) {
	channels := s.groups * s.cin
	rows := (h-1)*s.stride + s.high - s.low + 1
	framed := rows * s.wide * channels
	margins := p.perWorker(shortRow * framed)
	tiles := (s.images + shortRow - 1) / shortRow
	p.stage(tiles, work, func(tile, worker int) {
		n := tile * shortRow
		count := min(shortRow, s.images-n)
		images := margins[worker]
		for k, x := range s.x {
			for i := range count {
				frame(images[i*framed:], x[(n+i)*s.srcImage:(n+i+1)*s.srcImage], s.low, s.low+rows-1, s.left, s.srcH, s.srcW, s.wide, channels)
			}
			for i := range s.parts {
				c, w := &s.parts[i], s.w[k]
				for r := range c.h {
					for q := range c.w {
						from, to := images, s.y[n*s.dstImage+c.y0+r*s.dstRow+q*s.dstCol:]
						if len(offs[i]) > 0 {
							from = images[((r*s.stride+c.rows[0]-s.low)*s.wide+s.left+q*s.stride+c.cols[0])*channels:]
						}
						for g := range s.groups {
							s.kernels.conv(to[g*s.cout:], 0, s.dstImage, from[g*s.cin:], 0, framed, offs[i], runs[i],
								w[c.weights+g*s.cout:], s.groups*s.cout, 1, count, s.cout, k > 0)
						}
					}
				}
			}
		}
	})
	if s.images%shortRow == 0 {
		p.divide(split{images: s.images, tiles: tiles, together: 1, run: p.stages[len(p.stages)-1].run})
	}
}

// frame copies rows first..last of an image into dst with zeros around it: left
// columns before, and as many after as make wide columns.
func frame[T Float](dst, image []T, first, last, left, h, w, wide, channels int) {
	n, pitch, lead := w*channels, wide*channels, left*channels
	top, bottom := max(first, 0), min(last+1, h) // rows of the image
	if top >= bottom {
		clear(dst[:(last-first+1)*pitch])
		return
	}
	at := (top-first)*pitch + lead
	clear(dst[:at])
	for r := top; r < bottom; r++ {
		copy(dst[at:at+n], image[r*n:])
		if r+1 < bottom {
			clear(dst[at+n : at+pitch])
		}
		at += pitch
	}
	clear(dst[at-pitch+n : (last-first+1)*pitch])
}

// pointwise says that every result has one tap, at its own pixel.
func (s *sweep[T]) pointwise() bool {
	c := s.parts[0]
	zero := []int{0}
	return len(s.parts) == 1 && s.stride == 1 && slices.Equal(c.rows, zero) && slices.Equal(c.cols, zero) && c.h == s.srcH && c.w == s.srcW
}

// planPointwise takes all pixels of the batch as one row.
func (s *sweep[T]) planPointwise(p *plan[T], work int) {
	pixels := s.images * s.srcH * s.srcW
	cin, cout, offs := s.groups*s.cin, s.groups*s.cout, []int{0}
	row := func(lo, n int) {
		for k, x := range s.x {
			if cin > 32 { // pixels of several lines each
				prefetch(x[lo*cin : (lo+n)*cin])
			}
			for g := range s.groups {
				s.kernels.conv(s.y[lo*cout+g*s.cout:], 0, cout, x[lo*cin+g*s.cin:], 0, cin, offs, s.cin, s.w[k][g*s.cout:], cout, 1, n, s.cout, k > 0)
			}
		}
	}
	p.stage((pixels+bandPixels-1)/bandPixels, work, func(tile, _ int) { row(tile*bandPixels, min(bandPixels, pixels-tile*bandPixels)) })
	if image := s.srcH * s.srcW; image > 1 {
		p.divide(split{images: s.images, tiles: s.images, together: 1, run: func(n, _ int) { row(n*image, image) }})
	}
}

// planConvWeight splits the batch into a fixed number of parts. Each walks its
// images in blocks of rows small enough for the fastest cache, and the parts'
// gradients are added in order.
func planConvWeight[T Float](p *plan[T]) {
	a, x, dy := p.attr, p.xs[0], p.xs[1]
	c, k := x[3], dy[3]
	cin, cout := p.ys[2], k/a.Groups
	images, h, w := dy[0], dy[1], dy[2]
	srcH, srcW := x[1], x[2]
	pad := a.Pad
	block := max(4096/max(c*a.Stride*a.Stride, k), 32) // pixels of dy
	if a.KH == 1 && a.KW == 1 && a.Stride == 1 && pad == 0 {
		// Pixels are independent: cut the batch into images of one short row.
		pixels := images * h * w
		images, h, w = (pixels+block-1)/block, 1, block
		if pixels < block {
			w = pixels
		}
		in, xs, dys := p.kernels, p.x[0], p.x[1]
		planWeightParts(p, images, images*w == pixels, func(dw []T, _, n int) {
			from := n * w
			count := min(w, pixels-from)
			prefetch(xs[from*c : (from+count)*c])
			prefetch(dys[from*k : (from+count)*k])
			for g := range a.Groups {
				in.convWeight(dw[g*cout:], k, xs[from*c+g*cin:], 0, c, dys[from*k+g*cout:], 0, k, 1, count, cin, cout)
			}
		})
		return
	}
	wide := max((w-1)*a.Stride+(a.KW-1)*a.Dilation+1, srcW+pad)
	padded := pad > 0 || wide > srcW || (h-1)*a.Stride+(a.KH-1)*a.Dilation >= srcH
	rows := min(max(block/w, 1), h)
	var margins [][]T
	if padded {
		margins = p.perWorker(((rows-1)*a.Stride + (a.KH-1)*a.Dilation + 1) * wide * c)
	} else {
		wide = srcW
	}
	in, xs, dys, xImage, dyImage := p.kernels, p.x[0], p.x[1], srcH*srcW*c, h*w*k
	depthwise := a.Groups > 1 && cin == 1 && cout == 1
	joined := a.Groups == 1 && a.Dilation == 1
	planWeightParts(p, images, true, func(dw []T, worker, n int) {
		for r0 := 0; r0 < h; r0 += rows {
			count := min(rows, h-r0)
			src, first := xs[n*xImage:(n+1)*xImage], r0*a.Stride-pad
			if padded {
				frame(margins[worker], src, first, first+(count-1)*a.Stride+(a.KH-1)*a.Dilation, pad, srcH, srcW, wide, c)
				src = margins[worker]
			} else {
				src = src[first*wide*c:]
			}
			g := dys[n*dyImage+r0*w*k : (n+1)*dyImage]
			xRow, xStep := a.Stride*wide*c, a.Stride*c
			for kh := range a.KH {
				if joined {
					in.convWeight(dw[kh*a.KW*c*k:], k, src[kh*wide*c:], xRow, xStep, g, w*k, k, count, w, a.KW*c, k)
					continue
				}
				if depthwise {
					in.depthWeight(dw[kh*a.KW*c:], a.KW, src[kh*wide*a.Dilation*c:], a.Dilation*c, xRow, xStep, g, w*k, k, count, w, c)
					continue
				}
				for kw := range a.KW {
					tap, from := dw[(kh*a.KW+kw)*cin*k:], src[(kh*wide+kw)*a.Dilation*c:]
					for q := range a.Groups {
						in.convWeight(tap[q*cout:], k, from[q*cin:], xRow, xStep, g[q*cout:], w*k, k, count, w, cin, cout)
					}
				}
			}
		}
	})
}

// prefetch reads x once, in order, so that it is in cache for loops that jump about in
// it: memory is fast only where it is asked for what comes next. Nobody wants the
// result, the number of NaNs seen; it keeps the compiler from leaving the reads out,
// and no read waits for another.
func prefetch[T Float](x []T) (n int) {
	const line = 16
	for i := 0; i < len(x); i += line {
		if x[i] != x[i] {
			n++
		}
	}
	return n
}

// planWeightParts adds a stage in which image adds each of the images' gradient
// to dw, and one that adds the parts. even: all images are as large.
func planWeightParts[T Float](p *plan[T], images int, even bool, image func(dw []T, worker, n int)) {
	const most = 16 // few enough to add up in T
	y := p.y
	parts := min(images, most)
	work := p.xs[1].Len() * p.ys.Len() / p.ys[3] / 4
	if parts == 1 {
		p.serial(func() {
			clear(y)
			image(y, 0, 0)
		})
		return
	}
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
		add(y, sums[lo:hi], sums[size+lo:size+hi])
		for part := 2; part < parts; part++ {
			add(y, y, sums[part*size+lo:part*size+hi])
		}
	})
}
