package search

import "fmt"

// DARTS1 are the settings of first-order DARTS.
type DARTS1 struct {
	Bilevel
	ArchFirst bool `json:"arch_first" doc:"architecture step before the weight step"`
}

var dartsFirst = Method{
	Name: "darts-v1", Title: "DARTS (1st order)", Paper: "Liu et al., ICLR 2019, arXiv:1806.09055",
	Note:   "weight step, then architecture step, as in the NAS-Bench-201 code; arch_first gives the order of the DARTS code. The clip norm is over the weights only",
	Zero:   DARTS1{},
	Traits: Traits{bilevel, "softmax", byAdam, byArgmax, "2"},
	Begin:  with(func(env Env, s DARTS1) (Searcher, error) { return NewEngine(env, s.parts(env)) }),
}

// parts are those of first-order DARTS.
func (s DARTS1) parts(env Env) Parts { return s.alternating(s.Bilevel.parts(env), WeightStep{}) }

// alternating is parts with first-order steps in the order that is set.
func (s DARTS1) alternating(parts Parts, w WeightStep) Parts {
	parts.Moves = inOrder(s.ArchFirst, w.Move(), firstOrder(s.ValidDraw))
	return parts
}

// DARTS2 are the settings of second-order DARTS.
type DARTS2 struct {
	Bilevel
	Gamma float64 `json:"gamma" doc:"rate of the virtual step; 0: the learning rate of the weights at that step"`
}

// Check implements [Settings].
func (s DARTS2) Check() error {
	if !(s.Gamma >= 0) {
		return fmt.Errorf("gamma is %v, want none below 0", s.Gamma)
	}
	return s.Bilevel.Check()
}

var dartsSecond = Method{
	Name: "darts-v2", Title: "DARTS (2nd order)", Paper: "Liu et al., ICLR 2019, arXiv:1806.09055",
	Note:   "architecture step, then weight step on the same training batch; validation gradient after a virtual step with momentum and weight decay; exact mixed product at the weights before it, where the code takes central differences",
	Zero:   DARTS2{},
	Traits: Traits{bilevel, "softmax", "Adam, one step unrolled", byArgmax, "5"},
	Begin:  with(func(env Env, s DARTS2) (Searcher, error) { return NewEngine(env, s.parts(env)) }),
}

// parts are those of second-order DARTS.
func (s DARTS2) parts(env Env) Parts {
	parts := s.Bilevel.parts(env)
	parts.Moves = []Move{
		lookAhead(ArchStep{Solve: Unrolled{}, Gamma: s.Gamma, ValidDraw: s.ValidDraw}),
		WeightStep{}.Move(),
	}
	return parts
}

// lookAhead is the architecture step of second-order DARTS. With
// w′ = w − γ(momentum·buf + ∂L₁/∂w + decay·w) it takes v and ∂L₂/∂c at w′, and the
// mixed product at w. The training batch is left for the weight step.
func lookAhead(a ArchStep) Move {
	return Move{"architecture: unrolled after a virtual step", 0, func(e *Engine) error {
		at := a.point(e)
		at.Train = e.PeekTrain(a.TrainDraw)
		h := &e.Hyper
		w, v, saved := e.Problem.Weights(), h.vector(&h.v), h.vector(&h.saved)
		if _, err := e.Problem.Gradient(at.Train, at.Coefs, e.Grad, nil); err != nil {
			return err
		}
		saved.Copy(w)
		e.Weights.Virtual(w, e.Grad, e.Momentum, at.Gamma)
		loss, err := e.Problem.Gradient(at.Valid, at.Coefs, v, e.Dcoefs)
		w.Copy(saved)
		if err != nil {
			return err
		}
		h.Mixed = a.Mixed
		if err := h.Correct(e.Dcoefs, v, at, a.Solve); err != nil {
			return err
		}
		return e.followHyper(loss)
	}}
}
