package reports

import (
	"fmt"
	"math"

	"idarts/internal/statistics"
)

// Verdict is what our numbers say of a published one.
type Verdict string

// The verdicts. See [Judge] for the rule.
const (
	Reproduced    Verdict = "reproduced"
	Refuted       Verdict = "refuted"
	Undecided     Verdict = "undecided"
	NotComparable Verdict = "not comparable"
	NotRun        Verdict = "not run"
)

// Verdicts lists them, in the order in which they are counted.
var Verdicts = []Verdict{Reproduced, Refuted, Undecided, NotComparable, NotRun}

// least is what two accuracies may differ by, in percentage points, and count as the same:
// what a training of one network scatters by in NAS-Bench-201, rounded up.
const least = 0.5

// margin is how far from a published mean, printed with ± std, a mean of ours may be.
func margin(std float64) float64 {
	if math.IsNaN(std) {
		return least
	}
	return max(least, std)
}

// judgeRule says [Judge] in words.
const judgeRule = "Verdicts: reproduced, where the 95 % interval of our mean (Student's t over seeds) lies within the published mean ± what the paper prints behind it, at least half a point; " +
	"refuted, where it lies outside; undecided, where it does both or there is one seed; not comparable, where protocol, data or table are others; not run, with what it takes."

// Judge compares our numbers, one a seed and under the published protocol, with a published
// mean ± std, both in percentage points; std is NaN where none is printed.
func Judge(ours []float64, mean, std float64) Verdict {
	low, high := statistics.Interval(ours, level)
	m := margin(std)
	switch {
	case len(ours) == 0:
		return NotRun
	case math.IsNaN(low):
		return Undecided
	case low >= mean-m && high <= mean+m:
		return Reproduced
	case high < mean-m || low > mean+m:
		return Refuted
	}
	return Undecided
}

// level is that of intervals of means.
const level = 0.95

// interval is that of a mean as text.
func interval(values []float64) string {
	low, high := statistics.Interval(values, level)
	if math.IsNaN(low) {
		return missing
	}
	return fmt.Sprintf("%.2f to %.2f", low, high)
}
