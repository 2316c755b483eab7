// Package svge embeds architectures in a space of numbers and searches there: the smooth
// variational graph embeddings of Lukasik, Friede, Zela, Hutter and Keuper (IJCNN 2021,
// arXiv:2010.04683). [Model] is the autoencoder, [Train] fits it to graphs, [GP] and
// [Improvement] are the surrogate of the search in the latent space. Nothing here knows
// of accuracies but the GP.
//
// Graphs are directed and acyclic, nodes in topological order, each with a type; the first
// node is of the type [Start] and the last of [End].
package svge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Types that all spaces have; operations have the numbers from 2 on.
const (
	End = iota
	Start
	FirstOp
)

// Graph is an architecture. Edges are [from, to] with from < to.
type Graph struct {
	Types []int
	Edges [][2]int
}

// Check says what is wrong with a graph of so many types.
func (g Graph) Check(types int) error {
	n := len(g.Types)
	if n < 2 || g.Types[0] != Start || g.Types[n-1] != End {
		return fmt.Errorf("svge: types %v, want %d first and %d last", g.Types, Start, End)
	}
	for _, t := range g.Types {
		if t < 0 || t >= types {
			return fmt.Errorf("svge: type %d of %v, want one below %d", t, g.Types, types)
		}
	}
	for _, e := range g.Edges {
		if e[0] < 0 || e[0] >= e[1] || e[1] >= n {
			return fmt.Errorf("svge: edge %v of %d nodes, want one that leads on", e, n)
		}
	}
	return nil
}

// reversed is the graph from its end, nodes in reverse order.
func (g Graph) reversed() Graph {
	n := len(g.Types)
	r := Graph{Types: make([]int, n)}
	for i, t := range g.Types {
		r.Types[n-1-i] = t
	}
	for _, e := range g.Edges {
		r.Edges = append(r.Edges, [2]int{n - 1 - e[1], n - 1 - e[0]})
	}
	return r
}

// has says whether there is an edge.
func (g Graph) has(from, to int) bool {
	for _, e := range g.Edges {
		if e[0] == from && e[1] == to {
			return true
		}
	}
	return false
}

// Sizes are those of a model.
type Sizes struct {
	Types  int // of nodes, with Start and End
	Nodes  int // of the largest graph
	Hidden int // H: a node has H numbers forward and H backward
	Latent int // Z: numbers that a graph becomes
}

// Model is the autoencoder. The encoder has two stacks of two layers of message passing,
// along the edges and against them:
//
//	m_v = Σ_{u→v} (W_s h_u + W_d h_v + b),  h_v ← GRU(m_v, h_v)
//
// and a gated sum Σ_v σ(g·h_v) W h_v each for the mean and the logarithm of the variance.
// The decoder is one generator that is used twice, from [Start] along the edges and from
// [End] against them. With the state of the nodes that are there it propagates along
// their edges as above, and decides the type of the next node by a gated sum of the graph,
// and its edges by the pairs of states.
//
// Two faults of the released decoder are not here: it gave graphs of a batch each other's
// context, and a mask multiplied itself.
type Model struct {
	Sizes
	Theta []float64
	shape []shape
}

type shape struct{ at, r, c int }

// NewModel draws weights uniformly within ±1/√inputs.
func NewModel(s Sizes, r *rand.Rand) *Model {
	m := &Model{Sizes: s}
	for _, d := range s.shapes() {
		m.shape = append(m.shape, shape{len(m.Theta), d[0], d[1]})
		bound := 1 / math.Sqrt(float64(max(d[0], 1)))
		for range d[0] * d[1] {
			m.Theta = append(m.Theta, bound*(2*r.Float64()-1))
		}
	}
	return m
}

// Places of tensors, in the order of shapes.
const (
	layerTensors = 3 + 8 // message; update, reset and candidate gates
	stackTensors = 2 * layerTensors

	encoderEmbedding = 0
	encoderForward   = encoderEmbedding + 1
	encoderBackward  = encoderForward + stackTensors
	encoderMean      = encoderBackward + stackTensors
	encoderLogVar    = encoderMean + 3
	decoderEmbedding = encoderLogVar + 3
	decoderForward   = decoderEmbedding + 1
	decoderBackward  = decoderForward + stackTensors
	decoderGraph     = decoderBackward + stackTensors
	decoderInit      = decoderGraph + 3
	decoderStart     = decoderInit + 3
	decoderType      = decoderStart + 4
	decoderNode      = decoderType + 4
	decoderEdge      = decoderNode + 4
)

func (s Sizes) shapes() [][2]int {
	h, z, t := s.Hidden, s.Latent, s.Types
	var out [][2]int
	add := func(shapes ...[2]int) { out = append(out, shapes...) }
	stack := func() {
		for range 2 {
			add([2]int{h, h}, [2]int{h, h}, [2]int{1, h}) // message
			add([2]int{h, 2 * h}, [2]int{h, 2 * h}, [2]int{1, 2 * h}, [2]int{1, 2 * h})
			add([2]int{h, h}, [2]int{h, h}, [2]int{1, h}, [2]int{1, h})
		}
	}
	gated := func() { add([2]int{2 * h, 1}, [2]int{1, 1}, [2]int{2 * h, z}) }
	mlp := func(in, middle, out int) {
		add([2]int{in, middle}, [2]int{1, middle}, [2]int{middle, out}, [2]int{1, out})
	}
	add([2]int{t, h})
	stack()
	stack()
	gated()
	gated()
	add([2]int{t, 2 * h})
	stack()
	stack()
	gated()
	gated()
	mlp(2*h+z, 2*h, 2*h)
	mlp(2*z, z, t)
	mlp(2*h+2*z, 2*h, 2*h)
	mlp(4*h+2*z, 2*h, 1)
	return out
}

