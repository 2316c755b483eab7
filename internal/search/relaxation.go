package search

import (
	"math"
	"slices"
)

// Relaxation turns α into mixture coefficients, one set [A] for all layers, and
// pulls gradients back. α, coefs and their gradients are flat, row after row.
type Relaxation struct {
	Name string
	// Mix fills coefs = p(α).
	Mix func(rows Layout, alpha, coefs []float64)
	// Pullback fills dalpha = (∂p/∂α)ᵀ dcoefs at coefs = p(α).
	Pullback func(rows Layout, alpha, coefs, dcoefs, dalpha []float64)
}

// Coefs is p(α) for each of so many layers, [layers·A].
func (r Relaxation) Coefs(rows Layout, alpha []float64, layers int) []float64 {
	one := make([]float64, len(alpha))
	r.Mix(rows, alpha, one)
	return slices.Repeat(one, layers)
}

// Uniform are coefficients that prefer nothing, [layers·A].
func Uniform(rows Layout, layers int) []float64 {
	return Softmax.Coefs(rows, make([]float64, rows.Len()), layers)
}

// Softmax mixes each row by p_o = exp(α_o)/Σ exp(α), as DARTS does
// (Liu et al., ICLR 2019, arXiv:1806.09055).
var Softmax = Relaxation{Name: "softmax", Mix: softmax, Pullback: softmaxPullback}

func softmax(rows Layout, alpha, coefs []float64) {
	start := 0
	for _, row := range rows {
		end := start + len(row.Options)
		softmaxRow(alpha[start:end], coefs[start:end])
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

// softmaxPullback: dα_o = p_o (dp_o − Σ_j p_j dp_j).
func softmaxPullback(rows Layout, _, coefs, dcoefs, dalpha []float64) {
	start := 0
	for _, row := range rows {
		end := start + len(row.Options)
		mean := 0.0
		for o := start; o < end; o++ {
			mean += coefs[o] * dcoefs[o]
		}
		for o := start; o < end; o++ {
			dalpha[o] = coefs[o] * (dcoefs[o] - mean)
		}
		start = end
	}
}

// Entropy is the mean over rows of the entropy of softmax(α), in nats: ln of the
// number of options at the start, 0 when every row has decided.
func Entropy(rows Layout, alpha []float64) float64 {
	p := make([]float64, len(alpha))
	softmax(rows, alpha, p)
	total := 0.0
	for _, x := range p {
		if x > 0 {
			total -= x * math.Log(x)
		}
	}
	return total / float64(len(rows))
}

// repeat fills dst [layers·A] with one [A] set, layer after layer.
func repeat(dst, one []float64) {
	for start := 0; start < len(dst); start += len(one) {
		copy(dst[start:start+len(one)], one)
	}
}

// SumLayers fills dst [A] with the sum over layers [layers·A]: the gradient in one
// set of coefficients that all layers share.
func SumLayers(dst, layers []float64) {
	clear(dst)
	for i, x := range layers {
		dst[i%len(dst)] += x
	}
}
