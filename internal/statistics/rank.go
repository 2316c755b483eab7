package statistics

import (
	"cmp"
	"math"
	"slices"
)

// KendallTauB is Kendall's rank correlation with correction for ties:
//
//	τ_b = (C − D) / sqrt((n₀ − n₁)(n₀ − n₂)),  n₀ = n(n−1)/2
//
// where C and D count the pairs of one and of opposite order in x and y, and n₁
// and n₂ those that are equal in x and in y. It is NaN for fewer than two values,
// for a constant list and where there is a NaN.
//
// Source: Knight, JASA 61 (1966), 436: D is the number of exchanges that sort y
// after the pairs are sorted by x, found by merging in O(n log n).
func KendallTauB(x, y []float64) float64 {
	order, ok := ranked(x, y)
	if !ok {
		return math.NaN()
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(x[a], x[b]), cmp.Compare(y[a], y[b])) })
	n := len(order)
	pairs := n * (n - 1) / 2
	tiedX := tied(n, func(a, b int) bool { return x[order[a]] == x[order[b]] })
	tiedBoth := tied(n, func(a, b int) bool { return x[order[a]] == x[order[b]] && y[order[a]] == y[order[b]] })
	values := make([]float64, n)
	for i, at := range order {
		values[i] = y[at]
	}
	discordant := exchanges(values, make([]float64, n))
	tiedY := tied(n, func(a, b int) bool { return values[a] == values[b] }) // sorted by now
	concordant := pairs - tiedX - tiedY + tiedBoth - discordant
	if tiedX == pairs || tiedY == pairs {
		return math.NaN()
	}
	return float64(concordant-discordant) / (math.Sqrt(float64(pairs-tiedX)) * math.Sqrt(float64(pairs-tiedY)))
}

// ranked lists 0..n−1 when x and y can be ranked.
func ranked(x, y []float64) (order []int, ok bool) {
	if len(x) != len(y) {
		panic("reports: length mismatch")
	}
	if len(x) < 2 || slices.ContainsFunc(x, math.IsNaN) || slices.ContainsFunc(y, math.IsNaN) {
		return nil, false
	}
	order = make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	return order, true
}

// tied counts the pairs of equal ones among n sorted ones.
func tied(n int, equal func(a, b int) bool) int {
	count, run := 0, 1
	for i := 1; i <= n; i++ {
		if i < n && equal(i-1, i) {
			run++
			continue
		}
		count += run * (run - 1) / 2
		run = 1
	}
	return count
}

// exchanges sorts v and counts the pairs that were in falling order.
func exchanges(v, scratch []float64) int {
	if len(v) < 2 {
		return 0
	}
	half := len(v) / 2
	left, right := v[:half], v[half:]
	count := exchanges(left, scratch[:half]) + exchanges(right, scratch[half:])
	i, j := 0, 0
	for k := range scratch {
		if j == len(right) || i < len(left) && left[i] <= right[j] {
			scratch[k] = left[i]
			i++
			continue
		}
		scratch[k] = right[j]
		j++
		count += len(left) - i
	}
	copy(v, scratch)
	return count
}

// Spearman is the correlation of the ranks of x and y, equal values having the
// mean of their ranks. It is NaN where [KendallTauB] is.
func Spearman(x, y []float64) float64 {
	if _, ok := ranked(x, y); !ok {
		return math.NaN()
	}
	a, b := Ranks(x), Ranks(y)
	mean := float64(len(a)+1) / 2
	var ab, aa, bb float64
	for i := range a {
		p, q := a[i]-mean, b[i]-mean
		ab += p * q
		aa += p * p
		bb += q * q
	}
	if aa == 0 || bb == 0 {
		return math.NaN()
	}
	return ab / (math.Sqrt(aa) * math.Sqrt(bb))
}

// Quantile is the value below which a share q of sorted values lies, with straight
// lines between them.
func Quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
