package search

import (
	"math"

	"idarts/internal/exec"
)

// SGD is stochastic gradient descent on the weights, in PyTorch's conventions:
//
//	g   ← clip(dL/dw) + WeightDecay·w        clip: scale by Clip/(‖g‖+1e-6) when ‖g‖ > Clip
//	buf ← Momentum·buf + g
//	w   ← w − lr·buf, or with Nesterov  w ← w − lr·(g + Momentum·buf)
//
// All weights decay alike, batch-norm parameters and biases too. The rate falls
// along half a cosine from LR to MinLR.
type SGD struct {
	LR          float64 `json:"lr" doc:"learning rate at the start"`
	MinLR       float64 `json:"min_lr" doc:"learning rate at the end, along half a cosine"`
	EachStep    bool    `json:"each_step" doc:"the rate falls with every step, not only between epochs"`
	Momentum    float64 `json:"momentum" doc:"momentum"`
	Nesterov    bool    `json:"nesterov" doc:"momentum as Nesterov has it"`
	WeightDecay float64 `json:"weight_decay" doc:"weight decay, of all weights alike"`
	Clip        float64 `json:"clip" doc:"largest norm of the gradient; 0: no clipping"`
}

// Rate is the learning rate after step of steps in epoch of epochs, see [Rate.At].
func (s SGD) Rate(epoch, epochs, step, steps int) float64 {
	return Rate{s.LR, s.MinLR, s.EachStep}.At(epoch, epochs, step, steps)
}

// Rate is a learning rate that falls along half a cosine.
type Rate struct {
	LR       float64 `json:"lr" doc:"learning rate at the start"`
	MinLR    float64 `json:"min_lr" doc:"learning rate at the end, along half a cosine"`
	EachStep bool    `json:"each_step" doc:"the rate falls with every step, not only between epochs"`
}

// At is the rate after step of steps in epoch of epochs, all counted from 0:
// MinLR + (LR−MinLR)(1+cos(π e/epochs))/2, with e = epoch, or epoch + step/steps
// where the rate falls with every step.
func (r Rate) At(epoch, epochs, step, steps int) float64 {
	e := float64(epoch)
	if r.EachStep {
		e += float64(step) / float64(steps)
	}
	return r.MinLR + (r.LR-r.MinLR)*(1+math.Cos(math.Pi*e/float64(epochs)))/2
}

// Step moves w against grad and returns the norm of grad before clipping. grad
// is overwritten. buf is the momentum vector, zero before the first step; it may
// be nil when Momentum is 0.
func (s SGD) Step(w, grad, buf exec.Vec, lr float64) (norm exec.Number) {
	return w.Step(grad, buf, exec.SGDStep{Rate: lr, Momentum: s.Momentum, Decay: s.WeightDecay, Clip: s.Clip, Nesterov: s.Nesterov})
}

// Virtual moves w as the look-ahead of second-order DARTS does:
//
//	w ← w − lr·(Momentum·buf + grad + WeightDecay·w)
//
// without clipping and without Nesterov, whatever the settings say, and without
// changing buf. grad is overwritten.
// Source: quark0/darts, cnn/architect.py.
func (s SGD) Virtual(w, grad, buf exec.Vec, lr float64) {
	grad.Axpy(s.WeightDecay, w)
	if s.Momentum != 0 {
		grad.Axpy(s.Momentum, buf)
	}
	w.Axpy(-lr, grad)
}

// Norm is the Euclidean norm of v.
func Norm(v exec.Vec) float64 { return math.Sqrt(v.Dot(v).Value()) }
