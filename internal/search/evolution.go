package search

import (
	"context"
	"errors"
	"fmt"

	"idarts/internal/rng"
)

// REA are the settings of regularised evolution.
type REA struct {
	Budget
	Population int `json:"population" doc:"members alive"`
	Sample     int `json:"sample" doc:"members of a tournament"`
}

// Check implements [Settings].
func (s REA) Check() error {
	if s.Population < 1 || s.Sample < 1 {
		return fmt.Errorf("population is %d and sample is %d, want at least 1", s.Population, s.Sample)
	}
	return s.Budget.Check()
}

var rea = Method{
	Name: "rea", Title: "Regularised evolution", Paper: "Real et al., AAAI 2019, arXiv:1802.01548",
	Note:     "a tournament's best has a child that differs in one decision, the oldest dies; keeps the cell of best validation accuracy; cells that come again cost nothing; its budget is a number of distinct cells",
	Traits:   Traits{ofTable, "", "mutation of the best of a sample", "best validation", "1 query"},
	BlackBox: true, Zero: REA{},
	Begin: with(func(env Env, s REA) (Searcher, error) {
		if env.Space.Neighbours == nil {
			return nil, errors.New("it needs a space with neighbours")
		}
		return newBlackBox(env, s.Budget, func(b *blackBox) strategy { return &evolution{blackBox: b, set: s} })
	}),
}

// evolution is regularised (ageing) evolution: Population random architectures;
// then again and again a tournament of Sample members, drawn with replacement, the
// best of which has a child that differs from it in one decision; the child comes
// in and the oldest member goes, however good it is.
//
// Source: Real et al., AAAI 2019, arXiv:1802.01548, Algorithm 1. The benchmark's
// code for NAS-Bench-201 draws a node first and then one of its edges to change;
// here all neighbours are equally likely.
type evolution struct {
	*blackBox
	set        REA
	population []member // the oldest first
	births     uint64   // in all
}

type member struct {
	arch  string
	score float64
}

func (e *evolution) next(context.Context) (string, error) {
	stream := rng.New(e.env.Seed, "regularised evolution", e.births)
	if len(e.population) < e.set.Population {
		return e.env.Space.Random(stream), nil
	}
	var parent *member
	for range e.set.Sample {
		m := &e.population[stream.IntN(len(e.population))]
		if parent == nil || m.score > parent.score {
			parent = m
		}
	}
	children, err := e.env.Space.Neighbours(parent.arch)
	if err != nil {
		return "", err
	}
	return children[stream.IntN(len(children))], nil
}

func (e *evolution) learn(arch string, score float64) {
	e.births++
	if len(e.population) == e.set.Population {
		e.population = e.population[1:]
	}
	e.population = append(e.population, member{arch, score})
}
