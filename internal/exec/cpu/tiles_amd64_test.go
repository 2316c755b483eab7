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
		s := strip{y: &out[0], index: &w[0], x: &x[0], starts: &[]int{0, 64}[0], places: &w[0], taps: 2, rows: 1, blocks: 3, yBlock: 256, xBlock: 512}
		before := s
		s.maxIndex(width)
		s.maxGather(width)
		s.maxScatter(width)
		if s != before {
			t.Errorf("strip of %d changed its argument", width)
		}
		cases += 3
	}
	transforms := []func(*transformArgs){transformInput8, transformOutput8, transformGrad8, transformWeights8, transformWeightsGrad8}
	if len(nativeSets()) > 1 {
		transforms = append(transforms, transformInput16, transformOutput16, transformGrad16, transformWeights16, transformWeightsGrad16)
	}
	for i, f := range transforms {
		a := transformArgs{image: &x[0], transform: &out[0], row: 512, pixel: 64, skip: 64, element: 192, vectors: 1, tiles: 3}
		before := a
		f(&a)
		if a.image != before.image || a.transform != before.transform {
			t.Errorf("transform %d moved a pointer of its argument", i)
		}
		cases++
	}
	t.Logf("%d tiles", cases)
}

// Rows of pixels are cut so that as few as can be are done twice or one at a time.
func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name    string
		heights []int
		n       int
		want    [4]int
	}{
		{"8 are twice 4, not 6 and 2 single ones", []int{6, 4, 1}, 8, [4]int{0, 2}},
		{"16 are 6, 6 and 4", []int{6, 4, 1}, 16, [4]int{2, 1}},
		{"32 are four times 6 and twice 4", []int{6, 4, 1}, 32, [4]int{4, 2}},
		{"7 cannot be made up", []int{6, 4, 1}, 7, [4]int{1, 0, 1}},
		{"24 are 16 and 8", []int{16, 8, 4, 1}, 24, [4]int{1, 1}},
		{"27 are 16, 8 and 3 single ones", []int{16, 8, 4, 1}, 27, [4]int{1, 1, 0, 3}},
		{"6 are twice 3", []int{8, 4, 3, 1}, 6, [4]int{0, 0, 2}},
		{"what is left of 11 is the caller's", []int{8}, 11, [4]int{1}},
	} {
		if got := (&tileRow{heights: tt.heights}).cut(tt.n); got != tt.want {
			t.Errorf("%s: %v of %v, want %v", tt.name, got, tt.heights, tt.want)
		}
	}
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
