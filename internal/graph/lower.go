package graph

import (
	"fmt"
	"slices"
	"sort"

	"idarts/internal/exec"
)

// Output asks for a node's value at a place in the program's memory. A nil node
// is skipped: it stands for a zero, and the place keeps the zeros it starts with.
type Output struct {
	Node   *Node
	Space  exec.Space
	Offset int
}

// alignment of blocks in the scratch space, in elements: a cache line of float32.
const alignment = 16

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
// see fuse: values differ from those of the nodes by rounding. Intermediate results share the
// scratch space by lifetime and work in place where exec.InPlace allows it.
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

	// Nodes of each phase.
	var all []*Node
	for _, outs := range phases {
		for _, o := range outs {
			all = append(all, o.Node)
		}
	}
	order := ancestors(all)
	changing := g.changing(order)
	needed := make([]map[*Node]bool, len(phases))
	for p := range phases {
		needed[p] = map[*Node]bool{}
	}
	for p, outs := range phases {
		var roots []*Node
		for _, o := range outs {
			roots = append(roots, o.Node)
		}
		for _, n := range ancestors(roots) {
			if operator(n) == nil {
				continue
			}
			if p > 0 && !changing[n] {
				needed[0][n] = true
			} else {
				needed[p][n] = true
			}
		}
	}

	again := cheap(order, needed, changing, all)

	// Instructions in order, with who reads what last.
	l := &lowering{program: &exec.Program{Phases: make([][]exec.Instr, len(phases))}}
	kept := map[*Node]*value{} // of phase 0, for all later phases
	var values []*value
	for p, outs := range phases {
		own := map[*Node]*value{}
		find := func(n *Node) *value {
			if v := own[n]; v != nil {
				return v
			}
			if p > 0 && !changing[n] {
				if v := kept[n]; v != nil {
					v.kept = true
					return v
				}
			}
			return nil
		}
		targets := map[*Node][]exec.Tensor{}
		for _, o := range outs {
			if o.Node != nil {
				targets[o.Node] = append(targets[o.Node], exec.Tensor{Space: o.Space, Offset: o.Offset, Shape: Shape(o.Node)})
			}
		}
		copies := func(n *Node) {
			for _, to := range targets[n] {
				v := find(n)
				if v != nil {
					v.last = len(l.steps)
				}
				l.steps = append(l.steps, step{op: exec.Copy, phase: p, args: []*Node{n}, vals: []*value{v}, to: to})
			}
			delete(targets, n)
		}
		emit := func(n *Node) {
			o := operator(n)
			s := step{op: o.Op, attr: o.Attr, phase: p, args: o.args}
			for _, a := range o.args {
				v := find(a)
				if v != nil {
					v.last = len(l.steps)
				}
				s.vals = append(s.vals, v)
			}
			v := &value{node: n, def: len(l.steps), last: len(l.steps), size: Shape(n).Len()}
			v.place.Shape = Shape(n)
			s.out = v
			own[n] = v
			values = append(values, v)
			l.steps = append(l.steps, s)
		}
		// What touches no image waits until something needs it, so that passes over the
		// same images follow one another and a device may join them.
		var ready func(n *Node)
		waits := func(n *Node) bool { return needed[p][n] && own[n] == nil && !touchesImage(n) }
		ready = func(n *Node) {
			for _, a := range args(n) {
				if waits(a) {
					ready(a)
				}
			}
			emit(n)
			copies(n)
		}
		for _, n := range order {
			switch {
			case !needed[p][n]:
				copies(n) // an input, or a value of phase 0
			case touchesImage(n):
				if p > 0 {
					for _, a := range args(n) {
						if v := own[a]; again[a] && (v == nil || len(l.steps)-v.def > fresh) {
							emit(a)
						}
					}
				}
				ready(n)
			}
		}
		for _, n := range order {
			if waits(n) {
				ready(n)
			}
		}
		if p == 0 {
			kept = own
		}
	}
	l.direct()
	for _, v := range values {
		if v.kept {
			v.last = len(l.steps)
		}
	}
	blocks := l.share()
	l.program.Size[exec.Scratch] = pack(blocks)
	l.live = liveSize(blocks)
	g.emit(l)
	return l, nil
}

// touchesImage says that n reads or makes images.
func touchesImage(n *Node) bool { return image(n) || slices.ContainsFunc(args(n), image) }

// fresh is how many steps a value that is cheap to compute again stays around.
const fresh = 150

