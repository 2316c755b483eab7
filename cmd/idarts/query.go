package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/runners"
)

type queryCmd struct {
	Cell      string `arg:"" help:"Architecture in the text of its space, or the name of a published genotype of the DARTS space."`
	Space     string `help:"darts: ask the published genotypes inside the program, where no table is given." placeholder:"NAME"`
	Table     string `help:"Arrow table: an imported benchmark, published genotypes, or scores.arrow of an output folder; data/nats-tss.arrow when left out." placeholder:"FILE"`
	Dataset   string `help:"Whose images it was measured on. Required for a benchmark, like --split." placeholder:"NAME"`
	Split     string `help:"Which images: train, x-valid, x-test or ori-test; valid or test: the papers' columns, or those of scores.arrow." placeholder:"NAME"`
	TrainedOn string `help:"What it was trained on; may be left out where the table has only one answer." placeholder:"NAME"`
	Epochs    int    `help:"Length of the training; may be left out where the table has only one answer." placeholder:"N"`
}

// Run asks the table by its own kind.
func (q *queryCmd) Run(c console) error {
	if q.Space != "" {
		if _, err := runners.LookupSpace(q.Space); err != nil {
			return err
		}
	}
	if q.Table == "" {
		if q.Space == "darts" {
			return q.published(c)
		}
		q.Table = defaultTable
	}
	meta, err := arrowio.Meta(q.Table)
	if err != nil {
		return err
	}
	switch format := meta["format"]; format {
	case nb201.Format:
		return q.nb201(c)
	case runners.ScoresFormat:
		return q.scores(c)
	case nb1b1.Format:
		return q.nb101(c)
	case dartsspace.Format:
		return q.published(c)
	default:
		return fmt.Errorf("%q has format %q, want one of %q", q.Table, format, []string{nb201.Format, nb1b1.Format, dartsspace.Format, runners.ScoresFormat})
	}
}

// nb101 asks a table of NAS-Bench-101.
func (q *queryCmd) nb101(c console) error {
	if q.Dataset != "" && q.Dataset != "cifar10" {
		return fmt.Errorf("%q has nothing for data set %q, only for \"cifar10\"", q.Table, q.Dataset)
	}
	cell, err := nb1b1.Parse(q.Cell)
	if err != nil {
		return err
	}
	table, err := nb1b1.Open(q.Table)
	if err != nil {
		return err
	}
	key := nb1b1.Key{Epochs: q.Epochs, Split: q.Split}
	answer, err := table.Query(cell, key)
	if err != nil {
		return err
	}
	parameters, err := table.Parameters(cell)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n%d parameters\n", cell, parameters)
	mean(c, key.String(), answer.Accuracy, answer.Std, len(answer.Trials))
	for _, trial := range answer.Trials {
		fmt.Fprintf(c.out, "  repeat %d: %.4f %%, %.0f s\n", trial.Repeat+1, trial.Accuracy, trial.Seconds)
	}
	return nil
}

// mean prints a mean over n trained networks.
func mean(c console, of string, accuracy, std float64, n int) {
	fmt.Fprintf(c.out, "%s: %.4f %%", of, accuracy)
	if !math.IsNaN(std) {
		fmt.Fprintf(c.out, " (sample std %.4f)", std)
	}
	fmt.Fprintf(c.out, ", mean of %d\n", n)
}

// published asks a table of published genotypes, by name or by genotype.
func (q *queryCmd) published(c console) error {
	table, err := dartsspace.Open(q.Table)
	if err != nil {
		return err
	}
	var found []dartsspace.Entry
	if g, err := dartsspace.Parse(q.Cell); err == nil {
		if found = table.Find(g); len(found) == 0 {
			return fmt.Errorf("no published genotype is %s", g)
		}
	} else {
		e, err := table.Query(q.Cell)
		if err != nil {
			return err
		}
		found = []dartsspace.Entry{e}
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	line := func(name, text string) {
		if text == "" {
			text = "not reported"
		}
		fmt.Fprintf(w, "%s\t%s\n", name, text)
	}
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		line("name", e.Name)
		line("method", e.Method)
		line("genotype", e.Genotype.String())
		line("parameters", fmt.Sprintf("%d (CIFAR-10, 36 channels, 20 cells), %d (ImageNet, 48 channels, 14 cells), no auxiliary classifier; our count", e.ParamsCIFAR, e.ParamsImageNet))
		line("from", fmt.Sprintf("github.com/%s, %s, line %d", e.Repository, e.Path, e.Line))
		if e.Note != "" {
			line("note", e.Note)
		}
		if len(e.Reports) == 0 {
			line("error", "")
		}
		for _, r := range e.Reports {
			text := "not reported"
			if !math.IsNaN(r.Error) {
				text = fmt.Sprintf("%.2f %%", r.Error)
			}
			if !math.IsNaN(r.Spread) {
				text += fmt.Sprintf(" ± %.2f (%s)", r.Spread, r.SpreadKind)
			}
			if r.N > 0 {
				text += fmt.Sprintf(", n = %d", r.N)
			}
			line("error on "+r.Dataset, text+"; "+r.About)
			for _, size := range []struct{ name, text string }{{"parameters", r.Params}, {"multiply-adds", r.MACs}} {
				if size.text != "" {
					line("  "+size.name+" as printed", size.text+" million")
				}
			}
			line("  source", r.Source)
		}
	}
	return w.Flush()
}

