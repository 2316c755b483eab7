package graph

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

// ops are the operators on images of phase 0, with the terms of sums.
func ops(p *exec.Program) string {
	var list []string
	for _, in := range p.Phases[0] {
		s := in.Out.Shape
		for _, a := range in.Args {
			if a.Shape.Len() > s.Len() {
				s = a.Shape
			}
		}
		switch {
		case s[1]*s[2] == 1:
		case in.Attr.Terms > 0:
			list = append(list, fmt.Sprintf("%v/%d", in.Op, in.Attr.Terms))
		case in.Op == exec.ChanDots:
			list = append(list, fmt.Sprintf("%v/%d", in.Op, len(in.Args)))
		default:
			list = append(list, in.Op.String())
		}
	}
	return strings.Join(list, " ")
}

func TestFuse(t *testing.T) {
	shape, vec := exec.Shape{2, 4, 4, 8}, exec.Vector(8)
	for _, c := range []struct {
		name, want string
		build      func(g *Graph, x []*Node, v []*Node) []*Node
	}{
		{"a batch norm and ReLU are one pass", "bn-stats lin-relu/1", func(g *Graph, x, v []*Node) []*Node {
			y, _ := g.BatchNorm(x[0], 0.1)
			return []*Node{g.ReLU(y)}
		}},
		{"a mixture of batch norms reads each image once", "bn-stats bn-stats chan-lin/3", func(g *Graph, x, v []*Node) []*Node {
			a, _ := g.BatchNorm(x[0], 0.1)
			b, _ := g.BatchNorm(x[1], 0.1)
			return []*Node{g.ChanLin([]Term{{a, v[0]}, {b, v[1]}, {x[2], v[2]}})}
		}},
		{"an image that several terms are made of is one term", "bn-stats chan-lin/1", func(g *Graph, x, v []*Node) []*Node {
			a, _ := g.BatchNorm(x[0], 0.1)
			return []*Node{g.ChanLin([]Term{{a, v[0]}, {x[0], v[1]}})}
		}},
		{"gradients of the branches of a node share its sums", "bn-stats bn-stats chan-dots/3 chan-lin/2 chan-lin/2", func(g *Graph, x, v []*Node) []*Node {
			a, sa := g.BatchNorm(x[0], 0.1)
			b, sb := g.BatchNorm(x[1], 0.1)
			grad := func(y, stats *Node) *Node { return g.Apply(exec.BNGrad, exec.Attr{}, shape, x[2], y, stats) }
			return []*Node{grad(a, sa), grad(b, sb), g.Dot(x[2], a), g.Dot(x[2], b), g.ChanDot(x[2], b), g.ChanSum(x[2])}
		}},
		{"a mask behind a sum is one pass", "lin-mask/3", func(g *Graph, x, v []*Node) []*Node {
			sum := g.Add(x[0], g.ChanLin([]Term{{x[1], v[0]}, {x[2], v[1]}}))
			return []*Node{g.Apply(exec.ReLUMask, exec.Attr{}, shape, x[3], sum)}
		}},
		{"convolutions that are added are one", "conv/2 conv-grad-input/3", func(g *Graph, x, v []*Node) []*Node {
			w := []*Node{g.Input(exec.Weights, 5000, exec.Shape{3, 3, 8, 8}), g.Input(exec.Weights, 6000, exec.Shape{3, 3, 8, 8})}
			win := Window{K: 3, Pad: 1}
			back := func(x, w *Node) *Node {
				return g.Apply(exec.ConvGradInput, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1, Dilation: 1, Groups: 1}, shape, w, x)
			}
			return []*Node{g.Add(g.Conv(x[0], w[0], win), g.Conv(x[1], w[1], win)), g.Add(back(x[0], w[0]), back(x[1], w[1]), back(x[2], w[0]))}
		}},
		{"what is wanted is computed, and read where it is", "bn-stats chan-lin/1 relu", func(g *Graph, x, v []*Node) []*Node {
			y, _ := g.BatchNorm(x[0], 0.1)
			return []*Node{y, g.ReLU(y)}
		}},
		{"a sum that many read is computed", "chan-lin/3 relu chan-lin/2", func(g *Graph, x, v []*Node) []*Node {
			sum := g.ChanLin([]Term{{x[0], v[0]}, {x[1], v[1]}, {x[2], v[2]}})
			return []*Node{g.ReLU(sum), g.ChanLin([]Term{{sum, v[0]}, {x[3], v[1]}})}
		}},
	} {
		g := New()
		g.Target = cpu.Target
		var x, v []*Node
		for i := range 4 {
			x = append(x, g.Input(exec.Images, i*shape.Len(), shape))
			v = append(v, g.Input(exec.Weights, i*vec.Len(), vec))
		}
		outs := c.build(g, x, v)
		p := sameValues(t, c.name, g, [][]Output{outputs(exec.WeightGrad, outs...)}, 1e-12)
		if got := ops(p); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// sameValues runs the program with and without fusion on random numbers and
// compares the outputs. It returns the fused program.
func sameValues(t *testing.T, name string, g *Graph, phases [][]Output, limit float64) *exec.Program {
	t.Helper()
	unfused, err := g.lower(phases)
	if err != nil {
		t.Fatal(err)
	}
	fused, err := g.lower(g.fuse(phases))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkMemory(g, fused, []int{0, len(phases) - 1}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want, got := ref.NewMemory(unfused.program), ref.NewMemory(fused.program)
	for s := range want {
		if exec.Space(s) == exec.Scratch {
			continue
		}
		r := rng.New(uint64(s), "fuse")
		for i := range want[s] {
			want[s][i] = r.NormFloat64()
			if i < len(got[s]) {
				got[s][i] = want[s][i]
			}
		}
	}
	for p := range phases {
		ref.Run(unfused.program, want, p)
		ref.Run(fused.program, got, p)
		for _, o := range phases[p] {
			if o.Node == nil {
				continue
			}
			a, b := got[o.Space][o.Offset:][:Shape(o.Node).Len()], want[o.Space][o.Offset:][:Shape(o.Node).Len()]
			scale := 1.0
			for _, v := range b {
				scale = max(scale, math.Abs(v))
			}
			for i := range b {
				if !(math.Abs(a[i]-b[i]) <= limit*scale) && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
					t.Errorf("%s: phase %d, %v+%d: entry %d is %v fused, %v not", name, p, o.Space, o.Offset, i, a[i], b[i])
					break
				}
			}
		}
	}
	return fused.program
}

// Gradient and products of a supernet: no batch norm, no plain product of images
// is left, and memory moves much less.
func TestFuseSupernet(t *testing.T) {
	g, w, v, coefs, loss := supernet(2, 8, 1)
	grads := g.Gradient(loss, append(append([]*Node(nil), w...), coefs...)...)
	tangents := g.Tangent(grads, w, v)
	n := len(w)
	phases := [][]Output{
		append(outputs(exec.WeightGrad, grads[:n]...), outputs(exec.CoefGrad, grads[n:]...)...),
		append(outputs(exec.HessianVec, tangents[:n]...), outputs(exec.MixedVec, tangents[n:]...)...),
		outputs(exec.HessianVec, tangents[:n]...),
	}
	fused := sameValues(t, "supernet", g, phases, 1e-9)
	unfused, err := g.lower(phases)
	if err != nil {
		t.Fatal(err)
	}
	for p := range phases {
		var count [exec.NumOps]int
		merged := 0
		for _, in := range fused.Phases[p] {
			if in.Args[0].Shape[1] > 1 {
				count[in.Op]++
				if in.Op == exec.Conv && in.Attr.Terms > 1 {
					merged++
				}
			}
		}
		if count[exec.BNNorm]+count[exec.BNGrad]+count[exec.Dot] > 0 || count[exec.ChanDots] == 0 || count[exec.LinMask] == 0 || p > 0 && merged == 0 {
			t.Errorf("phase %d: %d bn-norm, %d bn-grad, %d dot, want none; %d chan-dots, %d lin-mask, %d merged convolutions, want some",
				p, count[exec.BNNorm], count[exec.BNGrad], count[exec.Dot], count[exec.ChanDots], count[exec.LinMask], merged)
		}
		if p > 0 && count[exec.ReLU] == 0 {
			t.Errorf("phase %d: no ReLU is computed again, so all are kept", p)
		}
		before, after := passes(unfused.program.Phases[p]), passes(fused.Phases[p])
		t.Logf("phase %d: %d instructions for %d, %d images moved for %d", p, len(fused.Phases[p]), len(unfused.program.Phases[p]), after, before)
		if float64(after) > 0.9*float64(before) { // with what is computed again to save memory
			t.Errorf("phase %d: %d images are moved, %d without fusion", p, after, before)
		}
	}
}

// passes is how many images instructions read and write.
func passes(phase []exec.Instr) (n int) {
	for _, in := range phase {
		for _, t := range append([]exec.Tensor{in.Out}, in.Args...) {
			if t.Shape[0] == 2 && t.Shape[1] > 1 {
				n++
			}
		}
	}
	return n
}

// Whatever a graph is made of, fusion changes rounding only.
func TestFuseRandomGraphs(t *testing.T) {
	changed := 0
	for seed := range uint64(100) {
		r := rng.New(seed, "random graph to fuse")
		g, nodes, _ := randomGraph(r, 20+r.IntN(20))
		phases := make([][]Output, 2)
		for p, space := range []exec.Space{exec.WeightGrad, exec.HessianVec} {
			var wanted []*Node
			for range 1 + r.IntN(3) {
				wanted = append(wanted, nodes[r.IntN(len(nodes))])
			}
			phases[p] = outputs(space, wanted...)
		}
		before := g.Nodes()
		sameValues(t, fmt.Sprintf("graph %d", seed), g, phases, 1e-6)
		if g.Nodes() > before {
			changed++
		}
	}
	t.Logf("%d of 100 graphs became other ones", changed)
	if changed < 50 {
		t.Errorf("%d of 100 graphs became other ones, want 50 or more", changed)
	}
}
