package exec

import (
	"errors"
	"fmt"
	"slices"
)

// Descriptor is what the graph, the memory planner, devices and [Flow.Prune]
// need to know of an operator. Its arithmetic itself is a kernel of each device,
// and its derivatives are a row of internal/graph's table.
type Descriptor struct {
	Name string
	// Arity is the number of arguments, the smallest one where there may be more.
	Arity func(a Attr) (n int, more bool)
	// Shape is the shape that the result must have, or why the arguments do not fit.
	// Where they do not decide it, that is out, once it is found to fit.
	Shape func(a Attr, args []Shape, out Shape) (Shape, error)
	// InPlace says whether the result may be the very memory of an argument of the
	// same size: kernels read an element of it before they write it and read no other
	// one afterwards. Nil stands for no argument.
	InPlace func(a Attr, arg int) bool
	// FLOP is the arithmetic, a multiplication and an addition counting as two.
	FLOP func(in Instr) float64
	// Zero says that the result is zero when those arguments are that zero marks. Nil
	// stands for never; of a Sum it is known.
	Zero func(a Attr, zero []bool) bool
	// Sum says how a sum is made of its arguments, nil for what is none.
	Sum func(a Attr, args int) Summands
	// Lowered marks what is made after all derivatives, and has none for that.
	Lowered bool
}

// Summands is how the arguments of a sum follow one another: Factors of the
// whole, then Pairs of arguments that are multiplied, then Singles. A pair with a
// zero, and a zero single, may be left out; the sum is taken from left to right.
type Summands struct{ Factors, Pairs, Singles int }

