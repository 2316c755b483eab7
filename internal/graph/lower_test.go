package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

// randomGraph grows a graph of random operators over images, vectors and
// numbers, half of whose leaves change between later phases.
func randomGraph(r *rand.Rand, size int) (g *Graph, nodes []*Node, mem *ref.Memory) {
	g, mem = New(), new(ref.Memory)
	g.Target = cpu.Target
	image, vec, number := exec.Shape{2, 3, 3, 4}, exec.Vector(4), exec.Vector(1)
	leaf := func(space exec.Space, shape exec.Shape) *Node {
		n := g.Input(space, len(mem[space]), shape)
		for range shape.Len() {
			mem[space] = append(mem[space], r.NormFloat64())
		}
		nodes = append(nodes, n)
		return n
	}
	for _, s := range []exec.Shape{image, image, vec, number} {
		leaf(exec.Weights, s)
		leaf(exec.Direction, s)
	}
	leaf(exec.CoefDirection, number)
	kernel := g.Input(exec.Coefs, 0, exec.Shape{3, 3, 4, 4})
	for range Shape(kernel).Len() {
		mem[exec.Coefs] = append(mem[exec.Coefs], r.NormFloat64()/6)
	}
	leaf(exec.Coefs, number)
	leaf(exec.Coefs, number)
	pick := func(s exec.Shape) *Node {
		for {
			// Mostly recent nodes: long chains with many deaths.
			i := len(nodes) - 1 - min(int(r.ExpFloat64()*8), len(nodes)-1)
			if Shape(nodes[i]) == s {
				return nodes[i]
			}
			if i = r.IntN(len(nodes)); Shape(nodes[i]) == s {
				return nodes[i]
			}
		}
	}
	for len(nodes) < size {
		s := []exec.Shape{image, image, image, vec, number}[r.IntN(5)]
		var n *Node
		switch k := r.IntN(14); {
		case k == 0:
			n = g.ReLU(pick(s))
		case k == 1:
			n = g.Mul(pick(s), pick(s))
		case k == 2:
			n = g.Add(pick(s), pick(s), pick(s))
		case k == 3:
			n = g.Affine(pick(s), 0.5, 0.1)
		case k == 4:
			n = g.Apply(exec.ReLUMask, exec.Attr{}, s, pick(s), pick(s))
		case k == 5 && s == vec:
			n = g.ChanDot(pick(image), pick(image))
		case k == 6 && s == vec:
			n = g.ChanSum(pick(image))
		case k == 7 && s == number:
			n = g.Dot(pick(image), pick(image))
		case k <= 7:
			a := vec
			if s == number {
				a = number
			}
			n = g.ChanLin([]Term{{pick(s), pick(a)}, {pick(s), pick(number)}}[r.IntN(2):], pick(a))
		case s != image:
			continue
		case k == 8:
			n = g.Conv(pick(s), kernel, Window{K: 3, Pad: 1})
		case k == 9:
			n = g.AvgPool(pick(s), Window{K: 3, Pad: 1})
		case k == 10:
			n = g.MaxPool(pick(s), Window{K: 3, Pad: 1})
		case k == 11:
			n, _ = g.BatchNorm(pick(s), 0.1)
		case k == 12:
			y, stats := g.BatchNorm(pick(s), 0.1)
			n = g.Apply(exec.BNGrad, exec.Attr{}, s, pick(s), y, stats)
		default:
			n = g.ChanLin([]Term{{pick(s), pick(vec)}, {pick(s), pick(number)}, {pick(s), pick(vec)}}, pick(vec))
		}
		nodes = append(nodes, n)
	}
	return g, nodes, mem
}

// same compares bits, so that NaN equals itself.
func same(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
			return false
		}
	}
	return true
}

