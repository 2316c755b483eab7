package nb201

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	choice "idarts/internal/trials"
)

// optima are the best cells of the official space, the mean over the trials after
// 200 epochs in percent. Source: our notes on the official records; they agree with
// the benchmark's papers in their two decimals.
var optima = []struct {
	Key
	index    int // official
	accuracy float64
}{
	{Key{"cifar10", "cifar10-valid", "x-valid", 200}, 6111, 91.6067},
	{Key{"cifar10", "cifar10", "ori-test", 200}, 6111, 94.3733},
	{Key{"cifar100", "cifar100", "x-valid", 200}, 9930, 73.4933},
	{Key{"cifar100", "cifar100", "x-test", 200}, 9930, 73.5133},
	{Key{"ImageNet16-120", "ImageNet16-120", "x-valid", 200}, 10676, 46.7333},
	{Key{"ImageNet16-120", "ImageNet16-120", "x-test", 200}, 857, 47.3111},
}

// knownCells are means of three official records, and of the cell of nothing but
// 3x3 convolutions.
var knownCells = []struct {
	Key
	index    int
	accuracy float64
}{
	{Key{"cifar10", "cifar10-valid", "x-valid", 200}, 0, 81.9827},
	{Key{"cifar10", "cifar10-valid", "x-valid", 200}, 11, 87.9400},
	{Key{"cifar10", "cifar10-valid", "x-valid", 200}, 284, 86.0467},
	{Key{"cifar10", "cifar10", "ori-test", 200}, 0, 85.8633},
	{Key{"cifar10", "cifar10", "ori-test", 200}, 11, 91.5833},
	{Key{"cifar10", "cifar10", "ori-test", 200}, 284, 88.7900},
	{Key{"cifar10", "cifar10", "ori-test", 200}, 1462, 93.7600},
	{Key{"cifar100", "cifar100", "x-valid", 200}, 11, 67.4533},
	{Key{"cifar100", "cifar100", "x-test", 200}, 0, 52.9133},
	{Key{"cifar100", "cifar100", "x-test", 200}, 11, 67.6067},
	{Key{"cifar100", "cifar100", "x-test", 200}, 284, 62.1400},
}

// Verify checks what [Open] does not: that every accuracy is one, that losses and
// times are not below 0, that no key mixes trials with means of trials, that the
// integrity rule of the benchmark holds (see [ImportNATSBench]), and that an
// official table has the known values and, under keys where all cells have
// results, the known best cells. lines say what was found, one for each check that
// passed; err is the first that did not.
func (t *Table) Verify() (lines []string, err error) {
	_, notOfficial := t.OfficialIndex(Cell{})
	official := notOfficial == nil
	text := fmt.Sprintf("%d of %d cells, all different", len(t.cells), NumCells)
	if official {
		text += ", in the benchmark's order"
	}
	lines = append(lines, text)
	if len(t.Keys()) == 0 {
		return lines, fmt.Errorf("nb201: %q has no results", t.name)
	}
	trials, err := t.trials()
	if err != nil {
		return lines, err
	}
	full := map[Key][]float64{} // mean of each cell, by its index, where all have one
	for _, key := range t.Keys() {
		line, means, err := t.verifyKey(key, trials[key])
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
		if !slices.ContainsFunc(means, math.IsNaN) {
			full[key] = means
		}
	}
	line, err := t.verifyIntegrity(trials)
	if line != "" {
		lines = append(lines, line)
	}
	if err != nil || !official {
		return lines, err
	}

	known := 0
	for _, k := range knownCells {
		a, err := t.Query(t.cells[k.index], k.Key, choice.All)
		if err != nil {
			continue // is not there
		}
		if math.Abs(a.Accuracy-k.accuracy) > 1e-3 {
			return lines, fmt.Errorf("nb201: %q: cell #%d, %s: accuracy %.4f, want %.4f as published", t.name, k.index, k.Key, a.Accuracy, k.accuracy)
		}
		known++
	}
	if known > 0 {
		lines = append(lines, fmt.Sprintf("%d known accuracies of single cells", known))
	}
	for _, o := range optima {
		means, ok := full[o.Key]
		if !ok {
			continue
		}
		best := 0
		for i, c := range t.cells {
			if means[c.Index()] > means[t.cells[best].Index()] {
				best = i
			}
		}
		accuracy := means[t.cells[best].Index()]
		if best != o.index || math.Abs(accuracy-o.accuracy) > 1e-4 {
			return lines, fmt.Errorf("nb201: %q: the best cell of %s is #%d with %.4f, want #%d with %.4f as published", t.name, o.Key, best, accuracy, o.index, o.accuracy)
		}
		lines = append(lines, fmt.Sprintf("the best of %s is #%d with %.4f %%, as published", o.Key, best, accuracy))
	}
	return lines, nil
}

