package exec

import (
	"cmp"
	"slices"
)

// Prune is the program without what only counts where a dead coefficient is not
// zero: the coefficients of Coefs that dead marks are taken to be zero. Places
// and sizes are those of the full program.
//
// It writes what the full program writes, but for:
//   - outputs known to be zero, which it sets to zero: the gradients and products
//     of weights that only dead operations have;
//   - CoefGrad and MixedVec of dead coefficients, zero by definition;
//   - Stats that nothing else reads, which it leaves as they are: batch statistics
//     of dead operations. [Program.Written] says which it writes.
//
// Values have the bits that the full program gives with those coefficients at
// zero, as long as what that one multiplies by them is finite (here it is not even
// computed), but for the sign of zeros: −0 is left of a sum without its term of +0,
// and +0 in place of a product of something negative and zero. Operators make the
// same of either zero, or zeros, since none divides by what can be zero.
func (f *Flow) Prune(dead []bool) *Program {
	p := &pruning{Flow: f, dead: dead, zero: make([]bool, len(f.instrs)), live: make([]bool, len(f.instrs)), filled: make([]bool, len(f.instrs))}
	p.parted = map[int32][]bool{}
	p.findZeros()
	phases := len(f.start) - 1
	for phase := phases - 1; phase >= 0; phase-- {
		p.findLive(phase)
	}
	for i, in := range f.instrs { // statistics that are computed in any case
		if in.Out.Space == Stats && in.Op == Copy && f.makers[i][0] != input {
			p.live[i] = p.live[f.makers[i][0]]
		}
	}
	out := &Program{Phases: make([][]Instr, phases), Size: f.program.Size}
	for phase := range out.Phases {
		out.Phases[phase] = p.write(phase)
	}
	return out
}

// pruning is what is known of each instruction's result.
type pruning struct {
	*Flow
	dead   []bool
	zero   []bool           // it is zero
	live   []bool           // something needs it, and it is not zero
	filled []bool           // it is zero, and something must read it for all that
	parted map[int32][]bool // which parts of a divided ChanDots are needed, 0 left out
	flags  []bool           // see zeroArgs
	left   []int            // see reads
}

// findZeros goes forward from the dead coefficients.
func (p *pruning) findZeros() {
	for i, in := range p.instrs {
		if k := p.parts[i]; k > 0 { // x·z_k over pixels
			m := p.makers[i][0]
			p.zero[i] = p.zero[m] || p.zeroArg(int(m), k)
			continue
		}
		p.zero[i] = IsZero(in.Op, in.Attr, p.zeroArgs(i))
	}
}

// zeroArgs says which arguments are zero, until it is called again.
func (p *pruning) zeroArgs(i int) []bool {
	p.flags = p.flags[:0]
	for k := range p.instrs[i].Args {
		p.flags = append(p.flags, p.zeroArg(i, k))
	}
	return p.flags
}

func (p *pruning) zeroArg(i, k int) bool {
	if m := p.makers[i][k]; m != input {
		return p.zero[m]
	}
	arg := p.instrs[i].Args[k]
	return arg.Space == Coefs && p.isDead(arg)
}

// isDead says that t, laid out as Coefs, belongs to dead coefficients alone.
func (p *pruning) isDead(t Tensor) bool {
	end := t.Offset + t.Shape.Len()
	return end <= len(p.dead) && !slices.Contains(p.dead[t.Offset:end], false)
}

// empty says that the place of an output is to hold zeros.
func (p *pruning) empty(i int) bool {
	out := p.instrs[i].Out
	switch out.Space {
	case Scratch, Stats:
		return false
	case CoefGrad, MixedVec:
		return p.zero[i] || p.isDead(out)
	}
	return p.zero[i]
}

// findLive goes backward from the outputs of a phase. Later phases come first:
// they read phase 0.
func (p *pruning) findLive(phase int) {
	for i := p.start[phase+1] - 1; i >= p.start[phase]; i-- {
		if s := p.instrs[i].Out.Space; s != Scratch && s != Stats && !p.empty(i) {
			p.live[i] = true
		}
		if !p.live[i] {
			continue
		}
		if k := p.parts[i]; k > 0 {
			m := p.makers[i][0]
			if p.parted[m] == nil {
				p.parted[m] = make([]bool, len(p.makers[m]))
			}
			p.parted[m][k] = true
		}
		for _, k := range p.reads(i) {
			switch m := p.makers[i][k]; {
			case m == input:
			case p.zero[m]:
				p.filled[m] = true
			default:
				p.live[m] = true
			}
		}
	}
}

