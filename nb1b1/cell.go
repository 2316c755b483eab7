// Package nb1b1 adapts NAS-Bench-1Shot1 (Zela, Siems, Hutter, ICLR 2020,
// arXiv:2001.10422) to the methods in internal/search. It is three one-shot
// search spaces inside NAS-Bench-101 (Ying et al., ICML 2019, arXiv:1902.09635),
// whose table of trained cells it reads as well.
//
// A cell is a directed graph of at most 7 vertices and 9 edges: vertex 0 is the
// input, the last one the output, and each vertex between them carries one of 3
// operations on the sum of what it reads. The output is what it reads side by
// side. There are 423,624 cells up to isomorphism; the spaces reach 2,685, 7,773
// and 55,854 of them. Accuracies are in percent, times in seconds.
//
// Start at [Parse] for a cell, [Space1], [Space2] and [Space3] for the spaces,
// [Open] and Query of a [Table] for published results, [ImportNASBench101] to make
// such a table from the official file, and [Net] for the networks. Nothing here
// trains a network.
package nb1b1

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/plainjson"
)

// Op is the operation of an inner vertex, an index into [Ops].
type Op uint8

// Ops are the operations in NAS-Bench-101's order and spelling:
//
//	convKxK-bn-relu  K x K convolution, batch norm, ReLU
//	maxpool3x3       maximum over the 3x3 neighbours inside the image
var Ops = [3]string{"conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"}

// Names of Ops.
const (
	Conv3x3 Op = iota
	Conv1x1
	MaxPool
)

// String is the official name.
func (o Op) String() string {
	if int(o) < len(Ops) {
		return Ops[o]
	}
	return fmt.Sprintf("Op(%d)", uint8(o))
}

// Limits of the benchmark.
const (
	MaxVertices = 7
	MaxEdges    = 9 // on paths from the input to the output
)

const maxInner = MaxVertices - 2

// Names of the two vertices without an operation.
const (
	inputName  = "input"
	outputName = "output"
)

// Cell is a valid cell; make one with [Parse] or [NewCell]. Vertices are numbered
// so that each reads only smaller ones. Some may lie on no path from the input to
// the output, see [Cell.Pruned]. Cells are equal (==) when they are written the
// same; [Cell.Canonical] is equal for isomorphic ones.
type Cell struct {
	inner   uint8               // vertices between input and output
	ops     [maxInner]Op        // of vertex v: ops[v-1]
	parents [maxInner + 1]uint8 // bit u of parents[v-1]: vertex v reads vertex u
}

// Vertices is the number of vertices, input and output included.
func (c Cell) Vertices() int { return int(c.inner) + 2 }

// Edges is the number of edges.
func (c Cell) Edges() int {
	n := 0
	for _, p := range c.parents {
		n += bits.OnesCount8(p)
	}
	return n
}

// Reads reports whether vertex to reads vertex from.
func (c Cell) Reads(to, from int) bool { return to > 0 && c.parents[to-1]>>from&1 == 1 }

// Op is the operation of inner vertex v, from 1 to Vertices()-2.
func (c Cell) Op(v int) Op { return c.ops[v-1] }

