package nb201

import (
	"fmt"
	"math/rand/v2"

	"idarts/internal/graph"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/internal/svge"
)

// edgeNames are the decisions of a cell in index order, "to<-from".
var edgeNames = [6]string{"1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2"}

// Space is the search space as a method sees it: 6 rows of 5 operations. The
// derived cell takes the largest entry of each row, "none" included, and the
// first of equal ones.
func Space() search.Space {
	layout := make(search.Layout, len(edgeNames))
	e := 0
	for node := 1; node <= 3; node++ {
		for source := range node {
			layout[e] = search.Row{Name: edgeNames[e], Options: Ops[:], Kind: search.Edge, Node: node, Source: source, Keep: 1}
			e++
		}
	}
	return search.Space{
		Layout: layout,
		Derive: func(scores []float64) string {
			var cell Cell
			for e := range cell {
				row := scores[e*len(Ops) : (e+1)*len(Ops)]
				for o := range row {
					if row[o] > row[cell[e]] {
						cell[e] = Op(o)
					}
				}
			}
			return cell.String()
		},
		Random: func(r *rand.Rand) string { return Random(r).String() },
		Neighbours: func(arch string) ([]string, error) {
			c, err := Parse(arch)
			if err != nil {
				return nil, err
			}
			out := make([]string, 0, len(c)*(len(Ops)-1))
			for _, other := range c.Neighbours() {
				out = append(out, other.String())
			}
			return out, nil
		},
		Graphs: &search.Graphs{
			Types: svge.FirstOp + len(Ops), Nodes: 8,
			Of: func(arch string) (svge.Graph, error) {
				c, err := Parse(arch)
				return c.typed(), err
			},
			Arch: func(g svge.Graph) (string, error) {
				c, err := ofTyped(g)
				return c.String(), err
			},
		},
		Choose: func(options []int) string {
			var c Cell
			for e, op := range options {
				c[e] = Op(op)
			}
			return c.String()
		},
	}
}

// on is n for images like d.
func (n Net) on(d supernet.Data) Net {
	n.Classes, n.InChannels, n.Size = d.Classes, d.Channels, d.Size
	return n
}

// Search is the one-shot network for images like d, with the number of its cells.
func (n Net) Search(d supernet.Data) (build supernet.Build, cells int) {
	return n.on(d).Supernet(), n.Layers()
}

// SearchWith is Search, changed as a method asks.
func (n Net) SearchWith(o search.SupernetOptions, d supernet.Data) (build supernet.Build, cells int, err error) {
	o.Sizes(&n.C, &n.N)
	if err := o.Check(n.C); err != nil {
		return nil, 0, err
	}
	return n.on(d).supernet(o), n.Layers(), nil
}

// Train is the network of an architecture in its text form, for images like d.
func (n Net) Train(arch string, d supernet.Data) (supernet.Build, error) {
	cell, err := Parse(arch)
	if err != nil {
		return nil, err
	}
	return n.on(d).Final(cell), nil
}

// Layers is the number of cells in the network: 3 stages of N.
func (n Net) Layers() int { return 3 * n.N }

// Supernet is the one-shot network of the search: every edge of every cell mixes
// all operations. The 6·5 mixture coefficients of cell l are l·30 to l·30+29,
// edge-major. Batch norm inside the cells is not affine (the search code's
// setting); in the stem, between the stages and before the classifier it is.
// Source: NAS-Bench-201's DARTS supernet, without convolution biases.
func (n Net) Supernet() supernet.Build { return n.supernet(search.SupernetOptions{}) }

// supernet is the network of o, whose sizes are n's already.
func (n Net) supernet(o search.SupernetOptions) supernet.Build {
	ops := operations(false)
	first := func(layer, edge int) int { return (layer*len(edgeNames) + edge) * len(Ops) }
	around := func(b *supernet.Builder, layer, edge int, x *graph.Node) graph.Term {
		return graph.Term{X: x, A: b.EdgeWeight(o.EdgeWeights, first(layer, edge), len(Ops))}
	}
	return n.network(o.Partial, around, func(b *supernet.Builder, layer, edge int, name string, x *graph.Node) []graph.Term {
		return b.Mixed(name, ops, first(layer, edge), x)
	})
}