// checkMemory runs phases in the given order with memory that only remembers who
// wrote it, and finds instructions that read anything but what their arguments
// left there.
func checkMemory(g *Graph, l *lowering, order []int) error {
	p := l.program
	var owner [exec.NumSpaces][]int64 // of each element: 0 an input, else 1 + node
	for s := range owner {
		owner[s] = make([]int64, p.Size[s])
	}
	region := func(t exec.Tensor) []int64 { return owner[t.Space][t.Offset : t.Offset+t.Shape.Len()] }
	for run, phase := range order {
		k := 0
		for _, s := range l.steps {
			if s.phase != phase {
				continue
			}
			in := p.Phases[phase][k]
			k++
			made := s.args[0] // a copy
			if s.out != nil {
				made = s.out.node
			}
			for i, a := range s.args {
				want := a.ID() + 1
				if _, leaf := g.inputs[a]; leaf {
					want = 0
				}
				for _, got := range region(in.Args[i]) {
					if got != want {
						return fmt.Errorf("run %d, phase %d, instruction %d (%v of node %d): argument %d is node %d, but %d wrote there", run, phase, k-1, in.Op, made.ID(), i, want-1, got-1)
					}
				}
				t := in.Args[i]
				if t.Space == in.Out.Space && t.Offset < in.Out.Offset+in.Out.Shape.Len() && in.Out.Offset < t.Offset+t.Shape.Len() &&
					!(exec.InPlace(in.Op, in.Attr, i) && t.Offset == in.Out.Offset && t.Shape.Len() == in.Out.Shape.Len()) {
					return fmt.Errorf("phase %d, instruction %d (%v): result over argument %d at %v+%d", phase, k-1, in.Op, i, t.Space, t.Offset)
				}
			}
			for i := range region(in.Out) {
				region(in.Out)[i] = made.ID() + 1
			}
		}
		if k != len(p.Phases[phase]) {
			return fmt.Errorf("phase %d has %d instructions for %d steps", phase, len(p.Phases[phase]), k)
		}
	}
	return nil
}

// Random graphs with random outputs in three phases give what the TapeMachine
// gives, in any order of the later phases, and never read what was overwritten.
func TestLowerRandomGraphs(t *testing.T) {
	graphs := 150
	if testing.Short() {
		graphs = 30
	}
	inPlace, reused, instructions := 0, 0, 0
	for seed := range uint64(graphs) {
		r := rng.New(seed, "random graph")
		g, nodes, mem := randomGraph(r, 40+r.IntN(60))
		spaces := []exec.Space{exec.WeightGrad, exec.HessianVec, exec.MixedVec}
		phases := make([][]Output, len(spaces))
		for p, space := range spaces {
			offset := 0
			for range 1 + r.IntN(6) {
				o := Output{nodes[r.IntN(len(nodes))], space, offset}
				offset += Shape(o.Node).Len()
				phases[p] = append(phases[p], o)
			}
			phases[p] = append(phases[p], Output{nil, space, offset})
		}
		l, err := g.lower(phases)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkMemory(g, l, []int{0, 2, 1, 1, 2}); err != nil {
			t.Fatalf("graph %d: %v", seed, err)
		}
		own := ref.NewMemory(l.program)
		for s := range own {
			copy(own[s], mem[s])
		}
		for i := range own[exec.Scratch] {
			own[exec.Scratch][i] = math.NaN() // nobody may read it before writing
		}
		var wanted []*Node
		for p := range phases {
			phases[p] = phases[p][:len(phases[p])-1] // the nil
			for _, o := range phases[p] {
				wanted = append(wanted, o.Node)
			}
		}
		values, err := g.Tape(mem, wanted...)
		if err != nil {
			t.Fatal(err)
		}
		want := map[*Node][]float64{}
		for i, n := range wanted {
			want[n] = values[i]
		}
		for _, phase := range []int{0, 2, 1, 1, 2} {
			ref.Run(l.program, own, phase)
			for _, o := range phases[phase] {
				if got := own[o.Space][o.Offset : o.Offset+Shape(o.Node).Len()]; !same(got, want[o.Node]) {
					t.Fatalf("graph %d, phase %d, node %v: %v, want %v", seed, phase, o.Node, got, want[o.Node])
				}
			}
			for _, space := range spaces { // outputs belong to the caller
				for i := range own[space] {
					own[space][i] = math.Inf(1)
				}
			}
		}
		seen := map[int]bool{}
		for _, s := range l.steps {
			instructions++
			if s.out == nil || s.out.block == nil {
				continue
			}
			if seen[s.out.place.Offset] {
				reused++
			}
			seen[s.out.place.Offset] = true
			for _, a := range s.vals {
				if a != nil && a.block == s.out.block {
					inPlace++
					break
				}
			}
		}
	}
	t.Logf("%d graphs, %d instructions, %d at a used place, %d of them in place", graphs, instructions, reused, inPlace)
	if inPlace == 0 || reused == inPlace {
		t.Error("no memory was reused")
	}
}

