package reports

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"idarts/internal/result"
)

// The gap is the optimum minus the accuracy of each seed: 2 and 1 from 95. With a standard
// error of 0.3 of the optimum and √(1/2)/√2 = 0.5 of the runs that of the gap is √0.34 = 0.58.
func TestGapToOptimum(t *testing.T) {
	runs := paperRuns("idarts", "table:nb201-micro")
	know := func(test float64) *result.Optimum {
		score := result.Score{Valid: 91, Test: test, Trials: 10, Source: "table:nb201-micro"}
		other := score
		other.Test = 94
		return &result.Optimum{Archs: 3, Among: 2, BestTest: result.ArchScore{Arch: "b", Score: score, TestSE: 0.3}, BestValid: result.ArchScore{Arch: "c", Score: other, TestSE: 0.4}}
	}
	runs[1].Result.Optimum = know(95) // the first is an older one and does not know it
	table := Compare(runs, Options{})[0]
	if table.Header[4] != "Gap to optimum (pp)" || !slices.Equal(table.Rows[0][1:5], []string{"90.50 ± 0.71", "93.50 ± 0.71", "2/2 seeds", "1.50 ± 0.58"}) {
		t.Errorf("header %q, row %q; want a gap of 1.50 ± 0.58", table.Header, table.Rows[0])
	}
	for _, want := range []string{
		"Gap: 95.00 (optimum: best mean of the 2 of 3 architectures with the most trials in table:nb201-micro, standard error 0.30) minus",
		"in percentage points ± its standard error",
	} {
		if !strings.Contains(table.Caption, want) {
			t.Errorf("caption %q does not say %q", table.Caption, want)
		}
	}
	if got, want := table.Rows[len(table.Rows)-1][3:5], []string{"10 trials", "1.00 ± 0.50"}; !slices.Equal(got, want) {
		t.Errorf("gap of the best by validation %q, want %q: √(0.3² + 0.4²)", got, want)
	}
	if last := table.Rows[len(table.Rows)-2:]; last[0][0] != "Optimum" || last[0][2] != "95.00" || last[0][4] != "0.00" || last[1][0] != "Best by validation" {
		t.Errorf("last rows %q, want the optimum and the best by validation", last)
	}
	for _, rows := range [][][]string{table.methods, table.seeds} {
		for _, row := range rows {
			if len(row) != len(rows[0]) {
				t.Errorf("row %q has %d fields, want %d", row, len(row), len(rows[0]))
			}
		}
	}
	if got, want := table.seeds[2][len(table.seeds[2])-1], "1"; got != want { // 95 - 94
		t.Errorf("gap of the second seed %q, want %q", got, want)
	}
	if f := groups(runs, Options{})[0].anytime(GFLOP, Test, Options{}); f.best != 95 {
		t.Errorf("the figure's line is at %v, want 95", f.best)
	}
	for _, tt := range []struct {
		name   string
		change func(runs []result.Run, o *result.Optimum) []result.Run
		gap    string
		want   string // in the caption or the notes
	}{
		{"one run", func(runs []result.Run, _ *result.Optimum) []result.Run { return runs[1:] }, "1.00",
			"iDARTS: no standard error of the gap, which takes two finished seeds."},
		{"an optimum of one trial", func(runs []result.Run, o *result.Optimum) []result.Run {
			o.BestTest.Score.Trials, o.BestTest.TestSE = 1, 0
			return runs
		}, "1.50", "without its standard error, for which two trials or more of the optimum must be known."},
		{"a best cell by validation of one trial", func(runs []result.Run, o *result.Optimum) []result.Run {
			o.BestValid.TestSE = 0
			return runs
		}, "1.50 ± 0.58", "Best by validation: no standard error of the gap, which takes two trials."},
	} {
		runs := paperRuns("idarts", "table:nb201-micro")
		runs[1].Result.Optimum = know(95)
		table := Compare(tt.change(runs, runs[1].Result.Optimum), Options{Titles: []Title{{"idarts", "iDARTS"}}})[0]
		if text := table.Caption + strings.Join(table.Notes, "\n"); table.Rows[0][4] != tt.gap || !strings.Contains(text, tt.want) {
			t.Errorf("%s: gap %q, %q; want %q and %q", tt.name, table.Rows[0][4], text, tt.gap, tt.want)
		}
	}
	runs[0].Result.Optimum = know(96)
	if notes := strings.Join(Compare(runs, Options{})[0].Notes, "\n"); !strings.Contains(notes, "different optima: 96 of 3; 95 of 3") {
		t.Errorf("notes %q, want a warning of two optima", notes)
	}
}

