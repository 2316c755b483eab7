package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
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
// Most of it is about seed 0. A cell without both accuracies for it is left out. It
// is an error when none is left, none stands for its network, none does better than
// guessing, or fewer than two are to be compared with official accuracies.
func Describe(b Benchmark) (Description, error) {
	d := describer{Benchmark: b}
	if err := d.sort(); err != nil {
		return Description{}, err
	}
	d.say("%d cells of %d networks, %d of them with several seeds", len(d.Cells), len(d.networks), len(d.repeated))
	d.say("valid: %s; test: %s\n", d.Valid, d.Test)
	d.best()
	sections := []func() error{d.spread}
	if len(d.repeated) > 1 {
		sections = append(sections, d.noise)
	}
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
	networks []Trained // those that stand for their network
	repeated []Trained // those of networks with every seed, where seeds are several
	known    []Trained // those with an official accuracy
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
	seeds := 0
	for _, c := range d.Cells {
		seeds = max(seeds, len(c.Valid), len(c.Test))
	}
	d.Cells = slices.DeleteFunc(slices.Clone(d.Cells), func(c Trained) bool { return !c.has(0) })
	if len(d.Cells) == 0 {
		return fmt.Errorf("reports: no cell has both accuracies for seed 0")
	}
	for _, c := range d.Cells {
		if !math.IsNaN(c.Official) {
			d.known = append(d.known, c)
		}
		if !c.Representative {
			continue
		}
		d.networks = append(d.networks, c)
		whole := seeds > 1
		for seed := range seeds {
			whole = whole && c.has(seed)
		}
		if whole {
			d.repeated = append(d.repeated, c)
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

// has says whether both accuracies of a seed are known.
func (c Trained) has(seed int) bool {
	return seed < len(c.Valid) && seed < len(c.Test) && !math.IsNaN(c.Valid[seed]) && !math.IsNaN(c.Test[seed])
}

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

// best lists the first networks by validation accuracy, and the first by test accuracy.
func (d *describer) best() {
	d.say("best cells by valid accuracy, seed 0 (percent):")
	best := descending(d.networks, firstValid)
	for i, c := range best[:min(10, len(best))] {
		d.say("  %2d. valid %.2f  test %.2f  %s", i+1, c.Valid[0], c.Test[0], c.Cell)
	}
	top := best[0]
	for _, c := range d.networks {
		if c.Test[0] > top.Test[0] {
			top = c
		}
	}
	d.say("best test accuracy: %.2f  %s\n", top.Test[0], top.Cell)
}

// spread is about all cells with seed 0.
func (d *describer) spread() error {
	valid, test := Valid.ofSeed(0, d.Cells), Test.ofSeed(0, d.Cells)
	sorted := slices.Sorted(slices.Values(test))
	var quantiles []string
	for _, q := range []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1} {
		quantiles = append(quantiles, fmt.Sprintf("%.0f %%: %.2f", 100*q, Quantile(sorted, q)))
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
	return fmt.Sprintf("tau-b %.3f, Spearman %.3f", KendallTauB(x, y), Spearman(x, y))
}

// noise is about the networks with several seeds.
func (d *describer) noise() error {
	d.say("seed noise over %d networks (standard deviation of one training, percent): valid %.2f, test %.2f",
		len(d.repeated), Valid.noise(d.repeated), Test.noise(d.repeated))
	half := descending(d.repeated, firstValid)[:(len(d.repeated)+1)/2]
	d.say("  in the better half by valid accuracy of seed 0: valid %.2f, test %.2f", Valid.noise(half), Test.noise(half))
	seeds := len(d.repeated[0].Test)
	for a := range seeds {
		for b := a + 1; b < seeds; b++ {
			d.say("seeds %d and %d: valid %s; test %s; test in the better half tau-b %.3f", a, b,
				ranking(Valid.ofSeed(a, d.repeated), Valid.ofSeed(b, d.repeated)),
				ranking(Test.ofSeed(a, d.repeated), Test.ofSeed(b, d.repeated)),
				KendallTauB(Test.ofSeed(a, half), Test.ofSeed(b, half)))
		}
	}
	apart := slices.DeleteFunc(slices.Clone(d.repeated), func(c Trained) bool { return c.Test[0] < guessing })
	title := fmt.Sprintf("%s: %d networks, without %d that guess", d.Test, len(apart), len(d.repeated)-len(apart))
	return d.draw(Scatter(d.axes("seeds", title, "test accuracy (%), seed 0", "test accuracy (%), seed 1"),
		Test.ofSeed(0, apart), Test.ofSeed(1, apart), true))
}

// agreement is that with the official benchmark.
func (d *describer) agreement() error {
	d.say("\nofficial %s test accuracy, %d epochs:", d.OfficialData, d.OfficialEpochs)
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
			ranking(Valid.ofSeed(0, cells), known), ranking(Test.ofSeed(0, cells), known))
	}
	test, known := Test.ofSeed(0, d.known), each(d.known, official)
	first := descending(d.known, firstValid)[0]
	d.say("  best here by valid: %.2f official (rank %d of %d, best %.2f)  %s", first.Official, rankAmong(first.Official, known), n, slices.Max(known), first.Cell)
	first = there[0]
	d.say("  best there: test %.2f here (rank %d)  %s", first.Test[0], rankAmong(first.Test[0], test), first.Cell)
	apart := slices.DeleteFunc(slices.Clone(d.known), func(c Trained) bool { return c.Official < guessing || c.Test[0] < guessing })
	title := fmt.Sprintf("Kendall tau-b of all %d cells %.3f; darker: more cells (log scale); without %d that guess", n, KendallTauB(test, known), n-len(apart))
	x := fmt.Sprintf("official %s test accuracy (%%), %d epochs", d.OfficialData, d.OfficialEpochs)
	return d.draw(Density(d.axes("official", title, x, "test accuracy here (%), seed 0"), each(apart, official), Test.ofSeed(0, apart)))
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
