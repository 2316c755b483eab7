package nb1b1

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"idarts/internal/search"
)

// OneShot is one of the three search spaces of NAS-Bench-1Shot1, [Space1] to
// [Space3]. Its cells have a fixed number of inner vertices, called blocks there,
// and each vertex reads a fixed number of earlier ones, its parents: 9 edges in
// all. A vertex that does not reach the output drops out of the cell.
type OneShot struct {
	name    string
	parents []int // of block 1, 2, ..., and last of the output
	cells   int   // how many cells its architectures prune to, up to isomorphism
}

// The spaces. Source: nasbench-1shot1, nasbench_analysis/search_spaces.
var (
	Space1 = OneShot{"NAS-Bench-1Shot1 space 1", []int{1, 2, 2, 2, 2}, 2685}
	Space2 = OneShot{"NAS-Bench-1Shot1 space 2", []int{1, 1, 2, 2, 3}, 7773}
	Space3 = OneShot{"NAS-Bench-1Shot1 space 3", []int{1, 1, 1, 2, 2, 2}, 55854}
)

// OneShots are the spaces in order.
var OneShots = []OneShot{Space1, Space2, Space3}

// oneShotOps are the options of a block, in the order of the one-shot network.
var oneShotOps = [len(Ops)]Op{MaxPool, Conv3x3, Conv1x1}

// String is "NAS-Bench-1Shot1 space 1".
func (s OneShot) String() string { return s.name }

// Blocks is the number of inner vertices, 4, 4 and 5.
func (s OneShot) Blocks() int { return len(s.parents) - 1 }

// Parents is how many vertices vertex v reads; v is 1 to Blocks()+1, the output.
func (s OneShot) Parents(v int) int { return s.parents[v-1] }

// chooses reports whether vertex v has a choice of parents; there are v to choose from.
func (s OneShot) chooses(v int) bool { return s.Parents(v) < v }

// Layout has a row for the operation of each block, one for the parents of the
// output, and one for the parents of each block that has a choice. This is the
// order of the released search code's tensors.
func (s OneShot) Layout() search.Layout {
	var ops []string
	for _, op := range oneShotOps {
		ops = append(ops, op.String())
	}
	var layout search.Layout
	for v := range s.Blocks() {
		layout = append(layout, search.Row{
			Name: fmt.Sprintf("operation of %d", v+1), Options: ops,
			Kind: search.Vertex, Node: v + 1, Source: search.NoSource, Keep: 1,
		})
	}
	vertices := make([]string, s.Blocks()+1)
	for v := range vertices {
		vertices[v] = strconv.Itoa(v)
	}
	output := s.Blocks() + 1
	layout = append(layout, search.Row{
		Name: "parents of output", Options: vertices,
		Kind: search.Output, Node: output, Source: search.NoSource, Keep: s.Parents(output),
	})
	for v := 1; v <= s.Blocks(); v++ {
		if s.chooses(v) {
			layout = append(layout, search.Row{
				Name: fmt.Sprintf("parents of %d", v), Options: vertices[:v],
				Kind: search.Input, Node: v, Source: search.NoSource, Keep: s.Parents(v),
			})
		}
	}
	return layout
}

// rows are the offsets in a vector of the layout: of the operations, of the
// output's parents, and of each block's parents, -1 where it has no choice.
type rows struct {
	output int
	inputs [maxInner + 1]int // by vertex
	len    int
}

func (s OneShot) rows() rows {
	r := rows{output: s.Blocks() * len(oneShotOps)}
	r.len = r.output + s.Blocks() + 1
	for v := 1; v <= s.Blocks(); v++ {
		r.inputs[v] = -1
		if s.chooses(v) {
			r.inputs[v] = r.len
			r.len += v
		}
	}
	return r
}

// Choice is one architecture of a space with all its blocks, also those that do
// not reach the output.
type Choice struct {
	Ops     [maxInner]Op        // of block v: Ops[v-1]
	Parents [maxInner + 1]uint8 // bit u of Parents[v-1]: vertex v reads vertex u; the output is vertex Blocks()+1
}

