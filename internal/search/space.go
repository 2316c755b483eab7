package search

import (
	"iter"
	"math/rand/v2"

	"idarts/internal/svge"
)

// Kind says what a row decides.
type Kind uint8

const (
	Edge   Kind = iota // the operation on the edge from Source to Node
	Vertex             // the operation of Node, whatever it reads
	Input              // which nodes Node reads; option i is node i
	Output             // which nodes the output reads; option i is node i
)

var kinds = [...]string{Edge: "edge", Vertex: "vertex", Input: "input", Output: "output"}

// String is "edge", "vertex", "input" or "output".
func (k Kind) String() string { return kinds[k] }

// NoSource is the Source of a row that is not about one edge.
const NoSource = -1

// Row is one decision of a space.
type Row struct {
	Name    string   // "1<-0"
	Options []string // "none", "skip_connect", ...
	Kind    Kind
	Group   string // of rows that make one cell: "normal", "reduce"; "" where there is one cell
	Node    int    // that takes what the row decides
	Source  int    // node that the edge comes from; NoSource for other kinds
	// Keep is how many options an architecture takes from this row. Where it takes
	// only some of the edges into a node, NodeKeep says how many; 0: all.
	Keep, NodeKeep int
}

// Layout lists the decisions of a space. Mixture coefficients of one layer and
// scores are flat: the options of row 0, then of row 1, and so on.
type Layout []Row

// Len is the number of options in all, A.
func (l Layout) Len() int {
	n := 0
	for _, row := range l {
		n += len(row.Options)
	}
	return n
}

// Parts walks through the rows and the part of x [A] that belongs to each.
func (l Layout) Parts(x []float64) iter.Seq2[Row, []float64] {
	return func(yield func(Row, []float64) bool) {
		start := 0
		for _, row := range l {
			end := start + len(row.Options)
			if !yield(row, x[start:end:end]) {
				return
			}
			start = end
		}
	}
}

// Space is what a method may know of a search space.
type Space struct {
	Layout Layout
	// Derive decides an architecture by scores [A], as the space's own rule says
	// (NAS-Bench-201: the option of the highest score in each row), in the space's
	// text form. Scores of different rows may be compared: they are probabilities or
	// weights, never logits.
	Derive func(scores []float64) string
	// Random draws an architecture uniformly from the space.
	Random func(r *rand.Rand) string
	// Neighbours lists the architectures that differ from arch in one decision, each
	// once, in an order that depends on arch alone. There is at least one, arch is not
	// among them, and steps lead from any architecture to any other.
	Neighbours func(arch string) ([]string, error)
	// Kept is the architecture of just the options [A] that are kept, in spaces that have
	// others than Derive decides for: two operations on an edge, nodes that nothing reads.
	// Where nothing is left it is that of the first option of all. nil: there are none.
	Kept func(kept []bool) string
	// Graphs are architectures as graphs of typed nodes; nil: the space has no such form.
	Graphs *Graphs
	// Choose is the architecture that takes one option from each row of Layout, an
	// index into its Options. nil: the decisions of the space are of another kind.
	Choose func(options []int) string
}

// Graphs turn architectures into graphs of typed nodes and back.
type Graphs struct {
	Types, Nodes int // of nodes; of the largest graph
	Of           func(arch string) (svge.Graph, error)
	// Arch refuses graphs that are no architecture of the space.
	Arch func(g svge.Graph) (string, error)
}
