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
//	0 op | wait, 1 words of the row, 2 place of the result, 3-6 its shape,
//	7 KH, 8 KW, 9 stride, 10 pad, 11 dilation, 12 groups, 13 terms, 14 offset,
//	15 eps, 16 alpha, 17 beta, 18 number of arguments, then 5 for each: place, shape
//
// kernels/device.h has the same numbers.
type lowered struct {
	rows     []uint32
	launches []Launch
	shares   []int // instructions of each launch
}

func lower(phase []exec.Instr, places [exec.NumSpaces]place) (*lowered, error) {
	for i, in := range phase {
		if err := check(in, places); err != nil {
			return nil, fmt.Errorf("instruction %d: %w", i, err)
		}
	}
	l := &lowered{}
	for k := 0; k < len(phase); {
		n := 0
		for k+n < len(phase) && n < longestTape && taped(phase[k+n]) {
			n++
		}
		if n < 2 {
			l.launches = append(l.launches, Launch{Kernel: kernel(phase[k].Op), Groups: groups(phase[k]), Row: len(l.rows)})
			l.shares = append(l.shares, 1)
			l.add(phase[k], 0, places)
			k++
			continue
		}
		l.tape(phase[k:k+n], places)
		k += n
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

func kernel(op exec.Op) string { return "op_" + strings.ReplaceAll(op.String(), "-", "_") }

const (
	elementThreads = 64 // of a group of the kernels of instructions
)

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
	return (n + elementThreads - 1) / elementThreads
}

// add writes the row of an instruction.
func (l *lowered) add(in exec.Instr, wait uint32, places [exec.NumSpaces]place) {
	a := in.Attr.Normal()
	l.rows = append(l.rows, uint32(in.Op)|wait, uint32(19+5*len(in.Args)))
	l.tensor(in.Out, places)
	for _, n := range []int{a.KH, a.KW, a.Stride, a.Pad, a.Dilation, a.Groups, max(a.Terms, 0), a.Offset} {
		l.rows = append(l.rows, uint32(n))
	}
	l.rows = append(l.rows, bits(a.Eps), bits(a.Alpha), bits(a.Beta), uint32(len(in.Args)))
	for _, t := range in.Args {
		l.tensor(t, places)
	}
}

func (l *lowered) tensor(t exec.Tensor, places [exec.NumSpaces]place) {
	l.rows = append(l.rows, uint32(places[t.Space].at+t.Offset))
	for _, n := range t.Shape {
		l.rows = append(l.rows, uint32(n))
	}
}
