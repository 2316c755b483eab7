package graph

import (
	"testing"
	"time"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
)

// supernet is a stack like NAS-Bench-201's search network: 3 stages of cells
// with 6 edges, each a mixture of skip, two conv-BN branches and a pool, with a
// residual block between stages. C=16, 10 classes.
func supernet(batch, image, cells int) (g *Graph, w, v, coefs []*Node, loss *Node) {
	return supernetOf(batch, image, cells, func(int) bool { return true })
}

// supernetOf has those terms of the mixtures alone that are live; others take no
// coefficient.
func supernetOf(batch, image, cells int, live func(term int) bool) (g *Graph, w, v, coefs []*Node, loss *Node) {
	g = New()
	g.Target = cpu.Target
	weights := 0
	weight := func(shape exec.Shape) *Node {
		n := g.Input(exec.Weights, weights, shape)
		w = append(w, n)
		v = append(v, g.Input(exec.Direction, weights, shape))
		weights += shape.Len()
		return n
	}
	conv := func(x *Node, cout, k, stride int) *Node {
		y, _ := g.BatchNorm(g.Conv(x, weight(exec.Shape{k, k, Shape(x)[3], cout}), Window{K: k, Stride: stride, Pad: k / 2}), 1e-5)
		return y
	}
	coefficient, term := 0, 0
	coef := func() *Node {
		n := g.Input(exec.Coefs, coefficient, exec.Vector(1))
		coefs = append(coefs, n)
		coefficient++
		return n
	}
	x := conv(g.Input(exec.Images, 0, exec.Shape{batch, image, image, 3}), 16, 3, 1)
	for stage, c := range []int{16, 32, 64} {
		if stage > 0 {
			y := conv(g.ReLU(conv(g.ReLU(x), c, 3, 2)), c, 3, 1)
			x = g.Add(y, g.Conv(g.AvgPool(x, Window{K: 2, Stride: 2}), weight(exec.Shape{1, 1, c / 2, c}), Window{K: 1}))
		}
		for range cells {
			nodes := []*Node{x}
			for range 3 {
				var terms []Term
				for _, in := range nodes {
					r := g.ReLU(in)
					for _, op := range []func() *Node{
						func() *Node { return in },
						func() *Node { return conv(r, c, 1, 1) },
						func() *Node { return conv(r, c, 3, 1) },
						func() *Node { return g.AvgPool(in, Window{K: 3, Pad: 1}) },
					} {
						if live(term) {
							terms = append(terms, Term{op(), coef()})
						}
						term++
					}
				}
				nodes = append(nodes, g.ChanLin(terms))
			}
			x = nodes[3]
		}
	}
	z := g.Linear(g.SpatialMean(g.ReLU(x)), weight(exec.Shape{1, 1, 64, 10}))
	loss = g.CrossEntropy(z, g.Input(exec.Targets, 0, exec.Shape{batch, 1, 1, 10}))
	return g, w, v, coefs, loss
}

// The full search network's second-order program must be ready in seconds and
// its arena must be near what is alive at once.
func TestSupernetSize(t *testing.T) {
	cells := 5
	if testing.Short() {
		cells = 1
	}
	start := time.Now()
	lap := func() time.Duration {
		d := time.Since(start).Round(time.Millisecond)
		start = time.Now()
		return d
	}
	g, w, v, coefs, loss := supernet(64, 32, cells)
	t.Logf("forward: %d nodes in %v", g.Nodes(), lap())
	grads := g.Gradient(loss, append(append([]*Node(nil), w...), coefs...)...)
	t.Logf("gradient: %d nodes in %v", g.Nodes(), lap())
	first := append(outputs(exec.WeightGrad, grads[:len(w)]...), outputs(exec.CoefGrad, grads[len(w):]...)...)
	hv := g.Tangent(grads, w, v)
	second := append(outputs(exec.HessianVec, hv[:len(w)]...), outputs(exec.MixedVec, hv[len(w):]...)...)
	t.Logf("tangent: %d nodes in %v", g.Nodes(), lap())
	for _, c := range []struct {
		name   string
		phases [][]Output
	}{
		{"gradient", [][]Output{append(first, Output{loss, exec.Loss, 0})}},
		{"gradient, then product", [][]Output{append(first, Output{loss, exec.Loss, 0}), second}},
	} {
		l, err := g.lower(c.phases)
		if err != nil {
			t.Fatal(err)
		}
		arena := l.program.Size[exec.Scratch]
		for phase := range c.phases {
			t.Logf("%s: phase %d: %d instructions, %.2f GFLOP", c.name, phase, len(l.program.Phases[phase]), l.program.FLOP(phase)/1e9)
		}
		t.Logf("%s: arena %.1f MB of float32, %.3f of what lives at once, lowered in %v", c.name, float64(arena)*4e-6, float64(arena)/float64(l.live), lap())
		if float64(arena) > 1.1*float64(l.live) {
			t.Errorf("%s: arena of %d elements where %d live at once, want at most a tenth more", c.name, arena, l.live)
		}
	}
}
