package runners

import (
	"context"
	"fmt"
	"math"

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

// fit trains the network that build describes from scratch by recipe and returns
// its accuracy in percent on each of the tests. It is a pure function of its
// arguments but for ctx and pool.
func fit(ctx context.Context, build supernet.Build, recipe Scoring, seed uint64, pool *cpu.Pool, train *images.Loader, tests ...*images.Loader) ([]float64, error) {
	opt := supernet.Options{Images: batchShape(train), Classes: train.Set.Classes, Seed: seed, Pool: pool}
	p, err := supernet.New(build, opt, supernet.Loaders[float32](train, nil))
	if err != nil {
		return nil, err
	}
	grad, momentum := p.NewVec(), p.NewVec()
	steps := train.Batches()
	for epoch := range recipe.Epochs {
		for step := range steps {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			b := search.Batch{Split: search.Train, Draw: search.Epochs, Index: uint64(epoch*steps + step)}
			loss, err := p.Gradient(b, nil, grad, nil)
			if err != nil {
				return nil, err
			}
			if math.IsNaN(loss) || math.IsInf(loss, 0) {
				return nil, fmt.Errorf("runners: training loss is %v in epoch %d step %d: %w", loss, epoch+1, step+1, search.ErrDiverged)
			}
			rate := recipe.Weights.Rate(epoch, recipe.Epochs, step, steps)
			recipe.Weights.Step(p.Weights(), grad, momentum, rate)
		}
	}
	accuracies := make([]float64, len(tests))
	for i, test := range tests {
		if accuracies[i], _, err = p.Accuracy(nil, test); err != nil {
			return nil, err
		}
	}
	return accuracies, nil
}