// Ops has the descriptor of each operator.
var Ops = [NumOps]Descriptor{
	Conv:           {Name: "conv", Arity: convPairs, Shape: convShapes, FLOP: convFLOP, Sum: onlyPairs},
	ConvGradInput:  {Name: "conv-grad-input", Arity: convPairs, Shape: convInputShapes, FLOP: convInputFLOP, Sum: onlyPairs},
	ConvGradWeight: {Name: "conv-grad-weight", Arity: two, Shape: convWeightShapes, FLOP: convWeightFLOP, Zero: zeroFirstTwo},

	ReLU:     {Name: "relu", Arity: one, Shape: asFirst, InPlace: overFirst, FLOP: perResult(1), Zero: zeroFirst},
	ReLUMask: {Name: "relu-mask", Arity: two, Shape: allAlike, InPlace: overFirstTwo, FLOP: perResult(1), Zero: zeroFirstTwo},

	AvgPool:      {Name: "avg-pool", Arity: one, Shape: poolShapes, FLOP: poolFLOP, Zero: zeroFirst},
	AvgPoolGrad:  {Name: "avg-pool-grad", Arity: one, Shape: poolGradShapes, FLOP: poolGradFLOP, Zero: zeroFirst},
	MaxPoolIndex: {Name: "max-pool-index", Arity: one, Shape: poolShapes, FLOP: poolFLOP},
	MaxGather:    {Name: "max-gather", Arity: two, Shape: gatherShapes, FLOP: none, Zero: zeroSecond},
	MaxScatter:   {Name: "max-scatter", Arity: two, Shape: scatterShapes, FLOP: perResult(1), Zero: zeroSecond},

	ChanLin: {Name: "chan-lin", Arity: linArity(0), Shape: linShapes, InPlace: overTerms(0), FLOP: linFLOP, Sum: linSummands(0)},
	ChanDot: {Name: "chan-dot", Arity: two, Shape: channels(1), FLOP: perFirst(2), Zero: zeroFirstTwo},
	ChanSum: {Name: "chan-sum", Arity: one, Shape: channels(1), FLOP: perFirst(1), Zero: zeroFirst},
	Dot:     {Name: "dot", Arity: two, Shape: number, FLOP: perFirst(2), Zero: zeroFirstTwo},

	BNStats: {Name: "bn-stats", Arity: one, Shape: channels(3), FLOP: perFirst(4)},
	BNNorm:  {Name: "bn-norm", Arity: two, Shape: withStats, InPlace: overFirst, FLOP: perResult(2)},
	BNGrad:  {Name: "bn-grad", Arity: three, Shape: withStats, InPlace: overFirstTwo, FLOP: perResult(8), Zero: zeroFirst},

	SpatialMean:   {Name: "spatial-mean", Arity: one, Shape: meanShapes, FLOP: perFirst(1), Zero: zeroFirst},
	SpatialSpread: {Name: "spatial-spread", Arity: one, Shape: spreadShapes, FLOP: perResult(1), Zero: zeroFirst},

	CrossEntropy: {Name: "cross-entropy", Arity: two, Shape: entropyShapes, FLOP: perFirst(4)},
	Softmax:      {Name: "softmax", Arity: one, Shape: rows, InPlace: overFirst, FLOP: perFirst(4)},
	SoftmaxJac:   {Name: "softmax-jac", Arity: two, Shape: rows, InPlace: overFirstTwo, FLOP: perFirst(4), Zero: zeroFirstTwo},
	RowDot:       {Name: "row-dot", Arity: two, Shape: rowDotShapes, FLOP: perFirst(2), Zero: zeroFirstTwo},
	RowScale:     {Name: "row-scale", Arity: two, Shape: rowScaleShapes, InPlace: overFirst, FLOP: perResult(1), Zero: zeroFirstTwo},

	Add:    {Name: "add", Arity: twoOrMore, Shape: allAlike, InPlace: overAny, FLOP: addFLOP, Sum: onlySingles},
	Mul:    {Name: "mul", Arity: two, Shape: allAlike, InPlace: overFirstTwo, FLOP: perResult(1), Zero: zeroFirstTwo},
	Div:    {Name: "div", Arity: two, Shape: allAlike, InPlace: overFirstTwo, FLOP: perResult(1), Zero: zeroDividend},
	Affine: {Name: "affine", Arity: one, Shape: asFirst, InPlace: overFirst, FLOP: perResult(1), Zero: zeroAffine},
	Rsqrt:  {Name: "rsqrt", Arity: one, Shape: asFirst, InPlace: overFirst, FLOP: perResult(1)},

	Slice:         {Name: "slice", Arity: one, Shape: sliceShapes, FLOP: none, Zero: zeroFirst},
	Place:         {Name: "place", Arity: one, Shape: placeShapes, FLOP: none, Zero: zeroFirst},
	Concat:        {Name: "concat", Arity: twoOrMore, Shape: concatShapes, FLOP: none, Zero: zeroAll},
	Subsample:     {Name: "subsample", Arity: one, Shape: subsampleShapes, FLOP: none, Zero: zeroFirst},
	SubsampleGrad: {Name: "subsample-grad", Arity: one, Shape: subsampleGradShapes, FLOP: none, Zero: zeroFirst},
	Copy:          {Name: "copy", Arity: one, Shape: asFirst, FLOP: none, Zero: zeroFirst, Lowered: true},

	LinReLU:  {Name: "lin-relu", Arity: linArity(0), Shape: linShapes, InPlace: overTerms(0), FLOP: linWithFLOP, Sum: linSummands(0), Lowered: true},
	LinMask:  {Name: "lin-mask", Arity: linArity(1), Shape: linMaskShapes, InPlace: overTerms(1), FLOP: linWithFLOP, Sum: linSummands(1), Lowered: true},
	ChanDots: {Name: "chan-dots", Arity: oneOrMore, Shape: dotsShapes, FLOP: dotsFLOP, Zero: zeroFirst, Lowered: true},

	Zero: {Name: "zero", Arity: nothing, Shape: asGiven, FLOP: none, Zero: zeroAll, Lowered: true},
}

