package search

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Dirichlet is the relaxation of DrNAS: each use of a row draws its mixture from
// Dir(β), β = elu(α) + 1 > 0 elementwise, with α as in [NewSoftmax]. Evaluations take
// the mean β/Σβ, and so do scores. The pullback is the pathwise gradient of the draw.
//
// Source: Chen et al., DrNAS, ICLR 2021, arXiv:2006.10355; the reparametrisation of
// Jankowiak and Obermeyer, ICML 2018, as PyTorch has it.
func Dirichlet(rows Layout, scale float64, r *rand.Rand) Relaxation {
	return &dirichlet{
		logits: NewSoftmax(rows, scale, r).(*logits),
		beta:   make([]float64, rows.Len()), x: make([]float64, rows.Len()),
	}
}

type dirichlet struct {
	*logits           // rows and α
	beta, x []float64 // of the last draw
}

// concentration is β of α.
func concentration(alpha float64) float64 {
	if alpha > 0 {
		return alpha + 1
	}
	return math.Exp(alpha)
}

// slope is dβ/dα.
func slope(alpha float64) float64 {
	if alpha > 0 {
		return 1
	}
	return math.Exp(alpha)
}

// least and most are what a drawn share is held between, as in the code.
const (
	least = 1e-6
	most  = 1 - 1e-6
)

func (d *dirichlet) Mix(coefs []float64, use Use) Pullback {
	if use.For == ForEvaluation {
		d.Scores(coefs)
		return nil
	}
	for i, alpha := range d.alpha {
		d.beta[i] = concentration(alpha)
	}
	start := 0
	for _, x := range d.rows.Parts(d.x) {
		drawDirichlet(x, d.beta[start:start+len(x)], use.Rand)
		start += len(x)
	}
	copy(coefs, d.x)
	return d.back
}

// back is the pathwise gradient: with B = Σβ in a row and d_i as in [betaSlope],
//
//	∂L/∂β_i = d_i/(1−x_i) · (∂L/∂x_i − Σ_j x_j ∂L/∂x_j)
func (d *dirichlet) back(dcoefs, dalpha []float64) {
	start := 0
	for _, x := range d.rows.Parts(d.x) {
		mean, total := 0.0, 0.0
		for o := range x {
			mean += x[o] * dcoefs[start+o]
			total += d.beta[start+o]
		}
		for o := range x {
			beta := d.beta[start+o]
			dalpha[start+o] = betaSlope(x[o], beta, total-beta) / (1 - x[o]) * (dcoefs[start+o] - mean) * slope(d.alpha[start+o])
		}
		start += len(x)
	}
}

func (d *dirichlet) Scores(scores []float64) {
	for i, alpha := range d.alpha {
		scores[i] = concentration(alpha)
	}
	for _, p := range d.rows.Parts(scores) {
		total := 0.0
		for _, beta := range p {
			total += beta
		}
		for o := range p {
			p[o] /= total
		}
	}
}

// drawDirichlet draws x ~ Dir(beta): shares of Gamma draws, held within bounds.
func drawDirichlet(x, beta []float64, r *rand.Rand) {
	total := 0.0
	for o := range x {
		x[o] = distuv.Gamma{Alpha: beta[o], Beta: 1, Src: r}.Rand()
		total += x[o]
	}
	for o := range x {
		if total > 0 { // else all have vanished
			x[o] /= total
		} else {
			x[o] = 1 / float64(len(x))
		}
		x[o] = math.Min(math.Max(x[o], least), most)
	}
}

// betaSlope is dx/da for the quantile x of the distribution Beta(a, b) whose
// probability is held: −∂I_x(a,b)/∂a over the density at x. The derivative is by central
// differences on the smaller of the two tails, where they lose no digits.
func betaSlope(x, a, b float64) float64 {
	change := func(f func(a float64) float64) float64 {
		h := 1e-5 * a
		return (f(a+h) - f(a-h)) / (2 * h)
	}
	var growth float64 // of I_x(a,b) with a
	if x < a/(a+b) {
		growth = change(func(a float64) float64 { return mathext.RegIncBeta(a, b, x) })
	} else {
		growth = -change(func(a float64) float64 { return mathext.RegIncBeta(b, a, 1-x) })
	}
	lower, _ := math.Lgamma(a)
	upper, _ := math.Lgamma(b)
	both, _ := math.Lgamma(a + b)
	return -growth / math.Exp(both-lower-upper+(a-1)*math.Log(x)+(b-1)*math.Log1p(-x))
}

// anchorKL adds the gradient in α of weight·Σ over rows of KL(Dir(β) ‖ Dir(1)), where
//
//	KL = lnΓ(B) − lnΓ(K) − Σ lnΓ(β_i) + Σ (β_i−1)(ψ(β_i) − ψ(B)),  B = Σβ, K options
//	∂KL/∂β_i = (β_i−1) ψ′(β_i) − ψ′(B) Σ_j (β_j−1)
func anchorKL(rows Layout, weight float64) func(alpha, grad []float64, _ Clock) {
	return func(alpha, grad []float64, _ Clock) {
		start := 0
		for _, row := range rows.Parts(alpha) {
			total := 0.0
			for _, a := range row {
				total += concentration(a)
			}
			excess := total - float64(len(row))
			for o, a := range row {
				beta := concentration(a)
				grad[start+o] += weight * ((beta-1)*trigamma(beta) - trigamma(total)*excess) * slope(a)
			}
			start += len(row)
		}
	}
}

// trigamma is ψ′(x) = ζ(2, x).
func trigamma(x float64) float64 { return mathext.Zeta(2, x) }
