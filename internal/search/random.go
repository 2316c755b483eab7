package search

import (
	"context"
	"idarts/internal/rng"
)

// Random are the settings of random search.
type Random struct{ Budget }

var random = Method{
	Name: "random", Title: "Random search", Paper: "Li & Talwalkar, UAI 2019, arXiv:1902.07638",
	Note:     "distinct cells drawn uniformly; keeps the one of best validation accuracy; its budget is a number of distinct cells",
	Traits:   Traits{ofTable, "", "uniform draws", "best validation", "1 query"},
	BlackBox: true, Zero: Random{},
	Begin: with(func(env Env, s Random) (Searcher, error) {
		return newBlackBox(env, s.Budget, func(b *blackBox) strategy { return randomSearch{b} })
	}),
}

// randomSearch draws distinct architectures uniformly.
type randomSearch struct{ *blackBox }

func (r randomSearch) next(context.Context) (string, error) {
	return r.unseen(rng.New(r.env.Seed, "random search", uint64(len(r.archs))))
}

func (r randomSearch) learn(string, float64) {}
