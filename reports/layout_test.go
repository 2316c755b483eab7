package reports

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"idarts/internal/diagram"
)

// faults says what is wrong with the geometry of a cell: texts on each other,
// edges through nodes or through the labels of other edges, edges that do not
// join their nodes, and parts outside of the drawing.
func faults(c cell) []string {
	var out []string
	type named struct {
		box
		name       string
		node, edge int
	}
	var boxes []named
	for i, b := range c.layout.nodes {
		boxes = append(boxes, named{b, "node " + c.Nodes[i].Name, i, -1})
	}
	for i, b := range c.labels {
		if b.w > 0 {
			boxes = append(boxes, named{b, "label " + c.Edges[i].Op, -1, i})
		} else if c.Edges[i].Op != "" {
			out = append(out, "no label "+c.Edges[i].Op)
		}
	}
	for i, a := range boxes {
		for _, b := range boxes[:i] {
			if a.meets(b.box) {
				out = append(out, a.name+" lies on "+b.name)
			}
		}
		if a.x-a.w/2 < -0.01 || a.y-a.h/2 < -0.01 || a.x+a.w/2 > c.w+0.01 || a.y+a.h/2 > c.h+0.01 {
			out = append(out, a.name+" lies outside")
		}
	}
	for i, e := range c.Edges {
		path := c.paths[i]
		from, to := c.layout.nodes[e.From], c.layout.nodes[e.To]
		first, last := path[0], path[len(path)-1]
		if math.Abs(first.x-from.x-from.w/2) > 0.01 || math.Abs(first.y-from.y) > from.h/2-3 ||
			math.Abs(last.x-to.x+to.w/2) > 0.01 || math.Abs(last.y-to.y) > to.h/2-3 {
			out = append(out, "an edge does not join "+c.Nodes[e.From].Name+" and "+c.Nodes[e.To].Name)
		}
		throughLabel := e.Op == ""
		for k := 0; k+3 < len(path); k += 3 {
			for step := range 101 {
				at := bezier(path[k:k+4], float64(step)/100)
				if at.x < 0 || at.x > c.w || at.y < -0.01 || at.y > c.h+0.01 {
					out = append(out, "an edge goes outside")
				}
				if c.labels[i].holds(at, 0) && math.Abs(at.y-c.labels[i].y) < 0.01 {
					throughLabel = true
				}
				for _, b := range boxes {
					if b.node != e.From && b.node != e.To && b.edge != i && b.holds(at, 0.5) {
						out = append(out, "the edge from "+c.Nodes[e.From].Name+" to "+c.Nodes[e.To].Name+" goes through "+b.name)
					}
				}
			}
		}
		if !throughLabel {
			out = append(out, "an edge misses its label "+e.Op)
		}
	}
	return out
}

func TestNothingOverlaps(t *testing.T) {
	checked := 0
	check := func(name string, g diagram.Graph) {
		t.Helper()
		c, err := newCell(g)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, fault := range faults(c) {
			t.Errorf("%s: %s", name, fault)
		}
		checked++
	}
	for _, d := range drawings {
		for _, g := range d.graphs {
			check(d.name, g)
		}
	}
	r := rand.New(rand.NewPCG(7, 0))
	nb201 := []string{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}
	darts := []string{"max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"}
	nb101 := []string{"conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"}
	for range 40 {
		var ops []string
		for range 6 {
			ops = append(ops, nb201[r.IntN(5)])
		}
		check("random nb201", nb201Graph(ops...)[0])
		var edges []string
		for node := range 4 {
			sources := r.Perm(node + 2)
			for _, from := range sources[:2] {
				edges = append(edges, darts[r.IntN(7)]+" "+string(rune('0'+from)))
			}
		}
		check("random darts", dartsGraph("", edges...))
		var pairs [][2]int
		for to := 1; to < 7; to++ {
			for from := range to {
				if r.Float64() < 0.4 {
					pairs = append(pairs, [2]int{from, to})
				}
			}
		}
		ops = nil
		for range 5 {
			ops = append(ops, nb101[r.IntN(3)])
		}
		check("random nb101", nb101Graph(ops, pairs...)[0])
	}
	t.Logf("%d layouts", checked)
}

