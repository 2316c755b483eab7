package nb201

import (
	"fmt"
	"math/rand/v2"

	"idarts/internal/graph"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// edgeNames are the decisions of a cell in index order, "to<-from".
var edgeNames = [6]string{"1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2"}

// Space is the search space as a method sees it: 6 rows of 5 operations. The
// derived cell takes the largest entry of each row, "none" included, and the
// first of equal ones.
func Space() search.Space {
	layout := make(search.Layout, len(edgeNames))
	for e, name := range edgeNames {
		layout[e] = search.Row{Name: name, Options: Ops[:]}
	}
	return search.Space{
		Layout: layout,
		Derive: func(alpha []float64) string {
			var cell Cell
			for e := range cell {
				row := alpha[e*len(Ops) : (e+1)*len(Ops)]
				for o := range row {
					if row[o] > row[cell[e]] {
						cell[e] = Op(o)
					}
				}
			}
			return cell.String()
		},
		Random: func(r *rand.Rand) string { return Random(r).String() },
	}
}

// Layers is the number of cells in the network: 3 stages of N.
func (n Net) Layers() int { return 3 * n.N }

// Supernet is the one-shot network of the search: every edge of every cell mixes
// all operations. The 6·5 mixture coefficients of cell l are l·30 to l·30+29,
// edge-major. Batch norm inside the cells is not affine (the search code's
// setting); in the stem, between the stages and before the classifier it is.
// Source: NAS-Bench-201's DARTS supernet, without convolution biases.
func (n Net) Supernet() supernet.Build {
	return n.network(func(b *supernet.Builder, name string, layer int, x *graph.Node) *graph.Node {
		nodes := [4]*graph.Node{x}
		edge := 0
		for to := 1; to < 4; to++ {
			var terms []graph.Term
			for from := range to {
				for o := range Ops {
					coef := b.Coef(layer*len(edgeNames)*len(Ops) + edge*len(Ops) + o)
					if y := apply(b, fmt.Sprintf("%s.%s.%s", name, edgeNames[edge], Ops[o]), Op(o), nodes[from], false); y != nil {
						terms = append(terms, graph.Term{X: y, A: coef})
					}
				}
				edge++
			}
			nodes[to] = b.ChanLin(terms)
		}
		return nodes[3]
	})
}

// Final is the network that is trained from scratch for one cell, with affine
// batch norm, as the benchmark's entries were.
func (n Net) Final(cell Cell) supernet.Build {
	return n.network(func(b *supernet.Builder, name string, _ int, x *graph.Node) *graph.Node {
		nodes := [4]*graph.Node{x}
		edge := 0
		for to := 1; to < 4; to++ {
			var terms []*graph.Node
			for from := range to {
				if y := apply(b, name+"."+edgeNames[edge], cell[edge], nodes[from], true); y != nil {
					terms = append(terms, y)
				}
				edge++
			}
			switch len(terms) {
			case 0: // every edge is "none"
				nodes[to] = b.Affine(x, 0, 0)
			case 1:
				nodes[to] = terms[0]
			default:
				nodes[to] = b.Add(terms...)
			}
		}
		return nodes[3]
	})
}

// apply is one operation on x; none gives nil.
func apply(b *supernet.Builder, name string, op Op, x *graph.Node, affine bool) *graph.Node {
	switch Ops[op] {
	case "none":
		return nil
	case "skip_connect":
		return x
	case "avg_pool_3x3":
		return b.AvgPool(x, graph.Window{K: 3, Stride: 1, Pad: 1})
	}
	w := graph.Window{K: 1}
	if Ops[op] == "nor_conv_3x3" {
		w = graph.Window{K: 3, Pad: 1}
	}
	return b.ConvNorm(name, b.ReLU(x), graph.Shape(x).Channels(), w, affine)
}

// network is stem, 3 stages of N cells with a residual block of stride 2 before
// the second and third, batch norm, ReLU, pooling, classifier.
func (n Net) network(cell func(b *supernet.Builder, name string, layer int, x *graph.Node) *graph.Node) supernet.Build {
	return func(b *supernet.Builder, images *graph.Node) *graph.Node {
		x := b.ConvNorm("stem", images, n.C, graph.Window{K: 3, Pad: 1}, true)
		for stage := range 3 {
			if stage > 0 {
				x = reduction(b, fmt.Sprintf("reduction%d", stage), x, n.C<<stage)
			}
			for i := range n.N {
				layer := stage*n.N + i
				x = cell(b, fmt.Sprintf("cell%d", layer), layer, x)
			}
		}
		x = b.ReLU(b.Norm("last", x, true))
		return b.Classifier("classifier", x, n.Classes)
	}
}

// reduction halves the image and widens to c channels: two 3x3 convolutions
// beside an average pool with a 1x1 convolution.
func reduction(b *supernet.Builder, name string, x *graph.Node, c int) *graph.Node {
	y := b.ConvNorm(name+".a", b.ReLU(x), c, graph.Window{K: 3, Stride: 2, Pad: 1}, true)
	y = b.ConvNorm(name+".b", b.ReLU(y), c, graph.Window{K: 3, Pad: 1}, true)
	shortcut := b.AvgPool(x, graph.Window{K: 2, Stride: 2})
	return b.Add(y, b.Conv(name+".shortcut", shortcut, c, graph.Window{K: 1}))
}
