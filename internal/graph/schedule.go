package graph

import (
	"slices"

	"idarts/internal/exec"
)

// schedule is the order in which instructions compute nodes, and who reads what
// last.
type schedule struct {
	*Graph
	order      []*Node // all nodes, each after its arguments
	changing   map[*Node]bool
	needed     []map[*Node]bool // what each phase computes
	recomputed map[*Node]bool   // see recomputed
	kept       map[*Node]*value // of phase 0, for all later phases
	values     []*value
	steps      []step
}

func (g *Graph) newSchedule(phases [][]Output) *schedule {
	all := allNodes(phases)
	s := &schedule{Graph: g, order: ancestors(all), needed: make([]map[*Node]bool, len(phases)), kept: map[*Node]*value{}}
	s.changing = g.changing(s.order)
	for p := range phases {
		s.needed[p] = map[*Node]bool{}
	}
	for p, outs := range phases {
		for _, n := range ancestors(allNodes([][]Output{outs})) {
			switch {
			case operator(n) == nil:
			case p > 0 && !s.changing[n]:
				s.needed[0][n] = true
			default:
				s.needed[p][n] = true
			}
		}
	}
	s.recomputed = recomputed(g.Target, s.order, s.needed, s.changing, all)
	return s
}

// phase adds the instructions of the next phase.
func (s *schedule) phase(p int, outs []Output) {
	o := &phaseSchedule{schedule: s, phase: p, own: map[*Node]*value{}, targets: map[*Node][]exec.Tensor{}, sums: map[*Node][]*Node{}}
	for _, n := range s.order {
		if s.needed[p][n] && sum(n) {
			for _, a := range args(n) {
				if image(a) && s.needed[p][a] {
					o.sums[a] = append(o.sums[a], n)
				}
			}
		}
	}
	for _, out := range outs {
		if n := out.Node; n != nil {
			o.targets[n] = append(o.targets[n], exec.Tensor{Space: out.Space, Offset: out.Offset, Shape: Shape(n)})
		}
	}
	// What reads and makes no image waits until something needs it, so that passes
	// over the same images follow one another and a device may join them.
	for _, n := range s.order {
		switch {
		case !s.needed[p][n]:
			o.copies(n) // an input, or a value of phase 0
		case o.own[n] != nil: // a sum that came early
		case onImages(n):
			o.renew(n)
			o.compute(n)
			o.early(n)
		}
	}
	for _, n := range s.order {
		if o.waits(n) {
			o.compute(n)
		}
	}
	if p == 0 {
		s.kept = o.own
	}
}

// phaseSchedule is the part of one phase.
type phaseSchedule struct {
	*schedule
	phase   int
	own     map[*Node]*value
	targets map[*Node][]exec.Tensor // where values are wanted and not yet written
	sums    map[*Node][]*Node       // by the images of the phase that they are made of
}

// early computes the sums of n with images that are there: their results take little
// room, and n need not be kept for them.
func (o *phaseSchedule) early(n *Node) {
	missing := func(a *Node) bool { return o.needed[o.phase][a] && o.own[a] == nil }
	for _, s := range o.sums[n] {
		if o.own[s] == nil && !slices.ContainsFunc(args(s), missing) {
			o.renew(s)
			o.compute(s)
		}
	}
}

func (o *phaseSchedule) waits(n *Node) bool {
	return o.needed[o.phase][n] && o.own[n] == nil && !onImages(n)
}

// compute adds the instruction of n, behind those of its arguments that waited.
func (o *phaseSchedule) compute(n *Node) {
	for _, a := range args(n) {
		if o.waits(a) {
			o.compute(a)
		}
	}
	o.emit(n)
	o.copies(n)
}

// renew computes again what a later phase reads of phase 0 through n and what
// should not be kept until then.
func (o *phaseSchedule) renew(n *Node) {
	if o.phase == 0 {
		return
	}
	for _, a := range args(n) {
		if v := o.own[a]; o.recomputed[a] && (v == nil || len(o.steps)-v.def > o.Target.Fresh) {
			o.renew(a)
			o.emit(a)
		}
	}
}

