package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"idarts/internal/result"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")
	keep   = flag.String("keep", "", "folder to leave the figures of the tests in, to look at")
)

var options = Options{Titles: []Title{
	{"random", "Random search"},
	{"darts-v1", "DARTS (first order)"},
	{"darts-v2", "DARTS (second order)"},
	{"idarts", "iDARTS"},
	{"idarts-released", "iDARTS (as released)"},
}}

// laptopRuns are 5 methods x 3 seeds as a small grid leaves them: made up, with
// a fixed generator, but shaped like real ones. The third seed of
// idarts-released has failed.
func laptopRuns() []result.Run {
	var runs []result.Run
	for _, m := range []struct {
		name               string
		epochs             int
		gflop, start, gain float64
	}{
		{"darts-v1", 8, 310, 84.5, -6},
		{"darts-v2", 8, 930, 84, 1.5},
		{"idarts", 8, 2050, 84, 4.2},
		{"idarts-released", 8, 1400, 83, 2.5},
		{"random", 6, 260, 80, 6},
	} {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, uint64(len(m.name))*1000+uint64(m.gflop)))
			run := result.Run{Cell: result.Cell{Space: "nb201", Dataset: "fashion", Method: m.name, Protocol: "laptop", Seed: seed}}
			run.Config = result.Config{
				Cell: run.Cell, Protocol: json.RawMessage(`{"epochs": 8}`), Method: json.RawMessage(`{"name": "` + m.name + `"}`),
				Data:     map[string]string{"fashion16.arrow": "6d0f3c2b9a81e4f7aa00"},
				Versions: map[string]string{"go": "go1.26.8", "idarts": "v0.1.0"}, Device: "cpu float32",
			}
			run.Timing = result.Timing{Machine: "Xeon 2.1 GHz, 2 workers", ScoreSeconds: 20 + 10*r.Float64()}
			best, cost := 0.0, 0.0
			for epoch := 1; epoch <= m.epochs; epoch++ {
				cost += m.gflop
				score := m.start + m.gain*float64(epoch)/float64(m.epochs) + 2.5*(r.Float64()-0.5)
				if m.name == "random" {
					score = max(best, 70+18*r.Float64())
					best = score
				}
				if r.Float64() < 0.3 && len(run.Events) > 0 { // the same cell as before
					score = run.Events[len(run.Events)-1].Score.Test
				}
				score = math.Round(100*score) / 100
				run.Events = append(run.Events, result.Event{
					Epoch: epoch, GFLOP: cost, Arch: fmt.Sprintf("|cell-%.2f|", score),
					Score: result.Score{Valid: score + 0.4, Test: score, Trials: 1, Source: "trained:laptop"},
				})
				run.Timing.SearchSeconds = append(run.Timing.SearchSeconds, m.gflop/55*(1+0.1*r.Float64()))
			}
			last := run.Events[len(run.Events)-1]
			run.Result = &result.Result{Cell: run.Cell, Arch: last.Arch, Score: last.Score, GFLOP: last.GFLOP, Epochs: last.Epoch}
			if m.name == "idarts-released" && seed == 2 {
				run.Events = run.Events[:3]
				run.Result = nil
				run.Failure = &result.Failure{Cell: run.Cell, Error: "search: dL₂/dα[7] is NaN: diverged"}
			}
			runs = append(runs, run)
		}
	}
	return runs
}

func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; go test ./reports -update rewrites it. got:\n%s\nwant:\n%s", path, got.Bytes(), want)
	}
}

func TestGoldenTables(t *testing.T) {
	compare, timing := Compare(laptopRuns(), options), Timing(laptopRuns(), options)
	golden(t, "compare.txt", compare.Text)
	golden(t, "compare.md", compare.Markdown)
	golden(t, "compare.tex", compare.LaTeX)
	golden(t, "compare.csv", compare.CSV)
	golden(t, "compare-seeds.csv", compare.SeedsCSV)
	golden(t, "timing.txt", timing.Text)
	golden(t, "timing.csv", timing.CSV)
}

