package search

import (
	"fmt"
	"math"
	"slices"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// bestEpoch is the selection that keeps the scores of the epoch after which the supernet
// was most accurate on the validation half, the first of equal ones. Its hook measures
// with the running averages of batch norm.
type bestEpoch struct {
	byScores
	kept []float64 // the accuracy in percent, −1 before the first epoch; then scores [A]
}

func newBestEpoch(options int) *bestEpoch {
	return &bestEpoch{kept: append([]float64{-1}, make([]float64, options)...)}
}

func (b *bestEpoch) hook() Hook {
	return Hook{After: func(e *Engine) error {
		e.Mix(ForEvaluation)
		now, err := e.Problem.EvaluateSplit(batch.Valid, e.Coefs, exec.NormRunning)
		if err != nil {
			return err
		}
		if math.IsNaN(now.Loss) {
			return fmt.Errorf("loss of the supernet on the validation half is %v: %w", now.Loss, ErrDiverged)
		}
		e.Add("supernet_valid", now.Accuracy)
		if now.Accuracy > b.kept[0] {
			b.kept[0] = now.Accuracy
			e.Relaxation.Scores(b.kept[1:])
		}
		return nil
	}}
}

func (b *bestEpoch) Scores(e *Engine, scores []float64) {
	if b.kept[0] < 0 {
		e.Relaxation.Scores(scores)
		return
	}
	copy(scores, b.kept[1:])
}

func (b *bestEpoch) State() []byte { return Floats(b.kept) }

func (b *bestEpoch) SetState(state []byte) error {
	fresh := slices.Clone(b.kept)
	if err := SetFloats(fresh, state); err != nil {
		return err
	}
	b.kept = fresh
	return nil
}
