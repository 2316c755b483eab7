//go:build !noasm

package cpu

// strip is the argument of the loops below, which go over blocks of a fixed number
// of elements: results at y, what they meet at x + starts[t] and, as far as a loop
// reads one, the index. The next block follows at yBlock and xBlock bytes. The
// loops change nothing in it, so that its pointers stay inside their slices.
type strip struct {
	y, index, x    *float32
	starts         *int
	places         *float32
	taps, blocks   int
	yBlock, xBlock int
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
	return strip{starts: &r.g.starts[0], places: &r.places[:len(r.g.starts)][0], taps: len(r.g.starts)}
}

// cut sets the blocks for what can be done at once of a row of f from element k of
// its pixels on. It gives the width of a block and how many elements of each pixel
// that is; 0 means too few for a vector.
func (s *strip) cut(f *rectangle, k int) (width, done int) {
	width = 32
	for width > f.channels-k {
		width /= 2
	}
	if width < 4 {
		return 0, 0
	}
	if f.pixels == 1 {
		s.blocks, s.yBlock, s.xBlock = (f.channels-k)/width, 4*width, 4*width
		return width, s.blocks * width
	}
	s.blocks, s.yBlock, s.xBlock = f.pixels, 4*f.dst.pixel, 4*f.src.pixel
	return width, width
}

// rest is the zone of the last elements of the pixels of a row, from k on.
func rest(r *zone[float32], k int) zone[float32] {
	f := r.flat
	f.rows, f.channels = 1, f.channels-k
	return zone[float32]{g: r.g, places: r.places, flat: f}
}

func maxIndexAVX2(r *zone[float32], dst, src []float32) {
	f := &r.flat
	_, _ = dst[f.end(f.dst)-1], src[f.end(f.src)-1+r.g.starts[len(r.g.starts)-1]]
	s := newStrip(r)
	for row := range f.rows {
		for k := 0; k < f.channels; {
			at, from := row*f.dst.row+k, row*f.src.row+k
			width, done := s.cut(f, k)
			if width == 0 {
				rest := rest(r, k)
				portableMaxIndex(&rest, dst[at:], src[from:])
				break
			}
			s.y, s.x = &dst[at], &src[from]
			s.maxIndex(width)
			k += done
		}
	}
}

func maxGatherAVX2(r *zone[float32], dst, index, src []float32) {
	f := &r.flat
	end := f.end(f.dst) - 1
	_, _, _ = dst[end], index[end], src[f.end(f.src)-1+r.g.starts[len(r.g.starts)-1]]
	s := newStrip(r)
	for row := range f.rows {
		for k := 0; k < f.channels; {
			at, from := row*f.dst.row+k, row*f.src.row+k
			width, done := s.cut(f, k)
			if width == 0 {
				rest := rest(r, k)
				portableMaxGather(&rest, dst[at:], index[at:], src[from:])
				break
			}
			s.y, s.index, s.x = &dst[at], &index[at], &src[from]
			s.maxGather(width)
			k += done
		}
	}
}

func maxScatterAVX2(r *zone[float32], dst, index, src []float32) {
	if len(r.g.starts) == 0 {
		portableMaxScatter(r, dst, index, src)
		return
	}
	f := &r.flat
	end := f.end(f.src) - 1 + r.g.starts[len(r.g.starts)-1]
	_, _, _ = dst[f.end(f.dst)-1], index[end], src[end]
	s := newStrip(r)
	for row := range f.rows {
		for k := 0; k < f.channels; {
			at, from := row*f.dst.row+k, row*f.src.row+k
			width, done := s.cut(f, k)
			if width == 0 {
				rest := rest(r, k)
				portableMaxScatter(&rest, dst[at:], index[from:], src[from:])
				break
			}
			s.y, s.index, s.x = &dst[at], &index[from], &src[from]
			s.maxScatter(width)
			k += done
		}
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
