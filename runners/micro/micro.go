// Package micro is the benchmark that the program trains itself: every network of
// NAS-Bench-201 from scratch on the images inside the program, [Benchmark]; its
// resumable build, [Build]; and the table that comes of it.
package micro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/nb201"
	"idarts/runners/protocol"
)

// Benchmark is every number of a benchmark that the program trains itself: each
// network of NAS-Bench-201 from scratch, on the images inside the program.
//
// Strings that are one network ([nb201.Cell.Network]) are trained once; that
// parts the space more finely than the benchmark's 6,466 classes where those mix
// networks, and joins what is the same up to rounding: 5,653 networks.
type Benchmark struct {
	Name    string `json:"name"`
	Title   string `json:"-"`
	Space   string `json:"space"`
	Dataset string `json:"dataset"` // name of a row of images.Datasets

	Train int `json:"train"` // images that fit the weights: the first of each class
	Held  int `json:"held"`  // images to validate and to test with, each likewise
	protocol.Recipe

	// Seeds, see [Rounds]. Every network is trained with seed 0; Repeated networks drawn at
	// random and the Promising best of the others also with seeds 1 to Trials-1; the
	// Finalists best of these also with seeds Trials to FinalTrials-1. With Curves the
	// first Trials trainings of the networks drawn at random are measured after each epoch.
	Trials      int  `json:"trials"`
	Repeated    int  `json:"repeated"`
	Promising   int  `json:"promising,omitempty"`
	FinalTrials int  `json:"final_trials,omitempty"`
	Finalists   int  `json:"finalists,omitempty"`
	Curves      bool `json:"curves"`
	// Networks limits the benchmark to so many networks drawn at random; 0: all.
	Networks int `json:"networks,omitempty"`
}

// All lists the benchmarks that the program trains itself. All is ours; the
// recipe has the shape of NAS-Bench-201's (SGD with Nesterov momentum 0.9, cosine
// from 0.1 to 0, weight decay 5e-4, flip). docs/micro-benchmark.md has the study
// that the sizes come from.
var All = []Benchmark{
	{
		Name: "micro", Title: "every network of the space, trained on the images inside the program: an hour and a half on two cores",
		Space: "nb201", Dataset: "fashion8", Train: 5000, Held: 5000, Recipe: protocol.MicroRecipe(8, 6, 32, 0.1),
		Trials: 3, Repeated: 500, Promising: 1500, FinalTrials: 10, Finalists: 100, Curves: true,
	},
}

// Study lists what was tried to choose the numbers of [All]: 200 networks
// drawn at random, two seeds each.
var Study = []Benchmark{
	try("8px-c4-e12-b32", 8, 5000, protocol.MicroRecipe(4, 12, 32, 0.1)),
	try("8px-c8-e6-b32", 8, 5000, protocol.MicroRecipe(8, 6, 32, 0.1)),
	try("8px-c8-e6-b64", 8, 5000, protocol.MicroRecipe(8, 6, 64, 0.1)),
	try("8px-c8-e12-b32-half", 8, 2500, protocol.MicroRecipe(8, 12, 32, 0.1)),
	try("12px-c8-e6-b32", 12, 5000, protocol.MicroRecipe(8, 6, 32, 0.1)),
	try("16px-c4-e4-b32", 16, 5000, protocol.MicroRecipe(4, 4, 32, 0.1)),
	try("16px-c4-e5-b32", 16, 5000, protocol.MicroRecipe(4, 5, 32, 0.1)),
	try("16px-c8-e3-b32", 16, 5000, protocol.MicroRecipe(8, 3, 32, 0.1)),
}

func try(name string, side, train int, recipe protocol.Recipe) Benchmark {
	return Benchmark{
		Name: "study-" + name, Space: "nb201", Dataset: fmt.Sprintf("fashion%d", side), Train: train, Held: 5000, Recipe: recipe,
		Trials: 2, Repeated: 200, Networks: 200,
	}
}

// Lookup finds the self-made benchmark of a space by name.
func Lookup(space, name string) (Benchmark, error) {
	var names []string
	for _, m := range All {
		if m.Space == space && m.Name == name {
			return m, nil
		}
		names = append(names, m.Space+" "+m.Name)
	}
	return Benchmark{}, fmt.Errorf("micro: no benchmark %q to build, want %s", space+" "+name, settings.Offer(space+" "+name, names))
}

