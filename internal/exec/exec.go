// Package exec is the flat form of a differentiable program and what devices
// need to know of it: a list of instructions with static shapes over planned
// memory.
//
// internal/graph writes programs; devices ([Device]) run them. Nothing here knows
// gradients: an instruction is a plain function of its arguments. Shapes are
// [N, H, W, C], dense, last axis fastest (NHWC). Convolution weights are
// [KH, KW, Cin/groups, Cout]. Vectors over channels are [1, 1, 1, C], numbers
// are [1, 1, 1, 1].
//
// Start at [Op], the operator family, [Ops], what is to be known of each, and
// [Program]; [Flow.Prune] leaves out what dead coefficients make zero.
package exec

import "fmt"

// Shape is [N, H, W, C].
type Shape [4]int

// Len is the number of elements.
func (s Shape) Len() int { return s[0] * s[1] * s[2] * s[3] }

// Channels is the size of the last axis.
func (s Shape) Channels() int { return s[3] }

// Vector is the shape of n values along the channel axis.
func Vector(n int) Shape { return Shape{1, 1, 1, n} }

// Op is an operator of the family. The family is closed under differentiation:
// the derivative of every operator is made of operators in this list.
type Op uint8

const (
	// Conv: y = conv(x, w). Args x, w. Attr KH, KW, Stride, Pad, Dilation, Groups.
	// With H = W = 1 and a 1x1 kernel it is the matrix product of a linear layer.
	// After lowering, Terms from 2 is the number of such pairs of arguments whose
	// convolutions are added up.
	Conv Op = iota
	// ConvGradInput: dx = convᵀ(w, dy), the adjoint of Conv in x. Args w, dy. Terms
	// as for Conv.
	ConvGradInput
	// ConvGradWeight: dw, the adjoint of Conv in w. Args x, dy.
	ConvGradWeight

	// ReLU: y = max(x, 0). Args x. A NaN stays NaN.
	ReLU
	// ReLUMask: y = g where x > 0, else 0. Args x, g.
	ReLUMask

	// AvgPool: mean over windows KHxKW; the divisor counts only pixels inside the
	// image (count_include_pad false). Args x. Attr KH, KW, Stride, Pad.
	AvgPool
	// AvgPoolGrad is the adjoint of AvgPool. Args g.
	AvgPoolGrad
	// MaxPoolIndex: the place kh*KW+kw of the first maximum of each window, as a
	// number. Args x. Attr KH, KW, Stride, Pad. Pixels outside the image never win.
	MaxPoolIndex
	// MaxGather: y = z at the places given by index. Args index, z.
	MaxGather
	// MaxScatter is the adjoint of MaxGather in z. Args index, g.
	MaxScatter

	// ChanLin: y = Σ_i a_i ⊙ x_i + Σ_j b_j, where a_i and b_j are vectors over
	// channels or single numbers. Args x_0, a_0, x_1, a_1, ..., b_0, b_1, ...
	// Attr Terms is the number of (x, a) pairs. Batch-norm application, affine
	// parameters, bias and the mixture of a node are all this one pass.
	ChanLin
	// ChanDot: per channel Σ_{n,h,w} x·y. Args x, y. Result is a vector.
	ChanDot
	// ChanSum: per channel Σ_{n,h,w} x. Args x. Result is a vector.
	ChanSum
	// Dot: Σ x·y over everything. Args x, y. Result is a number.
	Dot

	// BNStats: batch statistics, a vector of 3C: mean, biased variance,
	// 1/sqrt(variance+Eps). Args x. Attr Eps.
	BNStats
	// BNNorm: (x − mean)·rstd. Args x, stats.
	BNNorm
	// BNGrad: rstd·(g − mean(g) − y·mean(g·y)), means over N, H, W per channel.
	// The Jacobian of batch normalisation, which is symmetric: it is both the
	// adjoint and the tangent. Args g, y (= BNNorm), stats.
	BNGrad

	// SpatialMean: [N,H,W,C] -> [N,1,1,C]. Args x.
	SpatialMean
	// SpatialSpread is the adjoint of SpatialMean: g/(H·W) at every pixel. Args g.
	SpatialSpread

	// CrossEntropy: mean over rows of logsumexp(z) − t·z, for rows of t that sum to
	// one. Args z, t, both [N,1,1,C]. Result is a number.
	CrossEntropy
	// Softmax over channels of each row. Args z.
	Softmax
	// SoftmaxJac: p ∘ (u − ⟨p,u⟩ per row), the symmetric Jacobian of Softmax. Args p, u.
	SoftmaxJac
	// RowDot: per image Σ_{h,w,c} x·y, [N,1,1,1]. Args x, y of one shape.
	RowDot
	// RowScale: each image of x times its number in s. Args x, s [N,1,1,1].
	RowScale

	// Add: Σ args, all of one shape; any number of arguments from 2.
	Add
	// Mul: x ∘ y, one shape.
	Mul
	// Div: x / y, one shape.
	Div
	// Affine: Alpha·x + Beta, constants. Args x. Attr Alpha, Beta.
	Affine
	// Rsqrt: 1/sqrt(x + Eps). Args x. Attr Eps.
	Rsqrt
	// Slice: channels Offset.. of x, as many as the result has. Args x. Attr Offset.
	Slice
	// Place: zero but for x at channels Offset.., the adjoint of Slice. Args x. Attr Offset.
	Place
	// Concat: the channels of all arguments, one after another; any number of
	// arguments from 2, alike in N, H and W.
	Concat
	// Subsample: y[n,h,w,c] = x[n, h·Stride+Offset, w·Stride+Offset, c], as many
	// pixels as there are: H' = ceil((H−Offset)/Stride). Args x. Attr Stride, Offset.
	Subsample
	// SubsampleGrad is the adjoint of Subsample: zero but for the pixels that it
	// takes. Args g. Attr Stride, Offset.
	SubsampleGrad
	// Copy: y = x. Args x. Only lowering makes it.
	Copy

	// The next are what lowering makes of several operators, to go over memory once.
	// They have no derivative.

	// LinReLU: ReLU of ChanLin. Args and Attr of ChanLin.
	LinReLU
	// LinMask: ReLUMask of ChanLin: its value where x > 0, else 0. Args x, then
	// those of ChanLin. Attr of ChanLin.
	LinMask
	// ChanDots: Σ x and Σ x·z_i per channel, one after another: a vector of
	// (1+k)·C. Args x, z_1, ..., z_k.
	ChanDots

	// Zero: y = 0. No arguments. Only [Flow.Prune] makes it.
	Zero

	NumOps // the number of operators
)

