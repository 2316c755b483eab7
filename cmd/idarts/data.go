package main

import (
	"fmt"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/internal/images"
	"idarts/nb201"
	"idarts/runners"
)

type dataCmd struct {
	Import struct {
		NatsBench importCmd `cmd:"" help:"Make an Arrow table of the official NATS-Bench topology records."`
	} `cmd:"" help:"Import a benchmark."`
	Verify verifyCmd `cmd:"" help:"Read a data set or a table and print its hash."`
	Build  buildCmd  `cmd:"" help:"Make what the program has inside."`
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
	meta, err := arrowio.Meta(v.What)
	if err != nil {
		return err
	}
	switch meta["format"] {
	case dartsspace.Format:
		table, err := dartsspace.Open(v.What)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s: %d published genotypes\n", v.What, len(table.List()))
		return nil
	case runners.ScoresFormat:
		table, err := runners.ReadScores(v.What)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s: %d trainings of space %s on %s\nprotocol: %s\n", v.What, len(table.Rows), table.Space, table.Dataset, table.Origin)
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
