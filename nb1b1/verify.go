package nb1b1

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"idarts/internal/trials"
)

// Cells is how many the official table has.
const Cells = 423624

// bestTest is the best mean test accuracy after 108 epochs in the official table, in
// percent. Source: google-research/nasbench and the benchmark's paper, which
// measures regret from it.
const bestTest = 94.3175752957662

// Verify checks what [Open] does not: that each cell has the hash that stands beside
// it, that every accuracy is one and no time is below 0, and that a table of all
// cells has the known best one. lines say what was found, one for each check that
// passed; err is the first that did not. It takes about 20 s for the official table.
func (t *Table) Verify() (lines []string, err error) {
	type found struct {
		trials          map[int]int // number of trials -> cells
		low, high, best float64
	}
	keys := t.Keys()
	if t.Len() == 0 || len(keys) == 0 {
		return nil, fmt.Errorf("nb1b1: %q has no results", t.Name())
	}
	of := map[Key]*found{}
	for _, key := range keys {
		of[key] = &found{trials: map[int]int{}, low: math.Inf(1), high: math.Inf(-1), best: math.Inf(-1)}
	}
	for i := range t.Len() {
		c, err := t.Cell(i)
		if err != nil {
			return nil, err
		}
		if h := c.Hash(); h != t.Hash(i) {
			return nil, fmt.Errorf("nb1b1: %q row %d: cell %q has hash %s, the table says %s", t.Name(), i, c, h, t.Hash(i))
		}
		for _, key := range keys {
			f := of[key]
			a, err := t.Query(c, key, trials.All)
			if err != nil {
				f.trials[0]++
				continue
			}
			for _, trial := range a.Trials {
				if !(trial.Accuracy >= 0 && trial.Accuracy <= 100) || trial.Seconds < 0 {
					return nil, fmt.Errorf("nb1b1: %q: cell %q, %s, repeat %d: accuracy %v and %v seconds, want 0 to 100 percent and no time below 0",
						t.Name(), c, key, trial.Seed, trial.Accuracy, trial.Seconds)
				}
				f.low, f.high = min(f.low, trial.Accuracy), max(f.high, trial.Accuracy)
			}
			f.trials[len(a.Trials)]++
			f.best = max(f.best, a.Accuracy)
		}
	}
	lines = append(lines, fmt.Sprintf("%d of %d cells, each with its hash", t.Len(), Cells))
	for _, key := range keys {
		f := of[key]
		var parts []string
		for _, n := range slices.Backward(slices.Sorted(maps.Keys(f.trials))) {
			parts = append(parts, fmt.Sprintf("%d trials for %d cells", n, f.trials[n]))
		}
		lines = append(lines, fmt.Sprintf("%s: %.2f to %.2f %%; %s", key, f.low, f.high, strings.Join(parts, ", ")))
	}
	test := Key{Epochs: 108, Split: "test"}
	if f := of[test]; f != nil && t.Len() == Cells && f.trials[0] == 0 {
		if math.Abs(f.best-bestTest) > 1e-4 {
			return lines, fmt.Errorf("nb1b1: %q: the best mean of %s is %.5f, want %.5f as published", t.Name(), test, f.best, bestTest)
		}
		lines = append(lines, fmt.Sprintf("the best mean of %s is %.4f %%, as published", test, f.best))
	}
	return lines, nil
}
