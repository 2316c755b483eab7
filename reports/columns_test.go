package reports

import (
	"io"
	"strings"
	"testing"

	"idarts/internal/result"
)

// A table of what papers print beside the score: means over seeds, a column that a run lacks or
// that is of another release as missing, and the published row of the same method beside it.
func TestColumnsOfPapers(t *testing.T) {
	runs := paperRuns("idarts", "table:nats-tss")
	for i := range runs {
		runs[i].Result.Columns = []result.Measured{
			{Column: "cifar10 test", Accuracy: 93 + float64(i), Trials: 3, Release: "A"},
			{Column: "cifar100 test", Accuracy: 71, Release: []string{"A", "B"}[i%2]},
		}
	}
	runs[0].Result.Columns[0].OtherNetwork = 1. / 3
	tables := Compare(runs, Options{})
	if len(tables) != 2 {
		t.Fatalf("%d tables, want that of the scores and that of the columns", len(tables))
	}
	got := tables[1]
	want := [][]string{
		{"idarts", "–", "93.50 ± 0.71", "–", "–", "–", "–", "2"},
		{"idarts, published", "89.86 ± 0.60", "93.58 ± 0.32", "70.57 ± 0.24", "70.83 ± 0.48", "40.38 ± 0.59", "40.89 ± 0.68", "not stated"},
	}
	for i, row := range want {
		if strings.Join(got.Rows[i], "|") != strings.Join(row, "|") {
			t.Errorf("row %d is %q, want %q", i, got.Rows[i], row)
		}
	}
	if notes := strings.Join(got.Notes, " "); !strings.Contains(notes, "cifar10 test: A.") || !strings.Contains(notes, "Of 1 run a number is a mean") {
		t.Errorf("notes %q", got.Notes)
	}
	for _, write := range []func(Tables, io.Writer) error{Tables.Text, Tables.CSV, Tables.SeedsCSV, Tables.LaTeX} {
		var text strings.Builder
		if err := write(tables, &text); err != nil || text.Len() == 0 {
			t.Errorf("%v, %d bytes", err, text.Len())
		}
	}
}