// read is the value of n that the next instruction reads, nil for an input.
func (o *phaseSchedule) read(n *Node) *value {
	v := o.own[n]
	if v == nil && o.phase > 0 && !o.changing[n] {
		if v = o.kept[n]; v != nil {
			v.kept = true
		}
	}
	if v != nil {
		v.last = len(o.steps)
	}
	return v
}

func (o *phaseSchedule) emit(n *Node) {
	op := operator(n)
	s := step{op: op.Op, attr: op.Attr, phase: o.phase, args: op.args, again: o.phase > 0 && !o.changing[n]}
	for _, a := range op.args {
		s.vals = append(s.vals, o.read(a))
	}
	s.out = &value{node: n, def: len(o.steps), last: len(o.steps), size: Shape(n).Len()}
	s.out.place.Shape = Shape(n)
	o.own[n] = s.out
	o.values = append(o.values, s.out)
	o.steps = append(o.steps, s)
}

// copies takes n where it is wanted.
func (o *phaseSchedule) copies(n *Node) {
	for _, to := range o.targets[n] {
		o.steps = append(o.steps, step{op: exec.Copy, phase: o.phase, args: []*Node{n}, vals: []*value{o.read(n)}, to: to})
	}
	delete(o.targets, n)
}

// sum says that n is a weight gradient or a sum over pixels.
func sum(n *Node) bool { return !image(n) || operator(n).Op == exec.ConvGradWeight }

// onImages says that n reads or makes images.
func onImages(n *Node) bool { return image(n) || slices.ContainsFunc(args(n), image) }

// recomputed are the images of phase 0 that later phases compute again where they
// need them, because that takes few passes over memory, see [exec.Target.Again].
func recomputed(target exec.Target, order []*Node, needed []map[*Node]bool, changing map[*Node]bool, outputs []*Node) map[*Node]bool {
	times := readings(target, order, needed, changing)
	passes := map[*Node]float64{} // of those that are chosen
	chosen := map[*Node]bool{}
	for _, n := range order {
		if operator(n) == nil || times[n] == 0 || !image(n) || slices.Contains(outputs, n) {
			continue
		}
		// What nobody else reads later would have to be kept for this alone.
		if slices.ContainsFunc(args(n), func(a *Node) bool { return image(a) && operator(a) != nil && times[a] == 0 }) {
			continue
		}
		again := recomputation(n, passes)
		if again*float64(times[n]) <= target.Again {
			chosen[n], passes[n] = true, again
		}
	}
	return chosen
}

// readings is how often later phases need each value of phase 0: readers that follow
// one another closely need it once.
func readings(target exec.Target, order []*Node, needed []map[*Node]bool, changing map[*Node]bool) map[*Node]int {
	times, last := map[*Node]int{}, map[*Node]int{}
	at := 0
	for _, n := range order {
		if !changing[n] || !slices.ContainsFunc(needed[1:], func(in map[*Node]bool) bool { return in[n] }) {
			continue
		}
		at++
		for _, a := range args(n) {
			if changing[a] {
				continue
			}
			if l, read := last[a]; !read || at-l > target.Fresh {
				times[a]++
				last[a] = at
			}
		}
	}
	return times
}

// recomputation is what it takes to compute n again, in passes over an image of its
// size, those of arguments that are computed again themselves included.
func recomputation(n *Node, passes map[*Node]float64) float64 {
	const arithmetic = 24 // operations in the time of moving an element
	o, size := operator(n), float64(Shape(n).Len())
	in := exec.Instr{Op: o.Op, Attr: o.Attr, Out: exec.Tensor{Shape: o.Out}, Args: make([]exec.Tensor, len(o.args))}
	sum := 1.0
	for i, a := range o.args {
		in.Args[i].Shape = Shape(a)
		if image(a) && !slices.Contains(o.args[:i], a) {
			sum += (1 + passes[a]) * float64(Shape(a).Len()) / size
		}
	}
	return sum + in.FLOP()/arithmetic/size
}
