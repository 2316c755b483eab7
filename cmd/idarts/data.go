package main

import (
	"fmt"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/internal/images"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/runners"
)

type dataCmd struct {
	Import struct {
		NatsBench   importCmd    `cmd:"" help:"Make an Arrow table of the official NATS-Bench topology records."`
		NasBench101 import101Cmd `cmd:"" name:"nas-bench-101" help:"Make an Arrow table of the official NAS-Bench-101 TFRecord file."`
	} `cmd:"" help:"Import a benchmark."`
	Verify verifyCmd `cmd:"" help:"Read a data set or a table and print its hash."`
	Build  buildCmd  `cmd:"" help:"Make what the program has inside."`
}

type importCmd struct {
	Folder string `arg:"" help:"Folder with meta.pickle.pbz2 and the records."`
	File   string `arg:"" help:"Arrow file to write."`
}

func (i *importCmd) Run(c console) error {
	show, end := counter(c, "records")
	err := nb201.ImportNATSBench(i.Folder, i.File, func(done, total int) { show(int64(done), int64(total)) })
	end()
	if err != nil {
		return err
	}
	table, err := nb201.Open(i.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d cells, %d measurements\n", i.File, len(table.Cells()), len(table.Records()))
	return nil
}

type import101Cmd struct {
	Records string `arg:"" help:"nasbench_full.tfrecord or nasbench_only108.tfrecord."`
	File    string `arg:"" help:"Arrow file to write."`
}

func (i *import101Cmd) Run(c console) error {
	show, end := counter(c, "bytes")
	err := nb1b1.ImportNASBench101(i.Records, i.File, show)
	end()
	if err != nil {
		return err
	}
	table, err := nb1b1.Open(i.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d cells of NAS-Bench-101\n", i.File, table.Len())
	return nil
}

// counter shows how far something is, on a terminal.
func counter(c console, unit string) (show func(done, total int64), end func()) {
	is, _ := terminal(c.err)
	if !is {
		return func(int64, int64) {}, func() {}
	}
	return func(done, total int64) { fmt.Fprintf(c.err, "\r%d/%d %s", done, total, unit) }, func() { fmt.Fprintln(c.err) }
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
	case nb1b1.Format:
		table, err := nb1b1.Open(v.What)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s: %d cells of NAS-Bench-101\nsource: %s\nlicence: %s\nprotocol: %s\ninput sha256: %s\n",
			v.What, table.Len(), table.Source, table.Licence, table.Protocol, table.SHA256)
		for _, key := range table.Keys() {
			fmt.Fprintf(c.out, "  %s\n", key)
		}
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
