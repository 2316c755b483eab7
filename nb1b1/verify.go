package nb1b1

import (
	"fmt"
	"math"
)

// Cells is how many the official table has.
const Cells = 423624

// bestTest is the best mean test accuracy after 108 epochs in the official table, in
// percent. Source: google-research/nasbench and the benchmark's paper, which
// measures regret from it.
const bestTest = 94.3175752957662

// Verify reads all of the table, which checks its numbers, and checks what that does
// not: that each cell has the hash that stands beside it and is found in its row, and
// that a table of all cells has the known best one. lines say what was found, one for
// each check that passed; err is the first that did not. It takes some seconds for
// the official table.
func (t *Table) Verify() (lines []string, err error) {
	for i := range t.Len() {
		c, err := t.Cell(i)
		if err != nil {
			return nil, err
		}
		if h := c.Hash(); h != t.Hash(i) {
			return nil, fmt.Errorf("nb1b1: %q row %d: cell %q has hash %s, the table says %s", t.Name(), i, c, h, t.Hash(i))
		}
		if row, err := t.row(c); err != nil || row != i {
			return nil, fmt.Errorf("nb1b1: %q row %d: cell %q is not found there by its key %d", t.Name(), i, c, t.keys[i])
		}
	}
	summaries, err := t.Summaries(t.Len(), func(row int) Cell {
		c, _ := t.Cell(row) // has been made before
		return c
	})
	if err != nil {
		return nil, err
	}
	lines = append([]string{fmt.Sprintf("%d of %d cells, each with its hash", t.Len(), Cells)}, t.FileLines()...)
	lines = append(lines, t.Spaces()...)
	for _, s := range summaries {
		lines = append(lines, s.String())
	}
	test := Key{Epochs: 108, Split: "test"}
	for _, s := range summaries {
		if s.Key != test || t.Len() != Cells || s.Cells[0] > 0 {
			continue
		}
		if math.Abs(s.BestMean-bestTest) > 1e-4 {
			return lines, fmt.Errorf("nb1b1: %q: the best mean of %s is %.5f, want %.5f as published", t.Name(), test, s.BestMean, bestTest)
		}
		lines = append(lines, fmt.Sprintf("the best mean of %s is %.4f %%, as published", test, s.BestMean))
	}
	return lines, nil
}

// Spaces says how many cells of each search space a table has that does not have all: nothing
// for one that does.
func (t *Table) Spaces() (lines []string) {
	if t.Len() == Cells {
		return nil
	}
	for _, s := range OneShots {
		there := 0
		for _, module := range t.modules {
			if c, err := fromCode(module); err == nil && s.Check(c) == nil {
				there++
			}
		}
		lines = append(lines, fmt.Sprintf("%s: %d of %d cells", s, there, s.cells))
	}
	return lines
}
