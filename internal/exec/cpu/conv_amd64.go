//go:build !noasm

package cpu

import "slices"

func convAVX2(g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	tiledConv(tilesAVX2.conv, g, dst, src, w, rows, pixels, add)
}

func convAVX512(g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	tiledConv(tilesAVX512.conv, g, dst, src, w, rows, pixels, add)
}

func depthwiseAVX2(g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	tiledDepthwise(tilesAVX2.depthwise, g, dst, src, w, rows, pixels, add)
}

func depthwiseAVX512(g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	tiledDepthwise(tilesAVX512.depthwise, g, dst, src, w, rows, pixels, add)
}

// tiledConv is conv in tiles of the list, as wide as they come.
func tiledConv(list []tileRow, g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	if len(g.starts) == 0 || rows == 0 || pixels == 0 {
		portableConv(g, dst, src, w, rows, pixels, add)
		return
	}
	g.check(dst, src, w[(len(g.starts)-1)*g.wRun+(g.runLen-1)*g.wStep:], rows, pixels, g.runLen)
	if g.pairs() && pixels >= pairTiles.lowest() {
		done := tiledPairs(g, dst, src, w, rows, pixels, add)
		if done < pixels {
			tiledConv(list, g, dst[done*g.dst.pixel:], src[done*g.src.pixel:], w, rows, pixels-done, add)
		}
		return
	}
	a := g.args(add)
	var few convGeometry // out here it stays off the heap
	for o := 0; o < g.channels; {
		tiles := fitting(list, pixels, g.channels-o)
		a.w, a.stream, a.aheadLines = &w[o], g.stream && o == 0, 0
		done := a.cover(tiles, g, dst[o:], src, rows, pixels)
		if done < pixels {
			few = g.few(tiles.width)
			tiledConv(list, &few, dst[done*g.dst.pixel+o:], src[done*g.src.pixel:], w[o:], rows, pixels-done, add)
		}
		o += tiles.width
	}
}

// tiledDepthwise is depthwise in tiles of the list, as wide as they come.
func tiledDepthwise(list []tileRow, g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	if len(g.starts) == 0 || rows == 0 || pixels == 0 || g.channels%4 != 0 {
		portableDepthwise(g, dst, src, w, rows, pixels, add)
		return
	}
	g.check(dst, src, w[(len(g.starts)-1)*g.wStep:], rows, pixels, g.channels)
	a := g.args(add)
	var few convGeometry
	if g.channels == 4 && g.dst.pixel == 4 && g.src.pixel == 4 && pixels >= depthwisePairTiles.lowest() {
		a.w, a.pStep, a.outStep = &w[0], 32, 32
		if done := a.cover(&depthwisePairTiles, g, dst, src, rows, pixels); done < pixels {
			tiledDepthwise(list, g, dst[done*g.dst.pixel:], src[done*g.src.pixel:], w, rows, pixels-done, add)
		}
		return
	}
	for k := 0; k < g.channels; {
		tiles := fitting(list, pixels, g.channels-k)
		a.w = &w[k]
		done := a.cover(tiles, g, dst[k:], src[k:], rows, pixels)
		if done < pixels {
			few = g.few(tiles.width)
			tiledDepthwise(list, &few, dst[done*g.dst.pixel+k:], src[done*g.src.pixel+k:], w[k:], rows, pixels-done, add)
		}
		k += tiles.width
	}
}

// few is g for results of so many channels.
func (g *convGeometry) few(channels int) convGeometry {
	few := *g
	few.channels = channels
	return few
}

// transposeAVX2 takes squares of 8 x 8.
func transposeAVX2(dst, src []float32, rows, cols int) {
	if rows%8 != 0 || cols%8 != 0 || rows*cols == 0 {
		portableTranspose(dst, src, rows, cols)
		return
	}
	_, _ = dst[rows*cols-1], src[rows*cols-1]
	for r := 0; r < rows; r += 8 {
		for c := 0; c < cols; c += 8 {
			transpose8x8(&dst[c*rows+r], &src[r*cols+c], 4*rows, 4*cols)
		}
	}
}

//go:noescape
func transpose8x8(dst, src *float32, dstStep, srcStep int)

