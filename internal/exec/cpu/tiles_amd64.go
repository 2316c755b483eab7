//go:build !noasm

package cpu

import "unsafe"

// A registerTile is the results whose sums an assembly function keeps in registers
// while it goes through what they are sums of: height x width of them, width ones
// side by side in vectors. Heights are pixels of a convolution, inputs of a gradient
// of weights, or taps of a depthwise one. A step of a tile of 3 x 4 loads a vector of w
// and multiplies it with an x of each pixel:
//
//	               w   w   w   w
//	pixel 0   x    +   +   +   +
//	pixel 1   x    +   +   +   +
//	pixel 2   x    +   +   +   +
type registerTile struct {
	kind          tileKind
	height, width int
}

type tileKind uint8

const (
	outer            tileKind = iota // each x meets each w, as drawn
	masked                           // the same for fewer than 4 results
	pairs                            // the same for 4 inputs and 4 results that lie side by side: two pixels fill a vector
	depthwiseTile                    // x are vectors too, and a channel meets itself alone
	depthwisePairs                   // the same for 4 channels of pixels that lie side by side
	depthwiseTaps                    // as depthwiseTile, for the gradient of weights
	depthwiseTaps512                 // in vectors of 16
)

// tileRow lists the tiles of one kind and width, the highest first.
type tileRow struct {
	kind    tileKind
	width   int
	heights []int
}

// tileSet lists the tiles of an instruction set, the widest first.
type tileSet struct{ conv, convWeight, depthwise, depthwiseWeight []tileRow }

// The numbers of all tiles. AVX2 has 16 registers of 8 numbers, AVX-512 has 32 of 16;
// some must be left for w and x. Two units that take 4 to 5 cycles for a fused
// multiply-add are busy with 8 to 10 sums at a time.
var (
	narrow = []tileRow{{outer, 8, []int{8, 4, 3, 1}}, {outer, 4, []int{8, 4, 1}},
		{masked, 3, []int{8, 1}}, {masked, 2, []int{8, 1}}, {masked, 1, []int{8, 1}}}
	tilesAVX2 = tileSet{
		conv:            append([]tileRow{{outer, 16, []int{6, 4, 1}}}, narrow...),
		convWeight:      append([]tileRow{{outer, 24, []int{4}}, {outer, 16, []int{6, 4, 1}}, {outer, 12, []int{4}}}, narrow...),
		depthwise:       []tileRow{{depthwiseTile, 8, []int{8, 4, 1}}, {depthwiseTile, 4, []int{8, 4, 1}}},
		depthwiseWeight: []tileRow{{depthwiseTaps, 16, []int{5, 3, 1}}, {depthwiseTaps, 8, []int{5, 3, 1}}, {depthwiseTaps, 4, []int{5, 3, 1}}},
	}
	tilesAVX512 = tileSet{
		conv:            append([]tileRow{{outer, 32, []int{8, 4}}, {outer, 16, []int{16, 8, 4, 1}}}, narrow...),
		convWeight:      append([]tileRow{{outer, 32, []int{8, 4}}, {outer, 16, []int{16, 8, 4, 1}}, {outer, 12, []int{4}}}, narrow...),
		depthwise:       []tileRow{{depthwiseTile, 16, []int{8, 4}}, {depthwiseTile, 8, []int{8, 4, 1}}, {depthwiseTile, 4, []int{8, 4, 1}}},
		depthwiseWeight: []tileRow{{depthwiseTaps512, 16, []int{5, 3, 1}}, {depthwiseTaps, 8, []int{5, 3, 1}}, {depthwiseTaps, 4, []int{5, 3, 1}}},
	}
)

// Tiles for 4 channels of pixels that lie side by side.
var (
	pairTiles          = tileRow{pairs, 4, []int{16, 8}}
	depthwisePairTiles = tileRow{depthwisePairs, 4, []int{16, 8, 4}}
)

// lowest is the height of the row's lowest tile.
func (r *tileRow) lowest() int { return r.heights[len(r.heights)-1] }

// halves says that the highest tile, of 16 pixels, is two of 8 that lie anywhere.
func (r *tileRow) halves() bool { return r.heights[0] == 16 && r.kind != depthwisePairs }

// fitting is the widest row of tiles for so many results a pixel, of which one is no
// higher than height; nil if there are too few for a vector.
func fitting(list []tileRow, height, width int) *tileRow {
	for i := range list {
		if r := &list[i]; r.width <= width && r.lowest() <= height {
			return r
		}
	}
	return nil
}

// highest is the highest tile of the row that is no higher than height.
func (r *tileRow) highest(height int) registerTile {
	for _, h := range r.heights {
		if h <= height {
			return registerTile{r.kind, h, r.width}
		}
	}
	panic("cpu: no tile so low")
}

