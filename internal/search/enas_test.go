package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// mixedRows are decisions of all kinds: a node that keeps two of three edges, a row of
// inputs that keeps two of three, a row of one option.
var mixedRows = append(slices.Clone(cellRows),
	Row{Name: "parents", Options: []string{"0", "1", "2"}, Kind: Input, Keep: 2},
	Row{Name: "operation", Options: []string{"none", "c"}, Keep: 1})

// The gradient of log p and of the entropy by differences, through all layers and steps.
func TestControllerGradient(t *testing.T) {
	c := newController(mixedRows, 5, 2, rand.New(rand.NewPCG(1, 2)))
	for i := range c.lstm.theta {
		c.lstm.theta[i] *= 8 // so that gates are not all at one half
	}
	made, _ := c.sample(rand.New(rand.NewPCG(3, 4)))
	again := func() []step { // the same choices
		k := 0
		return c.lstm.unroll(c.next, func([]float64) int { k++; return made[k-1].choice })
	}
	grad := make([]float64, len(c.lstm.theta))
	c.lstm.back(made, 1.5, -0.7, grad)
	f := func() float64 {
		s := again()
		return 1.5*logProbability(s) - 0.7*entropyOf(s)
	}
	worst := 0.0
	for i := range grad {
		const h = 1e-5
		old := c.lstm.theta[i]
		c.lstm.theta[i] = old + h
		up := f()
		c.lstm.theta[i] = old - h
		worst = math.Max(worst, math.Abs(grad[i]-(up-f())/(2*h)))
		c.lstm.theta[i] = old
	}
	if !(worst < 1e-8) || norm2(grad) < 0.1 {
		t.Errorf("the gradient of norm %.2f is %.1e from differences", norm2(grad), worst)
	}
}

// Probabilities of all sequences of decisions add up to 1, and samples come as often.
func TestControllerProbabilities(t *testing.T) {
	c := newController(mixedRows, 4, 2, rand.New(rand.NewPCG(1, 2)))
	for i := range c.lstm.theta {
		c.lstm.theta[i] *= 10
	}
	all := map[string]float64{}
	var walk func(prefix []int)
	walk = func(prefix []int) {
		k := 0
		var p []float64
		made := c.lstm.unroll(func(made []step) (decision, bool) {
			if len(made) > len(prefix) {
				return decision{}, false
			}
			return c.next(made)
		}, func(probabilities []float64) int {
			k++
			if k <= len(prefix) {
				return prefix[k-1]
			}
			p = probabilities
			return 0
		})
		if p == nil { // complete
			all[fmt.Sprint(prefix)] = math.Exp(logProbability(made))
			return
		}
		for o, x := range p {
			if x > 0 {
				walk(append(slices.Clone(prefix), o))
			}
		}
	}
	walk(nil)
	sum := 0.0
	for _, p := range all {
		sum += p
	}
	// Ordered pairs of edges, operations of two, ordered pairs of inputs, one of two.
	if want := 3 * 2 * 2 * 2 * 3 * 2 * 2; len(all) != want {
		t.Errorf("%d sequences, want %d", len(all), want)
	}
	near(t, "sum of the probabilities", sum, 1, 1e-12)
	r, counts := rand.New(rand.NewPCG(5, 6)), map[string]float64{}
	const n = 20000
	for range n {
		made, path := c.sample(r)
		var choices []int
		for _, s := range made {
			choices = append(choices, s.choice)
		}
		counts[fmt.Sprint(choices)] += 1. / n
		edges := 0.0
		for i, x := range path[:9] {
			edges += x
			if i%3 == 0 && x != 0 {
				t.Fatalf("path %v has none in a node", path)
			}
		}
		if edges != 2 || path[9]+path[10]+path[11] != 2 || path[12]+path[13] != 1 {
			t.Fatalf("path %v of choices %v", path, choices)
		}
	}
	for key, p := range all {
		near(t, "share of "+key, counts[key], p, 5*math.Sqrt(p/n)+1e-3)
	}
}

// The controller learns to sample the architecture that a planted accuracy prefers.
func TestControllerLearns(t *testing.T) {
	p := planted(10, 50, 20, 30, 0, 50)
	env := toyTrial(1)
	env.Supernet = func(SupernetOptions) (Problem, error) { return p, nil }
	env.set("epochs=6", "updates=30", "rollouts=10", "arch.lr=0.05", "sampling.samples=1")
	s := start(t, "enas", env)
	var first, last Report
	for i := range s.Epochs() {
		last = epoch(t, s)
		if i == 0 {
			first = last
		}
	}
	if last.Arch != "b|c" || !(last.Extra["reward"] > first.Extra["reward"]+0.1) || !(last.Extra["policy_entropy"] < 1) {
		t.Errorf("it ends with %q, rewards %.2f to %.2f, entropy %.2f", last.Arch, first.Extra["reward"], last.Extra["reward"], last.Extra["policy_entropy"])
	}
}