// Attr are the constants of an instruction; which ones count is said at each [Op].
// A Stride, Dilation or Groups of 0 means 1.
type Attr struct {
	KH, KW, Stride, Pad, Dilation, Groups int
	Terms                                 int
	Offset                                int
	Eps                                   float64
	Alpha, Beta                           float64
}

// Normal replaces the zeros that mean 1.
func (a Attr) Normal() Attr {
	for _, n := range []*int{&a.Stride, &a.Dilation, &a.Groups} {
		if *n == 0 {
			*n = 1
		}
	}
	return a
}

// Space is a region of memory that a program works on.
type Space uint8

const (
	// Scratch is the arena for intermediate results. Its content means nothing
	// between runs, so programs that run one after another may share it.
	Scratch       Space = iota
	Weights             // in: all trainable weights, one after another
	Images              // in: the batch, [N,H,W,C]
	Targets             // in: one-hot (or smoothed) labels, [N,1,1,classes]
	Coefs               // in: mixture coefficients, layer by layer
	Buffers             // in: batch-norm running mean and variance, for evaluation
	Direction           // in: a vector in weight space
	CoefDirection       // in: a vector in coefficient space
	Masks               // in: factors of drop path, [N,1,1,1] each, one for each image
	WeightGrad          // out: dL/dw, laid out as Weights
	CoefGrad            // out: dL/dcoefs, laid out as Coefs
	HessianVec          // out: H·direction, laid out as Weights
	MixedVec            // out: ∂²L/∂coefs∂w · direction, laid out as Coefs
	Loss                // out: one number
	Logits              // out: [N,1,1,classes]
	Stats               // out: batch statistics of every batch norm, 3C each
	NumSpaces
)

var spaceNames = [NumSpaces]string{
	"scratch", "weights", "images", "targets", "coefs", "buffers", "direction", "coef-direction", "masks",
	"weight-grad", "coef-grad", "hessian-vec", "mixed-vec", "loss", "logits", "stats",
}

func (s Space) String() string {
	if s < NumSpaces {
		return spaceNames[s]
	}
	return fmt.Sprintf("space(%d)", uint8(s))
}

// Tensor is a dense block of memory.
type Tensor struct {
	Space  Space
	Offset int // elements from the start of the space
	Shape  Shape
}

// Instr is one kernel call: Out = Op(Args...). Out overlaps an argument only
// where [InPlace] allows it, and then exactly.
type Instr struct {
	Op   Op
	Attr Attr
	Args []Tensor
	Out  Tensor
	// Again says that a later phase computes what phase 0 has computed already, so that
	// it need not be kept.
	Again bool
}

// Program is a list of instructions in phases. Phase 0 runs first; after it, the
// later phases may run any number of times in any order: what they read of phase
// 0 stays in place, and they read nothing of each other.
type Program struct {
	Phases [][]Instr
	// Size is the number of elements that each space must have.
	Size [NumSpaces]int
}
