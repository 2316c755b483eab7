//go:build !noasm

package cpu

import (
	"testing"

	"golang.org/x/sys/cpu"
)

// A tile function must leave the pointers of its argument inside their slices:
// the garbage collector may look at them at any time, and one that points
// beyond its object ends the program.
func TestTilesLeaveTheirPointersAlone(t *testing.T) {
	if !cpu.X86.HasAVX2 {
		t.Skip("this processor has no AVX2")
	}
	x, w, out := make([]float32, 4096), make([]float32, 4096), make([]float32, 4096)
	cases := 0
	tiles := append(append(tilesAVX2.all(), pairTiles.all()...), depthwisePairTiles.all()...)
	if len(nativeSets()) > 1 {
		tiles = append(tiles, tilesAVX512.all()...)
	}
	for _, tile := range tiles {
		a := tileArgs{x: &x[0], w: &w[0], out: &out[0], runs: 1, runLen: 2, xStep: 4, pStep: 32, wStep: 64, outStep: 64,
			blocks: 3, xBlock: 512, outBlock: 1024}
		switch tile.kind {
		case depthwiseTile, depthwisePairs:
			a.starts, a.runLen = &[]int{8}[0], 1
		case depthwiseTaps, depthwiseTaps512:
			a.runs, a.xStep, a.pStep, a.blocks, a.add = 2, 64, 128, 1, 1
		}
		before := a
		a.call(tile)
		if a.x != before.x || a.w != before.w || a.out != before.out || a.starts != before.starts {
			t.Errorf("%+v moved a pointer of its argument", tile)
		}
		if want := before.blocks * before.xBlock; a.moved != want {
			t.Errorf("%+v came %d bytes far, want %d", tile, a.moved, want)
		}
		cases++
	}
	for _, width := range []int{32, 16, 8, 4} {
		s := strip{y: &out[0], index: &w[0], x: &x[0], starts: &[]int{0, 64}[0], places: &w[0], taps: 2, blocks: 3, yBlock: 256, xBlock: 512}
		before := s
		s.maxIndex(width)
		s.maxGather(width)
		s.maxScatter(width)
		if s != before {
			t.Errorf("strip of %d changed its argument", width)
		}
		cases += 3
	}
	t.Logf("%d tiles", cases)
}

// all are the tiles of a set.
func (s *tileSet) all() (list []registerTile) {
	for _, rows := range [][]tileRow{s.conv, s.convWeight, s.depthwise, s.depthwiseWeight} {
		for _, r := range rows {
			list = append(list, r.all()...)
		}
	}
	return list
}

func (r *tileRow) all() (list []registerTile) {
	for _, h := range r.heights {
		list = append(list, registerTile{r.kind, h, r.width})
	}
	return list
}
