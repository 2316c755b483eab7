package trials

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Check compares a trial's numbers with what they can be. Losses and times may be
// unknown, the accuracy may not.
func (t Trial) Check() error {
	if math.IsNaN(t.Accuracy) {
		return fmt.Errorf("accuracy %v, want 0 to 100 percent", t.Accuracy)
	}
	return cmp.Or(Accuracy.check(t.Accuracy), Loss.check(t.Loss), Seconds.check(t.Seconds), OtherNetwork.check(t.OtherNetwork))
}

// Summary is what a table holds under one key.
type Summary[K any] struct {
	Key       K
	Low, High float64     // of all trials, percent
	Cells     map[int]int // how many have so many trials
	Best      int         // the row with the highest mean over its trials, the first of equal ones
	BestMean  float64     // percent

	means bool // trials are means of a number that is not known
}

// String is a line such as "valid, 108 epochs: 9.10 to 95.06 %; 3 trials for 3 cells".
func (s Summary[K]) String() string {
	var parts []string
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(s.Cells))) {
		what := fmt.Sprintf("%d trials", n)
		switch {
		case n == 0:
			what = "none"
		case s.means:
			what = "means of trials whose number is not known"
		case n == 1:
			what = "1 trial"
		}
		of := fmt.Sprintf("%d cells", s.Cells[n])
		if s.Cells[n] == 1 {
			of = "1 cell"
		}
		parts = append(parts, what+" for "+of)
	}
	return fmt.Sprintf("%v: %.2f to %.2f %%; %s", s.Key, s.Low, s.High, strings.Join(parts, ", "))
}

// Summaries checks every number and that no key mixes trials with means of trials,
// and says what there is under each key, in ascending order. cell is that of a row,
// of which there are so many; errors name it.
func (r *Results[C, K]) Summaries(rows int, cell func(row int) C) ([]Summary[K], error) {
	if len(r.series) == 0 || rows == 0 {
		return nil, fmt.Errorf("%s: %q has no results", r.kind.Package, r.name)
	}
	if err := r.Read(); err != nil {
		return nil, err
	}
	var out []Summary[K]
	for _, key := range r.Keys() {
		summary, err := r.summarize(key, rows, cell)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", r.kind.Package, r.name, err)
		}
		out = append(out, summary)
	}
	return out, nil
}

func (r *Results[C, K]) summarize(key K, rows int, cell func(row int) C) (Summary[K], error) {
	series := r.byKey[key]
	s := Summary[K]{Key: key, Low: math.Inf(1), High: math.Inf(-1), BestMean: math.Inf(-1), Cells: map[int]int{}}
	s.means = series[0].Seed == MeanOfTrials
	if err := r.mixed(key); err != nil {
		return s, err
	}
	for row := range rows {
		for _, one := range series {
			trial := one.Trial(row)
			if math.IsNaN(trial.Accuracy) {
				continue
			}
			if err := trial.Check(); err != nil {
				return s, fmt.Errorf("cell %q, %s, %s %d: %w", cell(row), key, r.kind.Trial, one.Seed, err)
			}
			s.Low, s.High = min(s.Low, trial.Accuracy), max(s.High, trial.Accuracy)
		}
		mean, n := meanAccuracy(series, row)
		s.Cells[n]++
		if mean > s.BestMean {
			s.Best, s.BestMean = row, mean
		}
	}
	return s, nil
}

// mixed refuses trials beside means of trials, and numbers of trials below them.
func (r *Results[C, K]) mixed(key K) error {
	series := r.byKey[key]
	if first := series[0].Seed; first < MeanOfTrials {
		return fmt.Errorf("%s has the %s %d, want numbers from 0 on, or %d for means of trials", key, r.kind.Trial, first, MeanOfTrials)
	}
	if series[0].Seed == MeanOfTrials && len(series) > 1 {
		return fmt.Errorf("%s has means of trials (%s %d) beside trials of %d %ss, want either", key, r.kind.Trial, MeanOfTrials, len(series)-1, r.kind.Trial)
	}
	return nil
}
