package search

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"idarts/internal/rng"
)

// BOHB are the settings of the density model of BOHB.
type BOHB struct {
	Budget
	Candidates int     `json:"candidates" doc:"draws from the good density of which the most promising is asked"`
	Top        float64 `json:"top" doc:"share of the answers that count as good"`
	Random     float64 `json:"random_fraction" doc:"share of proposals that are drawn uniformly"`
	Bandwidth  float64 `json:"bandwidth_factor" doc:"draws are as much wider than the density"`
}

// Check implements [Settings].
func (s BOHB) Check() error {
	return cmp.Or(s.Budget.Check(), notBelow(1, "candidates", float64(s.Candidates)), above(0, "top", s.Top),
		notBelow(0, "random_fraction", s.Random), above(0, "bandwidth_factor", s.Bandwidth))
}

var bohb = Method{
	Name: "bohb", Title: "BOHB", Paper: "Falkner et al., ICML 2018, arXiv:1807.01774",
	Note:     "its model alone: the next cell is the one of some draws from the density of good cells whose ratio of good to bad density is largest. There are no rungs of budgets, since a query has one price",
	Traits:   Traits{ofTable, "", "ratio of the densities of good and bad cells", "best validation", "1 query"},
	BlackBox: true, Zero: BOHB{},
	Begin: with(func(env Env, s BOHB) (Searcher, error) {
		if env.Space.Choose == nil {
			return nil, errors.New("it needs a space that chooses one option in each row")
		}
		return newBlackBox(env, s.Budget, func(b *blackBox) strategy { return &densities{blackBox: b, set: s} })
	}),
}

// densities proposes by two product kernels over the options of rows, one of the good
// answers and one of the others. A kernel around option a is 1−h at a and h/(k−1) at each
// of the k−1 others. h of a row is 1.06·σ·n^(−1/(4+rows)) for n answers whose options,
// as numbers, deviate by σ; no less than 0.001 and no more than (k−1)/k.
//
// Source: Falkner et al., ICML 2018, section 3; HpBandSter as NAS-Bench-201 runs it.
type densities struct {
	*blackBox
	set       BOHB
	asked     []answered
	proposals uint64
	proposed  []int
}

type answered struct {
	options []int
	score   float64
}

func (d *densities) next(context.Context) (string, error) {
	r := rng.New(d.env.Seed, "densities", d.proposals)
	d.proposals++
	d.proposed = d.propose(r)
	return d.env.Space.Choose(slices.Clone(d.proposed)), nil
}

func (d *densities) learn(_ string, score float64) {
	// An answer that was known adds nothing.
	if !slices.ContainsFunc(d.asked, func(a answered) bool { return slices.Equal(a.options, d.proposed) }) {
		d.asked = append(d.asked, answered{slices.Clone(d.proposed), score})
	}
}

func (d *densities) propose(r *rand.Rand) []int {
	rows := d.env.Space.Layout
	least := len(rows) + 1
	// A proposal that is known tells nothing new, so after many the model is given up.
	if len(d.asked) < least+2 || r.Float64() < d.set.Random || d.repeats >= patience {
		return uniformOptions(rows, r)
	}
	order := slices.Clone(d.asked)
	slices.SortStableFunc(order, func(a, b answered) int { return cmp.Compare(b.score, a.score) })
	good := max(least, int(d.set.Top*float64(len(order))))
	bad := max(least, len(order)-int(d.set.Top*float64(len(order))))
	l, g := newDensity(rows, order[:min(good, len(order))]), newDensity(rows, order[len(order)-min(bad, len(order)):])
	var best []int
	ratio := math.Inf(-1)
	for range d.set.Candidates {
		x := l.draw(r, d.set.Bandwidth)
		if now := math.Max(l.at(x), 1e-32) / math.Max(g.at(x), 1e-32); now > ratio {
			best, ratio = x, now
		}
	}
	return best
}

func uniformOptions(rows Layout, r *rand.Rand) []int {
	x := make([]int, len(rows))
	for i, row := range rows {
		x[i] = r.IntN(len(row.Options))
	}
	return x
}

// density is a mean of product kernels.
type density struct {
	rows   Layout
	points [][]int
	width  []float64 // h of each row
}

func newDensity(rows Layout, points []answered) density {
	d := density{rows: rows, width: make([]float64, len(rows))}
	for _, p := range points {
		d.points = append(d.points, p.options)
	}
	n := float64(len(points))
	for i, row := range rows {
		mean, square := 0.0, 0.0
		for _, p := range d.points {
			mean += float64(p[i]) / n
			square += float64(p[i]*p[i]) / n
		}
		sigma := math.Sqrt(math.Max(square-mean*mean, 0))
		k := float64(len(row.Options))
		d.width[i] = math.Min(math.Max(1.06*sigma*math.Pow(n, -1/float64(4+len(rows))), 1e-3), (k-1)/k)
	}
	return d
}

// at is the density at x.
func (d density) at(x []int) float64 {
	sum := 0.0
	for _, p := range d.points {
		product := 1.0
		for i, h := range d.width {
			if p[i] == x[i] {
				product *= 1 - h
			} else {
				product *= h / float64(len(d.rows[i].Options)-1)
			}
		}
		sum += product / float64(len(d.points))
	}
	return sum
}

// draw takes one of the points and, in each row with probability h·factor, an option at
// random.
func (d density) draw(r *rand.Rand, factor float64) []int {
	x := slices.Clone(d.points[r.IntN(len(d.points))])
	for i, row := range d.rows {
		if r.Float64() < d.width[i]*factor {
			x[i] = r.IntN(len(row.Options))
		}
	}
	return x
}
