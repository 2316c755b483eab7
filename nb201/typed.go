package nb201

import (
	"fmt"

	"idarts/internal/svge"
)

// A cell as a graph with operations on its nodes: the input, the six edges in index order,
// the output. Every cell has the same edges, from what ends at a node of the cell to what
// begins there.
var typedEdges = func() (edges [][2]int) {
	var ends [6][2]int // of the cell's edges
	e := 0
	for node := 1; node <= 3; node++ {
		for source := range node {
			ends[e] = [2]int{source, node}
			e++
		}
	}
	for to := range ends {
		if ends[to][0] == 0 {
			edges = append(edges, [2]int{0, 1 + to})
		}
		for from := range to {
			if ends[from][1] == ends[to][0] {
				edges = append(edges, [2]int{1 + from, 1 + to})
			}
		}
	}
	for from := range ends {
		if ends[from][1] == 3 {
			edges = append(edges, [2]int{1 + from, 7})
		}
	}
	return edges
}()

// typed is the graph of a cell.
func (c Cell) typed() svge.Graph {
	g := svge.Graph{Types: []int{svge.Start}, Edges: typedEdges}
	for _, op := range c {
		g.Types = append(g.Types, svge.FirstOp+int(op))
	}
	g.Types = append(g.Types, svge.End)
	return g
}

// ofTyped is the cell of a graph; a graph of no cell is an error.
func ofTyped(g svge.Graph) (Cell, error) {
	var c Cell
	if err := g.Check(svge.FirstOp + len(Ops)); err != nil {
		return c, err
	}
	want := map[[2]int]bool{}
	for _, e := range typedEdges {
		want[e] = true
	}
	seen := map[[2]int]bool{}
	for _, e := range g.Edges {
		seen[e] = true
		if !want[e] {
			return c, fmt.Errorf("nb201: edge %v is in no cell", e)
		}
	}
	if len(g.Types) != 8 || len(seen) != len(want) {
		return c, fmt.Errorf("nb201: %d nodes and %d edges, want 8 and %d", len(g.Types), len(seen), len(want))
	}
	for i := range c {
		t := g.Types[1+i] - svge.FirstOp
		if t < 0 {
			return c, fmt.Errorf("nb201: type %d in the middle", g.Types[1+i])
		}
		c[i] = Op(t)
	}
	return c, nil
}
