package search

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"idarts/internal/exec"
)

// MINRES takes the iterate of the minimal residual method after at most Iters products, from
// u = 0: the smallest ‖v − H u‖ in the space that they span. H need not be positive
// definite, which that of a supernet is not.
// Source: Paige and Saunders, SIAM J. Numer. Anal. 12 (1975), 617–629.
type MINRES struct {
	Iters     int
	Tolerance float64 // stops at ‖v − H u‖ ≤ Tolerance·‖v‖
	// Residual, if not nil, gets ‖v − H u‖/‖v‖ of the end.
	Residual *float64
}

// Nystrom takes u = (H_r + ρI)⁻¹ v for the approximation H_r = C W⁻¹ Cᵀ of H by Rank of its
// columns C, chosen by Rand, and W, their rows of the same numbers:
//
//	u = (v − C (ρW + CᵀC)⁻¹ Cᵀv)/ρ
//
// which costs Rank products and holds Rank vectors like the weights.
// Source: Hataya and Yamada, AISTATS 2023, arXiv:2302.09726, equation 6.
type Nystrom struct {
	Rank    int
	Damping float64 // ρ
	Rand    *rand.Rand
}

// Warm goes on with the linear system where the last call left it, with Steps steps of
// gradient descent on it, u ← u − γ(H u − v), each one product, from u = 0 in the first. With
// one step it is what SOBA does, with more what AmIGO does. It is a value of one search.
// Sources: Dagréou et al., NeurIPS 2022, arXiv:2201.13409; Arbel and Mairal, ICLR 2022,
// arXiv:2111.14580.
type Warm struct {
	Steps int
	u     exec.Vec
	saved []byte // of u, until there is one
}

// State implements [Stateful]: the solution so far, empty before the first.
func (w *Warm) State() []byte {
	if w.u == nil {
		return w.saved
	}
	return w.u.Bytes()
}

// SetState implements [Stateful].
func (w *Warm) SetState(b []byte) error {
	if w.u != nil && len(b) > 0 {
		return w.u.SetBytes(b)
	}
	w.u, w.saved = nil, bytes.Clone(b)
	return nil
}

func (m MINRES) String() string  { return fmt.Sprintf("minres %d", m.Iters) }
func (n Nystrom) String() string { return fmt.Sprintf("nystrom rank %d", n.Rank) }
func (w *Warm) String() string   { return fmt.Sprintf("warm start, %d steps", w.Steps) }

// Implicit implements [Solver].
func (MINRES) Implicit() bool  { return true }
func (Nystrom) Implicit() bool { return true }
func (*Warm) Implicit() bool   { return true }

// Solve implements [Solver]. Lanczos vectors q make H tridiagonal, with α on its diagonal and
// β beside it; rotations (c, s) make that triangular, column by column.
func (m MINRES) Solve(h *Hyper, _ float64, v exec.Vec) (exec.Vec, error) {
	u, hq := h.vector(&h.u), h.vector(&h.product)
	q, before := h.vector(&h.residual), h.vector(&h.term)
	d, dBefore := h.vector(&h.direction), h.Problem.NewVec()
	u.Zero()
	before.Zero()
	d.Zero()
	beta := Norm(v)
	start := beta
	q.Copy(v)
	if start > 0 {
		q.Scale(1 / start)
	}
	left := start // ±‖v − H u‖
	c, cBefore, s, sBefore := 1.0, 1.0, 0.0, 0.0
	for k := 0; k < m.Iters && math.Abs(left) > m.Tolerance*start; k++ {
		if err := h.Problem.Product(q, hq, nil); err != nil {
			return nil, err
		}
		alpha := q.Dot(hq).Value()
		if k == 0 {
			h.curvature = exec.Known(alpha * start * start)
		}
		hq.Axpy(-alpha, q)
		hq.Axpy(-beta, before)
		next := Norm(hq)
		first, second, third := c*alpha-cBefore*s*beta, s*alpha+cBefore*c*beta, sBefore*beta
		size := math.Hypot(first, next)
		if size == 0 {
			break // H has no more to give
		}
		cBefore, c, sBefore, s = c, first/size, s, next/size
		dBefore.Scale(-third) // the new direction, in place of the one before the last
		dBefore.Axpy(-second, d)
		dBefore.Axpy(1, q)
		dBefore.Scale(1 / size)
		d, dBefore = dBefore, d
		u.Axpy(c*left, d)
		left *= -s
		before.Copy(q)
		q.Copy(hq)
		if next > 0 {
			q.Scale(1 / next)
		}
		beta = next
	}
	if m.Residual != nil {
		*m.Residual = 0
		if start > 0 {
			*m.Residual = math.Abs(left) / start
		}
	}
	return u, nil
}

