package search

// withEdges are rows with a further row for each node that keeps some of its edges: what
// these weigh, option i being edge i.
func withEdges(rows Layout) Layout {
	all := append(Layout(nil), rows...)
	for _, node := range edgesOf(rows) {
		weights := Row{Name: "edges of " + node[0].Name, Group: node[0].Group, Node: node[0].Node, Source: NoSource, Kind: Input, Keep: node[0].NodeKeep}
		for _, edge := range node {
			weights.Options = append(weights.Options, edge.Name)
		}
		all = append(all, weights)
	}
	return all
}

// Edged is a relaxation with weights of edges: coefficient o of edge e is w_e·p_eo. inner,
// made for the rows and a row of w for each node that keeps some of its edges, gives
// both. Rows of other nodes have no weight.
func Edged(rows Layout, inner func(Layout) Relaxation) Relaxation {
	e := &edged{Relaxation: inner(withEdges(rows)), rows: rows}
	e.at = make([]int, rows.Len())
	for i := range e.at {
		e.at[i] = -1
	}
	next := rows.Len()
	for _, node := range edgesOf(rows) {
		for _, edge := range node {
			for i := edge.start; i < edge.end(); i++ {
				e.at[i] = next
			}
			next++
		}
	}
	e.both, e.dboth = make([]float64, next), make([]float64, next)
	return e
}

type edged struct {
	Relaxation
	rows        Layout
	at          []int     // [A]: the place of an option's edge weight behind the mixtures, −1: none
	both, dboth []float64 // p, then w
}

func (e *edged) Mix(coefs []float64, use Use) Pullback {
	inner := e.Relaxation.Mix(e.both, use)
	e.product(coefs)
	return func(dcoefs, dparams []float64) {
		clear(e.dboth)
		for i, d := range dcoefs {
			e.dboth[i] = d
			if w := e.at[i]; w >= 0 {
				e.dboth[i] = d * e.both[w]
				e.dboth[w] += d * e.both[i]
			}
		}
		inner(e.dboth, dparams)
	}
}

func (e *edged) product(coefs []float64) {
	for i := range coefs {
		coefs[i] = e.both[i]
		if w := e.at[i]; w >= 0 {
			coefs[i] *= e.both[w]
		}
	}
}

func (e *edged) Scores(scores []float64) {
	e.Relaxation.Scores(e.both)
	e.product(scores)
}
