package reports

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"idarts/internal/statistics"
)

// Benchmark is a benchmark that was trained here, in plain numbers.
type Benchmark struct {
	Name        string // begins the file names of its figures: "nb201-micro"
	Valid, Test string // what the accuracies are of: data sets, split, length
	Cells       []Trained
	// OfficialData and OfficialEpochs say what the official accuracies of the cells
	// are of: "CIFAR-10", 200; "" where b is not to be compared with them.
	OfficialData   string
	OfficialEpochs int
}

// Trained is a cell with the accuracies of its trainings in percent.
type Trained struct {
	Cell           string
	Representative bool      // stands for all cells of the same network
	Valid, Test    []float64 // by seed; NaN, or too short a list, where there was no training
	Official       float64   // of the benchmark that the space is known for; NaN where it is not known
}

// Description is what can be said of a benchmark.
type Description struct {
	Text    string
	Figures []Figure
}

// guessing is an accuracy in percent, twice that of chance among ten classes, below
// which a cell is left out of figures: such cells are at 10 %, and the others within
// some points of each other.
const guessing = 20

// Describe says what is best in b, how far its cells are apart, how well the
// validation accuracy ranks them, how much accuracies depend on the seed, and how
// well b agrees with the official benchmark where b.OfficialData is set. Figures
// show the distribution, the noise of seeds and the agreement.
//
// A trial is a seed with both accuracies. What is best is so by the mean over trials,
// among the networks with the most of them, as the optimum of a table is; agreement is of
// means too, the spread of seed 0. A cell without a trial of seed 0 is left out. It is an
// error when none is left, none stands for its network, none does better than guessing, or
// fewer than two are to be compared with official accuracies.
func Describe(b Benchmark) (Description, error) {
	d := describer{Benchmark: b}
	if err := d.sort(); err != nil {
		return Description{}, err
	}
	d.say("%d cells of %d networks; networks by their trials: %s", len(d.Cells), len(d.networks), d.byTrials())
	d.say("valid: %s; test: %s\n", d.Valid, d.Test)
	d.best()
	sections := []func() error{d.spread, d.noise}
	if d.OfficialData != "" {
		sections = append(sections, d.agreement)
	}
	for _, section := range sections {
		if err := section(); err != nil {
			return Description{}, err
		}
	}
	return Description{Text: d.text.String(), Figures: d.figures}, nil
}

// describer is a description in the making.
type describer struct {
	Benchmark
	networks []Trained   // those that stand for their network
	counts   map[int]int // number of trials -> networks that have so many
	known    []Trained   // those with an official accuracy
	text     strings.Builder
	figures  []Figure
}

