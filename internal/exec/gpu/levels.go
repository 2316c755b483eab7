package gpu

import (
	"slices"
	"sort"

	"idarts/internal/exec"
)

// What starting a kernel costs does not depend on what it does, and most instructions
// do little. So instructions whose arguments are there at one time and that the same
// kernel computes with as many groups each are one launch, and instructions on vectors
// wait for a tape. They run in another order than they are written in; who needs whom
// is read from the memory that they share, which is why small values should have
// blocks of their own ([exec.Target]).

// after is, for each instruction, those that must not begin before it has ended, and
// how many each one waits for.
type after struct {
	next  [][]int32
	waits []int32
}

// dependencies finds who must wait for whom: b for a before it where one of them writes
// what the other one reads or writes.
func dependencies(phase []exec.Instr) after {
	d := after{next: make([][]int32, len(phase)), waits: make([]int32, len(phase))}
	// Each space is cut where a tensor begins or ends: a tensor is a run of pieces.
	var cuts [exec.NumSpaces][]int
	for _, in := range phase {
		for _, t := range append([]exec.Tensor{in.Out}, in.Args...) {
			cuts[t.Space] = append(cuts[t.Space], t.Offset, t.Offset+t.Shape.Len())
		}
	}
	type piece struct {
		writer  int32 // -1 for none
		readers []int32
	}
	var pieces [exec.NumSpaces][]piece
	for s := range cuts {
		slices.Sort(cuts[s])
		cuts[s] = slices.Compact(cuts[s])
		pieces[s] = make([]piece, len(cuts[s]))
		for i := range pieces[s] {
			pieces[s][i].writer = -1
		}
	}
	of := func(t exec.Tensor) []piece {
		c := cuts[t.Space]
		return pieces[t.Space][sort.SearchInts(c, t.Offset):sort.SearchInts(c, t.Offset+t.Shape.Len())]
	}
	seen := make([]int32, len(phase)) // the last instruction that was found to wait for each, from 1
	for i, in := range phase {
		b := int32(i)
		wait := func(a int32) {
			if a >= 0 && a != b && seen[a] != b+1 {
				seen[a] = b + 1
				d.next[a] = append(d.next[a], b)
				d.waits[b]++
			}
		}
		for _, t := range in.Args {
			p := of(t)
			for k := range p {
				wait(p[k].writer)
				if n := len(p[k].readers); n == 0 || p[k].readers[n-1] != b {
					p[k].readers = append(p[k].readers, b)
				}
			}
		}
		p := of(in.Out)
		for k := range p {
			wait(p[k].writer)
			for _, a := range p[k].readers {
				wait(a)
			}
			p[k].writer, p[k].readers = b, p[k].readers[:0]
		}
	}
	return d
}

// batch is instructions of one kind that run at once, or a tape.
type batch struct {
	plan
	instrs []int32
	levels [][]int32 // of a tape: each needs only levels before it
	// second are the batch norms whose sums the first pass leaves for the second one; the
	// convolutions are instrs.
	second []int32
}

// kind is what instructions of one launch have in common: their rows are as long, and
// the same groups work on each.
type kind struct {
	plan
	args int
}

// join makes one of convolutions and the batch norms of their results, as far as tiles
// can leave the sums: norm[i] is that of instruction i, or -1. What waited for a norm, or
// what it waited for, is the convolution's from then on.
func (o order) join(phase []exec.Instr, d after) (norm []int32) {
	norm = make([]int32, len(phase))
	for i := range norm {
		norm[i] = -1
	}
	if o.simple {
		return norm
	}
	before := make([][]int32, len(phase))
	for i, next := range d.next {
		for _, j := range next {
			before[j] = append(before[j], int32(i))
		}
	}
	// of is the convolution that an instruction has become one with, or the instruction.
	joined := map[int32]int32{}
	of := func(i int32) int32 {
		if conv, ok := joined[i]; ok {
			return conv
		}
		return i
	}
	for j, in := range phase {
		if in.Op != exec.BNStats {
			continue
		}
		conv := int32(-1)
		for _, i := range before[j] {
			if phase[i].Out == in.Args[0] && phase[i].Op == exec.Conv {
				conv = i
			}
		}
		// All else that it waits for must have begun before the convolution, which then waits
		// for no more than it can.
		if conv < 0 || norm[conv] >= 0 || !o.leaves(phase[conv]) || slices.ContainsFunc(before[j], func(i int32) bool { return of(i) > conv }) {
			continue
		}
		norm[conv], joined[int32(j)] = int32(j), conv
		for _, i := range before[j] {
			i = of(i)
			at := slices.Index(d.next[i], int32(j))
			if i == conv || at < 0 {
				continue
			}
			if slices.Contains(d.next[i], conv) {
				d.next[i] = slices.Delete(d.next[i], at, at+1)
			} else {
				d.next[i][at] = conv
				d.waits[conv]++
			}
		}
		d.waits[j] = -1 // it is nobody's turn any more
		d.next[conv] = slices.DeleteFunc(d.next[conv], func(n int32) bool { return n == int32(j) })
		for _, n := range d.next[j] {
			if slices.Contains(d.next[conv], n) {
				d.waits[n]--
			} else {
				d.next[conv] = append(d.next[conv], n)
			}
		}
		d.next[j] = nil
	}
	return norm
}

