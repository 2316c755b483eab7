package search

import (
	"cmp"
	"fmt"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// WeightStep is one step of [SGD] on the next training batch.
type WeightStep struct {
	// Perturb changes the mixture of the step [Layers·A]; nil leaves it.
	Perturb func(e *Engine, b batch.Batch, coefs []float64) error
	// Terms add to the gradient of the loss in the weights, in order, before it is
	// clipped. They find the gradient in the mixture in e.Dcoefs.
	Terms []func(e *Engine, b batch.Batch, grad exec.Vec) error
}

// Move is w as a part of an outer step.
func (w WeightStep) Move() Move { return Move{"weights", 1, w.do} }

func (w WeightStep) do(e *Engine) error {
	e.Mix(ForWeights)
	b := e.NextTrain(batch.Epochs)
	if w.Perturb != nil {
		if err := w.Perturb(e, b, e.Coefs); err != nil {
			return err
		}
	}
	var dcoefs []float64
	if len(w.Terms) > 0 {
		dcoefs = e.Dcoefs
	}
	loss, err := e.Problem.Gradient(b, e.Coefs, e.Grad, dcoefs)
	if err != nil {
		return err
	}
	e.Note("training loss", "train_loss", loss)
	for _, term := range w.Terms {
		if err := term(e, b, e.Grad); err != nil {
			return err
		}
	}
	e.StepWeights()
	return nil
}

// Repeat does a move so many times.
func Repeat(times int, move Move) Move {
	return Move{fmt.Sprintf("%d x %s", times, move.Name), times * move.Batches, func(e *Engine) error {
		for range times {
			if err := move.Do(e); err != nil {
				return err
			}
		}
		return nil
	}}
}

// ArchStep is one step of the architecture optimiser along the hypergradient at the
// current weights. Solvers with an implicit term take one more training batch.
type ArchStep struct {
	Solve Solver
	Mixed Mixed   // nil: [Exact]
	Gamma float64 // γ; 0 = GammaFactor times the learning rate of the weights at that step
	// GammaFactor is 1 where it is 0.
	GammaFactor float64
	// ValidBatches are how many validation batches the step takes the mean of; 0: one.
	ValidBatches int
	// How the batches of the two levels are drawn.
	TrainDraw, ValidDraw batch.Draw
}

// Move is a as a part of an outer step.
func (a ArchStep) Move() Move {
	return Move{"architecture: " + a.Solve.String(), 0, func(e *Engine) error {
		at := a.point(e)
		if a.Solve.Implicit() {
			at.Train = e.NextTrain(a.TrainDraw)
		}
		e.Hyper.Mixed = a.Mixed
		if a.ValidBatches > 1 {
			return a.overBatches(e, at)
		}
		loss, err := e.Hyper.Gradient(e.Dcoefs, at, a.Solve)
		if err != nil {
			return err
		}
		return e.followHyper(loss)
	}}
}

// overBatches is the step along the hypergradient of the mean loss of ValidBatches batches,
// the first of which is at's.
func (a ArchStep) overBatches(e *Engine, at Point) error {
	h, n := &e.Hyper, float64(a.ValidBatches)
	v, grad, part, loss := h.vector(&h.v), h.vector(&h.term), make([]float64, len(e.Dcoefs)), 0.0
	v.Zero()
	clear(e.Dcoefs)
	for k := range a.ValidBatches {
		if k > 0 {
			at.Valid = e.NextValid(a.ValidDraw)
		}
		one, err := e.Problem.Gradient(at.Valid, at.Coefs, grad, part)
		if err != nil {
			return err
		}
		v.Axpy(1/n, grad)
		loss += one.Value() / n
		for i, d := range part {
			e.Dcoefs[i] += d / n
		}
	}
	if err := h.Correct(e.Dcoefs, v, at, a.Solve); err != nil {
		return err
	}
	return e.followHyper(exec.Known(loss))
}

// point is where the next hypergradient is taken, but for the training batch.
func (a ArchStep) point(e *Engine) Point {
	e.Mix(ForArchitecture)
	at := Point{Coefs: e.Coefs, Valid: e.NextValid(a.ValidDraw), Gamma: a.Gamma}
	if at.Gamma == 0 {
		at.Gamma = cmp.Or(a.GammaFactor, 1) * e.Clock.Rate
	}
	return at
}

// followHyper is [Engine.StepArch] along the hypergradient in Dcoefs, with a record
// of what it was made of: norms of the Neumann terms, and in θ the norm of the direct
// and of the implicit term and the cosine of their angle.
func (e *Engine) followHyper(loss exec.Number) error {
	e.Note("validation loss", "valid_loss", loss)
	for k, norm := range e.Hyper.Norms {
		e.Note("norm of a Neumann term", fmt.Sprintf("u%d_norm", k), exec.Known(norm))
	}
	if isFinite(e.Hyper.Curvature) {
		e.Add("vHv", e.Hyper.Curvature)
	}
	if len(e.Hyper.Implicit) > 0 {
		direct, implicit := e.dparams, e.dpart
		e.pull(direct, e.Hyper.Direct)
		e.pull(implicit, e.Hyper.Implicit)
		d, i := math.Sqrt(dot(direct, direct)), math.Sqrt(dot(implicit, implicit))
		e.Add("direct_norm", d)
		e.Add("implicit_norm", i)
		if cosine := dot(direct, implicit) / (d * i); isFinite(cosine) {
			e.Add("direct_implicit_cosine", cosine)
		}
	}
	return e.StepArch()
}

// evaluate is what the supernet with e.Coefs makes of so many batches, with batch
// statistics in batch norm.
func evaluate(e *Engine, first batch.Batch, batches int) (mean batch.Evaluation, err error) {
	for range batches {
		one, err := e.Problem.Evaluate(first, e.Coefs, exec.NormBatch)
		if err != nil {
			return mean, err
		}
		mean.Loss += one.Loss / float64(batches)
		mean.Accuracy += one.Accuracy / float64(batches)
		first.Index++
	}
	return mean, nil
}
