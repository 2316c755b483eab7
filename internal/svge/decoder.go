package svge

import "math/rand/v2"

// partial is a batch of graphs that grow by one node at a time. Rows are node after node,
// each with one row a graph.
type partial struct {
	*pass
	c              *node // [B, Z]
	b, n           int   // graphs, nodes so far
	forward, back  *node // states [n·B, H]
	along, against links
}

func (p *pass) begin(c *node, first []int) *partial {
	g := &partial{pass: p, c: c, b: c.r, along: newLinks(0), against: newLinks(0)}
	g.append(p.mlp(decoderStart, p.beside(p.rows(p.tensors[decoderEmbedding], first), c)))
	return g
}

// append adds a node with states [B, 2H].
func (g *partial) append(states *node) {
	f, b := g.columns(states, 0, g.Hidden), g.columns(states, g.Hidden, g.Hidden)
	if g.n > 0 {
		f, b = g.below(g.forward, f), g.below(g.back, b)
	}
	g.forward, g.back = f, b
	g.n++
	g.along.degree = append(g.along.degree, make([]float64, g.b)...)
	g.against.degree = append(g.against.degree, make([]float64, g.b)...)
}

// link is an edge of graph b.
func (g *partial) link(b, from, to int) {
	g.along.add(from*g.b+b, to*g.b+b)
	g.against.add(to*g.b+b, from*g.b+b)
}

// propagate moves the states along the edges that there are, and gives the gated sums of
// the graphs: that which decides, and that from which the next node starts.
func (g *partial) propagate() (graph, init *node) {
	g.forward = g.layers(decoderForward, g.forward, g.along)
	g.back = g.layers(decoderBackward, g.back, g.against)
	h := g.beside(g.forward, g.back)
	of := make([]int, h.r)
	for i := range of {
		of[i] = i % g.b
	}
	return g.gated(decoderGraph, h, of, g.b), g.gated(decoderInit, h, of, g.b)
}

// types are the logits of the next node's type [B, types].
func (g *partial) types(graph *node) *node { return g.mlp(decoderType, g.beside(graph, g.c)) }

// grow adds a node of these types.
func (g *partial) grow(init *node, types []int) {
	g.append(g.mlp(decoderNode, g.beside(g.rows(g.tensors[decoderEmbedding], types), init, g.c)))
}

// edges are the logits of edges from every earlier node to the newest, [(n−1)·B, 1], and
// the graph that decides.
func (g *partial) edges(graph *node) *node {
	last, earlier := make([]int, 0, (g.n-1)*g.b), make([]int, 0, (g.n-1)*g.b)
	of := make([]int, 0, (g.n-1)*g.b)
	for u := range g.n - 1 {
		for b := range g.b {
			earlier, last, of = append(earlier, u*g.b+b), append(last, (g.n-1)*g.b+b), append(of, b)
		}
	}
	h := g.beside(g.forward, g.back)
	return g.mlp(decoderEdge, g.beside(g.pass.rows(h, earlier), g.pass.rows(h, last), g.pass.rows(graph, of), g.pass.rows(g.c, of)))
}

// reconstruct is the loss of generating graphs of one number of nodes from c: for each
// node the cross-entropy of its type and the mean one of its edges, the first of them
// without, since it has no choice.
// The whole is divided by the number of graphs of the batch.
func (p *pass) reconstruct(c *node, graphs []Graph, whole int) *node {
	b, n := len(graphs), len(graphs[0].Types)
	typesAt := func(i int) []int {
		t := make([]int, b)
		for k, g := range graphs {
			t[k] = g.Types[i]
		}
		return t
	}
	g := p.begin(c, typesAt(0))
	loss := p.node(1, 1)
	for i := 1; i < n; i++ {
		graph, init := g.propagate()
		loss = p.add(loss, p.crossEntropy(g.types(graph), typesAt(i), 1/float64(whole)))
		g.grow(init, typesAt(i))
		if i > 1 {
			targets := make([]float64, 0, i*b)
			for u := range i {
				for _, one := range graphs {
					if one.has(u, i) {
						targets = append(targets, 1)
					} else {
						targets = append(targets, 0)
					}
				}
			}
			loss = p.add(loss, p.bernoulli(g.edges(graph), targets, 1/float64(whole*i)))
		}
		for k, one := range graphs {
			for u := range i {
				if one.has(u, i) {
					g.link(k, u, i)
				}
			}
		}
	}
	return loss
}

// Decode draws a graph for each point: types and edges are sampled, or the most probable
// where r is nil. The edges are those of the generator along and against. A graph that
// does not end, or whose two generators differ in the number of nodes, has no nodes.
func (m *Model) Decode(points [][]float64, r *rand.Rand) []Graph {
	along, against := m.generate(points, Start, r), m.generate(points, End, r)
	out := make([]Graph, len(points))
	for i := range out {
		a, b := along[i], against[i].reversed()
		if len(a.Types) == 0 || len(a.Types) != len(b.Types) {
			continue
		}
		out[i] = Graph{Types: a.Types}
		for to := range a.Types {
			for from := range to {
				if a.has(from, to) || b.has(from, to) {
					out[i].Edges = append(out[i].Edges, [2]int{from, to})
				}
			}
		}
	}
	return out
}

// generate grows graphs from a node of the type first until one of the other end.
func (m *Model) generate(points [][]float64, first int, r *rand.Rand) []Graph {
	p := m.pass(false)
	defer p.close()
	b, last := len(points), End+Start-first
	c := p.node(b, m.Latent)
	out, done := make([]Graph, b), make([]bool, b)
	types := make([]int, b)
	for i, point := range points {
		copy(c.x[i*m.Latent:], point)
		out[i].Types = []int{first}
		types[i] = first
	}
	g := p.begin(c, types)
	for n := 1; n < m.Nodes; n++ {
		graph, init := g.propagate()
		probabilities := softmaxRows(g.types(graph))
		for k := range types {
			row := probabilities[k*m.Types : (k+1)*m.Types]
			types[k] = pick(row, r)
			if n == m.Nodes-1 {
				types[k] = last
			}
		}
		g.grow(init, types)
		logits := g.edges(graph)
		for k := range b {
			if done[k] {
				continue
			}
			out[k].Types = append(out[k].Types, types[k])
			for u := range n {
				yes := n == 1
				if z := logits.x[u*b+k]; n > 1 {
					yes = z > 0
					if r != nil {
						yes = r.Float64() < logistic(z)
					}
				}
				if yes {
					out[k].Edges = append(out[k].Edges, [2]int{u, n})
					g.link(k, u, n)
				}
			}
			done[k] = types[k] == last
		}
	}
	return out
}

// pick is an index by its probability, or the most probable one.
func pick(p []float64, r *rand.Rand) int {
	best := 0
	if r == nil {
		for i, x := range p {
			if x > p[best] {
				best = i
			}
		}
		return best
	}
	u := r.Float64()
	for i, x := range p {
		if u -= x; u < 0 {
			return i
		}
	}
	return len(p) - 1
}