// order says how phases become launches; tests compare the bits of all.
type order struct {
	untaped bool // instructions on vectors go like all others
	plain   bool // each instruction has a launch of its own, as they are written
	simple  bool // no tuned kernels
	whole   bool // sums are one part, however many pixels they have
	// odd spaces do not begin at a multiple of four numbers.
	odd [exec.NumSpaces]bool
}

// batches puts a phase into launches. Of those that could be next it takes the one that
// has the longest way to the end, with all that are ready and of its kind; a tape has to
// wait until there is nothing else.
func (o order) batches(phase []exec.Instr) []batch {
	d := dependencies(phase)
	norm := o.join(phase, d)
	if o.plain {
		return o.asWritten(phase, norm, d)
	}
	way := d.ways()
	ready := map[kind][]int32{}
	var kinds []kind // in ready, in the order in which they came
	var vectors []int32
	var out []batch
	add := func(i int32) {
		in := phase[i]
		if taped(in) && (!o.untaped || onlyTaped(in)) {
			vectors = append(vectors, i)
			return
		}
		k := kind{o.planWith(in, norm[i]), len(in.Args)}
		if len(ready[k]) == 0 {
			kinds = append(kinds, k)
		}
		ready[k] = append(ready[k], i)
	}
	done := func(i int32) {
		for _, n := range d.next[i] {
			if d.waits[n]--; d.waits[n] == 0 {
				add(n)
			}
		}
	}
	for i := range phase {
		if d.waits[i] == 0 {
			add(int32(i))
		}
	}
	for len(kinds) > 0 || len(vectors) > 0 {
		if len(kinds) == 0 {
			var b batch
			for len(vectors) > 0 {
				level := vectors
				vectors = nil
				for _, i := range level {
					done(i)
				}
				b.instrs = append(b.instrs, level...)
				b.levels = append(b.levels, level)
			}
			if i := b.instrs[0]; len(b.instrs) == 1 {
				b = o.single(phase[i], i)
			}
			out = append(out, b)
			continue
		}
		best, longest := 0, 0
		for i, k := range kinds {
			for _, j := range ready[k] {
				if way[j] > longest {
					best, longest = i, way[j]
				}
			}
		}
		k := kinds[best]
		b := batch{plan: k.plan, instrs: ready[k]}
		delete(ready, k)
		kinds = slices.Delete(kinds, best, best+1)
		slices.Sort(b.instrs)
		for _, i := range b.instrs {
			if norm[i] >= 0 {
				b.second = append(b.second, norm[i])
			}
			done(i)
		}
		out = append(out, b)
	}
	return out
}

// asWritten has a batch for each instruction, but for the batch norms in norm.
func (o order) asWritten(phase []exec.Instr, norm []int32, d after) (out []batch) {
	for i, in := range phase {
		switch {
		case norm[i] >= 0:
			out = append(out, batch{plan: o.planWith(in, norm[i]), instrs: []int32{int32(i)}, second: norm[i : i+1]})
		case d.waits[i] >= 0:
			out = append(out, o.single(in, int32(i)))
		}
	}
	return out
}

// single is a launch of one instruction.
func (o order) single(in exec.Instr, i int32) batch {
	b := batch{instrs: []int32{i}}
	if onlyTaped(in) {
		b.levels = [][]int32{b.instrs}
	} else {
		b.plan = o.plan(in)
	}
	return b
}

// ways is how many instructions are on the longest way from each one to the end, its
// own included.
func (d after) ways() []int {
	way := make([]int, len(d.next))
	for i := len(way) - 1; i >= 0; i-- {
		for _, n := range d.next[i] {
			way[i] = max(way[i], way[n])
		}
		way[i]++
	}
	return way
}