// Final is the network that is trained from scratch for one cell, with affine
// batch norm, as the benchmark's entries were.
func (n Net) Final(cell Cell) supernet.Build {
	ops := operations(true)
	return n.network(1, nil, func(b *supernet.Builder, _, edge int, name string, x *graph.Node) []graph.Term {
		if y := ops[cell[edge]].Add(b, name, x); y != nil {
			return []graph.Term{{X: y}}
		}
		return nil
	})
}

// operations are [Ops] on a network, in their order.
func operations(affine bool) []supernet.Op {
	conv := func(w graph.Window) func(*supernet.Builder, string, *graph.Node) *graph.Node {
		return func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
			return b.ConvNorm(name, b.ReLU(x), graph.Shape(x).Channels(), w, affine)
		}
	}
	add := [len(Ops)]func(*supernet.Builder, string, *graph.Node) *graph.Node{
		func(*supernet.Builder, string, *graph.Node) *graph.Node { return nil },
		func(_ *supernet.Builder, _ string, x *graph.Node) *graph.Node { return x },
		conv(graph.Window{K: 1}),
		conv(graph.Window{K: 3, Pad: 1}),
		func(b *supernet.Builder, _ string, x *graph.Node) *graph.Node {
			return b.AvgPool(x, graph.Window{K: 3, Stride: 1, Pad: 1})
		},
	}
	ops := make([]supernet.Op, len(Ops))
	for o, name := range Ops {
		ops[o] = supernet.Op{Name: name, Add: add[o]}
	}
	return ops
}

// network is stem, 3 stages of N cells with a residual block of stride 2 before
// the second and third, batch norm, ReLU, pooling, classifier. edge gives the
// terms of one edge of a cell on 1/partial of the channels, around what goes around it.
func (n Net) network(partial int, around func(b *supernet.Builder, layer, edge int, x *graph.Node) graph.Term, edge func(b *supernet.Builder, layer, edge int, name string, x *graph.Node) []graph.Term) supernet.Build {
	return supernet.Network{
		Stem: func(b *supernet.Builder, images *graph.Node) (_, last *graph.Node) {
			return nil, b.ConvNorm("stem", images, n.C, graph.Window{K: 3, Pad: 1}, true)
		},
		Cells: n.Layers(),
		Cell: func(b *supernet.Builder, name string, layer int, _, x *graph.Node) *graph.Node {
			if stage := layer / n.N; stage > 0 && layer%n.N == 0 {
				x = reduction(b, fmt.Sprintf("reduction%d", stage), x, n.C<<stage)
			}
			part := supernet.Partial{K: partial, Around: func(from, to int, x *graph.Node) graph.Term {
				return around(b, layer, to*(to-1)/2+from, x)
			}}
			nodes := b.PartialCell(name, []*graph.Node{x}, 3, part, func(name string, from, to int, x *graph.Node) []graph.Term {
				return edge(b, layer, to*(to-1)/2+from, name, x)
			})
			return nodes[len(nodes)-1]
		},
		Head: func(b *supernet.Builder, x *graph.Node) *graph.Node {
			return b.Classifier("classifier", b.ReLU(b.Norm("last", x, true)), n.Classes)
		},
	}.Build()
}

// reduction halves the image and widens to c channels: two 3x3 convolutions
// beside an average pool with a 1x1 convolution.
func reduction(b *supernet.Builder, name string, x *graph.Node, c int) *graph.Node {
	y := b.ConvNorm(name+".a", b.ReLU(x), c, graph.Window{K: 3, Stride: 2, Pad: 1}, true)
	y = b.ConvNorm(name+".b", b.ReLU(y), c, graph.Window{K: 3, Pad: 1}, true)
	shortcut := b.AvgPool(x, graph.Window{K: 2, Stride: 2})
	return b.Add(y, b.Conv(name+".shortcut", shortcut, c, graph.Window{K: 1}))
}