func (o Op) String() string {
	if o < NumOps {
		return Ops[o].Name
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Check says what is wrong with an operator's arguments or result, if anything.
func Check(op Op, a Attr, args []Shape, out Shape) error {
	if !out.positive() {
		return fmt.Errorf("%v: result: shape %v, want sizes from 1", op, out)
	}
	want, err := result(op, a, args, out)
	if err == nil && out != want {
		err = fmt.Errorf("result has shape %v, want %v", out, want)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", op, err)
	}
	return nil
}

// ResultShape is the shape of an operator's result, for operators whose arguments
// decide it.
func ResultShape(op Op, a Attr, args ...Shape) (Shape, error) {
	s, err := result(op, a, args, Shape{})
	if err == nil && !s.positive() {
		err = errors.New("its arguments do not decide the shape of the result")
	}
	if err != nil {
		return Shape{}, fmt.Errorf("%v: %w", op, err)
	}
	return s, nil
}

func result(op Op, a Attr, args []Shape, out Shape) (Shape, error) {
	if op >= NumOps {
		return out, errors.New("unknown operator")
	}
	a = a.Normal()
	if n, more := Ops[op].Arity(a); len(args) < n || len(args) > n && !more {
		return out, fmt.Errorf("has %d arguments, want %d", len(args), n)
	}
	for i, s := range args {
		if !s.positive() {
			return out, fmt.Errorf("argument %d: shape %v, want sizes from 1", i, s)
		}
	}
	return Ops[op].Shape(a, args, out)
}

// InPlace reports whether Out may be the very memory of argument arg.
func InPlace(op Op, a Attr, arg int) bool {
	rule := Ops[op].InPlace
	return rule != nil && rule(a, arg)
}

func nothing(Attr) (int, bool)   { return 0, false }
func one(Attr) (int, bool)       { return 1, false }
func two(Attr) (int, bool)       { return 2, false }
func three(Attr) (int, bool)     { return 3, false }
func oneOrMore(Attr) (int, bool) { return 1, true }
func twoOrMore(Attr) (int, bool) { return 2, true }

// pairs is how many pairs of arguments a convolution has.
func (a Attr) pairs() int { return max(a.Terms, 1) }

func convPairs(a Attr) (int, bool) { return 2 * a.pairs(), false }

// linArity is that of a ChanLin behind so many other arguments.
func linArity(others int) func(Attr) (int, bool) {
	return func(a Attr) (int, bool) { return others + max(2*a.Terms, 1), true }
}

func overFirst(_ Attr, arg int) bool    { return arg == 0 }
func overFirstTwo(_ Attr, arg int) bool { return arg <= 1 }
func overAny(Attr, int) bool            { return true }

// overTerms allows the images of a ChanLin behind so many other arguments.
func overTerms(others int) func(Attr, int) bool {
	return func(a Attr, arg int) bool {
		arg -= others
		return arg >= 0 && arg < 2*a.Terms && arg%2 == 0
	}
}

func onlyPairs(a Attr, _ int) Summands      { return Summands{Pairs: a.pairs()} }
func onlySingles(_ Attr, args int) Summands { return Summands{Singles: args} }

func linSummands(factors int) func(Attr, int) Summands {
	return func(a Attr, args int) Summands { return Summands{factors, a.Terms, args - factors - 2*a.Terms} }
}

func zeroFirst(_ Attr, zero []bool) bool    { return zero[0] }
func zeroSecond(_ Attr, zero []bool) bool   { return zero[1] }
func zeroFirstTwo(_ Attr, zero []bool) bool { return zero[0] || zero[1] }
func zeroDividend(_ Attr, zero []bool) bool { return zero[0] && !zero[1] }
func zeroAll(_ Attr, zero []bool) bool      { return !slices.Contains(zero, false) }
func zeroAffine(a Attr, zero []bool) bool   { return a.Beta == 0 && (a.Alpha == 0 || zero[0]) }

// IsZero says that an operator's result is zero, given which arguments are.
func IsZero(op Op, a Attr, zero []bool) bool {
	d := Ops[op]
	switch {
	case d.Zero != nil:
		return d.Zero(a, zero)
	case d.Sum == nil:
		return false
	}
	s := d.Sum(a, len(zero))
	factors, rest := zero[:s.Factors], zero[s.Factors:]
	if slices.Contains(factors, true) {
		return true
	}
	for i := range s.Pairs {
		if !rest[2*i] && !rest[2*i+1] {
			return false
		}
	}
	return zeroAll(a, rest[2*s.Pairs:])
}
