// Package statistics compares small samples: what a table of a few seeds lets one say, and what
// not. Its functions know nothing of runs. Samples are not changed, NaN is not looked for.
package statistics

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Mean is the arithmetic mean; NaN of nothing.
func Mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// SD is the sample standard deviation, divisor n−1; NaN of fewer than two numbers.
func SD(x []float64) float64 {
	if len(x) < 2 {
		return math.NaN()
	}
	mean, squares := Mean(x), 0.0
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(x)-1))
}

// Interval is that of the mean by Student's t, at a level such as 0.95; NaN of fewer than two
// numbers.
func Interval(x []float64, level float64) (low, high float64) {
	if len(x) < 2 {
		return math.NaN(), math.NaN()
	}
	n := float64(len(x))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile((1 + level) / 2)
	half := t * SD(x) / math.Sqrt(n)
	return Mean(x) - half, Mean(x) + half
}

// IQM is the interquartile mean: that of what is left without the ⌊n/4⌋ lowest and the
// ⌊n/4⌋ highest numbers. NaN of nothing.
// Source: Agarwal et al., NeurIPS 2021, arXiv:2108.13264.
func IQM(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	cut := len(sorted) / 4
	return Mean(sorted[cut : len(sorted)-cut])
}

// Improvement is the probability that a number of x is larger than one of y, over all
// pairs; equal ones count half. 0.5 is no difference.
func Improvement(x, y []float64) float64 {
	sum := 0.0
	for _, a := range x {
		for _, b := range y {
			switch {
			case a > b:
				sum++
			case a == b:
				sum += 0.5
			}
		}
	}
	return sum / float64(len(x)*len(y))
}

// Spreads parts the scatter of results into two standard deviations: of one training of an
// architecture, and of the architectures that searches end with. Result i is a mean over
// trials[i] trainings with the sample standard deviation sds[i], which counts from two
// trainings on:
//
//	s²_training = Σ (n−1) sd² / Σ (n−1),  s²_search = variance of the means − s²_training · mean of 1/n, at least 0
//
// Both are NaN where no result is of two trainings, or the number of one is 0: not known;
// search for fewer than two results as well.
func Spreads(means, sds []float64, trials []int) (search, training float64) {
	sum, freedom, inverse := 0.0, 0.0, 0.0
	for i, n := range trials {
		if n < 1 {
			return math.NaN(), math.NaN()
		}
		sum += float64(n-1) * sds[i] * sds[i]
		freedom += float64(n - 1)
		inverse += 1 / float64(n) / float64(len(trials))
	}
	if freedom == 0 {
		return math.NaN(), math.NaN()
	}
	training, search = math.Sqrt(sum/freedom), math.NaN()
	if len(means) > 1 {
		scatter := SD(means)
		search = math.Sqrt(max(0, scatter*scatter-sum/freedom*inverse))
	}
	return search, training
}

// Differences are x_i − y_i.
func Differences(x, y []float64) []float64 {
	d := make([]float64, len(x))
	for i := range d {
		d[i] = x[i] - y[i]
	}
	return d
}

// SignedRank is Wilcoxon's signed-rank test of differences: v is the sum of the ranks of the
// positive ones by their size, p the two-sided probability of a v as far from its middle
// under equal chances of both signs, exactly, also with equal sizes, which share their mean
// rank. Differences of 0 are left out, and n is how many are left; p is 1 where none is.
func SignedRank(d []float64) (v, p float64, n int) {
	d = slices.DeleteFunc(slices.Clone(d), func(x float64) bool { return x == 0 })
	n = len(d)
	if n == 0 {
		return 0, 1, 0
	}
	sizes := make([]float64, n)
	for i, x := range d {
		sizes[i] = math.Abs(x)
	}
	ranks := Ranks(sizes)
	doubled, total, positive := make([]int, n), 0, 0 // mean ranks are halves
	for i, r := range ranks {
		doubled[i] = int(math.Round(2 * r))
		total += doubled[i]
		if d[i] > 0 {
			positive += doubled[i]
		}
	}
	// Chance of each sum, by adding the ranks one after another.
	chance := make([]float64, total+1)
	chance[0] = 1
	for _, r := range doubled {
		for s := total; s >= 0; s-- {
			chance[s] /= 2
			if s >= r {
				chance[s] += chance[s-r] / 2
			}
		}
	}
	far := abs(2*positive - total)
	for s, c := range chance {
		if abs(2*s-total) >= far {
			p += c
		}
	}
	return float64(positive) / 2, min(p, 1), n
}

