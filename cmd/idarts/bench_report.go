package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"idarts/nb201"
	"idarts/reports"
	"idarts/testdata"
)

type benchReportCmd struct {
	Table    string `help:"Arrow table of idarts bench build; without, the one in the program." placeholder:"FILE"`
	Official string `help:"CIFAR-10 test accuracies of the official benchmark after 200 epochs: a table of idarts, or CSV with the columns index, cell, accuracy." placeholder:"FILE"`
	Figures  string `help:"Folder for figures as SVG, PDF and PNG; none are drawn without." placeholder:"DIR"`
}

// guessing is an accuracy in percent, twice that of chance among ten classes, below
// which a cell is left out of figures: such cells are at 10 %, and the others within
// some points of each other.
const guessing = 20

// microTable is a self-made table in a form to compute with.
type microTable struct {
	valid, test nb201.Key
	// Accuracies by cell and seed, NaN where there was no training.
	accuracy map[nb201.Key]map[nb201.Cell][]float64
	cells    []nb201.Cell // in the order of Index
	networks []nb201.Cell // those that stand for their network
	repeated []nb201.Cell // those of networks with every seed
}

// microInside is what errors call the table in this program.
const microInside = "nb201-micro.arrow in this program"

// openNB201 reads a table of NAS-Bench-201 cells, that inside the program where path
// is "".
func openNB201(path string) (*nb201.Table, error) {
	if path == "" {
		return nb201.Decode(microInside, testdata.NB201Micro)
	}
	return nb201.Open(path)
}

func openMicro(path string) (*microTable, error) {
	name := cmp.Or(path, microInside)
	table, err := openNB201(path)
	if err != nil {
		return nil, err
	}
	t := &microTable{accuracy: map[nb201.Key]map[nb201.Cell][]float64{}}
	for _, key := range table.Keys() {
		switch key.Split {
		case "x-valid":
			t.valid = key
		case "ori-test":
			t.test = key
		}
	}
	if t.valid.Epochs == 0 || t.test.Epochs == 0 || len(table.Keys()) != 2 {
		return nil, fmt.Errorf("%q has the columns %v, want one x-valid and one ori-test as idarts bench build makes them", name, table.Keys())
	}
	t.accuracy[t.valid], t.accuracy[t.test] = map[nb201.Cell][]float64{}, map[nb201.Cell][]float64{}
	seeds := 0
	records, err := table.Records()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		of := t.accuracy[r.Key]
		for len(of[r.Cell]) <= int(r.Seed) {
			of[r.Cell] = append(of[r.Cell], math.NaN())
		}
		of[r.Cell][r.Seed] = r.Accuracy
		seeds = max(seeds, int(r.Seed)+1)
	}
	// Seed 0 is what most of the report is about.
	t.cells = slices.DeleteFunc(table.Cells(), func(c nb201.Cell) bool {
		v, h := t.accuracy[t.valid][c], t.accuracy[t.test][c]
		return len(v) == 0 || len(h) == 0 || math.IsNaN(v[0]) || math.IsNaN(h[0])
	})
	if len(t.cells) == 0 {
		return nil, fmt.Errorf("%q has no cell with both accuracies for seed 0", name)
	}
	slices.SortFunc(t.cells, func(a, b nb201.Cell) int { return cmp.Compare(a.Index(), b.Index()) })
	for _, c := range t.cells {
		if c.Network() != c {
			continue
		}
		t.networks = append(t.networks, c)
		whole := func(key nb201.Key) bool {
			of := t.accuracy[key][c]
			return len(of) == seeds && !slices.ContainsFunc(of, math.IsNaN)
		}
		if seeds > 1 && whole(t.valid) && whole(t.test) {
			t.repeated = append(t.repeated, c)
		}
	}
	return t, nil
}

// of lists the accuracies of cells with one seed.
func (t *microTable) of(key nb201.Key, cells []nb201.Cell, seed int) []float64 {
	out := make([]float64, len(cells))
	for i, c := range cells {
		out[i] = t.accuracy[key][c][seed]
	}
	return out
}