// Discretize decides an architecture by scores in the order of the layout: the
// largest of each row of operations, and of each row of parents the largest p, where
// p is the number of parents. The first of equal ones wins.
func (s OneShot) Discretize(scores []float64) Choice {
	r := s.rows()
	if len(scores) != r.len {
		panic("nb1b1: length mismatch")
	}
	var c Choice
	for v := 1; v <= s.Blocks()+1; v++ {
		row := make([]float64, v) // equal entries, where there is no choice
		switch {
		case v == s.Blocks()+1:
			copy(row, scores[r.output:])
		case r.inputs[v] >= 0:
			copy(row, scores[r.inputs[v]:])
		}
		c.Parents[v-1] = top(row, s.Parents(v))
		if v <= s.Blocks() {
			start := (v - 1) * len(oneShotOps)
			best := start
			for o := start; o < start+len(oneShotOps); o++ {
				if scores[o] > scores[best] {
					best = o
				}
			}
			c.Ops[v-1] = oneShotOps[best-start]
		}
	}
	return c
}

// top is the set of the p largest entries.
func top(row []float64, p int) (set uint8) {
	for range p {
		best := -1
		for i, x := range row {
			if set>>i&1 == 0 && (best < 0 || x > row[best]) {
				best = i
			}
		}
		set |= 1 << best
	}
	return set
}

// Random draws parents and operations uniformly and independently.
func (s OneShot) Random(r *rand.Rand) Choice {
	var c Choice
	for v := 1; v <= s.Blocks()+1; v++ {
		for _, parent := range r.Perm(v)[:s.Parents(v)] {
			c.Parents[v-1] |= 1 << parent
		}
		if v <= s.Blocks() {
			c.Ops[v-1] = Op(r.IntN(len(Ops)))
		}
	}
	return c
}

// whole is the choice as a cell, with the blocks that do not reach the output.
func (s OneShot) whole(c Choice) Cell {
	return Cell{inner: uint8(s.Blocks()), ops: c.Ops, parents: c.Parents}
}

// Cell is the pruned cell of a choice, its blocks in order.
func (s OneShot) Cell(c Choice) Cell { return s.whole(c).Pruned() }

// dummy is the operation of the vertex that pads a choice of space 1 or 2.
const dummy = Conv1x1

// Benchmark is the choice as the authors ask NAS-Bench-101 for it: a matrix and
// operations of 7 vertices. In spaces 1 and 2 vertex 5 is not connected, so that
// the output is vertex 6. Only ancestors of the output have edges.
func (s OneShot) Benchmark(c Choice) (matrix [][]int, ops []string) {
	full := s.whole(c)
	output := full.Vertices() - 1
	needed := uint8(1) << output
	for v := output; v > 0; v-- {
		if needed>>v&1 == 1 {
			needed |= full.parents[v-1]
		}
	}
	matrix = make([][]int, MaxVertices)
	ops = make([]string, MaxVertices)
	place := func(v int) int { // the vertex's number among the 7
		if v == output {
			return MaxVertices - 1
		}
		return v
	}
	for from := range matrix {
		matrix[from] = make([]int, MaxVertices)
		ops[from] = dummy.String()
	}
	for v := range full.Vertices() {
		ops[place(v)] = full.name(v)
		for from := range v {
			if needed>>v&1 == 1 && full.Reads(v, from) {
				matrix[from][place(v)] = 1
			}
		}
	}
	return matrix, ops
}

// Parse reads a cell of NAS-Bench-101 that is one of s.
func (s OneShot) Parse(arch string) (Cell, error) {
	cell, err := Parse(arch)
	if err != nil {
		return cell, err
	}
	return cell, s.Check(cell)
}

// Check is nil for a cell that some choice of the space prunes to, up to
// isomorphism. Such a cell can be dealt out on blocks in an order in which each
// vertex has as many parents as its block; the other blocks are loose ends.
func (s OneShot) Check(c Cell) error {
	pruned := c.Pruned()
	if s.fits(pruned, 1, 1, new([MaxVertices]int)) {
		return nil
	}
	output := pruned.Vertices() - 1
	switch got := pruned.count(output); {
	case pruned.Vertices()-2 > s.Blocks():
		return fmt.Errorf("nb1b1: cell %q is not in %s: it has %d inner vertices, want at most %d", c, s, pruned.Vertices()-2, s.Blocks())
	case got != s.Parents(s.Blocks()+1):
		return fmt.Errorf("nb1b1: cell %q is not in %s: its output reads %d vertices, want %d", c, s, got, s.Parents(s.Blocks()+1))
	}
	return fmt.Errorf("nb1b1: cell %q is not in %s: no order of its inner vertices has a number of parents that goes with blocks of %d", c, s, s.parents[:s.Blocks()])
}

// count is how many vertices vertex v reads.
func (c Cell) count(v int) int {
	n := 0
	for from := range v {
		if c.Reads(v, from) {
			n++
		}
	}
	return n
}

