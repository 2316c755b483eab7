package search

import (
	"errors"
	"fmt"
	"math"

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

// Hyper computes hypergradients of one problem. It holds the work vectors, so one
// value serves a whole search. Start at [Hyper.Gradient].
type Hyper struct {
	Problem Problem
	Mixed   Mixed // nil: [Exact]

	// Norms and Curvature describe the last solve: ‖u_k‖ of its terms, ‖u_0‖ = ‖v‖
	// first, and vᵀHv, which is NaN when H was not used.
	Norms     []float64
	Curvature float64

	work  []exec.Vec
	mixed []float64
}

// Hypergradient is [Hyper.Gradient] for a single call.
func Hypergradient(dst []float64, p Problem, at Point, solve Solver) (loss float64, err error) {
	h := Hyper{Problem: p}
	return h.Gradient(dst, at, solve)
}

// Gradient fills dst [Layers·A] with the hypergradient dL₂/dc and returns L₂:
//
//	dst = ∂L₂/∂c − M u,  where H u = v
//	v = ∂L₂/∂w,  H = ∂²L₁/∂w²,  M = ∂²L₁/∂c∂w
//
// solve sets how closely u is found. All is taken at the current weights, which
// are left unchanged (but see [Released]). The gradient in α is the pullback of
// dst through the relaxation. A number that is not finite gives an error wrapping
// [ErrDiverged].
//
// Source: Zhang et al., iDARTS, ICML 2021, arXiv:2106.10784, equation 9, with one
// batch for H and M.
func (h *Hyper) Gradient(dst []float64, at Point, solve Solver) (loss float64, err error) {
	v := h.vec(0)
	number, err := h.Problem.Gradient(at.Valid, at.Coefs, v, dst) // v = ∂L₂/∂w, dst = ∂L₂/∂c
	if err != nil {
		return 0, err
	}
	return number.Value(), h.Correct(dst, v, at, solve)
}

// Correct subtracts the implicit term from dst: dst −= M u with H u = v, where H
// and M belong to the training batch and the current weights.
func (h *Hyper) Correct(dst []float64, v exec.Vec, at Point, solve Solver) error {
	h.Norms, h.Curvature = append(h.Norms[:0], Norm(v)), math.NaN()
	if solve == (Ignore{}) {
		return finite("hypergradient", dst)
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
	if len(h.mixed) != len(dst) {
		h.mixed = make([]float64, len(dst))
	}
	product := h.Mixed
	if product == nil {
		product = Exact
	}
	if err := product(h, at, v, u, h.mixed); err != nil { // M u
		return err
	}
	for i := range dst {
		dst[i] -= h.mixed[i]
	}
	return finite("hypergradient", dst)
}

// Solver finds u with H u ≈ v for the H that h.Problem is linearized at. It leaves
// v unchanged; u may be v itself or one of h's work vectors. Solvers are values
// that == compares; String names them in the record of a run.
type Solver interface {
	Solve(h *Hyper, gamma float64, v exec.Vec) (u exec.Vec, err error)
	String() string
}

// Ignore takes u = 0: first-order DARTS. It needs no training batch.
type Ignore struct{}

// Unrolled takes u = γv, one step of gradient descent seen backwards: second-order
// DARTS, which takes v after that step. It is Neumann{0}.
type Unrolled struct{}

// Neumann takes u = γ Σ_{k=0..K} (I−γH)ᵏ v, which has K+1 terms: iDARTS. For H
// with eigenvalues in [μ, L] and γ ≤ 1/L the error is H⁻¹(I−γH)^{K+1} v, at most
// (1−γμ)^{K+1} ‖v‖/μ. For γ > 2/L it grows without bound.
type Neumann struct{ K int }

// CG takes the iterate of the conjugate gradient method after at most Iters
// products, from u = 0. It is exact after as many as H has distinct eigenvalues
// when H is positive definite, and stops at a direction of curvature ≤ 0.
type CG struct{ Iters int }

func (Ignore) String() string    { return "ignore" }
func (Unrolled) String() string  { return "unrolled" }
func (n Neumann) String() string { return fmt.Sprintf("neumann K=%d", n.K) }
func (c CG) String() string      { return fmt.Sprintf("cg %d", c.Iters) }

// Solve implements [Solver].
func (Ignore) Solve(h *Hyper, _ float64, _ exec.Vec) (exec.Vec, error) {
	u := h.vec(1)
	u.Zero()
	return u, nil
}

// Solve implements [Solver].
func (Unrolled) Solve(h *Hyper, gamma float64, v exec.Vec) (exec.Vec, error) {
	return Neumann{0}.Solve(h, gamma, v)
}

// Solve implements [Solver].
func (n Neumann) Solve(h *Hyper, gamma float64, v exec.Vec) (exec.Vec, error) {
	sum, u, hu := h.vec(1), h.vec(2), h.vec(3)
	u.Copy(v)   // u_0 = v
	sum.Copy(v) // s = Σ u_k
	for k := range n.K {
		if err := h.Problem.Product(u, hu, nil); err != nil {
			return nil, err
		}
		if k == 0 {
			h.Curvature = v.Dot(hu).Value()
		}
		u.Axpy(-gamma, hu) // u_{k+1} = u_k − γ H u_k
		sum.Axpy(1, u)
		norm := Norm(u)
		h.Norms = append(h.Norms, norm)
		if !isFinite(norm) {
			return nil, fmt.Errorf("search: norm of Neumann term %d is %v: %w", k+1, norm, ErrDiverged)
		}
	}
	sum.Scale(gamma) // u = γ s
	return sum, nil
}

// Solve implements [Solver].
func (c CG) Solve(h *Hyper, _ float64, v exec.Vec) (exec.Vec, error) {
	u, r, d, hd := h.vec(1), h.vec(2), h.vec(3), h.vec(4)
	u.Zero()
	r.Copy(v) // r = v − H u
	d.Copy(r)
	rr := r.Dot(r).Value()
	enough := rr * 1e-30
	for k := 0; k < c.Iters && rr > enough; k++ {
		if err := h.Problem.Product(d, hd, nil); err != nil {
			return nil, err
		}
		curvature := d.Dot(hd).Value()
		if k == 0 {
			h.Curvature = curvature
		}
		if curvature <= 0 {
			break
		}
		step := rr / curvature
		u.Axpy(step, d)
		r.Axpy(-step, hd)
		next := r.Dot(r).Value()
		d.Scale(next / rr)
		d.Axpy(1, r)
		rr = next
	}
	return u, nil
}

// Mixed fills dst = M u, M = ∂²L₁/∂c∂w on at.Train. v is the vector of the system
// H u = v that u solves.
type Mixed func(h *Hyper, at Point, v, u exec.Vec, dst []float64) error

// Exact is the product by one tangent pass.
func Exact(h *Hyper, _ Point, _, u exec.Vec, dst []float64) error {
	return h.Problem.Product(u, nil, dst)
}

// Differences is the product by central differences along s = u/γ with the radius
// of the DARTS and iDARTS code, ε = 0.01/‖v‖ (the norm of v, not of s):
//
//	M u ≈ γ [∂L₁/∂c(w+εs) − ∂L₁/∂c(w−εs)]/2ε
//
// The weights are restored exactly.
func Differences(h *Hyper, at Point, v, u exec.Vec, dst []float64) error {
	w, saved := h.Problem.Weights(), h.vec(4)
	saved.Copy(w)
	_, err := h.differences(at, v, u, dst)
	w.Copy(saved)
	return err
}

// Released is [Differences] as the authors' notebook runs it: instead of +εs it
// adds +εv at the end, so w moves by ε(v−s), a step of about 0.01·K down the
// validation loss.
// Source: MiaoZhang0525/iDARTS, NAS_Bench201_codes/exps/algos/iDARTS_V2.ipynb.
func Released(h *Hyper, at Point, v, u exec.Vec, dst []float64) error {
	eps, err := h.differences(at, v, u, dst)
	h.Problem.Weights().Axpy(eps, v)
	return err
}

// differences leaves the weights at w − εs.
func (h *Hyper) differences(at Point, v, u exec.Vec, dst []float64) (eps float64, err error) {
	const radius = 0.01
	norm := Norm(v)
	if norm == 0 { // then u = 0 as well
		clear(dst)
		return 0, nil
	}
	eps = radius / norm
	w := h.Problem.Weights()
	w.Axpy(eps/at.Gamma, u)
	if _, err := h.Problem.Gradient(at.Train, at.Coefs, nil, dst); err != nil {
		return eps, err
	}
	w.Axpy(-2*eps/at.Gamma, u)
	minus := make([]float64, len(dst))
	if _, err := h.Problem.Gradient(at.Train, at.Coefs, nil, minus); err != nil {
		return eps, err
	}
	for i := range dst {
		dst[i] = at.Gamma * (dst[i] - minus[i]) / (2 * eps)
	}
	return eps, nil
}

// vec is work vector i: 0 is v, 1 is u, the others belong to whoever runs.
func (h *Hyper) vec(i int) exec.Vec {
	for len(h.work) <= i {
		h.work = append(h.work, h.Problem.NewVec())
	}
	return h.work[i]
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