// NewCell makes a cell from its matrix, with a 1 in row u and column v where
// vertex v reads vertex u, and the names of its vertices' operations, beginning
// with "input" and ending with "output".
func NewCell(matrix [][]int, ops []string) (Cell, error) {
	n := len(matrix)
	if n < 2 || n > MaxVertices {
		return Cell{}, fmt.Errorf("nb1b1: matrix has %d rows, want 2 to %d, one for each vertex", n, MaxVertices)
	}
	c := Cell{inner: uint8(n - 2)}
	for from, row := range matrix {
		if len(row) != n {
			return Cell{}, fmt.Errorf("nb1b1: matrix has %d rows but row %d has %d entries, want it square", n, from, len(row))
		}
		for to, bit := range row {
			switch {
			case bit != 0 && bit != 1:
				return Cell{}, fmt.Errorf("nb1b1: matrix has %d in row %d, column %d, want 0 or 1", bit, from, to)
			case bit == 1 && from >= to:
				return Cell{}, fmt.Errorf("nb1b1: matrix has a 1 in row %d, column %d, want it upper triangular (only columns right of the row)", from, to)
			case bit == 1:
				c.parents[to-1] |= 1 << from
			}
		}
	}
	if len(ops) != n {
		return Cell{}, fmt.Errorf("nb1b1: matrix has %d vertices but there are %d ops, want as many", n, len(ops))
	}
	for v, name := range ops {
		switch op := slices.Index(Ops[:], name); {
		case v == 0 && name != inputName:
			return Cell{}, fmt.Errorf("nb1b1: op 0 is %q, want %q", name, inputName)
		case v == n-1 && name != outputName:
			return Cell{}, fmt.Errorf("nb1b1: op %d is %q, want %q at the end", v, name, outputName)
		case v == 0 || v == n-1:
		case op < 0:
			return Cell{}, fmt.Errorf("nb1b1: op %d is %q, want one of %q", v, name, Ops)
		default:
			c.ops[v-1] = Op(op)
		}
	}
	if err := c.check(); err != nil {
		return Cell{}, fmt.Errorf("nb1b1: matrix %v: %w", matrix, err)
	}
	return c, nil
}

// check applies the rules that concern the graph as a whole.
func (c Cell) check() error {
	keep := c.onPath()
	if keep == 0 {
		return fmt.Errorf("no path from the input to the output, want one")
	}
	if edges := c.keep(keep).Edges(); edges > MaxEdges {
		return fmt.Errorf("%d edges on paths from the input to the output, want at most %d", edges, MaxEdges)
	}
	return nil
}

// Parse reads the text of a cell: for each vertex behind the input its operation
// and, in brackets, the vertices that it reads, in ascending order, such as
//
//	conv3x3-bn-relu(0) maxpool3x3(0,1) output(1,2)
//
// with one space between vertices. It reads the JSON form as well, which has the
// benchmark's own matrix and operations (see [NewCell]):
//
//	{"matrix": [[0,1],[0,0]], "ops": ["input","output"]}
//
// An error names the first vertex that is wrong and what would have been right.
func Parse(s string) (Cell, error) {
	if strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") {
		return parseJSON([]byte(s))
	}
	tokens := strings.Split(s, " ")
	if len(tokens) > MaxVertices-1 {
		return Cell{}, fmt.Errorf("nb1b1: cell %q has %d vertices behind the input, want at most %d", s, len(tokens), MaxVertices-1)
	}
	if last := tokens[len(tokens)-1]; !strings.HasPrefix(last, outputName+"(") {
		return Cell{}, fmt.Errorf("nb1b1: cell %q ends with %q, want %s(...)", s, last, outputName)
	}
	c := Cell{inner: uint8(len(tokens) - 1)}
	for i, token := range tokens {
		v := i + 1
		name, list, opened := strings.Cut(token, "(")
		list, closed := strings.CutSuffix(list, ")")
		switch op := slices.Index(Ops[:], name); {
		case i == len(tokens)-1:
		case op < 0:
			return Cell{}, fmt.Errorf("nb1b1: cell %q: vertex %d: unknown op %q in %q, want one of %q", s, v, name, token, Ops)
		default:
			c.ops[i] = Op(op)
		}
		if !opened || !closed {
			return Cell{}, fmt.Errorf("nb1b1: cell %q: vertex %d is %q, want the vertices it reads in brackets, as in %s(0)", s, v, token, name)
		}
		if list == "" {
			continue
		}
		last := -1
		for _, part := range strings.Split(list, ",") {
			if len(part) != 1 || part[0] < '0' || int(part[0]-'0') >= v {
				return Cell{}, fmt.Errorf("nb1b1: cell %q: vertex %d: %q reads vertex %q, want one of 0 to %d", s, v, token, part, v-1)
			}
			from := int(part[0] - '0')
			if from <= last {
				return Cell{}, fmt.Errorf("nb1b1: cell %q: vertex %d: %q reads vertex %d behind vertex %d, want them ascending", s, v, token, from, last)
			}
			c.parents[i] |= 1 << from
			last = from
		}
	}
	if err := c.check(); err != nil {
		return Cell{}, fmt.Errorf("nb1b1: cell %q: %w", s, err)
	}
	return c, nil
}

