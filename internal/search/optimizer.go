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
	LR          float64 `json:"lr"`
	MinLR       float64 `json:"min_lr"`
	EachStep    bool    `json:"each_step"` // the rate falls with every step, not only between epochs
	Momentum    float64 `json:"momentum"`
	Nesterov    bool    `json:"nesterov"`
	WeightDecay float64 `json:"weight_decay"`
	Clip        float64 `json:"clip"` // largest gradient norm; 0 = no clipping
}

// Rate is the learning rate after step of steps in epoch of epochs, all counted
// from 0: MinLR + (LR−MinLR)(1+cos(π e/epochs))/2, with e = epoch, or
// epoch + step/steps where the rate falls with every step.
func (s SGD) Rate(epoch, epochs, step, steps int) float64 {
	e := float64(epoch)
	if s.EachStep {
		e += float64(step) / float64(steps)
	}
	return s.MinLR + (s.LR-s.MinLR)*(1+math.Cos(math.Pi*e/float64(epochs)))/2
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

// Adam is the optimiser of α, in PyTorch's conventions. Weight decay is coupled:
// it is added to the gradient before the moments.
//
//	g ← g + WeightDecay·α
//	m ← Beta1·m + (1−Beta1)·g,  v ← Beta2·v + (1−Beta2)·g²
//	α ← α − LR·(m/(1−Beta1ᵗ)) / (√(v/(1−Beta2ᵗ)) + Eps)
type Adam struct {
	LR          float64 `json:"lr"`
	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Eps         float64 `json:"eps"`
	WeightDecay float64 `json:"weight_decay"`
}

// Moments is what [Adam] remembers. The zero value is the start.
type Moments struct {
	M, V  []float64
	Steps int // t
}

// Step moves x against grad.
func (a Adam) Step(x, grad []float64, mom *Moments) {
	if mom.M == nil {
		mom.M, mom.V = make([]float64, len(x)), make([]float64, len(x))
	}
	if len(grad) != len(x) || len(mom.M) != len(x) || len(mom.V) != len(x) {
		panic("search: length mismatch")
	}
	mom.Steps++
	biasM := 1 - math.Pow(a.Beta1, float64(mom.Steps))
	biasV := 1 - math.Pow(a.Beta2, float64(mom.Steps))
	for i, g := range grad {
		g += a.WeightDecay * x[i]
		mom.M[i] = a.Beta1*mom.M[i] + (1-a.Beta1)*g
		mom.V[i] = a.Beta2*mom.V[i] + (1-a.Beta2)*g*g
		x[i] -= a.LR * (mom.M[i] / biasM) / (math.Sqrt(mom.V[i]/biasV) + a.Eps)
	}
}
