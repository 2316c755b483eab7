package cpu

import "slices"

const (
	blockPixels = 256 // of results in one tile of a convolution, about
	shortRow    = 8   // pixels that the native kernels take at a time, where there are as many
)

// directConv computes correlations over a batch straight from the images, with no
// matrix of their windows between.
type directConv[T Float] struct {
	parts             []correlation
	groups, cin, cout int // channels of a group
	stride            int
	images            int
	src               padding // the images of x, with the zeros that taps reach
	dst               strides // between results of one part
	dstImage          int     // elements of an image of y
	x, w              [][]T   // convolutions are added up over the pairs
	y                 []T
	kernels           *kernels[T]

	// What the taps reach, over all parts.
	maxH, maxW int // most rows and columns of results
	low, high  int // rows of x for result row 0: low..high
	padded     bool
}

// plan adds the stage that computes all results.
func (s *directConv[T]) plan(p *plan[T]) {
	work := 0
	for _, c := range s.parts {
		work += s.images * c.h * c.w * s.groups * s.cout * (1 + len(c.rows)*len(c.cols)*s.cin*len(s.x)/4)
	}
	if s.pointwise() {
		s.planPointwise(p, work)
		return
	}
	s.reach()
	if s.short() {
		s.planShort(p, work)
		return
	}
	for i := range s.parts {
		s.parts[i].g = s.geometry(&s.parts[i])
	}
	s.planRows(p, work)
}

// pointwise says that every result has one tap, at its own pixel.
func (s *directConv[T]) pointwise() bool {
	c := s.parts[0]
	zero := []int{0}
	return len(s.parts) == 1 && s.stride == 1 && slices.Equal(c.rows, zero) && slices.Equal(c.cols, zero) && c.h == s.src.h && c.w == s.src.w
}

func (s *directConv[T]) depthwise() bool { return s.groups > 1 && s.cin == 1 && s.cout == 1 }

// reach finds the zeros that must lie around an image.
func (s *directConv[T]) reach() {
	var top, bottom, right int
	for _, c := range s.parts {
		s.maxH, s.maxW = max(s.maxH, c.h), max(s.maxW, c.w)
		if len(c.rows) == 0 || len(c.cols) == 0 {
			continue
		}
		s.low, s.high = min(s.low, c.rows[0]), max(s.high, c.rows[len(c.rows)-1])
		s.src.left = max(s.src.left, -c.cols[0])
		top = max(top, -c.rows[0])
		bottom = max(bottom, (c.h-1)*s.stride+c.rows[len(c.rows)-1]-(s.src.h-1))
		right = max(right, (c.w-1)*s.stride+c.cols[len(c.cols)-1]-(s.src.w-1))
	}
	s.src.wide = s.src.left + s.src.w + right
	s.padded = top+bottom+s.src.left+right > 0
}

// joined says that the column taps of a part are neighbours in a single group.
func (s *directConv[T]) joined(c *correlation) bool {
	return s.groups == 1 && len(c.cols) > 0 && c.cols[len(c.cols)-1]-c.cols[0] == len(c.cols)-1
}

// geometry is that of a part. Column taps that are neighbours form one run with the
// channels when there is a single group.
func (s *directConv[T]) geometry(c *correlation) convGeometry {
	src := s.src.strides()
	g := convGeometry{dst: s.dst, src: strides{s.stride * src.row, s.stride * src.pixel},
		runLen: s.cin, wStep: s.groups * s.cout, wRun: s.cin * s.groups * s.cout, channels: s.cout}
	if s.depthwise() {
		g.channels = s.groups
	}
	joined := s.joined(c)
	if joined {
		g.runLen = len(c.cols) * s.cin
		g.wRun = g.runLen * g.wStep
	}
	for _, row := range c.rows {
		for j, col := range c.cols {
			if j == 0 || !joined {
				g.starts = append(g.starts, src.at(row-c.rows[0], col-c.cols[0]))
			}
		}
	}
	return g
}

// block computes rows x pixels results of a part for the kth pair. They lie at dst, the
// first tap of the first one at src.
func (s *directConv[T]) block(c *correlation, k int, dst, src []T, rows, pixels int) {
	w := s.w[k][c.weights:]
	if s.depthwise() {
		s.kernels.depthwise(&c.g, dst, src, w, rows, pixels, k > 0)
		return
	}
	for g := range s.groups {
		s.kernels.conv(&c.g, dst[g*s.cout:], src[min(g*s.cin, len(src)):], w[g*s.cout:], rows, pixels, k > 0)
	}
}

// planRows has tiles of some rows of results of one image.
func (s *directConv[T]) planRows(p *plan[T], work int) {
	size := max(blockPixels/s.maxW, 1)
	if s.depthwise() { // less work on a pixel, so that copying the same margins twice weighs more
		size = max(4*blockPixels/s.maxW, 1)
	}
	blocks := (s.maxH + size - 1) / size
	var margins [][]T
	if s.padded {
		margins = p.perWorker(s.src.len((size-1)*s.stride + s.high - s.low + 1))
	}
	p.batch(s.images, s.images*blocks, work, func(tile, worker int) {
		n, q0 := tile/blocks, tile%blocks*size
		q1 := min(q0+size, s.maxH)
		dst := s.y[n*s.dstImage : (n+1)*s.dstImage]
		for k, x := range s.x {
			src, first := imageOf(x, &s.src, n), 0
			if s.padded {
				first = q0*s.stride + s.low
				padRows(margins[worker], src, &s.src, first, (q1-1)*s.stride+s.high)
				src = margins[worker]
			}
			for i := range s.parts {
				c := &s.parts[i]
				rows := min(q1, c.h) - q0
				if rows <= 0 {
					continue
				}
				from := src
				if len(c.g.starts) > 0 {
					from = src[s.src.at(q0*s.stride+c.rows[0]-first, c.cols[0]):]
				}
				s.block(c, k, dst[c.y0+q0*s.dst.row:], from, rows, c.w)
			}
		}
	})
}

