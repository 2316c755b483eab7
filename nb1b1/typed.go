package nb1b1

import (
	"slices"

	"idarts/internal/search"
	"idarts/internal/svge"
)

// typed is the graph of a cell: its vertices with their operations.
func (c Cell) typed() svge.Graph {
	output := c.Vertices() - 1
	g := svge.Graph{Types: []int{svge.Start}}
	for v := 1; v < output; v++ {
		g.Types = append(g.Types, svge.FirstOp+int(c.Op(v)))
	}
	g.Types = append(g.Types, svge.End)
	for to := 1; to <= output; to++ {
		for from := range to {
			if c.Reads(to, from) {
				g.Edges = append(g.Edges, [2]int{from, to})
			}
		}
	}
	return g
}

// graphs are cells of the space as graphs. A graph whose pruned cell the space has not is
// refused.
func (s OneShot) graphs() *search.Graphs {
	return &search.Graphs{
		Types: svge.FirstOp + len(Ops), Nodes: MaxVertices,
		Of: func(arch string) (svge.Graph, error) {
			c, err := s.Parse(arch)
			if err != nil {
				return svge.Graph{}, err
			}
			return c.typed(), nil
		},
		Arch: func(g svge.Graph) (string, error) {
			if err := g.Check(svge.FirstOp + len(Ops)); err != nil {
				return "", err
			}
			n := len(g.Types)
			matrix, ops := make([][]int, n), make([]string, n)
			for v := range matrix {
				matrix[v] = make([]int, n)
				ops[v] = Op(max(g.Types[v]-svge.FirstOp, 0)).String()
			}
			ops[0], ops[n-1] = inputName, outputName
			for v := 1; v < n-1; v++ {
				if g.Types[v] < svge.FirstOp {
					ops[v] = "" // an input or output in the middle: refused by name
				}
			}
			for _, e := range g.Edges {
				matrix[e[0]][e[1]] = 1
			}
			c, err := NewCell(matrix, slices.Clone(ops))
			if err != nil {
				return "", err
			}
			c = c.Pruned()
			return c.String(), s.Check(c)
		},
	}
}
