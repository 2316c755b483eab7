package search

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A search along noise is within two deviations of what noise makes, one along a fixed
// direction is not; the first deviation is that of a random walk.
func TestNoise(t *testing.T) {
	rows := toyRows
	of := func(steps int, gradient func(r *rand.Rand) float64) Noise {
		alpha := NewSoftmax(rows, 0, rand.New(rand.NewPCG(1, 2)))
		e := &Engine{Parts: Parts{Relaxation: alpha, Arch: Clipped(NewAdam(Adam{LR: 0.01, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}, rows.Len()), 1e9)}}
		if _, ok := e.Noise(); ok {
			t.Error("a search without a step has noise")
		}
		r, g := rand.New(rand.NewPCG(5, 6)), make([]float64, rows.Len())
		for range steps {
			for i := range g {
				g[i] = gradient(r) * 1e-3
				if i%3 == 0 {
					g[i] += 1e-9
				}
			}
			e.Arch.Step(alpha.Params(), g, Clock{})
		}
		n, ok := e.Noise()
		if !ok {
			t.Fatal("no noise")
		}
		return n
	}
	walk := of(400, func(r *rand.Rand) float64 { return r.NormFloat64() })
	if !walk.Undecided() {
		t.Errorf("a walk along noise is decided: %+v", walk)
	}
	up := 0.0
	straight := of(400, func(r *rand.Rand) float64 { up++; return math.Sin(up) + 2*float64(int(up)%3-1) })
	if straight.Undecided() {
		t.Errorf("a search along one direction is undecided: %+v", straight)
	}
	// Steps of about LR in both directions: α deviates by LR·√steps after a while, and the
	// entropy of three options falls by half of the variance within the row.
	if want := 0.01 * 0.01 * 400 / 2 * 2 / 3; math.Abs(walk.Mean/want-1) > 0.5 {
		t.Errorf("noise loses %v, want about %v", walk.Mean, want)
	}
	if _, ok := (&Engine{Parts: Parts{Relaxation: NewSimplex(rows)}}).Noise(); ok {
		t.Error("a point of the simplex has noise of Adam")
	}
}
