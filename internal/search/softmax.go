package search

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Softmax mixes each row by p_o = exp(α_o)/Σ exp(α), as DARTS does
// (Liu et al., ICLR 2019, arXiv:1806.09055).
var Softmax softmax

type softmax struct{}

// Mix fills p = softmax(α) row by row.
func (softmax) Mix(rows Layout, alpha, p []float64) {
	start := 0
	for _, row := range rows {
		end := start + len(row.Options)
		softmaxRow(alpha[start:end], p[start:end])
		start = end
	}
}

func softmaxRow(alpha, p []float64) {
	top := math.Inf(-1)
	for _, a := range alpha {
		top = math.Max(top, a)
	}
	sum := 0.0
	for o, a := range alpha {
		p[o] = math.Exp(a - top)
		sum += p[o]
	}
	for o := range p {
		p[o] /= sum
	}
}

// Pullback fills dalpha_o = p_o (dp_o − Σ_j p_j dp_j) at p = softmax(α).
func (softmax) Pullback(rows Layout, p, dp, dalpha []float64) {
	start := 0
	for _, row := range rows {
		end := start + len(row.Options)
		mean := 0.0
		for o := start; o < end; o++ {
			mean += p[o] * dp[o]
		}
		for o := start; o < end; o++ {
			dalpha[o] = p[o] * (dp[o] - mean)
		}
		start = end
	}
}

// Coefs is softmax(α) for each of so many layers, [layers·A].
func (softmax) Coefs(rows Layout, alpha []float64, layers int) []float64 {
	one := make([]float64, len(alpha))
	Softmax.Mix(rows, alpha, one)
	return slices.Repeat(one, layers)
}

// Uniform are coefficients that prefer nothing, [layers·A].
func Uniform(rows Layout, layers int) []float64 {
	return Softmax.Coefs(rows, make([]float64, rows.Len()), layers)
}

// logits is the relaxation whose mixture and scores are softmax(α).
type logits struct {
	rows     Layout
	alpha, p []float64
	pullback Pullback
}

// NewSoftmax is the relaxation of DARTS: logits α that start as scale·N(0,1), drawn
// from the stream r.
func NewSoftmax(rows Layout, scale float64, r *rand.Rand) Relaxation {
	l := &logits{rows: rows, alpha: make([]float64, rows.Len()), p: make([]float64, rows.Len())}
	for i := range l.alpha {
		l.alpha[i] = scale * r.NormFloat64()
	}
	l.pullback = func(dcoefs, dalpha []float64) { Softmax.Pullback(l.rows, l.p, dcoefs, dalpha) }
	return l
}

func (l *logits) Params() []float64 { return l.alpha }

func (l *logits) Mix(coefs []float64, _ Use) Pullback {
	Softmax.Mix(l.rows, l.alpha, l.p)
	copy(coefs, l.p)
	return l.pullback
}

func (l *logits) Scores(scores []float64) { Softmax.Mix(l.rows, l.alpha, scores) }

func (l *logits) State() []byte           { return Floats(l.alpha) }
func (l *logits) SetState(b []byte) error { return SetFloats(l.alpha, b) }