// bySeed are the accuracies of networks under one key: a list for each seed, by the
// cell's index, NaN for none.
type bySeed map[int64][]float64

// trials checks each number and sorts the accuracies by key and seed.
func (t *Table) trials() (map[Key]bySeed, error) {
	out := map[Key]bySeed{}
	records, err := t.Records()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if !(r.Accuracy >= 0 && r.Accuracy <= 100) {
			return nil, fmt.Errorf("nb201: %q: cell %q, %s, seed %d: accuracy %v, want 0 to 100 percent", t.name, r.Cell, r.Key, r.Seed, r.Accuracy)
		}
		if r.Loss < 0 || r.Seconds < 0 {
			return nil, fmt.Errorf("nb201: %q: cell %q, %s, seed %d: loss %v and %v seconds, want neither below 0", t.name, r.Cell, r.Key, r.Seed, r.Loss, r.Seconds)
		}
		of := out[r.Key]
		if of == nil {
			of = bySeed{}
			out[r.Key] = of
		}
		if of[r.Seed] == nil {
			of[r.Seed] = missing[float64](NumCells)
		}
		of[r.Seed][r.Cell.Index()] = r.Accuracy
	}
	return out, nil
}

// verifyKey describes one key, and finds the mean over the trials of each cell, by
// its index; NaN for none.
func (t *Table) verifyKey(key Key, trials bySeed) (line string, means []float64, err error) {
	if trials[choice.MeanOfTrials] != nil && len(trials) > 1 {
		return "", nil, fmt.Errorf("nb201: %q: %s has means of trials (seed %d) beside trials of %d seeds, want either", t.name, key, choice.MeanOfTrials, len(trials)-1)
	}
	means = missing[float64](NumCells)
	cells := map[int]int{} // by number of trials
	low, high := math.Inf(1), math.Inf(-1)
	seeds := slices.Sorted(maps.Keys(trials))
	for _, c := range t.cells {
		i, n, sum := c.Index(), 0, 0.0
		for _, seed := range seeds {
			if v := trials[seed][i]; !math.IsNaN(v) {
				n, sum = n+1, sum+v
				low, high = min(low, v), max(high, v)
			}
		}
		cells[n]++
		if n > 0 {
			means[i] = sum / float64(n)
		}
	}
	var parts []string
	for _, n := range slices.Backward(slices.Sorted(maps.Keys(cells))) {
		what := fmt.Sprintf("%d trials", n)
		switch {
		case n == 0:
			what = "none"
		case trials[choice.MeanOfTrials] != nil:
			what = "means of trials whose number is not known"
		case n == 1:
			what = "1 trial"
		}
		of := fmt.Sprintf("%d cells", cells[n])
		if cells[n] == 1 {
			of = "1 cell"
		}
		parts = append(parts, what+" for "+of)
	}
	return fmt.Sprintf("%s: %.2f to %.2f %%; %s", key, low, high, strings.Join(parts, ", ")), means, nil
}

// verifyIntegrity compares accuracies on ori-test with those on its halves, for
// each network that has all three. line is "" when there is none.
func (t *Table) verifyIntegrity(trials map[Key]bySeed) (line string, err error) {
	networks, most := 0, 0.0
	for _, whole := range t.Keys() {
		if whole.Split != "ori-test" || whole.Dataset != "cifar100" && whole.Dataset != "ImageNet16-120" {
			continue
		}
		left, right := whole, whole
		left.Split, right.Split = "x-valid", "x-test"
		for _, seed := range slices.Sorted(maps.Keys(trials[whole])) {
			a, b := trials[left][seed], trials[right][seed]
			if a == nil || b == nil {
				continue
			}
			for _, c := range t.cells {
				i := c.Index()
				got, want := trials[whole][seed][i], (a[i]+b[i])/2
				if math.IsNaN(got) || math.IsNaN(want) {
					continue
				}
				if math.Abs(got-want) > integrity {
					return "", fmt.Errorf("nb201: %q: cell %q, %s, seed %d: accuracy %v, want %v, the mean of x-valid %v and x-test %v (within %v)",
						t.name, c, whole, seed, got, want, a[i], b[i], integrity)
				}
				networks, most = networks+1, max(most, math.Abs(got-want))
			}
		}
	}
	if networks == 0 {
		return "", nil
	}
	return fmt.Sprintf("ori-test is the mean of x-valid and x-test for all %d networks that have them (within %.1e)", networks, most), nil
}
