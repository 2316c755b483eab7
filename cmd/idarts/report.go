package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
	"idarts/internal/diagram/picture"
	"idarts/internal/durable"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/reports"
	"idarts/runners/protocol"
)

// load reads the runs below out and says how they are shown. What is not as the
// program left it is named on c.err; left is then the error to end with once the rest
// has been shown. Lost times count only where times are shown.
func load(c console, out string, times bool) (runs []result.Run, opts reports.Options, left, err error) {
	opts = showOptions()
	runs, faults, err := result.Load(out)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no output folder %q; idarts run makes it", out)
	}
	if err != nil {
		return nil, opts, nil, err
	}
	left = leftOut(c, out, faults, times)
	if len(runs) == 0 {
		err = cmp.Or(left, fmt.Errorf("no runs in %q; idarts run makes them", out))
	}
	return runs, opts, left, err
}

// leftOut names faults on c.err and gives the error to end with, nil where none counts.
func leftOut(c console, out string, faults []result.Fault, times bool) error {
	n := 0
	for _, fault := range faults {
		if !fault.Times || times {
			n++
		}
		report(c.err, fmt.Errorf("left out: %w", fault.Err))
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of the things in %q are left out, named above; idarts run makes damaged runs again", n, out)
}

// showOptions are the names and optima that reports show.
func showOptions() reports.Options {
	var opts reports.Options
	for _, m := range search.Methods {
		opts.Titles = append(opts.Titles, reports.Title{Name: m.Name, Title: m.Title})
		if m.BlackBox { // it trains cells one after another
			opts.NoEpochs = append(opts.NoEpochs, m.Name)
		}
	}
	for _, s := range protocol.Spaces {
		title, _, _ := strings.Cut(s.Title, ":")
		opts.Spaces = append(opts.Spaces, reports.Title{Name: s.Name, Title: title})
	}
	for _, p := range protocol.All {
		if p.Score.Table { // a published optimum is of the benchmark's own numbers
			if best, ok := reports.Optimum(p.Space, p.Dataset); ok {
				best.Protocol = p.Name
				opts.Best = append(opts.Best, best)
			}
		}
	}
	return opts
}

type tableCmd struct {
	Out     string `help:"Output folder of idarts run." default:"out" placeholder:"DIR"`
	Format  string `help:"txt, md, tex, csv or seeds (CSV, one line for each run)." enum:"txt,md,tex,csv,seeds" default:"txt"`
	Timing  bool   `help:"Wall-clock seconds instead of accuracies." xor:"kind"`
	Stats   bool   `help:"What the differences between methods are worth: paired differences with intervals, tests, accuracy over cost." xor:"kind"`
	Against string `help:"With --stats and --save: the method that the others are compared with; darts-v1 when left out, or the first that there is." placeholder:"METHOD"`
	Save    bool   `help:"Also write table.txt, .md, .tex, .csv, -seeds.csv and the same of timing and statistics to the output folder."`
}

// tableFormats are the ways to write a table, with the end of the file name.
var tableFormats = []struct {
	name, suffix string
	write        func(reports.Tables, io.Writer) error
}{
	{"txt", ".txt", reports.Tables.Text},
	{"md", ".md", reports.Tables.Markdown},
	{"tex", ".tex", reports.Tables.LaTeX},
	{"csv", ".csv", reports.Tables.CSV},
	{"seeds", "-seeds.csv", reports.Tables.SeedsCSV},
}

func (t *tableCmd) Run(c console) error {
	if !t.Stats && !t.Save {
		if err := c.without("only --stats and --save compare methods with one", "against"); err != nil {
			return err
		}
	}
	runs, opts, left, err := load(c, t.Out, t.Timing || t.Save)
	if err != nil {
		return err
	}
	type kind struct {
		name   string
		tables reports.Tables
	}
	kinds := []kind{{"table", reports.Compare(runs, opts)}, {"timing", reports.Timing(runs, opts)}}
	shown := "table"
	switch {
	case t.Timing:
		shown = "timing"
	case t.Stats:
		shown = "statistics"
	}
	if t.Stats || t.Save {
		tables, err := reports.Statistics(runs, t.Against, opts)
		if err != nil && t.Stats {
			return err
		}
		if err == nil {
			kinds = append(kinds, kind{"statistics", tables})
		}
	}
	for _, kind := range kinds {
		for _, format := range tableFormats {
			var content bytes.Buffer
			if err := format.write(kind.tables, &content); err != nil {
				return err
			}
			if t.Save {
				if err := durable.WriteBytes(filepath.Join(t.Out, kind.name+format.suffix), content.Bytes()); err != nil {
					return err
				}
			}
			if kind.name != shown || format.name != t.Format {
				continue
			}
			if t.Format == "txt" { // in the room that there is; files have always the same
				content.Reset()
				if err := kind.tables.TextOn(&content, c.page()); err != nil {
					return err
				}
			}
			if _, err := c.out.Write(content.Bytes()); err != nil {
				return err
			}
		}
	}
	return left
}

type figureCmd struct {
	Runs figureRunsCmd `cmd:"" default:"withargs" help:"Draw finished runs: accuracy by cost, error by epoch. The default."`
	Cell figureCellCmd `cmd:"" help:"Draw one architecture as a graph."`
}

type figureRunsCmd struct {
	Out string `help:"Output folder of idarts run." default:"out" placeholder:"DIR"`
}

// Run draws [figuresOf] as SVG, PDF and PNG.
func (f *figureRunsCmd) Run(c console) error {
	runs, opts, left, err := load(c, f.Out, true)
	if err != nil {
		return err
	}
	figures := figuresOf(runs, opts)
	if len(figures) == 0 {
		return fmt.Errorf("no finished runs in %q to draw", f.Out)
	}
	return cmp.Or(saveAll(c, figures, f.Out), left)
}

// figuresOf are those of finished runs: test accuracy against arithmetic (the same on every
// machine), against seconds, and against queries where methods have a budget of them, and the
// errors by epoch.
func figuresOf(runs []result.Run, opts reports.Options) (figures []reports.Figure) {
	for _, axis := range []reports.Axis{reports.GFLOP, reports.Seconds, reports.Queries} {
		figures = append(figures, reports.Anytime(runs, axis, reports.Test, opts)...)
	}
	return append(figures, reports.Epochs(runs, opts)...)
}

// saveAll writes figures into a folder, in each format.
func saveAll(c console, figures []reports.Figure, folder string) error {
	for _, figure := range figures {
		var paths []string
		for _, end := range []string{".svg", ".pdf", ".png"} {
			paths = append(paths, filepath.Join(folder, figure.Name+end))
		}
		if err := save(c, figure.Picture, paths); err != nil {
			return err
		}
	}
	return nil
}

// save writes a drawing and says where.
func save(c console, drawing picture.Picture, paths []string) error {
	if err := drawing.Save(paths...); err != nil {
		return err
	}
	for _, path := range paths {
		fmt.Fprintln(c.out, path)
	}
	return nil
}

type figureCellCmd struct {
	Cell  string   `arg:"" help:"Architecture, in the text of its space, or the name of a published genotype."`
	Space string   `help:"Its search space; without, the first that the text fits. See: idarts list spaces." placeholder:"NAME"`
	Save  []string `help:"Files to write, comma separated: .svg, .pdf or .png." default:"cell.svg" placeholder:"FILE"`
}

// Run draws a cell, or the cells of an architecture that has several.
func (f *figureCellCmd) Run(c console) error {
	spaces, name := protocol.Spaces, f.Space
	if name == "" && dartsspace.IsText(f.Cell) {
		name = "darts"
	}
	if name != "" {
		space, err := protocol.LookupSpace(name)
		if err != nil {
			return err
		}
		spaces = []protocol.Space{space}
	}
	var wanted []string // what each space has against the text
	for _, space := range spaces {
		graphs, err := graphs(space, f.Cell)
		if err != nil {
			wanted = append(wanted, err.Error())
			continue
		}
		drawing, err := picture.Cell(graphs)
		if err != nil {
			return err
		}
		return save(c, drawing, f.Save)
	}
	if len(wanted) > 1 {
		return fmt.Errorf("%q fits no search space: %s", f.Cell, strings.Join(wanted, "; "))
	}
	return errors.New(wanted[0])
}

type statusCmd struct {
	Out string `help:"Output folder of idarts run." default:"out" placeholder:"DIR"`
}

func (s *statusCmd) Run(c console) error {
	runs, _, left, err := load(c, s.Out, false)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	done := 0
	for _, run := range runs {
		var text string
		switch {
		case run.Result != nil:
			done++
			text = fmt.Sprintf("done\t%d epochs\tvalid %.2f %%", run.Result.Epochs, run.Result.Score.Valid)
		case run.Failure != nil:
			text = fmt.Sprintf("failed\t%d epochs\t%s", len(run.Events), run.Failure.Error)
		case durable.Held(run.Dir):
			text = fmt.Sprintf("running\t%d epochs\t", len(run.Events))
		default:
			text = fmt.Sprintf("stopped\t%d epochs\t", len(run.Events))
		}
		fmt.Fprintf(w, "%s\t%s%s\n", run.Cell, text, terms(run.Events))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%d of %d runs are done\n", done, len(runs))
	return left
}

// terms says what the architecture steps of the last epoch were made of, for methods
// whose gradient has an implicit term.
func terms(events []result.Event) string {
	if len(events) == 0 {
		return ""
	}
	extra := events[len(events)-1].Extra
	implicit, ok := extra["implicit_norm"]
	if !ok {
		return ""
	}
	text := fmt.Sprintf("\tgradient: direct %.2g, implicit %.2g", extra["direct_norm"], implicit)
	if cosine, ok := extra["direct_implicit_cosine"]; ok {
		text += fmt.Sprintf(", cosine %.2f", cosine)
	}
	return text
}
