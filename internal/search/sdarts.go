package search

import (
	"cmp"
	"math"

	"idarts/internal/batch"
)

// SDARTS are the settings of SmoothDARTS.
type SDARTS struct {
	DARTS1
	Radius Radius `json:"radius"`
}

// Radius is that of the box around the mixture from which weight steps take theirs. It
// grows with the epochs: Start + (End−Start)·epoch/epochs.
type Radius struct {
	Start float64 `json:"start" doc:"radius of the perturbation in the first epoch"`
	End   float64 `json:"end" doc:"radius that it grows to with the epochs"`
}

// At is the radius in an epoch.
func (r Radius) At(c Clock) float64 {
	return r.Start + (r.End-r.Start)*float64(c.Epoch)/float64(c.Epochs)
}

// Check implements [Settings].
func (s SDARTS) Check() error {
	return cmp.Or(s.DARTS1.Check(), notBelow(0, "radius.start", s.Radius.Start), notBelow(0, "radius.end", s.Radius.End))
}

// SDARTSADV are the settings of SmoothDARTS with an adversary.
type SDARTSADV struct {
	SDARTS
	Steps int `json:"ascent_steps" doc:"sign-gradient ascent steps of the adversary, of 2 radii over their number each"`
}

// Check implements [Settings].
func (s SDARTSADV) Check() error {
	return cmp.Or(s.SDARTS.Check(), notBelow(1, "ascent_steps", float64(s.Steps)))
}

const smoothPaper = "Chen & Hsieh, ICML 2020, arXiv:2002.05283"

var sdartsRS = Method{
	Name: "sdarts-rs", Title: "SDARTS-RS", Paper: smoothPaper,
	Note:   "first-order DARTS whose weight steps take mixtures with uniform noise in a growing box, held to [0,1] and divided by the sum of the row",
	Traits: Traits{bilevel, "softmax, perturbed at random in weight steps", byAdam, byArgmax, "2"},
	Zero:   SDARTS{},
	Begin: with(func(env Env, s SDARTS) (Searcher, error) {
		return NewEngine(env, s.alternating(s.Bilevel.parts(env), WeightStep{Perturb: randomBox(s.Radius)}))
	}),
}

var sdartsADV = Method{
	Name: "sdarts-adv", Title: "SDARTS-ADV", Paper: smoothPaper,
	Note:   "first-order DARTS whose weight steps take the mixture in a growing box that an adversary found on the same batch; its passes take batch statistics, and the running averages take them in, where the code has the network in evaluation mode",
	Traits: Traits{bilevel, "softmax, perturbed by an adversary in weight steps", byAdam, byArgmax, "2 + ascent steps + 2"},
	Zero:   SDARTSADV{},
	Begin: with(func(env Env, s SDARTSADV) (Searcher, error) {
		return NewEngine(env, s.alternating(s.Bilevel.parts(env), WeightStep{Perturb: adversary(s.Radius, s.Steps)}))
	}),
}

// randomBox adds uniform noise within the radius to a mixture.
// Source: xiangning-chen/SmoothDARTS, attacker/perturb.py.
func randomBox(radius Radius) func(*Engine, batch.Batch, []float64) error {
	return func(e *Engine, _ batch.Batch, coefs []float64) error {
		r, eps := e.Rand("perturbation", uint64(e.Clock.Step)), radius.At(e.Clock)
		p := make([]float64, e.Space.Layout.Len())
		copy(p, coefs)
		clean := append([]float64(nil), p...)
		for i := range p {
			p[i] += eps * (2*r.Float64() - 1)
		}
		ontoSimplex(e.Space.Layout, p, clean)
		repeat(coefs, p)
		return nil
	}
}

// adversary finds a mixture in the box that has a larger loss on the batch: it starts
// at random, takes so many steps of 2·radius/steps along the sign of the gradient, each
// of them held to the box, and gives up where the loss ended lower than it began.
// Source: xiangning-chen/SmoothDARTS, attacker/perturb.py.
func adversary(radius Radius, steps int) func(*Engine, batch.Batch, []float64) error {
	random := randomBox(radius)
	return func(e *Engine, b batch.Batch, coefs []float64) error {
		rows, eps := e.Space.Layout, radius.At(e.Clock)
		n := rows.Len()
		clean := append([]float64(nil), coefs[:n]...)
		before, err := e.Problem.Gradient(b, coefs, nil, nil)
		if err != nil {
			return err
		}
		if err := random(e, b, coefs); err != nil {
			return err
		}
		p, dp := make([]float64, n), make([]float64, n)
		for range steps {
			if _, err := e.Problem.Gradient(b, coefs, nil, e.Dcoefs); err != nil {
				return err
			}
			SumLayers(dp, e.Dcoefs)
			copy(p, coefs)
			for i, g := range dp {
				if g != 0 {
					p[i] += math.Copysign(2*eps/float64(steps), g)
				}
				p[i] = math.Min(math.Max(p[i], clean[i]-eps), clean[i]+eps)
			}
			ontoSimplex(rows, p, clean)
			repeat(coefs, p)
		}
		after, err := e.Problem.Gradient(b, coefs, nil, nil)
		if err != nil {
			return err
		}
		if after.Value() < before.Value() {
			repeat(coefs, clean)
		}
		return nil
	}
}

// ontoSimplex holds rows to [0,1] and divides them by their sums. Entries that clean has
// at exactly 0 stay there; a row of zeros gets 1 at the largest entry of clean.
func ontoSimplex(rows Layout, p, clean []float64) {
	start := 0
	for _, row := range rows.Parts(p) {
		top, sum := 0, 0.0
		for o := range row {
			row[o] = math.Min(math.Max(row[o], 0), 1)
			if clean[start+o] == 0 {
				row[o] = 0
			}
			if clean[start+o] > clean[start+top] {
				top = o
			}
			sum += row[o]
		}
		if sum == 0 {
			row[top], sum = 1, 1
		}
		for o := range row {
			row[o] /= sum
		}
		start += len(row)
	}
}
