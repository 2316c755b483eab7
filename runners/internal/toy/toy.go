// Package toy is a search space of two operations and three nodes, eight
// architectures in all. It shows what a space needs: a text form, how methods see
// it, a supernet and final networks. Tests add it to the table of spaces.
package toy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"idarts/internal/diagram"
	"idarts/internal/graph"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// Cell is the operation of each edge, 1<-0, 2<-0 and 2<-1, an index into ops.
type Cell [3]int

var edges = [3]struct{ from, to int }{{0, 1}, {0, 2}, {1, 2}}

// ops are the operations on a network.
var ops = []supernet.Op{
	{Name: "skip", Add: func(_ *supernet.Builder, _ string, x *graph.Node) *graph.Node { return x }},
	{Name: "conv", Add: func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
		return b.ConvNorm(name, b.ReLU(x), graph.Shape(x).Channels(), graph.Window{K: 3, Pad: 1}, true)
	}},
}

func names() []string {
	var out []string
	for _, op := range ops {
		out = append(out, op.Name)
	}
	return out
}

// Parse reads "conv,skip,skip".
func Parse(s string) (Cell, error) {
	var c Cell
	parts := strings.Split(s, ",")
	if len(parts) != len(c) {
		return c, fmt.Errorf("toy: cell %q has %d operations, want %d as in \"conv,skip,skip\"", s, len(parts), len(c))
	}
	for i, name := range parts {
		if c[i] = slices.Index(names(), name); c[i] < 0 {
			return c, fmt.Errorf("toy: cell %q: unknown op %q, want one of %q", s, name, names())
		}
	}
	return c, nil
}

// String is the text that Parse reads.
func (c Cell) String() string {
	var parts []string
	for _, o := range c {
		parts = append(parts, ops[o].Name)
	}
	return strings.Join(parts, ",")
}

// Space is the space as methods see it.
func Space() search.Space {
	var layout search.Layout
	for _, e := range edges {
		layout = append(layout, search.Row{
			Name: fmt.Sprintf("%d<-%d", e.to, e.from), Options: names(),
			Kind: search.Edge, Node: e.to, Source: e.from, Keep: 1,
		})
	}
	return search.Space{
		Layout: layout,
		Derive: func(scores []float64) string {
			var c Cell
			for e := range c {
				if scores[2*e+1] > scores[2*e] {
					c[e] = 1
				}
			}
			return c.String()
		},
		Random: func(r *rand.Rand) string { return Cell{r.IntN(2), r.IntN(2), r.IntN(2)}.String() },
		Neighbours: func(arch string) ([]string, error) {
			c, err := Parse(arch)
			if err != nil {
				return nil, err
			}
			var out []string
			for e := range c {
				other := c
				other[e] = 1 - other[e]
				out = append(out, other.String())
			}
			return out, nil
		},
		Choose: func(options []int) string { return Cell(options).String() },
	}
}

// Graph is c as a drawing.
func (c Cell) Graph() []diagram.Graph {
	g := diagram.Graph{Nodes: []diagram.Node{{Name: "0", Kind: diagram.Input}, {Name: "1"}, {Name: "2", Kind: diagram.Output}}}
	for i, e := range edges {
		g.Edges = append(g.Edges, diagram.Edge{From: e.from, To: e.to, Op: ops[c[i]].Name})
	}
	return []diagram.Graph{g}
}

// Net are the sizes of the network: n cells of c channels.
type Net struct {
	C int `json:"c"`
	N int `json:"n"`

	classes int
}

// Search is the one-shot network for images like d, with the number of its cells.
func (n Net) Search(d supernet.Data) (build supernet.Build, cells int) {
	n.classes = d.Classes
	return n.supernet(), n.N
}

// SearchWith is Search, changed as a method asks.
func (n Net) SearchWith(o search.SupernetOptions, d supernet.Data) (build supernet.Build, cells int, err error) {
	if o.Partial > 1 {
		return nil, 0, errors.New("the toy has no partial channels")
	}
	o.Sizes(&n.C, &n.N)
	build, cells = n.Search(d)
	return build, cells, nil
}

// Train is the network of a cell in its text form.
func (n Net) Train(arch string, d supernet.Data) (supernet.Build, error) {
	cell, err := Parse(arch)
	if err != nil {
		return nil, err
	}
	n.classes = d.Classes
	return n.final(cell), nil
}

// supernet mixes both operations on each edge.
func (n Net) supernet() supernet.Build {
	return n.network(func(b *supernet.Builder, layer, edge int, name string, x *graph.Node) []graph.Term {
		return b.Mixed(name, ops, (layer*len(edges)+edge)*len(ops), x)
	})
}

// final is the network of one cell.
func (n Net) final(c Cell) supernet.Build {
	return n.network(func(b *supernet.Builder, _, edge int, name string, x *graph.Node) []graph.Term {
		return []graph.Term{{X: ops[c[edge]].Add(b, name, x)}}
	})
}

func (n Net) network(edge func(b *supernet.Builder, layer, edge int, name string, x *graph.Node) []graph.Term) supernet.Build {
	return supernet.Network{
		Stem: func(b *supernet.Builder, images *graph.Node) (_, last *graph.Node) {
			return nil, b.ConvNorm("stem", images, n.C, graph.Window{K: 3, Stride: 2, Pad: 1}, true)
		},
		Cells: n.N,
		Cell: func(b *supernet.Builder, name string, layer int, _, x *graph.Node) *graph.Node {
			next := 0
			return b.Cell(name, []*graph.Node{x}, 2, func(name string, _, _ int, x *graph.Node) []graph.Term {
				next++
				return edge(b, layer, next-1, name, x)
			}, nil)[2]
		},
		Head: func(b *supernet.Builder, x *graph.Node) *graph.Node { return b.Classifier("classifier", x, n.classes) },
	}.Build()
}
