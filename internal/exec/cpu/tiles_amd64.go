//go:build !noasm

package cpu

import "golang.org/x/sys/cpu"

// instructionSets are the sets of loops for AVX2 and AVX-512 that this processor can run,
// the best one last. They use no fused multiply-add and add up in the order of the
// portable kernels.
func instructionSets() []func(*kernels[float32]) {
	switch {
	case !cpu.X86.HasAVX2:
		return nil
	case !cpu.X86.HasAVX512F:
		return []func(*kernels[float32]){useAVX2}
	}
	return []func(*kernels[float32]){useAVX2, useAVX512}
}

func useAVX512(in *kernels[float32]) {
	useAVX2(in)
	in.conv, in.convWeight = convAVX512, convWeightAVX512
	in.depth, in.depthWeight = depthAVX512, depthWeightAVX512
}

func useAVX2(in *kernels[float32]) {
	in.conv, in.convWeight = convAVX2, convWeightAVX2
	in.depth, in.depthWeight = depthAVX2, depthWeightAVX2
	in.maxIndex, in.maxGather, in.maxScatter = maxIndexAVX2, maxGatherAVX2, maxScatterAVX2
	in.sum, in.dot, in.square = sumAVX2, dotAVX2, squareAVX2
	in.relu, in.reluMask, in.add, in.sum3, in.mul, in.axpy = reluAVX2, reluMaskAVX2, addAVX2, sum3AVX2, mulAVX2, axpyAVX2
	in.lin, in.norm, in.bnGrad = linAVX2, normAVX2, bnGradAVX2
}

// tile is the argument of the tile functions. tilePxW computes blocks of P rows of
// W results each, with all steps and rows in bytes:
//
//	out[p·outStep + o] = Σ_t Σ_j x[p·pStep + t-th offset + j·xStep] · w[t·(run·wStep + wRow) + j·wStep + o]
//
// over runs t and steps j < run, or adds that to out if add is set. The t-th
// offset is offs[t] elements, or t·xRow without offs. The next block follows at
// xBlock and outBlock. blocks is used up; moved is how far x has come, which is
// kept beside x because a pointer may not leave its slice: the last block's
// successor can lie beyond it, where the garbage collector finds no object.
type tile struct {
	x, w, out        *float32
	offs             *int
	runs, run        int
	xStep, pStep     int
	wStep, outStep   int
	blocks           int
	xBlock, outBlock int
	xRow, wRow       int
	add              int
	moved            int
}

//go:noescape
func tile8x8(a *tile)

//go:noescape
func tile4x8(a *tile)

//go:noescape
func tile1x8(a *tile)

//go:noescape
func tile4x16(a *tile)

//go:noescape
func tile1x16(a *tile)

//go:noescape
func tile8x4(a *tile)

//go:noescape
func tile4x4(a *tile)

//go:noescape
func tile1x4(a *tile)

//go:noescape
func pairs16x4(a *tile)

//go:noescape
func tile4x12(a *tile)

//go:noescape
func depthwise8x8(a *tile)

//go:noescape
func depthwise1x8(a *tile)

//go:noescape
func depthwise8x4(a *tile)

//go:noescape
func depthwise1x4(a *tile)

//go:noescape
func depthwiseWeight5x16(a *tile)

//go:noescape
func depthwiseWeight3x16(a *tile)

//go:noescape
func depthwiseWeight1x16(a *tile)

//go:noescape
func depthwiseWeight5x8(a *tile)

//go:noescape
func depthwiseWeight3x8(a *tile)

//go:noescape
func depthwiseWeight5x4(a *tile)

//go:noescape
func depthwiseWeight3x4(a *tile)

// The rest needs AVX-512.

//go:noescape
func tile8x16(a *tile)

//go:noescape
func tile8x32(a *tile)

//go:noescape
func tile4x32(a *tile)

//go:noescape
func tile16x16(a *tile)

//go:noescape
func depthwise8x16(a *tile)

//go:noescape
func depthwiseWeight5x16AVX512(a *tile)

//go:noescape
func depthwiseWeight3x16AVX512(a *tile)

//go:noescape
func depthwiseWeight1x16AVX512(a *tile)

