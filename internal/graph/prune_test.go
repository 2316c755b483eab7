package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/ref"
	"idarts/internal/longtest"
	"idarts/internal/rng"
)

// runner computes phases of a program on a copy of in, without what an earlier
// program left in scratch and outputs: there is NaN.
type runner func(t *testing.T, p *exec.Program, in *ref.Memory, phases []int) *ref.Memory

func prepared(p *exec.Program, in *ref.Memory) *ref.Memory {
	mem := ref.NewMemory(p)
	for s := range mem {
		if mem[s] = append([]float64(nil), in[s]...); len(mem[s]) < p.Size[s] {
			mem[s] = append(mem[s], make([]float64, p.Size[s]-len(mem[s]))...)
		}
		for i := range mem[s] {
			if s := exec.Space(s); s == exec.Scratch || s >= exec.WeightGrad {
				mem[s][i] = math.NaN()
			}
		}
	}
	return mem
}

func onRef(_ *testing.T, p *exec.Program, in *ref.Memory, phases []int) *ref.Memory {
	mem := prepared(p, in)
	for _, phase := range phases {
		ref.Run(p, mem, phase)
	}
	return mem
}

func onCPU(t *testing.T, p *exec.Program, in *ref.Memory, phases []int) *ref.Memory {
	t.Helper()
	wide, mem := prepared(p, in), new(cpu.Memory[float32])
	for s := range mem {
		for _, v := range wide[s] {
			mem[s] = append(mem[s], float32(v))
		}
	}
	pool := cpu.NewPool(2)
	defer pool.Close()
	e, err := cpu.Bind(pool, p, mem)
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range phases {
		e.Run(phase)
	}
	for s := range mem {
		for i, v := range mem[s] {
			wide[s][i] = float64(v)
		}
	}
	return wide
}

// pruneLikeFull compares a pruned program with the full one whose dead
// coefficients are 0: every output has the same bits, but for the sign of a zero;
// those of dead coefficients are 0; statistics that are not written stay NaN. It
// returns how many zeros have another sign.
func pruneLikeFull(t *testing.T, run runner, p *exec.Program, in *ref.Memory, dead []bool, phases []int) (pruned *exec.Program, signs int) {
	t.Helper()
	flow, err := exec.NewFlow(p)
	if err != nil {
		t.Fatal(err)
	}
	masked := *in
	masked[exec.Coefs] = append([]float64(nil), in[exec.Coefs]...)
	for i, d := range dead {
		if d {
			masked[exec.Coefs][i] = 0
		}
	}
	pruned = flow.Prune(dead)
	want, got := run(t, p, &masked, phases), run(t, pruned, &masked, phases)
	for _, space := range []exec.Space{exec.CoefGrad, exec.MixedVec} {
		for _, out := range p.Written(space) {
			end := out.Offset + out.Shape.Len()
			if end <= len(dead) && !slices.Contains(dead[out.Offset:end], false) {
				for i := out.Offset; i < end; i++ {
					want[space][i] *= 0 // NaN where its phase did not run
				}
			}
		}
	}
	written := map[int]bool{}
	for _, s := range pruned.Written(exec.Stats) {
		for i := range s.Shape.Len() {
			written[s.Offset+i] = true
		}
	}
	for space := exec.WeightGrad; space < exec.NumSpaces; space++ {
		for i, w := range want[space] {
			g := got[space][i]
			if space == exec.Stats && !written[i] {
				w = math.NaN()
			}
			if g != w && !(math.IsNaN(g) && math.IsNaN(w)) {
				t.Fatalf("%v %d: %v, want %v as in the full program", space, i, g, w)
			}
			if g == 0 && math.Signbit(g) != math.Signbit(w) {
				signs++
			}
		}
	}
	return pruned, signs
}

