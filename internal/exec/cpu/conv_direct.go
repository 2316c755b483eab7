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
	for i := range s.parts {
		s.parts[i].g = s.geometry(&s.parts[i])
	}
	// The kernels end a row that they do not divide with pixels done twice.
	twice := (s.maxW+shortRow-1)/shortRow*shortRow - s.maxW
	if s.padded && !s.depthwise() && 4*twice > s.maxW && s.images >= shortRow {
		s.planShort(p, work)
		return
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

// geometry is that of a part. Column taps that are neighbours form one run with the
// channels when there is a single group.
func (s *directConv[T]) geometry(c *correlation) convGeometry {
	src := s.src.strides()
	g := convGeometry{dst: s.dst, src: strides{s.stride * src.row, s.stride * src.pixel},
		runLen: s.cin, wStep: s.groups * s.cout, channels: s.cout}
	if s.depthwise() {
		g.channels = s.groups
	}
	joined := s.groups == 1 && len(c.cols) > 0 && c.cols[len(c.cols)-1]-c.cols[0] == len(c.cols)-1
	if joined {
		g.runLen = len(c.cols) * s.cin
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

// planShort is for images whose rows are shorter than what the kernels take at a time,
// or end with few pixels. It takes the same pixel of several images as a row:
//
//	image 0   . . . .        image 1   . . . .        image 2   . . . .
//	          . a . .                  . b . .                  . c . .      row:  a b c ...
func (s *directConv[T]) planShort(p *plan[T], work int) {
	rows := (s.maxH-1)*s.stride + s.high - s.low + 1
	image := s.src.len(rows)
	margins := p.perWorker(shortRow * image)
	for i := range s.parts {
		g := &s.parts[i].g
		g.dst, g.src = strides{0, s.dstImage}, strides{0, image}
	}
	tiles := (s.images + shortRow - 1) / shortRow
	p.stage(tiles, work, func(tile, worker int) {
		n := tile * shortRow
		count := min(shortRow, s.images-n)
		images := margins[worker]
		for k, x := range s.x {
			for i := range count {
				padRows(images[i*image:], imageOf(x, &s.src, n+i), &s.src, s.low, s.low+rows-1)
			}
			for i := range s.parts {
				c := &s.parts[i]
				for r := range c.h {
					for q := range c.w {
						from := images
						if len(c.g.starts) > 0 {
							from = images[s.src.at(r*s.stride+c.rows[0]-s.low, q*s.stride+c.cols[0]):]
						}
						s.block(c, k, s.y[n*s.dstImage+c.y0+s.dst.at(r, q):], from, 1, count)
					}
				}
			}
		}
	})
	if s.images%shortRow == 0 {
		p.divide(split{images: s.images, tiles: tiles, together: 1, run: p.stages[len(p.stages)-1].run})
	}
}

// planPointwise takes all pixels of the batch as one row.
func (s *directConv[T]) planPointwise(p *plan[T], work int) {
	c := &s.parts[0]
	cin, cout := s.src.channels, s.groups*s.cout
	c.g = convGeometry{dst: strides{0, cout}, src: strides{0, cin}, starts: []int{0}, runLen: s.cin, wStep: cout, channels: s.cout}
	row := func(lo, n int) {
		for k, x := range s.x {
			if cin > 32 { // pixels of several lines each
				prefetch(x[lo*cin : (lo+n)*cin])
			}
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
