package dartsspace

import (
	"fmt"

	"idarts/internal/exec"
	"idarts/internal/graph"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// AuxiliaryWeight is what the loss of the auxiliary classifier counts in training.
const AuxiliaryWeight = 0.4

// Net are the sizes of the network around the cells. The papers' networks are
//
//	search    C=16, N=8,  images of 32x32
//	CIFAR     C=36, N=20, images of 32x32, with Aux
//	ImageNet  C=48, N=14, images of 224x224, with Aux and ImageNet
//
// Cells N/3 and 2N/3 (rounded down) are reduction cells: they halve the image and
// double C.
type Net struct {
	C          int `json:"c"` // channels of a node before the first reduction; even
	N          int `json:"n"` // cells in all, at least 3
	Classes    int `json:"-"`
	InChannels int `json:"-"` // 3 for colour images
	Size       int `json:"-"` // height and width of the images: a multiple of 4, for ImageNet of 32
	// Aux adds the auxiliary classifier behind the second reduction cell to the
	// networks of [Net.Final], with [AuxiliaryWeight] in the loss.
	Aux bool `json:"auxiliary,omitempty"`
	// ImageNet has three convolutions of stride 2 before the first cell, which is
	// made as behind a reduction cell, in place of one of stride 1.
	ImageNet bool `json:"imagenet,omitempty"`
}

// Check reports sizes that no network can have. The networks of [Net.Supernet] and
// [Net.Final] panic with the same error when they are built.
func (n Net) Check() error {
	multiple, least := 4, 4
	if n.ImageNet {
		multiple, least = 32, 32
	}
	if n.Aux {
		least *= 2 // a 2x2 window behind the last reduction
	}
	switch {
	case n.C < 2 || n.C%2 != 0:
		return fmt.Errorf("dartsspace: %d channels, want an even number from 2", n.C)
	case n.N < 3:
		return fmt.Errorf("dartsspace: %d cells, want 3 or more", n.N)
	case n.Classes < 1 || n.InChannels < 1:
		return fmt.Errorf("dartsspace: %d classes and images of %d channels, want 1 or more", n.Classes, n.InChannels)
	case n.Size < least || n.Size%multiple != 0:
		return fmt.Errorf("dartsspace: images of %dx%d, want a multiple of %d from %d on (auxiliary classifier: %v)", n.Size, n.Size, multiple, least, n.Aux)
	}
	return nil
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
	n.Aux = false // has no effect on a supernet
	if err := n.on(d).Check(); err != nil {
		return nil, 0, err
	}
	if err := o.Check(n.C); err != nil {
		return nil, 0, err
	}
	return n.on(d).supernet(o), n.Layers(), nil
}

// Train is the network of a genotype in its text form, for images like d.
func (n Net) Train(arch string, d supernet.Data) (supernet.Build, error) {
	genotype, err := Parse(arch)
	if err != nil {
		return nil, err
	}
	return n.on(d).Final(genotype), nil
}

// Layers is the number of cells.
func (n Net) Layers() int { return n.N }

// Image is the shape of one image.
func (n Net) Image() exec.Shape { return exec.Shape{1, n.Size, n.Size, n.InChannels} }

// reduces says whether a cell is a reduction cell.
func (n Net) reduces(layer int) bool { return layer == n.N/3 || layer == 2*n.N/3 }

// Supernet is the one-shot network of the search: every edge mixes all operations.
// Cell l has a copy of all 28·8 mixture coefficients, from l·224 on, in the order
// of the rows of [Space]; a normal cell reads the first half of its copy and a
// reduction cell the second. Batch norm inside the cells is not affine, and
// pooling is followed by one. There is no auxiliary classifier.
func (n Net) Supernet() supernet.Build { return n.supernet(search.SupernetOptions{}) }

// supernet is the network of o, whose sizes are n's already.
func (n Net) supernet(o search.SupernetOptions) supernet.Build {
	n.Aux = false
	return n.network(nil, func(b *supernet.Builder, name string, layer int, in [2]*graph.Node) *graph.Node {
		kind := 0
		if n.reduces(layer) {
			kind = cellEdges
		}
		row := func(from, to int) int { return kind + edgeNumber(from, to) }
		first := func(from, to int) int { return (2*cellEdges*layer + row(from, to)) * len(Ops) }
		part := supernet.Partial{K: o.Partial, Around: func(from, to int, x *graph.Node) graph.Term {
			if n.stride(layer, from) > 1 {
				x = b.MaxPool(x, graph.Window{K: 2, Stride: 2})
			}
			return graph.Term{X: x, A: b.EdgeWeight(o.EdgeWeights, first(from, to), len(Ops))}
		}}
		nodes := b.PartialCell(name, in[:], ownNodes, part, func(name string, from, to int, x *graph.Node) []graph.Term {
			ops := operations(n.stride(layer, from), false)
			return b.Mixed(name, ops, first(from, to), x)
		})
		return b.Concat(nodes[inputs:]...)
	}, false)
}

// Final is the network that is trained from scratch for one genotype, with affine
// batch norm, drop path on what operations bring (not on identities), and the
// auxiliary classifier where n has one. It is that of the canonical genotype, with
// the names and the order of its parameters. An edge from a node that has no value
// is left out (Fair-DARTS); a node with edges of none alone is zero, and
// convolutions of it have their parameters, as in DARTS's code. Building it panics
// when g.Check has an error.
//
// Fair-DARTS's own code drops paths at the nodes, not at the operations.
func (n Net) Final(g Genotype) supernet.Build {
	if err := g.Check(); err != nil {
		return n.final(g, err)
	}
	return n.final(g.Canonical(), nil)
}

// final is the network of the edges of g as they stand; wrong, if not nil, is what
// is wrong with them.
func (n Net) final(g Genotype, wrong error) supernet.Build {
	return n.network(wrong, func(b *supernet.Builder, name string, layer int, in [2]*graph.Node) *graph.Node {
		cell := g.Normal
		if n.reduces(layer) {
			cell = g.Reduce
		}
		values := cell.values()
		nodes := b.Cell(name, in[:], ownNodes, func(name string, from, to int, x *graph.Node) []graph.Term {
			var terms []graph.Term
			stride := n.stride(layer, from)
			for _, e := range cell.Edges {
				if e.Node != to || e.Input != from || values[from] == absent {
					continue
				}
				if e.Op == None {
					terms = append(terms, graph.Term{X: zeros(b, x, stride)})
					continue
				}
				op := operations(stride, true)[e.Op]
				path := name + "." + op.Name
				if len(terms) > 0 { // ISTA-NAS: two operations on one edge
					path = fmt.Sprintf("%s.%d", path, len(terms))
				}
				y := op.Add(b, path, x)
				if e.Op != Skip || stride > 1 {
					y = b.DropPath(y)
				}
				terms = append(terms, graph.Term{X: y})
			}
			return terms
		}, nil)
		var out []*graph.Node
		for _, node := range cell.outputs() {
			out = append(out, nodes[node])
		}
		return b.Concat(out...)
	}, true)
}

// zeros is a zero of the size of the nodes that x leads to.
func zeros(b *supernet.Builder, x *graph.Node, stride int) *graph.Node {
	if stride > 1 {
		x = b.Subsample(x, stride, 0)
	}
	return b.Affine(x, 0, 0)
}

// Cost is the size of the network for g: its parameters, and the multiply-adds of
// one image's forward pass. An auxiliary classifier counts in both.
func (n Net) Cost(g Genotype) (supernet.Size, error) {
	if err := n.Check(); err != nil {
		return supernet.Size{}, err
	}
	if err := g.Check(); err != nil {
		return supernet.Size{}, err
	}
	return supernet.Measure(n.Final(g), n.Image(), n.Classes)
}

// channels of the nodes of a cell.
func (n Net) channels(layer int) int {
	c := n.C
	for l := range layer + 1 {
		if n.reduces(l) {
			c *= 2
		}
	}
	return c
}

// stride of the operations on the edges from a node: reduction cells halve the
// image on the way from their inputs.
func (n Net) stride(layer, from int) int {
	if from < inputs && n.reduces(layer) {
		return 2
	}
	return 1
}

// network is the stem, the cells with their inputs brought to one size, pooling,
// classifier. cell adds what is between the inputs and the output of a cell.
// wrong, if not nil, is what is wrong with the cells.
func (n Net) network(wrong error, cell func(b *supernet.Builder, name string, layer int, in [2]*graph.Node) *graph.Node, affine bool) supernet.Build {
	return supernet.Network{
		Stem: func(b *supernet.Builder, images *graph.Node) (before, last *graph.Node) {
			for _, err := range [2]error{wrong, n.Check()} {
				if err != nil {
					panic(err.Error())
				}
			}
			if !n.ImageNet {
				stem := b.ConvNorm("stem", images, 3*n.C, graph.Window{K: 3, Pad: 1}, true)
				return stem, stem
			}
			half := graph.Window{K: 3, Stride: 2, Pad: 1}
			before = b.ReLU(b.ConvNorm("stem0.a", images, n.C/2, half, true))
			before = b.ConvNorm("stem0.b", before, n.C, half, true)
			return before, b.ConvNorm("stem1", b.ReLU(before), n.C, half, true)
		},
		Cells: n.N,
		Cell: func(b *supernet.Builder, name string, layer int, before, last *graph.Node) *graph.Node {
			channels := n.channels(layer)
			var in [2]*graph.Node
			if graph.Shape(before)[1] > graph.Shape(last)[1] { // behind a reduction
				in[0] = factorizedReduce(b, name+".input0", before, channels, affine)
			} else {
				in[0] = b.ConvNorm(name+".input0", b.ReLU(before), channels, graph.Window{K: 1}, affine)
			}
			in[1] = b.ConvNorm(name+".input1", b.ReLU(last), channels, graph.Window{K: 1}, affine)
			out := cell(b, name, layer, in)
			if n.Aux && layer == 2*n.N/3 {
				n.auxiliary(b, out)
			}
			return out
		},
		Head: func(b *supernet.Builder, last *graph.Node) *graph.Node {
			return b.Classifier("classifier", last, n.Classes)
		},
	}.Build()
}

// auxiliary is the second classifier. Its pooling leaves 2x2: on 8x8 a window of
// 5 with stride 3, on 7x7 of 5 with stride 2, as in DARTS's networks for CIFAR and
// ImageNet; smaller images get smaller windows, 4x4 one of 3 with stride 1. The
// ImageNet one has no batch norm behind its last convolution.
func (n Net) auxiliary(b *supernet.Builder, x *graph.Node) {
	size := graph.Shape(x)[1]
	stride := max(1, (size-2)/2)
	y := b.AvgPool(b.ReLU(x), graph.Window{K: size - stride, Stride: stride})
	y = b.ReLU(b.ConvNorm("auxiliary.a", y, 128, graph.Window{K: 1}, true))
	if n.ImageNet {
		y = b.Conv("auxiliary.b", y, 768, graph.Window{K: 2})
	} else {
		y = b.ConvNorm("auxiliary.b", y, 768, graph.Window{K: 2}, true)
	}
	b.Auxiliary(b.Dense("auxiliary.classifier", b.ReLU(y), n.Classes), AuxiliaryWeight)
}

// factorizedReduce halves the image: ReLU, two 1x1 convolutions of stride 2 with
// half of the channels each, one of them a pixel further down and right, batch norm.
func factorizedReduce(b *supernet.Builder, name string, x *graph.Node, channels int, affine bool) *graph.Node {
	x = b.ReLU(x)
	even := b.Conv(name+".even", b.Subsample(x, 2, 0), channels/2, graph.Window{K: 1})
	odd := b.Conv(name+".odd", b.Subsample(x, 2, 1), channels/2, graph.Window{K: 1})
	return b.Norm(name, b.Concat(even, odd), affine)
}

// operations are [Ops] on a network, in their order. Batch norm is affine in final
// networks only; pooling has one in the supernet only.
func operations(stride int, affine bool) []supernet.Op {
	type add = func(b *supernet.Builder, name string, x *graph.Node) *graph.Node
	pool := func(pool func(*supernet.Builder, *graph.Node, graph.Window) *graph.Node) add {
		return func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
			y := pool(b, x, graph.Window{K: 3, Stride: stride, Pad: 1})
			if !affine {
				y = b.Norm(name, y, false)
			}
			return y
		}
	}
	separable := func(b *supernet.Builder, name string, x *graph.Node, w graph.Window) *graph.Node {
		channels := graph.Shape(x).Channels()
		w.Groups = channels
		y := b.Conv(name+".depth", b.ReLU(x), channels, w)
		return b.ConvNorm(name+".point", y, channels, graph.Window{K: 1}, affine)
	}
	sep := func(k int) add {
		return func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
			y := separable(b, name+".a", x, graph.Window{K: k, Stride: stride, Pad: k / 2})
			return separable(b, name+".b", y, graph.Window{K: k, Pad: k / 2})
		}
	}
	dil := func(k int) add {
		return func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
			return separable(b, name, x, graph.Window{K: k, Stride: stride, Pad: k - 1, Dilation: 2})
		}
	}
	adds := [len(Ops)]add{
		func(*supernet.Builder, string, *graph.Node) *graph.Node { return nil },
		pool(func(b *supernet.Builder, x *graph.Node, w graph.Window) *graph.Node { return b.MaxPool(x, w) }),
		pool(func(b *supernet.Builder, x *graph.Node, w graph.Window) *graph.Node { return b.AvgPool(x, w) }),
		func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
			if stride == 1 {
				return x
			}
			return factorizedReduce(b, name, x, graph.Shape(x).Channels(), affine)
		},
		sep(3), sep(5), dil(3), dil(5),
	}
	ops := make([]supernet.Op, len(Ops))
	for o, name := range Ops {
		ops[o] = supernet.Op{Name: name, Add: adds[o]}
	}
	return ops
}