// reads are the arguments that instruction i is left with, until it is called
// again.
func (p *pruning) reads(i int) []int {
	in := p.instrs[i]
	p.left = p.left[:0]
	sum := Ops[in.Op].Sum
	if sum == nil {
		for k := range in.Args {
			if !p.divided[i] || k == 0 || p.needsPart(int32(i), k) {
				p.left = append(p.left, k)
			}
		}
		return p.left
	}
	s := sum(in.Attr, len(in.Args))
	for k := range s.Factors {
		p.left = append(p.left, k)
	}
	for k := s.Factors; k < s.Factors+2*s.Pairs; k += 2 {
		if !p.zeroArg(i, k) && !p.zeroArg(i, k+1) {
			p.left = append(p.left, k, k+1)
		}
	}
	for k := s.Factors + 2*s.Pairs; k < len(in.Args); k++ {
		if !p.zeroArg(i, k) {
			p.left = append(p.left, k)
		}
	}
	return p.left
}

// needsPart says whether something needs Σ x·z_k of a divided ChanDots.
func (p *pruning) needsPart(i int32, k int) bool { return p.parted[i] != nil && p.parted[i][k] }

// write is what is left of a phase.
func (p *pruning) write(phase int) []Instr {
	list := make([]Instr, 0, p.start[phase+1]-p.start[phase])
	for i := p.start[phase]; i < p.start[phase+1]; i++ {
		switch {
		case p.filled[i]:
			list = append(list, Instr{Op: Zero, Out: p.instrs[i].Out})
		case p.live[i]:
			if in, rest := p.reduced(i); rest {
				list = append(list, in)
			}
		}
	}
	return append(list, p.zeros(phase)...)
}

// reduced is an instruction without the arguments that count no longer, false
// where nothing is left to do.
func (p *pruning) reduced(i int) (Instr, bool) {
	in := p.instrs[i]
	if k := p.parts[i]; k > 0 {
		part := 1
		for j := range k {
			if p.needsPart(p.makers[i][0], j) {
				part++
			}
		}
		in.Attr.Offset = part * in.Out.Shape[3]
		return in, true
	}
	left := p.reads(i)
	if len(left) == len(in.Args) {
		return in, true
	}
	args := make([]Tensor, len(left))
	for j, k := range left {
		args[j] = in.Args[k]
	}
	if sum := Ops[in.Op].Sum; sum != nil {
		s := sum(in.Attr, len(in.Args))
		pairs, _ := slices.BinarySearch(left, s.Factors+2*s.Pairs)
		in.Attr.Terms = (pairs - s.Factors) / 2
	}
	in.Args = args
	switch {
	case in.Op == ChanDots:
		in.Out.Shape = Vector(len(args) * args[0].Shape[3])
	case in.Op == Add && len(args) == 1:
		in.Op = Copy
		return in, args[0] != in.Out
	}
	return in, true
}

// zeros sets the empty outputs of a phase to zero, those side by side at once.
func (p *pruning) zeros(phase int) []Instr {
	var places []Tensor
	for i := p.start[phase]; i < p.start[phase+1]; i++ {
		if p.empty(i) {
			places = append(places, p.instrs[i].Out)
		}
	}
	slices.SortFunc(places, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Space, b.Space), cmp.Compare(a.Offset, b.Offset))
	})
	var list []Instr
	for i, t := range places {
		if i > 0 {
			last := &list[len(list)-1].Out
			if last.Space == t.Space && last.Offset+last.Shape.Len() == t.Offset {
				last.Shape = Vector(last.Shape.Len() + t.Shape.Len())
				continue
			}
		}
		list = append(list, Instr{Op: Zero, Out: t})
	}
	return list
}

// Written lists what the program writes of a space.
func (p *Program) Written(space Space) []Tensor {
	var list []Tensor
	for _, phase := range p.Phases {
		for _, in := range phase {
			if in.Out.Space == space {
				list = append(list, in.Out)
			}
		}
	}
	return list
}
