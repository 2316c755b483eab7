package search

import "cmp"

// IDARTS are the settings of iDARTS as in the paper.
type IDARTS struct {
	Bilevel
	Implicit
}

// Check implements [Settings].
func (s IDARTS) Check() error { return cmp.Or(s.Bilevel.Check(), s.Implicit.Check()) }

var idarts = Method{
	Name: "idarts", Title: "iDARTS", Paper: "Zhang et al., ICML 2021, arXiv:2106.10784",
	Note:   "as in the paper: inner weight steps that move the weights, then an architecture step with K+1 Neumann terms on one more training batch; exact products; weights unchanged by it",
	Zero:   IDARTS{},
	Traits: Traits{bilevel, "softmax", "Adam, T steps and K+1 Neumann terms", byArgmax, "T + 2 + 2K + 2"},
	Begin: with(func(env Env, s IDARTS) (Searcher, error) {
		parts := s.parts(env)
		parts.OnePass = s.OnePass
		parts.Moves = []Move{
			Repeat(s.InnerSteps, WeightStep{}.Move()),
			ArchStep{Solve: Neumann{s.NeumannTerms}, Gamma: s.Gamma, ValidDraw: s.ValidDraw}.Move(),
		}
		return NewEngine(env, parts)
	}),
}
