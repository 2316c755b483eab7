package search

import (
	"fmt"
	"math"
)

// ArchOptimizer moves architecture parameters. Penalties on θ are added to grad by
// an optimiser around another one.
type ArchOptimizer interface {
	// Step moves params against grad, which it may overwrite.
	Step(params, grad []float64, at Clock)
	Stateful
}

// Adam is the optimiser of α, in PyTorch's conventions. Weight decay is coupled:
// it is added to the gradient before the moments.
//
//	g ← g + WeightDecay·α
//	m ← Beta1·m + (1−Beta1)·g,  v ← Beta2·v + (1−Beta2)·g²
//	α ← α − LR·(m/(1−Beta1ᵗ)) / (√(v/(1−Beta2ᵗ)) + Eps)
type Adam struct {
	LR          float64 `json:"lr" doc:"learning rate of Adam"`
	Beta1       float64 `json:"beta1" doc:"weight of the past in Adam's mean gradient"`
	Beta2       float64 `json:"beta2" doc:"weight of the past in Adam's mean square"`
	Eps         float64 `json:"eps" doc:"added to the root of Adam's mean square"`
	WeightDecay float64 `json:"weight_decay" doc:"decay, added to the gradient before the moments"`
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

// adam is Adam with its moments.
type adam struct {
	set     Adam
	moments Moments
}

// NewAdam is Adam on n parameters, at its start.
func NewAdam(set Adam, n int) ArchOptimizer {
	return &adam{set, Moments{M: make([]float64, n), V: make([]float64, n)}}
}

func (a *adam) Step(params, grad []float64, _ Clock) { a.set.Step(params, grad, &a.moments) }

func (a *adam) State() []byte {
	var w stateWriter
	w.uint(uint64(a.moments.Steps))
	w.floats(a.moments.M)
	w.floats(a.moments.V)
	return w.buf
}

func (a *adam) SetState(b []byte) error {
	r := stateReader{buf: b}
	fresh := Moments{Steps: int(r.uint()), M: r.floats(len(a.moments.M)), V: r.floats(len(a.moments.V))}
	if err := r.end(); err != nil {
		return fmt.Errorf("moments: %w", err)
	}
	a.moments = fresh
	return nil
}
