package picture

import (
	"math"
	"math/rand/v2"
	"testing"

	"idarts/internal/diagram"
)

// text is a box of a drawing with what is in it.
type text struct {
	diagram.Box
	name       string
	node, edge int // -1 where it is no node, or no label of an edge
}

// holds says whether p lies in the box with a margin around it.
func (a text) holds(p diagram.Point, margin float64) bool {
	return math.Abs(p.X-a.X) < a.W/2+margin && math.Abs(p.Y-a.Y) < a.H/2+margin
}

// meets says whether two boxes share area.
func (a text) meets(b text) bool {
	return math.Abs(a.X-b.X) < (a.W+b.W)/2 && math.Abs(a.Y-b.Y) < (a.H+b.H)/2
}

// faults says what is wrong with the geometry of a cell: texts on each other,
// edges through nodes or through the labels of other edges, edges that do not
// join their nodes, and parts outside of the drawing.
func faults(c cell) []string {
	var out []string
	var texts []text
	for i, b := range c.layout.Nodes {
		texts = append(texts, text{b, "node " + c.graph.Nodes[i].Name, i, -1})
	}
	for i, b := range c.layout.Labels {
		op := c.graph.Edges[i].Op
		if b.W > 0 {
			texts = append(texts, text{b, "label " + op, -1, i})
		} else if op != "" {
			out = append(out, "no label "+op)
		}
	}
	for i, a := range texts {
		for _, b := range texts[:i] {
			if a.meets(b) {
				out = append(out, a.name+" lies on "+b.name)
			}
		}
		if a.X-a.W/2 < -0.01 || a.Y-a.H/2 < -0.01 || a.X+a.W/2 > c.layout.W+0.01 || a.Y+a.H/2 > c.layout.H+0.01 {
			out = append(out, a.name+" lies outside")
		}
	}
	for i := range c.graph.Edges {
		out = append(out, edgeFaults(c, i, texts)...)
	}
	return out
}

// edgeFaults are those of one edge.
func edgeFaults(c cell, i int, texts []text) []string {
	var out []string
	e, path := c.graph.Edges[i], c.layout.Paths[i]
	name := "the edge from " + c.graph.Nodes[e.From].Name + " to " + c.graph.Nodes[e.To].Name
	from, to := c.layout.Nodes[e.From], c.layout.Nodes[e.To]
	first, last := path[0], path[len(path)-1]
	if math.Abs(first.X-from.X-from.W/2) > 0.01 || math.Abs(first.Y-from.Y) > from.H/2-3 ||
		math.Abs(last.X-to.X+to.W/2) > 0.01 || math.Abs(last.Y-to.Y) > to.H/2-3 {
		out = append(out, name+" does not join them")
	}
	label := text{Box: c.layout.Labels[i]}
	throughLabel := e.Op == ""
	for k := 0; k+3 < len(path); k += 3 {
		for step := range 101 {
			at := onCurve(path[k:k+4], float64(step)/100)
			if at.X < 0 || at.X > c.layout.W || at.Y < -0.01 || at.Y > c.layout.H+0.01 {
				out = append(out, name+" goes outside")
			}
			if label.holds(at, 0) && math.Abs(at.Y-label.Y) < 0.01 {
				throughLabel = true
			}
			for _, b := range texts {
				if b.node != e.From && b.node != e.To && b.edge != i && b.holds(at, 0.5) {
					out = append(out, name+" goes through "+b.name)
				}
			}
		}
	}
	if !throughLabel {
		out = append(out, name+" misses its label "+e.Op)
	}
	return out
}

// onCurve is the point at t, from 0 to 1, of the Bézier curve with these control
// points, by de Casteljau's construction.
func onCurve(control []diagram.Point, t float64) diagram.Point {
	if len(control) == 1 {
		return control[0]
	}
	between := make([]diagram.Point, len(control)-1)
	for i := range between {
		a, b := control[i], control[i+1]
		between[i] = diagram.Point{X: a.X + t*(b.X-a.X), Y: a.Y + t*(b.Y-a.Y)}
	}
	return onCurve(between, t)
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
