// Package ref computes every operator of [exec.Op] in float64, one loop
// after another, straight from the formulas documented there. It is what other
// devices are tested against; it is slow and allocates.
//
// Start at [Do] for one operator, [Run] for a program and [Open] for the device.
// Callers pass shapes that fit: a wrong one panics on an index.
package ref

import (
	"fmt"

	"idarts/internal/exec"
)

// Memory is one slice for each space of a program.
type Memory [exec.NumSpaces][]float64

// NewMemory makes zeroed memory of the sizes that p needs.
func NewMemory(p *exec.Program) *Memory {
	mem := new(Memory)
	for s := range mem {
		mem[s] = make([]float64, p.Size[s])
	}
	return mem
}

// Run interprets one phase of p. Each result is computed aside and copied to its
// place, so an instruction that works in place gives the same numbers as one
// that does not.
func Run(p *exec.Program, mem *Memory, phase int) {
	for _, in := range p.Phases[phase] {
		args := make([][]float64, len(in.Args))
		shapes := make([]exec.Shape, len(in.Args))
		for i, a := range in.Args {
			args[i] = block(mem, a)
			shapes[i] = a.Shape
		}
		out := make([]float64, in.Out.Shape.Len())
		Do(in.Op, in.Attr, args, shapes, out, in.Out.Shape)
		copy(block(mem, in.Out), out)
	}
}

func block(mem *Memory, t exec.Tensor) []float64 {
	return mem[t.Space][t.Offset : t.Offset+t.Shape.Len()]
}

// call is one operator with its arguments. out is zero at the start and shares no
// memory with them.
type call struct {
	attr   exec.Attr
	args   [][]float64
	shapes []exec.Shape
	out    []float64
	shape  exec.Shape // of out
}

// kernels has a row for each operator.
var kernels = [exec.NumOps]func(call){
	exec.Conv: conv, exec.ConvGradInput: convGradInput, exec.ConvGradWeight: convGradWeight,
	exec.ReLU: relu, exec.ReLUMask: reluMask,
	exec.AvgPool: avgPool, exec.AvgPoolGrad: avgPoolGrad,
	exec.MaxPoolIndex: maxPoolIndex, exec.MaxGather: maxGather, exec.MaxScatter: maxScatter,
	exec.ChanLin: chanLin, exec.ChanDot: chanDot, exec.ChanSum: chanSum, exec.Dot: wholeDot,
	exec.BNStats: bnStats, exec.BNNorm: bnNorm, exec.BNGrad: bnGrad,
	exec.SpatialMean: spatialMean, exec.SpatialSpread: spatialSpread,
	exec.CrossEntropy: crossEntropy, exec.Softmax: softmax, exec.SoftmaxJac: softmaxJac, exec.RowDot: rowDot, exec.RowScale: rowScale,
	exec.Add: add, exec.Mul: mul, exec.Div: div, exec.Affine: affine, exec.Rsqrt: rsqrt,
	exec.Slice: slice, exec.Place: place, exec.Concat: concat, exec.Subsample: subsample, exec.SubsampleGrad: subsampleGrad,
	exec.Copy: copied, exec.LinReLU: linReLU, exec.LinMask: linMask, exec.ChanDots: chanDots, exec.Zero: func(call) {},
}

// Do computes one operator. args[i] has shapes[i]; out is fully overwritten. Out
// shares no memory with args.
func Do(op exec.Op, attr exec.Attr, args [][]float64, shapes []exec.Shape, out []float64, outShape exec.Shape) {
	if op >= exec.NumOps || kernels[op] == nil {
		panic(fmt.Sprintf("ref: unknown operator %v", op))
	}
	clear(out)
	kernels[op](call{attr.Normal(), args, shapes, out, outShape})
}
