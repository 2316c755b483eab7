// Package training trains one network from scratch by a [Recipe]: the final
// networks behind scores, those of the micro benchmark, and long retrainings.
// Accuracies are in percent, losses in nats.
package training

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// Recipe is the training of one network from scratch.
type Recipe struct {
	Epochs  int        `json:"epochs"`
	Batch   int        `json:"batch"`
	Weights search.SGD `json:"weights"`
	Augment Augment    `json:"augment"`
	// DropPath is where the probability of drop path would get to after the last
	// epoch; in epoch e of E, counted from 0, it is e/E of it.
	DropPath  float64 `json:"drop_path,omitempty"`
	Smoothing float64 `json:"smoothing,omitempty"` // of labels
	// All trains on the images for weights and architecture alike, as for a final
	// result: valid accuracies are then of images that were trained on.
	All bool `json:"all,omitempty"`
}

// Augment is what is done to a training image, besides normalisation with the
// data set's own mean and deviation.
type Augment struct {
	Flip   bool `json:"flip"`
	Crop   int  `json:"crop"`   // pixels of padding
	Cutout int  `json:"cutout"` // side of the square
}

// Loader makes batches of one part of a data set. name is that of the random
// streams.
func Loader(name string, d *images.Dataset, part images.Part, batch int, a Augment, seed uint64) *images.Loader {
	return &images.Loader{
		Name: name, Set: part.Set, Indices: part.Indices, Batch: batch, Seed: seed,
		Augment: images.Augment{Flip: a.Flip, Crop: a.Crop, Cutout: a.Cutout, Mean: d.Mean, Std: d.Std},
	}
}

// BatchShape is the shape of one batch of a loader.
func BatchShape(l *images.Loader) exec.Shape {
	return exec.Shape{l.Batch, l.Set.H, l.Set.W, l.Set.C}
}

// ImageShape is the shape of one image of a set.
func ImageShape(s *images.Set) exec.Shape { return exec.Shape{1, s.H, s.W, s.C} }

// Part is what a recipe trains on.
func (r Recipe) Part(data *images.Dataset) images.Part {
	if r.All {
		return data.Fit()
	}
	return data.Train
}

// Training is a training under way. Where it gets to after each epoch is a pure
// function of network, recipe, seed and data.
type Training struct {
	recipe         Recipe
	problem        *supernet.Problem
	grad, momentum exec.Vec
	steps          int // of an epoch
	done           int // epochs
	valid, test    *images.Loader
}

// New prepares the training of what build describes. name is that of the random
// streams.
func New(build supernet.Build, recipe Recipe, seed uint64, device exec.Device, data *images.Dataset, name string) (*Training, error) {
	train := Loader(name, data, recipe.Part(data), recipe.Batch, recipe.Augment, seed)
	train.Smoothing = recipe.Smoothing
	t := &Training{
		recipe: recipe,
		valid:  Loader(name+"-valid", data, data.Valid, recipe.Batch, Augment{}, seed),
		test:   Loader(name+"-test", data, data.Test, recipe.Batch, Augment{}, seed),
	}
	if err := errors.Join(train.Check(), t.valid.Check(), t.test.Check()); err != nil {
		return nil, err
	}
	opt := supernet.Options{Images: BatchShape(train), Classes: train.Set.Classes, Seed: seed, Device: device}
	var err error
	if t.problem, err = supernet.New(build, opt, supernet.Loaders(train)); err != nil {
		return nil, err
	}
	t.grad, t.momentum, t.steps = t.problem.NewVec(), t.problem.NewVec(), train.Batches()
	return t, nil
}

// Epoch trains one more epoch and returns the mean loss over its steps. progress
// may be nil. A loss that is not finite gives an error wrapping
// [search.ErrDiverged].
func (t *Training) Epoch(ctx context.Context, progress func(done, total int)) (loss float64, err error) {
	t.problem.SetDropPath(t.DropPath())
	sum := 0.0
	for step := range t.steps {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := batch.Batch{Split: batch.Train, Draw: batch.Epochs, Index: uint64(t.done*t.steps + step)}
		number, err := t.problem.Gradient(b, nil, t.grad, nil)
		if err != nil {
			return 0, err
		}
		loss := number.Value()
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return 0, fmt.Errorf("training: loss is %v in epoch %d step %d: %w", loss, t.done+1, step+1, search.ErrDiverged)
		}
		sum += loss
		t.recipe.Weights.Step(t.problem.Weights(), t.grad, t.momentum, t.Rate(step))
		if progress != nil {
			progress(step+1, t.steps)
		}
	}
	t.done++
	return sum / float64(t.steps), nil
}

// Run trains all epochs that are left. progress is that of [Training.Epoch].
func (t *Training) Run(ctx context.Context, progress func(done, total int)) error {
	for t.done < t.recipe.Epochs {
		if _, err := t.Epoch(ctx, progress); err != nil {
			return err
		}
	}
	return nil
}

// DropPath is the probability of drop path in the next epoch.
func (t *Training) DropPath() float64 {
	return t.recipe.DropPath * float64(t.done) / float64(t.recipe.Epochs)
}

// Rate is the learning rate of a step of the next epoch, or the running one.
func (t *Training) Rate(step int) float64 {
	return t.recipe.Weights.Rate(t.done, t.recipe.Epochs, step, t.steps)
}

// GFLOP is the arithmetic done so far, in 10⁹ operations.
func (t *Training) GFLOP() float64 { return t.problem.GFLOP() }

// Measure looks at the network as it is now on the validation and the test images,
// with the running averages in batch norm.
func (t *Training) Measure() (valid, test batch.Evaluation, err error) {
	if valid, err = t.problem.EvaluateImages(t.valid, nil, exec.NormRunning); err != nil {
		return valid, test, err
	}
	test, err = t.problem.EvaluateImages(t.test, nil, exec.NormRunning)
	return valid, test, err
}

// State is everything that changes: epochs done, momentum, then the network.
func (t *Training) State() []byte {
	state := binary.LittleEndian.AppendUint64(nil, uint64(t.done))
	return slices.Concat(state, t.momentum.Bytes(), t.problem.State())
}

// SetState takes what State gave. Bytes of another network are an error.
func (t *Training) SetState(b []byte) error {
	n := len(t.momentum.Bytes())
	if len(b) < 8+n {
		return errors.New("training: the state is too short")
	}
	done := binary.LittleEndian.Uint64(b)
	if done > uint64(t.recipe.Epochs) {
		return fmt.Errorf("training: the state is after epoch %d of %d", done, t.recipe.Epochs)
	}
	if err := t.momentum.SetBytes(b[8 : 8+n]); err != nil {
		return err
	}
	t.done = int(done)
	return t.problem.SetState(b[8+n:])
}
