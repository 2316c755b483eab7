package search

import (
	"cmp"
	"fmt"
	"slices"

	"idarts/internal/rng"
)

// DrNAS are the settings of Dirichlet neural architecture search. The epochs are shared
// out to its stages.
type DrNAS struct {
	DARTS1
	KL          float64 `json:"kl" doc:"weight of KL(Dir(beta) || Dir(1)) in the loss of the architecture; 0: none, the weight decay of Adam is the anchor"`
	WithoutNone bool    `json:"without_none" doc:"the operation none is no part of the mixture"`
	Partials    []int   `json:"partials" doc:"in each stage one in so many channels goes through the mixtures; 1: all"`
	Options     []int   `json:"options" doc:"options that a row has in each stage; 0: all"`
	WarmUp      int     `json:"warm_up" doc:"epochs of each stage with weight steps alone"`
}

// Check implements [Settings].
func (s DrNAS) Check() error {
	if n := len(s.Partials); n == 0 || len(s.Options) != n {
		return fmt.Errorf("partials and options are %v and %v, want one of each for every stage", s.Partials, s.Options)
	}
	for i, k := range s.Partials {
		if k < 1 || i > 0 && k > s.Partials[i-1] {
			return fmt.Errorf("partials is %v, want numbers from 1 that do not grow", s.Partials)
		}
	}
	return cmp.Or(s.DARTS1.Check(), notBelow(0, "kl", s.KL), notBelow(0, "warm_up", float64(s.WarmUp)))
}

var drnas = Method{
	Name: "drnas", Title: "DrNAS", Paper: "Chen et al., ICLR 2021, arXiv:2006.10355",
	Note:   "first-order steps on mixtures drawn afresh for every pass from Dirichlet distributions, pathwise gradient; with more than one stage progressive: options are pruned, and operations widened with copied weights and momentum, between them. Pooling has a batch norm behind it, as in all supernets here",
	Traits: Traits{bilevel, "Dirichlet draw", "Adam on the pathwise gradient", "argmax of the mean", "2"},
	Zero:   DrNAS{}, Begin: with(func(env Env, s DrNAS) (Searcher, error) { return s.begin(env) }),
}

var drnasProgressive = Method{
	Name: "drnas-p", Title: "DrNAS (progressive)", Paper: drnas.Paper, Note: drnas.Note,
	Traits: Traits{bilevel, "Dirichlet draw", "Adam on the pathwise gradient", "argmax of the mean", "2, of a part of the channels"},
	Zero:   DrNAS{}, Begin: with(func(env Env, s DrNAS) (Searcher, error) { return s.begin(env) }),
}

// begin is a search by the settings.
func (s DrNAS) begin(env Env) (Searcher, error) {
	var rows Layout
	relaxation, err := withoutNone(s.WithoutNone, env.Space.Layout, func(l Layout) Relaxation {
		rows = l
		return Dirichlet(l, s.InitScale, rng.New(env.Seed, "alpha"))
	})
	if err != nil {
		return nil, err
	}
	left := &kept{Relaxation: relaxation, rows: env.Space.Layout, gone: make([]float64, env.Space.Layout.Len())}
	parts := s.partsOf(left)
	if s.KL > 0 {
		parts.Arch = Penalized(parts.Arch, anchorKL(rows, s.KL))
	}
	parts.SkipZeros = len(s.Partials) > 1
	parts.Supernet = SupernetOptions{Partial: s.Partials[0]}
	all := stages{len(s.Partials), s.Epochs}
	warm := func(e *Engine) bool {
		_, epoch, _ := all.at(e.Clock.Epoch)
		return epoch >= s.WarmUp
	}
	parts.Moves = inOrder(s.ArchFirst, WeightStep{}.Move(), when(warm, firstOrder(s.ValidDraw)))
	parts.Hooks = []Hook{{Before: func(e *Engine) error {
		stage, epoch, _ := all.at(e.Clock.Epoch)
		if stage == 0 || epoch > 0 {
			return nil
		}
		left.prune(s.Options[stage])
		if s.Partials[stage] == s.Partials[stage-1] {
			return nil
		}
		return e.Widen(SupernetOptions{Partial: s.Partials[stage]})
	}}}
	return NewEngine(env, parts)
}

// kept is a relaxation of which options go: their coefficients become 0 after the mixture
// is made, and the row is divided by what is left.
type kept struct {
	Relaxation
	rows Layout
	gone []float64 // [A]: 1 where an option has gone
}

func (k *kept) Mix(coefs []float64, use Use) Pullback {
	inner := k.Relaxation.Mix(coefs, use)
	if !slices.Contains(k.gone, 1) {
		return inner
	}
	sums := k.divide(coefs)
	q := slices.Clone(coefs)
	return func(dcoefs, dparams []float64) {
		dx, start := make([]float64, len(dcoefs)), 0
		for r, row := range k.rows {
			end := start + len(row.Options)
			mean := dot(q[start:end], dcoefs[start:end])
			for i := start; i < end; i++ {
				dx[i] = (1 - k.gone[i]) * (dcoefs[i] - mean) / sums[r]
			}
			start = end
		}
		inner(dx, dparams)
	}
}

// divide takes out what has gone, and returns what was left of each row.
func (k *kept) divide(x []float64) (sums []float64) {
	start := 0
	for _, row := range k.rows.Parts(x) {
		sum := 0.0
		for o := range row {
			row[o] *= 1 - k.gone[start+o]
			sum += row[o]
		}
		for o := range row {
			row[o] /= sum
		}
		sums = append(sums, sum)
		start += len(row)
	}
	return sums
}

func (k *kept) Scores(scores []float64) {
	k.Relaxation.Scores(scores)
	k.divide(scores)
}

// prune leaves each row its best options, 0 for all.
func (k *kept) prune(options int) {
	scores := make([]float64, len(k.gone))
	k.Scores(scores)
	keepBest(k.rows, scores, k.gone, options)
}

func (k *kept) State() []byte           { return wrapped(k.Relaxation, k.gone) }
func (k *kept) SetState(b []byte) error { return setWrapped(k.Relaxation, k.gone, b) }