// The same for a real network: gradient, then products.
func TestLowerNetwork(t *testing.T) {
	net := newNetwork(2, 4, 4, 3)
	grads := net.Gradient(net.loss, append(append([]*Node(nil), net.w...), net.coefs[:len(net.coefs)-1]...)...)
	hv := net.Tangent(grads, net.w, net.v)
	n := len(net.w)
	l, err := net.lower([][]Output{
		append(outputs(exec.WeightGrad, grads[:n]...), Output{net.loss, exec.Loss, 0}, Output{net.stats, exec.Stats, 0}),
		append(outputs(exec.HessianVec, hv[:n]...), outputs(exec.MixedVec, hv[n:]...)...),
		outputs(exec.HessianVec, hv[:n]...),
		outputs(exec.MixedVec, hv[n:]...),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkMemory(net.Graph, l, []int{0, 1, 2, 3, 3, 1, 2}); err != nil {
		t.Error(err)
	}
	for phase, instructions := range l.program.Phases {
		t.Logf("phase %d: %d instructions", phase, len(instructions))
	}
	if len(l.program.Phases[3]) >= len(l.program.Phases[1]) {
		t.Error("the mixed product alone takes no less than both products")
	}
}

func TestLowerErrors(t *testing.T) {
	g := New()
	x := g.Input(exec.Weights, 0, exec.Vector(4))
	y := g.ReLU(x)
	for _, c := range []struct {
		name   string
		phases [][]Output
		want   string
	}{
		{"no phase", nil, "no phase"},
		{"scratch", [][]Output{{{y, exec.Scratch, 0}}}, "other than scratch"},
		{"negative offset", [][]Output{{{y, exec.Logits, -1}}}, "offset >= 0"},
		{"overlap", [][]Output{{{y, exec.Logits, 0}, {x, exec.Logits, 3}}}, "two outputs overlap at logits+3"},
		{"over an input", [][]Output{{{y, exec.Weights, 2}}}, "lies over the input at weights+0"},
	} {
		if _, err := g.Lower(c.phases...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := g.Lower([]Output{{y, exec.Logits, 0}, {x, exec.Logits, 4}, {nil, exec.Logits, 0}}); err != nil {
		t.Errorf("outputs side by side: %v", err)
	}
}

// Nothing is computed for an output that is not asked for.
func TestLowerDropsDeadCode(t *testing.T) {
	g := New()
	x := g.Input(exec.Weights, 0, exec.Vector(4))
	g.Mul(x, x)
	p, err := g.Lower([]Output{{g.ReLU(x), exec.Logits, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.Phases[0]); n != 1 || p.Size[exec.Scratch] != 0 {
		t.Errorf("%d instructions and %d elements of scratch, want 1 and 0: the result goes where it is wanted", n, p.Size[exec.Scratch])
	}
}

// With [exec.Target.Apart] no image that a single convolution reads lies over what it is
// made of; without, some do.
func TestConvolvedImagesLieApart(t *testing.T) {
	over := func(apart bool) (n int) {
		g, w, v, coefs, loss := supernet(2, 16, 1)
		phases := secondOrder(g, w, v, coefs, loss)
		g.Target.Apart = apart
		p, err := g.Lower(phases...)
		if err != nil {
			t.Fatal(err)
		}
		for _, phase := range p.Phases {
			maker := map[exec.Tensor]exec.Instr{}
			for _, in := range phase {
				if (in.Op == exec.Conv || in.Op == exec.ConvGradInput) && in.Attr.Terms <= 1 {
					for _, a := range in.Args {
						if slices.Contains(maker[a].Args, a) {
							n++
						}
					}
				}
				maker[in.Out] = in
			}
		}
		return n
	}
	if n, m := over(false), over(true); n == 0 || m != 0 {
		t.Errorf("%d convolutions read images in place, and %d of those that lie apart; want some and none", n, m)
	}
}