// pass is a use of the model on a tape.
type pass struct {
	*tape
	*Model
	grad    []float64
	tensors []*node
}

func (m *Model) pass(record bool) *pass {
	p := &pass{tape: newTape(record), Model: m}
	if record {
		p.grad = make([]float64, len(m.Theta))
	}
	for _, s := range m.shape {
		n := &node{r: s.r, c: s.c, x: m.Theta[s.at : s.at+s.r*s.c]}
		if record {
			n.g = p.grad[s.at : s.at+s.r*s.c]
		}
		p.tensors = append(p.tensors, n)
	}
	return p
}

// links are the edges of a batch of graphs as rows: edge i brings row from[i] to to[i].
type links struct {
	from, to []int
	degree   []float64 // of each row: how many edges come in
}

func newLinks(rows int) links { return links{degree: make([]float64, rows)} }

func (l *links) add(from, to int) {
	l.from, l.to = append(l.from, from), append(l.to, to)
	l.degree[to]++
}

// layers runs a stack from tensor first on.
func (p *pass) layers(first int, h *node, l links) *node {
	for k := range 2 {
		w := p.tensors[first+k*layerTensors : first+(k+1)*layerTensors]
		message := p.add(
			p.sum(p.rows(p.mul(h, w[0]), l.from), l.to, h.r),
			p.scaled(p.linear(h, w[1], w[2]), slices.Clone(l.degree))) // edges come later
		h = p.gru(w[3:], message, h)
	}
	return h
}

// gru is PyTorch's cell: z and r gates in one product, candidate n with the reset gate
// behind the state's product; h' = (1−z)·n + z·h.
func (p *pass) gru(w []*node, x, h *node) *node {
	hidden := p.Hidden
	gates := p.sigmoid(p.add(p.linear(x, w[0], w[2]), p.linear(h, w[1], w[3])))
	z, r := p.columns(gates, 0, hidden), p.columns(gates, hidden, hidden)
	n := p.tanh(p.add(p.linear(x, w[4], w[6]), p.times(r, p.linear(h, w[5], w[7]))))
	return p.add(p.times(p.affine(z, -1, 1), n), p.times(z, h))
}

// gated is the sum Σ_v σ(g·h_v + b)·(W h_v) over the rows of each of n graphs.
func (p *pass) gated(first int, h *node, graphs []int, n int) *node {
	w := p.tensors[first : first+3]
	return p.sum(p.weighted(p.mul(h, w[2]), p.sigmoid(p.linear(h, w[0], w[1]))), graphs, n)
}

func (p *pass) mlp(first int, x *node) *node {
	w := p.tensors[first : first+4]
	return p.linear(p.relu(p.linear(x, w[0], w[1])), w[2], w[3])
}

// encode is the mean and the logarithm of the variance of graphs, [B, Z] each.
func (p *pass) encode(graphs []Graph) (mean, logVar *node) {
	var types, of []int
	for b, g := range graphs {
		types = append(types, g.Types...)
		for range g.Types {
			of = append(of, b)
		}
	}
	along, against := newLinks(len(types)), newLinks(len(types))
	first := 0
	for _, g := range graphs {
		for _, e := range g.Edges {
			along.add(first+e[0], first+e[1])
			against.add(first+e[1], first+e[0])
		}
		first += len(g.Types)
	}
	h := p.rows(p.tensors[encoderEmbedding], types)
	h = p.beside(p.layers(encoderForward, h, along), p.layers(encoderBackward, h, against))
	return p.gated(encoderMean, h, of, len(graphs)), p.gated(encoderLogVar, h, of, len(graphs))
}

// noise and klWeight are those of the paper's code: c = μ + 0.01·ε·exp(½s), and 0.005
// times the divergence, summed over the batch.
const (
	noise    = 0.01
	klWeight = 0.005
)

// Loss is that of a batch of graphs of one number of nodes, with its gradient in Theta.
// normals are the noise [B·Z]; nil leaves it out.
func (m *Model) Loss(graphs []Graph, normals []float64, gradient bool) (float64, []float64) {
	return m.part(graphs, normals, len(graphs), gradient)
}

// part is what some graphs add to the loss of a batch of so many.
func (m *Model) part(graphs []Graph, normals []float64, whole int, gradient bool) (float64, []float64) {
	p := m.pass(gradient)
	defer p.close()
	mean, logVar := p.encode(graphs)
	c := mean
	if normals != nil {
		e := p.node(mean.r, mean.c)
		copy(e.x, normals)
		deviation := p.each(logVar, func(s float64) float64 { return noise * math.Exp(s/2) }, func(_, y float64) float64 { return y / 2 })
		c = p.add(mean, p.times(deviation, e))
	}
	reversed := make([]Graph, len(graphs))
	for i, g := range graphs {
		reversed[i] = g.reversed()
	}
	loss := p.add(p.reconstruct(c, graphs, whole), p.reconstruct(c, reversed, whole))
	loss = p.add(loss, p.divergence(mean, logVar, klWeight))
	if gradient {
		p.backward(loss)
	}
	return loss.x[0], p.grad
}

// Encode gives the means of graphs, [Z] each.
func (m *Model) Encode(graphs []Graph) [][]float64 {
	p := m.pass(false)
	defer p.close()
	mean, _ := p.encode(graphs)
	out := make([][]float64, len(graphs))
	for i := range out {
		out[i] = append([]float64(nil), mean.x[i*m.Latent:(i+1)*m.Latent]...)
	}
	return out
}
