package main

import (
	"fmt"
	dartsspace "idarts/darts_space"
	"idarts/internal/durable"
	"os"
	"path/filepath"

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
		show, end := counter(c, "bytes")
		fetch := download.Fetch{
			Dir: kept, Base: f.BaseURL,
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
	show, end := counter(c, "bytes")
	file := dartsspace.SurrogateFile
	dir := filepath.Dir(f.Out)
	err := download.Fetch{Dir: dir, Base: f.BaseURL, Progress: func(_ string, done, total int64) { show(done, total) }}.Get(c.ctx, file)
	end()
	if c.ctx.Err() != nil {
		return interrupted("interrupted; the same command goes on where the transfer was")
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w; to place it by hand, save %s as %q (%d bytes, sha256 %s)", file.Name, err, file.URL(download.GitHub), f.Out, file.Size, file.SHA256)
	}
	content, err := file.Read(dir)
	if err != nil {
		return err
	}
	if err := durable.WriteBytes(f.Out, content); err != nil {
		return err
	}
	if fetched := filepath.Join(dir, file.Name); fetched != filepath.Clean(f.Out) {
		if err := os.Remove(fetched); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "%s: %s (%s, %s)\n", f.Out, file.Holds, file.Repository, file.Licence)
	return nil
}
