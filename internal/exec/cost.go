package exec

// Arithmetic of the operators, see [Descriptor]. Convolutions count every tap,
// padding included; all other operators count what their plain formula needs.

func (t Tensor) len() float64 { return float64(t.Shape.Len()) }

func none(Instr) float64 { return 0 }

// perResult is n operations for each element of the result.
func perResult(n float64) func(Instr) float64 {
	return func(in Instr) float64 { return n * in.Out.len() }
}

// perFirst is n operations for each element of the first argument.
func perFirst(n float64) func(Instr) float64 {
	return func(in Instr) float64 { return n * in.Args[0].len() }
}

func convFLOP(in Instr) float64 { // args x, w
	a := in.Attr
	return 2 * in.Out.len() * float64(a.KH*a.KW*in.Args[1].Shape[2]*a.pairs())
}

func convInputFLOP(in Instr) float64 { // args w, dy
	a := in.Attr
	return 2 * in.Args[1].len() * float64(a.KH*a.KW*in.Args[0].Shape[2]*a.pairs())
}

func convWeightFLOP(in Instr) float64 { // args x, dy
	return 2 * in.Args[1].len() * float64(in.Attr.KH*in.Attr.KW*in.Out.Shape[2])
}

func poolFLOP(in Instr) float64     { return in.Out.len() * float64(in.Attr.KH*in.Attr.KW) }
func poolGradFLOP(in Instr) float64 { return in.Args[0].len() * float64(in.Attr.KH*in.Attr.KW) }
func linFLOP(in Instr) float64      { return 2 * in.Out.len() * float64(in.Attr.Terms) }
func linWithFLOP(in Instr) float64  { return in.Out.len() * float64(2*in.Attr.Terms+1) }
func dotsFLOP(in Instr) float64     { return in.Args[0].len() * float64(2*len(in.Args)-1) }
func addFLOP(in Instr) float64      { return in.Out.len() * float64(len(in.Args)-1) }

// FLOP is the arithmetic of one instruction, a multiplication and an addition
// counting as two.
func (in Instr) FLOP() float64 { return Ops[in.Op].FLOP(in) }

// FLOP is the arithmetic of one phase, without what is computed again to save memory:
// the cost of a method is not that of a device.
func (p *Program) FLOP(phase int) float64 {
	sum := 0.0
	for _, in := range p.Phases[phase] {
		if !in.Again {
			sum += in.FLOP()
		}
	}
	return sum
}

// Elements is how many numbers the instructions of one phase read and write,
// each argument and each result once: what memory has to move when nothing
// stays in a cache.
func (p *Program) Elements(phase int) int {
	n := 0
	for _, in := range p.Phases[phase] {
		n += in.Out.Shape.Len()
		for _, arg := range in.Args {
			n += arg.Shape.Len()
		}
	}
	return n
}
