package search

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// exact are the Shapley values of a game of n players, over all coalitions.
func exact(n int, value func(out []bool) float64) []float64 {
	of := make([]float64, 1<<n)
	for set := range of {
		out := make([]bool, n)
		for i := range n {
			out[i] = set>>i&1 == 0
		}
		of[set] = value(out)
	}
	factorial := func(k int) float64 {
		x, _ := math.Lgamma(float64(k + 1))
		return math.Exp(x)
	}
	values := make([]float64, n)
	for set := range of {
		s := bits.OnesCount(uint(set))
		for i := range n {
			if set>>i&1 == 0 {
				values[i] += factorial(s) * factorial(n-s-1) / factorial(n) * (of[set|1<<i] - of[set])
			}
		}
	}
	return values
}

func play(t *testing.T, g Game, value func(out []bool) float64) []Value {
	t.Helper()
	values, err := g.Estimate(rand.New(rand.NewPCG(1, 2)), func() func([]bool) (float64, error) {
		return func(out []bool) (float64, error) { return value(out), nil }
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestShapleyValues(t *testing.T) {
	six := []int{0, 1, 2, 3, 4, 5}
	addends := []float64{5, 0, 3, -1, 2, 7}
	additive := func(out []bool) float64 {
		sum := 20.0
		for i, a := range addends {
			if !out[i] {
				sum += a
			}
		}
		return sum
	}
	for i, v := range play(t, Game{Players: six, Samples: 3}, additive) {
		near(t, "value in an additive game", v.Mean, addends[i], 1e-12)
		near(t, "its deviation", v.Deviation, 0, 1e-6)
	}
	square := func(out []bool) float64 { // symmetric
		n := 0.0
		for i := range 6 {
			if !out[i] {
				n++
			}
		}
		return n * n
	}
	sum := 0.0
	for _, v := range play(t, Game{Players: six, Samples: 4000}, square) {
		near(t, "value in a symmetric game", v.Mean, 6, 4*v.Deviation/math.Sqrt(4000))
		sum += v.Mean
	}
	near(t, "the sum of the values", sum, 36, 1e-9)
	// Two players of ten carry everything: after both have left, nobody is asked.
	asked := 0
	values := play(t, Game{Players: six, Samples: 1, Truncate: 0.5}, func(out []bool) float64 {
		asked++
		if out[0] {
			return 10
		}
		return 30
	})
	r := rand.New(rand.NewPCG(1, 2)).Perm(6)
	if want := slices.Index(r, 0) + 2; asked != want {
		t.Errorf("%d questions, want %d: the walk ends where the value falls", asked, want)
	}
	near(t, "who carries", values[0].Mean, 20, 0)
}

// On the supernet of the toy, over all 2⁶ coalitions: estimates are within four of their
// standard errors of the exact values, which add up to the value of all less that of none.
func TestShapleyOfASupernet(t *testing.T) {
	env := toyTrial(7)
	for i := range env.problem.valid { // a loss that names the mixture
		env.problem.valid[i].R, env.problem.valid[i].B = env.problem.train[0].B, env.problem.train[1].B
	}
	s := start(t, "shapley-nas", env).(*Engine)
	s.sums = map[string]*mean{}
	epoch(t, s)
	p := make([]float64, 6)
	s.Relaxation.Scores(p)
	m := &shapley{ShapleyNAS: toySettings()["shapley-nas"].(ShapleyNAS)}
	value := m.value(s, p)
	of := func(out []bool) float64 {
		v, err := value(out)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	want := exact(6, of)
	const samples = 3000
	total := 0.0
	for i, v := range play(t, Game{Players: []int{0, 1, 2, 3, 4, 5}, Samples: samples}, of) {
		near(t, "value", v.Mean, want[i], 4*v.Deviation/math.Sqrt(samples)+1e-12)
		total += v.Mean
	}
	all, none := make([]bool, 6), []bool{true, true, true, true, true, true}
	near(t, "efficiency", total, of(all)-of(none), 1e-9)
	if want[0] == want[1] {
		t.Error("the game is trivial")
	}
}

// α moves by the standardised values: mean 0, unbiased deviation 1 among the players.
func TestShapleyUpdate(t *testing.T) {
	x := []float64{9, 1, 2, 3, 6}
	standardize(x, []int{1, 2, 3, 4})
	d := math.Sqrt((4 + 1 + 0 + 9) / 3.)
	nearAll(t, "standardised", x, []float64{9, -2 / d, -1 / d, 0, 3 / d}, 1e-15)
	same := []float64{2, 2}
	standardize(same, []int{0, 1})
	nearAll(t, "equal ones", same, []float64{0, 0}, 0)

	env := toyTrial(7)
	env.set("warm_up=0")
	s := start(t, "shapley-nas", env).(*Engine)
	before := slices.Clone(s.Relaxation.Params())
	momentum := s.Memory[0].(*shapley).momentum
	start := slices.Clone(momentum)
	epoch(t, s)
	sum := 0.0
	for i, a := range s.Relaxation.Params() {
		near(t, "α", a, before[i]+0.1*momentum[i], 1e-15)
		sum += (momentum[i] - 0.8*start[i]) / 0.2
	}
	near(t, "sum of the scores", sum, 0, 1e-9)
}
