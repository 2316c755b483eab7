package search

import (
	"cmp"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// LambdaDARTS are the settings of Λ-DARTS.
type LambdaDARTS struct {
	DARTS1
	Align   Alignment `json:"align" doc:"what is aligned: corr, the cosines of layers' gradients, or signcorr, the same over absolute values"`
	Lambda  float64   `json:"lambda" doc:"weight of the alignment in the last epoch; it grows from 0 with the epochs"`
	Epsilon float64   `json:"epsilon" doc:"norm of the change of the mixture in the finite difference"`
}

// Check implements [Settings].
func (s LambdaDARTS) Check() error {
	return cmp.Or(s.DARTS1.Check(), notBelow(0, "lambda", s.Lambda), above(0, "epsilon", s.Epsilon))
}

var lambdaDARTS = Method{
	Name: "lambda-darts", Title: "Λ-DARTS", Paper: "Movahedi et al., ICLR 2023, arXiv:2210.07998",
	Note:   "first-order DARTS; the weights also make the layers' gradients in the mixture point the same way, by central differences on the same batch. In spaces of two kinds of cell the first kind is aligned",
	Traits: Traits{bilevel, "softmax", byAdam, byArgmax, "4"},
	Zero:   LambdaDARTS{},
	Begin: with(func(env Env, s LambdaDARTS) (Searcher, error) {
		aligned := WeightStep{Terms: []func(*Engine, batch.Batch, exec.Vec) error{s.term}}
		return NewEngine(env, s.alternating(s.Bilevel.parts(env), aligned))
	}),
}

// Alignment is a measure Λ of how far the gradients g_l = ∂L/∂p of the layers l point the
// same way, a mean over pairs of layers.
type Alignment uint8

const (
	// Corr: Λ = mean of cos(g_l, g_j).
	Corr Alignment = iota
	// SignCorr: Λ = mean of g_l·g_j / |g_l|·|g_j|, with absolute values entry by entry.
	SignCorr
)

var alignments = names{Corr: "corr", SignCorr: "signcorr"}

// String is "corr" or "signcorr".
func (a Alignment) String() string { return alignments.of(uint8(a)) }

// MarshalText makes settings readable.
func (a Alignment) MarshalText() ([]byte, error) { return alignments.marshal(uint8(a)) }

// UnmarshalText is the inverse of MarshalText.
func (a *Alignment) UnmarshalText(text []byte) error { return alignments.parse(text, (*uint8)(a)) }

// Slope returns Λ and fills delta with ∂Λ/∂g_l, both [L·n] layer after layer. With L
// layers whose gradient is not 0, c = 2/(L(L−1)) and u_l = g_l/‖g_l‖ it is, for [Corr],
//
//	δ_l = c (I − u_l u_lᵀ) Σ_j u_j / ‖g_l‖
//
// and for [SignCorr], with d = g_l·g_j and a = |g_l|·|g_j|,
//
//	δ_l = c Σ_{j≠l} (1 − d/a · sign g_l ⊙ sign g_j) ⊙ g_j / a
//
// Layers whose gradient is 0 take no part.
// Source: Movahedi et al., ICLR 2023, arXiv:2210.07998; dr-faustus/Lambda-DARTS.
func (a Alignment) Slope(g, delta []float64, n int) (lambda float64) {
	clear(delta)
	var layers []int
	for l := 0; l < len(g); l += n {
		if dot(g[l:l+n], g[l:l+n]) > 0 {
			layers = append(layers, l)
		}
	}
	if len(layers) < 2 {
		return 0
	}
	c := 2 / float64(len(layers)*(len(layers)-1))
	for i, l := range layers {
		for _, j := range layers[i+1:] {
			lambda += c * a.pair(c, g[l:l+n], g[j:j+n], delta[l:l+n], delta[j:j+n])
		}
	}
	return lambda
}

// pair returns the measure of two layers and adds c times its gradients.
func (a Alignment) pair(c float64, x, y, dx, dy []float64) float64 {
	d := dot(x, y)
	if a == Corr {
		nx, ny := dot(x, x), dot(y, y)
		norm := math.Sqrt(nx * ny)
		for i := range x {
			dx[i] += c * (y[i] - d/nx*x[i]) / norm
			dy[i] += c * (x[i] - d/ny*y[i]) / norm
		}
		return d / norm
	}
	abs := 0.0
	for i := range x {
		abs += math.Abs(x[i] * y[i])
	}
	if abs == 0 {
		return 0
	}
	for i := range x {
		s := sign(x[i]) * sign(y[i])
		dx[i] += c * (1 - d/abs*s) * y[i] / abs
		dy[i] += c * (1 - d/abs*s) * x[i] / abs
	}
	return d / abs
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// term adds −λ·∂Λ/∂w to the gradient of the weights, by differences: with ε =
// Epsilon/‖δ‖ and each layer l at p ∓ ε δ_l,
//
//	−∂Λ/∂w ≈ (∇L(p − εδ) − ∇L(p + εδ)) / 2ε
//
// λ is Lambda·epoch/(epochs−1). Both passes take the batch of the step.
func (s LambdaDARTS) term(e *Engine, b batch.Batch, grad exec.Vec) error {
	n := e.Space.Layout.Len()
	g, delta := aligned(e.Space.Layout, e.Dcoefs), make([]float64, len(e.Dcoefs))
	e.Add("layer_alignment", s.Align.Slope(g, delta, n))
	weight := s.Lambda * float64(e.Clock.Epoch) / float64(max(e.Clock.Epochs-1, 1))
	norm := math.Sqrt(dot(delta, delta))
	if err := finite("change of the mixture", []float64{norm}); err != nil {
		return err
	}
	if weight == 0 || norm == 0 {
		return nil
	}
	eps := s.Epsilon / norm
	at, pass := make([]float64, len(delta)), e.Hyper.vector(&e.Hyper.u)
	for _, side := range [2]float64{-1, 1} {
		for i, d := range delta {
			at[i] = e.Coefs[i] + side*eps*d
		}
		if _, err := e.Problem.Gradient(b, at, pass, nil); err != nil {
			return err
		}
		grad.Axpy(-side*weight/(2*eps), pass)
	}
	return nil
}

// aligned is dcoefs [Layers·A] with 0 at the rows that are of another kind of cell than
// the first row.
func aligned(rows Layout, dcoefs []float64) []float64 {
	g := append([]float64(nil), dcoefs...)
	for layer := 0; layer < len(g); layer += rows.Len() {
		for row, part := range rows.Parts(g[layer : layer+rows.Len()]) {
			if row.Group != rows[0].Group {
				clear(part)
			}
		}
	}
	return g
}