// Three spaces one after another, of which two have a title and one the optimum
// of its benchmark.
func TestGoldenTablesOfSeveralSpaces(t *testing.T) {
	runs := append(oneShotRuns(), laptopRuns()...)
	for _, run := range oneShotRuns()[:2] {
		run.Cell.Space, run.Cell.Protocol = "darts", "laptop"
		run.Result.Cell = run.Cell
		run.Result.Arch = "normal: sep_conv_3x3(c_{k-2}) + skip_connect(0) | 100 %"
		runs = append(runs, run)
	}
	opts := oneShotOptions(t)
	opts.Spaces = append(opts.Spaces, Title{"nb201", "NAS-Bench-201"})
	compare, timing := Compare(runs, opts), Timing(runs, opts)
	if len(compare) != 3 || len(timing) != 3 {
		t.Fatalf("%d and %d tables, want 3", len(compare), len(timing))
	}
	golden(t, "spaces.txt", compare.Text)
	golden(t, "spaces.md", compare.Markdown)
	golden(t, "spaces.tex", compare.LaTeX)
	golden(t, "spaces.csv", compare.CSV)
	golden(t, "spaces-seeds.csv", compare.SeedsCSV)
	golden(t, "spaces-timing.txt", timing.Text)
	golden(t, "spaces-timing.csv", timing.CSV)
}

// tableRuns are laptopRuns whose scores come from a table of a whole space.
func tableRuns() []result.Run {
	optimum := &result.Optimum{
		Archs:     15625,
		BestTest:  result.ArchScore{Arch: "|best~0|", Score: result.Score{Valid: 89.9, Test: 91.25, Trials: 1, Source: "table:nb201-micro"}},
		BestValid: result.ArchScore{Arch: "|seems~0|", Score: result.Score{Valid: 92.5, Test: 90, Trials: 3, Source: "table:nb201-micro"}},
	}
	runs := laptopRuns()
	for i := range runs {
		if runs[i].Result != nil {
			runs[i].Result.Optimum = optimum
			runs[i].Result.Score.Source = "table:nb201-micro"
		}
	}
	return runs
}

func TestGoldenTablesWithAnOptimum(t *testing.T) {
	opts := options
	opts.Best = []Best{{Space: "nb201", Dataset: "fashion", Valid: 99, Test: 99, Source: "hearsay"}} // the runs know better
	tables := Compare(tableRuns(), opts)
	golden(t, "optimum.txt", tables.Text)
	golden(t, "optimum.md", tables.Markdown)
	golden(t, "optimum.tex", tables.LaTeX)
	golden(t, "optimum.csv", tables.CSV)
	golden(t, "optimum-seeds.csv", tables.SeedsCSV)
}

// The gap is the optimum minus the accuracy of each seed: 2 and 1 from 95.
func TestGapToOptimum(t *testing.T) {
	runs := paperRuns("idarts", "table:nb201-micro")
	know := func(test float64) *result.Optimum {
		score := result.Score{Valid: 91, Test: test, Trials: 1, Source: "table:nb201-micro"}
		return &result.Optimum{Archs: 3, BestTest: result.ArchScore{Arch: "b", Score: score}, BestValid: result.ArchScore{Arch: "b", Score: score}}
	}
	runs[1].Result.Optimum = know(95) // the first is an older one and does not know it
	table := Compare(runs, Options{})[0]
	if table.Header[4] != "Gap to optimum (pp)" || !slices.Equal(table.Rows[0][1:5], []string{"90.50 ± 0.71", "93.50 ± 0.71", "2/2 seeds", "1.50 ± 0.71"}) {
		t.Errorf("header %q, row %q; want a gap of 1.50 ± 0.71", table.Header, table.Rows[0])
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
	if f, err := groups(runs, Options{})[0].anytime(GFLOP, Test, Options{}); err == nil && f.best != 95 {
		t.Errorf("the figure's line is at %v, want 95", f.best)
	}
	runs[0].Result.Optimum = know(96)
	if notes := strings.Join(Compare(runs, Options{})[0].Notes, "\n"); !strings.Contains(notes, "different optima: 96 of 3; 95 of 3") {
		t.Errorf("notes %q, want a warning of two optima", notes)
	}
}

// The library would measure "±" as two columns for a reader in East Asia.
func TestTextDoesNotDependOnTheLocale(t *testing.T) {
	twwidth.SetEastAsian(true)
	defer twwidth.SetEastAsian(false)
	golden(t, "compare.txt", Compare(laptopRuns(), options)[0].Text)
}

func TestSummarize(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name   string
		values []float64
		want   Stats
		text   string
	}{
		{"none is known by nothing", nil, Stats{0, nan, nan, nan, nan}, "–"},
		{"one has no spread", []float64{3}, Stats{1, 3, 3, 3, nan}, "3.00"},
		{"divisor n-1: 1, 3 by hand", []float64{1, 3}, Stats{2, 2, 1, 3, math.Sqrt2}, "2.00 ± 1.41"},
		{"2, 4, 4, 4, 5, 5, 7, 9 by hand", []float64{2, 4, 4, 4, 5, 5, 7, 9}, Stats{8, 5, 2, 9, math.Sqrt(32. / 7)}, "5.00 ± 2.14"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Summarize(tt.values)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if text := got.plusMinus(2); text != tt.text {
				t.Errorf("printed %q, want %q", text, tt.text)
			}
		})
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

// paperRuns are the runs of a method on CIFAR-10 at the paper's protocol.
func paperRuns(method, source string) []result.Run {
	var runs []result.Run
	for seed, score := range []float64{93, 94} {
		c := result.Cell{Space: "nb201", Dataset: "cifar10", Method: method, Protocol: "paper", Seed: uint64(seed)}
		runs = append(runs, result.Run{Cell: c, Result: &result.Result{
			Cell: c, Arch: "a", GFLOP: 2e8, Epochs: 30,
			Score:    result.Score{Valid: score - 3, Test: score, Trials: 3, Source: source},
			Warnings: []string{"alpha did not move."},
		}})
	}
	return runs
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
		if key := p.Space + p.Searched + p.Dataset + p.Protocol + p.Method; seen[key] {
			t.Errorf("two rows for %s on %s", p.Method, p.Dataset)
		} else {
			seen[key] = true
		}
		if p.Source == "" || p.Generation != nb201v2 || p.Test <= 0 || p.Valid <= 0 {
			t.Errorf("incomplete row %+v", p)
		}
	}
}