// noise is the standard deviation over seeds of one training's accuracy, in
// percent, from the squares of all cells that are given.
func (t *microTable) noise(key nb201.Key, cells []nb201.Cell) float64 {
	squares, freedom := 0.0, 0
	for _, c := range cells {
		s := reports.Summarize(t.accuracy[key][c])
		squares += s.Std * s.Std * float64(s.N-1)
		freedom += s.N - 1
	}
	return math.Sqrt(squares / float64(freedom))
}

// Run prints the report and draws its figures.
func (b *benchReportCmd) Run(c console) error {
	t, err := openMicro(b.Table)
	if err != nil {
		return err
	}
	out := func(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }
	var figures []reports.Figure
	draw := func(f reports.Figure, err error) error {
		figures = append(figures, f)
		return err
	}

	out("%d cells of %d networks, %d of them with several seeds", len(t.cells), len(t.networks), len(t.repeated))
	out("valid: %s; test: %s\n", t.valid, t.test)

	valid, test := t.of(t.valid, t.cells, 0), t.of(t.test, t.cells, 0)
	out("best cells by valid accuracy, seed 0 (percent):")
	best := slices.Clone(t.networks)
	slices.SortStableFunc(best, func(a, b nb201.Cell) int {
		return cmp.Compare(t.accuracy[t.valid][b][0], t.accuracy[t.valid][a][0])
	})
	for i, cell := range best[:min(10, len(best))] {
		out("  %2d. valid %.2f  test %.2f  %s", i+1, t.accuracy[t.valid][cell][0], t.accuracy[t.test][cell][0], cell)
	}
	top := best[0]
	for _, cell := range t.networks {
		if t.accuracy[t.test][cell][0] > t.accuracy[t.test][top][0] {
			top = cell
		}
	}
	out("best test accuracy: %.2f  %s\n", t.accuracy[t.test][top][0], top)

	sorted := slices.Sorted(slices.Values(test))
	var quantiles []string
	for _, q := range []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1} {
		quantiles = append(quantiles, fmt.Sprintf("%.0f %%: %.2f", 100*q, reports.Quantile(sorted, q)))
	}
	out("test accuracy, quantiles over cells: %s", strings.Join(quantiles, "  "))
	guess, _ := slices.BinarySearch(sorted, guessing)
	out("  %d cells are below %d %%", guess, guessing)
	err = draw(reports.Histogram(reports.Axes{
		Name: "nb201-micro-histogram", Title: fmt.Sprintf("%s: %d cells, without %d that guess", t.test, len(sorted)-guess, guess),
		X: "test accuracy (%), seed 0", Y: "cells",
	}, sorted[guess:], 0.25))
	if err != nil {
		return err
	}
	out("valid and test, seed 0: tau-b %.3f, Spearman %.3f\n", reports.KendallTauB(valid, test), reports.Spearman(valid, test))

	if len(t.repeated) > 1 {
		out("seed noise over %d networks (standard deviation of one training, percent): valid %.2f, test %.2f",
			len(t.repeated), t.noise(t.valid, t.repeated), t.noise(t.test, t.repeated))
		half := slices.Clone(t.repeated)
		slices.SortStableFunc(half, func(a, b nb201.Cell) int {
			return cmp.Compare(t.accuracy[t.valid][b][0], t.accuracy[t.valid][a][0])
		})
		half = half[:(len(half)+1)/2]
		out("  in the better half by valid accuracy of seed 0: valid %.2f, test %.2f", t.noise(t.valid, half), t.noise(t.test, half))
		seeds := len(t.accuracy[t.test][t.repeated[0]])
		for a := range seeds {
			for b := a + 1; b < seeds; b++ {
				v0, v1 := t.of(t.valid, t.repeated, a), t.of(t.valid, t.repeated, b)
				t0, t1 := t.of(t.test, t.repeated, a), t.of(t.test, t.repeated, b)
				h0, h1 := t.of(t.test, half, a), t.of(t.test, half, b)
				out("seeds %d and %d: valid tau-b %.3f, Spearman %.3f; test tau-b %.3f, Spearman %.3f; test in the better half tau-b %.3f", a, b,
					reports.KendallTauB(v0, v1), reports.Spearman(v0, v1), reports.KendallTauB(t0, t1), reports.Spearman(t0, t1), reports.KendallTauB(h0, h1))
			}
		}
		apart := slices.DeleteFunc(slices.Clone(t.repeated), func(c nb201.Cell) bool { return t.accuracy[t.test][c][0] < guessing })
		err := draw(reports.Scatter(reports.Axes{
			Name: "nb201-micro-seeds", Title: fmt.Sprintf("%s: %d networks, without %d that guess", t.test, len(apart), len(t.repeated)-len(apart)),
			X: "test accuracy (%), seed 0", Y: "test accuracy (%), seed 1",
		}, t.of(t.test, apart, 0), t.of(t.test, apart, 1), true))
		if err != nil {
			return err
		}
	}
	if b.Official != "" {
		f, err := t.official(b.Official, out)
		if err := draw(f, err); err != nil {
			return err
		}
	}
	if b.Figures == "" {
		return nil
	}
	return saveAll(c, figures, b.Figures)
}

