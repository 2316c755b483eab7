// Package dartsspace adapts the DARTS search space (Liu, Simonyan & Yang, ICLR
// 2019, arXiv:1806.09055) to the methods in internal/search, and holds published
// genotypes with the errors that their sources report.
//
// A network is a stack of normal cells and two reduction cells. A cell has two
// inputs (nodes 0 and 1, the outputs of the two cells before it) and four nodes
// of its own, 2 to 5, each the sum of what its edges bring; its output is those
// four side by side. The search decides, for either kind of cell, which two inputs
// a node has and which of 7 operations each of them goes through: 1,037,664,180
// cells, squared for the pair. Errors are in percent, counts of parameters and
// multiply-adds are exact integers.
//
// Start at [Parse] for a genotype, [Space] for the search, [Net] for the networks
// and [Open] for what has been published. Nothing here trains a network.
package dartsspace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Op is the operation of an edge, an index into [Ops].
type Op uint8

// Ops are the operations in DARTS's order and spelling:
//
//	none          the edge brings nothing: zero
//	xxx_pool_3x3  pooling over the 3x3 neighbours inside the image
//	skip_connect  identity; where the image is halved, two 1x1 convolutions
//	sep_conv_kxk  twice: ReLU, k x k convolution per channel, 1x1 convolution, batch norm
//	dil_conv_kxk  ReLU, k x k convolution per channel with dilation 2, 1x1 convolution, batch norm
var Ops = [8]string{
	"none", "max_pool_3x3", "avg_pool_3x3", "skip_connect",
	"sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
}

// The operations that the code calls by name.
const (
	None Op = 0
	Skip Op = 3
)

// String is DARTS's name.
func (o Op) String() string {
	if int(o) < len(Ops) {
		return Ops[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

// The nodes of a cell.
const (
	inputs    = 2 // nodes 0 and 1
	ownNodes  = 4 // nodes 2 to 5
	lastNode  = inputs + ownNodes - 1
	nodeEdges = 2  // that a node keeps
	cellEdges = 14 // pairs of a node and an earlier one, 2+3+4+5
)

// edgeNumber is the place of an edge among the 14 of a cell: node after node, by inputs.
func edgeNumber(from, to int) int { return (to-inputs)*(to+inputs-1)/2 + from }

// Edge brings node Input through Op to node Node.
type Edge struct {
	Op    Op
	Node  int // 2 to 5
	Input int // 0 to Node-1
}

// Cell is one kind of cell.
type Cell struct {
	// Edges are in ascending order of Node. DARTS gives two to each node, with
	// different inputs. Fair-DARTS gives any number to a node, or none.
	Edges []Edge
	// Concat are the nodes that make the output. One that no edge reaches is left out;
	// one that only edges of none reach is there, and zero.
	Concat []int
}

// Genotype is the architecture of a network: one cell of either kind.
type Genotype struct {
	Normal, Reduce Cell
}

// cells are the two cells with the names that texts and errors use.
func (g Genotype) cells() [2]struct {
	name string
	Cell
} {
	return [2]struct {
		name string
		Cell
	}{{"normal", g.Normal}, {"reduce", g.Reduce}}
}

// Check reports the first thing about g that is no architecture: an unknown
// operation, an input that is not earlier than its node, an output without nodes.
// Two edges of a node from one input are allowed, as ISTA-NAS makes them, and edges
// that bring nothing; see [Genotype.InSpace].
func (g Genotype) Check() error {
	for _, c := range g.cells() {
		if err := c.check(c.name); err != nil {
			return err
		}
	}
	return nil
}

func (c Cell) check(name string) error {
	for i, e := range c.Edges {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("dartsspace: genotype: %s: entry %d of %d, (%q, %d) of node %d: %s",
				name, i+1, len(c.Edges), e.Op, e.Input, e.Node, fmt.Sprintf(format, args...))
		}
		switch {
		case int(e.Op) >= len(Ops):
			return fail("unknown operation, want one of %q", Ops)
		case e.Node < inputs || e.Node > lastNode:
			return fail("there is no such node, want %d to %d", inputs, lastNode)
		case e.Input < 0 || e.Input >= e.Node:
			return fail("input %d is not earlier than the node, want 0 to %d", e.Input, e.Node-1)
		case i > 0 && e.Node < c.Edges[i-1].Node:
			return fail("it comes after node %d, want ascending nodes", c.Edges[i-1].Node)
		}
	}
	seen := [lastNode + 1]bool{}
	for _, node := range c.Concat {
		switch {
		case node < inputs || node > lastNode:
			return fmt.Errorf("dartsspace: genotype: %s_concat names node %d, which does not exist, want %d to %d", name, node, inputs, lastNode)
		case seen[node]:
			return fmt.Errorf("dartsspace: genotype: %s_concat names node %d twice", name, node)
		}
		seen[node] = true
	}
	if len(c.outputs()) == 0 {
		return fmt.Errorf("dartsspace: genotype: %s: no edge leads from an input to a node of %s_concat, want one at least", name, name)
	}
	return nil
}

// value is what a node of a cell has.
type value uint8

const (
	absent   value = iota // none: no edge leads to it
	zero                  // zero, whatever the images are
	computed              // what comes through an operation from an input
)

// values are those of all nodes. An edge from an absent node is no edge.
func (c Cell) values() [lastNode + 1]value {
	v := [lastNode + 1]value{0: computed, 1: computed}
	for _, e := range c.Edges {
		v[e.Node] = max(v[e.Node], e.brings(v[e.Input]))
	}
	return v
}

// brings is what an edge makes of the value of its input. Identity and pooling
// leave a zero zero; a convolution has a batch norm behind it, which adds its shift.
func (e Edge) brings(input value) value {
	switch {
	case input == computed && e.Op == None, input == zero && e.Op <= Skip:
		return zero
	case input == absent:
		return absent
	}
	return computed
}

// outputs are the nodes of Concat that have a value. Fair-DARTS writes 2 to 5 for
// every cell and means those that own an operation.
func (c Cell) outputs() []int {
	values := c.values()
	return slices.DeleteFunc(slices.Clone(c.Concat), func(node int) bool { return values[node] == absent })
}

// paired reports whether every node has two edges, which makes the short form of
// the text possible.
func (c Cell) paired() bool {
	if len(c.Edges) != 2*ownNodes {
		return false
	}
	for i, e := range c.Edges {
		if e.Node != inputs+i/2 {
			return false
		}
	}
	return true
}

// InSpace reports what keeps g from being one of the architectures of [Space]:
// two edges for each node, from different inputs, none of them none, and all nodes
// in the output.
func (g Genotype) InSpace() error {
	if err := g.Check(); err != nil {
		return err
	}
	for _, c := range g.cells() {
		if !c.paired() {
			return fmt.Errorf("dartsspace: genotype: %s: %d entries, want two for each node %d to %d", c.name, len(c.Edges), inputs, lastNode)
		}
		if i := slices.IndexFunc(c.Edges, func(e Edge) bool { return e.Op == None }); i >= 0 {
			return fmt.Errorf("dartsspace: genotype: %s: entry %d of %d is %q, which no search decides for", c.name, i+1, len(c.Edges), None)
		}
		for i := 0; i < len(c.Edges); i += 2 {
			if e := c.Edges[i]; e.Input == c.Edges[i+1].Input {
				return fmt.Errorf("dartsspace: genotype: %s: both entries of node %d come from node %d, want two different inputs", c.name, e.Node, e.Input)
			}
		}
		if !slices.Equal(c.sorted().Concat, allNodes()) {
			return fmt.Errorf("dartsspace: genotype: %s_concat is %v, want %v", c.name, c.Concat, allNodes())
		}
	}
	return nil
}

// allNodes are 2, 3, 4, 5.
func allNodes() []int {
	nodes := make([]int, ownNodes)
	for i := range nodes {
		nodes[i] = inputs + i
	}
	return nodes
}

// Canonical is the representative of the genotypes whose network is the same: the
// edges of each node in ascending order of input and then operation, ascending
// nodes in the output, and nothing that the network does not have. That is
// edges from absent nodes, absent nodes in the output, and edges that bring zero
// to a node with others. A node that is zero keeps one edge, of none from node 0,
// where something reads it. What is left are genotypes that differ.
func (g Genotype) Canonical() Genotype {
	return Genotype{Normal: g.Normal.canonical(), Reduce: g.Reduce.canonical()}
}

func (c Cell) canonical() Cell {
	values := c.values()
	out := Cell{Concat: c.outputs()}
	read := [lastNode + 1]bool{}
	for _, node := range out.Concat {
		read[node] = true
	}
	for _, e := range c.Edges {
		if e.brings(values[e.Input]) == computed {
			out.Edges = append(out.Edges, e)
			read[e.Input] = true
		}
	}
	for node, value := range values {
		if value == zero && read[node] {
			out.Edges = append(out.Edges, Edge{Op: None, Node: node})
		}
	}
	return out.sorted()
}

func (c Cell) sorted() Cell {
	c = Cell{Edges: slices.Clone(c.Edges), Concat: slices.Clone(c.Concat)}
	slices.SortFunc(c.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Input, b.Input), cmp.Compare(a.Op, b.Op))
	})
	slices.Sort(c.Concat)
	return c
}

