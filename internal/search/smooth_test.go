package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"idarts/internal/batch"
)

// Gradients of both measures of alignment by differences; a layer without a gradient
// takes no part.
func TestAlignmentSlope(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 6
	g := make([]float64, 4*n)
	for i := range g {
		g[i] = r.NormFloat64()
	}
	clear(g[2*n : 3*n])
	for _, a := range []Alignment{Corr, SignCorr} {
		delta, none := make([]float64, len(g)), make([]float64, len(g))
		lambda := a.Slope(g, delta, n)
		near(t, a.String()+" with itself", a.Slope(slices.Concat(g[:n], g[:n]), make([]float64, 2*n), n), 1, 1e-12)
		near(t, a.String()+" with its opposite", a.Slope(slices.Concat(g[:n], times(-2, g[:n])), make([]float64, 2*n), n), -1, 1e-12)
		if !(math.Abs(lambda) < 1) {
			t.Errorf("%v: Λ = %v", a, lambda)
		}
		for i := range g {
			if i/n == 2 {
				near(t, "slope of a layer without gradient", delta[i], 0, 0)
				continue
			}
			const h = 1e-6
			old := g[i]
			g[i] = old + h
			up := a.Slope(g, none, n)
			g[i] = old - h
			near(t, a.String(), delta[i], (up-a.Slope(g, none, n))/(2*h), 1e-7)
			g[i] = old
		}
	}
	if a, delta := Corr, make([]float64, n); a.Slope(g[:n], delta, n) != 0 || norm2(delta) != 0 {
		t.Error("one layer is aligned with something")
	}
}

// Reduction cells are left out.
func TestAlignedRows(t *testing.T) {
	rows := Layout{{Options: []string{"a", "b"}, Group: "normal"}, {Options: []string{"a"}, Group: "reduce"}}
	nearAll(t, "aligned", aligned(rows, []float64{1, 2, 3, 4, 5, 6}), []float64{1, 2, 0, 4, 5, 0}, 0)
}

