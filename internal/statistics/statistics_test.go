package statistics

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s = %.10g, want %.10g within %g", what, got, want, within)
	}
}

// Wilcoxon's test of R's manual (wilcox.test, Hollander & Wolfe's depression scores): V = 40,
// p = 0.01953 one-sided. Small samples by counting all signs, with equal sizes and zeros.
func TestSignedRank(t *testing.T) {
	x := []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	y := []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	v, p, n := SignedRank(Differences(x, y))
	near(t, "V", v, 40, 0)
	near(t, "p", p, 2*0.01953125, 1e-12)
	if n != 9 {
		t.Errorf("n = %d, want 9", n)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		d := make([]float64, 1+r.IntN(8))
		for i := range d {
			d[i] = float64(r.IntN(7) - 3)
		}
		v, p, n := SignedRank(d)
		d = slices.DeleteFunc(d, func(x float64) bool { return x == 0 })
		sizes := make([]float64, len(d))
		for i := range d {
			sizes[i] = math.Abs(d[i])
		}
		ranks := Ranks(sizes)
		sum := func(signs int) (s float64) {
			for i := range d {
				if signs>>i&1 == 1 {
					s += ranks[i]
				}
			}
			return s
		}
		own, middle, count := 0.0, float64(n*(n+1))/4, 0
		for i := range d {
			if d[i] > 0 {
				own += ranks[i]
			}
		}
		for signs := range 1 << len(d) {
			if math.Abs(sum(signs)-middle) >= math.Abs(own-middle)-1e-9 {
				count++
			}
		}
		near(t, "V", v, own, 1e-12)
		near(t, "p", p, float64(count)/float64(int(1)<<len(d)), 1e-12)
	}
	_, p, _ = SignedRank([]float64{1, 2, 3, 4, 5})
	near(t, "the least p of five", p, LeastP(5), 1e-15)
	near(t, "which is", LeastP(5), 0.0625, 0)
}

// Holm by hand, with p.adjust's example of R: of 0.01, 0.02, 0.03, 0.04, 0.05 it makes 0.05,
// 0.08, 0.09, 0.09, 0.09.
func TestHolm(t *testing.T) {
	got := Holm([]float64{0.05, 0.01, 0.03, 0.02, 0.04})
	for i, want := range []float64{0.09, 0.05, 0.09, 0.08, 0.09} {
		near(t, "adjusted", got[i], want, 1e-12)
	}
	near(t, "no more than 1", Holm([]float64{0.9, 0.8})[0], 1, 0)
}

// Friedman's test of R's manual (rounding times of Hollander & Wolfe): chi-squared 11.143 with
// 2 degrees of freedom, p = 0.003805.
func TestFriedman(t *testing.T) {
	times := []float64{
		5.40, 5.50, 5.55, 5.85, 5.70, 5.75, 5.20, 5.60, 5.50, 5.55, 5.50, 5.40, 5.90, 5.85, 5.70, 5.45, 5.55, 5.60, 5.40, 5.40, 5.35,
		5.45, 5.50, 5.35, 5.25, 5.15, 5.00, 5.85, 5.80, 5.70, 5.25, 5.20, 5.10, 5.65, 5.55, 5.45, 5.60, 5.35, 5.45, 5.05, 5.00, 4.95,
		5.50, 5.50, 5.40, 5.45, 5.55, 5.50, 5.55, 5.55, 5.35, 5.45, 5.50, 5.55, 5.50, 5.45, 5.25, 5.65, 5.60, 5.40, 5.70, 5.65, 5.55,
		6.30, 6.30, 6.25,
	}
	chi2, p, mean := Friedman(slices.Collect(slices.Chunk(times, 3)))
	near(t, "chi-squared", chi2, 11.143, 5e-4)
	near(t, "p", p, 0.003805, 5e-7)
	near(t, "mean ranks", mean[0]+mean[1]+mean[2], 6, 1e-12)
	if chi2, p, _ := Friedman([][]float64{{1, 1, 1}, {2, 2, 2}}); chi2 != 0 || p != 1 {
		t.Errorf("equal numbers: chi-squared %v, p %v", chi2, p)
	}
}

// The table of Demšar 2006 for Nemenyi's test at 5 %, and his example: 4 classifiers on 14 data
// sets, critical difference 1.25.
func TestCriticalDifference(t *testing.T) {
	for i, want := range []float64{1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164} {
		near(t, "q", StudentizedRange(0.95, i+2)/math.Sqrt2, want, 1e-3)
	}
	near(t, "critical difference", CriticalDifference(4, 14), 1.25, 5e-3)
}

func TestSimpleOnes(t *testing.T) {
	near(t, "IQM of four", IQM([]float64{100, 2, 3, -50}), 2.5, 0)
	near(t, "IQM of three", IQM([]float64{1, 2, 6}), 3, 0)
	near(t, "IQM of nine", IQM([]float64{9, 8, 7, 6, 5, 4, 3, 2, 100}), 6, 1e-12)
	near(t, "improvement", Improvement([]float64{1, 2}, []float64{1, 0, 3}), (0.5+1+0+1+1+0)/6, 1e-12)
	got := Ranks([]float64{3, 1, 3, 2})
	for i, want := range []float64{3.5, 1, 3.5, 2} {
		near(t, "rank", got[i], want, 0)
	}
}