// drawSeed fixes which networks are drawn, and in which order all are trained.
const drawSeed = 201

// data are the images of m: the first of each class of its data set, normalised by
// mean and deviation of the training images.
func (m Benchmark) data() (*images.Dataset, error) {
	whole, err := images.Open(m.Dataset, "")
	if err != nil {
		return nil, err
	}
	fit, held := whole.Train.Set, whole.Test.Set
	d := *whole
	for _, part := range []struct {
		name string
		set  *images.Set
		part *images.Part
		n    int
	}{{"train", fit, &d.Train, m.Train}, {"valid", fit, &d.Valid, m.Held}, {"test", held, &d.Test, m.Held}} {
		*part.part = images.Part{Set: part.set, Indices: firstOfEachClass(part.set, part.part.Indices, part.n)}
		if have := len(part.part.Indices); have != part.n {
			return nil, fmt.Errorf("micro: benchmark %q wants %d %s images, %s has %d for it", m.Name, part.n, part.name, m.Dataset, have)
		}
	}
	d.Mean, d.Std = fit.MeanStd(d.Train.Indices)
	return &d, nil
}

// firstOfEachClass are those of indices that are among the first n/Classes of
// their class.
func firstOfEachClass(set *images.Set, indices []int, n int) []int {
	left := make([]int, set.Classes)
	for class := range left {
		left[class] = n / set.Classes
	}
	var out []int
	for _, i := range indices {
		if class := set.Labels[i]; left[class] > 0 {
			left[class]--
			out = append(out, i)
		}
	}
	return out
}

// Task is one training of a [Benchmark].
type Task struct {
	Cell  nb201.Cell // the first of its network
	Seed  uint64
	Curve bool // measured after each epoch, and not only after the last
}

// Row is a measurement of a network after an epoch of its training.
type Row struct {
	Cell      nb201.Cell
	Seed      uint64
	Epoch     int     // 1 after the first
	TrainLoss float64 // mean over the steps of this epoch, nats; NaN where it was not finite
	// Valid and Test are accuracies in percent, the losses in nats.
	Valid, ValidLoss, Test, TestLoss float64
	// Seconds is the wall clock of the whole training in the row of the last epoch,
	// NaN in the others.
	Seconds float64
}

// origin says what the results depend on: the protocol and the data.
func (m Benchmark) origin(data *images.Dataset) (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("micro: %w", err)
	}
	return fmt.Sprintf("%s, data %s sha256:%s", text, data.Name, data.SHA256()), nil
}

// train does one training: a pure function of m, data and task, but for Seconds.
// A loss that is not finite ends it, and the network is measured as it is then.
func (m Benchmark) train(ctx context.Context, data *images.Dataset, task Task, d exec.Device) ([]Row, error) {
	began := time.Now()
	build, err := m.Net.Train(task.Cell.String(), supernet.DataOf(data.Train.Set))
	if err != nil {
		return nil, err
	}
	t, err := training.New(build, m.Recipe.Recipe, task.Seed, d, data, "micro")
	if err != nil {
		return nil, err
	}
	var rows []Row
	for epoch := 1; epoch <= m.Epochs; epoch++ {
		loss, err := t.Epoch(ctx, nil)
		diverged := errors.Is(err, search.ErrDiverged)
		if diverged {
			loss, epoch = math.NaN(), m.Epochs
		} else if err != nil {
			return nil, fmt.Errorf("micro: train %q: %w", task.Cell, err)
		}
		if !task.Curve && epoch < m.Epochs {
			continue
		}
		valid, test, err := t.Measure()
		if err != nil {
			return nil, err
		}
		rows = append(rows, Row{
			Cell: task.Cell, Seed: task.Seed, Epoch: epoch, TrainLoss: loss, Seconds: math.NaN(),
			Valid: valid.Accuracy, ValidLoss: valid.Loss, Test: test.Accuracy, TestLoss: test.Loss,
		})
	}
	rows[len(rows)-1].Seconds = time.Since(began).Seconds()
	return rows, nil
}
