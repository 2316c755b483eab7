package search

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// SETN are the settings of self-evaluated template networks.
type SETN struct {
	Bilevel
	Sampling Sampling `json:"sampling"`
}

// Check implements [Settings].
func (s SETN) Check() error { return cmp.Or(s.Bilevel.Check(), s.Sampling.Check()) }

var setn = Method{
	Name: "setn", Title: "SETN", Paper: "Dong & Yang, ICCV 2019, arXiv:1910.05733",
	Note:   "weight steps run one uniformly drawn architecture, architecture steps the whole softmax mixture; of the most probable architectures the best by shared weights is the answer. Where rows have more to decide than one option each, architectures are drawn by their probabilities in place of the most probable ones",
	Traits: Traits{bilevel, "uniform single path; softmax", byAdam, "best of the most probable by shared weights", "1 + 1 of one path"},
	Zero:   SETN{},
	Begin: with(func(env Env, s SETN) (Searcher, error) {
		rows := env.Space.Layout
		parts := s.Bilevel.parts(env)
		parts.Relaxation = uniformPaths{parts.Relaxation, rows}
		parts.SkipZeros = true
		parts.Moves = inOrder(false, WeightStep{}.Move(), firstOrder(s.ValidDraw))
		best := newBestSampled(s.Sampling, rows, func(e *Engine, n int) [][]float64 {
			p := make([]float64, rows.Len())
			e.Relaxation.Scores(p)
			if e.Space.Choose == nil {
				return randomPaths(e, n, p)
			}
			return mostProbable(rows, p, n)
		})
		parts.Select, parts.Hooks = best, []Hook{best.hook()}
		return NewEngine(env, parts)
	}),
}

// mostProbable are the n architectures of one option in each row whose product of
// probabilities p is largest, the largest first.
func mostProbable(rows Layout, p []float64, n int) [][]float64 {
	// Options of each row by falling probability; a choice is a rank in each row.
	var order [][]int
	start := 0
	for _, part := range rows.Parts(p) {
		ranks := make([]int, len(part))
		for o := range ranks {
			ranks[o] = start + o
		}
		slices.SortStableFunc(ranks, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
		order = append(order, ranks)
		start += len(part)
	}
	of := func(ranks []int) choice {
		c := choice{ranks: ranks}
		for row, rank := range ranks {
			c.log += math.Log(p[order[row][rank]])
		}
		return c
	}
	next := &choices{of(make([]int, len(rows)))}
	var out [][]float64
	for len(out) < n && next.Len() > 0 {
		c := heap.Pop(next).(choice)
		path := make([]float64, len(p))
		for row, rank := range c.ranks {
			path[order[row][rank]] = 1
		}
		out = append(out, path)
		// Each choice follows one other alone: that with its last rank above 0 lowered.
		last := 0
		for row, rank := range c.ranks {
			if rank > 0 {
				last = row
			}
		}
		for row := last; row < len(rows); row++ {
			if c.ranks[row]+1 < len(order[row]) {
				ranks := slices.Clone(c.ranks)
				ranks[row]++
				heap.Push(next, of(ranks))
			}
		}
	}
	return out
}

// choice is a rank in each row, with the logarithm of its probability.
type choice struct {
	ranks []int
	log   float64
}

// choices is a heap with the most probable choice on top, of equal ones the one of
// lower ranks.
type choices []choice

func (c choices) Len() int { return len(c) }
func (c choices) Less(i, j int) bool {
	if c[i].log != c[j].log {
		return c[i].log > c[j].log
	}
	return slices.Compare(c[i].ranks, c[j].ranks) < 0
}
func (c choices) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *choices) Push(x any)   { *c = append(*c, x.(choice)) }
func (c *choices) Pop() any {
	old := *c
	last := old[len(old)-1]
	*c = old[:len(old)-1]
	return last
}
