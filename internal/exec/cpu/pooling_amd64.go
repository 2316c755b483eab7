//go:build !noasm

package cpu

// strip is the argument of the loops below, which go over blocks of a fixed number
// of elements: results at y, what they meet at x + offs[t] and, as far as a loop
// reads one, the index. The next block follows at yBlock and xBlock bytes. The
// loops change nothing in it, so that its pointers stay inside their slices.
type strip struct {
	y, index, x    *float32
	offs           *int
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

// cut sets the blocks for what can be done at once of pixels of c elements from
// element k on. It gives the width of a block and how many elements of each pixel
// that is; 0 means too few for a vector.
func (s *strip) cut(k, dstStep, srcStep, pixels, c int) (width, done int) {
	width = 32
	for width > c-k {
		width /= 2
	}
	if width < 4 {
		return 0, 0
	}
	if pixels == 1 {
		s.blocks, s.yBlock, s.xBlock = (c-k)/width, 4*width, 4*width
		return width, s.blocks * width
	}
	s.blocks, s.yBlock, s.xBlock = pixels, 4*dstStep, 4*srcStep
	return width, width
}

// line is where results lie: rows of pixels of c elements.
type line struct{ rows, dstRow, dstStep, srcRow, srcStep, pixels, c int }

// straight puts the pixels of a line one after another where it can: pixels side
// by side are one long pixel, and a column of pixels is a row.
func straight(dstRow, dstStep, srcRow, srcStep, rows, pixels, c int) line {
	if pixels == 1 {
		return line{1, 0, dstRow, 0, srcRow, rows, c}
	}
	pixels, c = run(dstStep, srcStep, pixels, c)
	return line{rows, dstRow, dstStep, srcRow, srcStep, pixels, c}
}

// last is the element after the last of the results or of what the first tap meets.
func (l *line) last(row, step int) int { return (l.rows-1)*row + (l.pixels-1)*step + l.c }

func maxIndexAVX2(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, places []float32, rows, pixels, c int) {
	l := straight(dstRow, dstStep, srcRow, srcStep, rows, pixels, c)
	_, _ = dst[l.last(l.dstRow, l.dstStep)-1], src[l.last(l.srcRow, l.srcStep)-1+offs[len(offs)-1]]
	s := strip{offs: &offs[0], places: &places[:len(offs)][0], taps: len(offs)}
	for r := range l.rows {
		for k := 0; k < l.c; {
			at, from := r*l.dstRow+k, r*l.srcRow+k
			width, done := s.cut(k, l.dstStep, l.srcStep, l.pixels, l.c)
			if width == 0 {
				portableMaxIndex(dst[at:], 0, l.dstStep, src[from:], 0, l.srcStep, offs, places, 1, l.pixels, l.c-k)
				break
			}
			s.y, s.x = &dst[at], &src[from]
			s.maxIndex(width)
			k += done
		}
	}
}

func maxGatherAVX2(dst []float32, dstRow, dstStep int, index, src []float32, srcRow, srcStep int, offs []int, places []float32, rows, pixels, c int) {
	l := straight(dstRow, dstStep, srcRow, srcStep, rows, pixels, c)
	end := l.last(l.dstRow, l.dstStep) - 1
	_, _, _ = dst[end], index[end], src[l.last(l.srcRow, l.srcStep)-1+offs[len(offs)-1]]
	s := strip{offs: &offs[0], places: &places[:len(offs)][0], taps: len(offs)}
	for r := range l.rows {
		for k := 0; k < l.c; {
			at, from := r*l.dstRow+k, r*l.srcRow+k
			width, done := s.cut(k, l.dstStep, l.srcStep, l.pixels, l.c)
			if width == 0 {
				portableMaxGather(dst[at:], 0, l.dstStep, index[at:], src[from:], 0, l.srcStep, offs, places, 1, l.pixels, l.c-k)
				break
			}
			s.y, s.index, s.x = &dst[at], &index[at], &src[from]
			s.maxGather(width)
			k += done
		}
	}
}

func maxScatterAVX2(dst []float32, dstRow, dstStep int, index, src []float32, srcRow, srcStep int, offs []int, places []float32, rows, pixels, c int) {
	if len(offs) == 0 {
		portableMaxScatter(dst, dstRow, dstStep, index, src, srcRow, srcStep, offs, places, rows, pixels, c)
		return
	}
	l := straight(dstRow, dstStep, srcRow, srcStep, rows, pixels, c)
	end := l.last(l.srcRow, l.srcStep) - 1 + offs[len(offs)-1]
	_, _, _ = dst[l.last(l.dstRow, l.dstStep)-1], index[end], src[end]
	s := strip{offs: &offs[0], places: &places[:len(offs)][0], taps: len(offs)}
	for r := range l.rows {
		for k := 0; k < l.c; {
			at, from := r*l.dstRow+k, r*l.srcRow+k
			width, done := s.cut(k, l.dstStep, l.srcStep, l.pixels, l.c)
			if width == 0 {
				portableMaxScatter(dst[at:], 0, l.dstStep, index[from:], src[from:], 0, l.srcStep, offs, places, 1, l.pixels, l.c-k)
				break
			}
			s.y, s.index, s.x = &dst[at], &index[from], &src[from]
			s.maxScatter(width)
			k += done
		}
	}
}
