package gpu

import "idarts/internal/exec"

// Most instructions of a second-order program work on vectors over a few channels:
// the host would spend more on starting them than the device on doing them. A run of
// them is one launch of one group, the tape, which waits for itself only where an
// instruction needs what one before it did.

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

// onlyTaped says that the tape adds up in another order than the kernel for images: then
// it is the tape always.
func onlyTaped(in exec.Instr) bool { return in.Op == exec.Dot && onVectors(in) }

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

// tape adds a tape as one launch: how many levels there are; for each how many
// instructions and, from the beginning of the tape, where their rows are; then the rows.
func (l *lowered) tape(phase []exec.Instr, b batch) {
	first := len(l.rows)
	l.launches = append(l.launches, Launch{Kernel: "op_tape", Groups: 1, Row: first})
	l.instrs = append(l.instrs, b.instrs)
	l.rows = append(l.rows, uint32(len(b.levels)))
	for _, level := range b.levels {
		l.rows = append(l.rows, uint32(len(level)))
		l.rows = append(l.rows, make([]uint32, len(level))...)
	}
	at := first + 1
	for _, level := range b.levels {
		at++
		for _, i := range level {
			l.rows[at] = uint32(len(l.rows) - first)
			at++
			l.add(phase[i], 1, 0, 0)
		}
	}
}
