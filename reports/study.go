package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"idarts/internal/statistics"
)

// Try is a size that a benchmark could have, with trainings of some of its cells
// by seeds 0 and 1.
type Try struct {
	Name        string
	CoreSeconds float64 // of one training
	Cells       []Trained
}

// Study compares tries in a Markdown table, one line for each: the cost of a
// training, how well its two seeds agree on the order of cells, the noise of a seed
// in percent, the spread of the test accuracies, and how well the means over seeds
// agree with the official accuracies where those are known.
func Study(tries []Try) string {
	var out strings.Builder
	out.WriteString("| try | core-seconds | valid: Spearman, tau-b | test: Spearman, tau-b | seed noise | test min, 5 %, median, 95 %, max | tau-b with official |\n")
	out.WriteString("|---|---|---|---|---|---|---|\n")
	for _, t := range tries {
		out.WriteString(t.line())
	}
	return out.String()
}

// line is a try's line of the table.
func (t Try) line() string {
	seeds := func(s Split) string {
		x, y := s.ofSeed(0, t.Cells), s.ofSeed(1, t.Cells)
		return fmt.Sprintf("%.3f, %.3f", statistics.Spearman(x, y), statistics.KendallTauB(x, y))
	}
	sorted := slices.Sorted(slices.Values(append(Test.ofSeed(0, t.Cells), Test.ofSeed(1, t.Cells)...)))
	var quantiles []string
	for _, q := range []float64{0, 0.05, 0.5, 0.95, 1} {
		quantiles = append(quantiles, fmt.Sprintf("%.1f", statistics.Quantile(sorted, q)))
	}
	known := slices.DeleteFunc(slices.Clone(t.Cells), func(c Trained) bool { return math.IsNaN(c.Official) })
	mean := each(known, func(c Trained) float64 { return (c.Test[0] + c.Test[1]) / 2 })
	agreement := "-"
	if tau := statistics.KendallTauB(mean, each(known, official)); !math.IsNaN(tau) {
		agreement = fmt.Sprintf("%.3f", tau)
	}
	return fmt.Sprintf("| %s | %.2f | %s | %s | %.2f | %s | %s |\n",
		t.Name, t.CoreSeconds, seeds(Valid), seeds(Test), Test.noise(t.Cells), strings.Join(quantiles, ", "), agreement)
}
