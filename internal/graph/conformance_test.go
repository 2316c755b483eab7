package graph_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/ref"
	"idarts/internal/graph"
	"idarts/internal/graph/conformance"
	"idarts/internal/rng"
)

// apart is the largest difference in units of the largest entry (at least 1).
func apart(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	scale, d := 1.0, 0.0
	for i := range got {
		scale = math.Max(scale, math.Abs(want[i]))
		if diff := math.Abs(got[i] - want[i]); !(diff <= d) {
			d = diff
		}
	}
	return d / scale
}

// flat puts one value for each variable into one slice, zeros for nil.
func flat(c conformance.Case, values [][]float64) (out []float64) {
	for i, s := range c.Vars {
		if values[i] == nil {
			values[i] = make([]float64, s.Len())
		}
		out = append(out, values[i]...)
	}
	return out
}

// tape computes nodes with gorgonia's TapeMachine, nil for nil.
func tape(t *testing.T, p *conformance.Problem, nodes []*graph.Node) [][]float64 {
	t.Helper()
	var some []*graph.Node
	for _, n := range nodes {
		if n != nil {
			some = append(some, n)
		}
	}
	values, err := p.Graph.Tape(p.Inputs, some...)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(nodes))
	for i, n := range nodes {
		if n != nil {
			out[i], values = values[0], values[1:]
		}
	}
	return out
}

func TestConformance(t *testing.T) {
	const step = 1e-5
	cases, checks := 0, map[string]int{}
	var covered [exec.NumOps]int
	names := map[string]bool{}
	worst := map[string]float64{}
	for _, c := range conformance.Cases() {
		if names[c.Name] {
			t.Fatalf("two cases are called %q", c.Name)
		}
		names[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			p, err := c.Lower(cpu.Target)
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, got, want []float64, limit float64) {
				d := apart(got, want)
				if !(d <= limit) {
					t.Errorf("%s: %v apart, want <= %v\n got %v\nwant %v", what, d, limit, got, want)
				}
				checks[what]++
				worst[what] = math.Max(worst[what], d)
			}
			for _, in := range p.Program.Phases[0] {
				if in.Op == c.Op {
					covered[c.Op]++
					break
				}
			}
			mem := p.Run(p.Inputs, 0, 1)

			if c.Forward != nil {
				check("forward, definition", mem[exec.Logits], c.Forward(p.Arrays(p.Inputs)), 1e-12)
			}

			// Central differences of L, and of the gradient along the direction.
			at := func(move func(w []float64)) *ref.Memory {
				in := *p.Inputs
				in[exec.Weights] = append([]float64(nil), in[exec.Weights]...)
				move(in[exec.Weights])
				return p.Run(&in, 0)
			}
			// At most 50 entries, spread over all variables, and the whole direction.
			var got, slopes []float64
			for i := 0; i < p.VarLen; i += (p.VarLen + 49) / 50 {
				plus := at(func(w []float64) { w[i] += step })[exec.Loss][0]
				minus := at(func(w []float64) { w[i] -= step })[exec.Loss][0]
				got = append(got, mem[exec.WeightGrad][i])
				slopes = append(slopes, (plus-minus)/(2*step))
			}
			check("gradient, differences", got, slopes, 2e-7)
			along := func(s float64) *ref.Memory {
				return at(func(w []float64) {
					for i := range w {
						w[i] += s * p.Inputs[exec.Direction][i]
					}
				})
			}
			plus, minus := along(step), along(-step)
			slope := 0.0
			for i, v := range mem[exec.WeightGrad] {
				slope += v * p.Inputs[exec.Direction][i]
			}
			check("gradient along the direction, differences", []float64{slope},
				[]float64{(plus[exec.Loss][0] - minus[exec.Loss][0]) / (2 * step)}, 2e-7)
			change := make([]float64, p.VarLen)
			for i := range change {
				change[i] = (plus[exec.WeightGrad][i] - minus[exec.WeightGrad][i]) / (2 * step)
			}
			check("Hessian-vector product, differences", mem[exec.HessianVec], change, 2e-7)

			// The same product as the gradient of <gradient, direction>.
			g := p.Graph
			var inner []*graph.Node
			for i, grad := range p.Gradient {
				if grad != nil {
					inner = append(inner, g.Dot(grad, p.Directions[i]))
				}
			}
			twice := make([]*graph.Node, len(p.Vars))
			if len(inner) > 0 {
				twice = g.Gradient(g.Add(inner...), p.Vars...)
			}
			tape := tape(t, p, append(append(append([]*graph.Node{p.Y}, p.Gradient...), p.Product...), twice...))
			n := len(p.Vars)
			check("Hessian-vector product, gradient of gradient", flat(c, tape[1+2*n:]), mem[exec.HessianVec], 1e-11)
			check("forward, TapeMachine", mem[exec.Logits], tape[0], 1e-13)
			check("gradient, TapeMachine", mem[exec.WeightGrad], flat(c, tape[1:1+n]), 1e-13)
			check("Hessian-vector product, TapeMachine", mem[exec.HessianVec], flat(c, tape[1+n:1+2*n]), 1e-13)
			cases++
		})
	}
	for op := range exec.NumOps {
		if covered[op] == 0 && !exec.Ops[op].Lowered {
			t.Errorf("operator %v has no case", op)
		}
	}
	t.Logf("%d cases of %d ran", cases, len(names))
	for _, what := range []string{"forward, definition", "forward, TapeMachine", "gradient, differences",
		"gradient along the direction, differences", "gradient, TapeMachine",
		"Hessian-vector product, differences", "Hessian-vector product, gradient of gradient", "Hessian-vector product, TapeMachine"} {
		t.Logf("%4d x %s: at most %.1e apart", checks[what], what, worst[what])
	}
	if cases < 300 {
		t.Errorf("%d cases ran, want 300 or more", cases)
	}
}

