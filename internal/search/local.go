package search

import (
	"context"
	"errors"

	"idarts/internal/rng"
)

// Local are the settings of local search.
type Local struct{ Budget }

var local = Method{
	Name: "local", Title: "Local search", Paper: "White et al., UAI 2021, arXiv:2005.02960",
	Note:     "asks for all neighbours and goes to the best of them, from a random new cell when none is better; keeps the cell of best validation accuracy; its budget is a number of distinct cells",
	Traits:   Traits{ofTable, "", "neighbours of the best", "best validation", "1 query"},
	BlackBox: true, Zero: Local{},
	Begin: with(func(env Env, s Local) (Searcher, error) {
		if env.Space.Neighbours == nil {
			return nil, errors.New("it needs a space with neighbours")
		}
		return newBlackBox(env, s.Budget, func(b *blackBox) strategy { return &localSearch{blackBox: b} })
	}),
}

// localSearch asks for all neighbours of an architecture and goes to the best of
// them while that is better, else to a random one that is new.
//
// Source: White et al., UAI 2021, arXiv:2005.02960, Algorithm 1, started again
// until the budget is spent.
type localSearch struct {
	*blackBox
	at      member   // where it is; no arch before a start
	best    member   // of its neighbours so far; no arch for none
	waiting []string // neighbours that are still to be asked for
}

func (l *localSearch) next(context.Context) (string, error) {
	if l.at.arch != "" && len(l.waiting) == 0 { // at a start, or all neighbours are known
		switch {
		case l.best.arch == "":
			// the start itself was the last answer
		case l.best.score > l.at.score:
			l.at = l.best
		default:
			l.at = member{}
		}
		l.best = member{}
		if l.at.arch != "" {
			var err error
			if l.waiting, err = l.env.Space.Neighbours(l.at.arch); err != nil {
				return "", err
			}
		}
	}
	if len(l.waiting) > 0 {
		return l.waiting[0], nil
	}
	return l.unseen(rng.New(l.env.Seed, "local search", uint64(len(l.archs))))
}

func (l *localSearch) learn(arch string, score float64) {
	if l.at.arch == "" {
		l.at = member{arch, score}
		return
	}
	l.waiting = l.waiting[1:]
	if l.best.arch == "" || score > l.best.score {
		l.best = member{arch, score}
	}
}
