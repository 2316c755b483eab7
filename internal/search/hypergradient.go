package search

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// ErrDiverged is wrapped by the error of a search whose numbers are no longer finite.
var ErrDiverged = errors.New("the search diverged")

// Point is where a hypergradient is taken: at the problem's current weights w,
// the mixture coefficients c, and one batch for each level.
type Point struct {
	Coefs []float64   // c [Layers·A]
	Train batch.Batch // of L₁, the loss that the weights minimise
	Valid batch.Batch // of L₂, the loss that the architecture minimises
	Gamma float64     // γ, the step of [Unrolled] and [Neumann]
}

// Hypergradient is [Hyper.Gradient] for a single call.
func Hypergradient(dst []float64, p Problem, at Point, solve Solver) (loss exec.Number, err error) {
	h := Hyper{Problem: p}
	return h.Gradient(dst, at, solve)
}

// Gradient fills dst [Layers·A] with the hypergradient dL₂/dc and returns L₂:
//
//	dst = ∂L₂/∂c − M u,  where H u = v
//	v = ∂L₂/∂w,  H = ∂²L₁/∂w²,  M = ∂²L₁/∂c∂w
//
// solve sets how closely u is found: for iDARTS it is [Neumann]. All is taken at the
// current weights, which are left unchanged (but see [Released]). The gradient in θ
// is the pullback of dst through the relaxation. A number that is not finite gives
// an error wrapping [ErrDiverged].
//
// Source: Zhang et al., iDARTS, ICML 2021, arXiv:2106.10784, equation 9, with one
// batch for H and M.
func (h *Hyper) Gradient(dst []float64, at Point, solve Solver) (loss exec.Number, err error) {
	v := h.vector(&h.v)
	loss, err = h.Problem.Gradient(at.Valid, at.Coefs, v, dst) // v = ∂L₂/∂w, dst = ∂L₂/∂c
	if err != nil {
		return loss, err
	}
	return loss, h.Correct(dst, v, at, solve)
}

// Correct subtracts the implicit term from dst: dst −= M u with H u = v, where H
// and M belong to the training batch and the current weights.
func (h *Hyper) Correct(dst []float64, v exec.Vec, at Point, solve Solver) error {
	h.begin(dst, v)
	if !solve.Implicit() { // u = 0
		return cmp.Or(h.settle(), finite("hypergradient", dst))
	}
	if !(at.Gamma > 0) {
		return fmt.Errorf("search: gamma is %v, want a number above 0", at.Gamma)
	}
	if err := h.Problem.Linearize(at.Train, at.Coefs); err != nil { // fixes H and M
		return err
	}
	u, err := solve.Solve(h, at.Gamma, v) // H u = v
	if err != nil {
		return err
	}
	h.Implicit = slices.Grow(h.Implicit, len(dst))[:len(dst)]
	err = h.mixed()(h, at, v, u, h.Implicit) // M u
	if err = cmp.Or(h.settle(), err); err != nil {
		return err
	}
	for i := range dst {
		h.Implicit[i] = -h.Implicit[i]
		dst[i] += h.Implicit[i] // ∂L₂/∂c − M u
	}
	return finite("hypergradient", dst)
}

// Hyper computes hypergradients of one problem. It holds the work vectors, so one
// value serves a whole search. Start at [Hyper.Gradient].
type Hyper struct {
	Problem Problem
	Mixed   Mixed // nil: [Exact]

	// What the last call was made of, [Layers·A]: Direct = ∂L₂/∂c and
	// Implicit = −M u, which is empty when the solver has none.
	Direct, Implicit []float64
	// Norms and Curvature describe its solve: ‖u_k‖ of the terms, ‖u_0‖ = ‖v‖
	// first, and vᵀHv, which is NaN when H was not used.
	Norms     []float64
	Curvature float64
	// They come from here, the squares of norms first: a solver need not wait for them.
	squares   []exec.Number
	curvature exec.Number

	// Work vectors like the weights, made when first used.
	v         exec.Vec // ∂L₂/∂w
	u         exec.Vec // the solution
	term      exec.Vec // of the Neumann series: u_k
	product   exec.Vec // H times a vector
	residual  exec.Vec // of CG: v − H u
	direction exec.Vec // of CG
	saved     exec.Vec // weights that are put back
}

// begin notes the direct term and forgets the last call.
func (h *Hyper) begin(direct []float64, v exec.Vec) {
	h.Direct = append(h.Direct[:0], direct...)
	h.Implicit = h.Implicit[:0]
	h.squares, h.curvature = append(h.squares[:0], v.Dot(v)), exec.Known(math.NaN())
}

// settle waits for norms and curvature. A term of the series that is not finite is an
// error.
func (h *Hyper) settle() error {
	h.Norms, h.Curvature = h.Norms[:0], h.curvature.Value()
	for k, square := range h.squares {
		norm := math.Sqrt(square.Value())
		if k > 0 && !isFinite(norm) {
			return fmt.Errorf("search: norm of Neumann term %d is %v: %w", k, norm, ErrDiverged)
		}
		h.Norms = append(h.Norms, norm)
	}
	return nil
}

// vector is the work vector in place, made if need be.
func (h *Hyper) vector(place *exec.Vec) exec.Vec {
	if *place == nil {
		*place = h.Problem.NewVec()
	}
	return *place
}

func (h *Hyper) mixed() Mixed {
	if h.Mixed == nil {
		return Exact
	}
	return h.Mixed
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func finite(what string, values []float64) error {
	for i, x := range values {
		if !isFinite(x) {
			return fmt.Errorf("search: %s[%d] is %v: %w", what, i, x, ErrDiverged)
		}
	}
	return nil
}