func (d *describer) say(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

func (d *describer) draw(f Figure, err error) error {
	d.figures = append(d.figures, f)
	return err
}

// axes are those of a figure of d, by the end of its name.
func (d *describer) axes(name, title, x, y string) Axes {
	return Axes{Name: d.Name + "-" + name, Title: title, X: x, Y: y}
}

// sort finds the cells that each part of the description is about.
func (d *describer) sort() error {
	d.Cells = slices.DeleteFunc(slices.Clone(d.Cells), func(c Trained) bool { return !c.has(0) })
	if len(d.Cells) == 0 {
		return fmt.Errorf("reports: no cell has both accuracies for seed 0")
	}
	d.counts = map[int]int{}
	for _, c := range d.Cells {
		if !math.IsNaN(c.Official) {
			d.known = append(d.known, c)
		}
		if c.Representative {
			d.networks = append(d.networks, c)
			d.counts[c.trials()]++
		}
	}
	if d.OfficialData != "" && len(d.known) < 2 {
		return fmt.Errorf("reports: official accuracies of %s, want at least 2", count(len(d.known), "cell"))
	}
	if len(d.networks) == 0 {
		return fmt.Errorf("reports: no cell stands for its network")
	}
	return nil
}

// byTrials is "3653 with 1, 1900 with 3, 100 with 10".
func (d *describer) byTrials() string {
	var texts []string
	for _, n := range slices.Sorted(maps.Keys(d.counts)) {
		texts = append(texts, fmt.Sprintf("%d with %d", d.counts[n], n))
	}
	return strings.Join(texts, ", ")
}

// has says whether both accuracies of a seed are known.
func (c Trained) has(seed int) bool {
	return seed < len(c.Valid) && seed < len(c.Test) && !math.IsNaN(c.Valid[seed]) && !math.IsNaN(c.Test[seed])
}

// trials is how many seeds have both accuracies.
func (c Trained) trials() (n int) {
	for seed := range c.Valid {
		if c.has(seed) {
			n++
		}
	}
	return n
}

// over are the statistics of a cell over its trials.
func (s Split) over(c Trained) Stats {
	var values []float64
	for seed, v := range s.trained(c) {
		if c.has(seed) {
			values = append(values, v)
		}
	}
	return Summarize(values)
}

func meanValid(c Trained) float64 { return Valid.over(c).Mean }
func meanTest(c Trained) float64  { return Test.over(c).Mean }

// ofSeed lists the accuracies of cells with one seed.
func (s Split) ofSeed(seed int, cells []Trained) []float64 {
	out := make([]float64, len(cells))
	for i, c := range cells {
		out[i] = s.trained(c)[seed]
	}
	return out
}

// trained lists the accuracies of a cell by seed.
func (s Split) trained(c Trained) []float64 {
	if s == Valid {
		return c.Valid
	}
	return c.Test
}

// noise is the standard deviation over seeds of one training's accuracy, in
// percent, from the squares of all cells that are given.
func (s Split) noise(cells []Trained) float64 {
	squares, freedom := 0.0, 0
	for _, c := range cells {
		stats := Summarize(s.trained(c))
		squares += stats.Std * stats.Std * float64(stats.N-1)
		freedom += stats.N - 1
	}
	return math.Sqrt(squares / float64(freedom))
}

// descending sorts cells by a number, the greatest first.
func descending(cells []Trained, of func(Trained) float64) []Trained {
	cells = slices.Clone(cells)
	slices.SortStableFunc(cells, func(a, b Trained) int { return cmp.Compare(of(b), of(a)) })
	return cells
}

func firstValid(c Trained) float64 { return c.Valid[0] }
func official(c Trained) float64   { return c.Official }

// best lists the first networks by validation accuracy, and the first by test accuracy,
// which is the optimum.
func (d *describer) best() {
	most := slices.Max(slices.Collect(maps.Keys(d.counts)))
	top := slices.DeleteFunc(slices.Clone(d.networks), func(c Trained) bool { return c.trials() < most })
	d.say("best cells by mean valid accuracy over %s, of %s with so many (percent):", trials(most), count(len(top), "network"))
	best := descending(top, meanValid)
	for i, c := range best[:min(10, len(best))] {
		d.say("  %2d. valid %.2f  test %.2f  %s", i+1, meanValid(c), meanTest(c), c.Cell)
	}
	optimum := descending(top, meanTest)[0]
	high, first := Test.over(optimum), Test.over(best[0])
	gap := Stats{N: 1, Mean: high.Mean - first.Mean, Std: math.NaN()}
	meaning := "± standard error"
	switch high.Std /= math.Sqrt(float64(high.N)); {
	case optimum.Cell == best[0].Cell:
		meaning = "the same cell"
	case high.N < 2:
		meaning = "no standard error of one trial"
	default:
		gap.Std = math.Sqrt(high.Std*high.Std + first.Std*first.Std/float64(first.N))
	}
	d.say("best mean test accuracy, the optimum: %s  %s", high.plusMinus(2), optimum.Cell)
	d.say("gap of the best by valid to it: %s (%s)\n", gap.plusMinus(2), meaning)
}

// spread is about all cells with seed 0.
func (d *describer) spread() error {
	valid, test := Valid.ofSeed(0, d.Cells), Test.ofSeed(0, d.Cells)
	sorted := slices.Sorted(slices.Values(test))
	var quantiles []string
	for _, q := range []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1} {
		quantiles = append(quantiles, fmt.Sprintf("%.0f %%: %.2f", 100*q, statistics.Quantile(sorted, q)))
	}
	d.say("test accuracy, quantiles over cells: %s", strings.Join(quantiles, "  "))
	guess, _ := slices.BinarySearch(sorted, guessing)
	d.say("  %d cells are below %d %%", guess, guessing)
	d.say("valid and test, seed 0: %s\n", ranking(valid, test))
	title := fmt.Sprintf("%s: %d cells, without %d that guess", d.Test, len(sorted)-guess, guess)
	return d.draw(Histogram(d.axes("histogram", title, "test accuracy (%), seed 0", "cells"), sorted[guess:], 0.25))
}

// ranking says how well two lists of accuracies agree in their order.
func ranking(x, y []float64) string {
	return fmt.Sprintf("tau-b %.3f, Spearman %.3f", statistics.KendallTauB(x, y), statistics.Spearman(x, y))
}

// noise is about the networks with several seeds, for each number of them that is there.
func (d *describer) noise() error {
	drawn := false
	for _, n := range slices.Sorted(maps.Keys(d.counts)) {
		cells := firstSeeds(d.networks, n)
		if n < 2 || len(cells) < 2 {
			continue
		}
		d.seeds(cells, n)
		if drawn {
			continue
		}
		drawn = true
		apart := slices.DeleteFunc(slices.Clone(cells), func(c Trained) bool { return c.Test[0] < guessing })
		title := fmt.Sprintf("%s: %d networks, without %d that guess", d.Test, len(apart), len(cells)-len(apart))
		err := d.draw(Scatter(d.axes("seeds", title, "test accuracy (%), seed 0", "test accuracy (%), seed 1"),
			Test.ofSeed(0, apart), Test.ofSeed(1, apart), true))
		if err != nil {
			return err
		}
	}
	return nil
}