// LeastP is the smallest p that [SignedRank] can have of n differences.
func LeastP(n int) float64 { return math.Pow(2, float64(1-n)) }

func abs(x int) int { return max(x, -x) }

// Ranks are those of numbers from 1 on, the lowest first; equal ones share their mean.
func Ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	ranks := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+1+to) / 2
		}
		from = to
	}
	return ranks
}

// Holm adjusts p for so many tests: each may be compared with a level that then holds for
// all of them together.
// Source: Holm, Scandinavian Journal of Statistics, 1979.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out, before := make([]float64, len(p)), 0.0
	for k, i := range order {
		before = max(before, min(1, float64(len(p)-k)*p[i]))
		out[i] = before
	}
	return out
}

// Friedman tests whether k treatments differ over n blocks, blocks[i] being the k numbers of
// one block: chi2 with k − 1 degrees of freedom, corrected for equal numbers, and p. mean are
// the mean ranks of the treatments, 1 for the lowest number.
func Friedman(blocks [][]float64) (chi2, p float64, mean []float64) {
	n, k := float64(len(blocks)), len(blocks[0])
	mean = make([]float64, k)
	ties := 0.0
	for _, block := range blocks {
		ranks := Ranks(block)
		for j, r := range ranks {
			mean[j] += r / n
		}
		seen := map[float64]float64{}
		for _, r := range ranks {
			seen[r]++
		}
		for _, r := range slices.Compact(slices.Sorted(slices.Values(ranks))) {
			t := seen[r]
			ties += t*t*t - t
		}
	}
	sum, kf := 0.0, float64(k)
	for _, m := range mean {
		sum += (m - (kf+1)/2) * (m - (kf+1)/2)
	}
	below := kf*(kf+1)/12 - ties/(12*n*(kf-1))
	if below <= 0 { // all equal
		return 0, 1, mean
	}
	chi2 = n * sum / below
	return chi2, distuv.ChiSquared{K: kf - 1}.Survival(chi2), mean
}

// CriticalDifference is how far the mean ranks of two of k treatments over n blocks have to be
// apart to differ at the level of 5 % (Nemenyi's test).
// Source: Demšar, JMLR 2006.
func CriticalDifference(k, n int) float64 {
	return StudentizedRange(0.95, k) / math.Sqrt2 * math.Sqrt(float64(k*(k+1))/(6*float64(n)))
}

// StudentizedRange is the quantile of the range of k standard normal numbers.
func StudentizedRange(level float64, k int) float64 {
	below := func(q float64) float64 { // k ∫ φ(z) (Φ(z) − Φ(z−q))^(k−1) dz
		const from, steps = 8, 4000
		h, sum := 2.*from/steps, 0.0
		for i := range steps + 1 {
			z := -from + h*float64(i)
			weight := 2. // Simpson's
			switch {
			case i == 0 || i == steps:
				weight = 1
			case i%2 == 1:
				weight = 4
			}
			sum += weight * distuv.UnitNormal.Prob(z) * math.Pow(distuv.UnitNormal.CDF(z)-distuv.UnitNormal.CDF(z-q), float64(k-1))
		}
		return float64(k) * sum * h / 3
	}
	low, high := 0., 20.
	for range 60 {
		if middle := (low + high) / 2; below(middle) < level {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
