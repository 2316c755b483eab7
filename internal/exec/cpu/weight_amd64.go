//go:build !noasm

package cpu

func convWeightAVX2(g *weightGeometry, dw, x, dy []float32, rows, pixels int) {
	tiledWeight(tilesAVX2.convWeight, g, dw, x, dy, rows, pixels)
}

func convWeightAVX512(g *weightGeometry, dw, x, dy []float32, rows, pixels int) {
	tiledWeight(tilesAVX512.convWeight, g, dw, x, dy, rows, pixels)
}

func depthwiseWeightAVX2(g *weightGeometry, dw, x, dy []float32, rows, pixels int) {
	tiledDepthwiseWeight(tilesAVX2.depthwiseWeight, g, dw, x, dy, rows, pixels)
}

func depthwiseWeightAVX512(g *weightGeometry, dw, x, dy []float32, rows, pixels int) {
	tiledDepthwiseWeight(tilesAVX512.depthwiseWeight, g, dw, x, dy, rows, pixels)
}

// tiledWeight is convWeight in tiles of the list, as wide as they come with heights
// that make up the inputs.
func tiledWeight(list []tileRow, g *weightGeometry, dw, x, dy []float32, rows, pixels int) {
	if rows == 0 || pixels == 0 {
		return
	}
	_, _, _ = dw[(g.ins-1)*g.dwStep+g.outs-1], x[g.x.at(rows-1, pixels-1)+g.ins-1], dy[g.dy.at(rows-1, pixels-1)+g.outs-1]
	a := g.args(rows, pixels)
	for o := 0; o < g.outs; {
		tiles := dividing(list, g.ins, g.outs-o)
		a.w = &dy[o]
		cut := tiles.cut(g.ins)
		a.aheadLines = 0
		if g.next > 0 && o == 0 {
			a.fetch(&x[0], 4*g.next*g.x.pixel, 4*pixels*g.x.pixel, cut[0]+cut[1]+cut[2]+cut[3])
		}
		i := 0
		for k, n := range cut {
			if n > 0 {
				height := tiles.heights[k]
				a.x, a.out = &x[i], &dw[i*g.dwStep+o]
				a.blocks, a.xBlock, a.outBlock = n, 4*height, 4*height*g.dwStep
				a.call(registerTile{tiles.kind, height, tiles.width})
				i += n * height
			}
		}
		o += tiles.width
	}
}

// dividing is the widest row of tiles for so many results, with heights that make up
// the inputs.
func dividing(list []tileRow, ins, width int) *tileRow {
	for i := range list {
		if r := &list[i]; r.width <= width && ins%r.lowest() == 0 {
			return r
		}
	}
	panic("cpu: no tile so narrow")
}

// args has what the tiles of a gradient have in common: a run is a row of pixels.
func (g *weightGeometry) args(rows, pixels int) tileArgs {
	return tileArgs{runs: rows, runLen: pixels, xStep: 4 * g.x.pixel, pStep: 4 * g.inStep, wStep: 4 * g.dy.pixel, outStep: 4 * g.dwStep,
		xRow: 4 * g.x.row, wRow: 4 * (g.dy.row - pixels*g.dy.pixel), xHalf: 32 * g.inStep, outHalf: 32 * g.dwStep, add: bit(!g.store)}
}

// tiledDepthwiseWeight is depthwiseWeight in tiles of the list. A height is a number of
// taps there; the channels are cut into vectors from the widest on.
func tiledDepthwiseWeight(list []tileRow, g *weightGeometry, dw, x, dy []float32, rows, pixels int) {
	if rows == 0 || pixels == 0 || g.ins == 0 {
		return
	}
	_, _ = dw[(g.ins-1)*g.dwStep+g.outs-1], x[g.x.at(rows-1, pixels-1)+(g.ins-1)*g.inStep+g.outs-1]
	_ = dy[g.dy.at(rows-1, pixels-1)+g.outs-1]
	a := g.args(rows, pixels)
	k := 0
	for tiles := fitting(list, g.ins, g.outs); tiles != nil; tiles = fitting(list, g.ins, g.outs-k) {
		for t := 0; t < g.ins; {
			n := tiles.highest(g.ins - t)
			a.x, a.w, a.out, a.blocks = &x[t*g.inStep+k], &dy[k], &dw[t*g.dwStep+k], 1
			a.call(n)
			t += n.height
		}
		k += tiles.width
	}
	for t := range g.ins {
		portableDepthwiseTap(g, dw[t*g.dwStep+k:], x[t*g.inStep+k:], dy[k:], rows, pixels, g.outs-k)
	}
}