// official compares with the benchmark that the space is known for.
func (t *microTable) official(path string, out func(format string, args ...any)) (reports.Figure, error) {
	known, err := readOfficial(path)
	if err != nil {
		return reports.Figure{}, err
	}
	var cells []nb201.Cell
	for _, c := range t.cells {
		if _, ok := known[c]; ok {
			cells = append(cells, c)
		}
	}
	if len(cells) < 2 {
		return reports.Figure{}, fmt.Errorf("%q has %d of the table's cells, want at least 2", path, len(cells))
	}
	of := func(cells []nb201.Cell) (valid, test, official []float64) {
		for _, c := range cells {
			official = append(official, known[c])
		}
		return t.of(t.valid, cells, 0), t.of(t.test, cells, 0), official
	}
	out("\nofficial CIFAR-10 test accuracy, 200 epochs:")
	byOfficial := slices.Clone(cells)
	slices.SortStableFunc(byOfficial, func(a, b nb201.Cell) int { return cmp.Compare(known[b], known[a]) })
	for _, share := range []struct {
		name string
		n    int
	}{{"all", len(cells)}, {"better half", len(cells) / 2}, {"best tenth", len(cells) / 10}, {"best hundredth", len(cells) / 100}} {
		if share.n < 2 {
			continue
		}
		v, h, o := of(byOfficial[:share.n])
		out("  %s, %d cells: valid tau-b %.3f, Spearman %.3f; test tau-b %.3f, Spearman %.3f", share.name, share.n,
			reports.KendallTauB(v, o), reports.Spearman(v, o), reports.KendallTauB(h, o), reports.Spearman(h, o))
	}
	rank := func(accuracy float64, of []float64) int {
		better := 0
		for _, v := range of {
			if v > accuracy {
				better++
			}
		}
		return better + 1
	}
	v, h, o := of(cells)
	first := cells[slices.Index(v, slices.Max(v))]
	out("  best here by valid: %.2f official (rank %d of %d, best %.2f)  %s", known[first], rank(known[first], o), len(o), slices.Max(o), first)
	first = byOfficial[0]
	out("  best there: test %.2f here (rank %d)  %s", t.accuracy[t.test][first][0], rank(t.accuracy[t.test][first][0], h), first)
	tau := reports.KendallTauB(h, o)
	seen := slices.DeleteFunc(slices.Clone(cells), func(c nb201.Cell) bool {
		return known[c] < guessing || t.accuracy[t.test][c][0] < guessing
	})
	_, h, o = of(seen)
	return reports.Density(reports.Axes{
		Name:  "nb201-micro-official",
		Title: fmt.Sprintf("Kendall tau-b of all %d cells %.3f; darker: more cells (log scale); without %d that guess", len(cells), tau, len(cells)-len(seen)),
		X:     "official CIFAR-10 test accuracy (%), 200 epochs", Y: "test accuracy here (%), seed 0",
	}, o, h)
}
