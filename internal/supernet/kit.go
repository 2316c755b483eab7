package supernet

import (
	"fmt"

	"idarts/internal/exec"
	"idarts/internal/graph"
)

// Op is an operation that an edge or a node of a cell may carry.
type Op struct {
	Name string
	// Add puts the operation on x. A nil result stands for zero.
	Add func(b *Builder, name string, x *graph.Node) *graph.Node
}

// Mixed is the mixed operation of an edge: the terms c_(first+o)·op_o(x) of a
// sum, with mixture coefficients from first on. Operations that are zero give no
// term. The parameters of each are named after name and the operation.
func (b *Builder) Mixed(name string, ops []Op, first int, x *graph.Node) []graph.Term {
	var terms []graph.Term
	for o, op := range ops {
		if y := op.Add(b, name+"."+op.Name, x); y != nil {
			terms = append(terms, graph.Term{X: y, A: b.Coef(first + o)})
		}
	}
	return terms
}

// Cell makes nodes one after another: each is the sum of what the edges from all
// nodes before it bring, the inputs counting 0, 1, and so on. edge gives the
// terms of one edge, under a name like "cell0.3<-1"; a term without factor is
// added as it is. A node without terms is zero, with the shape of the first input.
// node, where given, makes the node from that sum. The result is all nodes, the
// inputs first.
func (b *Builder) Cell(name string, inputs []*graph.Node, nodes int,
	edge func(name string, from, to int, x *graph.Node) []graph.Term,
	node func(name string, to int, sum *graph.Node) *graph.Node) []*graph.Node {
	all := append([]*graph.Node(nil), inputs...)
	for to := len(inputs); to < len(inputs)+nodes; to++ {
		var terms []graph.Term
		for from, x := range all {
			terms = append(terms, edge(fmt.Sprintf("%s.%d<-%d", name, to, from), from, to, x)...)
		}
		sum := b.sum(terms, inputs[0])
		if node != nil {
			sum = node(fmt.Sprintf("%s.%d", name, to), to, sum)
		}
		all = append(all, sum)
	}
	return all
}

// Partial says which part of the channels of a node goes through the mixtures.
type Partial struct {
	K int // the first 1/K of the channels; 0 or 1: all
	// Around makes what goes around the mixture of an edge from the other channels. Where
	// it has a factor, that is the weight of the edge.
	Around func(from, to int, x *graph.Node) graph.Term
}

// PartialCell is [Builder.Cell] whose edges see the first 1/K of the channels of a node.
// The others go around them, and the channels of each node are shuffled, so that the
// next mixtures see some of each kind: channel c of group g of K groups becomes channel g
// of c. Where the channels are a multiple of K² whole blocks of a group go together, which
// is the published shuffle but for the order of channels that are alike.
// Source: Xu et al., PC-DARTS, ICLR 2020, arXiv:1907.05737.
func (b *Builder) PartialCell(name string, inputs []*graph.Node, nodes int, p Partial,
	edge func(name string, from, to int, x *graph.Node) []graph.Term) []*graph.Node {
	if p.K <= 1 {
		return b.Cell(name, inputs, nodes, edge, nil)
	}
	all := append([]*graph.Node(nil), inputs...)
	for to := len(inputs); to < len(inputs)+nodes; to++ {
		var mixed, around []graph.Term
		for from, x := range all {
			c := graph.Shape(x).Channels()
			mixed = append(mixed, edge(fmt.Sprintf("%s.%d<-%d", name, to, from), from, to, b.Slice(x, 0, c/p.K))...)
			around = append(around, p.Around(from, to, b.Slice(x, c/p.K, c-c/p.K)))
		}
		rest := b.sum(around, nil)
		like := rest
		if len(mixed) == 0 {
			like = b.Slice(rest, 0, graph.Shape(inputs[0]).Channels()/p.K)
		}
		all = append(all, b.shuffle(b.Concat(b.sum(mixed, like), rest), p.K))
	}
	return all
}

// PartialNode is mix of the first 1/k of the channels of x beside the others as they are,
// shuffled as in [Builder.PartialCell]; mix keeps the width. k is 0 or 1: mix of all.
func (b *Builder) PartialNode(x *graph.Node, k int, mix func(x *graph.Node) *graph.Node) *graph.Node {
	if k <= 1 {
		return mix(x)
	}
	c := graph.Shape(x).Channels()
	return b.shuffle(b.Concat(mix(b.Slice(x, 0, c/k)), b.Slice(x, c/k, c-c/k)), k)
}

// shuffle has block i of group j as block j of i, in k groups.
func (b *Builder) shuffle(x *graph.Node, k int) *graph.Node {
	group := graph.Shape(x).Channels() / k
	n := 1 // channels of a block
	if group%k == 0 {
		n = group / k
	}
	var blocks []*graph.Node
	for i := range group / n {
		for j := range k {
			blocks = append(blocks, b.Slice(x, j*group+i*n, n))
		}
	}
	return b.Concat(blocks...)
}

// sum adds terms up, in one pass where they have factors.
func (b *Builder) sum(terms []graph.Term, like *graph.Node) *graph.Node {
	var factor *graph.Node
	var plain []*graph.Node
	for _, t := range terms {
		if t.A != nil {
			factor = t.A
		}
		plain = append(plain, t.X)
	}
	switch {
	case len(terms) == 0:
		return b.Affine(like, 0, 0)
	case factor == nil:
		return b.Add(plain...)
	}
	for i := range terms {
		if terms[i].A == nil {
			terms[i].A = b.Affine(factor, 0, 1)
		}
	}
	return b.ChanLin(terms)
}

// Network is what the spaces' networks have in common: a stem, a row of cells
// each of which sees the outputs of the two before it, and a head.
type Network struct {
	// Stem gives what the first cell sees as the outputs of the cells before it.
	Stem  func(b *Builder, images *graph.Node) (before, last *graph.Node)
	Cells int
	// Cell adds cell number layer, named "cell3".
	Cell func(b *Builder, name string, layer int, before, last *graph.Node) *graph.Node
	// Head gives the logits.
	Head func(b *Builder, last *graph.Node) *graph.Node
}

// Build is the network as a function.
func (n Network) Build() Build {
	return func(b *Builder, images *graph.Node) *graph.Node {
		before, last := n.Stem(b, images)
		for layer := range n.Cells {
			before, last = last, n.Cell(b, fmt.Sprintf("cell%d", layer), layer, before, last)
		}
		return n.Head(b, last)
	}
}

// Size is what a network costs.
type Size struct {
	Params int // trainable numbers
	// MACs are multiply-adds of the convolutions and linear layers in one image's
	// forward pass, branches that reach no output and auxiliary heads included.
	// Batch norm, pooling, sums and biases count 0.
	MACs int
}

// Measure counts the network on one image [1,H,W,C] in training mode.
func Measure(build Build, image exec.Shape, classes int) (Size, error) {
	n, err := assemble(build, Options{Images: image, Classes: classes, Layers: unlimited, LayerCoefs: 1}, false)
	if err != nil {
		return Size{}, err
	}
	return Size{Params: n.weights, MACs: n.macs}, nil
}

// Parameters lists the trainable tensors of the network on images [N,H,W,C], as
// [Problem.Params] does, without memory for them.
func Parameters(build Build, images exec.Shape, classes int) ([]Param, error) {
	n, err := assemble(build, Options{Images: images, Classes: classes, Layers: unlimited, LayerCoefs: 1}, false)
	if err != nil {
		return nil, err
	}
	return n.params, nil
}

// unlimited lets a network read any mixture coefficient.
const unlimited = int(^uint(0) >> 1)
