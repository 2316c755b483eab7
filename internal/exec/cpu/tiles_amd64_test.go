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
	shapes := [][2]int{{8, 8}, {4, 8}, {1, 8}, {4, 16}, {1, 16}, {16, 4}, {8, 4}, {4, 4}, {1, 4}, {8, deep}, {1, deep}, {8, deep4}, {1, deep4}}
	wide := []bool{false}
	if len(instructionSets()) > 1 {
		shapes = append(shapes, [][2]int{{8, 32}, {4, 32}, {8, 16}, {16, 16}, {8, deep16}}...)
		wide = append(wide, true)
	}
	for _, shape := range shapes {
		const blocks = 3
		a := tile{x: &x[0], w: &w[0], out: &out[0], runs: 1, run: 2, xStep: 4, pStep: 32, wStep: 64, outStep: 64,
			blocks: blocks, xBlock: 512, outBlock: 1024}
		if shape == [2]int{8, deep} || shape == [2]int{8, deep4} || shape == [2]int{8, deep16} {
			a.offs, a.run = &[]int{8}[0], 1
		}
		before := a
		a.call(shape[0], shape[1])
		if a.x != before.x || a.w != before.w || a.out != before.out || a.offs != before.offs {
			t.Errorf("tile of %d x %d moved a pointer of its argument", shape[0], shape[1])
		}
		if want := blocks * before.xBlock; a.moved != want {
			t.Errorf("tile of %d x %d came %d bytes far, want %d", shape[0], shape[1], a.moved, want)
		}
		cases++
	}
	for i, shape := range [][2]int{{5, 16}, {3, 16}, {1, 16}, {5, 8}, {3, 8}, {1, 8}, {5, 4}, {3, 4}, {1, 4}, {5, 16}, {3, 16}, {1, 16}} {
		if i/9 == len(wide) {
			break
		}
		a := tile{x: &x[0], w: &w[0], out: &out[0], runs: 2, run: 2, xStep: 64, pStep: 128, wStep: 64, outStep: 64, blocks: 1, add: 1}
		before := a
		a.weigh(shape[0], shape[1], wide[i/9])
		if a.x != before.x || a.w != before.w || a.out != before.out {
			t.Errorf("gradient of %d taps x %d channels moved a pointer of its argument", shape[0], shape[1])
		}
		cases++
	}
	for _, width := range []int{32, 16, 8, 4} {
		s := strip{y: &out[0], index: &w[0], x: &x[0], offs: &[]int{0, 64}[0], places: &w[0], taps: 2, blocks: 3, yBlock: 256, xBlock: 512}
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
