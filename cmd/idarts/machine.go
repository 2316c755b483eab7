package main

import (
	"fmt"

	dartsspace "idarts/darts_space"
	"idarts/internal/images"
	"idarts/internal/provenance"
)

type versionCmd struct{}

func (versionCmd) Run(c console) error {
	fmt.Fprintln(c.out, versionLine())
	return nil
}

func versionLine() string { return "idarts " + provenance.Versions()["idarts"] }

type buildCmd struct {
	Fashion   buildFashionCmd   `cmd:"" help:"Make the embedded Fashion-MNIST subset from the original files."`
	Genotypes buildGenotypesCmd `cmd:"" help:"Make the embedded table of published genotypes."`
}

type buildGenotypesCmd struct {
	Notes string `arg:"" help:"JSON file: a list of genotypes with name, repo, path, line, cells and counts of parameters."`
	File  string `arg:"" help:"Arrow file to write."`
}

func (b *buildGenotypesCmd) Run(c console) error {
	if err := dartsspace.BuildPublished(b.Notes, b.File); err != nil {
		return err
	}
	table, err := dartsspace.Open(b.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d genotypes\n", b.File, len(table.List()))
	return nil
}

type buildFashionCmd struct {
	Folder string `arg:"" help:"Folder with the four idx files of Fashion-MNIST, gzipped or not."`
	File   string `arg:"" help:"Arrow file to write."`
	Size   int    `help:"Side of the images." default:"16"`
}

func (b *buildFashionCmd) Run(c console) error {
	if err := images.BuildFashion(b.Folder, b.File, b.Size); err != nil {
		return err
	}
	d, err := images.ReadFashion(b.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: sha256 of the images %s\n", b.File, d.SHA256())
	return nil
}
