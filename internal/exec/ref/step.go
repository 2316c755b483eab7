package ref

import (
	"math"

	"idarts/internal/exec"
)

// Step is [exec.Vec]'s Step of w made of its other methods, one pass after another. A
// device that fuses operations differs in roundings.
func Step(w, grad, buf exec.Vec, s exec.SGDStep) exec.Number {
	norm := math.Sqrt(grad.Dot(grad).Value())
	if s.Clip > 0 && norm > s.Clip {
		grad.Scale(s.Clip / (norm + 1e-6))
	}
	if s.Decay != 0 {
		grad.Axpy(s.Decay, w)
	}
	if s.Momentum == 0 {
		w.Axpy(-s.Rate, grad)
		return exec.Known(norm)
	}
	buf.Scale(s.Momentum)
	buf.Axpy(1, grad)
	if s.Nesterov {
		w.Axpy(-s.Rate, grad)
		w.Axpy(-s.Rate*s.Momentum, buf)
	} else {
		w.Axpy(-s.Rate, buf)
	}
	return exec.Known(norm)
}
