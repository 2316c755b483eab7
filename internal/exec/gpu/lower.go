package gpu

import (
	"fmt"
	"strings"

	"idarts/internal/exec"
)

// place is where a space lies: first word and size.
type place struct{ at, n int }

// lowered is a phase as launches. An instruction is a row:
//
//	0 op, 1 words of the row, 2 place of the result, 3-6 its shape,
//	7 KH, 8 KW, 9 stride, 10 pad, 11 dilation, 12 groups, 13 terms, 14 offset,
//	15 eps, 16 alpha, 17 beta, 18 number of arguments, 19 groups of threads,
//	20 pixels of a partial sum, 21 place of those sums, then 5 for each argument: place, shape
//
// kernels/device.h has the same numbers. A launch has one row or several of the same
// length, one after another; the groups of the first row come first.
type lowered struct {
	rows     []uint32
	launches []Launch
	instrs   [][]int32 // of each launch; each instruction counts where it ends
	places   [exec.NumSpaces]place
}

// lower writes launches. partial gives a place for so many words of partial sums,
// which mean nothing from one launch of an instruction's to the next instruction's.
func (o order) lower(phase []exec.Instr, places [exec.NumSpaces]place, partial func(words int) int) (*lowered, error) {
	for i, in := range phase {
		if err := check(in, places); err != nil {
			return nil, fmt.Errorf("instruction %d: %w", i, err)
		}
	}
	for s, p := range places {
		o.odd[s] = p.at%4 != 0
	}
	phase, from := o.hoist(phase)
	batches := o.batches(phase)
	most := 0
	for _, b := range batches {
		most = max(most, len(b.instrs)*b.words)
	}
	at := 0
	if most > 0 {
		at = partial(most)
	}
	l := &lowered{places: places}
	for _, b := range batches {
		if b.levels != nil {
			l.tape(phase, b)
			continue
		}
		for n, p := range b.passes {
			if p.kernel == "" {
				break
			}
			l.launches = append(l.launches, Launch{Kernel: p.kernel, Groups: p.groups * len(b.instrs), Row: len(l.rows)})
			var instrs []int32
			for k, i := range b.instrs {
				with := b.with[k]
				row, ends := with.row(phase, i), i
				if n > 0 && with.norm >= 0 {
					row, ends = phase[with.norm], with.norm
				}
				instrs = append(instrs, ends)
				if n == 0 && with.form >= 0 {
					instrs = append(instrs, with.form)
				}
				l.add(row, p.groups, b.per, at+k*b.words)
			}
			l.instrs = append(l.instrs, instrs)
		}
	}
	for _, launch := range l.instrs {
		for k, i := range launch {
			launch[k] = from[i]
		}
	}
	return l, nil
}

// check finds instructions that kernels would misread.
func check(in exec.Instr, places [exec.NumSpaces]place) error {
	shapes := make([]exec.Shape, len(in.Args))
	for i, t := range in.Args {
		shapes[i] = t.Shape
	}
	if err := exec.Check(in.Op, in.Attr, shapes, in.Out.Shape); err != nil {
		return err
	}
	for _, t := range append([]exec.Tensor{in.Out}, in.Args...) {
		if t.Space >= exec.NumSpaces || t.Offset < 0 || t.Offset+t.Shape.Len() > places[t.Space].n {
			return fmt.Errorf("%v: %v+%d of shape %v does not fit into %d numbers", in.Op, t.Space, t.Offset, t.Shape, places[min(t.Space, exec.NumSpaces-1)].n)
		}
	}
	return nil
}

func plainKernel(in exec.Instr) string { return "op_" + strings.ReplaceAll(in.Op.String(), "-", "_") }

const elementThreads = 64 // of a group of the kernels of instructions

// groups is how many groups an instruction takes: one for each sum, else as many as
// give each element of the result a thread.
func groups(in exec.Instr) int {
	n, c := in.Out.Shape.Len(), in.Out.Shape.Channels()
	switch in.Op {
	case exec.ConvGradWeight, exec.ChanDots, exec.ChanDot, exec.ChanSum, exec.Dot, exec.RowDot, exec.CrossEntropy:
		return n
	case exec.BNStats:
		return c / 3
	case exec.BNGrad:
		return c
	case exec.Softmax, exec.SoftmaxJac:
		n /= c // a thread for each row
	}
	return over(n, elementThreads)
}

func over(n, m int) int { return (n + m - 1) / m }

// add writes the row of an instruction.
func (l *lowered) add(in exec.Instr, groups, per, partial int) {
	a := in.Attr.Normal()
	l.rows = append(l.rows, uint32(in.Op), uint32(22+5*len(in.Args)))
	l.tensor(in.Out)
	for _, n := range []int{a.KH, a.KW, a.Stride, a.Pad, a.Dilation, a.Groups, max(a.Terms, 0), a.Offset} {
		l.rows = append(l.rows, uint32(n))
	}
	l.rows = append(l.rows, bits(a.Eps), bits(a.Alpha), bits(a.Beta), uint32(len(in.Args)), uint32(groups), uint32(per), uint32(partial))
	for _, t := range in.Args {
		l.tensor(t)
	}
}

func (l *lowered) tensor(t exec.Tensor) {
	l.rows = append(l.rows, uint32(l.places[t.Space].at+t.Offset))
	for _, n := range t.Shape {
		l.rows = append(l.rows, uint32(n))
	}
}
