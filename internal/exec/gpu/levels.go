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

// after is who waits for whom: for each instruction those that must not begin before it
// has ended, and those that it must not begin before. All of next come later in the
// program, all of before earlier.
type after struct {
	next, before [][]int32
	gone         []bool // instructions that others do as well
}

// wait has b wait for a.
func (d *after) wait(a, b int32) {
	if !slices.Contains(d.before[b], a) {
		d.next[a], d.before[b] = append(d.next[a], b), append(d.before[b], a)
	}
}

// give has those instructions do what i does: they wait for all that it waited for, and
// what waited for it waits for them.
func (d *after) give(i int32, to ...int32) {
	is := func(a int32) func(int32) bool { return func(b int32) bool { return a == b } }
	for _, a := range d.before[i] {
		d.next[a] = slices.DeleteFunc(d.next[a], is(i))
	}
	for _, b := range d.next[i] {
		d.before[b] = slices.DeleteFunc(d.before[b], is(i))
	}
	for _, k := range to {
		for _, a := range d.before[i] {
			if a != k {
				d.wait(a, k)
			}
		}
		for _, b := range d.next[i] {
			if !slices.Contains(to, b) {
				d.wait(k, b)
			}
		}
	}
	d.before[i], d.next[i], d.gone[i] = nil, nil, true
}

// dependencies finds who must wait for whom: b for a before it where one of them writes
// what the other one reads or writes.
func dependencies(phase []exec.Instr) after {
	d := after{make([][]int32, len(phase)), make([][]int32, len(phase)), make([]bool, len(phase))}
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
				d.next[a], d.before[b] = append(d.next[a], b), append(d.before[b], a)
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
	with   []joined  // what else the kernels of instrs do
	levels [][]int32 // of a tape: each needs only levels before it
}

// kind is what instructions of one launch have in common: their rows are as long, and
// the same groups work on each.
type kind struct {
	plan
	args int
}

// order says how phases become launches; tests compare the bits of all.
type order struct {
	untaped  bool // instructions on vectors go like all others
	plain    bool // each instruction has a launch of its own, as they are written
	unformed bool // passes before convolutions have launches of their own
	simple   bool // no tuned kernels
	whole    bool // sums are one part, however many pixels they have
	// odd spaces do not begin at a multiple of four numbers.
	odd [exec.NumSpaces]bool
}

// batches puts a phase into launches. Of those that could be next it takes the one that
// has the longest way to the end, with all that are ready and of its kind: what nobody
// waits for, as gradients of weights, comes late and many at once.
func (o order) batches(phase []exec.Instr) []batch {
	d := dependencies(phase)
	with := o.join(phase, &d)
	if o.plain {
		return o.asWritten(phase, with, d)
	}
	way := d.ways()
	waits := make([]int, len(phase))
	for i := range waits {
		waits[i] = len(d.before[i])
	}
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
		k := kind{o.planWith(in, with[i]), len(with[i].row(phase, i).Args)}
		if len(ready[k]) == 0 {
			kinds = append(kinds, k)
		}
		ready[k] = append(ready[k], i)
	}
	done := func(i int32) {
		for _, n := range d.next[i] {
			if waits[n]--; waits[n] == 0 {
				add(n)
			}
		}
	}
	for i := range phase {
		if waits[i] == 0 && !d.gone[i] {
			add(int32(i))
		}
	}
	for len(kinds) > 0 || len(vectors) > 0 {
		best, longest := -1, 0 // -1 is the tape
		for _, i := range vectors {
			longest = max(longest, way[i]-1) // it gets longer by waiting for what is as far
		}
		for i, k := range kinds {
			for _, j := range ready[k] {
				if way[j] > longest {
					best, longest = i, way[j]
				}
			}
		}
		if best < 0 {
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
				b = o.single(phase[i], i, alone)
			}
			out = append(out, b)
			continue
		}
		k := kinds[best]
		b := batch{plan: k.plan, instrs: ready[k]}
		delete(ready, k)
		kinds = slices.Delete(kinds, best, best+1)
		slices.Sort(b.instrs)
		for _, i := range b.instrs {
			b.with = append(b.with, with[i])
			done(i)
		}
		out = append(out, b)
	}
	return out
}

// asWritten has a batch for each instruction, but for those that others do as well.
func (o order) asWritten(phase []exec.Instr, with []joined, d after) (out []batch) {
	for i, in := range phase {
		if !d.gone[i] {
			out = append(out, o.single(in, int32(i), with[i]))
		}
	}
	return out
}

// single is a launch of one instruction.
func (o order) single(in exec.Instr, i int32, with joined) batch {
	b := batch{instrs: []int32{i}, with: []joined{with}}
	if onlyTaped(in) {
		b.levels = [][]int32{b.instrs}
	} else {
		b.plan = o.planWith(in, with)
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
