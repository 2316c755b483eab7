package nb1b1

import (
	"fmt"

	"idarts/internal/diagram"
	"idarts/internal/graph"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// Weights of the newest batch in the running averages of batch norm, for
// [Net.Momentum].
const (
	// AsReleased is what the one-shot code of NAS-Bench-1Shot1 runs with: it hands
	// TensorFlow's 0.997 to PyTorch, which counts the other way round, so that the
	// averages are almost those of the last batch.
	AsReleased = 0.997
	// Intended is what that stands for, and what NAS-Bench-101's networks were
	// trained with. It wants some thousand steps.
	Intended = 0.003
)

// Net are the sizes of the network around a cell: a 3x3 stem, 3 stages of N cells
// with C, 2C and 4C channels, and a classifier. The one-shot network is searched
// with C=16 and N=3, NAS-Bench-101's networks have C=128 and N=3.
type Net struct {
	Space      OneShot `json:"-"` // for [Net.Search] and [Net.Train]
	C          int     `json:"c"` // channels of the first stage
	N          int     `json:"n"` // cells a stage
	Classes    int     `json:"-"`
	InChannels int     `json:"-"`                  // 3 for colour images
	Size       int     `json:"-"`                  // height and width of the images; a multiple of 4 for [Net.Final]
	Momentum   float64 `json:"momentum,omitempty"` // weight of the newest batch in batch norm, see [AsReleased]; 0: PyTorch's 0.1
}

// on is n for images like d.
func (n Net) on(d supernet.Data) Net {
	n.Classes, n.InChannels, n.Size = d.Classes, d.Channels, d.Size
	return n
}

// Search is the one-shot network of n.Space for images like d, with the number of
// its cells.
func (n Net) Search(d supernet.Data) (build supernet.Build, cells int) {
	return n.on(d).Supernet(n.Space), n.Layers()
}

// SearchWith is Search, changed as a method asks.
func (n Net) SearchWith(o search.SupernetOptions, d supernet.Data) (build supernet.Build, cells int, err error) {
	o.Sizes(&n.C, &n.N)
	if err := o.Check(n.C); err != nil {
		return nil, 0, err
	}
	return n.on(d).supernet(n.Space, o.Partial), n.Layers(), nil
}

// Train is the network of an architecture of n.Space in its text form, for images
// like d.
func (n Net) Train(arch string, d supernet.Data) (supernet.Build, error) {
	cell, err := n.Space.Parse(arch)
	if err != nil {
		return nil, err
	}
	return n.on(d).Final(cell), nil
}

// Layers is the number of cells.
func (n Net) Layers() int { return 3 * n.N }

// stages is the network without what the cells are: stem is what comes out of the
// first 3x3 convolution, pool is between stages, cell gets its width.
func (n Net) stages(pool graph.Window, cell func(b *supernet.Builder, name string, layer, width int, x *graph.Node) *graph.Node,
	head func(b *supernet.Builder, x *graph.Node) *graph.Node) supernet.Build {
	return supernet.Network{
		Stem: func(b *supernet.Builder, images *graph.Node) (_, last *graph.Node) {
			if n.Momentum > 0 {
				b.Momentum = n.Momentum
			}
			return nil, convNormReLU(b, "stem", images, n.C, 3)
		},
		Cells: n.Layers(),
		Cell: func(b *supernet.Builder, name string, layer int, _, x *graph.Node) *graph.Node {
			if layer > 0 && layer%n.N == 0 {
				x = b.MaxPool(x, pool)
			}
			return cell(b, name, layer, n.C<<(layer/n.N), x)
		},
		Head: head,
	}.Build()
}

// Supernet is the one-shot network of a space. In a cell of width C, block v reads
// a projection of the cell's input and the blocks before it, weighted where the
// space leaves a choice, and mixes the operations; the output is the blocks side
// by side, each times its coefficient, plus a projection of the input times its
// own. Pooling between stages is 2x2 with stride 2 and padding 1: 32, 17, 9 pixels
// (NAS-Bench-101's networks have 32, 16, 8). Cell l has the coefficients from
// l·Len on, in the order of [OneShot.Layout].
// Source: NAS-Bench-1Shot1, optimizers/darts/model_search.py.
func (n Net) Supernet(s OneShot) supernet.Build { return n.supernet(s, 1) }

// supernet is the network whose blocks mix their operations on the first 1/partial of the
// channels that they have read. The edges have no weights but the coefficients of parents.
// Source: NAS-Bench-1Shot1, optimizers/pc_darts/model_search.py.
func (n Net) supernet(s OneShot, partial int) supernet.Build {
	at, blocks := s.rows(), s.Blocks()
	cell := func(b *supernet.Builder, name string, layer, width int, x *graph.Node) *graph.Node {
		first := layer * at.len
		nodes := b.Cell(name, []*graph.Node{x}, blocks,
			func(name string, from, to int, x *graph.Node) []graph.Term {
				if from == 0 {
					x = convNormReLU(b, name+".projection", x, width, 1)
				}
				if !s.chooses(to) {
					return []graph.Term{{X: x}}
				}
				return []graph.Term{{X: x, A: b.Coef(first + at.inputs[to] + from)}}
			},
			func(name string, v int, sum *graph.Node) *graph.Node {
				return b.PartialNode(sum, partial, func(x *graph.Node) *graph.Node {
					ops := operations(oneShotOps[:], graph.Shape(x).Channels())
					return b.ChanLin(b.Mixed(name, ops, first+(v-1)*len(oneShotOps), x))
				})
			})
		var side []*graph.Node
		for v := 1; v <= blocks; v++ {
			side = append(side, b.ChanLin([]graph.Term{{X: nodes[v], A: b.Coef(first + at.output + v)}}))
		}
		through := convNormReLU(b, name+".output<-0.projection", x, blocks*width, 1)
		weight := b.Coef(first + at.output)
		return b.ChanLin([]graph.Term{{X: through, A: weight}, {X: b.Concat(side...), A: b.Affine(weight, 0, 1)}})
	}
	return n.stages(graph.Window{K: 2, Stride: 2, Pad: 1}, cell, func(b *supernet.Builder, x *graph.Node) *graph.Node {
		width := graph.Shape(x).Channels() / blocks
		return b.Classifier("classifier", b.ConvNorm("head", b.ReLU(x), width, graph.Window{K: 1}, false), n.Classes)
	})
}

// Final is the network that NAS-Bench-101 trains for a cell, pruned. The output's
// channels, those of the stage, are divided among the inner vertices that it reads,
// the first ones getting what does not divide. Any other vertex is as wide as the
// widest that reads it; its surplus channels are cut off there. A projection
// brings the cell's input to each vertex that reads it.
// Source: NAS-Bench-101, section 2.3 and appendix; its weights start otherwise
// (variance scaling).
func (n Net) Final(c Cell) supernet.Build {
	c = c.Pruned()
	cell := func(b *supernet.Builder, name string, _, width int, x *graph.Node) *graph.Node {
		widths := c.widths(width)
		output := c.Vertices() - 1
		nodes := b.Cell(name, []*graph.Node{x}, output-1,
			func(name string, from, to int, x *graph.Node) []graph.Term {
				switch {
				case !c.Reads(to, from):
					return nil
				case from == 0:
					return []graph.Term{{X: convNormReLU(b, name+".projection", x, widths[to], 1)}}
				}
				return []graph.Term{{X: b.Slice(x, 0, widths[to])}}
			},
			func(name string, v int, sum *graph.Node) *graph.Node {
				op := operations([]Op{c.Op(v)}, widths[v])[0]
				return op.Add(b, name+"."+op.Name, sum)
			})
		var side []*graph.Node
		for v := 1; v < output; v++ {
			if c.Reads(output, v) {
				side = append(side, nodes[v])
			}
		}
		var sum []*graph.Node
		if len(side) > 0 {
			sum = append(sum, b.Concat(side...))
		}
		if c.Reads(output, 0) {
			sum = append(sum, convNormReLU(b, fmt.Sprintf("%s.%d<-0.projection", name, output), x, width, 1))
		}
		return b.Add(sum...)
	}
	return n.stages(graph.Window{K: 2, Stride: 2}, cell, func(b *supernet.Builder, x *graph.Node) *graph.Node {
		return b.Classifier("classifier", x, n.Classes)
	})
}

// widths are the channels of each vertex in a pruned cell whose output has width.
func (c Cell) widths(width int) []int {
	output := c.Vertices() - 1
	widths := make([]int, output+1)
	widths[output] = width
	var read []int // by the output
	for v := 1; v < output; v++ {
		if c.Reads(output, v) {
			read = append(read, v)
		}
	}
	if len(read) > width {
		panic(fmt.Sprintf("nb1b1: %d channels for %d vertices", width, len(read)))
	}
	for i, v := range read {
		widths[v] = width / len(read)
		if i < width%len(read) {
			widths[v]++
		}
	}
	for v := output - 1; v > 0; v-- {
		for to := v + 1; to < output && !c.Reads(output, v); to++ {
			if c.Reads(to, v) {
				widths[v] = max(widths[v], widths[to])
			}
		}
	}
	return widths
}

// operations are some of [Ops] on a network, with as many channels as they read.
func operations(some []Op, width int) []supernet.Op {
	var ops []supernet.Op
	for _, o := range some {
		op := supernet.Op{Name: o.String()}
		switch o {
		case Conv3x3, Conv1x1:
			k := 3
			if o == Conv1x1 {
				k = 1
			}
			op.Add = func(b *supernet.Builder, name string, x *graph.Node) *graph.Node {
				return convNormReLU(b, name, x, width, k)
			}
		case MaxPool:
			op.Add = func(b *supernet.Builder, _ string, x *graph.Node) *graph.Node {
				return b.MaxPool(x, graph.Window{K: 3, Stride: 1, Pad: 1})
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// convNormReLU is a KxK convolution that keeps the size, affine batch norm, ReLU.
func convNormReLU(b *supernet.Builder, name string, x *graph.Node, cout, k int) *graph.Node {
	return b.ReLU(b.ConvNorm(name, x, cout, graph.Window{K: k, Pad: k / 2}, true))
}

// Graph is c as a drawing: vertices carry operations.
func (c Cell) Graph() []diagram.Graph {
	var g diagram.Graph
	for v := range c.Vertices() {
		node := diagram.Node{Name: c.name(v)}
		switch v {
		case 0:
			node.Kind = diagram.Input
		case c.Vertices() - 1:
			node.Kind = diagram.Output
		}
		g.Nodes = append(g.Nodes, node)
		for from := range v {
			if c.Reads(v, from) {
				g.Edges = append(g.Edges, diagram.Edge{From: from, To: v})
			}
		}
	}
	return []diagram.Graph{g}
}