// Solve implements [Solver].
func (n Nystrom) Solve(h *Hyper, _ float64, v exec.Vec) (exec.Vec, error) {
	size := v.Len()
	if n.Rank < 1 || n.Rank > size || !(n.Damping > 0) {
		return nil, fmt.Errorf("search: rank %d and damping %v, want a rank from 1 to %d and a damping above 0", n.Rank, n.Damping, size)
	}
	chosen := n.Rand.Perm(size)[:n.Rank]
	columns := make([]exec.Vec, n.Rank)
	unit := h.vector(&h.direction)
	unit.Zero()
	for k, i := range chosen {
		one := unit.Slice(i, 1)
		one.Write([]float64{1})
		columns[k] = h.Problem.NewVec()
		if err := h.Problem.Product(unit, columns[k], nil); err != nil {
			return nil, err
		}
		one.Write([]float64{0})
	}
	inner, right := mat.NewDense(n.Rank, n.Rank, nil), mat.NewVecDense(n.Rank, nil)
	entry := make([]float64, 1)
	for k, column := range columns {
		right.SetVec(k, column.Dot(v).Value())
		for l, other := range columns {
			column.Slice(chosen[l], 1).Read(entry)
			inner.Set(l, k, n.Damping*entry[0]+column.Dot(other).Value())
		}
	}
	var y mat.VecDense
	if err := y.SolveVec(inner, right); err != nil {
		if bad := mat.Condition(0); !errors.As(err, &bad) {
			return nil, fmt.Errorf("search: the %d columns chosen depend on each other: %w", n.Rank, ErrDiverged)
		}
	}
	u := h.vector(&h.u)
	u.Copy(v)
	for k, column := range columns {
		u.Axpy(-y.AtVec(k), column)
	}
	u.Scale(1 / n.Damping)
	return u, nil
}

// Solve implements [Solver].
func (w *Warm) Solve(h *Hyper, gamma float64, v exec.Vec) (exec.Vec, error) {
	if w.u == nil {
		w.u = h.Problem.NewVec()
		if len(w.saved) > 0 {
			if err := w.u.SetBytes(w.saved); err != nil {
				return nil, err
			}
		}
	}
	hu := h.vector(&h.product)
	for range w.Steps {
		if err := h.Problem.Product(w.u, hu, nil); err != nil {
			return nil, err
		}
		w.u.Axpy(-gamma, hu)
		w.u.Axpy(gamma, v)
	}
	return w.u, nil
}

// Unroll is the exact derivative in c of the validation loss at the end of so many steps of
// plain gradient descent with rate γ on the training batch of at, from the current weights,
// which do not depend on c. It fills dst [Layers·A], and direct with the part that does not
// come from the weights. The weights end where the steps end. It holds a copy of the weights
// for each step, and takes a linearization and a product for each.
func (h *Hyper) Unroll(dst, direct []float64, at Point, steps int) error {
	p := h.Problem
	w, grad := p.Weights(), h.vector(&h.v)
	path := make([]exec.Vec, steps)
	for t := range path {
		path[t] = p.NewVec()
		path[t].Copy(w)
		if _, err := p.Gradient(at.Train, at.Coefs, grad, nil); err != nil {
			return err
		}
		w.Axpy(-at.Gamma, grad)
	}
	end := p.NewVec()
	end.Copy(w)
	u, hu, mixed := h.vector(&h.u), h.vector(&h.product), make([]float64, len(dst))
	if _, err := p.Gradient(at.Valid, at.Coefs, u, dst); err != nil {
		return err
	}
	copy(direct, dst)
	for t := steps - 1; t >= 0; t-- {
		w.Copy(path[t])
		if err := p.Linearize(at.Train, at.Coefs); err != nil {
			return err
		}
		if err := p.Product(u, hu, mixed); err != nil {
			return err
		}
		for i, m := range mixed {
			dst[i] -= at.Gamma * m
		}
		u.Axpy(-at.Gamma, hu)
	}
	w.Copy(end)
	return finite("unrolled derivative", dst)
}
