package gpu

import (
	"slices"

	"idarts/internal/exec"
)

// Most instructions of a second-order program work on vectors over a few channels:
// the host would spend more on starting them than the device on doing them. A run of
// them is one launch of one group, the tape, which waits for itself only where an
// instruction reads what one before it wrote.

const (
	longestTape = 256   // instructions: what depends on what is found pair by pair
	wait        = 0x100 // in the first word of a row: all before it must have ended
)

// taped says that the tape's kernel knows an instruction.
func taped(in exec.Instr) bool {
	switch in.Op {
	case exec.ChanLin, exec.Add, exec.Mul, exec.Div, exec.Affine, exec.Rsqrt, exec.Slice, exec.Place, exec.Copy, exec.Zero,
		exec.ChanSum, exec.ChanDot, exec.Dot:
	default:
		return false
	}
	return onVectors(in)
}

// onVectors says that all of an instruction are vectors over channels or numbers.
func onVectors(in exec.Instr) bool {
	vector := func(t exec.Tensor) bool { return t.Shape[0]*t.Shape[1]*t.Shape[2] == 1 }
	for _, t := range in.Args {
		if !vector(t) {
			return false
		}
	}
	return vector(in.Out)
}

// tape adds a run of instructions as one launch. They go by level: those that need
// none of the others first, then those that need these, and so on.
func (l *lowered) tape(run []exec.Instr, places [exec.NumSpaces]place) {
	level, order := make([]int, len(run)), make([]int, len(run))
	for a := range run {
		order[a] = a
		for b := range a {
			if level[b] >= level[a] && conflict(run[b], run[a]) {
				level[a] = level[b] + 1
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return level[a] - level[b] })
	l.launches = append(l.launches, Launch{Kernel: "op_tape", Groups: 1, Row: len(l.rows)})
	l.shares = append(l.shares, len(run))
	l.rows = append(l.rows, uint32(len(run)))
	for i, a := range order {
		first := uint32(0)
		if i > 0 && level[a] != level[order[i-1]] {
			first = wait
		}
		l.add(run[a], first, places)
	}
}

// conflict says that b must not begin before a has ended.
func conflict(a, b exec.Instr) bool {
	if overlap(a.Out, b.Out) {
		return true
	}
	for _, x := range b.Args {
		if overlap(a.Out, x) {
			return true
		}
	}
	for _, x := range a.Args {
		if overlap(x, b.Out) {
			return true
		}
	}
	return false
}

func overlap(a, b exec.Tensor) bool {
	return a.Space == b.Space && a.Offset < b.Offset+b.Shape.Len() && b.Offset < a.Offset+a.Shape.Len()
}