// genotype is text, or the published genotype of the DARTS space of that name.
func genotype(text string) string {
	table, err := dartsspace.Open("")
	if err != nil {
		return text
	}
	if e, err := table.Query(text); err == nil {
		return e.Genotype.String()
	}
	return text
}

// scores asks a table of cells that idarts run has trained.
func (q *queryCmd) scores(c console) error {
	table, err := runners.ReadScores(q.Table)
	if err != nil {
		return err
	}
	if q.Dataset != "" && q.Dataset != table.Dataset {
		return fmt.Errorf("%q has nothing for data set %q, only for %q", q.Table, q.Dataset, table.Dataset)
	}
	space, err := runners.LookupSpace(table.Space)
	if err != nil {
		return err
	}
	arch, err := space.Canonical(q.Cell)
	if err != nil {
		return err
	}
	var splits []string
	switch q.Split {
	case "valid", "test":
		splits = []string{q.Split}
	case "":
		splits = []string{"valid", "test"}
	default:
		return fmt.Errorf("%q has nothing for split %q, only for \"valid\" and \"test\"", q.Table, q.Split)
	}
	var rows []runners.Trained
	for _, row := range table.Rows {
		if row.Arch == arch {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("%q: architecture %q was not trained there (trained as %q); it has %d rows", q.Table, q.Cell, arch, len(table.Rows))
	}
	fmt.Fprintf(c.out, "%s\n", arch)
	for _, split := range splits {
		of := func(row runners.Trained) float64 {
			if split == "valid" {
				return row.Valid
			}
			return row.Test
		}
		sum := 0.0
		for _, row := range rows {
			sum += of(row)
		}
		fmt.Fprintf(c.out, "%s, %s: %.4f %%, mean of %d\n", table.Dataset, split, sum/float64(len(rows)), len(rows))
		for _, row := range rows {
			fmt.Fprintf(c.out, "  seed %d: %.4f %%\n", row.Trial, of(row))
		}
	}
	return nil
}

// nb201 asks a table of NAS-Bench-201.
func (q *queryCmd) nb201(c console) error {
	cell, err := nb201.Parse(q.Cell)
	if err != nil {
		return err
	}
	table, err := nb201.Open(q.Table)
	if err != nil {
		return err
	}
	key := nb201.Key{Dataset: q.Dataset, TrainedOn: q.TrainedOn, Split: q.Split, Epochs: q.Epochs}
	// A part that the table leaves no choice in need not be given.
	var match []nb201.Key
	for _, k := range table.Keys() {
		if k.Dataset == q.Dataset && k.Split == q.Split && (q.TrainedOn == "" || k.TrainedOn == q.TrainedOn) && (q.Epochs == 0 || k.Epochs == q.Epochs) {
			match = append(match, k)
		}
	}
	switch {
	case len(match) == 1:
		key = match[0]
	case len(match) == 0 && q.Dataset != "" && q.Split != "":
		// "valid" and "test" are the papers' columns where the table has no split of that name.
		if paper, err := nb201.PaperKey(q.Dataset, q.Split); err == nil && q.TrainedOn == "" && q.Epochs == 0 && slices.Contains(table.Keys(), paper) {
			key = paper
			break
		}
		var have []string
		for _, k := range table.Keys() {
			have = append(have, k.String())
		}
		return fmt.Errorf("%q has nothing for %s with split %q, want one of: %s", q.Table, q.Dataset, q.Split, strings.Join(have, "; "))
	}
	answer, err := table.Query(cell, key)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, cell)
	mean(c, key.String(), answer.Accuracy, answer.Std, len(answer.Trials))
	for _, trial := range answer.Trials {
		fmt.Fprintf(c.out, "  seed %d: %.4f %%\n", trial.Seed, trial.Accuracy)
	}
	return nil
}