func TestRunsThatShouldNotBeCompared(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*result.Run)
		want   string
	}{
		{"data", func(r *result.Run) { r.Config.Data = map[string]string{"fashion16.arrow": "ffff"} }, "different data: fashion16.arrow 6d0f3c2b9a81; fashion16.arrow ffff"},
		{"protocol numbers", func(r *result.Run) { r.Config.Protocol = json.RawMessage(`{"epochs":9}`) }, "different resolved protocols"},
		{"method numbers", func(r *result.Run) { r.Config.Method = json.RawMessage(`{"k":9}`) }, "runs of Random search have different settings"},
		{"device", func(r *result.Run) { r.Config.Device = "cuda float32" }, "different devices: cpu float32; cuda float32"},
		{"score source", func(r *result.Run) { r.Result.Score.Source = "table:x" }, "different score sources"},
		{"a run's own warning", func(r *result.Run) { r.Result.Warnings = []string{"alpha did not move"} }, "Random search, seed 2: alpha did not move."},
		{"a run that has not ended", func(r *result.Run) { r.Result = nil }, "Not finished: nb201/fashion/laptop/random/seed-2, after 6 epochs."},
		{"layout of the protocol is no difference", func(r *result.Run) { r.Config.Protocol = json.RawMessage("{\n\"epochs\":8}") }, ""},
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

func TestEscapes(t *testing.T) {
	const nasty = `|a~0| 100% $x_1$ & {b} #c ^ \ <d>`
	for _, tt := range []struct {
		name string
		got  string
		want string
	}{
		{"LaTeX", latexEscaper.Replace(nasty), `\textbar{}a\textasciitilde{}0\textbar{} 100\% \$x\_1\$ \& \{b\} \#c \textasciicircum{} \textbackslash{} \textless{}d\textgreater{}`},
		{"Markdown", markdownEscaper.Replace(nasty), `\|a\~0\| 100% $x\_1$ & {b} #c ^ \\ &lt;d>`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

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
		if got, err := stepsOf(run, tt.axis, tt.split); err != nil || fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: got %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	run.Timing.SearchSeconds = run.Timing.SearchSeconds[:2]
	if _, err := stepsOf(run, Seconds, Test); err == nil || !strings.Contains(err.Error(), "3 epochs but 2 epochs timed") {
		t.Errorf("missing seconds give %v", err)
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

// queryRuns are laptopRuns with a second method that only asks; one of its seeds
// has not ended.
func queryRuns() []result.Run {
	runs := laptopRuns()
	for _, run := range laptopRuns() {
		if run.Cell.Method == "random" {
			run.Cell.Method = "local"
			if run.Cell.Seed == 1 {
				run.Result = nil
			}
			runs = append(runs, run)
		}
	}
	return runs
}

func queryOptions() Options {
	opts := options
	opts.Titles = append(slices.Clone(opts.Titles), Title{"local", "Local search"})
	opts.NoEpochs = []string{"random", "local"}
	return opts
}

// Queries are counted for methods that only ask, and a figure compares them.
func TestFigureOfQueries(t *testing.T) {
	f, err := groups(queryRuns(), queryOptions())[0].anytime(Queries, Test, queryOptions())
	if err != nil || len(f.curves) != 2 || !slices.Equal(f.curves[0].x, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("%d curves, the first at %v, %v; want two, at queries 1 to 6", len(f.curves), f.curves[0].x, err)
	}
	opts := queryOptions()
	opts.NoEpochs = []string{"random"}
	if figures, err := Anytime(queryRuns(), Queries, Test, opts); err != nil || len(figures) != 0 {
		t.Errorf("%d figures of one method, %v; want none", len(figures), err)
	}
}

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

func TestSeedList(t *testing.T) {
	for _, tt := range []struct {
		name  string
		seeds []uint64
		want  string
	}{
		{"one", []uint64{7}, "1 seed (7)"},
		{"few are listed", []uint64{2, 0, 1}, "3 seeds (0, 1, 2)"},
		{"many without a gap", []uint64{3, 4, 5, 6, 7, 8}, "6 seeds (3 to 8)"},
		{"many with a gap", []uint64{3, 4, 5, 6, 7, 9}, "6 seeds (3, 4, 5, 6, 7, 9)"},
	} {
		var g group
		for _, seed := range tt.seeds {
			g.methods = append(g.methods, method{runs: []result.Run{{Cell: result.Cell{Seed: seed}}}})
		}
		if got := g.seedList(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestFigures(t *testing.T) {
	odd, oddOptions := oddRuns()
	dir := t.TempDir()
	if *keep != "" {
		dir = *keep
	}
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
			figures, err := Anytime(tt.runs, tt.axis, tt.split, tt.opts)
			if err != nil || len(figures) != 1 {
				t.Fatalf("got %d figures, %v", len(figures), err)
			}
			for _, ext := range []string{".svg", ".png", ".pdf"} {
				first, second := filepath.Join(dir, tt.name+ext), filepath.Join(t.TempDir(), "again"+ext)
				if err := figures[0].Save(first, second); err != nil {
					t.Fatal(err)
				}
				a, b := read(t, first), read(t, second)
				if !bytes.Equal(a, b) {
					t.Errorf("%s differs from one call to the next", ext)
				}
				switch ext {
				case ".png":
					if _, err := png.Decode(bytes.NewReader(a)); err != nil {
						t.Errorf("not a PNG: %v", err)
					}
				case ".pdf":
					if got := bytes.Count(a, []byte("Date (D:19700101000000")); got != 2 || !bytes.HasPrefix(a, []byte("%PDF-")) {
						t.Errorf("the PDF has %d of its 2 dates fixed", got)
					}
				case ".svg":
					for _, text := range tt.legend {
						if !bytes.Contains(a, []byte(text)) {
							t.Errorf("the SVG does not say %q", text)
						}
					}
					if bytes.Contains(a, []byte("NaN")) || bytes.Contains(a, []byte("Inf")) {
						t.Error("the SVG has a coordinate that is no number")
					}
				}
			}
		})
	}
}

// A translucent area must keep its colour: 0072b2 is 0.000 0.447 0.698.
func TestPDFColours(t *testing.T) {
	fpdf.SetDefaultCompression(false)
	defer fpdf.SetDefaultCompression(true)
	canvas := canvases[".pdf"](figureWidth, figureHeight)
	colour := color.NRGBA{0x00, 0x72, 0xb2, 0x24}
	area := draw.New(canvas)
	area.FillPolygon(colour, []vg.Point{{X: 0, Y: 0}, {X: 9, Y: 0}, {X: 9, Y: 9}})
	var content bytes.Buffer
	if _, err := canvas.WriteTo(&content); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content.Bytes(), []byte("0.000 0.447 0.698 rg")) {
		t.Errorf("no fill of the colour 0.000 0.447 0.698 in %q", content.Bytes())
	}
}

func TestFigureOfUnknownFormat(t *testing.T) {
	figures, err := Anytime(laptopRuns(), GFLOP, Test, options)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = figures[0].Save(filepath.Join(dir, "a.svg"), filepath.Join(dir, "b.jpg"))
	if err == nil || !strings.Contains(err.Error(), `b.jpg": unknown format ".jpg", want .svg, .pdf or .png`) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.svg")); err == nil {
		t.Error("a file was written before the formats were checked")
	}
}

func TestNoRuns(t *testing.T) {
	figures, err := Anytime(nil, Seconds, Valid, options)
	if n := len(Compare(nil, options)) + len(Timing(nil, options)) + len(figures); n != 0 || err != nil {
		t.Errorf("no runs give %d reports, %v", n, err)
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

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