// cheap are the images of phase 0 that later phases compute again where they need
// them, because it takes one pass over something that is kept anyway: ReLUs, and
// average pools and sums of two images that are read in a few places only.
func cheap(order []*Node, needed []map[*Node]bool, changing map[*Node]bool, outputs []*Node) map[*Node]bool {
	const few = 3
	again, readers := map[*Node]bool{}, map[*Node]int{} // in later phases
	for _, n := range order {
		if changing[n] && slices.ContainsFunc(needed[1:], func(in map[*Node]bool) bool { return in[n] }) {
			for _, a := range args(n) {
				if !changing[a] {
					readers[a]++
				}
			}
		}
	}
	kept := func(x *Node) bool { return operator(x) == nil || readers[x] > 0 && !again[x] }
	for _, n := range order {
		o := operator(n)
		if o == nil || readers[n] == 0 || !image(n) || slices.Contains(outputs, n) {
			continue
		}
		switch o.Op {
		case exec.ReLU:
			again[n] = kept(o.args[0])
		case exec.AvgPool:
			again[n] = readers[n] <= few && kept(o.args[0])
		case exec.ChanLin: // what a batch norm hands back to its convolution
			again[n] = o.Attr.Terms <= 2 && readers[n] <= few && !slices.ContainsFunc(o.args, func(a *Node) bool { return image(a) && !kept(a) })
		}
	}
	return again
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

// direct removes copies: a value is computed where it is first wanted, unless
// later phases read it (the owner of an output region may change it meanwhile).
func (l *lowering) direct() {
	kept := l.steps[:0]
	removed := make([]int, len(l.steps)+1) // how many steps before each are gone
	gone := 0
	for i, s := range l.steps {
		removed[i] = gone
		if s.out == nil && s.vals[0] != nil && !s.vals[0].kept && s.vals[0].place.Space == exec.Scratch {
			s.vals[0].place = s.to
			gone++
			continue
		}
		kept = append(kept, s)
	}
	removed[len(l.steps)] = gone
	l.steps = kept
	for _, s := range l.steps {
		if s.out != nil {
			s.out.def -= removed[s.out.def]
			s.out.last -= removed[s.out.last]
			s.out.last = max(s.out.last, s.out.def)
		}
	}
}

// block is a piece of the scratch space, for one value after another.
type block struct {
	size, offset int
	def, last    int
}

// share gives scratch values their blocks: a new one, or that of an argument
// that the instruction is the last to read and may overwrite.
func (l *lowering) share() []*block {
	var blocks []*block
	for at, s := range l.steps {
		v := s.out
		if v == nil || v.place.Space != exec.Scratch {
			continue
		}
		for i, a := range s.vals {
			if a != nil && a.block != nil && a.last == at && !a.kept && a.size == v.size && !v.kept && inPlaceEverywhere(s, a) &&
				exec.InPlace(s.op, s.attr, i) {
				v.block = a.block
				v.block.last = max(v.block.last, v.last)
				break
			}
		}
		if v.block == nil {
			size := (v.size + alignment - 1) / alignment * alignment
			v.block = &block{size: size, def: v.def, last: v.last}
			blocks = append(blocks, v.block)
		}
	}
	return blocks
}

// inPlaceEverywhere says that a is no argument that must outlive the result's
// first element.
func inPlaceEverywhere(s step, a *value) bool {
	for i, v := range s.vals {
		if v == a && !exec.InPlace(s.op, s.attr, i) {
			return false
		}
	}
	return true
}

// pack places blocks so that those alive at the same time do not overlap. It
// returns the size of the whole.
func pack(blocks []*block) int {
	largest := 0
	for _, b := range blocks {
		largest = max(largest, b.size)
	}
	// A supernet has some large blocks and ten times as many small ones, for vectors
	// over channels, where a close fit gains nothing.
	var large, small []*block
	for _, b := range blocks {
		if b.size > largest/256 {
			large = append(large, b)
		} else {
			small = append(small, b)
		}
	}
	return packSmall(small, packLarge(large))
}

// packLarge goes by size, the largest first, and places each block in the lowest
// gap that holds it.
func packLarge(blocks []*block) int {
	slices.SortStableFunc(blocks, func(a, b *block) int {
		if a.size != b.size {
			return b.size - a.size
		}
		return a.def - b.def
	})
	// placed is ordered by offset; plain values keep the scan fast.
	type span struct{ offset, end, def, last int }
	placed := make([]span, 0, len(blocks))
	total := 0
	for _, b := range blocks {
		at := 0
		for _, p := range placed {
			if p.def > b.last || b.def > p.last {
				continue
			}
			if p.offset-at >= b.size {
				break
			}
			at = max(at, p.end)
		}
		b.offset = at
		total = max(total, at+b.size)
		i := sort.Search(len(placed), func(i int) bool { return placed[i].offset > at })
		placed = slices.Insert(placed, i, span{at, at + b.size, b.def, b.last})
	}
	return total
}

// packSmall goes by time from offset start on, and gives a block the place of one
// of its size that is no longer alive, or else a new one.
func packSmall(blocks []*block, start int) int {
	byLast := slices.Clone(blocks)
	slices.SortStableFunc(blocks, func(a, b *block) int { return a.def - b.def })
	slices.SortStableFunc(byLast, func(a, b *block) int { return a.last - b.last })
	free := map[int][]int{} // offsets by size
	for _, b := range blocks {
		for byLast[0].last < b.def {
			dead := byLast[0]
			free[dead.size] = append(free[dead.size], dead.offset)
			byLast = byLast[1:]
		}
		if places := free[b.size]; len(places) > 0 {
			b.offset, free[b.size] = places[len(places)-1], places[:len(places)-1]
			continue
		}
		b.offset = start
		start += b.size
	}
	return start
}

// liveSize is the largest total of blocks alive at one position.
func liveSize(blocks []*block) int {
	end := 0
	for _, b := range blocks {
		end = max(end, b.last)
	}
	change := make([]int, end+2)
	for _, b := range blocks {
		change[b.def] += b.size
		change[b.last+1] -= b.size
	}
	live, peak := 0, 0
	for _, c := range change {
		live += c
		peak = max(peak, live)
	}
	return peak
}

// emit writes the instructions and the sizes of the spaces.
func (g *Graph) emit(l *lowering) {
	size := &l.program.Size
	grow := func(t exec.Tensor) { size[t.Space] = max(size[t.Space], t.Offset+t.Shape.Len()) }
	for _, s := range l.steps {
		in := exec.Instr{Op: s.op, Attr: s.attr, Out: s.to, Args: make([]exec.Tensor, len(s.args))}
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
