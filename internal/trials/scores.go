package trials

import (
	"fmt"
	"math"
	"sync"

	"idarts/internal/result"
	"idarts/internal/statistics"
)

// Pair names two columns of a table: what a search may ask for, and what it is judged
// by. The records of training times stand under a third key.
type Pair[K any] struct{ Valid, Test, Time K }

// Scores reads a table in a [Pair] of columns, as means over all trials that there
// are. It may be used by several goroutines at once.
type Scores[C fmt.Stringer, K Key[K]] struct {
	results *Results[C, K]
	keys    Pair[K]
	parse   func(arch string) (C, error)
	optimum func() (*result.Optimum, error)
	means   func() (pairs, error)
}

// pairs are the mean accuracies of all cells of a space in two columns; empty where one lacks
// a result.
type pairs struct{ valid, test []float64 }

// Scores reads r. whole lists the cells of the space whose optimum may be asked for;
// nil: it has none.
func (r *Results[C, K]) Scores(keys Pair[K], parse func(arch string) (C, error), whole func() []C) *Scores[C, K] {
	s := &Scores[C, K]{results: r, keys: keys, parse: parse}
	s.optimum = sync.OnceValues(func() (*result.Optimum, error) {
		if whole == nil {
			return nil, nil
		}
		return s.best(whole())
	})
	s.means = sync.OnceValues(func() (pairs, error) {
		if whole == nil {
			return pairs{}, nil
		}
		return s.allMeans(whole())
	})
	return s
}

// Expected is what random search among the cells of the space ends with on average; nil where
// a cell lacks a result.
func (s *Scores[C, K]) Expected(draws int) (*result.Expected, error) {
	all, err := s.means()
	if err != nil || all.valid == nil {
		return nil, err
	}
	e := &result.Expected{Draws: draws}
	e.Valid, _ = statistics.BestOf(all.valid, all.valid, draws)
	e.Test, e.TestSD = statistics.BestOf(all.valid, all.test, draws)
	return e, nil
}

// allMeans are those of the cells.
func (s *Scores[C, K]) allMeans(cells []C) (all pairs, err error) {
	for _, column := range []struct {
		key K
		to  *[]float64
	}{{s.keys.Valid, &all.valid}, {s.keys.Test, &all.test}} {
		series := s.results.byKey[column.key]
		for _, one := range series {
			if err := s.results.read(one); err != nil {
				return pairs{}, err
			}
		}
		for _, cell := range cells {
			row, err := s.results.row(cell)
			if err != nil {
				return pairs{}, nil // the table does not have it
			}
			mean, n := meanAccuracy(series, row)
			if n == 0 {
				return pairs{}, nil
			}
			*column.to = append(*column.to, mean)
		}
	}
	return all, nil
}

// Score is the score of a cell by its text. Its seconds are those of the trainings
// behind the valid column; its arithmetic is left to whoever knows the recipe.
func (s *Scores[C, K]) Score(arch string) (result.Scored, error) {
	cell, err := s.parse(arch)
	if err != nil {
		return result.Scored{}, err
	}
	return s.score(cell)
}

func (s *Scores[C, K]) score(cell C) (scored result.Scored, err error) {
	valid, err := s.results.Query(cell, s.keys.Valid, All)
	if err != nil {
		return scored, err
	}
	test, err := s.results.Query(cell, s.keys.Test, All)
	if err != nil {
		return scored, err
	}
	scored.Valid, scored.Test, scored.Trials = valid.Accuracy, test.Accuracy, min(valid.Count(), test.Count())
	if !math.IsNaN(test.Std) {
		scored.TestSD = test.Std
	}
	time := valid
	if s.keys.Time != s.keys.Valid {
		if time, err = s.results.Query(cell, s.keys.Time, All); err != nil {
			return scored, nil // is not known
		}
	}
	if !math.IsNaN(time.Seconds) {
		scored.Seconds = time.Seconds
	}
	return scored, nil
}

// Optimum is that of the space, nil where a cell lacks a result. It is found when it
// is first asked for, and kept as long as the table is open; no text is read for it.
func (s *Scores[C, K]) Optimum() (*result.Optimum, error) { return s.optimum() }

// best is the optimum among cells, in whose order the first of equal ones counts. A
// column's best is the highest mean among the cells with the most trials in it: the
// highest of all means would be the luckiest of those that are of one trial.
func (s *Scores[C, K]) best(cells []C) (*result.Optimum, error) {
	columns := [2][]*Series[K]{s.results.byKey[s.keys.Test], s.results.byKey[s.keys.Valid]}
	for _, series := range columns {
		for _, one := range series {
			if err := s.results.read(one); err != nil {
				return nil, err
			}
		}
	}
	var best [len(columns)]struct {
		cell   C
		trials int
		mean   float64
		among  int // cells with as many trials
	}
	for _, cell := range cells {
		row, err := s.results.row(cell)
		if err != nil {
			return nil, nil // the table does not have it
		}
		for j, series := range columns {
			mean, n := meanAccuracy(series, row)
			if n == 0 {
				return nil, nil
			}
			b := &best[j]
			if n > b.trials || n == b.trials && mean > b.mean {
				b.cell, b.mean = cell, mean
			}
			if n > b.trials {
				b.trials, b.among = n, 0
			}
			if n == b.trials {
				b.among++
			}
		}
	}
	out := &result.Optimum{Archs: len(cells), Among: best[0].among}
	for j, to := range [len(columns)]*result.ArchScore{&out.BestTest, &out.BestValid} {
		scored, err := s.score(best[j].cell)
		if err != nil {
			return nil, err
		}
		test, err := s.results.Query(best[j].cell, s.keys.Test, All)
		if err != nil {
			return nil, err
		}
		*to = result.ArchScore{Arch: best[j].cell.String(), Score: scored.Score}
		if n := test.Count(); n > 1 {
			to.TestSE = test.Std / math.Sqrt(float64(n))
		}
	}
	return out, nil
}