// call runs the tile function of rows x width. Widths deep, deep4 and deep16 stand
// for 8, 4 and 16 channels, each by itself; 16 rows of width 4 are pairs. What
// needs AVX-512 are width 32, 8 and 16 rows of width 16 and deep16.
func (a *tile) call(rows, width int) {
	switch {
	case width == 32 && rows == 8:
		tile8x32(a)
	case width == 32:
		tile4x32(a)
	case width == 16 && rows == 16:
		tile16x16(a)
	case width == 16 && rows == 8:
		tile8x16(a)
	case width == deep16:
		depthwise8x16(a)
	case width == 16 && rows == 4:
		tile4x16(a)
	case width == 16:
		tile1x16(a)
	case width == 8 && rows == 8:
		tile8x8(a)
	case width == 8 && rows == 4:
		tile4x8(a)
	case width == 8:
		tile1x8(a)
	case width == deep && rows == 8:
		depthwise8x8(a)
	case width == deep:
		depthwise1x8(a)
	case width == deep4 && rows == 8:
		depthwise8x4(a)
	case width == deep4:
		depthwise1x4(a)
	case rows == 16:
		pairs16x4(a)
	case rows == 8:
		tile8x4(a)
	case rows == 4:
		tile4x4(a)
	default:
		tile1x4(a)
	}
}

const deep, deep4, deep16 = 1, 2, 3