// String is the text of c; Parse reads it back.
func (c Cell) String() string {
	var b strings.Builder
	for v := 1; v < c.Vertices(); v++ {
		if v > 1 {
			b.WriteByte(' ')
		}
		b.WriteString(c.name(v))
		b.WriteByte('(')
		comma := ""
		for from := range v {
			if c.Reads(v, from) {
				b.WriteString(comma)
				b.WriteString(strconv.Itoa(from))
				comma = ","
			}
		}
		b.WriteByte(')')
	}
	return b.String()
}

// name is the operation of a vertex, or what stands for one.
func (c Cell) name(v int) string {
	switch v {
	case 0:
		return inputName
	case c.Vertices() - 1:
		return outputName
	}
	return c.Op(v).String()
}

// Matrix is the matrix that [NewCell] takes.
func (c Cell) Matrix() [][]int {
	m := make([][]int, c.Vertices())
	for from := range m {
		m[from] = make([]int, c.Vertices())
		for to := range m {
			if c.Reads(to, from) {
				m[from][to] = 1
			}
		}
	}
	return m
}

// OpNames are the operations that [NewCell] takes, one name for each vertex.
func (c Cell) OpNames() []string {
	ops := make([]string, c.Vertices())
	for v := range ops {
		ops[v] = c.name(v)
	}
	return ops
}

// cellJSON is the JSON form of a cell. Whole numbers may be written as 1.0, as other
// languages do.
type cellJSON struct {
	Matrix [][]plainjson.Int `json:"matrix"`
	Ops    []string          `json:"ops"`
}

// MarshalJSON gives the JSON form.
func (c Cell) MarshalJSON() ([]byte, error) {
	return json.Marshal(cellJSON{convert[plainjson.Int](c.Matrix()), c.OpNames()})
}

// convert is a matrix in numbers of another type.
func convert[B, A ~int](matrix [][]A) [][]B {
	out := make([][]B, len(matrix))
	for i, row := range matrix {
		out[i] = make([]B, len(row))
		for j, v := range row {
			out[i][j] = B(v)
		}
	}
	return out
}

// UnmarshalJSON reads the JSON form.
func (c *Cell) UnmarshalJSON(text []byte) error {
	read, err := parseJSON(text)
	if err == nil {
		*c = read
	}
	return err
}

func parseJSON(text []byte) (Cell, error) {
	const want = `want {"matrix": [[0,1],[0,0]], "ops": ["input","output"]}`
	var form cellJSON
	if err := plainjson.Strict(text, &form); err != nil {
		return Cell{}, fmt.Errorf("nb1b1: cell %q: %w, %s", text, err, want)
	}
	return NewCell(convert[int](form.Matrix), form.Ops)
}

// onPath is the set of vertices on a path from the input to the output, as bits;
// empty when there is none.
func (c Cell) onPath() (keep uint8) {
	down, up := uint8(1), uint8(1)<<(c.inner+1)
	for v := 1; v < c.Vertices(); v++ {
		if c.parents[v-1]&down != 0 {
			down |= 1 << v
		}
	}
	for v := c.Vertices() - 1; v > 0; v-- {
		if up>>v&1 == 1 {
			up |= c.parents[v-1]
		}
	}
	if up&1 == 0 {
		return 0
	}
	return down & up
}

// keep is c without the vertices that are not in the set, which has input and output.
func (c Cell) keep(set uint8) Cell {
	var order []int
	for v := range c.Vertices() {
		if set>>v&1 == 1 {
			order = append(order, v)
		}
	}
	return c.arrange(order)
}

