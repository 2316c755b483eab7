// Package nb201 adapts the NAS-Bench-201 search space (Dong & Yang, ICLR 2020,
// arXiv:2001.00326) to the methods in internal/search, and holds the accuracies
// of trained cells.
//
// A cell has 4 nodes and 6 edges with one of 5 operations on each edge:
// 5^6 = 15,625 cells. Node 0 is the input, node 3 the output, and each node is
// the sum of what its edges bring. Accuracies are in percent, losses in nats,
// times in seconds, costs in millions.
//
// Start at [Parse] for a cell, [Open] and Query of a [Table] for published or locally
// trained results, [ImportNATSBench] and [FetchPublic] to make such a table from
// the official records or from public extracts, [Table.Verify] to check one, and
// [Space] for the supernet. Nothing here trains a network.
package nb201

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Op is the operation of an edge, an index into [Ops].
type Op uint8

// Ops are the operations in the benchmark's order and spelling:
//
//	none          the edge brings nothing
//	skip_connect  identity
//	nor_conv_kxk  ReLU, k x k convolution, batch norm
//	avg_pool_3x3  average over the 3x3 neighbours inside the image
var Ops = [5]string{"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}

// String is the official name.
func (o Op) String() string {
	if int(o) < len(Ops) {
		return Ops[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

// Cell is the operation of each edge, in the order 1<-0, 2<-0, 2<-1, 3<-0, 3<-1,
// 3<-2 (to<-from).
type Cell [6]Op

// NumCells is the size of the space, 5^6.
const NumCells = 15625

// sources is the node that each edge comes from.
var sources = [6]int{0, 0, 1, 0, 1, 2}

// Parse reads the official text of a cell, such as
//
//	|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|
//
// and nothing else: no spaces, no other order of edges. An error names the first
// edge that is wrong and says what would have been right.
func Parse(s string) (Cell, error) {
	if c, ok := scan(s); ok {
		return c, nil
	}
	return Cell{}, explain(s)
}

// parts are the texts of each edge with each operation, with the bars around it.
var parts = func() (all [len(sources)][len(Ops)]string) {
	for e, source := range sources {
		before := ""
		switch {
		case e == 0:
			before = "|"
		case source == 0:
			before = "+|"
		}
		for op, name := range Ops {
			all[e][op] = fmt.Sprintf("%s%s~%d|", before, name, source)
		}
	}
	return all
}()

// scan reads a text that is right, and no other.
func scan(s string) (c Cell, ok bool) {
	for e := range c {
		const shortest = len("none~0|")
		at := len(parts[e][0]) - shortest // where the operation begins
		if len(s) < at+shortest {
			return Cell{}, false
		}
		op := 0 // the only one that it can be
		switch {
		case s[at] == 's':
			op = 1
		case s[at] == 'a':
			op = 4
		case s[at+2] == 'r' && len(s) > at+len("nor_conv_") && s[at+len("nor_conv_")] == '1':
			op = 2
		case s[at+2] == 'r':
			op = 3
		}
		if s, ok = strings.CutPrefix(s, parts[e][op]); !ok {
			return Cell{}, false
		}
		c[e] = Op(op)
	}
	return c, s == ""
}

// explain says what is wrong with a text that scan does not read.
func explain(s string) error {
	nodes := strings.Split(s, "+")
	if len(nodes) != 3 {
		return fmt.Errorf("nb201: cell %q has %d nodes joined by \"+\", want 3 as in %q", s, len(nodes), Cell{})
	}
	edge := 0
	for i, node := range nodes {
		inner, opened := strings.CutPrefix(node, "|")
		inner, closed := strings.CutSuffix(inner, "|")
		if !opened || !closed {
			return fmt.Errorf("nb201: cell %q: node %d is %q, want it to begin and end with \"|\"", s, i+1, node)
		}
		parts := strings.Split(inner, "|")
		if len(parts) != i+1 {
			return fmt.Errorf("nb201: cell %q: node %d has %d edges, want %d", s, i+1, len(parts), i+1)
		}
		for _, part := range parts {
			name := edgeNames[edge]
			op, from, found := strings.Cut(part, "~")
			if !found {
				return fmt.Errorf("nb201: cell %q: edge %s: %q names no node, want op~%d", s, name, part, sources[edge])
			}
			if !slices.Contains(Ops[:], op) {
				return fmt.Errorf("nb201: cell %q: edge %s: unknown op %q, want one of %q", s, name, op, Ops)
			}
			if len(from) != 1 || from[0] != byte('0'+sources[edge]) {
				return fmt.Errorf("nb201: cell %q: edge %s: op %q comes from node %q, want \"%d\"", s, name, op, from, sources[edge])
			}
			edge++
		}
	}
	return fmt.Errorf("nb201: cell %q is not of the form %q", s, Cell{})
}

// String is the official text of c; Parse reads it back.
func (c Cell) String() string {
	var b strings.Builder
	for e, op := range c {
		switch {
		case e > 0 && sources[e] == 0:
			b.WriteString("+|")
		case e == 0:
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s~%d|", op, sources[e])
	}
	return b.String()
}

// Index numbers the cells in lexicographic order of their operations, edge 1<-0
// first: the digits of a number to base 5, from 0 to NumCells-1. It is not the
// official index, which follows no rule; tables hold that one (see [Table.Cells]).
func (c Cell) Index() int {
	i := 0
	for _, op := range c {
		i = i*len(Ops) + int(op)
	}
	return i
}

// FromIndex is the cell whose Index is i, which must be 0 to NumCells-1.
func FromIndex(i int) Cell {
	if i < 0 || i >= NumCells {
		panic("nb201: cell index out of range")
	}
	var c Cell
	for e := len(c) - 1; e >= 0; e-- {
		c[e] = Op(i % len(Ops))
		i /= len(Ops)
	}
	return c
}

// All returns the cells in the order of Index.
func All() []Cell {
	cells := make([]Cell, NumCells)
	for i := range cells {
		cells[i] = FromIndex(i)
	}
	return cells
}

// Random draws each operation uniformly and independently.
func Random(r *rand.Rand) Cell {
	var c Cell
	for e := range c {
		c[e] = Op(r.IntN(len(Ops)))
	}
	return c
}

// Neighbours are the 24 cells that differ from c in the operation of one edge, in
// the order of edges and then of operations.
func (c Cell) Neighbours() []Cell {
	var out []Cell
	for e := range c {
		for op := range Ops {
			if Op(op) != c[e] {
				other := c
				other[e] = Op(op)
				out = append(out, other)
			}
		}
	}
	return out
}

// signature writes the output node as an expression of the input, by the rule
// behind the benchmark's 6,466 unique cells (its authors' to_unique_str with
// zeros considered):
//
//   - the input is "0";
//   - an edge is "#" (zero) when its op is none or its source node is exactly "#";
//   - a skip edge is the text of its source node, without brackets;
//   - any other edge is "(source)@op";
//   - a node is its edges, sorted and joined by "+".
//
// So dead edges no longer depend on what lies before them and skips are
// transparent, but zeros stay as terms of a sum, and a skipped sum is sorted as
// one term. Cells with the same signature compute the same function. The rule is
// not complete: leaving zeros out of sums gives 5,390 classes, flattening skipped
// sums as well gives 4,930; skips alone give 12,751.
func (c Cell) signature() string {
	nodes := [4]string{"0"}
	edge := 0
	for to := 1; to < 4; to++ {
		terms := make([]string, to)
		for from := range to {
			switch op := c[edge].String(); {
			case op == "none" || nodes[from] == "#":
				terms[from] = "#"
			case op == "skip_connect":
				terms[from] = nodes[from]
			default:
				terms[from] = "(" + nodes[from] + ")@" + op
			}
			edge++
		}
		slices.Sort(terms)
		nodes[to] = strings.Join(terms, "+")
	}
	return nodes[3]
}

// representatives holds the Index of the first cell of each cell's class.
var representatives = sync.OnceValue(func() []int {
	reps := make([]int, NumCells)
	first := make(map[string]int, NumCells/2)
	for i := range reps {
		s := FromIndex(i).signature()
		if _, known := first[s]; !known {
			first[s] = i
		}
		reps[i] = first[s]
	}
	return reps
})

// Canonical is the cell of smallest Index in c's isomorphism class.
func (c Cell) Canonical() Cell { return FromIndex(representatives()[c.Index()]) }

// Classes is the number of isomorphism classes, 6,466.
func Classes() int {
	n := 0
	for i, rep := range representatives() {
		if i == rep {
			n++
		}
	}
	return n
}
