package nb201

import (
	"math"
	"sync"

	"idarts/internal/result"
	"idarts/internal/trials"
)

// Scores reads a table in two columns, as means over all trials that there are: what
// a search may ask for, and what it is judged by. It may be used by several
// goroutines at once.
type Scores struct {
	table              *Table
	valid, test, train Key
	optimum            func() (*result.Optimum, error)
}

// Scores reads t under two keys.
func (t *Table) Scores(valid, test Key) *Scores {
	s := &Scores{table: t, valid: valid, test: test, train: valid}
	s.train.Split = "train" // the records keep training times there
	s.optimum = sync.OnceValues(s.find)
	return s
}

// Score is the score of a cell by its text. Its seconds are those of the trainings
// behind the valid column; its arithmetic is left to whoever knows the recipe.
func (s *Scores) Score(arch string) (result.Scored, error) {
	cell, err := Parse(arch)
	if err != nil {
		return result.Scored{}, err
	}
	return s.of(cell)
}

func (s *Scores) of(cell Cell) (result.Scored, error) {
	valid, err := s.table.Query(cell, s.valid, trials.All)
	if err != nil {
		return result.Scored{}, err
	}
	test, err := s.table.Query(cell, s.test, trials.All)
	if err != nil {
		return result.Scored{}, err
	}
	seconds := math.NaN()
	if took, err := s.table.Query(cell, s.train, trials.All); err == nil {
		seconds = took.Seconds
	}
	return trials.Score(valid, test, seconds), nil
}

// Optimum is that of the space, found when it is first asked for; nil where a cell
// lacks a result. The first of equal cells by [Cell.Index] counts.
func (s *Scores) Optimum() (*result.Optimum, error) { return s.optimum() }

func (s *Scores) find() (*result.Optimum, error) {
	best := result.Optimum{Archs: NumCells}
	var byTest, byValid int
	for i := range NumCells {
		scored, err := s.of(FromIndex(i))
		if err != nil {
			return nil, nil
		}
		if i == 0 || scored.Test > best.BestTest.Score.Test {
			byTest, best.BestTest.Score = i, scored.Score
		}
		if i == 0 || scored.Valid > best.BestValid.Score.Valid {
			byValid, best.BestValid.Score = i, scored.Score
		}
	}
	best.BestTest.Arch, best.BestValid.Arch = FromIndex(byTest).String(), FromIndex(byValid).String()
	return &best, nil
}
