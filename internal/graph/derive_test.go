package graph

import (
	"math"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
)

// values runs nodes on the vector x of exec.Weights.
func values(t *testing.T, g *Graph, x []float64, nodes ...*Node) [][]float64 {
	t.Helper()
	mem := new(ref.Memory)
	mem[exec.Weights] = x
	out := run(t, g, mem, outputs(exec.Logits, nodes...))[exec.Logits]
	var parts [][]float64
	for _, n := range nodes {
		size := Shape(n).Len()
		parts = append(parts, out[:size])
		out = out[size:]
	}
	return parts
}

// f = Σ x⁴: derivatives of any order by the same pass, by hand 4x³, 12x², 24x, 24.
// (gorgonia's Grad of a Grad is wrong on such a function.)
func TestRepeatedGradient(t *testing.T) {
	g := New()
	x := g.Input(exec.Weights, 0, exec.Vector(3))
	square := g.Mul(x, x)
	f := g.Dot(square, square)
	at := []float64{0.5, -2, 3}
	var derivatives []*Node
	for range 5 {
		d := g.Gradient(f, x)[0]
		derivatives = append(derivatives, d)
		if d == nil {
			break
		}
		f = g.Sum(d)
	}
	if n := len(derivatives); n != 5 || derivatives[4] != nil {
		t.Fatalf("%d derivatives, the last %v; want 5, the last nil: the fourth is constant", n, derivatives[n-1])
	}
	got := values(t, g, at, derivatives[:4]...)
	for order, by := range []func(x float64) float64{
		func(x float64) float64 { return 4 * x * x * x },
		func(x float64) float64 { return 12 * x * x },
		func(x float64) float64 { return 24 * x },
		func(x float64) float64 { return 24 },
	} {
		for i, x := range at {
			if want := by(x); math.Abs(got[order][i]-want) > 1e-9 {
				t.Errorf("derivative %d at %v = %v, want %v", order+1, x, got[order][i], want)
			}
		}
	}
}

func TestGradientOfInnerNodes(t *testing.T) {
	g := New()
	x := g.Input(exec.Weights, 0, exec.Vector(2))
	other := g.Input(exec.Weights, 2, exec.Vector(2))
	y := g.Mul(x, x)
	f := g.Dot(y, y)
	grads := g.Gradient(f, y, x, f, other)
	if grads[3] != nil {
		t.Errorf("gradient in a leaf that f does not read is %v, want nil", grads[3])
	}
	got := values(t, g, []float64{2, 3, 0, 0}, grads[0], grads[1], grads[2])
	for i, want := range [][]float64{{8, 18}, {32, 108}, {1}} { // 2y, 4x³, 1
		if !same(got[i], want) {
			t.Errorf("gradient %d = %v, want %v", i, got[i], want)
		}
	}
}

func TestTangentInSeveralDirections(t *testing.T) {
	g := New()
	x := g.Input(exec.Weights, 0, exec.Vector(2))
	y := g.Input(exec.Weights, 2, exec.Vector(2))
	v := g.Input(exec.Weights, 4, exec.Vector(2))
	f := g.Dot(x, y)
	along := func(dx, dy *Node) *Node { return g.Tangent([]*Node{f, nil}, []*Node{x, y}, []*Node{dx, dy})[0] }
	if d := along(nil, nil); d != nil {
		t.Errorf("tangent in no direction is %v, want nil", d)
	}
	got := values(t, g, []float64{2, 3, 5, 7, 1, 10}, along(v, nil), along(nil, v), along(v, v))
	for i, want := range []float64{75, 32, 107} { // v·y, x·v, both
		if got[i][0] != want {
			t.Errorf("tangent %d = %v, want %v", i, got[i][0], want)
		}
	}
}

// The number in front of a branch is not multiplied into the images of the
// branch: each adjoint of a node with several consumers is one chan-lin.
func TestAdjointsAreOnePass(t *testing.T) {
	g, w, _, coefs, loss := supernet(2, 8, 1)
	grads := g.Gradient(loss, append(append([]*Node(nil), w...), coefs...)...)
	p, err := g.Lower(append(outputs(exec.WeightGrad, grads[:len(w)]...), outputs(exec.CoefGrad, grads[len(w):]...)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range p.Phases[0] {
		if in.Op == exec.ChanLin && len(in.Args) == 2 && in.Out.Shape[0] == 2 && in.Out.Shape[1] > 1 {
			t.Errorf("a pass over %v only multiplies by a number", in.Out.Shape)
		}
	}
}

// Every operator has a row in the table of derivatives, but for those that come
// after all derivatives.
func TestRulesAreComplete(t *testing.T) {
	for op := range exec.NumOps {
		r, piecewiseConstant := rules[op], op == exec.MaxPoolIndex
		switch {
		case exec.Ops[op].Lowered:
			if r.reverse != nil || r.tangent != nil {
				t.Errorf("%v: has a derivative, though only lowering makes it", op)
			}
		case piecewiseConstant:
			if r.arguments != 0 {
				t.Errorf("%v: has a derivative, though it is constant wherever it has one", op)
			}
		case r.arguments == 0 || r.reverse == nil:
			t.Errorf("%v: has no derivative", op)
		}
	}
}

func TestSharedNodes(t *testing.T) {
	g := New()
	x := g.Input(exec.Weights, 0, exec.Vector(4))
	y := g.Input(exec.Weights, 4, exec.Vector(4))
	for name, same := range map[string]bool{
		"input":               g.Input(exec.Weights, 0, exec.Vector(4)) == x,
		"product, any order":  g.Mul(x, y) == g.Mul(y, x),
		"affine of affine":    g.Affine(g.Affine(x, 2, 1), 3, 0) == g.Affine(x, 6, 3),
		"affine that is none": g.Affine(x, 1, 0) == x,
	} {
		if !same {
			t.Errorf("%s: built twice, two nodes", name)
		}
	}
	if g.Affine(x, 2, 1) == g.Affine(x, 2, 1.5) || g.Input(exec.Weights, 4, exec.Vector(4)) == x || g.Slice(x, 0, 2) == g.Slice(x, 2, 2) {
		t.Error("different nodes are one")
	}
}

func TestApplyPanicsOnWrongShapes(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(g *Graph, x, v *Node)
	}{
		{"mul of two shapes", "mul: shape [2 4 4 3], want [1 1 1 5]", func(g *Graph, x, v *Node) { g.Mul(x, v) }},
		{"conv with wrong weights", "weights have shape [1 1 1 5], want [1 1 3 5]", func(g *Graph, x, v *Node) { g.Conv(x, v, Window{K: 1}) }},
		{"coefficient of another length", "a vector over channels", func(g *Graph, x, v *Node) { g.ChanLin([]Term{{x, v}}) }},
		{"softmax over images", "[N,1,1,C]", func(g *Graph, x, v *Node) { g.Softmax(x) }},
		{"slice beyond the end", "channels 3 to 7 of 5", func(g *Graph, x, v *Node) { g.Slice(v, 3, 4) }},
		{"node of another graph", "not a node of this graph", func(g *Graph, x, v *Node) { New().ReLU(x) }},
		{"window larger than image", "image 4x4 is smaller than the window", func(g *Graph, x, v *Node) { g.AvgPool(x, Window{K: 9}) }},
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, c.want) {
					t.Errorf("%s: panic %q, want one with %q", c.name, got, c.want)
				}
			}()
			g := New()
			c.build(g, g.Input(exec.Images, 0, exec.Shape{2, 4, 4, 3}), g.Input(exec.Weights, 0, exec.Vector(5)))
		}()
	}
}
