package reports

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"idarts/internal/result"
)

// oneShotRuns are 3 methods x 4 seeds of 50 epochs and a random search, made up,
// with the errors that a search in the third space of 1Shot1 has.
func oneShotRuns() []result.Run {
	var runs []result.Run
	for _, m := range []struct {
		name       string
		start, end float64 // test regret
	}{{"darts-v1", 4, 1.4}, {"darts-v2", 4.5, 1.1}, {"idarts", 4.2, 0.35}, {"random", 2, 0.5}} {
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, uint64(len(m.name))))
			run := result.Run{Cell: result.Cell{Space: "nb1b1-s3", Dataset: "cifar10", Method: m.name, Protocol: "paper", Seed: seed}}
			for epoch := 1; epoch <= 50; epoch++ {
				regret := m.end + (m.start-m.end)*math.Exp(-float64(epoch)/12) + m.end*(r.Float64()-0.5)
				regret = math.Round(1e4*regret) / 1e4 // the last bits of Exp are not the same on all machines
				run.Events = append(run.Events, result.Event{
					Epoch: epoch, GFLOP: 1e4 * float64(epoch), Arch: fmt.Sprint(epoch),
					Score: result.Score{Valid: 95.15 - 0.8*regret, Test: 94.66 - regret, Trials: 3, Source: "table:nb101"},
				})
			}
			last := run.Events[49]
			run.Result = &result.Result{Cell: run.Cell, Arch: last.Arch, Score: last.Score, GFLOP: last.GFLOP, Epochs: 50}
			runs = append(runs, run)
		}
	}
	return runs
}

func oneShotOptions(t *testing.T) Options {
	t.Helper()
	best, ok := Optimum("nb1b1-s3", "cifar10")
	if !ok {
		t.Fatal("no optimum of the third space")
	}
	best.Protocol = "paper"
	opts := options
	opts.Best = []Best{best}
	opts.Spaces = []Title{{"nb1b1-s3", "NAS-Bench-1Shot1, space 3"}}
	opts.NoEpochs = []string{"random"}
	return opts
}

func TestEpochs(t *testing.T) {
	odd, oddOptions := oddRuns()
	laptop := options
	laptop.NoEpochs = []string{"random"}
	for _, tt := range []struct {
		name  string
		runs  []result.Run
		opts  Options
		texts []string
		not   string
	}{
		{"nb1b1-s3-cifar10-paper-epochs", oneShotRuns(), oneShotOptions(t), []string{
			"NAS-Bench-1Shot1, space 3 on cifar10, protocol paper: the cell derived after each epoch",
			"mean (line) and standard error (band) over 4 seeds (0, 1, 2, 3)",
			"regret in percentage points (pp): error minus the lowest known in the space, 4.85 % valid and 5.34 % test",
			"valid regret (pp)", "test regret (pp)", "epochs of the search",
			"iDARTS", "Random search: trains single cells, no epochs",
		}, "error (%)"},
		{"nb201-fashion-laptop-epochs", laptopRuns(), laptop, []string{
			"nb201 on fashion, protocol laptop", "valid error (%)", "test error (%)",
			"iDARTS (as released), 2/3 seeds", "Random search: trains single cells, no epochs",
		}, "regret"},
		// The means after epoch 2 are 0.1 and 1.1, their standard errors 0.4.
		{"band-below-zero-epochs", scoredRuns([2]float64{60, 90.5}, [2]float64{60, 89.3}, [2]float64{60, 89.9}),
			Options{Best: []Best{{Space: "s", Dataset: "d", Valid: 92, Test: 90}}}, []string{"test regret (pp)"}, "error (%)"},
		{"odd-epochs", odd, oddOptions, []string{"beta-iDARTS", "iDARTS (as released), 0/3 seeds"}, "trains single cells, no epochs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			svg := save(t, tt.name, func() (Figure, error) {
				figure, err := only(Epochs(tt.runs, tt.opts))
				if figure.Name != tt.name && strings.HasPrefix(tt.name, "nb") {
					t.Errorf("name %q, want %q", figure.Name, tt.name)
				}
				return figure, err
			})
			for _, text := range tt.texts {
				if !strings.Contains(svg, text) {
					t.Errorf("the SVG does not say %q", text)
				}
			}
			if strings.Contains(svg, tt.not) {
				t.Errorf("the SVG says %q", tt.not)
			}
		})
	}
}

