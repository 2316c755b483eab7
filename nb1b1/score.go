package nb1b1

import (
	"idarts/internal/result"
	"idarts/internal/trials"
)

// Scores reads a table in two columns, as means over all repeats that there are: what
// a search may ask for, and what it is judged by. It may be used by several
// goroutines at once.
type Scores struct {
	table       *Table
	valid, test Key
}

// Scores reads t under two keys.
func (t *Table) Scores(valid, test Key) *Scores { return &Scores{t, valid, test} }

// Score is the score of a cell by its text. Its seconds are those of the trainings
// behind the valid column; its arithmetic is left to whoever knows the recipe.
func (s *Scores) Score(arch string) (result.Scored, error) {
	cell, err := Parse(arch)
	if err != nil {
		return result.Scored{}, err
	}
	valid, err := s.table.Query(cell, s.valid, trials.All)
	if err != nil {
		return result.Scored{}, err
	}
	test, err := s.table.Query(cell, s.test, trials.All)
	if err != nil {
		return result.Scored{}, err
	}
	return trials.Score(valid, test, valid.Seconds), nil
}

// Optimum is nil: that of a space among the table's cells is not looked for.
func (s *Scores) Optimum() (*result.Optimum, error) { return nil, nil }