// The interval of the variance of Efron & Tibshirani's spatial test data (An Introduction to the
// Bootstrap, table 14.2): 171.5, at 90 % from 115.8 to 259.6 with 2,000 resamples, 116.7 to
// 260.9 by their analytic approximation.
func TestBCa(t *testing.T) {
	a := []float64{48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41}
	variance := func(x []float64) float64 {
		m, s := Mean(x), 0.0
		for _, v := range x {
			s += (v - m) * (v - m)
		}
		return s / float64(len(x))
	}
	near(t, "variance", variance(a), 171.5, 0.05)
	low, high := BCa(a, variance, 0.9, rand.New(rand.NewPCG(1, 2)))
	near(t, "low", low, 116.7, 2)
	near(t, "high", high, 260.9, 4)
	if low, high := BCa([]float64{3, 3, 3}, Mean, 0.95, rand.New(rand.NewPCG(1, 2))); low != 3 || high != 3 {
		t.Errorf("of equal numbers %v to %v", low, high)
	}
	low, high = BCa([]float64{0, 1}, Mean, 0.4, rand.New(rand.NewPCG(1, 2)))
	near(t, "ties count half, so that this is symmetric: the sum of the ends", low+high, 1, 1e-12)
	if low, _ := BCa([]float64{3}, Mean, 0.95, rand.New(rand.NewPCG(1, 2))); !math.IsNaN(low) {
		t.Errorf("of one number %v", low)
	}
}

// Of normal samples the interval of the mean holds the mean about as often as it says.
func TestCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	inside := 0
	const tries = 200
	for range tries {
		x := make([]float64, 20)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		if low, high := BCa(x, Mean, 0.95, r); low <= 0 && 0 <= high {
			inside++
		}
	}
	near(t, "coverage", float64(inside)/tries, 0.95, 0.05)
}

// The expectation of random search beside all samples of a small space, and beside draws.
func TestBestOf(t *testing.T) {
	valid, value := []float64{5, 1, 4, 2, 3}, []float64{50, 10, 47, 20, 30}
	sum, square, n := 0.0, 0.0, 0.0
	for chosen := range 1 << 5 {
		best, count := -1, 0
		for i := range valid {
			if chosen>>i&1 == 1 {
				count++
				if best < 0 || valid[i] > valid[best] {
					best = i
				}
			}
		}
		if count == 3 {
			sum, square, n = sum+value[best], square+value[best]*value[best], n+1
		}
	}
	mean, deviation := BestOf(valid, value, 3)
	near(t, "mean", mean, sum/n, 1e-12)
	near(t, "deviation", deviation, math.Sqrt(square/n-sum*sum/n/n), 1e-9)
	mean, deviation = BestOf(valid, value, 9)
	near(t, "all drawn", mean, 50, 1e-12)
	near(t, "without doubt", deviation, 0, 1e-6)
	near(t, "one drawn", first(BestOf(valid, value, 1)), Mean(value), 1e-12)
}

func first(a, _ float64) float64 { return a }

// By hand: means 80, 82, 84 with variance 4; sds 1, 2 and 3 over 2, 4 and 3 trainings, so that
// the pooled variance is (1 + 12 + 18)/6 and the mean of 1/n (1/2 + 1/4 + 1/3)/3.
func TestSpreads(t *testing.T) {
	search, training := Spreads([]float64{80, 82, 84}, []float64{1, 2, 3}, []int{2, 4, 3})
	near(t, "training", training, math.Sqrt(31./6), 1e-12)
	near(t, "search", search, math.Sqrt(4-31./6*(13./36)), 1e-12)
	if search, _ := Spreads([]float64{80, 80.1}, []float64{3, 3}, []int{3, 3}); search != 0 {
		t.Errorf("scatter of trainings alone gives searches %v", search)
	}
	if _, training := Spreads([]float64{80, 82}, []float64{1, 0}, []int{3, 1}); training != 1 {
		t.Errorf("beside a result of one training: %v, want that of the other", training)
	}
	for _, trials := range [][]int{{1, 1}, {3, 0}} {
		if search, training := Spreads([]float64{80, 82}, []float64{1, 1}, trials); !math.IsNaN(search) || !math.IsNaN(training) {
			t.Errorf("%v trainings: %v, %v", trials, search, training)
		}
	}
	// Many searches and trainings with known deviations come back.
	r := rand.New(rand.NewPCG(3, 4))
	var means, sds []float64
	var trials []int
	for range 20000 {
		at, n := 80+0.6*r.NormFloat64(), 3
		x := make([]float64, n)
		for i := range x {
			x[i] = at + 0.4*r.NormFloat64()
		}
		mean, sum := Mean(x), 0.0
		for _, v := range x {
			sum += (v - mean) * (v - mean)
		}
		means, sds, trials = append(means, mean), append(sds, math.Sqrt(sum/float64(n-1))), append(trials, n)
	}
	if search, training := Spreads(means, sds, trials); math.Abs(search-0.6) > 0.01 || math.Abs(training-0.4) > 0.01 {
		t.Errorf("search %v, training %v; want 0.6 and 0.4", search, training)
	}
}

// Student's t for two degrees of freedom is 4.3027 at 97.5 %, for nine 2.2622 (tables).
func TestInterval(t *testing.T) {
	low, high := Interval([]float64{1, 2, 3}, 0.95)
	if half := 4.302653 / math.Sqrt(3); math.Abs(low-(2-half)) > 1e-6 || math.Abs(high-(2+half)) > 1e-6 {
		t.Errorf("%v to %v, want 2 ± %v", low, high, half)
	}
	ten := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	low, high = Interval(ten, 0.95)
	if half := 2.262157 * 3.0276504 / math.Sqrt(10); math.Abs(low-(5.5-half)) > 1e-6 || math.Abs(high-(5.5+half)) > 1e-6 {
		t.Errorf("%v to %v, want 5.5 ± %v", low, high, half)
	}
	if low, _ := Interval([]float64{1}, 0.95); !math.IsNaN(low) {
		t.Errorf("of one number there is %v, want none", low)
	}
}
