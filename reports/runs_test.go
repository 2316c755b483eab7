package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

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
				Cell: run.Cell, Versions: map[string]string{"go": "go1.26.8", "idarts": "v0.1.0"},
				Numbers: result.Numbers{
					Method: m.name, Seed: seed, Protocol: json.RawMessage(`{"epochs": 8}`), Settings: json.RawMessage(`{"k":2}`),
					Data: map[string]string{"fashion16.arrow": "6d0f3c2b9a81e4f7aa00"}, Device: "cpu float32",
				},
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

// tableRuns are laptopRuns whose scores come from a table of a whole space.
func tableRuns() []result.Run {
	optimum := &result.Optimum{
		Archs: 15625, Among: 100,
		BestTest:  result.ArchScore{Arch: "|best~0|", Score: result.Score{Valid: 89.9, Test: 91.25, Trials: 10, Source: "table:nb201-micro"}, TestSE: 0.11},
		BestValid: result.ArchScore{Arch: "|seems~0|", Score: result.Score{Valid: 92.5, Test: 90, Trials: 10, Source: "table:nb201-micro"}, TestSE: 0.13},
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

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