func TestPublishedRows(t *testing.T) {
	optimum, ok := Optimum("nb201", "cifar10")
	if !ok {
		t.Fatal("no optimum for cifar10")
	}
	for _, tt := range []struct {
		name           string
		method, source string
		change         func(*result.Cell)
		want           string // test accuracy printed in the row of the paper; "" for no such row
	}{
		{"iDARTS on its own ground", "idarts", "table:nats-tss", func(*result.Cell) {}, "93.58 ± 0.32"},
		{"DARTS, second generation", "darts-v1", "table:nats-tss", func(*result.Cell) {}, "54.30 ± 0.00"},
		{"another protocol", "idarts", "table:nats-tss", func(c *result.Cell) { c.Protocol = "laptop" }, ""},
		{"another data set to search on", "idarts", "table:nats-tss", func(c *result.Cell) { c.Dataset = "cifar100" }, ""},
		{"scores of our own training", "idarts", "trained:paper", func(*result.Cell) {}, ""},
		{"a method that is not in the paper", "idarts-released", "table:nats-tss", func(*result.Cell) {}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runs := paperRuns(tt.method, tt.source)
			for i := range runs {
				tt.change(&runs[i].Cell)
			}
			table := Compare(runs, Options{Best: []Best{optimum}})[0]
			if tt.want == "" {
				if len(table.Rows) != 1 {
					t.Errorf("got a row %q", table.Rows[1])
				}
				return
			}
			if len(table.Rows) != 2 || table.Rows[1][2] != tt.want || !strings.HasPrefix(table.Notes[0], "[1] ") {
				t.Fatalf("got rows %q, notes %q", table.Rows, table.Notes)
			}
			if got, want := table.Rows[0][4], "0.87"; got != want { // 94.37 - (93+94)/2
				t.Errorf("gap to the optimum = %s, want %s", got, want)
			}
			golden(t, "published-"+tt.method+".txt", table.Text)
		})
	}
	seen := map[string]bool{}
	for _, p := range PublishedRows() {
		if key := p.Space + p.Searched + p.Dataset + p.Protocol + p.Set + p.Title; seen[key] {
			t.Errorf("two rows for %s on %s", p.Title, p.Dataset)
		} else {
			seen[key] = true
		}
		if p.Source == "" || p.Set == "" || !(p.Test > 0) || p.Valid <= 0 {
			t.Errorf("incomplete row %+v", p)
		}
	}
}

func TestProtocolsAreNeverMixed(t *testing.T) {
	runs := laptopRuns()
	for i := range runs {
		if runs[i].Cell.Seed == 2 {
			runs[i].Cell.Protocol = "paper"
		}
	}
	tables := Compare(runs, options)
	if len(tables) != 2 || tables[0].Name != "nb201-fashion-laptop" || tables[1].Name != "nb201-fashion-paper" {
		t.Fatalf("got %d tables, want one for laptop and one for paper", len(tables))
	}
	for i, want := range []string{"2/2 seeds", "1/1 seed"} {
		if got := tables[i].Rows[0][3]; got != want {
			t.Errorf("%s: n = %q, want %q", tables[i].Name, got, want)
		}
	}
	if got := tables[1].Rows[4][1:]; !slices.Equal(got, []string{"–", "–", "0/1 seed", "–", "–"}) {
		t.Errorf("a method without a finished seed prints %q", got)
	}
}

func TestRunsThatShouldNotBeCompared(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Run)
		want   string
	}{
		{"data", func(r *result.Run) { r.Config.Numbers.Data = map[string]string{"fashion16.arrow": "ffff"} }, "other runs of protocol laptop have other numbers, and a table of their own; here: data fashion16.arrow 6d0f3c2b9a81."},
		{"protocol numbers", func(r *result.Run) { r.Config.Numbers.Protocol = json.RawMessage(`{"epochs":9}`) }, "other runs of protocol laptop have other numbers, and a table of their own; here: epochs 8."},
		{"method numbers", func(r *result.Run) { r.Config.Numbers.Settings = json.RawMessage(`{"k":9}`) }, "runs of random were made from different numbers, so they have rows of their own: k 2; k 9."},
		{"device", func(r *result.Run) { r.Config.Numbers.Device = "cuda float32" }, "different devices: cpu float32; cuda float32"},
		{"score source", func(r *result.Run) { r.Result.Score.Source = "table:x" }, "different score sources"},
		{"a run's own warning", func(r *result.Run) { r.Result.Warnings = []string{"alpha did not move"} }, "Random search, seed 2: alpha did not move."},
		{"a run that has not ended", func(r *result.Run) { r.Result = nil }, "Not finished: nb201/fashion/laptop/random/seed-2, after 6 epochs."},
		{"layout of the protocol is no difference", func(r *result.Run) { r.Config.Numbers.Protocol = json.RawMessage("{\n\"epochs\":8}") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runs := laptopRuns()
			before := Compare(runs, options)[0].Notes
			tt.change(&runs[len(runs)-1])
			after := Compare(runs, options)[0].Notes
			if tt.want == "" {
				if !slices.Equal(before, after) {
					t.Errorf("got notes %q, want %q", after, before)
				}
				return
			}
			if !strings.Contains(strings.Join(after, "\n"), tt.want) {
				t.Errorf("notes %q do not say %q", after, tt.want)
			}
		})
	}
}
