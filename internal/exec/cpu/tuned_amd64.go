//go:build !noasm

package cpu

import "golang.org/x/sys/cpu"

// tune puts in the loops that are written for AVX2, if the processor has it.
// They use no fused multiply-add and add up in the order of the plain loops.
func tune(in *inner[float32]) {
	if !cpu.X86.HasAVX2 {
		return
	}
	in.conv, in.convWeight = avxConv, avxConvWeight
	in.depth, in.depthWeight = avxDepth, avxDepthWeight
	in.sum, in.dot, in.square = avxSum, avxDot, avxSquare
	in.relu, in.reluMask, in.add, in.sum3, in.mul, in.axpy = avxReLU, avxReLUMask, avxAdd, avxSum3, avxMul, avxAxpy
	in.lin, in.norm, in.bnGrad = avxLin, avxNorm, avxBNGrad
}

// tile is the argument of the tile functions. tilePxW computes blocks of P rows of
// W results each, with all steps and rows in bytes:
//
//	out[p·outStep + o] = Σ_t Σ_j x[p·pStep + t-th offset + j·xStep] · w[t·(run·wStep + wRow) + j·wStep + o]
//
// over runs t and steps j < run, or adds that to out if add is set. The t-th
// offset is offs[t] elements, or t·xRow without offs. The next block follows at
// xBlock and outBlock. blocks and x are used up.
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
func tile16x4(a *tile)

//go:noescape
func tile4x12(a *tile)

//go:noescape
func depth8(a *tile)

//go:noescape
func depth1(a *tile)

//go:noescape
func depth1x16(a *tile)

// tiles runs the tile function for blocks of rows x width.
func (a *tile) tiles(rows, width, blocks int) {
	a.blocks, a.xBlock, a.outBlock = blocks, rows*a.pStep, rows*a.outStep
	switch {
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
	case rows == 8:
		tile8x4(a)
	case rows == 4:
		tile4x4(a)
	default:
		tile1x4(a)
	}
}

// width is how many of n results a tile takes; 0 means too few for a vector.
func width(n int) int {
	switch {
	case n >= 16:
		return 16
	case n >= 8:
		return 8
	case n >= 4:
		return 4
	}
	return 0
}

func avxConv(dst []float32, dstStep int, src []float32, srcStep int, offs []int, run int, w []float32, wStep, pixels, oc int) {
	if len(offs) == 0 || pixels == 0 {
		plainConv(dst, dstStep, src, srcStep, offs, run, w, wStep, pixels, oc)
		return
	}
	// Offsets ascend, so these are the last elements in use.
	_, _, _ = dst[(pixels-1)*dstStep+oc-1], src[offs[len(offs)-1]+(pixels-1)*srcStep+run-1], w[(len(offs)*run-1)*wStep+oc-1]
	if oc == 4 && dstStep == 4 && srcStep == 4 && wStep == 4 && run%4 == 0 && pixels >= 16 {
		narrowConv(dst, src, offs, run, w, pixels)
		return
	}
	a := tile{offs: &offs[0], runs: len(offs), run: run, xStep: 4, pStep: 4 * srcStep, wStep: 4 * wStep, outStep: 4 * dstStep}
	for o := 0; o < oc; {
		n := width(oc - o)
		if n == 0 {
			plainConv(dst[o:], dstStep, src, srcStep, offs, run, w[o:], wStep, pixels, oc-o)
			return
		}
		rows := 8
		if n == 16 {
			rows = 4
		}
		if rows > pixels {
			rows = 4
		}
		if rows > pixels {
			rows = 1
		}
		a.w, a.x, a.out = &w[o], &src[0], &dst[o]
		a.tiles(rows, n, pixels/rows)
		if pixels%rows != 0 { // once more what the last full tile can reach
			p := pixels - rows
			a.x, a.out = &src[p*srcStep], &dst[p*dstStep+o]
			a.tiles(rows, n, 1)
		}
		o += n
	}
}

// narrowConv is avxConv for 4 channels to 4, where two neighbours fill a vector.
func narrowConv(dst, src []float32, offs []int, run int, w []float32, pixels int) {
	a := tile{x: &src[0], w: &w[0], out: &dst[0], offs: &offs[0], runs: len(offs), run: run / 4, xStep: 16, wStep: 64, outStep: 32}
	a.blocks, a.xBlock, a.outBlock = pixels/16, 256, 256
	tile16x4(&a)
	if pixels%16 != 0 {
		p := pixels - 16
		a.x, a.out, a.blocks = &src[4*p], &dst[4*p], 1
		tile16x4(&a)
	}
}

