//go:build !noasm

package cpu

// strip is the argument of the loops below, which go over blocks of a fixed number
// of elements: results at y, what they meet at x + starts[t] and, as far as a loop
// reads one, the index. The next block follows at yBlock and xBlock bytes, the first one
// of the next row at yRow and xRow bytes from the end of the last one. The loops change
// nothing in it, so that its pointers stay inside their slices.
type strip struct {
	y, index, x    *float32
	starts         *int
	places         *float32
	taps           int
	rows, blocks   int
	yBlock, xBlock int
	yRow, xRow     int
}

//go:noescape
func maxIndex32(s *strip)

//go:noescape
func maxIndex16(s *strip)

//go:noescape
func maxIndex8(s *strip)

//go:noescape
func maxIndex4(s *strip)

//go:noescape
func maxGather32(s *strip)

//go:noescape
func maxGather16(s *strip)

//go:noescape
func maxGather8(s *strip)

//go:noescape
func maxGather4(s *strip)

//go:noescape
func maxScatter32(s *strip)

//go:noescape
func maxScatter16(s *strip)

//go:noescape
func maxScatter8(s *strip)

//go:noescape
func maxScatter4(s *strip)

func (s *strip) maxIndex(width int) {
	switch width {
	case 32:
		maxIndex32(s)
	case 16:
		maxIndex16(s)
	case 8:
		maxIndex8(s)
	default:
		maxIndex4(s)
	}
}

func (s *strip) maxGather(width int) {
	switch width {
	case 32:
		maxGather32(s)
	case 16:
		maxGather16(s)
	case 8:
		maxGather8(s)
	default:
		maxGather4(s)
	}
}

func (s *strip) maxScatter(width int) {
	switch width {
	case 32:
		maxScatter32(s)
	case 16:
		maxScatter16(s)
	case 8:
		maxScatter8(s)
	default:
		maxScatter4(s)
	}
}

// newStrip has the taps of a zone, of which there must be one.
func newStrip(r *zone[float32]) strip {
	return strip{starts: &r.g.starts[0], places: &r.places[:len(r.g.starts)][0], taps: len(r.g.starts), rows: r.flat.rows}
}

// cut sets the blocks for what can be done at once of f, which has 4 channels at least,
// from element k of its pixels on. It gives the width of a block, the element where
// it begins, and the next one to do. The last elements of pixels are cut as 4, some of
// which are done once more.
func (s *strip) cut(f *rectangle, k int) (width, from, next int) {
	width = 32
	for width > 4 && width > f.channels-k {
		width /= 2
	}
	from = min(k, f.channels-width)
	if f.pixels == 1 {
		s.blocks, s.yBlock, s.xBlock = (f.channels-from)/width, 4*width, 4*width
		next = from + s.blocks*width
	} else {
		s.blocks, s.yBlock, s.xBlock = f.pixels, 4*f.dst.pixel, 4*f.src.pixel
		next = from + width
	}
	s.yRow, s.xRow = 4*f.dst.row-s.blocks*s.yBlock, 4*f.src.row-s.blocks*s.xBlock
	return width, from, next
}

func maxIndexAVX2(r *zone[float32], dst, src []float32) {
	f := &r.flat
	if f.channels < 4 {
		portableMaxIndex(r, dst, src)
		return
	}
	_, _ = dst[f.end(f.dst)-1], src[f.end(f.src)-1+r.g.starts[len(r.g.starts)-1]]
	s := newStrip(r)
	for k := 0; k < f.channels; {
		width, from, next := s.cut(f, k)
		s.y, s.x = &dst[from], &src[from]
		s.maxIndex(width)
		k = next
	}
}

func maxGatherAVX2(r *zone[float32], dst, index, src []float32) {
	f := &r.flat
	if f.channels < 4 {
		portableMaxGather(r, dst, index, src)
		return
	}
	end := f.end(f.dst) - 1
	_, _, _ = dst[end], index[end], src[f.end(f.src)-1+r.g.starts[len(r.g.starts)-1]]
	s := newStrip(r)
	for k := 0; k < f.channels; {
		width, from, next := s.cut(f, k)
		s.y, s.index, s.x = &dst[from], &index[from], &src[from]
		s.maxGather(width)
		k = next
	}
}

func maxScatterAVX2(r *zone[float32], dst, index, src []float32) {
	f := &r.flat
	if f.channels < 4 || len(r.g.starts) == 0 {
		portableMaxScatter(r, dst, index, src)
		return
	}
	end := f.end(f.src) - 1 + r.g.starts[len(r.g.starts)-1]
	_, _, _ = dst[f.end(f.dst)-1], index[end], src[end]
	s := newStrip(r)
	for k := 0; k < f.channels; {
		width, from, next := s.cut(f, k)
		s.y, s.index, s.x = &dst[from], &index[from], &src[from]
		s.maxScatter(width)
		k = next
	}
}

// boxArgs is the argument of box8 and box4, which take 8 and 4 channels of a row at a
// time along its pixels, from some to those before others. All lengths are in bytes.
type boxArgs struct {
	y, x, outside, edge, inner *float32
	rows, pixels               int
	row, pixel                 int // from one to the next
	from, to                   int
}

//go:noescape
func box8(a *boxArgs)

//go:noescape
func box4(a *boxArgs)

func boxAVX2(b *box[float32], y, x []float32) {
	c, n := b.channels, b.pixels*b.channels
	if c < 4 {
		portableBox(b, y, x)
		return
	}
	_, _, _, _, _ = y[b.rows*n-1], x[b.rows*n-1], b.outside[n-1], b.edge[n-1], b.inner[n-1]
	a := boxArgs{y: &y[0], x: &x[0], outside: &b.outside[0], edge: &b.edge[0], inner: &b.inner[0],
		rows: b.rows, pixels: b.pixels, row: 4 * n, pixel: 4 * c, to: c / 8 * 32}
	if c >= 8 {
		box8(&a)
	}
	if c&4 != 0 {
		a.from, a.to = a.to, a.to+16
		box4(&a)
	}
	if c%4 != 0 { // the last 4, some of them once more
		a.from, a.to = 4*c-16, 4*c
		box4(&a)
	}
}
