package main

import (
	"fmt"
	"path/filepath"

	dartsspace "idarts/darts_space"
	"idarts/internal/download"
	"idarts/nb201"
)

type fetchNB201Cmd struct {
	Out     string `help:"Arrow file to write." default:"data/nb201.arrow" placeholder:"FILE"`
	From    string `help:"Folder with the files, placed by hand; nothing is downloaded then." placeholder:"DIR"`
	BaseURL string `help:"Server with GitHub's paths to take the files from; GitHub when left out." placeholder:"URL"`
}

// Run fetches, converts and checks.
func (f *fetchNB201Cmd) Run(c console) error {
	kept := filepath.Join(filepath.Dir(f.Out), "nb201-files")
	if f.From != "" {
		if err := c.without("with --from nothing is downloaded", "base-url"); err != nil {
			return err
		}
		if err := nb201.ConvertPublic(f.From, f.Out); err != nil {
			return err
		}
	} else {
		err := fetched(c, download.Fetch{Dir: kept, Base: f.BaseURL}, func(fetch download.Fetch) error {
			return nb201.FetchPublic(c.ctx, fetch, f.Out)
		})
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
	fmt.Fprintf(c.out, "%s: %d cells, %d accuracies, each of one release: means over trials, and single trials of CIFAR-10's test\n", f.Out, len(table.Cells()), len(records))
	if f.From == "" {
		fmt.Fprintf(c.out, "%s: which images are for training; put cifar-split.txt beside the images of CIFAR-10\n", kept)
	}
	return nil
}

type fetchNB301Cmd struct {
	Out     string `help:"File to write." default:"data/nb301.onnx" placeholder:"FILE"`
	BaseURL string `help:"Server with GitHub's paths to take the file from; GitHub when left out." placeholder:"URL"`
}

// Run fetches the file and checks it.
func (f *fetchNB301Cmd) Run(c console) error {
	if !dartsspace.IsSurrogate(f.Out) {
		return fmt.Errorf("--out is %q, want a name that ends in .onnx", f.Out)
	}
	file := dartsspace.SurrogateFile
	named := file
	named.Name = filepath.Base(f.Out)
	err := fetched(c, download.Fetch{Dir: filepath.Dir(f.Out), Base: f.BaseURL}, func(fetch download.Fetch) error {
		if err := fetch.Get(c.ctx, named); err != nil {
			return fmt.Errorf("fetch %s: %w; to place it by hand, save %s as %q (%d bytes, sha256 %s)", file.Name, err, file.URL(download.GitHub), f.Out, file.Size, file.SHA256)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %s (%s, %s)\n", f.Out, file.Holds, file.Repository, file.Licence)
	return nil
}

// fetched does a transfer, shows its bytes as they come, and says how it goes on after Ctrl-C.
func fetched(c console, fetch download.Fetch, do func(download.Fetch) error) error {
	show, end := counter(c, "bytes")
	fetch.Progress = func(_ string, done, total int64) { show(done, total) }
	err := do(fetch)
	end()
	if c.ctx.Err() != nil {
		return interrupted("interrupted; the same command goes on where the transfer was")
	}
	return err
}
