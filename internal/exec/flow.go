package exec

import "fmt"

// Flow is a program with who reads whose result: what [Flow.Prune] needs, found
// once for any number of masks.
type Flow struct {
	program *Program
	start   []int     // the first instruction of each phase, all counted in one row; the end
	instrs  []Instr   // in that row
	makers  [][]int32 // of each argument of each: the instruction whose result it is, or input
	parts   []int     // of a Slice: which part of a ChanDots it takes, from 0 on, or whole
	divided []bool    // of a ChanDots: only such slices read it
}

const (
	input = -1 // not made by an instruction
	whole = -1
)

// NewFlow follows the values of a program as internal/graph lowers it: an argument
// in scratch memory is one whole result of the phase or of phase 0, and no phase
// reads what another one writes elsewhere. Anything else is an error.
func NewFlow(p *Program) (*Flow, error) {
	f := &Flow{program: p}
	type place struct {
		space       Space
		offset, len int
	}
	at := func(t Tensor) place { return place{t.Space, t.Offset, t.Shape.Len()} }
	var kept map[place]int32 // of phase 0
	for phase, instrs := range p.Phases {
		f.start = append(f.start, len(f.instrs))
		own := make(map[place]int32, len(instrs))
		for k, in := range instrs {
			makers := make([]int32, len(in.Args))
			for i, arg := range in.Args {
				maker, found := own[at(arg)]
				if !found {
					if maker, found = kept[at(arg)]; found && arg.Space != Scratch {
						return nil, fmt.Errorf("exec: phase %d, instruction %d (%v): argument %d is an output of phase 0, want a value in scratch", phase, k, in.Op, i)
					}
				}
				switch {
				case found:
					makers[i] = maker
				case arg.Space == Scratch:
					return nil, fmt.Errorf("exec: phase %d, instruction %d (%v): argument %d is no result of an instruction before", phase, k, in.Op, i)
				default:
					makers[i] = input
				}
			}
			own[at(in.Out)] = int32(len(f.instrs))
			f.instrs, f.makers = append(f.instrs, in), append(f.makers, makers)
		}
		if phase == 0 {
			kept = own
		}
	}
	f.start = append(f.start, len(f.instrs))
	f.divide()
	return f, nil
}

// divide finds the sums that are taken together and read apart.
func (f *Flow) divide() {
	f.parts, f.divided = make([]int, len(f.instrs)), make([]bool, len(f.instrs))
	for i, in := range f.instrs {
		f.parts[i], f.divided[i] = whole, in.Op == ChanDots && in.Out.Space == Scratch
	}
	for i, in := range f.instrs {
		for _, m := range f.makers[i] {
			if m == input || !f.divided[m] {
				continue
			}
			c := f.instrs[m].Args[0].Shape[3]
			if in.Op == Slice && in.Out.Shape[3] == c && in.Attr.Offset%c == 0 {
				f.parts[i] = in.Attr.Offset / c
			} else {
				f.divided[m] = false
			}
		}
	}
	for i := range f.instrs {
		if f.parts[i] != whole && !f.divided[f.makers[i][0]] {
			f.parts[i] = whole
		}
	}
}
