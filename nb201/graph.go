package nb201

import "idarts/internal/diagram"

// Graph is c as one graph of four nodes, "0" to "3", and six edges in the order
// of [Cell], each with its operation. Edges that bring nothing are there too.
func (c Cell) Graph() []diagram.Graph {
	g := diagram.Graph{Nodes: []diagram.Node{
		{Name: "0", Kind: diagram.Input}, {Name: "1"}, {Name: "2"}, {Name: "3", Kind: diagram.Output},
	}}
	edge := 0
	for to := 1; to < 4; to++ {
		for from := range to {
			g.Edges = append(g.Edges, diagram.Edge{From: from, To: to, Op: c[edge].String()})
			edge++
		}
	}
	return []diagram.Graph{g}
}