// firstSeeds are the cells that have each of the first n seeds, and these alone of them.
func firstSeeds(cells []Trained, n int) (out []Trained) {
	for _, c := range cells {
		if c.trials() >= n && len(c.Valid) >= n && len(c.Test) >= n {
			c.Valid, c.Test = c.Valid[:n], c.Test[:n]
			if c.trials() == n {
				out = append(out, c)
			}
		}
	}
	return out
}

// seeds says how cells with n seeds each depend on the seed.
func (d *describer) seeds(cells []Trained, n int) {
	d.say("seed noise over %d networks with %d trials or more (standard deviation of one training, percent): valid %.2f, test %.2f",
		len(cells), n, Valid.noise(cells), Test.noise(cells))
	half := descending(cells, firstValid)[:(len(cells)+1)/2]
	d.say("  in the better half by valid accuracy of seed 0: valid %.2f, test %.2f", Valid.noise(half), Test.noise(half))
	var pairs [2][2]float64 // sums of tau-b and Spearman, by split
	for a := range n {
		for b := a + 1; b < n; b++ {
			if n <= 3 {
				d.say("  seeds %d and %d: valid %s; test %s; test in the better half tau-b %.3f", a, b,
					ranking(Valid.ofSeed(a, cells), Valid.ofSeed(b, cells)),
					ranking(Test.ofSeed(a, cells), Test.ofSeed(b, cells)),
					statistics.KendallTauB(Test.ofSeed(a, half), Test.ofSeed(b, half)))
			}
			for i, s := range []Split{Valid, Test} {
				x, y := s.ofSeed(a, cells), s.ofSeed(b, cells)
				pairs[i][0] += statistics.KendallTauB(x, y)
				pairs[i][1] += statistics.Spearman(x, y)
			}
		}
	}
	if n <= 3 {
		return
	}
	of := float64(n * (n - 1) / 2)
	d.say("  mean of the %.0f pairs of seeds: valid tau-b %.3f, Spearman %.3f; test tau-b %.3f, Spearman %.3f",
		of, pairs[0][0]/of, pairs[0][1]/of, pairs[1][0]/of, pairs[1][1]/of)
	mean := func(s Split, from, to int) []float64 {
		return each(cells, func(c Trained) float64 { return Summarize(s.trained(c)[from:to]).Mean })
	}
	d.say("  means of seeds 0 to %d and of %d to %d: valid %s; test %s", n/2-1, n/2, n-1,
		ranking(mean(Valid, 0, n/2), mean(Valid, n/2, n)), ranking(mean(Test, 0, n/2), mean(Test, n/2, n)))
}

// agreement is that with the official benchmark.
func (d *describer) agreement() error {
	d.say("\nofficial %s test accuracy, %d epochs, and the means over trials here:", d.OfficialData, d.OfficialEpochs)
	there := descending(d.known, official)
	n := len(there)
	for _, share := range []struct {
		name string
		n    int
	}{{"all", n}, {"better half", n / 2}, {"best tenth", n / 10}, {"best hundredth", n / 100}} {
		if share.n < 2 {
			continue
		}
		cells := there[:share.n]
		known := each(cells, official)
		d.say("  %s, %d cells: valid %s; test %s", share.name, share.n,
			ranking(each(cells, meanValid), known), ranking(each(cells, meanTest), known))
	}
	test, known := each(d.known, meanTest), each(d.known, official)
	most := slices.MaxFunc(d.known, func(a, b Trained) int { return a.trials() - b.trials() }).trials()
	first := descending(slices.DeleteFunc(slices.Clone(d.known), func(c Trained) bool { return c.trials() < most }), meanValid)[0]
	d.say("  best here by valid: %.2f official (rank %d of %d, best %.2f)  %s", first.Official, rankAmong(first.Official, known), n, slices.Max(known), first.Cell)
	first = there[0]
	d.say("  best there: test %.2f here (rank %d)  %s", meanTest(first), rankAmong(meanTest(first), test), first.Cell)
	apart := slices.DeleteFunc(slices.Clone(d.known), func(c Trained) bool { return c.Official < guessing || meanTest(c) < guessing })
	title := fmt.Sprintf("Kendall tau-b of all %d cells %.3f; darker: more cells (log scale); without %d that guess", n, statistics.KendallTauB(test, known), n-len(apart))
	x := fmt.Sprintf("official %s test accuracy (%%), %d epochs", d.OfficialData, d.OfficialEpochs)
	return d.draw(Density(d.axes("official", title, x, "test accuracy here (%), mean over trials"), each(apart, official), each(apart, meanTest)))
}

// each lists one number of cells.
func each(cells []Trained, of func(Trained) float64) []float64 {
	out := make([]float64, len(cells))
	for i, c := range cells {
		out[i] = of(c)
	}
	return out
}

// rankAmong is 1 where nothing among values is greater.
func rankAmong(value float64, values []float64) int {
	rank := 1
	for _, v := range values {
		if v > value {
			rank++
		}
	}
	return rank
}