// A layout without a crossing is found where there is one.
func TestCrossings(t *testing.T) {
	crossings := func(g diagram.Graph) int {
		layers, err := layersOf(g)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newCell(g)
		if err != nil {
			t.Fatal(err)
		}
		nodes, labels := make([]size, len(g.Nodes)), make([]size, len(g.Edges))
		for i := range nodes {
			nodes[i] = size{c.layout.nodes[i].w, 10}
		}
		for i := range labels {
			labels[i] = size{c.labels[i].w, c.labels[i].h}
		}
		p := newPlan(g, layers, nodes, labels)
		p.sort()
		return p.crossings()
	}
	for _, tt := range []struct {
		name string
		g    diagram.Graph
		want int
	}{
		{"the complete graph of 4 nodes is flat", drawings[0].graphs[0], 0},
		{"a deep DARTS cell is flat", drawings[4].graphs[0], 0},
		// Two inputs with three common readers: K(2,3) with both inputs on the left.
		{"two inputs, three readers: 3 of 3 by 2 layers", dartsGraph("", "a 0", "b 1", "c 0", "d 1", "e 0", "f 1", "g 2", "h 3"), 3},
	} {
		if got := crossings(tt.g); got != tt.want {
			t.Errorf("%s: %d crossings, want %d", tt.name, got, tt.want)
		}
	}
}

func TestGraphsThatCannotBeDrawn(t *testing.T) {
	nodes := []diagram.Node{{Name: "in", Kind: diagram.Input}, {Name: "a"}, {Name: "b"}, {Name: "out", Kind: diagram.Output}}
	for _, tt := range []struct {
		name   string
		graphs []diagram.Graph
		want   string
	}{
		{"none", nil, "no graph to draw"},
		{"no nodes", []diagram.Graph{{Title: "t"}}, `graph "t" has no nodes`},
		{"an edge to nowhere", []diagram.Graph{{Nodes: nodes, Edges: []diagram.Edge{{From: 0, To: 1}, {From: 1, To: 4}}}}, "edge 1 leads from node 1 to node 4, want nodes 0 to 3"},
		{"a cycle", []diagram.Graph{{Nodes: nodes, Edges: []diagram.Edge{{From: 1, To: 2}, {From: 2, To: 1}}}}, "has a cycle"},
		{"a loop", []diagram.Graph{{Nodes: nodes, Edges: []diagram.Edge{{From: 1, To: 1}}}}, "has a cycle"},
		{"into an input", []diagram.Graph{{Nodes: nodes, Edges: []diagram.Edge{{From: 1, To: 0}}}}, `an edge leads into input "in"`},
		{"out of an output", []diagram.Graph{{Nodes: nodes, Edges: []diagram.Edge{{From: 3, To: 2}}}}, `an edge leads out of output "out"`},
	} {
		if _, err := DrawCell(tt.graphs); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "reports: ") {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestLayers(t *testing.T) {
	node := func(kind diagram.Kind) diagram.Node { return diagram.Node{Kind: kind} }
	in, inner, out := node(diagram.Input), node(diagram.Inner), node(diagram.Output)
	for _, tt := range []struct {
		name  string
		nodes []diagram.Node
		edges []diagram.Edge
		want  []int
	}{
		{"the longest path counts", []diagram.Node{in, inner, inner, out}, []diagram.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 2}, {From: 0, To: 3}, {From: 2, To: 3}}, []int{0, 1, 2, 3}},
		{"an output is last though a loose end is as long", []diagram.Node{in, inner, inner, out}, []diagram.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 3}}, []int{0, 1, 2, 3}},
		{"what nothing leads to stands before its reader", []diagram.Node{in, inner, inner, out}, []diagram.Edge{{From: 0, To: 1}, {From: 1, To: 3}, {From: 2, To: 3}}, []int{0, 1, 1, 2}},
		{"what nothing joins stands before the output", []diagram.Node{in, inner, inner, out}, []diagram.Edge{{From: 0, To: 1}, {From: 1, To: 3}}, []int{0, 1, 1, 2}},
		{"nodes alone", []diagram.Node{in, out}, nil, []int{0, 1}},
	} {
		got, err := layersOf(diagram.Graph{Nodes: tt.nodes, Edges: tt.edges})
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: layers %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}
