package search

import (
	"cmp"
	"slices"
)

// stages are parts of a search that share its epochs as evenly as can be, the longer ones
// first where they cannot.
type stages struct{ n, epochs int }

// at is the stage of an epoch, the epoch within it, all counted from 0, and its length.
func (s stages) at(epoch int) (stage, within, length int) {
	stage = epoch * s.n / s.epochs
	first := func(stage int) int { return (stage*s.epochs + s.n - 1) / s.n }
	return stage, epoch - first(stage), first(stage+1) - first(stage)
}

// keepBest marks as gone all but so many options of each row, those of the largest scores,
// the first of equal ones; 0 keeps all.
func keepBest(rows Layout, scores, gone []float64, options int) {
	start := 0
	for _, p := range rows.Parts(scores) {
		order := make([]int, len(p))
		for o := range order {
			order[o] = o
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
		for rank, o := range order {
			if options > 0 && rank >= options {
				gone[start+o] = 1
			}
		}
		start += len(p)
	}
}
