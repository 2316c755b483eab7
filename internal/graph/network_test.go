package graph

import (
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

// network is conv-BN-relu, a mixture of conv-BN, average pool and skip with
// coefficients, a linear layer with bias and cross-entropy: every kind of thing
// that a supernet is made of.
type network struct {
	*Graph
	w, coefs                   []*Node
	v, u                       []*Node // directions for w and coefs
	loss, logits, stats        *Node
	weights, coefCount, images int
}

func newNetwork(batch, size, channels, classes int) *network {
	g := New()
	g.Target = cpu.Target
	net := &network{Graph: g}
	weight := func(shape exec.Shape) *Node {
		n := g.Input(exec.Weights, net.weights, shape)
		net.w = append(net.w, n)
		net.v = append(net.v, g.Input(exec.Direction, net.weights, shape))
		net.weights += shape.Len()
		return n
	}
	coef := func() *Node {
		n := g.Input(exec.Coefs, net.coefCount, exec.Vector(1))
		net.coefs = append(net.coefs, n)
		net.u = append(net.u, g.Input(exec.CoefDirection, net.coefCount, exec.Vector(1)))
		net.coefCount++
		return n
	}
	x := g.Input(exec.Images, 0, exec.Shape{batch, size, size, 3})
	t := g.Input(exec.Targets, 0, exec.Shape{batch, 1, 1, classes})
	c := channels
	y, stats := g.BatchNorm(g.Conv(x, weight(exec.Shape{3, 3, 3, c}), Window{K: 3, Pad: 1}), 1e-5)
	net.stats = stats
	y = g.ReLU(g.ChanLin([]Term{{y, weight(exec.Vector(c))}}, weight(exec.Vector(c))))
	for range 2 {
		a, _ := g.BatchNorm(g.Conv(y, weight(exec.Shape{3, 3, c, c}), Window{K: 3, Pad: 1}), 1e-5)
		b, _ := g.BatchNorm(g.Conv(y, weight(exec.Shape{1, 1, c, c}), Window{K: 1}), 1e-5)
		y = g.ChanLin([]Term{{a, coef()}, {b, coef()}, {y, coef()}, {g.AvgPool(y, Window{K: 3, Pad: 1}), coef()}})
		y = g.ReLU(y)
	}
	net.logits = g.ChanLin([]Term{{g.Linear(g.SpatialMean(y), weight(exec.Shape{1, 1, c, classes})), g.Affine(coef(), 0, 1)}}, weight(exec.Vector(classes)))
	net.loss = g.CrossEntropy(net.logits, t)
	net.images = batch * size * size * 3
	return net
}

// memory is memory for the network with random weights, images and coefficients.
func (net *network) memory(batch, classes int) *ref.Memory {
	r := rng.New(1, "network test")
	mem := new(ref.Memory)
	normal := func(s exec.Space, n int, scale float64) {
		mem[s] = make([]float64, n)
		for i := range mem[s] {
			mem[s][i] = scale * r.NormFloat64()
		}
	}
	normal(exec.Weights, net.weights, 0.5)
	normal(exec.Direction, net.weights, 1)
	normal(exec.Coefs, net.coefCount, 1)
	normal(exec.CoefDirection, net.coefCount, 1)
	normal(exec.Images, net.images, 1)
	mem[exec.Targets] = make([]float64, batch*classes)
	for n := range batch {
		mem[exec.Targets][n*classes+r.IntN(classes)] = 1
	}
	return mem
}

// run lowers the outputs as one phase each and runs them in order on memory that
// has the inputs of mem.
func run(t *testing.T, g *Graph, mem *ref.Memory, phases ...[]Output) *ref.Memory {
	t.Helper()
	p, err := g.Lower(phases...)
	if err != nil {
		t.Fatal(err)
	}
	own := ref.NewMemory(p)
	for s := range own {
		copy(own[s], mem[s])
	}
	for phase := range phases {
		ref.Run(p, own, phase)
	}
	return own
}

// outputs puts nodes one after another into a space.
func outputs(space exec.Space, nodes ...*Node) []Output {
	var out []Output
	offset := 0
	for _, n := range nodes {
		out = append(out, Output{n, space, offset})
		offset += Shape(n).Len()
	}
	return out
}

func difference(got, want []float64) (rel float64) {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var d, s float64
	for i := range got {
		d += (got[i] - want[i]) * (got[i] - want[i])
		s += want[i] * want[i]
	}
	return math.Sqrt(d) / math.Max(math.Sqrt(s), 1e-12)
}

// The derivatives of a whole network against central differences.
func TestNetwork(t *testing.T) {
	const batch, size, channels, classes = 3, 5, 4, 3
	net := newNetwork(batch, size, channels, classes)
	mem := net.memory(batch, classes)
	all := append(append([]*Node(nil), net.w...), net.coefs...)
	grads := net.Gradient(net.loss, all...)
	gw, gc := grads[:len(net.w)], grads[len(net.w):]
	gc[len(gc)-1] = nil // the last coefficient takes no part
	forward := net.Graph.Nodes()
	hv := net.Tangent(grads, net.w, net.v)
	t.Logf("%d nodes, %d with tangents", forward, net.Graph.Nodes())
	var phase0, phase1 []Output
	phase0 = append(phase0, Output{net.loss, exec.Loss, 0})
	offset := 0
	for i, n := range net.w {
		phase0 = append(phase0, Output{gw[i], exec.WeightGrad, offset})
		phase1 = append(phase1, Output{hv[i], exec.HessianVec, offset})
		offset += Shape(n).Len()
	}
	for i := range net.coefs {
		phase0 = append(phase0, Output{gc[i], exec.CoefGrad, i})
		phase1 = append(phase1, Output{hv[len(net.w)+i], exec.MixedVec, i})
	}
	p, err := net.Lower(phase0, phase1)
	if err != nil {
		t.Fatal(err)
	}
	at := func(step float64) *ref.Memory {
		m := ref.NewMemory(p)
		for s := range m {
			copy(m[s], mem[s])
		}
		for i := range m[exec.Weights] {
			m[exec.Weights][i] += step * mem[exec.Direction][i]
		}
		ref.Run(p, m, 0)
		return m
	}
	m := at(0)
	ref.Run(p, m, 1)
	const h = 1e-6 // small: no activation may cross a kink of relu
	plus, minus := at(h), at(-h)
	central := func(s exec.Space) []float64 {
		d := make([]float64, len(plus[s]))
		for i := range d {
			d[i] = (plus[s][i] - minus[s][i]) / (2 * h)
		}
		return d
	}
	slope := 0.0
	for i, v := range m[exec.WeightGrad] {
		slope += v * mem[exec.Direction][i]
	}
	for _, c := range []struct {
		name      string
		got, want []float64
	}{
		{"gradient", []float64{slope}, central(exec.Loss)},
		{"Hessian-vector product", m[exec.HessianVec], central(exec.WeightGrad)},
		{"mixed product", m[exec.MixedVec], central(exec.CoefGrad)},
	} {
		rel := difference(c.got, c.want)
		t.Logf("%s: relative error %.1e against central differences", c.name, rel)
		if !(rel < 1e-8) {
			t.Errorf("%s: relative error %v against central differences, want < 1e-8", c.name, rel)
		}
	}
}

// The same network on gorgonia's TapeMachine, with our derivatives and with
// gorgonia's own first-order ones.
func TestNetworkOnTapeMachine(t *testing.T) {
	const batch, size, channels, classes = 3, 5, 4, 3
	net := newNetwork(batch, size, channels, classes)
	one := net.Input(exec.Loss, 0, exec.Vector(1))
	mem := net.memory(batch, classes)
	mem[exec.Loss] = []float64{1}
	grads := net.Gradient(net.loss, net.w...)
	hv := net.Tangent(grads, net.w, net.v)
	lowered := run(t, net.Graph, mem, outputs(exec.WeightGrad, grads...), outputs(exec.HessianVec, hv...))
	theirs, err := net.TapeGradient(net.loss, one, net.w...)
	if err != nil {
		t.Fatal(err)
	}
	values, err := net.Tape(mem, append(append(append([]*Node(nil), grads...), hv...), theirs...)...)
	if err != nil {
		t.Fatal(err)
	}
	join := func(parts [][]float64) (all []float64) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	n := len(net.w)
	for _, c := range []struct {
		name      string
		got, want []float64
	}{
		{"gradient", lowered[exec.WeightGrad], join(values[:n])},
		{"Hessian-vector product", lowered[exec.HessianVec], join(values[n : 2*n])},
		{"gorgonia's gradient", join(values[2*n:]), join(values[:n])},
	} {
		rel := difference(c.got, c.want)
		t.Logf("%s: relative difference %.1e", c.name, rel)
		if !(rel < 1e-13) {
			t.Errorf("%s: relative difference %v, want < 1e-13", c.name, rel)
		}
	}
}