func finite(mem *ref.Memory) bool {
	for s, values := range mem {
		for _, v := range values {
			if exec.Space(s) != exec.Scratch && math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}

// Random graphs with random dead coefficients, a convolution's weights among them.
func TestPruneRandomGraphs(t *testing.T) {
	graphs := 300
	if testing.Short() {
		graphs = 60
	}
	ran, fewer, signs := 0, 0, 0
	for seed := range uint64(graphs) {
		r := rng.New(seed, "prune")
		g, nodes, mem := randomGraph(r, 40+r.IntN(60))
		phases := make([][]Output, 3)
		for p, space := range []exec.Space{exec.WeightGrad, exec.HessianVec, exec.MixedVec} {
			offset := 0
			for range 1 + r.IntN(6) {
				o := Output{nodes[r.IntN(len(nodes))], space, offset}
				offset += Shape(o.Node).Len()
				phases[p] = append(phases[p], o)
			}
		}
		dead := make([]bool, len(mem[exec.Coefs]))
		if r.IntN(2) == 0 {
			for i := range 144 { // the weights
				dead[i] = true
			}
		}
		dead[144], dead[145] = r.IntN(2) == 0, r.IntN(2) == 0
		for _, lower := range []func(...[]Output) (*exec.Program, error){g.Lower, func(phases ...[]Output) (*exec.Program, error) {
			l, err := g.lower(phases)
			return l.program, err
		}} {
			p, err := lower(phases...)
			if err != nil {
				t.Fatal(err)
			}
			order := []int{0, 2, 1, 1, 2}
			if !finite(onRef(t, p, mem, order)) {
				continue
			}
			ok := t.Run(fmt.Sprintf("graph %d", seed), func(t *testing.T) {
				pruned, s := pruneLikeFull(t, onRef, p, mem, dead, order)
				signs += s
				for phase := range p.Phases {
					if len(pruned.Phases[phase]) < len(p.Phases[phase]) {
						fewer++
					}
				}
			})
			if !ok {
				return
			}
			ran++
		}
	}
	t.Logf("%d programs, %d phases became shorter, %d zeros changed their sign", ran, fewer, signs)
	if ran < graphs || fewer < graphs/2 {
		t.Errorf("%d programs ran and %d phases became shorter, want half of them at least", ran, fewer)
	}
}

// products are the programs that a supernet runs: the gradient, and with it the
// products with a direction.
func products(t *testing.T, g *Graph, w, v, coefs []*Node, loss *Node, stats ...*Node) (first, second *exec.Program) {
	t.Helper()
	grads := g.Gradient(loss, append(slices.Clone(w), coefs...)...)
	tangents := g.Tangent(grads, w, v)
	n := len(w)
	gradient := slices.Concat([]Output{{loss, exec.Loss, 0}}, outputs(exec.WeightGrad, grads[:n]...), outputs(exec.CoefGrad, grads[n:]...))
	hv, mixed := outputs(exec.HessianVec, tangents[:n]...), outputs(exec.MixedVec, tangents[n:]...)
	first, err := g.Lower(slices.Concat(gradient, outputs(exec.Stats, stats...)))
	if err != nil {
		t.Fatal(err)
	}
	if second, err = g.Lower(gradient, slices.Concat(hv, mixed), hv, mixed); err != nil {
		t.Fatal(err)
	}
	return first, second
}

// A supernet of single paths computes what its full program gives at those
// coefficients, on both devices, for the price of a network of the path alone.
func TestPruneSinglePath(t *testing.T) {
	const batch, image, terms = 2, 8, 4
	g, w, v, coefs, loss := supernet(batch, image, 1)
	var stats []*Node
	for _, n := range ancestors([]*Node{loss}) {
		if operator(n) != nil && operator(n).Op == exec.BNStats {
			stats = append(stats, n)
		}
	}
	first, second := products(t, g, w, v, coefs, loss, stats...)
	in := filled(rng.New(3, "prune"), first, second)
	for _, path := range []int{1, 2, 3, 0} {
		live := func(term int) bool { return term%terms == path || path == 2 && term%terms == 0 }
		dead := make([]bool, len(coefs))
		for i := range dead {
			dead[i] = !live(i)
		}
		g, w, v, coefs, loss := supernetOf(batch, image, 1, live)
		alone, aloneSecond := products(t, g, w, v, coefs, loss)
		for name, run := range map[string]runner{"ref": onRef, "cpu": onCPU} {
			if name == "ref" && !longtest.Wanted() && path != 3 {
				continue // slow
			}
			t.Run(fmt.Sprintf("operation %d on %s", path, name), func(t *testing.T) {
				pruned, signs := pruneLikeFull(t, run, first, in, dead, []int{0})
				prunedSecond, more := pruneLikeFull(t, run, second, in, dead, []int{0, 1, 2, 3, 1})
				t.Logf("%d of %d statistics; %d zeros changed their sign", len(pruned.Written(exec.Stats)), len(stats), signs+more)
				if got, want := len(pruned.Written(exec.Stats)), count(alone, exec.BNStats); got != want {
					t.Errorf("%d statistics are written, want %d", got, want)
				}
				price(t, pruned, first, alone)
				price(t, prunedSecond, second, aloneSecond)
			})
		}
	}
}

// price compares the arithmetic of a pruned program with that of a network which
// never had more.
func price(t *testing.T, pruned, full, alone *exec.Program) {
	t.Helper()
	for phase := range pruned.Phases {
		got, before, want := pruned.FLOP(phase), full.FLOP(phase), alone.FLOP(phase)
		t.Logf("phase %d: %d of %d instructions (alone %d), %.1f of %.1f MFLOP (alone %.1f)", phase,
			len(pruned.Phases[phase]), len(full.Phases[phase]), len(alone.Phases[phase]), got/1e6, before/1e6, want/1e6)
		if !(got <= 1.1*want) {
			t.Errorf("phase %d: %.1f MFLOP, want those of the path, %.1f", phase, got/1e6, want/1e6)
		}
	}
}

func count(p *exec.Program, op exec.Op) (n int) {
	for _, in := range p.Phases[0] {
		if in.Op == op {
			n++
		}
	}
	return n
}

// filled is memory for programs with random inputs.
func filled(r *rand.Rand, programs ...*exec.Program) *ref.Memory {
	mem := new(ref.Memory)
	for s := range mem {
		for _, p := range programs {
			for len(mem[s]) < p.Size[s] {
				mem[s] = append(mem[s], r.NormFloat64()/4)
			}
		}
	}
	return mem
}
