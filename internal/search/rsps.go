package search

import "cmp"

// RSPS are the settings of random search with shared weights.
type RSPS struct {
	Schedule
	Sampling Sampling `json:"sampling"`
}

// Check implements [Settings].
func (s RSPS) Check() error { return cmp.Or(s.Schedule.Check(), s.Sampling.Check()) }

var rsps = Method{
	Name: "rsps", Title: "RSPS", Paper: "Li & Talwalkar, UAI 2019, arXiv:1902.07638",
	Note:   "each weight step runs one uniformly drawn architecture; after each epoch the best of sampled ones by shared weights is the answer. As NAS-Bench-201 has it",
	Traits: Traits{bilevel, "uniform single path", "none", "best of sampled by shared weights", "1 of one path"},
	Zero:   RSPS{},
	Begin: with(func(env Env, s RSPS) (Searcher, error) {
		rows := env.Space.Layout
		parts := s.parts(uniformPaths{newNoParams(rows), rows})
		parts.SkipZeros = true
		parts.Moves = []Move{WeightStep{}.Move()}
		best := newBestSampled(s.Sampling, rows, func(e *Engine, n int) [][]float64 { return randomPaths(e, n, nil) })
		parts.Select, parts.Hooks = best, []Hook{best.hook()}
		return NewEngine(env, parts)
	}),
}
