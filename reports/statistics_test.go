package reports

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"idarts/internal/result"
	"idarts/internal/statistics"
)

// seeded are finished runs of a method, one for each test accuracy, each with a first cell
// of half that accuracy at 10 GFLOP and the last at 100.
func seeded(space, name string, tests ...float64) (runs []result.Run) {
	for seed, test := range tests {
		cell := result.Cell{Space: space, Dataset: "d", Protocol: "p", Method: name, Seed: uint64(seed)}
		score := func(test float64) result.Score {
			return result.Score{Valid: test, Test: test, Trials: 1, Source: "table:t"}
		}
		runs = append(runs, result.Run{
			Cell:   cell,
			Config: result.Config{Cell: cell, Numbers: result.Numbers{Method: name, Seed: uint64(seed), Protocol: json.RawMessage(`{}`), Settings: json.RawMessage(`{}`)}},
			Events: []result.Event{{Epoch: 1, GFLOP: 10, Arch: "a", Score: score(test / 2)}, {Epoch: 2, GFLOP: 100, Arch: "b", Score: score(test)}},
			Result: &result.Result{Cell: cell, Arch: "b", Score: score(test), GFLOP: 100, Epochs: 2},
		})
	}
	return runs
}

func TestStatistics(t *testing.T) {
	runs := seeded("s", "darts-v1", 80, 81, 82, 83, 84, 85)
	runs = append(runs, seeded("s", "idarts", 81, 83, 85, 87, 89, 91)...) // differences 1 to 6
	runs = append(runs, seeded("s", "darts-v2", 80, 81, 82)...)
	runs = append(runs, seeded("s", "random", 82, 82, 80, 81, 79)...)
	runs[6].Result.Noise = &result.Noise{Lost: 0.5, Mean: 0.02, Deviation: 0.01}
	long := &runs[6] // the first of idarts goes on to 1000 GFLOP with its cell
	long.Result.GFLOP = 1000
	runs[17].Result.Expected = &result.Expected{Draws: 100, Valid: 84, Test: 83.649, TestSD: 0.334}
	for i := range runs { // of two trainings each: 14 − 1²/2 is left for the searches, by variance
		if runs[i].Cell.Method == "idarts" {
			runs[i].Result.Score.Trials, runs[i].Result.Score.TestSD = 2, 1
		}
	}
	tables, err := Statistics(runs, "darts-v1", options)
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) != 1 {
		t.Fatalf("%d tables, want 1", len(tables))
	}
	rows := map[string][]string{}
	for _, row := range tables[0].Rows {
		rows[row[0]] = row
	}
	// Six differences of one sign: p = 2/2⁶; five of both signs by hand; two tests, so Holm
	// doubles the smaller.
	fives := statistics.Differences([]float64{82, 82, 80, 81, 79}, []float64{80, 81, 82, 83, 84})
	_, p, _ := statistics.SignedRank(fives)
	for name, want := range map[string][]string{
		"DARTS (first order)":  {"82.50", "reference", "–", "–", "–", "–", "", "", "0"},
		"DARTS (second order)": {"81.00", "+0.00 +0.00 +0.00", "0.25", "–", "–", "–", "", "", "3"},
		"iDARTS":               {"86.00", "+3.50 [", "0.79", "0.0312", "0.0625", "0.500 (0.020)", "", "", "6", "3.67, 1.00"},
		"Random search":        {"81.00", "-1.20 [", "0.23", fixed(p, 4), fixed(p, 4), "–", "", "", "5", "–"},
	} {
		row := rows[name]
		if row == nil {
			t.Fatalf("no row %q", name)
		}
		for i, w := range want {
			if !strings.HasPrefix(row[i+1], w) {
				t.Errorf("%s, column %d is %q, want %q", name, i+1, row[i+1], w)
			}
		}
	}
	// From 10 to 1000 GFLOP: half the accuracy over one decade, all of it over the other.
	for _, m := range tables[0].methods[1:] {
		of := func(name string) float64 { return parse(t, m[slices.Index(tables[0].methods[0], name)]) }
		if m[3] == "darts-v2" && (math.Abs(of("area_log_gflop")-0.75*81) > 1e-9 || of("gflop_from") != 10 || of("gflop_to") != 1000 || of("gflop_at") != 100) {
			t.Errorf("over cost %v", m)
		}
		if m[3] == "idarts" {
			low, high := of("low"), of("high")
			if !(1 <= low && low < 3.5 && 3.5 < high && high <= 6) {
				t.Errorf("interval %v to %v", low, high)
			}
		}
	}
	notes := strings.Join(tables[0].Notes, "\n")
	for _, want := range []string{
		"Of 3 pairs no two-sided test can reach 5 %: the smallest possible p is 0.25.",
		"Of 5 pairs no two-sided test can reach 5 %: the smallest possible p is 0.0625.",
		"Random search with 100 cells, exactly from the table: test accuracy 83.65 on average, standard deviation 0.33",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note %q in\n%s", want, notes)
		}
	}
	if _, err := Statistics(runs, "gdas", options); err == nil || !strings.Contains(err.Error(), `no finished runs of method "gdas" to compare with, only of ["random" "darts-v1"`) {
		t.Errorf("a method that is not there: %v", err)
	}

	// A run that ends before others have a cell has no say in the common cost.
	early := seeded("s", "darts-v2", 80)
	early[0].Events, early[0].Result.GFLOP = early[0].Events[:1], 5
	early[0].Events[0].GFLOP = 5
	short, err := Statistics(append(early, runs[:12]...), "darts-v1", options)
	if err != nil {
		t.Fatal(err)
	}
	if at := short[0].Header[8]; at != "At 100 GFLOP (%)" {
		t.Errorf("the common cost is %q, want 100 GFLOP", at)
	}

	// The same bytes, whatever other rows there are.
	again, err := Statistics(runs[:12], "darts-v1", options)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range again[0].Rows {
		if row[0] == "iDARTS" && row[2] != rows["iDARTS"][2] {
			t.Errorf("the interval is %q without other rows, %q with them", row[2], rows["iDARTS"][2])
		}
	}
}

// Methods are ranked over tables where these are enough.
func TestRanksOverTables(t *testing.T) {
	var runs []result.Run
	for i, space := range []string{"a", "b", "c", "d", "e", "f"} {
		x := float64(i)
		runs = append(runs, seeded(space, "darts-v1", 70+x)...)
		runs = append(runs, seeded(space, "darts-v2", 80+x)...)
		runs = append(runs, seeded(space, "idarts", 90+x)...)
		if i > 0 {
			runs = append(runs, seeded(space, "random", 95)...) // not in all
		}
	}
	tables, err := Statistics(runs, "darts-v1", options)
	if err != nil || len(tables) != 7 {
		t.Fatalf("%d tables, %v, want 6 and the ranks", len(tables), err)
	}
	ranks := tables[6]
	if len(ranks.Rows) != 3 || ranks.Rows[0][1] != "3.00" || ranks.Rows[2][1] != "1.00" || !strings.Contains(ranks.Caption, "chi-squared 12.000 with 2 degrees of freedom, p 0.0025") {
		t.Errorf("%v, %s", ranks.Rows, ranks.Caption)
	}
	if tables, _ := Statistics(runs[:8], "darts-v1", options); len(tables) != 3 {
		t.Errorf("%d tables of few spaces, want no ranks", len(tables))
	}
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	var x float64
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return x
}
