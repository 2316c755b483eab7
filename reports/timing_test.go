package reports

import (
	"slices"
	"testing"

	"idarts/internal/result"
)

// Arithmetic that a table has been filled with at another time is no speed.
func TestTimingOfLookedUpScores(t *testing.T) {
	runs := slices.DeleteFunc(queryRuns(), func(r result.Run) bool { return r.Result == nil || r.Cell.Method != "random" })
	for i := range runs {
		runs[i].Result.GFLOP, runs[i].Timing.SearchSeconds = 1000, []float64{0.5}
	}
	speeds := func() (column []string) {
		for _, row := range Timing(runs, queryOptions())[0].Rows {
			column = append(column, row[3])
		}
		return column
	}
	if got := speeds(); !slices.Contains(got, "2000.0") {
		t.Errorf("trained scores: GFLOP/s are %q, want 2000.0", got)
	}
	for i := range runs {
		runs[i].Result.Score.Source = "table:t.arrow"
	}
	if got := speeds(); slices.ContainsFunc(got, func(s string) bool { return s != missing }) {
		t.Errorf("scores of a table: GFLOP/s are %q, want none", got)
	}
}
