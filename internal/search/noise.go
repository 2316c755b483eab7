package search

import (
	"fmt"
	"math"
	"sync"

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
	n.Lost = entropyLost(rows, alpha.alpha, make([]float64, rows.Len()))
	n.Mean, n.Deviation = alongNoise(moved.set, moved.moments.Steps, rows)
	return n, true
}

// entropyLost is the mean entropy over rows that softmax(x) lacks to that of equal options. p is
// work space [A].
func entropyLost(rows Layout, x, p []float64) float64 {
	whole := 0.0
	for _, row := range rows {
		whole += math.Log(float64(len(row.Options))) / float64(len(rows))
	}
	Softmax.Mix(rows, x, p)
	return whole - Entropy(rows, p)
}

// walks are what alongNoise has found in this process: runs of other seeds ask for the same.
var walks sync.Map // string to [2]float64

// alongNoise is the mean and the deviation of the entropy that 100 searches lose along noise.
func alongNoise(set Adam, steps int, rows Layout) (mean, deviation float64) {
	var options []int
	for _, row := range rows {
		options = append(options, len(row.Options))
	}
	key := fmt.Sprint(set, steps, options)
	if known, ok := walks.Load(key); ok {
		found := known.([2]float64)
		return found[0], found[1]
	}
	const searches = 100
	set.WeightDecay = 0
	p := make([]float64, rows.Len())
	var sum, square float64
	for k := range searches {
		r := rng.New(0, "noise", uint64(k))
		x, g, moments := make([]float64, rows.Len()), make([]float64, rows.Len()), Moments{}
		for range steps {
			for i := range g {
				g[i] = r.NormFloat64()
			}
			set.Step(x, g, &moments)
		}
		one := entropyLost(rows, x, p)
		sum, square = sum+one, square+one*one
	}
	mean = sum / searches
	deviation = math.Sqrt(math.Max(square/searches-mean*mean, 0) * searches / (searches - 1))
	walks.Store(key, [2]float64{mean, deviation})
	return mean, deviation
}
