package search

import (
	"cmp"

	"idarts/internal/rng"
)

// PCDARTS are the settings of partially connected DARTS.
type PCDARTS struct {
	DARTS1
	Partial     int  `json:"partial" doc:"one in so many channels goes through the mixtures; 1: all"`
	EdgeWeights bool `json:"edge_weights" doc:"edges of nodes that keep some of them have weights of their own"`
	WarmUp      int  `json:"warm_up" doc:"epochs of weight steps alone"`
}

// Check implements [Settings].
func (s PCDARTS) Check() error {
	return cmp.Or(s.DARTS1.Check(), notBelow(1, "partial", float64(s.Partial)), notBelow(0, "warm_up", float64(s.WarmUp)))
}

var pcDARTS = Method{
	Name: "pc-darts", Title: "PC-DARTS", Paper: "Xu et al., ICLR 2020, arXiv:1907.05737",
	Note:   "first-order DARTS on a part of the channels, with normalised weights of edges where a node keeps some of them; α rests in the warm-up. The shuffle is the published one but for the order of channels that are alike",
	Traits: Traits{bilevel, "softmax, times a softmax over edges", byAdam, "argmax of the product", "2, of a part of the channels"},
	Zero:   PCDARTS{},
	Begin: with(func(env Env, s PCDARTS) (Searcher, error) {
		of := func(rows Layout) Relaxation { return NewSoftmax(rows, s.InitScale, rng.New(env.Seed, "alpha")) }
		relaxation := of(env.Space.Layout)
		if s.EdgeWeights {
			relaxation = Edged(env.Space.Layout, of)
		}
		parts := s.partsOf(relaxation)
		parts.Supernet = SupernetOptions{Partial: s.Partial, EdgeWeights: s.EdgeWeights}
		parts.Moves = inOrder(s.ArchFirst, WeightStep{}.Move(), From(s.WarmUp, firstOrder(s.ValidDraw)))
		return NewEngine(env, parts)
	}),
}