// shortRows says that rows of so many pixels are too short for the kernels, or end with few of
// them, and that there are images enough to take pixels from. Kernels end a row
// that they do not divide with pixels done twice.
func shortRows(pixels, images int) bool {
	twice := (pixels+shortRow-1)/shortRow*shortRow - pixels
	return 4*twice > pixels && images >= shortRow
}

// short says that planShort can do all parts, and should.
func (s *directConv[T]) short() bool {
	if s.groups > 1 || !shortRows(s.maxW, s.images) {
		return false
	}
	for i := range s.parts {
		if c := &s.parts[i]; len(c.rows) > 0 && len(c.cols) > 0 && !s.joined(c) {
			return false
		}
	}
	return true
}

// planShort takes the same pixel of several images as a row:
//
//	image 0   . . . .        image 1   . . . .        image 2   . . . .
//	          . a . .                  . b . .                  . c . .      row:  a b c ...
//
// All of them meet the same taps, so that those outside of the image are left out: of
// the 9 taps of a 3x3 kernel a pixel of a 2x2 image meets 4. Neighbours that meet the
// same taps are done together.
func (s *directConv[T]) planShort(p *plan[T], work int) {
	type run struct {
		g             convGeometry // a row is a pixel, and a pixel an image
		src, w, first int          // where the taps, their weights and the results begin
		rows          int
	}
	c, image := s.src.channels, s.src.h*s.src.w*s.src.channels
	var runs []run
	for i := range s.parts {
		part := &s.parts[i]
		for r := range part.h {
			i0, i1 := inside(part.rows, r*s.stride, s.src.h)
			before := [2]int{-1, -1}
			for q := range part.w {
				j0, j1 := inside(part.cols, q*s.stride, s.src.w)
				if taps := [2]int{j0, j1}; taps == before {
					runs[len(runs)-1].rows++
					continue
				} else {
					before = taps
				}
				n := run{rows: 1, first: part.y0 + s.dst.at(r, q), g: convGeometry{
					dst: strides{s.dst.pixel, s.dstImage}, src: strides{s.stride * c, image},
					wStep: s.cout, wRun: len(part.cols) * s.cin * s.cout, channels: s.cout}}
				if i0 < i1 && j0 < j1 {
					n.src = ((r*s.stride+part.rows[i0])*s.src.w + q*s.stride + part.cols[j0]) * c
					n.w, n.g.runLen = part.weights+(i0*len(part.cols)+j0)*s.cin*s.cout, (j1-j0)*s.cin
					for _, row := range part.rows[i0:i1] {
						n.g.starts = append(n.g.starts, (row-part.rows[i0])*s.src.w*c)
					}
				}
				runs = append(runs, n)
			}
		}
	}
	tiles := (s.images + shortRow - 1) / shortRow
	p.stage(tiles, work, func(tile, _ int) {
		n := tile * shortRow
		count := min(shortRow, s.images-n)
		for k, x := range s.x {
			images, y := x[n*image:], s.y[n*s.dstImage:]
			for i := range runs {
				r := &runs[i]
				s.kernels.conv(&r.g, y[r.first:], images[r.src:], s.w[k][r.w:], r.rows, count, k > 0)
			}
		}
	})
	if s.images%shortRow == 0 {
		p.divide(split{images: s.images, tiles: tiles, together: 1, run: p.stages[len(p.stages)-1].run})
	}
}

// inside is the range of taps at from + places[i], ascending, that lie in 0..n-1.
func inside(places []int, from, n int) (first, end int) {
	for end = len(places); end > 0 && from+places[end-1] >= n; end-- {
	}
	for first < end && from+places[first] < 0 {
		first++
	}
	return first, end
}

// planPointwise takes all pixels of the batch as one row.
func (s *directConv[T]) planPointwise(p *plan[T], work int) {
	c := &s.parts[0]
	cin, cout := s.src.channels, s.groups*s.cout
	c.g = convGeometry{dst: strides{0, cout}, src: strides{0, cin}, starts: []int{0}, runLen: s.cin, wStep: cout, wRun: s.cin * cout, channels: s.cout, stream: cin > 32}
	row := func(lo, n int) {
		for k, x := range s.x {
			for g := range s.groups {
				s.kernels.conv(&c.g, s.y[lo*cout+g*s.cout:], x[lo*cin+g*s.cin:], s.w[k][g*s.cout:], 1, n, k > 0)
			}
		}
	}
	image := s.src.h * s.src.w
	pixels := s.images * image
	p.stage((pixels+blockPixels-1)/blockPixels, work, func(tile, _ int) { row(tile*blockPixels, min(blockPixels, pixels-tile*blockPixels)) })
	if image > 1 {
		p.divide(split{images: s.images, tiles: s.images, together: 1, run: func(n, _ int) { row(n*image, image) }})
	}
}
