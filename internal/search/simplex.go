package search

import "math"

// NewSimplex is the relaxation whose parameters are the mixture itself: each row of θ is
// a point of a simplex, uniform at the start. [ExpGrad] keeps it there.
func NewSimplex(rows Layout) Relaxation {
	s := &simplex{theta: make([]float64, rows.Len())}
	for row, theta := range rows.Parts(s.theta) {
		for o := range theta {
			theta[o] = 1 / float64(len(row.Options))
		}
	}
	return s
}

// OnSimplex says whether the parameters of a relaxation are rows of a simplex.
func OnSimplex(r Relaxation) bool {
	switch r := r.(type) {
	case *simplex, simplexGumbel:
		return true
	case *restricted:
		return OnSimplex(r.Relaxation)
	case *edged:
		return OnSimplex(r.Relaxation)
	}
	return false
}

type simplex struct{ theta []float64 }

func (s *simplex) Params() []float64 { return s.theta }

func (s *simplex) Mix(coefs []float64, _ Use) Pullback {
	copy(coefs, s.theta)
	return func(dcoefs, dtheta []float64) { copy(dtheta, dcoefs) }
}

func (s *simplex) Scores(scores []float64) { copy(scores, s.theta) }
func (s *simplex) State() []byte           { return Floats(s.theta) }
func (s *simplex) SetState(b []byte) error { return SetFloats(s.theta, b) }

// ExpGrad is exponentiated gradient on rows θ of a simplex with options O:
//
//	g_o ← ∂L/∂θ_o + Entropy·(ln(θ_o·|O|) + 1)     the gradient of Entropy·Σ θ ln(θ·|O|)
//	θ_o ← max(θ_o·exp(−LR·g_o), Floor), divided by the sum of the row
//
// Source: Li et al., GAEA, ICLR 2021, arXiv:2004.07802, and its code, which bounds θ
// from below before it divides.
type ExpGrad struct {
	LR      float64 `json:"lr" doc:"rate of the exponentiated gradient"`
	Floor   float64 `json:"floor" doc:"least entry of a row before it is divided by its sum"`
	Entropy float64 `json:"entropy" doc:"weight of the entropic regulariser; 0: none"`
}

// Check says what is wrong with the numbers.
func (x ExpGrad) Check() error {
	if err := above(0, "arch.lr", x.LR); err != nil {
		return err
	}
	return notBelow(0, "arch.floor", x.Floor)
}

// Step moves the rows theta against grad.
func (x ExpGrad) Step(rows Layout, theta, grad []float64) { x.step(rows, theta, grad, false) }

// step holds θ above Floor before or after it divides.
func (x ExpGrad) step(rows Layout, theta, grad []float64, after bool) {
	const most = 600 // of an exponent: beyond it what is left of a row is next to nothing
	start := 0
	for row, p := range rows.Parts(theta) {
		g := grad[start : start+len(p)]
		start += len(p)
		down := 0.0
		for o := range p {
			if x.Entropy != 0 {
				g[o] += x.Entropy * (math.Log(p[o]*float64(len(row.Options))) + 1)
			}
			down = math.Max(down, -x.LR*g[o]-most)
		}
		floor := x.Floor * math.Exp(-down)
		sum := 0.0
		for o := range p {
			p[o] *= math.Exp(-x.LR*g[o] - down)
			if !after {
				p[o] = math.Max(p[o], floor)
			}
			sum += p[o]
		}
		for o := range p {
			p[o] /= sum
			if after {
				p[o] = math.Max(p[o], x.Floor)
			}
		}
	}
}

// expGrad is [ExpGrad] as an [ArchOptimizer] of rows. It remembers nothing.
type expGrad struct {
	ExpGrad
	rows  Layout
	after bool // θ is bounded after the division
}

func (x expGrad) Step(theta, grad []float64, _ Clock) { x.step(x.rows, theta, grad, x.after) }
func (expGrad) State() []byte                         { return nil }
func (expGrad) SetState([]byte) error                 { return nil }
