package search

import (
	"fmt"
	"slices"
)

// NoOperation is the name of the option that brings nothing. A mixture without it has
// its coefficient at 0, in which a supernet has no arithmetic.
const NoOperation = "none"

// Restricted is a relaxation of the options that keep allows, made by of for the rows
// that are left. The coefficients and scores of the others are 0. A row of which
// nothing is left is an error.
func Restricted(rows Layout, keep func(row Row, option string) bool, of func(Layout) Relaxation) (Relaxation, error) {
	r := &restricted{all: rows.Len()}
	less := make(Layout, len(rows))
	at := 0
	for i, row := range rows {
		less[i] = row
		less[i].Options = nil
		for _, option := range row.Options {
			if keep(row, option) {
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
	if len(r.kept) == r.all {
		return r.Relaxation, nil
	}
	r.coefs, r.dcoefs = make([]float64, len(r.kept)), make([]float64, len(r.kept))
	return r, nil
}

// withoutNone is [Restricted] to operations that bring something, where it is asked for.
func withoutNone(without bool, rows Layout, of func(Layout) Relaxation) (Relaxation, error) {
	return Restricted(rows, func(_ Row, option string) bool { return !without || option != NoOperation }, of)
}

type restricted struct {
	Relaxation
	all           int   // A
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

// noneOf are the places [A] of options that bring nothing.
func noneOf(rows Layout) []bool {
	var out []bool
	for _, row := range rows {
		for _, option := range row.Options {
			out = append(out, option == NoOperation)
		}
	}
	return slices.Clip(out)
}