// cut is how many tiles of each height make up n, or as much of it as they can: of the
// highest as many as leave a multiple of the next height, where there is such a number.
func (r *tileRow) cut(n int) (counts [4]int) {
	for i, h := range r.heights {
		k := n / h
		if i+1 < len(r.heights) && h%r.heights[i+1] != 0 {
			for j := k; j >= 0; j-- {
				if (n-j*h)%r.heights[i+1] == 0 {
					k = j
					break
				}
			}
		}
		counts[i] = k
		n -= k * h
	}
	return counts
}

// least is the lowest height from 2 on that covers n, 0 if there is none.
func (r *tileRow) least(n int) int {
	for i := len(r.heights) - 1; i >= 0; i-- {
		if h := r.heights[i]; h > 1 && h >= n {
			return h
		}
	}
	return 0
}

// tileArgs is the argument of the tile functions. One computes blocks of height x
// width results, with all steps and rows in bytes:
//
//	out[p·outStep + o] = Σ_t Σ_j x[p·pStep + t-th run + j·xStep] · w[t·(runLen·wStep + wRow) + j·wStep + o]
//
// over runs t and steps j < runLen, or adds that to out if add is set. The t-th run
// begins at starts[t] elements, or at t·xRow without starts. The next block follows at
// xBlock and outBlock. A tile of 16 pixels is two of 8, xHalf and outHalf apart.
//
// blocks is used up; moved is how far x has come, which is kept beside x because a
// pointer may not leave its slice: the last block's successor can lie beyond it, where
// the garbage collector finds no object.
type tileArgs struct {
	x, w, out        *float32
	starts           *int
	runs, runLen     int
	xStep, pStep     int
	wStep, outStep   int
	blocks           int
	xBlock, outBlock int
	xRow, wRow       int
	add              int
	moved            int
	left             int      // runs, in tiles of two halves
	xHalf, outHalf   int      // to the second half of a tile of 16 pixels
	mask             [4]int32 // of masked tiles: -1 for each result that there is

	// Before each block memory is asked for so many lines from ahead on, one after another
	// from block to block. That is an address and no pointer, since nothing need be there.
	ahead      uintptr
	aheadLines int
	stream     bool // of a convolution: ask for the pixels that follow each block
}

// fetch has n bytes that lie after x fetched while blocks of tiles are computed, in equal
// shares.
func (a *tileArgs) fetch(x *float32, after, n, blocks int) {
	a.ahead = uintptr(unsafe.Pointer(x)) + uintptr(after)
	a.aheadLines = (n/line + blocks - 1) / blocks
}

const line = 64 // bytes of memory that come together

// call runs the function of a tile. Which ones need AVX-512 is told by the tile sets.
func (a *tileArgs) call(t registerTile) {
	switch t.kind {
	case outer:
		a.outer(t.height, t.width)
	case masked:
		a.masked(t.height, t.width)
	case pairs:
		if t.height == 16 {
			pairs16x4(a)
		} else {
			pairs8x4(a)
		}
	case depthwiseTile:
		a.depthwise(t.height, t.width)
	case depthwisePairs:
		a.depthwisePairs(t.height)
	case depthwiseTaps:
		a.depthwiseTaps(t.height, t.width)
	case depthwiseTaps512:
		a.depthwiseTaps512(t.height)
	}
}

func (a *tileArgs) outer(height, width int) {
	switch [2]int{height, width} {
	case [2]int{8, 32}:
		tile8x32(a)
	case [2]int{4, 32}:
		tile4x32(a)
	case [2]int{16, 16}:
		tile16x16(a)
	case [2]int{8, 16}:
		tile8x16(a)
	case [2]int{6, 16}:
		tile6x16(a)
	case [2]int{4, 16}:
		tile4x16(a)
	case [2]int{1, 16}:
		tile1x16(a)
	case [2]int{4, 24}:
		tile4x24(a)
	case [2]int{4, 12}:
		tile4x12(a)
	case [2]int{8, 8}:
		tile8x8(a)
	case [2]int{4, 8}:
		tile4x8(a)
	case [2]int{3, 8}:
		tile3x8(a)
	case [2]int{1, 8}:
		tile1x8(a)
	case [2]int{8, 4}:
		tile8x4(a)
	case [2]int{4, 4}:
		tile4x4(a)
	case [2]int{1, 4}:
		tile1x4(a)
	default:
		panic("cpu: no such tile")
	}
}

func (a *tileArgs) masked(height, width int) {
	a.mask = [4]int32{}
	for i := range width {
		a.mask[i] = -1
	}
	if height == 8 {
		masked8(a)
	} else {
		masked1(a)
	}
}

