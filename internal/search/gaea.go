package search

import "cmp"

// GAEA are the settings of geometry-aware exponentiated gradient on the mixture.
type GAEA struct {
	Schedule
	Arch        ExpGrad `json:"arch"`
	ArchFirst   bool    `json:"arch_first" doc:"architecture step before the weight step"`
	SingleLevel bool    `json:"single_level" doc:"both levels draw batches of their own from all images (ERM)"`
	WithoutNone bool    `json:"without_none" doc:"the operation none is no part of the mixture"`
	StopAfter   int     `json:"stop_after" doc:"the search ends after so many epochs of its schedule; 0: all"`
	BestEpoch   bool    `json:"best_epoch" doc:"keeps the epoch whose supernet is best on the validation half; else the last"`
}

// Check implements [Settings].
func (s GAEA) Check() error {
	return cmp.Or(s.Schedule.Check(), s.Arch.Check(), notBelow(0, "stop_after", float64(s.StopAfter)))
}

var gaea = Method{
	Name: "gaea", Title: "GAEA", Paper: "Li et al., ICLR 2021, arXiv:2004.07802",
	Note: "first-order steps of θ on the simplex by exponentiated gradient, no softmax; single_level takes both batches from one stream over all images, where the code draws them independently",
	Traits: Traits{
		Level: "bi or single", Relaxation: "point of the simplex", Update: "exponentiated gradient",
		Selection: "argmax, of the best epoch or the last", Cost: "2",
	},
	Zero: GAEA{},
	Begin: with(func(env Env, s GAEA) (Searcher, error) {
		var rows Layout
		relaxation, err := withoutNone(s.WithoutNone, env.Space.Layout, func(l Layout) Relaxation {
			rows = l
			return NewSimplex(l)
		})
		if err != nil {
			return nil, err
		}
		parts := s.parts(relaxation)
		parts.Data = onWhole(s.SingleLevel)
		parts.Arch = expGrad{s.Arch, rows}
		parts.Moves = inOrder(s.ArchFirst, WeightStep{}.Move(), ArchStep{Solve: Ignore{}, ValidDraw: s.ValidDraw}.Move())
		if s.BestEpoch {
			best := newBestEpoch(env.Space.Layout.Len())
			parts.Select, parts.Hooks = best, []Hook{best.hook()}
		}
		if s.StopAfter > 0 {
			parts.Hooks = append(parts.Hooks, stopAfter(s.StopAfter))
		}
		return NewEngine(env, parts)
	}),
}
