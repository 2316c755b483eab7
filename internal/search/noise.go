package search

import (
	"math"

	"idarts/internal/rng"
)

// Noise says how much a search has decided: the entropy that α has lost, beside what its
// optimiser makes of gradients that are nothing but noise. In nats, means over rows.
type Noise struct {
	Lost            float64 // of the search
	Mean, Deviation float64 // of searches along noise
}

// Undecided says that noise alone might have done it: the search lost no more than the mean
// and two deviations.
func (n Noise) Undecided() bool { return n.Lost <= n.Mean+2*n.Deviation }

// Noise compares a search whose mixture is a softmax that Adam moves with 100 such searches of as
// many steps whose gradients are independent N(0, 1) numbers. Adam divides by their size, so that
// it is of no account but for the weight decay, which is left out. ok is false for other
// searches, and before the first step.
func (e *Engine) Noise() (n Noise, ok bool) {
	optimizer := e.Arch
	if p, wraps := optimizer.(*penalized); wraps {
		optimizer = p.ArchOptimizer
	}
	moved, isAdam := optimizer.(*adam)
	alpha, isSoftmax := e.Relaxation.(*logits)
	if !isAdam || !isSoftmax || moved.moments.Steps == 0 {
		return n, false
	}
	rows := alpha.rows
	whole := 0.0
	for _, row := range rows {
		whole += math.Log(float64(len(row.Options))) / float64(len(rows))
	}
	p := make([]float64, rows.Len())
	lost := func(x []float64) float64 {
		Softmax.Mix(rows, x, p)
		return whole - Entropy(rows, p)
	}
	n.Lost = lost(alpha.alpha)
	const searches = 100
	set := moved.set
	set.WeightDecay = 0
	var sum, square float64
	for k := range searches {
		r := rng.New(0, "noise", uint64(k))
		x, g, moments := make([]float64, rows.Len()), make([]float64, rows.Len()), Moments{}
		for range moved.moments.Steps {
			for i := range g {
				g[i] = r.NormFloat64()
			}
			set.Step(x, g, &moments)
		}
		one := lost(x)
		sum, square = sum+one, square+one*one
	}
	n.Mean = sum / searches
	n.Deviation = math.Sqrt(math.Max(square/searches-n.Mean*n.Mean, 0) * searches / (searches - 1))
	return n, true
}