// fits deals the vertices of c that are not in the set placed out on the blocks
// from block on, and says in blocks which block each has got.
func (s OneShot) fits(c Cell, placed uint8, block int, blocks *[MaxVertices]int) bool {
	output := c.Vertices() - 1
	if placed == 1<<output-1 {
		return c.count(output) == s.Parents(s.Blocks()+1)
	}
	if block > s.Blocks() {
		return false
	}
	for v := 1; v < output; v++ {
		if placed>>v&1 == 0 && c.parents[v-1]&^placed == 0 && c.count(v) == s.Parents(block) && s.fits(c, placed|1<<v, block+1, blocks) {
			blocks[v] = block
			return true
		}
	}
	return s.fits(c, placed, block+1, blocks)
}

// choice is a choice that prunes to c, up to isomorphism. A block that is not in c
// is a 3x3 convolution that reads the first vertices it can.
func (s OneShot) choice(c Cell) (Choice, error) {
	if err := s.Check(c); err != nil {
		return Choice{}, err
	}
	c = c.Pruned()
	var out Choice
	for v := 1; v <= s.Blocks()+1; v++ {
		out.Parents[v-1] = 1<<s.Parents(v) - 1
	}
	var blocks [MaxVertices]int // of the vertices of c
	s.fits(c, 1, 1, &blocks)
	output := c.Vertices() - 1
	blocks[output] = s.Blocks() + 1
	for v := 1; v <= output; v++ {
		block := blocks[v] - 1
		out.Parents[block] = 0
		for from := range v {
			if c.Reads(v, from) {
				out.Parents[block] |= 1 << blocks[from]
			}
		}
		if v < output {
			out.Ops[block] = c.Op(v)
		}
	}
	return out, nil
}

// Neighbours are the pruned cells one decision away from c: another operation of
// one block, or another vertex in place of one parent. Blocks that are not in c are
// 3x3 convolutions that read the first vertices they can. Every cell of the space
// can be reached in steps, up to isomorphism.
func (s OneShot) Neighbours(c Cell) ([]Cell, error) {
	at, err := s.choice(c)
	if err != nil {
		return nil, err
	}
	seen := map[Cell]bool{c.Pruned(): true, s.Cell(at): true}
	var out []Cell
	add := func(c Choice) {
		if cell := s.Cell(c); !seen[cell] {
			seen[cell] = true
			out = append(out, cell)
		}
	}
	for block := range s.Blocks() {
		for op := range Op(len(Ops)) {
			other := at
			other.Ops[block] = op
			add(other)
		}
	}
	for v := 1; v <= s.Blocks()+1; v++ {
		for old := range v {
			for fresh := range v {
				if set := at.Parents[v-1]; set>>old&1 == 1 && set>>fresh&1 == 0 {
					other := at
					other.Parents[v-1] = set&^(1<<old) | 1<<fresh
					add(other)
				}
			}
		}
	}
	return out, nil
}

// Canonical is the representative of the cells of the space whose trained network
// is the same as c's, so that it is trained once: [Cell.Canonical], which is in
// the space when c is.
func (s OneShot) Canonical(c Cell) (Cell, error) {
	if err := s.Check(c); err != nil {
		return Cell{}, err
	}
	return c.Canonical(), nil
}

// Space is the search space as a method sees it. Architectures are the text of
// pruned cells.
func (s OneShot) Space() search.Space {
	return search.Space{
		Layout: s.Layout(),
		Derive: func(scores []float64) string { return s.Cell(s.Discretize(scores)).String() },
		Random: func(r *rand.Rand) string { return s.Cell(s.Random(r)).String() },
		Graphs: s.graphs(),
		Neighbours: func(arch string) ([]string, error) {
			c, err := Parse(arch)
			if err != nil {
				return nil, err
			}
			near, err := s.Neighbours(c)
			var out []string
			for _, other := range near {
				out = append(out, other.String())
			}
			return out, err
		},
	}
}

// Scores is the inverse of Discretize: zeros and ones that decide for the choice.
func (s OneShot) Scores(c Choice) []float64 {
	r := s.rows()
	scores := make([]float64, r.len)
	for v := 1; v <= s.Blocks()+1; v++ {
		if v <= s.Blocks() {
			scores[(v-1)*len(oneShotOps)+slices.Index(oneShotOps[:], c.Ops[v-1])] = 1
		}
		row := r.output
		if v <= s.Blocks() {
			row = r.inputs[v]
		}
		for from := range v {
			if row >= 0 && c.Parents[v-1]>>from&1 == 1 {
				scores[row+from] = 1
			}
		}
	}
	return scores
}
