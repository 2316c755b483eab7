package search

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/batch"
)

// The loss of a candidate is that after M weight steps on the coming batches, by hand, and
// everything is put back.
func TestLookaheadByHand(t *testing.T) {
	env := toyTrial(4)
	p := env.problem
	s := start(t, "zarts-rs", env).(*Engine)
	s.Clock, s.sums = Clock{Epochs: 3, Rate: 0.2}, map[string]*mean{}
	copy(s.Momentum.(*vec).x, []float64{0.3, -0.1, 0.2, 0.5, -0.4, 0.1})
	momentum, w, alpha := slices.Clone(s.Momentum.(*vec).x), slices.Clone(p.w.x), slices.Clone(s.Relaxation.Params())
	drift, delta := p.drift, []float64{1, -1, 0, 0.5, 0, 2}
	l := &lookahead{Engine: s, inner: 3, valid: batch.Batch{Split: batch.Valid, Index: 2}, momentum: p.NewVec()}
	got, err := l.losses([][]float64{delta, make([]float64, 6), delta})
	if err != nil {
		t.Fatal(err)
	}
	one := make([]float64, 6)
	moved := slices.Clone(alpha)
	for i := range moved {
		moved[i] += delta[i]
	}
	Softmax.Mix(toyRows, moved, one)
	c := append(slices.Clone(one), one...)
	hand := &vec{slices.Clone(w)}
	buf, grad := &vec{slices.Clone(momentum)}, &vec{make([]float64, 6)}
	for i := range 3 {
		_, g, _ := p.train[i].gradient(hand.x, c)
		copy(grad.x, g)
		s.Weights.Step(hand, grad, buf, 0.2)
	}
	want, _, _ := p.valid[2].gradient(hand.x, c)
	near(t, "loss of the candidate", got[0], want, 1e-15)
	near(t, "the same candidate again", got[2], got[0], 0)
	if got[1] == got[0] {
		t.Error("the candidate does not matter")
	}
	if !slices.Equal(p.w.x, w) || !slices.Equal(s.Momentum.(*vec).x, momentum) || !slices.Equal(s.Relaxation.Params(), alpha) || p.drift != drift || s.train != 0 {
		t.Error("weights, momentum, α, averages or batches are not as before")
	}
}

// Two candidates by hand: ln c = −f/τ − ln(q + 1e-4), and equal ones weigh the same.
func TestImportance(t *testing.T) {
	g, deltas := []float64{1, 0}, [][]float64{{-1, 0.1}, {-0.8, 0}}
	q := func(near, far float64) float64 {
		return 0.9*math.Exp(-near/(2*0.04)) + 0.1*math.Exp(-far/(2*0.04)) + 1e-4
	}
	a := math.Exp(-(0.5-0.4)/0.2) / q(0.01, 1.01)
	b := math.Exp(-(0.3-0.4)/0.2) / q(0.04, 0.64)
	nearAll(t, "weights", importance([]float64{0.5, 0.3}, deltas, g, 0.2, 0.2, 0.1, 0.4), []float64{a / (a + b), b / (a + b)}, 1e-12)
	same := [][]float64{{-1, 0.1}, {-1, -0.1}}
	nearAll(t, "equal ones", importance([]float64{0.5, 0.5}, same, g, 0.2, 0.2, 0.1, 0.4), []float64{0.5, 0.5}, 1e-12)
	near(t, "far apart", importance([]float64{900, 1}, same, g, 0.2, 0.01, 0.1, 0)[1], 1, 1e-12)
}

// All three forms find the architecture that only the weights know of: the validation
// loss of the toy does not name the mixture.
func TestZerothOrderFindsTheArchitecture(t *testing.T) {
	for name, changes := range map[string][]string{
		"zarts":     {"sigma=0.5", "tau=0.05"},
		"zarts-rs":  {"mu=0.3", "arch_lr=2"},
		"zarts-gld": {"radius=2"},
	} {
		env := toyTrial(2)
		env.set(append(changes, "epochs=40", "every=1", "candidates=6", "lookahead_steps=6")...)
		s := start(t, name, env)
		var r Report
		for range s.Epochs() {
			r = epoch(t, s)
		}
		if r.Arch != "b|c" || !(r.Entropy < 0.7*math.Log(3)) {
			t.Errorf("%s found %q with entropy %.3f, want \"b|c\"", name, r.Arch, r.Entropy)
		}
	}
}

// In the warm-up, and between two architecture steps, α stays.
func TestZARTSCadence(t *testing.T) {
	env := toyTrial(2)
	env.set("warm_up=1", "every=5") // an epoch has five steps
	s := start(t, "zarts-gld", env).(*Engine)
	epoch(t, s)
	if n := len(env.problem.asked); n != 5 {
		t.Errorf("%d passes in the warm-up, want the 5 of the weights", n)
	}
	epoch(t, s)
	if n, want := len(env.problem.asked)-5, 5+5*(3+1); n != want { // five candidates with 0, three steps and one evaluation each
		t.Errorf("%d passes in the second epoch, want %d", n, want)
	}
}

func TestSpheres(t *testing.T) {
	for i, delta := range spheres(2, [][]float64{{3, 4}, {0, -1}, {5, 12}}) {
		near(t, "radius", norm2(delta), []float64{2, 1, 0.5}[i], 1e-15)
	}
}
