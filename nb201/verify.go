package nb201

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"idarts/internal/trials"
)

// optima are the best cells of the official space, the mean over the trials after
// 200 epochs in percent. Source: our notes on the official records; they agree with
// the benchmark's papers in their two decimals.
var optima = []struct {
	Key
	index    int // official
	accuracy float64
}{
	{Key{"cifar10", "cifar10-valid", "x-valid", 200, ""}, 6111, 91.6067},
	{Key{"cifar10", "cifar10-valid", "ori-test", 200, Release201v11}, 1459, 91.5233},
	{Key{"cifar10", "cifar10", "ori-test", 200, ""}, 6111, 94.3733},
	{Key{"cifar100", "cifar100", "x-valid", 200, ""}, 9930, 73.4933},
	{Key{"cifar100", "cifar100", "x-test", 200, ""}, 9930, 73.5133},
	{Key{"ImageNet16-120", "ImageNet16-120", "x-valid", 200, ""}, 10676, 46.7333},
	{Key{"ImageNet16-120", "ImageNet16-120", "x-test", 200, ""}, 857, 47.3111},
}

// knownCells are means of three official records, and of the cell of nothing but
// 3x3 convolutions.
var knownCells = []struct {
	Key
	index    int
	accuracy float64
}{
	{Key{"cifar10", "cifar10-valid", "x-valid", 200, ""}, 0, 81.9827},
	{Key{"cifar10", "cifar10-valid", "x-valid", 200, ""}, 11, 87.9400},
	{Key{"cifar10", "cifar10-valid", "x-valid", 200, ""}, 284, 86.0467},
	{Key{"cifar10", "cifar10", "ori-test", 200, ""}, 0, 85.8633},
	{Key{"cifar10", "cifar10", "ori-test", 200, ""}, 11, 91.5833},
	{Key{"cifar10", "cifar10", "ori-test", 200, ""}, 284, 88.7900},
	{Key{"cifar10", "cifar10", "ori-test", 200, ""}, 1462, 93.7600},
	{Key{"cifar100", "cifar100", "x-valid", 200, ""}, 11, 67.4533},
	{Key{"cifar100", "cifar100", "x-test", 200, ""}, 0, 52.9133},
	{Key{"cifar100", "cifar100", "x-test", 200, ""}, 11, 67.6067},
	{Key{"cifar100", "cifar100", "x-test", 200, ""}, 284, 62.1400},
}

// Verify reads all of the table, which checks its numbers, and checks what that does
// not: that the integrity rule of the benchmark holds (see [ImportNATSBench]), and which cells have trainings of another network, that an
// official table has the known values and, under keys where all cells have
// results, the known best cells. lines say what was found, one for each check that
// passed; err is the first that did not.
func (t *Table) Verify() (lines []string, err error) {
	text := fmt.Sprintf("%d of %d cells, all different", len(t.cells), NumCells)
	if t.official {
		text += ", in the benchmark's order"
	}
	lines = append([]string{text}, t.FileLines()...)
	known, err := t.Known()
	if err != nil {
		return lines, err
	}
	if known < len(t.cells) {
		lines = append(lines, fmt.Sprintf("results of %d of the %d cells: a part of the benchmark", known, len(t.cells)))
	}
	summaries, err := t.Summaries(len(t.cells), func(row int) Cell { return t.cells[row] })
	if err != nil {
		return lines, err
	}
	for _, s := range summaries {
		lines = append(lines, s.String())
	}
	if others := t.others(); len(others) > 0 {
		lines = append(lines, fmt.Sprintf("trainings of another network than the cell's in %d cells (idarts explains them in docs/errata.md): %s", len(others), strings.Join(others, " ")))
	}
	line, err := t.verifyIntegrity()
	if line != "" {
		lines = append(lines, line)
	}
	if err != nil || !t.official {
		return lines, err
	}
	found, err := t.verifyKnown(summaries)
	return append(lines, found...), err
}

// others lists the cells with trainings of another network, by official number where the
// table knows it. All of the table must have been read.
func (t *Table) others() (out []string) {
	for row, c := range t.cells {
		if !slices.ContainsFunc(t.All(), func(s *trials.Series[Key]) bool { return s.Trial(row).OtherNetwork > 0 }) {
			continue
		}
		name := c.String()
		if t.official {
			name = fmt.Sprintf("#%d", row)
		}
		out = append(out, name)
	}
	return out
}

// verifyKnown compares an official table with what is known of it.
func (t *Table) verifyKnown(summaries []trials.Summary[Key]) (lines []string, err error) {
	known := 0
	for _, k := range knownCells {
		for _, key := range t.Of(k.Key) {
			a, err := t.Query(t.cells[k.index], key, trials.All)
			if err != nil {
				continue // is not there
			}
			if math.Abs(a.Accuracy-k.accuracy) > 1e-3 {
				return lines, fmt.Errorf("nb201: %q: cell #%d, %s: accuracy %.4f, want %.4f as published", t.Name(), k.index, key, a.Accuracy, k.accuracy)
			}
			known++
		}
	}
	if known > 0 {
		lines = append(lines, fmt.Sprintf("%d known accuracies of single cells", known))
	}
	for _, o := range optima {
		for _, s := range summaries {
			if !slices.Contains(t.Of(o.Key), s.Key) || s.Cells[0] > 0 {
				continue
			}
			if s.Best != o.index || math.Abs(s.BestMean-o.accuracy) > 1e-4 {
				return lines, fmt.Errorf("nb201: %q: the best cell of %s is #%d with %.4f, want #%d with %.4f as published", t.Name(), s.Key, s.Best, s.BestMean, o.index, o.accuracy)
			}
			lines = append(lines, fmt.Sprintf("the best of %s is #%d with %.4f %%, as published", s.Key, o.index, s.BestMean))
		}
	}
	return lines, nil
}

// verifyIntegrity compares accuracies on ori-test with those on its halves, for
// each network that has all three. line is "" when there is none. All of the table
// must have been read.
func (t *Table) verifyIntegrity() (line string, err error) {
	networks, most := 0, 0.0
	for _, whole := range t.All() {
		key := whole.Key
		if key.Split != "ori-test" || key.Dataset != "cifar100" && key.Dataset != "ImageNet16-120" {
			continue
		}
		half := func(split string) *trials.Series[Key] {
			of := key
			of.Split = split
			return t.Find(of, whole.Seed)
		}
		left, right := half("x-valid"), half("x-test")
		if left == nil || right == nil {
			continue
		}
		for row, c := range t.cells {
			a, b, got := left.Accuracy.At(row), right.Accuracy.At(row), whole.Accuracy.At(row)
			want := (a + b) / 2
			if math.IsNaN(got) || math.IsNaN(want) {
				continue
			}
			if math.Abs(got-want) > integrity {
				return "", fmt.Errorf("nb201: %q: cell %q, %s, seed %d: accuracy %v, want %v, the mean of x-valid %v and x-test %v (within %v)",
					t.Name(), c, key, whole.Seed, got, want, a, b, integrity)
			}
			networks, most = networks+1, max(most, math.Abs(got-want))
		}
	}
	if networks == 0 {
		return "", nil
	}
	return fmt.Sprintf("ori-test is the mean of x-valid and x-test for all %d networks that have them (within %.1e)", networks, most), nil
}