// arrange is the cell of some vertices of c in a new order.
func (c Cell) arrange(order []int) Cell {
	d := Cell{inner: uint8(len(order) - 2)}
	for to := 1; to < len(order); to++ {
		for from := range to {
			if c.Reads(order[to], order[from]) {
				d.parents[to-1] |= 1 << from
			}
		}
		if to < len(order)-1 {
			d.ops[to-1] = c.Op(order[to])
		}
	}
	return d
}

// Pruned is c without the vertices that lie on no path from the input to the
// output, as the benchmark prunes a cell before it looks it up.
func (c Cell) Pruned() Cell {
	keep := c.onPath()
	if keep == 0 || keep == 1<<c.Vertices()-1 { // 0: not a valid cell
		return c
	}
	return c.keep(keep)
}

// Hash names a cell up to isomorphism.
type Hash [md5.Size]byte

// String is the hash as NAS-Bench-101 writes it, 32 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Hash is NAS-Bench-101's name of the pruned cell, an MD5 sum that is the same
// for isomorphic cells. A vertex starts with the sum of the text "(o, i, l)": how
// many vertices read it, how many it reads, and its label, which is -1 for the
// input, -2 for the output and otherwise the index of its operation. Then, as
// often as there are vertices, each vertex takes the sum of the sorted sums of
// what it reads, "|", those of what reads it, "|", and its own. The hash is the
// sum of the sorted list of all, written as ['a', 'b'].
//
// Source: google-research/nasbench, lib/graph_util.py.
func (c Cell) Hash() Hash {
	c = c.Pruned()
	n := c.Vertices()
	// Sums are kept as the digits that are summed again.
	type digits [2 * md5.Size]byte
	var sums, next [MaxVertices]digits
	text := make([]byte, 0, 320)
	sum := func(to *digits) {
		s := md5.Sum(text)
		hex.Encode(to[:], s[:])
	}
	for v := range n {
		label := -1
		in, out := 0, 0
		switch {
		case v == n-1:
			label = -2
		case v > 0:
			label = int(c.Op(v))
		}
		for w := range n {
			if c.Reads(v, w) {
				in++
			}
			if c.Reads(w, v) {
				out++
			}
		}
		text = fmt.Appendf(text[:0], "(%d, %d, %d)", out, in, label)
		sum(&sums[v])
	}
	var sorted [MaxVertices]*digits
	appendSorted := func(of []*digits) {
		slices.SortFunc(of, func(a, b *digits) int { return bytes.Compare(a[:], b[:]) })
		for _, d := range of {
			text = append(text, d[:]...)
		}
	}
	for range n {
		for v := range n {
			text = text[:0]
			in := sorted[:0]
			for w := range v {
				if c.Reads(v, w) {
					in = append(in, &sums[w])
				}
			}
			appendSorted(in)
			text = append(text, '|')
			out := sorted[:0]
			for w := v + 1; w < n; w++ {
				if c.Reads(w, v) {
					out = append(out, &sums[w])
				}
			}
			appendSorted(out)
			text = append(text, '|')
			text = append(text, sums[v][:]...)
			sum(&next[v])
		}
		sums = next
	}
	slices.SortFunc(sums[:n], func(a, b digits) int { return bytes.Compare(a[:], b[:]) })
	text = append(text[:0], '[')
	for v := range n {
		if v > 0 {
			text = append(text, ", "...)
		}
		text = append(text, '\'')
		text = append(text, sums[v][:]...)
		text = append(text, '\'')
	}
	text = append(text, ']')
	return md5.Sum(text)
}

