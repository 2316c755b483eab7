package search

import (
	"cmp"

	"idarts/internal/batch"
	"idarts/internal/rng"
)

// SNAS are the settings of stochastic neural architecture search.
type SNAS struct {
	Bilevel
	Temperature Temperature `json:"temperature"`
	SingleLevel bool        `json:"single_level" doc:"one batch of all images, and one pass, for both levels"`
	ArchClip    float64     `json:"arch_clip" doc:"largest norm of the architecture's gradient; 0: no clipping"`
}

// Check implements [Settings].
func (s SNAS) Check() error {
	return cmp.Or(s.Bilevel.Check(), s.Temperature.Check(), notBelow(0, "arch_clip", s.ArchClip))
}

var snas = Method{
	Name: "snas", Title: "SNAS", Paper: "Xie et al., ICLR 2019, arXiv:1812.09926",
	Note:   "mixtures drawn afresh for every pass by the concrete relaxation; single_level moves weights and architecture by one pass, as the paper; else a weight step, then an architecture step, as DrNAS runs it on NAS-Bench-201. No term for resources",
	Traits: Traits{"single or bi", "softmax with Gumbel noise", byAdam, byArgmax, "1 or 2"},
	Zero:   SNAS{},
	Begin: with(func(env Env, s SNAS) (Searcher, error) {
		parts := s.partsOf(Gumbel(env.Space.Layout, s.Temperature, s.InitScale, rng.New(env.Seed, "alpha")))
		parts.Arch = Clipped(parts.Arch, s.ArchClip)
		parts.Data = onWhole(s.SingleLevel)
		if s.SingleLevel {
			parts.Moves = []Move{jointStep}
		} else {
			parts.Moves = inOrder(false, WeightStep{}.Move(), firstOrder(s.ValidDraw))
		}
		return NewEngine(env, parts)
	}),
}

// jointStep moves the architecture and then the weights by one pass on one batch.
var jointStep = Move{"architecture and weights", 1, func(e *Engine) error {
	e.Mix(ForArchitecture)
	loss, err := e.Problem.Gradient(e.NextTrain(batch.Epochs), e.Coefs, e.Grad, e.Dcoefs)
	if err != nil {
		return err
	}
	e.Note("training loss", "train_loss", loss)
	if err := finite("gradient in the mixture", e.Dcoefs); err != nil {
		return err
	}
	if err := e.StepArch(); err != nil {
		return err
	}
	e.StepWeights()
	return nil
}}
