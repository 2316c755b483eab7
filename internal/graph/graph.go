// Package graph is the differentiable program: gorgonia's expression graph with
// the operators of internal/exec, derivatives of any order, and the lowering to
// a flat [exec.Program].
//
// A [Graph] holds nodes; every value is [N, H, W, C] (see exec for weights,
// vectors and numbers). Leaves are places in a program's memory ([Graph.Input]).
// Derivatives are more nodes of the same graph:
//
//   - [Graph.Gradient] is the reverse pass: dy/dx for a number y,
//   - [Graph.Tangent] is the forward pass: the change of nodes along a direction.
//
// Both apply to any graph, their own results included. A Hessian-vector product
// is the tangent of a gradient:
//
//	grad := g.Gradient(loss, w)
//	hv := g.Tangent(grad, []*graph.Node{w}, []*graph.Node{v})
//
// [Graph.Lower] turns wanted nodes into instructions over planned memory.
// [Graph.Tape] runs the same nodes on gorgonia's own TapeMachine in float64: slow,
// but an executor that shares nothing with the lowering.
//
// Start at [New]; the derivative of each operator is one row of the table in
// rules.go. Nodes are shared: building the same thing twice gives one node.
//
// gorgonia gives the nodes, their types and an independent executor. Its own
// Grad works on these operators too, but only once and only to first order.
package graph

import (
	"encoding/binary"
	"fmt"
	"math"

	gonum "gonum.org/v1/gonum/graph"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"idarts/internal/exec"
)

// Node is a value of the graph.
type Node = gorgonia.Node

// valueType is the type of every node: a 4-D tensor of float64.
var valueType = gorgonia.TensorType{Dims: 4, Of: tensor.Float64}

// Graph is an expression graph. It is not safe for concurrent use.
type Graph struct {
	// Target is what [Graph.Lower] writes programs for.
	Target exec.Target

	expr   *gorgonia.ExprGraph
	inputs map[*Node]exec.Tensor
	known  map[string]*Node // by content, see key
	serial uint32
	wired  bool   // nodes are joined in expr, see wire
	key    []byte // scratch
}

// New makes an empty graph.
func New() *Graph {
	return &Graph{
		expr:   gorgonia.NewGraph(),
		inputs: map[*Node]exec.Tensor{},
		known:  map[string]*Node{},
	}
}

// Nodes is how many different nodes the graph holds.
func (g *Graph) Nodes() int { return len(g.known) }

// Input is the leaf whose value is the memory at offset of space. The same
// place and shape give the same node.
func (g *Graph) Input(space exec.Space, offset int, shape exec.Shape) *Node {
	if space == exec.Scratch || space >= exec.NumSpaces || offset < 0 || shape.Len() <= 0 {
		panic(fmt.Sprintf("graph: input at %v+%d of shape %v: want a space other than scratch, an offset >= 0 and positive sizes", space, offset, shape))
	}
	name := fmt.Sprintf("%v+%d%v", space, offset, shape)
	if n, ok := g.known[name]; ok {
		return n
	}
	n := gorgonia.NewTensor(g.expr, tensor.Float64, 4, gorgonia.WithShape(shape[:]...), gorgonia.WithName(name))
	g.inputs[n] = exec.Tensor{Space: space, Offset: offset, Shape: shape}
	g.known[name] = n
	return n
}

// Apply is the node op(args...), whose value has the shape out. It panics when
// the shapes do not fit the operator: that is a bug of the caller.
func (g *Graph) Apply(op exec.Op, attr exec.Attr, out exec.Shape, args ...*Node) *Node {
	shapes := make([]exec.Shape, len(args))
	for i, a := range args {
		if a == nil || a.Graph() != g.expr {
			panic(fmt.Sprintf("graph: %v: argument %d is not a node of this graph", op, i))
		}
		shapes[i] = Shape(a)
	}
	if err := exec.Check(op, attr, shapes, out); err != nil {
		panic("graph: " + err.Error())
	}
	key := g.content(op, attr, out, args)
	if n, ok := g.known[string(key)]; ok {
		return n
	}
	g.serial++
	children := append(gorgonia.Nodes(nil), args...)
	o := &Operator{Op: op, Attr: attr, Out: out, graph: g, args: children, serial: g.serial}
	// The cheapest exported way to make a node; ApplyOp would infer types first.
	options := []gorgonia.NodeConsOpt{gorgonia.WithType(valueType), gorgonia.WithOp(o), gorgonia.In(g.expr), gorgonia.WithShape(out[:]...)}
	if g.wired {
		options = append(options, gorgonia.WithChildren(children))
	}
	n := gorgonia.NewUniqueNode(options...)
	g.known[string(key)] = n
	return n
}

// wire joins the nodes in gorgonia's graph, which knew them without their
// arguments. Only its machines and its own
// derivatives need that, and joining a node takes time in proportion to all nodes
// before it: a large supernet would spend most of its preparation on it.
func (g *Graph) wire() {
	if g.wired {
		return
	}
	g.wired = true
	for _, n := range g.expr.AllNodes() {
		if o := operator(n); o != nil {
			gorgonia.WithChildren(o.args)(n)
			for _, child := range o.args {
				g.expr.SetEdge(edge{n, child})
			}
		}
	}
}

// edge leads from a node to one of its arguments.
type edge struct{ from, to *Node }

func (e edge) From() gonum.Node         { return e.from }
func (e edge) To() gonum.Node           { return e.to }
func (e edge) ReversedEdge() gonum.Edge { return edge{e.to, e.from} }

// content is the exact identity of a node: operator, constants, shape and
// arguments. gorgonia merges nodes by a 32-bit hash, which is not enough for
// graphs of many thousand nodes.
func (g *Graph) content(op exec.Op, attr exec.Attr, out exec.Shape, args []*Node) []byte {
	b := append(g.key[:0], 0, byte(op)) // no input's name starts with 0
	for _, v := range [...]int{attr.KH, attr.KW, attr.Stride, attr.Pad, attr.Dilation, attr.Groups, attr.Terms, attr.Offset,
		out[0], out[1], out[2], out[3]} {
		b = binary.AppendVarint(b, int64(v))
	}
	for _, v := range [...]float64{attr.Eps, attr.Alpha, attr.Beta} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	for _, a := range args {
		b = binary.AppendVarint(b, a.ID())
	}
	g.key = b
	return b
}

// Shape is the shape of a node's value.
func Shape(n *Node) exec.Shape {
	if o, ok := n.Op().(*Operator); ok {
		return o.Out
	}
	s := n.Shape()
	return exec.Shape{s[0], s[1], s[2], s[3]}
}

// operator is what makes n, nil for an input.
func operator(n *Node) *Operator {
	o, _ := n.Op().(*Operator)
	return o
}

// args are the children of n.
func args(n *Node) []*Node {
	if o := operator(n); o != nil {
		return o.args
	}
	return nil
}

// ancestors are all nodes that roots depend on, roots included, every node after
// its arguments. Nil roots are skipped. The order is that of creation.
func ancestors(roots []*Node) []*Node {
	seen := map[*Node]bool{}
	var found, stack []*Node
	push := func(n *Node) {
		if n != nil && !seen[n] {
			seen[n] = true
			found = append(found, n)
			stack = append(stack, n)
		}
	}
	for _, n := range roots {
		push(n)
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, a := range args(n) {
			push(a)
		}
	}
	sortByID(found)
	return found
}
