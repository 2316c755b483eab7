package search

import "fmt"

// NoOperation is the name of the option that brings nothing. A mixture without it has
// its coefficient at 0, in which a supernet has no arithmetic.
const NoOperation = "none"

// withoutNone is the relaxation that of makes, or where that is asked for one that of makes
// for the options which bring something: the coefficients and scores of the others are
// 0. A row of which nothing is left is an error.
func withoutNone(without bool, rows Layout, of func(Layout) Relaxation) (Relaxation, error) {
	if !without {
		return of(rows), nil
	}
	r := &restricted{}
	less := make(Layout, len(rows))
	at := 0
	for i, row := range rows {
		less[i] = row
		less[i].Options = nil
		for _, option := range row.Options {
			if option != NoOperation {
				less[i].Options = append(less[i].Options, option)
				r.kept = append(r.kept, at)
			}
			at++
		}
		if len(less[i].Options) == 0 {
			return nil, fmt.Errorf("row %q has none of its options %q left", row.Name, row.Options)
		}
	}
	r.Relaxation = of(less)
	if len(r.kept) == at {
		return r.Relaxation, nil
	}
	r.coefs, r.dcoefs = make([]float64, len(r.kept)), make([]float64, len(r.kept))
	return r, nil
}

type restricted struct {
	Relaxation
	kept          []int // places in [A] of what the relaxation inside has
	coefs, dcoefs []float64
}

func (r *restricted) Mix(coefs []float64, use Use) Pullback {
	inner := r.Relaxation.Mix(r.coefs, use)
	r.spread(coefs, r.coefs)
	return func(dcoefs, dparams []float64) {
		for i, at := range r.kept {
			r.dcoefs[i] = dcoefs[at]
		}
		inner(r.dcoefs, dparams)
	}
}

func (r *restricted) Scores(scores []float64) {
	less := make([]float64, len(r.kept))
	r.Relaxation.Scores(less)
	r.spread(scores, less)
}

func (r *restricted) spread(all, kept []float64) {
	clear(all)
	for i, at := range r.kept {
		all[at] = kept[i]
	}
}
