package runners

import (
	"context"
	"errors"
	"fmt"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// batchShape is the shape of one batch of a loader.
func batchShape(l *images.Loader) exec.Shape {
	return exec.Shape{l.Batch, l.Set.H, l.Set.W, l.Set.C}
}

// imageShape is the shape of one image of a set.
func imageShape(s *images.Set) exec.Shape { return exec.Shape{1, s.H, s.W, s.C} }

// training is the training of a network from scratch by a recipe. Where it gets
// to after each epoch is a pure function of network, recipe, seed and data.
type training struct {
	recipe         Recipe
	problem        *supernet.Problem[float32]
	grad, momentum exec.Vec
	steps          int // of an epoch
	done           int // epochs
	valid, test    *images.Loader
}

// part is what a recipe trains on.
func (r Recipe) part(data *images.Dataset) images.Part {
	if r.All {
		return data.Fit()
	}
	return data.Train
}

// newTraining prepares the training of what build describes. name is that of the
// random streams.
func newTraining(build supernet.Build, recipe Recipe, seed uint64, pool *cpu.Pool, data *images.Dataset, name string) (*training, error) {
	train := loader(name, data, recipe.part(data), recipe.Batch, recipe.Augment, seed)
	train.Smoothing = recipe.Smoothing
	t := &training{
		recipe: recipe,
		valid:  loader(name+"-valid", data, data.Valid, recipe.Batch, Augment{}, seed),
		test:   loader(name+"-test", data, data.Test, recipe.Batch, Augment{}, seed),
	}
	if err := errors.Join(train.Check(), t.valid.Check(), t.test.Check()); err != nil {
		return nil, err
	}
	opt := supernet.Options{Images: batchShape(train), Classes: train.Set.Classes, Seed: seed, Pool: pool}
	var err error
	if t.problem, err = supernet.New(build, opt, supernet.Loaders[float32](train, nil)); err != nil {
		return nil, err
	}
	t.grad, t.momentum, t.steps = t.problem.NewVec(), t.problem.NewVec(), train.Batches()
	return t, nil
}

// epoch trains one more epoch and returns the mean loss over its steps, in nats.
// progress may be nil.
func (t *training) epoch(ctx context.Context, progress func(done, total int)) (loss float64, err error) {
	t.problem.SetDropPath(t.dropPath())
	sum := 0.0
	for step := range t.steps {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := batch.Batch{Split: batch.Train, Draw: batch.Epochs, Index: uint64(t.done*t.steps + step)}
		loss, err := t.problem.Gradient(b, nil, t.grad, nil)
		if err != nil {
			return 0, err
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return 0, fmt.Errorf("runners: training loss is %v in epoch %d step %d: %w", loss, t.done+1, step+1, search.ErrDiverged)
		}
		sum += loss
		t.recipe.Weights.Step(t.problem.Weights(), t.grad, t.momentum, t.rate(step))
		if progress != nil {
			progress(step+1, t.steps)
		}
	}
	t.done++
	return sum / float64(t.steps), nil
}

// dropPath is the probability of drop path in the next epoch.
func (t *training) dropPath() float64 {
	return t.recipe.DropPath * float64(t.done) / float64(t.recipe.Epochs)
}

// rate is the learning rate of a step of the next epoch, or the running one.
func (t *training) rate(step int) float64 {
	return t.recipe.Weights.Rate(t.done, t.recipe.Epochs, step, t.steps)
}

// accuracies are those of the network as it is now, in percent.
func (t *training) accuracies() (valid, test float64, err error) {
	if valid, _, err = t.problem.Accuracy(nil, t.valid); err != nil {
		return 0, 0, err
	}
	test, _, err = t.problem.Accuracy(nil, t.test)
	return valid, test, err
}
