package main

import (
	"fmt"

	"idarts/nb1b1"
	"idarts/nb201"
)

type dataCmd struct {
	Import struct {
		NatsBench   importCmd    `cmd:"" help:"Make an Arrow table of the official NATS-Bench topology records."`
		NasBench101 import101Cmd `cmd:"" name:"nas-bench-101" help:"Make an Arrow table of the official NAS-Bench-101 TFRecord file."`
	} `cmd:"" help:"Import a benchmark."`
	Fetch struct {
		NB301       fetchNB301Cmd `cmd:"" name:"nb301" help:"Download the surrogate of NAS-Bench-301."`
		NasBench101 fetch101Cmd   `cmd:"" name:"nas-bench-101" help:"Download a public extract of NAS-Bench-101, 7 % of its cells, and make an Arrow table of it: validation accuracies, no test."`
		NB201       fetchNB201Cmd `cmd:"" name:"nb201" help:"Download public extracts of NAS-Bench-201 and make an Arrow table of them."`
	} `cmd:"" help:"Download a benchmark."`
	Verify verifyCmd   `cmd:"" help:"Check a data set, a table or a downloaded file: hash, schema, numbers, known optima."`
	List   dataListCmd `cmd:"" help:"List data sets and tables with hashes, licences, citations and how to get them."`
	Build  buildCmd    `cmd:"" help:"Make what the program has inside."`
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
	records, err := table.Records()
	if err != nil {
		return err
	}
	known, err := table.Known()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d of %d records, %d measurements\n", i.File, known, len(table.Cells()), len(records))
	if missing := len(table.Cells()) - known; missing > 0 {
		fmt.Fprintf(c.err, "warning: %d cells have no results, since their records are not in %q; a search meets an error where it asks for one\n", missing, i.Folder)
	}
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
	fmt.Fprintf(c.out, "%s: %d of %d cells of NAS-Bench-101\n%s", i.File, table.Len(), nb1b1.Cells, table.About())
	if missing := nb1b1.Cells - table.Len(); missing > 0 {
		fmt.Fprintf(c.err, "warning: %d cells are not in %q, which is a part of the benchmark\n", missing, i.Records)
	}
	return nil
}

// counter shows how far something is, on a terminal.
func counter(c console, unit string) (show func(done, total int64), end func()) {
	if !c.errScreen.terminal {
		return func(int64, int64) {}, func() {}
	}
	return func(done, total int64) { fmt.Fprintf(c.err, "\r%d/%d %s", done, total, unit) }, func() { fmt.Fprintln(c.err) }
}