func (a *tileArgs) depthwise(height, width int) {
	switch [2]int{height, width} {
	case [2]int{8, 16}:
		depthwise8x16(a)
	case [2]int{4, 16}:
		depthwise4x16(a)
	case [2]int{8, 8}:
		depthwise8x8(a)
	case [2]int{4, 8}:
		depthwise4x8(a)
	case [2]int{1, 8}:
		depthwise1x8(a)
	case [2]int{8, 4}:
		depthwise8x4(a)
	case [2]int{4, 4}:
		depthwise4x4(a)
	case [2]int{1, 4}:
		depthwise1x4(a)
	default:
		panic("cpu: no such tile")
	}
}

func (a *tileArgs) depthwisePairs(pixels int) {
	switch pixels {
	case 16:
		depthwisePairs16(a)
	case 8:
		depthwisePairs8(a)
	default:
		depthwisePairs4(a)
	}
}

// depthwiseTaps has the functions of one pixel for one tap.
func (a *tileArgs) depthwiseTaps(taps, width int) {
	switch [2]int{taps, width} {
	case [2]int{5, 16}:
		depthwiseWeight5x16(a)
	case [2]int{3, 16}:
		depthwiseWeight3x16(a)
	case [2]int{1, 16}:
		depthwiseWeight1x16(a)
	case [2]int{5, 8}:
		depthwiseWeight5x8(a)
	case [2]int{3, 8}:
		depthwiseWeight3x8(a)
	case [2]int{1, 8}:
		depthwise1x8(a)
	case [2]int{5, 4}:
		depthwiseWeight5x4(a)
	case [2]int{3, 4}:
		depthwiseWeight3x4(a)
	case [2]int{1, 4}:
		depthwise1x4(a)
	default:
		panic("cpu: no such tile")
	}
}

func (a *tileArgs) depthwiseTaps512(taps int) {
	switch taps {
	case 5:
		depthwiseWeight5x16AVX512(a)
	case 3:
		depthwiseWeight3x16AVX512(a)
	default:
		depthwiseWeight1x16AVX512(a)
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

//go:noescape
func tile6x16(a *tileArgs)

//go:noescape
func tile4x16(a *tileArgs)

//go:noescape
func tile1x16(a *tileArgs)

//go:noescape
func tile4x24(a *tileArgs)

//go:noescape
func tile4x12(a *tileArgs)

//go:noescape
func tile8x8(a *tileArgs)

//go:noescape
func tile4x8(a *tileArgs)

//go:noescape
func tile3x8(a *tileArgs)

//go:noescape
func tile1x8(a *tileArgs)

//go:noescape
func tile8x4(a *tileArgs)

//go:noescape
func tile4x4(a *tileArgs)

//go:noescape
func tile1x4(a *tileArgs)

//go:noescape
func masked8(a *tileArgs)

//go:noescape
func masked1(a *tileArgs)

//go:noescape
func pairs16x4(a *tileArgs)

//go:noescape
func pairs8x4(a *tileArgs)

//go:noescape
func depthwise8x8(a *tileArgs)

//go:noescape
func depthwise4x8(a *tileArgs)

//go:noescape
func depthwise1x8(a *tileArgs)

//go:noescape
func depthwise8x4(a *tileArgs)

//go:noescape
func depthwise4x4(a *tileArgs)

//go:noescape
func depthwisePairs16(a *tileArgs)

//go:noescape
func depthwisePairs8(a *tileArgs)

//go:noescape
func depthwisePairs4(a *tileArgs)

//go:noescape
func depthwise1x4(a *tileArgs)

//go:noescape
func depthwiseWeight5x16(a *tileArgs)

//go:noescape
func depthwiseWeight3x16(a *tileArgs)

//go:noescape
func depthwiseWeight1x16(a *tileArgs)

//go:noescape
func depthwiseWeight5x8(a *tileArgs)

//go:noescape
func depthwiseWeight3x8(a *tileArgs)

//go:noescape
func depthwiseWeight5x4(a *tileArgs)

//go:noescape
func depthwiseWeight3x4(a *tileArgs)

// The rest needs AVX-512.

//go:noescape
func tile8x32(a *tileArgs)

//go:noescape
func tile4x32(a *tileArgs)

//go:noescape
func tile16x16(a *tileArgs)

//go:noescape
func tile8x16(a *tileArgs)

//go:noescape
func depthwise8x16(a *tileArgs)

//go:noescape
func depthwise4x16(a *tileArgs)

//go:noescape
func depthwiseWeight5x16AVX512(a *tileArgs)

//go:noescape
func depthwiseWeight3x16AVX512(a *tileArgs)

//go:noescape
func depthwiseWeight1x16AVX512(a *tileArgs)
