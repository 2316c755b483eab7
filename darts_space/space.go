package dartsspace

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"idarts/internal/diagram"
	"idarts/internal/search"
)

// Space is the search space as a method sees it: the 14 edges of the normal cell
// ("normal 2<-0" to "normal 5<-4", sorted by node and then by input), then those
// of the reduction cell, with 8 operations each.
func Space() search.Space {
	var layout search.Layout
	for _, cell := range [2]string{"normal", "reduce"} {
		for node := inputs; node <= lastNode; node++ {
			for input := range node {
				layout = append(layout, search.Row{
					Name: fmt.Sprintf("%s %d<-%d", cell, node, input), Options: Ops[:],
					Kind: search.Edge, Group: cell, Node: node, Source: input, Keep: 1, NodeKeep: nodeEdges,
				})
			}
		}
	}
	return search.Space{
		Layout: layout,
		Derive: func(scores []float64) string { return Derive(scores).String() },
		Kept:   func(kept []bool) string { return Kept(kept).String() },
		Random: func(r *rand.Rand) string { return Random(r).String() },
		Neighbours: func(arch string) ([]string, error) {
			g, err := Parse(arch)
			if err != nil {
				return nil, err
			}
			near, err := g.Neighbours()
			var out []string
			for _, other := range near {
				out = append(out, other.String())
			}
			return out, err
		},
	}
}

// Neighbours are the 120 architectures of the space one decision away from g:
// another operation on one edge, or another input of one edge. All are canonical.
func (g Genotype) Neighbours() ([]Genotype, error) {
	if err := g.InSpace(); err != nil {
		return nil, err
	}
	g = g.Canonical()
	var out []Genotype
	for kind, cell := range g.cells() {
		add := func(edge int, e Edge) {
			other := Cell{Edges: slices.Clone(cell.Edges), Concat: cell.Concat}
			other.Edges[edge] = e
			near := [2]Cell{g.Normal, g.Reduce}
			near[kind] = other.sorted()
			out = append(out, Genotype{Normal: near[0], Reduce: near[1]})
		}
		for i, e := range cell.Edges {
			for op := None + 1; int(op) < len(Ops); op++ {
				if op != e.Op {
					add(i, Edge{Op: op, Node: e.Node, Input: e.Input})
				}
			}
			for input := range e.Node {
				if input != e.Input && input != cell.Edges[i^1].Input {
					add(i, Edge{Op: e.Op, Node: e.Node, Input: input})
				}
			}
		}
	}
	return out, nil
}

// Derive decides a genotype by scores [28·8], such as probabilities. An edge counts
// as much as its best operation other than none; each node keeps the two edges that
// count most, the first of equal ones, and writes the better one first.
// Source: DARTS, cnn/model_search.py, where scores are the softmax of alpha.
func Derive(scores []float64) Genotype {
	half := cellEdges * len(Ops)
	return Genotype{Normal: derive(scores[:half]), Reduce: derive(scores[half : 2*half])}
}

func derive(scores []float64) Cell {
	c := Cell{Concat: allNodes()}
	for node := inputs; node <= lastNode; node++ {
		var kept [nodeEdges]Edge
		var weights [nodeEdges]float64
		for input := range node {
			op := best(scores[:len(Ops)])
			weight := scores[op]
			scores = scores[len(Ops):]
			e := Edge{Op: op, Node: node, Input: input}
			switch {
			case input == 0 || weight > weights[0]:
				kept[0], kept[1] = e, kept[0]
				weights[0], weights[1] = weight, weights[0]
			case input == 1 || weight > weights[1]:
				kept[1], weights[1] = e, weight
			}
		}
		c.Edges = append(c.Edges, kept[:]...)
	}
	return c
}

// Kept is the genotype of the options [28·8] that are kept, none aside: any number of
// operations on an edge, any number of edges into a node. In a cell without an edge
// that brings something to the output the first operation of the first edge is kept.
func Kept(kept []bool) Genotype {
	half := cellEdges * len(Ops)
	return Genotype{Normal: keep(kept[:half]), Reduce: keep(kept[half : 2*half])}
}

func keep(kept []bool) Cell {
	c := Cell{Concat: allNodes()}
	at := 0
	for node := inputs; node <= lastNode; node++ {
		for input := range node {
			for op := range Op(len(Ops)) {
				if kept[at] && op != None {
					c.Edges = append(c.Edges, Edge{Op: op, Node: node, Input: input})
				}
				at++
			}
		}
	}
	if len(c.outputs()) == 0 {
		c.Edges = append([]Edge{{Op: None + 1, Node: inputs}}, c.Edges...)
	}
	return c
}

// best is the operation of a row with the largest score, none aside, the first of
// equal ones.
func best(row []float64) Op {
	op := None + 1
	for o := op; int(o) < len(Ops); o++ {
		if row[o] > row[op] {
			op = o
		}
	}
	return op
}

// Graph is the normal cell and the reduction cell as drawings: the outputs of the
// two cells before, the four nodes "0" to "3", the output. Edges carry operations;
// those into the output carry none. Edges that bring nothing are there too.
func (g Genotype) Graph() []diagram.Graph {
	var out []diagram.Graph
	for _, c := range g.cells() {
		d := diagram.Graph{Title: c.name + " cell", Nodes: []diagram.Node{
			{Name: "c_{k-2}", Kind: diagram.Input}, {Name: "c_{k-1}", Kind: diagram.Input},
		}}
		for i := range ownNodes {
			d.Nodes = append(d.Nodes, diagram.Node{Name: fmt.Sprint(i)})
		}
		d.Nodes = append(d.Nodes, diagram.Node{Name: "c_{k}", Kind: diagram.Output})
		for _, e := range c.Edges {
			d.Edges = append(d.Edges, diagram.Edge{From: e.Input, To: e.Node, Op: e.Op.String()})
		}
		for _, node := range c.outputs() {
			d.Edges = append(d.Edges, diagram.Edge{From: node, To: lastNode + 1})
		}
		out = append(out, d)
	}
	return out
}