// grid is rows x pixels of results and what they are computed from.
type grid struct {
	dst             []float32
	dstRow, dstStep int
	src             []float32
	srcRow, srcStep int
	rows, pixels    int
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cover runs tiles of size pixels and a width of results from result o on over
// the grid. Where size does not divide the pixels of a row, the last tile
// computes some of them once more, which must not be when it adds.
func (g *grid) cover(a *tile, o, size, width int) {
	if g.rows == 1 { // one pixel tile after another
		a.x, a.out = &g.src[0], &g.dst[o]
		a.blocks, a.xBlock, a.outBlock = g.pixels/size, 4*size*g.srcStep, 4*size*g.dstStep
		a.call(size, width)
		if p := g.pixels - size; g.pixels%size != 0 {
			a.x, a.out, a.blocks = &g.src[p*g.srcStep], &g.dst[p*g.dstStep+o], 1
			a.call(size, width)
		}
		return
	}
	for p := 0; p < g.pixels; p += size { // one row after another
		p = min(p, g.pixels-size)
		a.x, a.out = &g.src[p*g.srcStep], &g.dst[p*g.dstStep+o]
		a.blocks, a.xBlock, a.outBlock = g.rows, 4*g.srcRow, 4*g.dstRow
		a.call(size, width)
	}
}

// width is how many of n results a tile takes, widest at most; 0 means too few
// for a vector.
func width(n, widest int) int {
	switch {
	case n >= 32 && widest >= 32:
		return 32
	case n >= 16:
		return 16
	case n >= 8:
		return 8
	case n >= 4:
		return 4
	}
	return 0
}

func convAVX2(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, run int, w []float32, wStep, rows, pixels, oc int, add bool) {
	tiledConv(dst, dstRow, dstStep, src, srcRow, srcStep, offs, run, w, wStep, rows, pixels, oc, add, 16)
}

func convAVX512(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, run int, w []float32, wStep, rows, pixels, oc int, add bool) {
	tiledConv(dst, dstRow, dstStep, src, srcRow, srcStep, offs, run, w, wStep, rows, pixels, oc, add, 32)
}

// tiledConv is conv in tiles of up to widest results: 16, or with AVX-512 32.
func tiledConv(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, run int, w []float32, wStep, rows, pixels, oc int, add bool, widest int) {
	if len(offs) == 0 || rows == 0 || pixels == 0 {
		portableConv(dst, dstRow, dstStep, src, srcRow, srcStep, offs, run, w, wStep, rows, pixels, oc, add)
		return
	}
	// The last elements in use.
	_, _ = dst[(rows-1)*dstRow+(pixels-1)*dstStep+oc-1], w[(len(offs)*run-1)*wStep+oc-1]
	_ = src[(rows-1)*srcRow+offs[len(offs)-1]+(pixels-1)*srcStep+run-1]
	a := tile{offs: &offs[0], runs: len(offs), run: run, xStep: 4, pStep: 4 * srcStep, wStep: 4 * wStep, outStep: 4 * dstStep, add: bit(add)}
	g := grid{dst, dstRow, dstStep, src, srcRow, srcStep, rows, pixels}
	if oc == 4 && dstStep == 4 && srcStep == 4 && wStep == 4 && run%4 == 0 && pixels >= 16 {
		// 4 channels to 4: two neighbours fill a vector.
		a.w, a.run, a.xStep, a.wStep, a.outStep = &w[0], run/4, 16, 64, 32
		if add {
			g.pixels = pixels / 16 * 16
		}
		g.cover(&a, 0, 16, 4)
		if p := g.pixels; p < pixels {
			tiledConv(dst[p*dstStep:], dstRow, dstStep, src[p*srcStep:], srcRow, srcStep, offs, run, w, wStep, rows, pixels-p, oc, add, widest)
		}
		return
	}
	rest := widest
	if pixels < 4 {
		rest = 16
	}
	for o := 0; o < oc; {
		n := width(oc-o, rest)
		if n == 0 {
			portableConv(dst[o:], dstRow, dstStep, src, srcRow, srcStep, offs, run, w[o:], wStep, rows, pixels, oc-o, add)
			return
		}
		size := 8
		if n == 16 && widest == 16 {
			size = 4
		}
		if size > pixels {
			size = 4
		}
		if size > pixels {
			size = 1
		}
		a.w = &w[o]
		if g.pixels = pixels; add {
			g.pixels = pixels / size * size
		}
		g.cover(&a, o, size, n)
		if p := g.pixels; p < pixels {
			tiledConv(dst[p*dstStep+o:], dstRow, dstStep, src[p*srcStep:], srcRow, srcStep, offs, run, w[o:], wStep, rows, pixels-p, n, add, widest)
		}
		o += n
	}
}

func convWeightAVX2(dw []float32, dwStep int, x []float32, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, ic, oc int) {
	tiledWeight(dw, dwStep, x, xRow, xStep, dy, dyRow, dyStep, rows, cols, ic, oc, 16)
}

func convWeightAVX512(dw []float32, dwStep int, x []float32, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, ic, oc int) {
	tiledWeight(dw, dwStep, x, xRow, xStep, dy, dyRow, dyStep, rows, cols, ic, oc, 32)
}

// tiledWeight is convWeight in tiles of up to widest results: 16, or with AVX-512 32.
func tiledWeight(dw []float32, dwStep int, x []float32, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, ic, oc, widest int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _, _ = dw[(ic-1)*dwStep+oc-1], x[(rows-1)*xRow+(cols-1)*xStep+ic-1], dy[(rows-1)*dyRow+(cols-1)*dyStep+oc-1]
	a := tile{runs: rows, run: cols, xStep: 4 * xStep, pStep: 4, wStep: 4 * dyStep, outStep: 4 * dwStep,
		xRow: 4 * xRow, wRow: 4 * (dyRow - cols*dyStep), add: 1}
	rest := widest
	if ic%4 != 0 {
		rest = 16
	}
	for o := 0; o < oc; {
		n := width(oc-o, rest)
		if n == 0 {
			portableConvWeight(dw[o:], dwStep, x, xRow, xStep, dy[o:], dyRow, dyStep, rows, cols, ic, oc-o)
			return
		}
		a.w = &dy[o]
		i := 0
		if n == 4 { // too narrow: put the inputs side by side instead
			for ; i+12 <= ic; i += 12 {
				narrowWeight(dw[i*dwStep+o:], dwStep, x[i:], xRow, xStep, dy[o:], dyRow, dyStep, rows, cols)
			}
		}
		for _, block := range [...]int{16, 8, 4, 1} {
			if ic-i < block || block == 16 && (n != 16 || widest == 16) || block == 8 && n == 16 && widest == 16 {
				continue
			}
			a.x, a.out = &x[i], &dw[i*dwStep+o]
			a.blocks, a.xBlock, a.outBlock = (ic-i)/block, 4*block, 4*block*dwStep
			a.call(block, n)
			i += (ic - i) / block * block
		}
		o += n
	}
}

// narrowWeight is convWeightAVX2 for 12 inputs and 4 results.
func narrowWeight(dw []float32, dwStep int, x []float32, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols int) {
	var sums [4][12]float32
	a := tile{x: &dy[0], w: &x[0], out: &sums[0][0], runs: rows, run: cols, xStep: 4 * dyStep, pStep: 4, wStep: 4 * xStep, outStep: 4 * 12,
		blocks: 1, xRow: 4 * dyRow, wRow: 4 * (xRow - cols*xStep)}
	tile4x12(&a)
	for i := range 12 {
		d := (*[4]float32)(dw[i*dwStep:])
		for o := range d {
			d[o] += sums[o][i]
		}
	}
}

func depthAVX2(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, w []float32, rows, pixels, c int, add bool) {
	tiledDepth(dst, dstRow, dstStep, src, srcRow, srcStep, offs, w, rows, pixels, c, add, 8)
}

func depthAVX512(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, w []float32, rows, pixels, c int, add bool) {
	tiledDepth(dst, dstRow, dstStep, src, srcRow, srcStep, offs, w, rows, pixels, c, add, 16)
}

// tiledDepth is depth in vectors of up to widest channels: 8, or with AVX-512 16.
func tiledDepth(dst []float32, dstRow, dstStep int, src []float32, srcRow, srcStep int, offs []int, w []float32, rows, pixels, c int, add bool, widest int) {
	if len(offs) == 0 || rows == 0 || pixels == 0 || c%4 != 0 {
		portableDepth(dst, dstRow, dstStep, src, srcRow, srcStep, offs, w, rows, pixels, c, add)
		return
	}
	_, _ = dst[(rows-1)*dstRow+(pixels-1)*dstStep+c-1], w[len(offs)*c-1]
	_ = src[(rows-1)*srcRow+offs[len(offs)-1]+(pixels-1)*srcStep+c-1]
	a := tile{offs: &offs[0], runs: len(offs), run: 1, pStep: 4 * srcStep, wStep: 4 * c, outStep: 4 * dstStep, add: bit(add)}
	size := 8
	if size > pixels {
		size = 1
	}
	if size == 1 {
		widest = 8
	}
	if p := pixels / size * size; add && p < pixels {
		tiledDepth(dst[p*dstStep:], dstRow, dstStep, src[p*srcStep:], srcRow, srcStep, offs, w, rows, pixels-p, c, add, widest)
		pixels = p
	}
	for k := 0; k < c; {
		g := grid{dst, dstRow, dstStep, src[k:], srcRow, srcStep, rows, pixels}
		a.w = &w[k]
		switch {
		case c-k >= 16 && widest == 16:
			g.cover(&a, k, size, deep16)
			k += 16
		case c-k >= 8:
			g.cover(&a, k, size, deep)
			k += 8
		default:
			g.cover(&a, k, size, deep4)
			k += 4
		}
	}
}

func depthWeightAVX2(dw []float32, taps int, x []float32, xTap, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, c int) {
	tiledDepthWeight(dw, taps, x, xTap, xRow, xStep, dy, dyRow, dyStep, rows, cols, c, false)
}

func depthWeightAVX512(dw []float32, taps int, x []float32, xTap, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, c int) {
	tiledDepthWeight(dw, taps, x, xTap, xRow, xStep, dy, dyRow, dyStep, rows, cols, c, true)
}

// tiledDepthWeight is depthWeight in vectors of 8 channels, or of 16 if wide.
func tiledDepthWeight(dw []float32, taps int, x []float32, xTap, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, c int, wide bool) {
	if rows == 0 || cols == 0 || taps == 0 {
		return
	}
	_, _, _ = dw[taps*c-1], x[(rows-1)*xRow+(cols-1)*xStep+(taps-1)*xTap+c-1], dy[(rows-1)*dyRow+(cols-1)*dyStep+c-1]
	a := tile{runs: rows, run: cols, xStep: 4 * xStep, pStep: 4 * xTap, wStep: 4 * dyStep, outStep: 4 * c,
		xRow: 4 * xRow, wRow: 4 * (dyRow - cols*dyStep), add: 1}
	k := 0
	for width := 16; width >= 4; width /= 2 {
		for ; k+width <= c; k += width {
			for t := 0; t < taps; {
				n := 5
				for n > taps-t {
					n -= 2
				}
				a.x, a.w, a.out, a.blocks = &x[t*xTap+k], &dy[k], &dw[t*c+k], 1
				a.weigh(n, width, wide)
				t += n
			}
		}
	}
	for t := range taps {
		portableDepthTap(dw[t*c+k:], x[t*xTap+k:], xRow, xStep, dy[k:], dyRow, dyStep, rows, cols, c-k)
	}
}

// weigh runs the loop for 1, 3 or 5 taps of 16, 8 or 4 channels, each by itself;
// wide is for AVX-512.
func (a *tile) weigh(taps, width int, wide bool) {
	switch {
	case width == 16 && wide && taps == 5:
		depthwiseWeight5x16AVX512(a)
	case width == 16 && wide && taps == 3:
		depthwiseWeight3x16AVX512(a)
	case width == 16 && wide:
		depthwiseWeight1x16AVX512(a)
	case width == 16 && taps == 5:
		depthwiseWeight5x16(a)
	case width == 16 && taps == 3:
		depthwiseWeight3x16(a)
	case width == 16:
		depthwiseWeight1x16(a)
	case width == 8 && taps == 5:
		depthwiseWeight5x8(a)
	case width == 8 && taps == 3:
		depthwiseWeight3x8(a)
	case width == 8:
		depthwise1x8(a)
	case taps == 5:
		depthwiseWeight5x4(a)
	case taps == 3:
		depthwiseWeight3x4(a)
	default:
		depthwise1x4(a)
	}
}