// scoredRuns are one method's searches of two epochs in a space "s": for each
// seed the test accuracy after the first and after the second. Valid is one more.
func scoredRuns(test ...[2]float64) []result.Run {
	var runs []result.Run
	for seed, of := range test {
		c := result.Cell{Space: "s", Dataset: "d", Method: "idarts", Protocol: "p", Seed: uint64(seed)}
		run := result.Run{Cell: c}
		for i, accuracy := range of {
			run.Events = append(run.Events, result.Event{Epoch: i + 1, Score: result.Score{Valid: accuracy + 1, Test: accuracy, Source: "table:x"}})
		}
		run.Result = &result.Result{Cell: c, Score: run.Events[1].Score, Epochs: 2}
		runs = append(runs, run)
	}
	return runs
}

// Three seeds by hand: test 79, 82 and 85 after epoch 1, with a mean of 82, a
// standard deviation of 3 and a standard error of 3/sqrt(3); 90 after epoch 2.
func TestErrorsByEpoch(t *testing.T) {
	runs := scoredRuns([2]float64{79, 90}, [2]float64{82, 90}, [2]float64{85, 90})
	for _, tt := range []struct {
		name       string
		best       []Best
		mean       [2][]float64 // test, valid
		logarithms bool
	}{
		{"errors", nil, [2][]float64{{18, 10}, {17, 9}}, false},
		{"regret", []Best{{Space: "s", Dataset: "d", Valid: 92, Test: 90.5}}, [2][]float64{{8.5, 0.5}, {9, 1}}, true},
		{"regret below zero", []Best{{Space: "s", Dataset: "d", Valid: 92, Test: 89}}, [2][]float64{{7, -1}, {9, 1}}, false},
		{"the best of another protocol is of no use", []Best{{Space: "s", Dataset: "d", Protocol: "q", Valid: 92, Test: 90.5}}, [2][]float64{{18, 10}, {17, 9}}, false},
	} {
		f := groups(runs, Options{})[0].epochs(Options{Best: tt.best})
		for _, split := range []Split{Test, Valid} {
			c := f.curves[split][0]
			if fmt.Sprint(c.mean) != fmt.Sprint(tt.mean[split]) || fmt.Sprint(c.x) != "[1 2]" {
				t.Errorf("%s: split %d is %v at %v, want %v at 1, 2", tt.name, split, c.mean, c.x, tt.mean[split])
			}
			for i, e := range []float64{math.Sqrt(3), 0} {
				if math.Abs(c.mean[i]-c.lo[i]-e) > 1e-12 || math.Abs(c.hi[i]-c.mean[i]-e) > 1e-12 {
					t.Errorf("%s: split %d, epoch %d: band from %v to %v around %v, want %v on either side", tt.name, split, i+1, c.lo[i], c.hi[i], c.mean[i], e)
				}
			}
		}
		if logarithmic := f.panel(Test).Y.Scale.Normalize(1, 100, 10) == 0.5; logarithmic != tt.logarithms {
			t.Errorf("%s: logarithmic axis is %v, want %v", tt.name, logarithmic, tt.logarithms)
		}
	}
}

func TestEpochsWithoutCurves(t *testing.T) {
	runs := laptopRuns()[12:] // random search
	if figures := Epochs(runs, Options{NoEpochs: []string{"random"}}); len(figures) != 0 {
		t.Errorf("%d figures of a method without epochs, want none", len(figures))
	}
	if figures := Epochs(nil, options); len(figures) != 0 {
		t.Errorf("%d figures of no runs, want none", len(figures))
	}
}

func TestOptimum(t *testing.T) {
	for _, tt := range []struct {
		space, dataset string
		valid, test    float64 // 0: none
	}{
		{"nb201", "cifar10", 91.61, 94.37},
		{"nb201", "fashion16", 0, 0},
		{"nb1b1-s1", "cifar10", 95.07211, 94.55128},
		{"nb1b1-s2", "cifar10", 94.84175, 94.24078},
		{"nb1b1-s3", "cifar10", 95.15224, 94.66146},
		{"nb1b1-s3", "cifar100", 0, 0},
		{"darts", "cifar10", 0, 0},
	} {
		best, ok := Optimum(tt.space, tt.dataset)
		if math.Abs(best.Valid-tt.valid) > 1e-9 || math.Abs(best.Test-tt.test) > 1e-9 || ok != (tt.test > 0) || ok != (best.Source != "") {
			t.Errorf("%s on %s: %+v, %v; want valid %v, test %v", tt.space, tt.dataset, best, ok, tt.valid, tt.test)
		}
	}
}