// A box of radius ε around p, held to [0,1] and divided by the sum of the row.
func TestPerturbations(t *testing.T) {
	p := []float64{-0.2, 0.5, 1.5, 0.2, -0.1, 0}
	ontoSimplex(toyRows, p, []float64{0.3, 0.4, 0.3, 0.5, 0.5, 0})
	nearAll(t, "rows", p, []float64{0, 1. / 3, 2. / 3, 1, 0, 0}, 1e-15)
	p = []float64{-1, -1, -1, 1, 1, 1}
	ontoSimplex(toyRows, p, []float64{0.3, 0.4, 0.3, 0.5, 0.5, 0})
	nearAll(t, "a row of zeros, an operation that is out", p, []float64{0, 1, 0, 0.5, 0.5, 0}, 1e-15)

	env := toyTrial(1)
	env.set("radius.start=0.2", "radius.end=0.2")
	s := start(t, "sdarts-adv", env).(*Engine)
	s.Clock, s.sums = Clock{Epochs: 3}, map[string]*mean{}
	b := batch.Batch{}
	loss := func(coefs []float64) float64 {
		l, err := s.Problem.Gradient(b, coefs, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l.Value()
	}
	s.Mix(ForWeights)
	clean := slices.Clone(s.Coefs)
	if err := adversary(Radius{0.2, 0.2}, 7)(s, b, s.Coefs); err != nil {
		t.Fatal(err)
	}
	worse := slices.Clone(s.Coefs)
	if loss(worse) <= loss(clean) {
		t.Errorf("the adversary's loss is %v, of the clean mixture %v", loss(worse), loss(clean))
	}
	copy(s.Coefs, clean)
	if err := randomBox(Radius{0.2, 0.2})(s, b, s.Coefs); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(s.Coefs, clean) || loss(worse) <= loss(s.Coefs) {
		t.Errorf("loss at random %v, of the adversary %v", loss(s.Coefs), loss(worse))
	}
	if r := (Radius{0.03, 0.3}); math.Abs(r.At(Clock{Epoch: 10, Epochs: 20})-0.165) > 1e-15 {
		t.Errorf("radius at half of the search is %v", r.At(Clock{Epoch: 10, Epochs: 20}))
	}
}

// The decay's gradient by differences of w·mean of logsumexp.
func TestBetaDecay(t *testing.T) {
	alpha, grad := []float64{0.3, -0.2, 0.5, 1, 0, -1}, make([]float64, 6)
	at := Clock{Epoch: 30, Epochs: 100}
	betaDecay(toyRows, 50)(alpha, grad, at)
	f := func() float64 {
		sum := 0.0
		for _, row := range toyRows.Parts(alpha) {
			all := 0.0
			for _, a := range row {
				all += math.Exp(a)
			}
			sum += math.Log(all) / 2
		}
		return 15 * sum // 50·30/100
	}
	for i := range alpha {
		const h = 1e-5
		old := alpha[i]
		alpha[i] = old + h
		up := f()
		alpha[i] = old - h
		near(t, "gradient", grad[i], (up-f())/(2*h), 1e-8)
		alpha[i] = old
	}
}

// The concrete relaxation's pullback by differences with the noise held, its rows on the
// simplex, and its temperature from the first epoch to the last.
func TestGumbel(t *testing.T) {
	at := Temperature{10, 0.1}
	near(t, "first", at.At(Clock{Epoch: 0, Epochs: 12}), 10, 0)
	near(t, "last", at.At(Clock{Epoch: 11, Epochs: 12}), 0.1, 1e-12)
	g := Gumbel(toyRows, Temperature{0.7, 0.7}, 1, rand.New(rand.NewPCG(1, 2)))
	use := func() Use { return Use{Clock: Clock{Epochs: 2}, Rand: rand.New(rand.NewPCG(3, 4))} }
	coefs, dcoefs, grad := make([]float64, 6), []float64{1, -2, 0.5, 0.3, 2, -1}, make([]float64, 6)
	g.Mix(coefs, use())(dcoefs, grad)
	near(t, "sum of a row", coefs[0]+coefs[1]+coefs[2], 1, 1e-12)
	for i := range grad {
		const h = 1e-6
		alpha := g.Params()
		old := alpha[i]
		alpha[i] = old + h
		g.Mix(coefs, use())
		up := dot(coefs, dcoefs)
		alpha[i] = old - h
		g.Mix(coefs, use())
		near(t, "gradient", grad[i], (up-dot(coefs, dcoefs))/(2*h), 1e-8)
		alpha[i] = old
	}
	// Draws prefer an option as softmax(α) does (the Gumbel-max trick).
	wins, r := 0, rand.New(rand.NewPCG(5, 6))
	const n = 40000
	for range n {
		if g.Mix(coefs, Use{Clock: Clock{Epochs: 2}, Rand: r}); coefs[0] > math.Max(coefs[1], coefs[2]) {
			wins++
		}
	}
	g.Scores(coefs)
	near(t, "share of the first option", float64(wins)/n, coefs[0], 0.01)
}

// The single-level form takes one batch of all images for both levels.
func TestJointStep(t *testing.T) {
	env := toyTrial(1)
	env.set("single_level=true")
	s := start(t, "snas", env)
	before := slices.Clone(s.(*Engine).Relaxation.Params())
	epoch(t, s)
	if n := len(env.problem.asked); n != env.problem.perEpoch || env.problem.asked[0].Split != batch.Whole {
		t.Errorf("%d passes, the first on %+v; want one a step on the whole", n, env.problem.asked[0])
	}
	if slices.Equal(before, s.(*Engine).Relaxation.Params()) {
		t.Error("α does not move")
	}
	grad := []float64{3, 4}
	seen := &seenGradient{}
	Clipped(seen, 1).Step(nil, grad, Clock{})
	nearAll(t, "clipped", seen.grad, []float64{0.6, 0.8}, 1e-6)
}

type seenGradient struct {
	expGrad
	grad []float64
}

func (s *seenGradient) Step(_, grad []float64, _ Clock) { s.grad = slices.Clone(grad) }
