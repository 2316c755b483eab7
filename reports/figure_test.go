package reports

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"

	"idarts/internal/result"
)

// Two seeds by hand: the first has 80 from cost 1 and 90 from 3, the second 70
// from 2 and 60 from 4.
func TestAverageOfStepFunctions(t *testing.T) {
	got := average([]steps{
		{x: []float64{1, 3}, y: []float64{80, 90}},
		{x: []float64{2, 4}, y: []float64{70, 60}},
	}, minMax)
	want := curve{seeds: 2,
		x:    []float64{2, 3, 4}, // not 1, where the second has no cell yet
		mean: []float64{75, 80, 75},
		lo:   []float64{70, 70, 60},
		hi:   []float64{80, 90, 90}, // the first is through at 3 and keeps its 90
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStepsOfARun(t *testing.T) {
	run := result.Run{
		Events: []result.Event{
			{Epoch: 1, GFLOP: 10, Score: result.Score{Valid: 71, Test: 70, Source: "s"}},
			{Epoch: 2, GFLOP: 20}, // not scored
			{Epoch: 3, GFLOP: 30, Score: result.Score{Valid: 81, Test: 80, Source: "s"}},
		},
		Result: &result.Result{GFLOP: 30, Epochs: 3, Score: result.Score{Valid: 81, Test: 80, Source: "s"}},
		Timing: result.Timing{SearchSeconds: []float64{1, 2, 4}},
	}
	for _, tt := range []struct {
		name  string
		axis  Axis
		split Split
		want  steps
	}{
		{"test against GFLOP", GFLOP, Test, steps{[]float64{10, 30}, []float64{70, 80}}},
		{"test against queries", Queries, Test, steps{[]float64{1, 3}, []float64{70, 80}}},
		{"valid against cumulated seconds", Seconds, Valid, steps{[]float64{1, 7}, []float64{71, 81}}},
	} {
		if got := stepsOf(run, tt.axis, tt.split); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A run whose times are lost is left out of what shows times, and named.
func TestLostTimes(t *testing.T) {
	runs := laptopRuns()
	lost := runs[slices.IndexFunc(runs, func(r result.Run) bool { return r.Cell.Method == "idarts" && r.Result != nil })]
	for i := range runs {
		if runs[i].Cell == lost.Cell {
			runs[i].Timing = result.Timing{}
		}
	}
	note := fmt.Sprintf("Left out: %s, whose times are lost.", lost.Cell)
	figures := Anytime(runs, Seconds, Test, options)
	if len(figures) != 1 || !slices.Contains(figures[0].Notes, note) {
		t.Errorf("notes of the figure: %q, want %q", figures[0].Notes, note)
	}
	table := Timing(runs, options)[0]
	if !slices.Contains(table.Notes, note) {
		t.Errorf("notes of the table: %q, want %q", table.Notes, note)
	}
	for _, row := range table.methods[1:] {
		if row[3] == "idarts" && (row[4] != "2" || strings.Contains(strings.Join(row, ","), "NaN")) {
			t.Errorf("row %q, want 2 runs", row)
		}
	}
	for _, figure := range Anytime(runs, GFLOP, Test, options) {
		if slices.Contains(figure.Notes, note) {
			t.Error("times are missed where none are shown")
		}
	}
}

// oddRuns have what makes figures go wrong: a method with one point, one with
// one seed, one with nothing but failures, one that costs nothing, and titles
// beyond ASCII.
func oddRuns() ([]result.Run, Options) {
	runs := laptopRuns()
	var out []result.Run
	for _, run := range runs {
		switch {
		case run.Cell.Method == "random":
			for i := range run.Events {
				run.Events[i].GFLOP = 0
			}
			run.Result.GFLOP = 0
		case run.Cell.Method == "darts-v1":
			run.Events = run.Events[len(run.Events)-1:]
			run.Timing.SearchSeconds = run.Timing.SearchSeconds[:1]
		case run.Cell.Method == "darts-v2" && run.Cell.Seed > 0:
			continue
		case run.Cell.Method == "idarts-released":
			run.Result, run.Failure = nil, &result.Failure{Cell: run.Cell, Error: "diverged"}
		}
		out = append(out, run)
	}
	opts := options
	opts.Titles = append([]Title{{"idarts", "β-iDARTS"}}, opts.Titles...)
	opts.Best = []Best{{Space: "nb201", Dataset: "fashion", Valid: 90.1, Test: 89.7, Source: "made up"}}
	return out, opts
}

// A dead cell on the way does not squeeze the curves, and one at the end is shown.
func TestAxisIsCut(t *testing.T) {
	level := func(y ...float64) curve { return curve{mean: y, lo: y, hi: y, x: []float64{1, 2, 3}} }
	dips, steady, dies := level(83, 10, 82), level(83, 84, 84), level(83, 84, 10)
	for _, tt := range []struct {
		name     string
		curves   []curve
		best     float64
		lo, high float64
	}{
		{"a cell on the way", []curve{dips, steady}, math.NaN(), 76, 84}, // ends from 82 to 84
		{"a better cell is known", []curve{dips, steady}, 85, 73, 85},
		{"a cell at the end", []curve{dies, steady}, math.NaN(), 10, 84},
		{"nothing to cut", []curve{level(80, 82, 82), steady}, math.NaN(), 80, 84},
		{"no range at all", []curve{level(10, 84, 84)}, math.NaN(), 80, 84},
	} {
		lo, high, lowest := anytime{curves: tt.curves, best: tt.best}.accuracies()
		if lo != tt.lo || high != tt.high || lowest != min(lowest, tt.curves[0].mean[1], tt.curves[0].mean[0]) {
			t.Errorf("%s: from %v to %v, the lowest %v; want from %v to %v", tt.name, lo, high, lowest, tt.lo, tt.high)
		}
	}
	// What lies in the margin below the range is drawn, and not said to be left out.
	for dip, cut := range map[float64]bool{10: true, 75.9: false} {
		f := anytime{curves: []curve{level(83, dip, 82), steady}, best: math.NaN()}
		svg := save(t, "cut", func() (Figure, error) { return Figure{Picture: page(f.legend(), f.draw)}, nil })
		if got := strings.Contains(svg, "not shown: accuracies below 75.6 %, the lowest 10.0 %"); got != cut || strings.Contains(svg, "not shown") != cut {
			t.Errorf("down to %v: says that something is not shown: %v", dip, got)
		}
	}
}

// Queries are counted for methods that only ask, and a figure compares them.
func TestFigureOfQueries(t *testing.T) {
	f := groups(queryRuns(), queryOptions())[0].anytime(Queries, Test, queryOptions())
	if len(f.curves) != 2 || !slices.Equal(f.curves[0].x, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("%d curves, the first at %v; want two, at queries 1 to 6", len(f.curves), f.curves[0].x)
	}
	opts := queryOptions()
	opts.NoEpochs = []string{"random"}
	if figures := Anytime(queryRuns(), Queries, Test, opts); len(figures) != 0 {
		t.Errorf("%d figures of one method, want none", len(figures))
	}
}

// save draws a figure twice in each format, the second time anew, and gives the text
// of its SVG. -keep leaves the files in a folder.
func save(t *testing.T, name string, draw func() (Figure, error)) (svg string) {
	t.Helper()
	dir := t.TempDir()
	if *keep != "" {
		dir = *keep
	}
	for _, ext := range []string{".svg", ".png", ".pdf"} {
		first, second := filepath.Join(dir, name+ext), filepath.Join(t.TempDir(), "second"+ext)
		for _, path := range []string{first, second} {
			figure, err := draw()
			if err != nil {
				t.Fatal(err)
			}
			if err := figure.Save(path); err != nil {
				t.Fatal(err)
			}
		}
		content := read(t, first)
		if !bytes.Equal(content, read(t, second)) {
			t.Errorf("%s differs from one call to the next", ext)
		}
		switch ext {
		case ".png":
			if _, err := png.Decode(bytes.NewReader(content)); err != nil {
				t.Errorf("not a PNG: %v", err)
			}
		case ".pdf":
			if got := bytes.Count(content, []byte("Date (D:19700101000000")); got != 2 || !bytes.HasPrefix(content, []byte("%PDF-")) {
				t.Errorf("the PDF has %d of its 2 dates fixed", got)
			}
		case ".svg":
			svg = string(content)
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Error("the SVG has a coordinate that is no number")
			}
		}
	}
	return svg
}

// only is the figure of a list that should have one.
func only(figures []Figure) (Figure, error) {
	if len(figures) != 1 {
		return Figure{}, fmt.Errorf("%d figures, want one", len(figures))
	}
	return figures[0], nil
}

func TestFigures(t *testing.T) {
	odd, oddOptions := oddRuns()
	for _, tt := range []struct {
		name   string
		runs   []result.Run
		opts   Options
		axis   Axis
		split  Split
		legend []string
	}{
		{"laptop-gflop", laptopRuns(), options, GFLOP, Test, []string{"Random search", "iDARTS (as released), 2/3 seeds"}},
		{"laptop-seconds", laptopRuns(), options, Seconds, Valid, []string{"search time (s)", "valid accuracy"}},
		{"laptop-queries", queryRuns(), queryOptions(), Queries, Test, []string{"distinct cells queried", "Random search", "Local search, 2/3 seeds"}},
		{"odd-gflop", odd, oddOptions, GFLOP, Test, []string{"beta-iDARTS", "best known", "DARTS (second order), 1/1 seed", "iDARTS (as released), 0/3 seeds"}},
		{"odd-seconds", odd, oddOptions, Seconds, Test, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			svg := save(t, tt.name, func() (Figure, error) { return only(Anytime(tt.runs, tt.axis, tt.split, tt.opts)) })
			for _, text := range tt.legend {
				if !strings.Contains(svg, text) {
					t.Errorf("the SVG does not say %q", text)
				}
			}
		})
	}
}

func TestTicks(t *testing.T) {
	labels := func(ticks []plot.Tick) (out []string) {
		for _, t := range ticks {
			if t.Label != "" {
				out = append(out, t.Label)
			}
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		ticker plot.Ticker
		lo, hi float64
		want   string
	}{
		{"percent", decimalTicks{}, 69.6, 90.2, "[70 75 80 85 90]"},
		{"a narrow range", decimalTicks{}, 88.1, 88.6, "[88.1 88.2 88.3 88.4 88.5 88.6]"},
		{"from zero", decimalTicks{}, 0, 330, "[0 50 100 150 200 250 300]"},
		{"few epochs", wholeTicks{}, 0.9, 3.1, "[1 2 3]"},
		{"many epochs", wholeTicks{}, -1, 52, "[10 20 30 40 50]"},
		{"two decades", logTicks{}, 90, 8000, "[100 200 500 1000 2000 5000]"},
		{"many decades", logTicks{}, 1.5, 2e6, "[10 100 1000 10000 100000 1e+06]"},
	} {
		if got := fmt.Sprint(labels(tt.ticker.Ticks(tt.lo, tt.hi))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}
