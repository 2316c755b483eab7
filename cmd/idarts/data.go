package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"idarts/internal/images"
	"idarts/nb201"
)

type queryCmd struct {
	Cell      string `arg:"" help:"Cell, as in '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|'."`
	Table     string `help:"Arrow table: an imported benchmark, or scores.arrow of an output folder." default:"data/nats-tss.arrow" placeholder:"FILE"`
	Dataset   string `help:"Whose images it was measured on. Required, like --split." placeholder:"NAME"`
	Split     string `help:"Which images: train, x-valid, x-test or ori-test; valid or test: the papers' columns, or those of scores.arrow." placeholder:"NAME"`
	TrainedOn string `help:"What it was trained on; may be left out where the table has only one answer." placeholder:"NAME"`
	Epochs    int    `help:"Length of the training; may be left out where the table has only one answer." placeholder:"N"`
}

func (q *queryCmd) Run(c console) error {
	cell, err := nb201.Parse(q.Cell)
	if err != nil {
		return err
	}
	table, err := nb201.Open(q.Table)
	if err != nil {
		return err
	}
	key := nb201.Key{Dataset: q.Dataset, TrainedOn: q.TrainedOn, Split: q.Split, Epochs: q.Epochs}
	// A part that the table leaves no choice in need not be given.
	var match []nb201.Key
	for _, k := range table.Keys() {
		if k.Dataset == q.Dataset && k.Split == q.Split && (q.TrainedOn == "" || k.TrainedOn == q.TrainedOn) && (q.Epochs == 0 || k.Epochs == q.Epochs) {
			match = append(match, k)
		}
	}
	switch {
	case len(match) == 1:
		key = match[0]
	case len(match) == 0 && q.Dataset != "" && q.Split != "":
		// "valid" and "test" are the papers' columns where the table has no split of that name.
		if paper, err := nb201.PaperKey(q.Dataset, q.Split); err == nil && q.TrainedOn == "" && q.Epochs == 0 && slices.Contains(table.Keys(), paper) {
			key = paper
			break
		}
		var have []string
		for _, k := range table.Keys() {
			have = append(have, k.String())
		}
		return fmt.Errorf("%q has nothing for %s with split %q, want one of: %s", q.Table, q.Dataset, q.Split, strings.Join(have, "; "))
	}
	answer, err := table.Query(cell, key)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n%s: %.4f %%", cell, key, answer.Accuracy)
	if !math.IsNaN(answer.Std) {
		fmt.Fprintf(c.out, " (sample std %.4f)", answer.Std)
	}
	fmt.Fprintf(c.out, ", mean of %d\n", len(answer.Trials))
	for _, trial := range answer.Trials {
		fmt.Fprintf(c.out, "  seed %d: %.4f %%\n", trial.Seed, trial.Accuracy)
	}
	return nil
}

type dataCmd struct {
	Import struct {
		NatsBench importCmd `cmd:"" help:"Make an Arrow table of the official NATS-Bench topology records."`
	} `cmd:"" help:"Import a benchmark."`
	Verify verifyCmd `cmd:"" help:"Read a data set or a table and print its hash."`
	Build  buildCmd  `cmd:"" help:"Make the embedded Fashion-MNIST subset from the original files."`
}

type importCmd struct {
	Folder string `arg:"" help:"Folder with meta.pickle.pbz2 and the records."`
	File   string `arg:"" help:"Arrow file to write."`
}

func (i *importCmd) Run(c console) error {
	is, _ := terminal(c.err)
	if err := nb201.ImportNATSBench(i.Folder, i.File, func(done, total int) {
		if is {
			fmt.Fprintf(c.err, "\r%d/%d records", done, total)
		}
	}); err != nil {
		return err
	}
	if is {
		fmt.Fprintln(c.err)
	}
	table, err := nb201.Open(i.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d cells, %d measurements\n", i.File, len(table.Cells()), len(table.Records()))
	return nil
}

type verifyCmd struct {
	What string `arg:"" help:"Name of a data set (see: idarts list datasets) or an Arrow table."`
	Data string `help:"Folder of the data set." placeholder:"DIR"`
}

func (v *verifyCmd) Run(c console) error {
	for _, source := range images.Datasets {
		if source.Name != v.What {
			continue
		}
		d, err := images.Open(v.What, v.Data)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s: %d images for the weights, %d for the architecture, %d to test with; %dx%dx%d, %d classes\nsha256 %s\n",
			d.Name, len(d.Train.Indices), len(d.Valid.Indices), len(d.Test.Indices),
			d.Train.Set.H, d.Train.Set.W, d.Train.Set.C, d.Train.Set.Classes, d.SHA256())
		return nil
	}
	table, err := nb201.Open(v.What)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d cells\nsource: %s\nlicence: %s\nprotocol: %s\ninput sha256: %s\n",
		v.What, len(table.Cells()), table.Source, table.Licence, table.Protocol, table.SHA256)
	for _, key := range table.Keys() {
		fmt.Fprintf(c.out, "  %s\n", key)
	}
	return nil
}
