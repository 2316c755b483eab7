package search

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Temperature is what a relaxation's draws are divided by. It goes in a straight line
// from Start in the first epoch to End in the last.
type Temperature struct {
	Start float64 `json:"start" doc:"temperature in the first epoch"`
	End   float64 `json:"end" doc:"temperature in the last epoch, along a straight line"`
}

// Check says what is wrong with the numbers.
func (t Temperature) Check() error {
	if !(t.Start > 0 && t.End > 0) {
		return fmt.Errorf("temperature goes from %v to %v, want both above 0", t.Start, t.End)
	}
	return nil
}

// At is the temperature in an epoch.
func (t Temperature) At(c Clock) float64 {
	return t.Start + (t.End-t.Start)*float64(c.Epoch)/float64(max(c.Epochs-1, 1))
}

// Gumbel is the concrete relaxation: each use of a row draws its mixture as
// softmax((α + g)/τ) with noise g = −ln(−ln u), u uniform. Evaluations take softmax(α), and
// so do scores.
// Source: Maddison et al., ICLR 2017, arXiv:1611.00712; Xie et al., SNAS, ICLR 2019.
func Gumbel(rows Layout, t Temperature, scale float64, r *rand.Rand) Relaxation {
	return &gumbel{logits: NewSoftmax(rows, scale, r).(*logits), temperature: t, noisy: make([]float64, rows.Len())}
}

type gumbel struct {
	*logits
	temperature Temperature
	noisy       []float64
}

func (g *gumbel) Mix(coefs []float64, use Use) Pullback {
	if use.For == ForEvaluation {
		return g.logits.Mix(coefs, use)
	}
	tau := g.temperature.At(use.Clock)
	for i, alpha := range g.alpha {
		g.noisy[i] = (alpha + gumbelNoise(use.Rand)) / tau
	}
	Softmax.Mix(g.rows, g.noisy, g.p)
	copy(coefs, g.p)
	return func(dcoefs, dalpha []float64) {
		Softmax.Pullback(g.rows, g.p, dcoefs, dalpha)
		for i := range dalpha {
			dalpha[i] /= tau
		}
	}
}

// gumbelNoise is −ln(−ln u).
func gumbelNoise(r *rand.Rand) float64 {
	for {
		if e := r.ExpFloat64(); e > 0 { // −ln u
			return -math.Log(e)
		}
	}
}
