package search

import (
	"cmp"
	"math"
	"slices"

	"idarts/internal/rng"
)

// GDAS are the settings of search by one sampled path.
type GDAS struct {
	Bilevel
	Temperature Temperature `json:"temperature"`
}

// Check implements [Settings].
func (s GDAS) Check() error { return cmp.Or(s.Bilevel.Check(), s.Temperature.Check()) }

var gdas = Method{
	Name: "gdas", Title: "GDAS", Paper: "Dong & Yang, CVPR 2019, arXiv:1910.04465",
	Note:   "each pass runs the operations that a Gumbel draw chooses, one in each row that keeps one, soft shares elsewhere; the gradient is that of the soft draw. The architecture step runs all operations for their outputs (the straight-through estimator), where the code takes the sum of the incoming gradient for operations that are not run",
	Traits: Traits{bilevel, "straight-through Gumbel, one path", byAdam, byArgmax, "1 + 1 of one path"},
	Zero:   GDAS{},
	Begin: with(func(env Env, s GDAS) (Searcher, error) {
		parts := s.partsOf(&hardGumbel{*Gumbel(env.Space.Layout, s.Temperature, s.InitScale, rng.New(env.Seed, "alpha")).(*gumbel)})
		parts.Moves = inOrder(false, skipping(true, WeightStep{}.Move()), skipping(false, firstOrder(s.ValidDraw)))
		return NewEngine(env, parts)
	}),
}

// skipping does a move with operations at 0 left out, or run for their gradients.
func skipping(on bool, move Move) Move {
	do := move.Do
	move.Do = func(e *Engine) error {
		e.Problem.SkipZeros(on)
		return do(e)
	}
	return move
}

// hardGumbel is [Gumbel] whose coefficients are 1 for the largest of the draw and 0 for the
// others in rows that keep one option; the pullback is that of the soft draw.
type hardGumbel struct{ gumbel }

// Drawn implements [Drawing]: the logits (α + g)/τ of the last draw, [A].
func (h *hardGumbel) Drawn() []float64 { return h.noisy }

func (h *hardGumbel) Mix(coefs []float64, use Use) Pullback {
	back := h.gumbel.Mix(coefs, use)
	if use.For == ForEvaluation {
		return back
	}
	for row, p := range h.rows.Parts(coefs) {
		if row.Kind == Input || row.Kind == Output {
			continue
		}
		top := slices.Index(p, slices.Max(p))
		if math.IsNaN(p[0]) {
			continue // the search has diverged, and says so
		}
		clear(p)
		p[top] = 1
	}
	return back
}