// check panics if rows x pixels of results or what they meet, the last run of length n,
// or the last weights reach beyond their slices.
func (g *convGeometry) check(dst, src, last []float32, rows, pixels, n int) {
	_ = dst[g.dst.at(rows-1, pixels-1)+g.channels-1]
	_ = src[g.src.at(rows-1, pixels-1)+g.starts[len(g.starts)-1]+n-1]
	_ = last[g.channels-1]
}

// args has what the tiles of a convolution have in common.
func (g *convGeometry) args(add bool) tileArgs {
	return tileArgs{starts: &g.starts[0], runs: len(g.starts), runLen: g.runLen,
		xStep: 4, pStep: 4 * g.src.pixel, wStep: 4 * g.wStep, wRow: 4 * (g.wRun - g.runLen*g.wStep), outStep: 4 * g.dst.pixel, add: bit(add)}
}

// pairs says that 4 channels become 4, side by side.
func (g *convGeometry) pairs() bool {
	return g.channels == 4 && g.dst.pixel == 4 && g.src.pixel == 4 && g.wStep == 4 && g.runLen%4 == 0
}

// tiledPairs is conv for [convGeometry.pairs]; it says how many pixels it has done.
func tiledPairs(g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) int {
	a := g.args(add)
	a.w, a.runLen, a.xStep, a.wStep, a.outStep = &w[0], g.runLen/4, 16, 64, 32
	return a.cover(&pairTiles, g, dst, src, rows, pixels)
}

// cover runs tiles of a row over rows x pixels of results, and says how many pixels of
// each row it has done. Some of them it may do twice, which must not be when the tiles
// add to what is there.
func (a *tileArgs) cover(tiles *tileRow, g *convGeometry, dst, src []float32, rows, pixels int) int {
	if slices.Contains(tiles.heights, pixels) {
		a.down(tiles, pixels, g, dst, src, rows, 0, 1)
		return pixels
	}
	p := 0
	for i, n := range tiles.cut(pixels) {
		if n > 0 && tiles.heights[i] > 1 {
			a.down(tiles, tiles.heights[i], g, dst, src, rows, p, n)
			p += n * tiles.heights[i]
		}
	}
	left := pixels - p
	if left == 0 {
		return pixels
	}
	if least := tiles.least(left); a.add == 0 && least > 0 && least <= pixels { // one that ends with the row
		a.down(tiles, least, g, dst, src, rows, pixels-least, 1)
		return pixels
	}
	if tiles.lowest() == 1 {
		a.down(tiles, 1, g, dst, src, rows, p, left)
		return pixels
	}
	return p
}

// down runs n tiles of a height, side by side from pixel p on, over all rows.
func (a *tileArgs) down(tiles *tileRow, height int, g *convGeometry, dst, src []float32, rows, p, n int) {
	t := registerTile{tiles.kind, height, tiles.width}
	a.xHalf, a.outHalf = 32*g.src.pixel, 32*g.dst.pixel
	if rows == 1 { // one tile after another
		a.x, a.out = &src[p*g.src.pixel], &dst[p*g.dst.pixel]
		a.blocks, a.xBlock, a.outBlock = n, 4*height*g.src.pixel, 4*height*g.dst.pixel
		if a.stream {
			a.fetch(a.x, a.xBlock, n*a.xBlock, n)
		}
		a.call(t)
		return
	}
	for range n { // one row after another
		a.x, a.out = &src[p*g.src.pixel], &dst[p*g.dst.pixel]
		a.blocks, a.xBlock, a.outBlock = rows, 4*g.src.row, 4*g.dst.row
		if height == 8 && tiles.halves() { // the halves of a tile are two rows
			two := *a
			two.blocks, two.xHalf, two.outHalf, two.xBlock, two.outBlock = rows/2, a.xBlock, a.outBlock, 2*a.xBlock, 2*a.outBlock
			two.call(registerTile{tiles.kind, 16, tiles.width})
			a.blocks = rows % 2
			a.x, a.out = &src[g.src.at(rows-1, p)], &dst[g.dst.at(rows-1, p)]
		}
		if a.blocks > 0 {
			a.call(t)
		}
		p += height
	}
}
