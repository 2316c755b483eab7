package exec

// InPlace reports whether Out may be the very memory of argument arg. Kernels
// of such instructions read an element before they write it and read no other
// element of that argument afterwards.
func InPlace(op Op, attr Attr, arg int) bool {
	switch op {
	case ReLU, BNNorm, Softmax, Affine, Rsqrt:
		return arg == 0
	case ReLUMask, BNGrad, SoftmaxJac, Mul, Div:
		return arg <= 1
	case RowScale:
		return arg == 0
	case ChanLin, LinReLU:
		return arg < 2*attr.Terms && arg%2 == 0
	case LinMask:
		return arg < 1+2*attr.Terms && arg%2 == 1
	case Add:
		return true
	}
	return false
}

// FLOP is the arithmetic of one instruction, a multiplication and an addition
// counting as two. Convolutions count every tap, padding included; all other
// operators count what their plain formula needs.
func (in Instr) FLOP() float64 {
	out := float64(in.Out.Shape.Len())
	arg := func(i int) float64 { return float64(in.Args[i].Shape.Len()) }
	a := in.Attr
	switch in.Op {
	case Conv:
		return 2 * out * float64(a.KH*a.KW*in.Args[1].Shape[2]*max(a.Terms, 1))
	case ConvGradInput: // args w, dy
		return 2 * arg(1) * float64(a.KH*a.KW*in.Args[0].Shape[2]*max(a.Terms, 1))
	case ConvGradWeight: // args x, dy
		return 2 * arg(1) * float64(a.KH*a.KW*in.Out.Shape[2])
	case AvgPool, MaxPoolIndex:
		return out * float64(a.KH*a.KW)
	case AvgPoolGrad:
		return arg(0) * float64(a.KH*a.KW)
	case ChanLin:
		return 2 * out * float64(a.Terms)
	case LinReLU, LinMask:
		return out * float64(2*a.Terms+1)
	case ChanDots:
		return arg(0) * float64(2*len(in.Args)-1)
	case ChanDot, Dot:
		return 2 * arg(0)
	case ChanSum, SpatialMean:
		return arg(0)
	case BNStats:
		return 4 * arg(0)
	case BNNorm:
		return 2 * out
	case BNGrad:
		return 8 * out
	case CrossEntropy, Softmax, SoftmaxJac:
		return 4 * arg(0)
	case RowDot:
		return 2 * arg(0)
	case MaxGather, Slice, Place, Concat, Subsample, SubsampleGrad, Copy:
		return 0
	case Add:
		return out * float64(len(in.Args)-1)
	}
	return out
}

// FLOP is the arithmetic of one phase.
func (p *Program) FLOP(phase int) float64 {
	sum := 0.0
	for _, in := range p.Phases[phase] {
		sum += in.FLOP()
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
