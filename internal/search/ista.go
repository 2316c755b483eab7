package search

import (
	"cmp"

	"idarts/internal/rng"
)

// ISTANAS are the settings of sparse coding.
type ISTANAS struct {
	Bilevel
	Lambda float64 `json:"lambda" doc:"weight of the absolute values of a code"`
	// OneStage is the single-level form: one pass on a batch of all images for both levels.
	// Codes that have come to rest are frozen, and the search ends when all are.
	OneStage bool    `json:"one_stage" doc:"one pass on a batch of all images for both levels; ends when all codes are at rest"`
	Rest     float64 `json:"rest" doc:"with one_stage: a code that moves no farther between two epochs is frozen"`
}

// Check implements [Settings].
func (s ISTANAS) Check() error {
	return cmp.Or(s.Bilevel.Check(), above(0, "lambda", s.Lambda), notBelow(0, "rest", s.Rest))
}

var istaNAS = Method{
	Name: "ista-nas", Title: "ISTA-NAS", Paper: "Yang et al., NeurIPS 2020, arXiv:2010.06176",
	Note:   "the mixture is a sparse code of what is trained; only its support is run. The LASSO is solved along its exact path. one_stage searches the supernet of the protocol, where the code has the final network's size, limits its parameters and pins batch norm's scales",
	Traits: Traits{"bi or single", "sparse code under a random dictionary", byAdam, "support of the code", "2 or 1, of the support"},
	Zero:   ISTANAS{},
	Begin: with(func(env Env, s ISTANAS) (Searcher, error) {
		codes, err := newSparseCodes(env.Space.Layout, s.Lambda, s.InitScale, rng.New(env.Seed, "dictionaries"))
		if err != nil {
			return nil, err
		}
		parts := s.partsOf(codes)
		parts.SkipZeros = true
		parts.Select = support{codes: codes}
		parts.Data = onWhole(s.OneStage)
		parts.Moves = inOrder(true, WeightStep{}.Move(), firstOrder(s.ValidDraw))
		if s.OneStage {
			parts.Moves = []Move{jointStep}
		}
		parts.Hooks = []Hook{{After: func(e *Engine) error {
			rest := -1.0
			if s.OneStage {
				rest = s.Rest
			}
			moved, err := codes.recover(rest)
			if err != nil {
				return err
			}
			e.Add("code_moved", moved)
			if codes.frozen() {
				e.Stop()
			}
			return nil
		}}}
		return NewEngine(env, parts)
	}),
}

// support is the selection of what has a place in a code, where a node may take two
// operations of one edge.
type support struct {
	byScores
	codes *sparseCodes
}

func (s support) Kept(_ *Engine, kept []bool) {
	for i, z := range s.codes.z {
		kept[i] = z != 0
	}
}
