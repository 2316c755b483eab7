package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
)

// Tape computes nodes with gorgonia's own TapeMachine in float64. It runs the
// whole graph, one allocation per node, and compiles in quadratic time: it is
// the independent check of everything that comes after the graph.
//
// mem holds the inputs; its spaces must be long enough for all of the graph's.
func (g *Graph) Tape(mem *ref.Memory, nodes ...*Node) (values [][]float64, err error) {
	g.wire()
	hashes := map[uint32]*Node{}
	for _, n := range g.expr.AllNodes() {
		if other, ok := hashes[n.Hashcode()]; ok && other != n {
			return nil, fmt.Errorf("graph: tape: nodes %v and %v have one hash, and the TapeMachine would take them for one; want a smaller graph", n, other)
		}
		hashes[n.Hashcode()] = n
	}
	for _, n := range g.expr.AllNodes() {
		t, ok := g.inputs[n]
		if !ok {
			continue
		}
		end := t.Offset + t.Shape.Len()
		if end > len(mem[t.Space]) {
			return nil, fmt.Errorf("graph: tape: space %v has %d elements, want %d", t.Space, len(mem[t.Space]), end)
		}
		data := append([]float64(nil), mem[t.Space][t.Offset:end]...)
		if err := gorgonia.Let(n, newTensor(t.Shape, data)); err != nil {
			return nil, fmt.Errorf("graph: tape: %w", err)
		}
	}
	vm := gorgonia.NewTapeMachine(g.expr)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		return nil, fmt.Errorf("graph: tape: %w", err)
	}
	for _, n := range nodes {
		v, ok := n.Value().(interface{ Float64s() []float64 })
		if !ok {
			return nil, fmt.Errorf("graph: tape: node %v has no value", n)
		}
		values = append(values, append([]float64(nil), v.Float64s()...))
	}
	return values, nil
}

// TapeGradient is gorgonia's own first-order gradient dy/dx, by its
// Backpropagate: an independent check of [Graph.Gradient]. It works once for
// each graph, and every x must reach y. one is a leaf that holds the number 1.
func (g *Graph) TapeGradient(y, one *Node, wrt ...*Node) ([]*Node, error) {
	if g.inputs[one].Shape != exec.Vector(1) {
		return nil, fmt.Errorf("graph: tape gradient: seed %v, want an input that is a number", one)
	}
	g.wire()
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{y}, gorgonia.Nodes{one}, wrt)
	if err != nil {
		return nil, fmt.Errorf("graph: tape gradient: %w", err)
	}
	return grads, nil
}