// Canonical is the representative of the cells that are isomorphic to c once
// they are pruned: of all orders of the pruned vertices in which each reads only
// earlier ones, the one with the smallest list of (vertices read, operation).
//
// NAS-Bench-101 takes isomorphic cells for the same network. They are, except
// that where the channels of the output are not a multiple of the vertices that
// it reads, the first of these are one channel wider (see [Net.Final]).
func (c Cell) Canonical() Cell {
	c = c.Pruned()
	output := c.Vertices() - 1
	var best Cell
	found := false
	d := Cell{inner: c.inner}
	var at [MaxVertices]uint8 // the place that a vertex has been given
	// extend fills place next, with the vertices in the set placed before it. Only
	// the smallest of the vertices that may come next can lead to the smallest list.
	var extend func(next int, placed uint8)
	extend = func(next int, placed uint8) {
		if next == output {
			d.parents[output-1] = renumber(c.parents[output-1], &at)
			if !found || d.compare(best) < 0 {
				best, found = d, true
			}
			return
		}
		var parents [MaxVertices]uint8
		least := -1
		for v := 1; v < output; v++ {
			if placed>>v&1 == 1 || c.parents[v-1]&^placed != 0 {
				continue
			}
			parents[v] = renumber(c.parents[v-1], &at)
			if least < 0 || cmp.Or(cmp.Compare(parents[v], parents[least]), cmp.Compare(c.Op(v), c.Op(least))) < 0 {
				least = v
			}
		}
		for v := 1; v < output; v++ {
			if parents[v] == parents[least] && c.Op(v) == c.Op(least) {
				d.parents[next-1], d.ops[next-1], at[v] = parents[v], c.Op(v), uint8(next)
				extend(next+1, placed|1<<v)
			}
		}
	}
	extend(1, 1)
	return best
}

// renumber moves each bit of the set to its vertex's place.
func renumber(set uint8, at *[MaxVertices]uint8) (moved uint8) {
	for ; set != 0; set &= set - 1 {
		moved |= 1 << at[bits.TrailingZeros8(set)]
	}
	return moved
}

// compare orders cells of as many vertices.
func (c Cell) compare(d Cell) int {
	for i := range c.parents {
		if r := cmp.Compare(c.parents[i], d.parents[i]); r != 0 {
			return r
		}
		if i < maxInner && c.ops[i] != d.ops[i] {
			return cmp.Compare(c.ops[i], d.ops[i])
		}
	}
	return 0
}

// code packs a cell into 34 bits: the number of inner vertices, then 2 bits for
// the operation of each of 5 inner vertices, vertex 1 lowest, then 21 bits for
// the edges, bit u+v(v-1)/2 where vertex v reads vertex u.
func (c Cell) code() int64 {
	var edges, ops int64
	for v := 1; v <= maxInner+1; v++ {
		edges |= int64(c.parents[v-1]) << (v * (v - 1) / 2)
		if v <= maxInner {
			ops |= int64(c.ops[v-1]) << (2 * (v - 1))
		}
	}
	return int64(c.inner)<<31 | ops<<21 | edges
}

// fromCode is the inverse of code.
func fromCode(code int64) (Cell, error) {
	c := Cell{inner: uint8(code >> 31 & 7)}
	if c.inner <= maxInner {
		for v := 1; v <= maxInner+1; v++ {
			c.parents[v-1] = uint8(code >> (v * (v - 1) / 2) & (1<<v - 1))
			if v <= maxInner {
				c.ops[v-1] = Op(code >> (21 + 2*(v-1)) & 3)
			}
		}
		if c.code() == code && c.valid() {
			return c, nil
		}
	}
	return Cell{}, fmt.Errorf("nb1b1: %#x is not the code of a cell", code)
}

// valid reports whether c keeps all rules; code that makes cells checks them with
// better errors.
func (c Cell) valid() bool {
	if c.inner > maxInner {
		return false
	}
	for i := range c.parents {
		if i > int(c.inner) && c.parents[i] != 0 || c.parents[i]>>(i+1) != 0 {
			return false
		}
		if i < maxInner && (c.ops[i] >= Op(len(Ops)) || i >= int(c.inner) && c.ops[i] != 0) {
			return false
		}
	}
	return c.check() == nil
}
