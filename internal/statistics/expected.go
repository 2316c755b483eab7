package statistics

import (
	"cmp"
	"math"
	"slices"
)

// BestOf is what random search ends with that draws so many different ones of all cells and
// keeps the best by valid, the first of equal ones in the order of the cells: the expectation and
// the standard deviation of value. It is exact:
//
//	P(the cell of rank i from the best is kept) = C(N−i, draws−1) / C(N, draws),  i = 1 … N
func BestOf(valid, value []float64, draws int) (mean, deviation float64) {
	n := len(valid)
	draws = min(draws, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(valid[b], valid[a]) })
	chance := float64(draws) / float64(n) // of the first rank
	square := 0.0
	for i, cell := range order {
		mean += chance * value[cell]
		square += chance * value[cell] * value[cell]
		rest := float64(n - i - 1) // cells of a lower rank
		if rest < float64(draws) {
			break
		}
		chance *= (rest - float64(draws) + 1) / rest
	}
	return mean, math.Sqrt(max(square-mean*mean, 0))
}
