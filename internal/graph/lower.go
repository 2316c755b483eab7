package graph

import (
	"fmt"
	"slices"

	"idarts/internal/exec"
)

// Output asks for a node's value at a place in the program's memory. A nil node
// is skipped: it stands for a zero, and the place keeps the zeros it starts with.
type Output struct {
	Node   *Node
	Space  exec.Space
	Offset int
}

// Lower writes the program that computes the outputs of each phase.
//
// Phase 0 runs first; each later phase can then be run any number of times in
// any order. Only the inputs in exec.Direction and exec.CoefDirection may change
// in between: whatever a later phase needs that does not depend on them is
// computed in phase 0 and kept, but for what is cheap to compute again, and the
// rest is computed in the phase itself.
// No phase writes what another one reads, but for that.
//
// Nothing is computed that no output needs. Several operators may become one pass,
// see fuse: values differ from those of the nodes by rounding. Intermediate
// results share the scratch space by lifetime (memory.go) and work in place where
// exec.InPlace allows it.
// Outputs are written where they are wanted; a value that is wanted twice, or
// that later phases read, is copied there.
func (g *Graph) Lower(phases ...[]Output) (*exec.Program, error) {
	if err := g.checkOutputs(phases); err != nil {
		return nil, err
	}
	l, err := g.lower(g.fuse(phases))
	if err != nil {
		return nil, err
	}
	return l.program, nil
}

// value is a computed result: a node in a phase.
type value struct {
	node      *Node
	def, last int // positions of the instructions that make it and read it last
	kept      bool
	size      int
	place     exec.Tensor
	block     *block // nil outside scratch
}

// step is an instruction before places are known.
type step struct {
	op    exec.Op
	attr  exec.Attr
	phase int
	args  []*Node
	vals  []*value // nil where the argument is an input
	out   *value   // nil for a copy
	to    exec.Tensor
	again bool // of what phase 0 has computed
}

// lowering is a program with its derivation, which tests look into.
type lowering struct {
	program *exec.Program
	steps   []step
	// live is the largest sum of scratch values that are alive at one time: no plan
	// can have a smaller arena.
	live int
}

func (g *Graph) lower(phases [][]Output) (*lowering, error) {
	if len(phases) == 0 {
		return nil, fmt.Errorf("graph: lower: no phase, want one list of outputs or more")
	}
	if err := g.checkOutputs(phases); err != nil {
		return nil, err
	}
	s := g.newSchedule(phases)
	for p, outs := range phases {
		s.phase(p, outs)
	}
	l := &lowering{program: &exec.Program{Phases: make([][]exec.Instr, len(phases))}, steps: s.steps}
	l.direct()
	for _, v := range s.values {
		if v.kept {
			v.last = len(l.steps)
		}
	}
	blocks := l.share(max(g.Target.Align, 1), g.Target.Own, g.Target.Apart)
	l.live = liveSize(blocks)
	l.program.Size[exec.Scratch] = pack(blocks, g.Target.Rest)
	g.emit(l)
	return l, nil
}

// checkOutputs finds outputs that are not a place of their own.
func (g *Graph) checkOutputs(phases [][]Output) error {
	inputs := make([]exec.Tensor, 0, len(g.inputs))
	for _, n := range ancestors(allNodes(phases)) {
		if t, ok := g.inputs[n]; ok {
			inputs = append(inputs, t)
		}
	}
	slices.SortFunc(inputs, func(a, b exec.Tensor) int {
		if a.Space != b.Space {
			return int(a.Space) - int(b.Space)
		}
		return a.Offset - b.Offset
	})
	for p, outs := range phases {
		sorted := slices.DeleteFunc(slices.Clone(outs), func(o Output) bool { return o.Node == nil })
		slices.SortStableFunc(sorted, func(a, b Output) int {
			if a.Space != b.Space {
				return int(a.Space) - int(b.Space)
			}
			return a.Offset - b.Offset
		})
		for i, o := range sorted {
			n := Shape(o.Node).Len()
			if o.Space == exec.Scratch || o.Space >= exec.NumSpaces || o.Offset < 0 {
				return fmt.Errorf("graph: lower: phase %d: output at %v+%d, want a space other than scratch and an offset >= 0", p, o.Space, o.Offset)
			}
			if i > 0 && sorted[i-1].Space == o.Space && sorted[i-1].Offset+Shape(sorted[i-1].Node).Len() > o.Offset {
				return fmt.Errorf("graph: lower: phase %d: two outputs overlap at %v+%d, want a place for each", p, o.Space, o.Offset)
			}
			for _, in := range inputs {
				if in.Space == o.Space && in.Offset < o.Offset+n && o.Offset < in.Offset+in.Shape.Len() {
					return fmt.Errorf("graph: lower: phase %d: the output at %v+%d lies over the input at %v+%d, want a place for each", p, o.Space, o.Offset, in.Space, in.Offset)
				}
			}
		}
	}
	return nil
}

func allNodes(phases [][]Output) []*Node {
	var all []*Node
	for _, outs := range phases {
		for _, o := range outs {
			all = append(all, o.Node)
		}
	}
	return all
}

// emit writes the instructions and the sizes of the spaces.
func (g *Graph) emit(l *lowering) {
	size := &l.program.Size
	grow := func(t exec.Tensor) { size[t.Space] = max(size[t.Space], t.Offset+t.Shape.Len()) }
	for _, s := range l.steps {
		in := exec.Instr{Op: s.op, Attr: s.attr, Out: s.to, Args: make([]exec.Tensor, len(s.args)), Again: s.again}
		for i, a := range s.args {
			if v := s.vals[i]; v != nil {
				in.Args[i] = v.place
			} else {
				in.Args[i] = g.inputs[a]
				grow(in.Args[i])
			}
		}
		if v := s.out; v != nil {
			if v.block != nil {
				v.place.Offset = v.block.offset
			}
			in.Out = v.place
		}
		if in.Out.Space != exec.Scratch {
			grow(in.Out)
		}
		l.program.Phases[s.phase] = append(l.program.Phases[s.phase], in)
	}
}
