package search

import (
	"fmt"
	"math"
	"slices"

	"idarts/internal/batch"
)

// Sampling are the settings of a selection among sampled architectures.
type Sampling struct {
	Samples int `json:"samples" doc:"architectures that are compared after each epoch by the shared weights"`
	Batches int `json:"batches" doc:"validation batches by which each is compared"`
}

// Check says what is wrong with the numbers.
func (s Sampling) Check() error {
	if err := notBelow(1, "sampling.samples", float64(s.Samples)); err != nil {
		return err
	}
	return notBelow(1, "sampling.batches", float64(s.Batches))
}

// bestSampled is the selection that, after each epoch, compares architectures by the
// accuracy of their path in the supernet, each on validation batches of its own with
// batch statistics in batch norm, and decides for the first of the best.
type bestSampled struct {
	byScores
	Sampling
	propose func(e *Engine, n int) [][]float64 // paths [A], n at most
	best    []float64                          // [A]
}

func newBestSampled(s Sampling, rows Layout, propose func(*Engine, int) [][]float64) *bestSampled {
	return &bestSampled{Sampling: s, propose: propose, best: Uniform(rows, 1)}
}

// randomPaths are paths drawn by the probabilities p [A], or uniformly.
func randomPaths(e *Engine, n int, p []float64) [][]float64 {
	r, out := e.Rand("sampled architectures", 0), make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, e.Space.Layout.Len())
		drawPath(e.Space.Layout, out[i], p, r)
	}
	return out
}

func (b *bestSampled) hook() Hook {
	return Hook{After: func(e *Engine) error {
		top := math.Inf(-1)
		for _, path := range b.propose(e, b.Samples) {
			accuracy, err := b.measure(e, path)
			if err != nil {
				return err
			}
			if accuracy > top {
				top, b.best = accuracy, path
			}
		}
		e.Add("best_sampled", top)
		return nil
	}}
}

// measure is the accuracy of a path, in percent.
func (b *bestSampled) measure(e *Engine, path []float64) (float64, error) {
	repeat(e.Coefs, path)
	found, err := evaluate(e, e.nextValids(batch.Epochs, b.Batches), b.Batches)
	if err != nil {
		return 0, err
	}
	if !isFinite(found.Loss) {
		return 0, fmt.Errorf("loss of a sampled architecture is %v: %w", found.Loss, ErrDiverged)
	}
	e.Add("sampled_valid_loss", found.Loss)
	return found.Accuracy, nil
}

func (b *bestSampled) Scores(_ *Engine, scores []float64) { copy(scores, b.best) }
func (b *bestSampled) State() []byte                      { return Floats(b.best) }

func (b *bestSampled) SetState(state []byte) error {
	fresh := slices.Clone(b.best)
	if err := SetFloats(fresh, state); err != nil {
		return err
	}
	b.best = fresh
	return nil
}
