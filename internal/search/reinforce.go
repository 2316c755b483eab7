package search

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"idarts/internal/rng"
)

// REINFORCE are the settings of the policy gradient.
type REINFORCE struct {
	Budget
	Arch      Adam    `json:"arch"` // moves the policy
	InitScale float64 `json:"init_scale" doc:"theta starts as so many times N(0,1)"`
	Baseline  float64 `json:"baseline" doc:"weight of the past in the mean reward"`
}

// Check implements [Settings].
func (s REINFORCE) Check() error {
	if !(s.Arch.LR > 0) || !(s.Baseline >= 0 && s.Baseline < 1) {
		return fmt.Errorf("rate of arch is %v and baseline is %v, want a rate above 0 and a baseline from 0 to below 1", s.Arch.LR, s.Baseline)
	}
	return s.Budget.Check()
}

var reinforcement = Method{
	Name: "reinforce", Title: "REINFORCE", Paper: "Dong & Yang, ICLR 2020, arXiv:2001.00326",
	Note:     "a softmax policy for each decision, Adam, moving average of the reward as baseline; keeps the cell of best validation accuracy; cells that come again cost nothing and after 100 of them in a row the policy starts over; its budget is a number of distinct cells",
	Traits:   Traits{ofTable, "softmax policy", "Adam on the policy gradient", "best validation", "1 query"},
	BlackBox: true, Zero: REINFORCE{},
	Begin: with(func(env Env, s REINFORCE) (Searcher, error) {
		if env.Space.Choose == nil {
			return nil, errors.New("it needs a space that chooses one option in each row")
		}
		return newBlackBox(env, s.Budget, func(b *blackBox) strategy {
			r := &reinforce{blackBox: b, set: s}
			r.start()
			return r
		})
	}),
}

// patience is how many samples in a row may be known before the policy of
// [reinforce] is taken to be stuck. Ours: the benchmark has a budget of time, in
// which known ones count again.
const patience = 100

// reinforce samples one option from each row of the layout, with probabilities
// p = softmax(θ) of the row, and moves θ by Adam along
//
//	∂L/∂θ = (r − b)(p − picked),  L = −(r − b) Σ log p[picked]
//
// where r is the validation accuracy in percent and b the moving average of r, this
// one included: b = n/d with n ← Baseline·n + (1−Baseline)·r and d likewise of 1.
//
// Source: Williams 1992, as in NAS-Bench-201 (arXiv:2001.00326) and its code.
type reinforce struct {
	*blackBox
	set     REINFORCE
	theta   []float64
	moments Moments
	n, d    float64
	picked  []int
	probs   []float64 // that it was picked from
	samples uint64
	starts  uint64
}

// start makes a policy that has learnt nothing.
func (r *reinforce) start() {
	stream := rng.New(r.env.Seed, "reinforce policy", r.starts)
	r.theta = make([]float64, r.env.Space.Layout.Len())
	for i := range r.theta {
		r.theta[i] = r.set.InitScale * stream.NormFloat64()
	}
	r.moments, r.n, r.d = Moments{}, 0, 0
	r.starts++
}

func (r *reinforce) next(context.Context) (string, error) {
	if r.repeats > 0 && r.repeats%patience == 0 {
		r.start()
	}
	stream := rng.New(r.env.Seed, "reinforce sample", r.samples)
	r.samples++
	r.probs = Softmax.Coefs(r.env.Space.Layout, r.theta, 1)
	r.picked = r.picked[:0]
	first := 0
	for _, row := range r.env.Space.Layout {
		u, pick := stream.Float64(), 0
		for ; pick < len(row.Options)-1 && u >= r.probs[first+pick]; pick++ {
			u -= r.probs[first+pick]
		}
		r.picked = append(r.picked, pick)
		first += len(row.Options)
	}
	return r.env.Space.Choose(slices.Clone(r.picked)), nil
}

func (r *reinforce) learn(_ string, score float64) {
	keep := r.set.Baseline
	r.n, r.d = keep*r.n+(1-keep)*score, keep*r.d+(1-keep)
	advantage := score - r.n/r.d
	grad := make([]float64, len(r.theta))
	first := 0
	for i, row := range r.env.Space.Layout {
		for o := range row.Options {
			grad[first+o] = advantage * r.probs[first+o]
		}
		grad[first+r.picked[i]] -= advantage
		first += len(row.Options)
	}
	r.set.Arch.Step(r.theta, grad, &r.moments)
}
