package search

import (
	"cmp"

	"idarts/internal/rng"
)

// DrNAS are the settings of Dirichlet neural architecture search.
type DrNAS struct {
	DARTS1
	KL          float64 `json:"kl" doc:"weight of KL(Dir(beta) || Dir(1)) in the loss of the architecture; 0: none, the weight decay of Adam is the anchor"`
	WithoutNone bool    `json:"without_none" doc:"the operation none is no part of the mixture"`
}

// Check implements [Settings].
func (s DrNAS) Check() error { return cmp.Or(s.DARTS1.Check(), notBelow(0, "kl", s.KL)) }

var drnas = Method{
	Name: "drnas", Title: "DrNAS", Paper: "Chen et al., ICLR 2021, arXiv:2006.10355",
	Note:   "first-order steps on mixtures drawn afresh for every pass from Dirichlet distributions, pathwise gradient; the whole supernet all the time: no partial channels, pruning and widening",
	Traits: Traits{bilevel, "Dirichlet draw", "Adam on the pathwise gradient", "argmax of the mean", "2"},
	Zero:   DrNAS{},
	Begin: with(func(env Env, s DrNAS) (Searcher, error) {
		var rows Layout
		relaxation, err := withoutNone(s.WithoutNone, env.Space.Layout, func(l Layout) Relaxation {
			rows = l
			return Dirichlet(l, s.InitScale, rng.New(env.Seed, "alpha"))
		})
		if err != nil {
			return nil, err
		}
		parts := s.alternating(s.partsOf(relaxation), WeightStep{})
		if s.KL > 0 {
			parts.Arch = Penalized(parts.Arch, anchorKL(rows, s.KL))
		}
		return NewEngine(env, parts)
	}),
}