func avxConvWeight(dw []float32, dwStep int, x []float32, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, ic, oc int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _, _ = dw[(ic-1)*dwStep+oc-1], x[(rows-1)*xRow+(cols-1)*xStep+ic-1], dy[(rows-1)*dyRow+(cols-1)*dyStep+oc-1]
	a := tile{runs: rows, run: cols, xStep: 4 * xStep, pStep: 4, wStep: 4 * dyStep, outStep: 4 * dwStep,
		xRow: 4 * xRow, wRow: 4 * (dyRow - cols*dyStep), add: 1}
	for o := 0; o < oc; {
		n := width(oc - o)
		if n == 0 {
			plainConvWeight(dw[o:], dwStep, x, xRow, xStep, dy[o:], dyRow, dyStep, rows, cols, ic, oc-o)
			return
		}
		a.w = &dy[o]
		i := 0
		if n == 4 { // too narrow: put the inputs side by side instead
			for ; i+12 <= ic; i += 12 {
				narrowWeight(dw[i*dwStep+o:], dwStep, x[i:], xRow, xStep, dy[o:], dyRow, dyStep, rows, cols)
			}
		}
		for _, block := range [...]int{8, 4, 1} {
			if n == 16 && block == 8 || ic-i < block {
				continue
			}
			a.x, a.out = &x[i], &dw[i*dwStep+o]
			a.tiles(block, n, (ic-i)/block)
			i += (ic - i) / block * block
		}
		o += n
	}
}

// narrowWeight is avxConvWeight for 12 inputs and 4 results.
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

func avxDepth(dst []float32, dstStep int, src []float32, srcStep int, offs []int, w []float32, pixels, c int) {
	if len(offs) == 0 || pixels == 0 || c%8 != 0 {
		plainDepth(dst, dstStep, src, srcStep, offs, w, pixels, c)
		return
	}
	_, _, _ = dst[(pixels-1)*dstStep+c-1], src[offs[len(offs)-1]+(pixels-1)*srcStep+c-1], w[len(offs)*c-1]
	a := tile{offs: &offs[0], runs: len(offs), run: 1, pStep: 4 * srcStep, wStep: 4 * c, outStep: 4 * dstStep}
	for k := 0; k < c; k += 8 {
		a.w, a.x, a.out = &w[k], &src[k], &dst[k]
		if a.blocks = pixels / 8; a.blocks > 0 {
			a.xBlock, a.outBlock = 8*a.pStep, 8*a.outStep
			depth8(&a)
			if p := pixels - 8; pixels%8 != 0 { // once more what the last full tile can reach
				a.x, a.out, a.blocks = &src[p*srcStep+k], &dst[p*dstStep+k], 1
				depth8(&a)
			}
			continue
		}
		a.blocks, a.xBlock, a.outBlock = pixels, a.pStep, a.outStep
		depth1(&a)
	}
}

func avxDepthWeight(dw []float32, x []float32, xRow, xStep int, dy []float32, dyRow, dyStep, rows, cols, c int) {
	if rows == 0 || cols == 0 {
		return
	}
	_, _, _ = dw[c-1], x[(rows-1)*xRow+(cols-1)*xStep+c-1], dy[(rows-1)*dyRow+(cols-1)*dyStep+c-1]
	a := tile{runs: rows, run: cols, xStep: 4 * xStep, wStep: 4 * dyStep, xRow: 4 * xRow, wRow: 4 * (dyRow - cols*dyStep), add: 1}
	k := 0
	for ; k+16 <= c; k += 16 {
		a.x, a.w, a.out, a.blocks = &x[k], &dy[k], &dw[k], 1
		depth1x16(&a)
	}
	for ; k+8 <= c; k += 8 {
		a.x, a.w, a.out, a.blocks = &x[k], &dy[k], &dw[k], 1
		depth1(&a)
	}
	plainDepthWeight(dw[k:], x[k:], xRow, xStep, dy[k:], dyRow, dyStep, rows, cols, c-k)
}
