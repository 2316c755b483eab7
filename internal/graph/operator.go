package graph

import (
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
)

// Operator is an operator of exec with its constants and result shape, as
// gorgonia wants to see it. It belongs to one node.
type Operator struct {
	Op   exec.Op
	Attr exec.Attr
	Out  exec.Shape

	graph  *Graph
	args   []*Node
	serial uint32
}

var (
	_ gorgonia.Op   = (*Operator)(nil)
	_ gorgonia.SDOp = (*Operator)(nil)
)

// Arity is the number of arguments.
func (o *Operator) Arity() int { return len(o.args) }

// Type is tensor -> ... -> tensor.
func (o *Operator) Type() hm.Type {
	types := make([]hm.Type, len(o.args)+1)
	for i := range types {
		types[i] = valueType
	}
	return hm.NewFnType(types...)
}

// InferShape gives the shape that the operator was made with.
func (o *Operator) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape(o.Out[:]).Clone(), nil
}

// Do computes the operator with the reference kernels.
func (o *Operator) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	data := make([][]float64, len(values))
	shapes := make([]exec.Shape, len(values))
	for i, v := range values {
		dense, ok := v.(*tensor.Dense)
		if !ok || dense.Dtype() != tensor.Float64 || dense.Dims() != 4 {
			return nil, fmt.Errorf("graph: %v: argument %d is %T, want a 4-D float64 tensor", o.Op, i, v)
		}
		data[i] = dense.Float64s()
		copy(shapes[i][:], dense.Shape())
	}
	out := make([]float64, o.Out.Len())
	ref.Do(o.Op, o.Attr, data, shapes, out, o.Out)
	return newTensor(o.Out, out), nil
}

func newTensor(shape exec.Shape, data []float64) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape[:]...), tensor.WithBacking(data))
}

// ReturnsPtr is false: the result is new memory.
func (o *Operator) ReturnsPtr() bool { return false }

// CallsExtern is false.
func (o *Operator) CallsExtern() bool { return false }

// OverwritesInput is -1: no argument is changed.
func (o *Operator) OverwritesInput() int { return -1 }

// WriteHash writes the operator, its constants, its result shape and its number:
// gorgonia hashes a node when it does not know its arguments yet, see
// [Graph.wire].
func (o *Operator) WriteHash(h hash.Hash) {
	a := o.Attr
	b := binary.LittleEndian.AppendUint32([]byte{byte(o.Op)}, o.serial)
	for _, v := range [...]int{a.KH, a.KW, a.Stride, a.Pad, a.Dilation, a.Groups, a.Terms, a.Offset,
		o.Out[0], o.Out[1], o.Out[2], o.Out[3]} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	for _, v := range [...]float64{a.Eps, a.Alpha, a.Beta} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	h.Write(b)
}

// Hashcode differs for every node: gorgonia takes two nodes with equal hashes
// for one if their operators' hash codes agree, and [Graph.Apply] has already
// merged what is truly the same.
func (o *Operator) Hashcode() uint32 { return o.serial }

func (o *Operator) String() string { return fmt.Sprintf("%v%v", o.Op, o.Out) }

// DiffWRT says in which arguments the operator has a derivative.
func (o *Operator) DiffWRT(inputs int) []bool {
	diff := make([]bool, inputs)
	for i := range diff {
		diff[i] = rules[o.Op].differentiable(i)
	}
	return diff
}

// SymDiff is the adjoint of each differentiable argument, for gorgonia's own
// Grad.
func (o *Operator) SymDiff(inputs gorgonia.Nodes, output, grad *Node) (gorgonia.Nodes, error) {
	adjoints := make(gorgonia.Nodes, len(inputs))
	for i := range inputs {
		if rules[o.Op].differentiable(i) {
			p := rules[o.Op].reverse(call{o.graph, output, o, inputs}, i, grad)
			adjoints[i] = o.graph.total([]piece{p}, Shape(inputs[i]))
		}
	}
	return adjoints, nil
}

// sortByID puts nodes in the order of their creation, which is topological.
func sortByID(nodes []*Node) {
	slices.SortFunc(nodes, func(a, b *Node) int { return int(a.ID() - b.ID()) })
}