// gorgonia's own first-order Backpropagate over the same operators gives the same
// gradient as our reverse pass.
func TestGorgoniaGradient(t *testing.T) {
	ran := 0
	for _, c := range conformance.Cases() {
		p, err := c.Lower(cpu.Target)
		if err != nil {
			t.Fatal(err)
		}
		all := true
		for _, grad := range p.Gradient {
			all = all && grad != nil
		}
		if !all {
			continue // gorgonia refuses variables without a derivative
		}
		want := p.Run(p.Inputs, 0)[exec.WeightGrad]
		grads, err := p.Graph.TapeGradient(p.L, p.One, p.Vars...)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if d := apart(flat(c, tape(t, p, grads)), want); !(d < 1e-12) {
			t.Errorf("%s: gorgonia's gradient is %v apart, want < 1e-12", c.Name, d)
		}
		ran++
	}
	t.Logf("%d cases ran", ran)
	if ran < 290 {
		t.Errorf("%d cases ran, want 290 or more", ran)
	}
}

// What a descriptor says of zeros is what the reference kernels do: with the
// arguments that it names at zero, the result is zero whatever the others are.
func TestZeros(t *testing.T) {
	seen := map[string]bool{}
	said, never := map[exec.Op]int{}, map[exec.Op]bool{exec.MaxPoolIndex: true, exec.BNStats: true, exec.BNNorm: true,
		exec.CrossEntropy: true, exec.Softmax: true, exec.Rsqrt: true, exec.Zero: true}
	for _, c := range conformance.Cases() {
		p, err := c.Lower(cpu.Target)
		if err != nil {
			t.Fatal(err)
		}
		for _, phase := range p.Program.Phases {
			for _, in := range phase {
				if key := fmt.Sprint(in.Op, in.Attr, len(in.Args)); seen[key] || in.Out.Shape.Len() > 500 {
					continue
				} else {
					seen[key] = true
				}
				for mask := range 1 << min(len(in.Args), 6) {
					if zeroResult(t, in, mask) {
						said[in.Op]++
					}
				}
			}
		}
	}
	for op := range exec.NumOps {
		if said[op] == 0 && !never[op] {
			t.Errorf("%v: nothing makes it zero", op)
		}
	}
}

// zeroResult compares an instruction whose arguments in mask are zero with its
// descriptor, and returns whether the result is zero.
func zeroResult(t *testing.T, in exec.Instr, mask int) bool {
	r := rng.New(7, "zeros")
	zero := make([]bool, len(in.Args))
	var args [][]float64
	var shapes []exec.Shape
	for i, a := range in.Args {
		zero[i] = mask>>i&1 == 1
		x := make([]float64, a.Shape.Len())
		for k := range x {
			if !zero[i] {
				x[k] = 0.5 + r.Float64() // a positive mask, or the index 0 or 1
			}
		}
		args, shapes = append(args, x), append(shapes, a.Shape)
	}
	out := make([]float64, in.Out.Shape.Len())
	ref.Do(in.Op, in.Attr, args, shapes, out, in.Out.Shape)
	said := exec.IsZero(in.Op, in.Attr, zero)
	if said && slices.ContainsFunc(out, func(v float64) bool { return v != 0 }) {
		t.Errorf("%v %+v with %v at zero is %v, want zeros", in.Op, in.Attr, zero, out)
	}
	return said
}
