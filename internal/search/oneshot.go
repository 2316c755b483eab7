package search

import (
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

var idartsHess = Method{
	Name: "idarts-hess", Title: "iDARTS (1Shot1, hess)", Paper: "Zhang et al., ICML 2021, code MiaoZhang0525/iDARTS",
	Note:   "as architect_hess.py of its NAS-Bench-1Shot1 code runs: T real weight steps; gradients are not cleared before the validation pass, so that v has the last clipped training gradient in it and the direct gradient in α those of all T steps; the clean-up of the differences moves the weights by ε(v−s)",
	Traits: Traits{bilevel, "softmax", "Adam, T steps and K+1 Neumann terms, as its code runs", byArgmax, "T + 4 + 2K"},
	Zero:   IDARTS{},
	Begin: with(func(env Env, s IDARTS) (Searcher, error) {
		if err := s.ownStep(); err != nil {
			return nil, err
		}
		parts := s.parts(env)
		parts.OnePass = s.OnePass
		u := &uncleared{steps: s.InnerSteps, arch: ArchStep{Gamma: s.Gamma, ValidDraw: s.ValidDraw}, solve: Neumann{s.NeumannTerms}}
		parts.Moves = []Move{{"weights and architecture with gradients left over", s.InnerSteps, u.do}}
		return NewEngine(env, parts)
	}),
}

// uncleared is an outer step whose gradients pile up.
// Source: MiaoZhang0525/iDARTS, NAS-Bench-1Shot1-codes/optimizers/idarts_v2/architect_hess.py.
type uncleared struct {
	steps int
	arch  ArchStep
	solve Solver
	left  exec.Vec // the clipped gradient of the last weight step
}

func (u *uncleared) do(e *Engine) error {
	h := &e.Hyper
	if u.left == nil || u.left.Len() != e.Grad.Len() {
		u.left = e.Problem.NewVec()
	}
	piled := make([]float64, len(e.Dcoefs))
	for range u.steps {
		e.Mix(ForWeights)
		loss, err := e.Problem.Gradient(e.NextTrain(batch.Fresh), e.Coefs, e.Grad, e.Dcoefs)
		if err != nil {
			return err
		}
		e.Note("training loss", "train_loss", loss)
		for i, d := range e.Dcoefs {
			piled[i] += d
		}
		u.left.Copy(e.Grad)
		if norm := Norm(u.left); e.Weights.Clip > 0 && norm > e.Weights.Clip {
			u.left.Scale(e.Weights.Clip / (norm + 1e-6))
		}
		e.StepWeights()
	}
	at := u.arch.point(e)
	at.Train = e.PeekTrain(batch.Fresh)
	v := h.vector(&h.v)
	loss, err := e.Problem.Gradient(at.Valid, at.Coefs, v, e.Dcoefs)
	if err != nil {
		return err
	}
	v.Axpy(1, u.left)
	for i, d := range piled {
		e.Dcoefs[i] += d
	}
	h.Mixed = Released
	if err := h.Correct(e.Dcoefs, v, at, u.solve); err != nil {
		return err
	}
	return e.followHyper(loss)
}

var idartsApprox = Method{
	Name: "idarts-approx", Title: "iDARTS (1Shot1, approx)", Paper: "Zhang et al., ICML 2021, code MiaoZhang0525/iDARTS",
	Note:   "what architect_approx.py of its NAS-Bench-1Shot1 code means; as stored it stops with an error in its first step. T real weight steps; the Hessian in the series is replaced, number by number, by the gradient of the training gradient's norm, on the batch of the mixed product, which is exact, and the weights stay; the code takes the last inner batch, and differences",
	Traits: Traits{bilevel, "softmax", "Adam, T steps and a series in a diagonal", byArgmax, "T + 7"},
	Zero:   IDARTS{},
	Begin: with(func(env Env, s IDARTS) (Searcher, error) {
		if err := s.ownStep(); err != nil {
			return nil, err
		}
		parts := s.parts(env)
		parts.OnePass = s.OnePass
		d := &Slope{K: s.NeumannTerms}
		arch := ArchStep{Solve: d, Gamma: s.Gamma, ValidDraw: s.ValidDraw}.Move()
		do := arch.Do
		arch.Do = func(e *Engine) error { // the architecture step takes this batch
			e.Mix(ForWeights)
			d.Gradient = e.Grad
			if _, err := e.Problem.Gradient(e.PeekTrain(batch.Epochs), e.Coefs, e.Grad, nil); err != nil {
				return err
			}
			return do(e)
		}
		parts.Moves = []Move{Repeat(s.InnerSteps, WeightStep{}.Move()), arch}
		return NewEngine(env, parts)
	}),
}

// Slope is the solver that takes, number by number,
//
//	u = γ Σ_{k=0..K} (1 − γh)ᵏ v,  h = H g/‖g‖
//
// with g = ∂L₁/∂w: h is the gradient of ‖g‖, and not the diagonal of H, for which the code
// takes it.
type Slope struct {
	K        int
	Gradient exec.Vec // g, on the batch that H is of
}

func (d *Slope) String() string { return "diagonal" }

// Implicit implements [Solver].
func (d *Slope) Implicit() bool { return true }

// Solve implements [Solver].
func (d *Slope) Solve(h *Hyper, gamma float64, v exec.Vec) (exec.Vec, error) {
	u, hg := h.vector(&h.u), h.vector(&h.product)
	if err := h.Problem.Product(d.Gradient, hg, nil); err != nil {
		return nil, err
	}
	norm := Norm(d.Gradient)
	values, slopes := make([]float64, v.Len()), make([]float64, v.Len())
	v.Read(values)
	hg.Read(slopes)
	for i, s := range slopes {
		factor, term := 0.0, 1.0
		for range d.K + 1 {
			factor += term
			if norm > 0 {
				term *= 1 - gamma*s/norm
			}
		}
		values[i] *= gamma * factor
		if math.IsNaN(values[i]) {
			return nil, finite("solution", values[i:i+1])
		}
	}
	u.Write(values)
	return u, nil
}
