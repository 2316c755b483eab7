package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/reports"
	"idarts/runners/hyper"
	"idarts/runners/protocol"
)

type paperCmd struct {
	Out   string `help:"Output folder of idarts run; the page goes to its folder paper." default:"out" placeholder:"DIR"`
	Table string `help:"Table of NAS-Bench-201, for what follows from it without a search; idarts data fetch nb201 makes it." placeholder:"FILE"`

	NoStudy bool `help:"Do not measure hypergradients, which takes a minute or some; measured ones are shown all the same."`
}

// paperDir and studyFile are below the output folder.
const (
	paperDir  = "paper"
	studyFile = "hypergradients.json"
)

// Run writes the page in three formats, its figures beside it, and says what it counts.
func (p *paperCmd) Run(c console) error {
	opts := showOptions()
	runs, faults, err := result.Load(p.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	left := leftOut(c, p.Out, faults, false)
	e := reports.Evidence{Runs: runs, Needs: needs}
	if e.Facts, err = paperFacts(p.Table); err != nil {
		return err
	}
	if e.Study, err = p.study(c); err != nil {
		return err
	}
	page := reports.NewPaper(e, opts)
	for _, format := range []struct {
		name  string
		write func(reports.Paper, io.Writer) error
	}{{"md", reports.Paper.Markdown}, {"html", reports.Paper.HTML}, {"tex", reports.Paper.LaTeX}} {
		var content bytes.Buffer
		if err := format.write(page, &content); err != nil {
			return err
		}
		path := filepath.Join(p.Out, paperDir, "paper."+format.name)
		if err := durable.WriteBytes(path, content.Bytes()); err != nil {
			return err
		}
		fmt.Fprintln(c.out, path)
	}
	for _, part := range page.Parts {
		for _, f := range part.Figures {
			path := filepath.Join(p.Out, paperDir, f.Name)
			if err := f.Save(path+".svg", path+".pdf"); err != nil {
				return err
			}
		}
	}
	for _, v := range reports.Verdicts {
		fmt.Fprintf(c.out, "%-15s %d\n", v, page.Count[v])
	}
	return left
}

// study is the one below the output folder, measured where it is not there; nil without.
func (p *paperCmd) study(c console) (*result.HyperStudy, error) {
	d, err := device.Open("cpu", 32, work.WorkersEach(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	path := filepath.Join(p.Out, studyFile)
	s, err := hyper.Load(path, hyper.Usual, d)
	if s != nil || err != nil || p.NoStudy {
		return s, err
	}
	s, err = hyper.Run(c.ctx, hyper.Usual, d, func(what string) { fmt.Fprintln(c.err, "hypergradients: "+what) })
	if err != nil {
		return nil, err
	}
	return s, result.WriteJSON(path, s)
}

// needs is what a published search takes: its command and its size.
func needs(space, method string) string {
	p, err := protocol.Lookup(space, "paper")
	if err != nil {
		return ""
	}
	of, ok := p.Of(method)
	m, err := search.Lookup(method)
	if !ok || err != nil {
		return ""
	}
	command := fmt.Sprintf("idarts run --space %s --protocol paper --methods %s --data DIR --seeds 0-4", space, method)
	if p.Score.Table {
		command += " --table FILE"
	}
	if m.BlackBox {
		return command + ", seconds"
	}
	return command + fmt.Sprintf(" --device cuda; in each outer step gradients of %d images: %s; idarts doctor says how many hours that is", p.Batch, strings.TrimSuffix(m.Traits.Cost, ".")) + fromSource(of.Source)
}

// fromSource is where settings come from, in brackets.
func fromSource(source string) string {
	if source == "" {
		return ""
	}
	return " (settings: " + source + ")"
}
