package statistics

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Resamples is how many an interval is of.
const Resamples = 10000

// BCa is the bias-corrected and accelerated bootstrap interval of a statistic at a level such
// as 0.95. Samples of equal numbers have an interval of no width; one of fewer than two gives
// NaN.
// Source: Efron, Journal of the American Statistical Association, 1987.
func BCa(x []float64, of func([]float64) float64, level float64, r *rand.Rand) (low, high float64) {
	n := len(x)
	if n < 2 {
		return math.NaN(), math.NaN()
	}
	all, sample := of(x), make([]float64, n)
	drawn, below := make([]float64, Resamples), 0.0
	for i := range drawn {
		for j := range sample {
			sample[j] = x[r.IntN(n)]
		}
		drawn[i] = of(sample)
		switch {
		case drawn[i] < all:
			below++
		case drawn[i] == all:
			below += 0.5
		}
	}
	slices.Sort(drawn)
	z0 := distuv.UnitNormal.Quantile(below / Resamples)
	if math.IsInf(z0, 0) { // the statistic is an end of what can be drawn
		return drawn[0], drawn[len(drawn)-1]
	}
	left := make([]float64, n) // the statistic without one number each
	for i := range x {
		left[i] = of(slices.Concat(x[:i], x[i+1:]))
	}
	middle, square, cube := Mean(left), 0.0, 0.0
	for _, v := range left {
		d := middle - v
		square, cube = square+d*d, cube+d*d*d
	}
	acceleration := 0.0
	if square > 0 {
		acceleration = cube / (6 * math.Pow(square, 1.5))
	}
	end := func(level float64) float64 {
		z := z0 + distuv.UnitNormal.Quantile(level)
		at := distuv.UnitNormal.CDF(z0 + z/(1-acceleration*z))
		return Quantile(drawn, at)
	}
	return end((1 - level) / 2), end((1 + level) / 2)
}
