package diagram

import (
	"slices"
	"strings"
	"testing"
)

func TestLayers(t *testing.T) {
	in, inner, out := Node{Kind: Input}, Node{Kind: Inner}, Node{Kind: Output}
	for _, tt := range []struct {
		name  string
		nodes []Node
		edges []Edge
		want  []int
	}{
		{"the longest path counts", []Node{in, inner, inner, out}, []Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 2}, {From: 0, To: 3}, {From: 2, To: 3}}, []int{0, 1, 2, 3}},
		{"an output is last though a loose end is as long", []Node{in, inner, inner, out}, []Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 3}}, []int{0, 1, 2, 3}},
		{"what nothing leads to stands before its reader", []Node{in, inner, inner, out}, []Edge{{From: 0, To: 1}, {From: 1, To: 3}, {From: 2, To: 3}}, []int{0, 1, 1, 2}},
		{"what nothing joins stands before the output", []Node{in, inner, inner, out}, []Edge{{From: 0, To: 1}, {From: 1, To: 3}}, []int{0, 1, 1, 2}},
		{"nodes alone", []Node{in, out}, nil, []int{0, 1}},
	} {
		got, err := layersOf(Graph{Nodes: tt.nodes, Edges: tt.edges})
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: layers %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

// labelled has so many inputs, then inner nodes, then an output; its edges carry
// labels but those to the output where there are several inputs.
func labelled(inputs, inner int, edges ...[2]int) Graph {
	var g Graph
	for i := range inputs + inner + 1 {
		kind := Inner
		switch {
		case i < inputs:
			kind = Input
		case i == inputs+inner:
			kind = Output
		}
		g.Nodes = append(g.Nodes, Node{Kind: kind})
	}
	for _, e := range edges {
		op := "op"
		if inputs > 1 && e[1] == inputs+inner {
			op = ""
		}
		g.Edges = append(g.Edges, Edge{From: e[0], To: e[1], Op: op})
	}
	return g
}

// A layout without a crossing is found where there is one.
func TestCrossings(t *testing.T) {
	for _, tt := range []struct {
		name string
		g    Graph
		want int
	}{
		{"the complete graph of 4 nodes is flat", labelled(1, 2, [2]int{0, 1}, [2]int{0, 2}, [2]int{1, 2}, [2]int{0, 3}, [2]int{1, 3}, [2]int{2, 3}), 0},
		{"a deep DARTS cell is flat", labelled(2, 4, [2]int{1, 2}, [2]int{0, 2}, [2]int{2, 3}, [2]int{0, 3}, [2]int{3, 4}, [2]int{0, 4}, [2]int{4, 5}, [2]int{0, 5},
			[2]int{2, 6}, [2]int{3, 6}, [2]int{4, 6}, [2]int{5, 6}), 0},
		// Two inputs with three common readers: K(2,3) with both inputs on the left.
		{"two inputs, three readers: 3 of 3 by 2 layers", labelled(2, 4, [2]int{0, 2}, [2]int{1, 2}, [2]int{0, 3}, [2]int{1, 3}, [2]int{0, 4}, [2]int{1, 4}, [2]int{2, 5}, [2]int{3, 5},
			[2]int{2, 6}, [2]int{3, 6}, [2]int{4, 6}, [2]int{5, 6}), 3},
	} {
		layers, err := layersOf(tt.g)
		if err != nil {
			t.Fatal(err)
		}
		nodes, labels := make([]Size, len(tt.g.Nodes)), make([]Size, len(tt.g.Edges))
		for i := range nodes {
			nodes[i] = Size{20, 10}
		}
		for i, e := range tt.g.Edges {
			if e.Op != "" {
				labels[i] = Size{50, 12}
			}
		}
		p := newPlan(tt.g, layers, nodes, labels)
		p.orderBands()
		if got := p.crossings(); got != tt.want {
			t.Errorf("%s: %d crossings, want %d", tt.name, got, tt.want)
		}
	}
}

func TestGraphsThatCannotBeLaidOut(t *testing.T) {
	nodes := []Node{{Name: "in", Kind: Input}, {Name: "a"}, {Name: "b"}, {Name: "out", Kind: Output}}
	for _, tt := range []struct {
		name  string
		graph Graph
		want  string
	}{
		{"no nodes", Graph{Title: "t"}, `graph "t" has no nodes`},
		{"an edge to nowhere", Graph{Nodes: nodes, Edges: []Edge{{From: 0, To: 1}, {From: 1, To: 4}}}, "edge 1 leads from node 1 to node 4, want nodes 0 to 3"},
		{"a cycle", Graph{Nodes: nodes, Edges: []Edge{{From: 1, To: 2}, {From: 2, To: 1}}}, "has a cycle"},
		{"a loop", Graph{Nodes: nodes, Edges: []Edge{{From: 1, To: 1}}}, "has a cycle"},
		{"into an input", Graph{Nodes: nodes, Edges: []Edge{{From: 1, To: 0}}}, `an edge leads into input "in"`},
		{"out of an output", Graph{Nodes: nodes, Edges: []Edge{{From: 3, To: 2}}}, `an edge leads out of output "out"`},
	} {
		_, err := NewLayout(tt.graph, make([]Size, len(tt.graph.Nodes)), make([]Size, len(tt.graph.Edges)))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "diagram: ") {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}
