package main

import (
	"context"
	"fmt"
	"path/filepath"

	dartsspace "idarts/darts_space"
	"idarts/internal/download"
	"idarts/nb1b1"
	"idarts/nb201"
)

// fromFiles are flags of commands that make a table of public files.
type fromFiles struct {
	From    string `help:"Folder with the files, placed by hand; nothing is downloaded then." placeholder:"DIR"`
	BaseURL string `help:"Server with GitHub's paths to take the files from; GitHub when left out." placeholder:"URL"`
}

// table makes out of files in From or of those that are fetched to kept.
func (f *fromFiles) table(c console, kept, out string, fetch func(ctx context.Context, fetch download.Fetch, out string) error, convert func(dir, out string) error) error {
	if f.From == "" {
		return fetched(c, download.Fetch{Dir: kept, Base: f.BaseURL}, func(d download.Fetch) error { return fetch(c.ctx, d, out) })
	}
	if err := c.without("with --from nothing is downloaded", "base-url"); err != nil {
		return err
	}
	return convert(f.From, out)
}

type fetchNB201Cmd struct {
	Out string `help:"Arrow file to write." default:"data/nb201.arrow" placeholder:"FILE"`
	fromFiles
}

// Run fetches, converts and checks.
func (f *fetchNB201Cmd) Run(c console) error {
	kept := filepath.Join(filepath.Dir(f.Out), "nb201-files")
	if err := f.table(c, kept, f.Out, nb201.FetchPublic, nb201.ConvertPublic); err != nil {
		return err
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

type fetch101Cmd struct {
	Out string `help:"Arrow file to write." default:"data/nasbench101-part.arrow" placeholder:"FILE"`
	fromFiles
}

// Run fetches, converts and checks.
func (f *fetch101Cmd) Run(c console) error {
	kept := filepath.Join(filepath.Dir(f.Out), "nasbench101-files")
	if err := f.table(c, kept, f.Out, nb1b1.FetchPartial, nb1b1.ConvertPartial); err != nil {
		return err
	}
	table, err := nb1b1.Open(f.Out)
	if err != nil {
		return err
	}
	if _, err := table.Verify(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: validation accuracies of %d of %d cells of NAS-Bench-101\n", f.Out, table.Len(), nb1b1.Cells)
	for _, line := range table.Spaces() {
		fmt.Fprintf(c.out, "  %s\n", line)
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
