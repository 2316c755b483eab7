package main

import (
	"fmt"
	"path/filepath"

	"idarts/nb201"
)

type fetchNB201Cmd struct {
	Out     string `help:"Arrow file to write." default:"data/nb201.arrow" placeholder:"FILE"`
	From    string `help:"Folder with the two files, placed by hand; nothing is downloaded then." placeholder:"DIR"`
	BaseURL string `help:"Server with GitHub's paths to take the files from; GitHub when left out." placeholder:"URL"`
}

// Run fetches, converts and checks.
func (f *fetchNB201Cmd) Run(c console) error {
	if f.From != "" {
		if err := c.without("with --from nothing is downloaded", "base-url"); err != nil {
			return err
		}
		if err := nb201.ConvertPublic(f.From, f.Out); err != nil {
			return err
		}
	} else {
		show, end := counter(c, "bytes")
		fetch := nb201.Fetch{
			Dir: filepath.Join(filepath.Dir(f.Out), "nb201-files"), Base: f.BaseURL,
			Progress: func(_ string, done, total int64) { show(done, total) },
		}
		err := nb201.FetchPublic(c.ctx, fetch, f.Out)
		end()
		if c.ctx.Err() != nil {
			return interrupted("interrupted; the same command goes on where the transfer was")
		}
		if err != nil {
			return err
		}
	}
	table, err := nb201.Open(f.Out)
	if err != nil {
		return err
	}
	if _, err := table.Verify(); err != nil {
		return err
	}
	records, err := table.Records()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d cells, %d accuracies, each the mean over the trials of its source\n", f.Out, len(table.Cells()), len(records))
	return nil
}
