package search

import (
	"cmp"
	"math"
)

// GAEA are the settings of geometry-aware exponentiated gradient on the mixture.
type GAEA struct {
	Schedule
	Arch        ExpGrad `json:"arch"`
	ArchFirst   bool    `json:"arch_first" doc:"architecture step before the weight step"`
	SingleLevel bool    `json:"single_level" doc:"both levels draw batches of their own from all images (ERM)"`
	WithoutNone bool    `json:"without_none" doc:"the operation none is no part of the mixture"`
	Partial     int     `json:"partial" doc:"one in so many channels goes through the mixtures; 1: all"`
	EdgeWeights bool    `json:"edge_weights" doc:"edges of nodes that keep some of them have weights of their own, on a simplex as well"`
	StopAfter   int     `json:"stop_after" doc:"the search ends after so many epochs of its schedule; 0: all"`
	BestEpoch   bool    `json:"best_epoch" doc:"keeps the epoch whose supernet is best on the validation half; else the last"`
}

// Check implements [Settings].
func (s GAEA) Check() error {
	return cmp.Or(s.Schedule.Check(), s.Arch.Check(), notBelow(0, "stop_after", float64(s.StopAfter)), notBelow(1, "partial", float64(s.Partial)))
}

const gaeaPaper = "Li et al., ICLR 2021, arXiv:2004.07802"

var gaea = Method{
	Name: "gaea", Title: "GAEA", Paper: gaeaPaper,
	Note: "first-order steps of θ on the simplex by exponentiated gradient, no softmax; single_level takes both batches from one stream over all images, where the code draws them independently",
	Traits: Traits{
		Level: "bi or single", Relaxation: "point of the simplex", Update: "exponentiated gradient",
		Selection: "argmax, of the best epoch or the last", Cost: "2",
	},
	Zero: GAEA{}, Begin: with(func(env Env, s GAEA) (Searcher, error) { return s.begin(env) }),
}

var gaeaPC = Method{
	Name: "gaea-pc", Title: "GAEA PC-DARTS", Paper: gaeaPaper,
	Note: "GAEA on a part of the channels, with weights of edges on a simplex of their own where a node keeps some of them",
	Traits: Traits{
		Level: "bi or single", Relaxation: "points of the simplex, of operations and of edges", Update: "exponentiated gradient",
		Selection: "argmax of the product, of the best epoch or the last", Cost: "2, of a part of the channels",
	},
	Zero: GAEA{}, Begin: with(func(env Env, s GAEA) (Searcher, error) { return s.begin(env) }),
}

// begin is a search by the settings.
func (s GAEA) begin(env Env) (Searcher, error) {
	var rows Layout
	relaxation, err := withoutNone(s.WithoutNone, env.Space.Layout, func(l Layout) Relaxation {
		simplex := func(all Layout) Relaxation {
			rows = all
			return NewSimplex(all)
		}
		if s.EdgeWeights {
			return Edged(l, simplex)
		}
		return simplex(l)
	})
	if err != nil {
		return nil, err
	}
	parts := s.parts(relaxation)
	parts.Supernet = SupernetOptions{Partial: s.Partial, EdgeWeights: s.EdgeWeights}
	parts.Data = onWhole(s.SingleLevel)
	parts.Arch = expGrad{s.Arch, rows, false}
	parts.Moves = inOrder(s.ArchFirst, WeightStep{}.Move(), firstOrder(s.ValidDraw))
	if s.BestEpoch {
		best := newBestEpoch(env.Space.Layout.Len())
		parts.Select, parts.Hooks = best, []Hook{best.hook()}
	}
	if s.StopAfter > 0 {
		parts.Hooks = append(parts.Hooks, stopAfter(s.StopAfter))
	}
	return NewEngine(env, parts)
}

// GAEAGDAS are the settings of GAEA on one sampled path.
type GAEAGDAS struct {
	Schedule
	Arch        ExpGrad     `json:"arch"`
	Temperature Temperature `json:"temperature"`
	WarmUp      int         `json:"warm_up" doc:"epochs of weight steps alone"`
}

// Check implements [Settings].
func (s GAEAGDAS) Check() error {
	return cmp.Or(s.Schedule.Check(), s.Arch.Check(), s.Temperature.Check(), notBelow(0, "warm_up", float64(s.WarmUp)))
}

var gaeaGDAS = Method{
	Name: "gaea-gdas", Title: "GAEA GDAS", Paper: gaeaPaper,
	Note:   "GDAS whose probabilities are points of the simplex moved by exponentiated gradient; see gdas for what differs. θ is bounded from below after it is divided by the sum of its row, as the code does",
	Traits: Traits{bilevel, "straight-through Gumbel on the simplex, one path", "exponentiated gradient", byArgmax, "1 + 1 of one path"},
	Zero:   GAEAGDAS{},
	Begin: with(func(env Env, s GAEAGDAS) (Searcher, error) {
		rows := env.Space.Layout
		parts := s.parts(newSimplexGumbel(rows, s.Temperature))
		parts.Arch = expGrad{s.Arch, rows, true}
		arch := From(s.WarmUp, firstOrder(s.ValidDraw))
		parts.Moves = inOrder(true, skipping(true, WeightStep{}.Move()), skipping(false, arch))
		return NewEngine(env, parts)
	}),
}

// simplexGumbel is [hardGumbel] with α = ln θ and θ on the simplex.
type simplexGumbel struct {
	*simplex
	hard *hardGumbel
}

func newSimplexGumbel(rows Layout, t Temperature) simplexGumbel {
	n := rows.Len()
	soft := gumbel{logits: &logits{rows: rows, alpha: make([]float64, n), p: make([]float64, n)}, temperature: t, noisy: make([]float64, n)}
	return simplexGumbel{NewSimplex(rows).(*simplex), &hardGumbel{soft}}
}

// Drawn implements [Drawing], as gdas does.
func (s simplexGumbel) Drawn() []float64 { return s.hard.Drawn() }

func (s simplexGumbel) Mix(coefs []float64, use Use) Pullback {
	if use.For == ForEvaluation {
		return s.simplex.Mix(coefs, use)
	}
	for i, theta := range s.theta {
		s.hard.alpha[i] = math.Log(theta)
	}
	back := s.hard.Mix(coefs, use)
	return func(dcoefs, dtheta []float64) {
		back(dcoefs, dtheta)
		for i, theta := range s.theta {
			dtheta[i] /= theta
		}
	}
}
