//go:build !noasm

package cpu

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
	g.check(dst, src, w[(len(g.starts)*g.runLen-1)*g.wStep:], rows, pixels, g.runLen)
	if g.pairs() && pixels >= pairsHeight {
		done := tiledPairs(g, dst, src, w, rows, pixels, add)
		if done < pixels {
			tiledConv(list, g, dst[done*g.dst.pixel:], src[done*g.src.pixel:], w, rows, pixels-done, add)
		}
		return
	}
	a, few := g.args(add), *g // declared out here, few stays off the heap
	for o := 0; o < g.channels; {
		tiles := fitting(list, pixels, g.channels-o)
		if tiles == nil {
			few.channels = g.channels - o
			portableConv(&few, dst[o:], src, w[o:], rows, pixels, add)
			return
		}
		t := tiles.highest(pixels)
		done := whole(pixels, t.height, add)
		a.w = &w[o]
		a.cover(t, g, dst[o:], src, rows, done)
		if done < pixels {
			few.channels = t.width
			tiledConv(list, &few, dst[done*g.dst.pixel+o:], src[done*g.src.pixel:], w[o:], rows, pixels-done, add)
		}
		o += t.width
	}
}

// tiledDepthwise is depthwise in tiles of the list, as wide as they come.
func tiledDepthwise(list []tileRow, g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) {
	if len(g.starts) == 0 || rows == 0 || pixels == 0 || g.channels%4 != 0 {
		portableDepthwise(g, dst, src, w, rows, pixels, add)
		return
	}
	g.check(dst, src, w[(len(g.starts)-1)*g.wStep:], rows, pixels, g.channels)
	a, few := g.args(add), *g
	for k := 0; k < g.channels; {
		t := fitting(list, pixels, g.channels-k).highest(pixels)
		done := whole(pixels, t.height, add)
		a.w = &w[k]
		a.cover(t, g, dst[k:], src[k:], rows, done)
		if done < pixels {
			few.channels = t.width
			tiledDepthwise(list, &few, dst[done*g.dst.pixel+k:], src[done*g.src.pixel+k:], w[k:], rows, pixels-done, add)
		}
		k += t.width
	}
}

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
		xStep: 4, pStep: 4 * g.src.pixel, wStep: 4 * g.wStep, outStep: 4 * g.dst.pixel, add: bit(add)}
}

// whole is how many pixels to do in tiles of height. One that is left over lies over
// the one before it and does some pixels twice, which must not be when it adds.
func whole(pixels, height int, add bool) int {
	if add {
		return pixels / height * height
	}
	return pixels
}

// pairs says that 4 channels become 4, side by side.
func (g *convGeometry) pairs() bool {
	return g.channels == 4 && g.dst.pixel == 4 && g.src.pixel == 4 && g.wStep == 4 && g.runLen%4 == 0
}

// tiledPairs is conv for [convGeometry.pairs]; it says how many pixels it has done.
func tiledPairs(g *convGeometry, dst, src, w []float32, rows, pixels int, add bool) int {
	a := g.args(add)
	a.w, a.runLen, a.xStep, a.wStep, a.outStep = &w[0], g.runLen/4, 16, 64, 32
	done := whole(pixels, pairsHeight, add)
	a.cover(registerTile{pairs, pairsHeight, pairsWidth}, g, dst, src, rows, done)
	return done
}

// cover runs a tile over rows x pixels of results, of which there are as many as the
// tile is high or more.
func (a *tileArgs) cover(t registerTile, g *convGeometry, dst, src []float32, rows, pixels int) {
	if rows == 1 { // one tile after another
		a.x, a.out = &src[0], &dst[0]
		a.blocks, a.xBlock, a.outBlock = pixels/t.height, 4*t.height*g.src.pixel, 4*t.height*g.dst.pixel
		a.call(t)
		if p := pixels - t.height; pixels%t.height != 0 {
			a.x, a.out, a.blocks = &src[p*g.src.pixel], &dst[p*g.dst.pixel], 1
			a.call(t)
		}
		return
	}
	for p := 0; p < pixels; p += t.height { // one row after another
		p = min(p, pixels-t.height)
		a.x, a.out = &src[p*g.src.pixel], &dst[p*g.dst.pixel]
		a.blocks, a.xBlock, a.outBlock = rows, 4*g.src.row, 4*g.dst.row
		a.call(t)
	}
}