// Random draws for every node a pair of different inputs and two of the 7
// operations besides none, all uniformly and independently.
func Random(r *rand.Rand) Genotype {
	cell := func() Cell {
		c := Cell{Concat: allNodes()}
		for node := inputs; node <= lastNode; node++ {
			a := r.IntN(node)
			b := r.IntN(node - 1)
			if b >= a {
				b++
			}
			for _, input := range [2]int{min(a, b), max(a, b)} {
				c.Edges = append(c.Edges, Edge{Op: Op(1 + r.IntN(len(Ops)-1)), Node: node, Input: input})
			}
		}
		return c
	}
	return Genotype{Normal: cell(), Reduce: cell()}
}

// String is the usual text of g, on one line:
//
//	Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[2, 3, 4, 5])
//
// Where a cell does not have two edges for each node, the entries of both cells
// are Fair-DARTS's triples ('sep_conv_3x3', node, input). [Parse] reads it back.
func (g Genotype) String() string {
	var b strings.Builder
	paired := g.Normal.paired() && g.Reduce.paired()
	separator := "Genotype("
	for _, c := range g.cells() {
		b.WriteString(separator + c.name + "=[")
		for i, e := range c.Edges {
			if i > 0 {
				b.WriteString(", ")
			}
			if paired {
				fmt.Fprintf(&b, "('%s', %d)", e.Op, e.Input)
			} else {
				fmt.Fprintf(&b, "('%s', %d, %d)", e.Op, e.Node, e.Input)
			}
		}
		fmt.Fprintf(&b, "], %s_concat=[", c.name)
		for i, node := range c.Concat {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprint(&b, node)
		}
		b.WriteString("]")
		separator = ", "
	}
	b.WriteString(")")
	return b.String()
}
