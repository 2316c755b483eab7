package search

import "math"

// Penalized is an optimiser of the loss and a penalty on θ, whose gradient add adds.
func Penalized(inner ArchOptimizer, add func(params, grad []float64, at Clock)) ArchOptimizer {
	return &penalized{inner, add}
}

type penalized struct {
	ArchOptimizer
	add func(params, grad []float64, at Clock)
}

func (p *penalized) Step(params, grad []float64, at Clock) {
	p.add(params, grad, at)
	p.ArchOptimizer.Step(params, grad, at)
}

// Clipped is an optimiser that sees gradients of a norm of at most limit, as PyTorch
// clips them: times limit/(norm+1e-6). 0 is no limit.
func Clipped(inner ArchOptimizer, limit float64) ArchOptimizer {
	if limit == 0 {
		return inner
	}
	return Penalized(inner, func(_, grad []float64, _ Clock) {
		if norm := math.Sqrt(dot(grad, grad)); norm > limit {
			for i := range grad {
				grad[i] *= limit / (norm + 1e-6)
			}
		}
	})
}
