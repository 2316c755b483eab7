package search

import (
	"fmt"

	"idarts/internal/exec"
)

// Solver finds u with H u ≈ v for the H that h.Problem is linearized at.
type Solver interface {
	// Solve leaves v unchanged; u may be v itself or one of h's work vectors.
	Solve(h *Hyper, gamma float64, v exec.Vec) (u exec.Vec, err error)
	// Implicit is false when u is 0 whatever v is: then the hypergradient has no
	// implicit term, and needs no training batch.
	Implicit() bool
	// String is for records and steps: "neumann K=2".
	String() string
}

// Ignore takes u = 0: first-order DARTS.
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

// Implicit implements [Solver].
func (Ignore) Implicit() bool   { return false }
func (Unrolled) Implicit() bool { return true }
func (Neumann) Implicit() bool  { return true }
func (CG) Implicit() bool       { return true }

// Solve implements [Solver].
func (Ignore) Solve(h *Hyper, _ float64, _ exec.Vec) (exec.Vec, error) {
	u := h.vector(&h.u)
	u.Zero()
	return u, nil
}

// Solve implements [Solver].
func (Unrolled) Solve(h *Hyper, gamma float64, v exec.Vec) (exec.Vec, error) {
	return Neumann{0}.Solve(h, gamma, v)
}

// Solve implements [Solver].
func (n Neumann) Solve(h *Hyper, gamma float64, v exec.Vec) (exec.Vec, error) {
	sum, u, hu := h.vector(&h.u), h.vector(&h.term), h.vector(&h.product)
	u.Copy(v)   // u_0 = v
	sum.Copy(v) // s = Σ u_k
	for k := range n.K {
		if err := h.Problem.Product(u, hu, nil); err != nil {
			return nil, err
		}
		if k == 0 {
			h.curvature = v.Dot(hu)
		}
		u.Axpy(-gamma, hu) // u_{k+1} = u_k − γ H u_k
		sum.Axpy(1, u)
		h.squares = append(h.squares, u.Dot(u))
	}
	sum.Scale(gamma) // u = γ s
	return sum, nil
}

// Solve implements [Solver].
func (c CG) Solve(h *Hyper, _ float64, v exec.Vec) (exec.Vec, error) {
	u, r, d, hd := h.vector(&h.u), h.vector(&h.residual), h.vector(&h.direction), h.vector(&h.product)
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
			h.curvature = exec.Known(curvature)
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
