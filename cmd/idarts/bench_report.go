package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"idarts/nb201"
	"idarts/reports"
	"idarts/runners/protocol"
)

type benchReportCmd struct {
	Table    string `help:"Arrow table of idarts bench build; without, the one in the program." placeholder:"FILE"`
	Official string `help:"CIFAR-10 test accuracies of the official benchmark after 200 epochs: a table of idarts, or CSV with the columns index, cell, accuracy." placeholder:"FILE"`
	Figures  string `help:"Folder for figures as SVG, PDF and PNG; none are drawn without." placeholder:"DIR"`
}

// Run prints the report and draws its figures.
func (b *benchReportCmd) Run(c console) error {
	name := cmp.Or(b.Table, protocol.Micro)
	table, err := protocol.OpenNB201(b.Table)
	if err != nil {
		return missing(err, place{"table", b.Table})
	}
	about := fmt.Sprintf("%q", name)
	var official map[nb201.Cell]float64
	if b.Official != "" {
		if official, err = readOfficial(b.Official); err != nil {
			return missing(err, place{"official", b.Official})
		}
		about += fmt.Sprintf(" beside %q", b.Official)
	}
	bench, err := microBenchmark(name, table, official)
	if err != nil {
		return err
	}
	description, err := reports.Describe(bench)
	if err != nil {
		return fmt.Errorf("%s: %w", about, err)
	}
	if _, err := io.WriteString(c.out, description.Text); err != nil {
		return err
	}
	if b.Figures == "" {
		return nil
	}
	return saveAll(c, description.Figures, b.Figures)
}

// microBenchmark is a table of idarts bench build in plain numbers; official is nil
// where it is not to be compared.
func microBenchmark(name string, table *nb201.Table, official map[nb201.Cell]float64) (reports.Benchmark, error) {
	var valid, test nb201.Key
	for _, key := range table.Keys() {
		switch key.Split {
		case "x-valid":
			valid = key
		case "ori-test":
			test = key
		}
	}
	if valid.Epochs == 0 || test.Epochs == 0 || len(table.Keys()) != 2 {
		return reports.Benchmark{}, fmt.Errorf("%q has the columns %v, want one x-valid and one ori-test as idarts bench build makes them", name, table.Keys())
	}
	bench := reports.Benchmark{Name: "nb201-micro", Valid: valid.String(), Test: test.String()}
	if official != nil {
		bench.OfficialData, bench.OfficialEpochs = "CIFAR-10", 200
	}
	cells := table.Cells()
	slices.SortFunc(cells, func(a, b nb201.Cell) int { return cmp.Compare(a.Index(), b.Index()) })
	place := map[nb201.Cell]int{}
	for i, c := range cells {
		place[c] = i
		bench.Cells = append(bench.Cells, reports.Trained{Cell: c.String(), Representative: c.Network() == c, Official: accuracyOf(official, c)})
	}
	records, err := table.Records()
	if err != nil {
		return reports.Benchmark{}, err
	}
	for _, r := range records {
		accuracies := &bench.Cells[place[r.Cell]].Valid
		if r.Key == test {
			accuracies = &bench.Cells[place[r.Cell]].Test
		}
		for len(*accuracies) <= int(r.Seed) {
			*accuracies = append(*accuracies, math.NaN())
		}
		(*accuracies)[r.Seed] = r.Accuracy
	}
	return bench, nil
}

// accuracyOf is that of a cell among official ones, NaN where it is not among them.
func accuracyOf(official map[nb201.Cell]float64, cell nb201.Cell) float64 {
	if accuracy, ok := official[cell]; ok {
		return accuracy
	}
	return math.NaN()
}
