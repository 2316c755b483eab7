package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/internal/trials"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/runners"
	"idarts/runners/protocol"
)

type queryCmd struct {
	Cell      string `arg:"" help:"Architecture in the text of its space, the hash of a cell of NAS-Bench-101, or the name of a published genotype of the DARTS space."`
	Space     string `help:"Search space of the architecture. Where no table is given, darts asks the published genotypes inside the program." placeholder:"NAME"`
	Table     string `help:"Arrow table: a benchmark, published genotypes, or scores.arrow of an output folder; when left out, the complete table of NAS-Bench-201 cells inside the program." placeholder:"FILE"`
	Dataset   string `help:"Whose images it was measured on. A benchmark needs this and the next four, or --protocol; an error lists what its table has." placeholder:"NAME"`
	TrainedOn string `help:"Whose images it was trained on: cifar10-valid is one half of CIFAR-10's." placeholder:"NAME"`
	Split     string `help:"Which images it was measured on: train, x-valid, x-test or ori-test; train, valid or test." placeholder:"NAME"`
	Epochs    int    `help:"Length of the training." placeholder:"N"`
	Seeds     string `help:"Which trials the mean is over: all that there are, or numbers such as 777,888." placeholder:"LIST"`
	Protocol  string `help:"A list of keys with a name, which is printed: paper, short (12 epochs), or everything that the table has." placeholder:"NAME"`
}

// everything is the protocol of all keys of a table.
const everything = "everything"

// Run asks the table by its own kind.
func (q *queryCmd) Run(c console) error {
	if q.Space != "" {
		if _, err := protocol.LookupSpace(q.Space); err != nil {
			return err
		}
	}
	if q.Protocol != "" {
		why := fmt.Sprintf("--protocol %s says what it was trained on, split, epochs and seeds; want it or them", q.Protocol)
		if err := c.without(why, "trained-on", "split", "epochs", "seeds"); err != nil {
			return err
		}
	}
	format, err := q.format()
	if err != nil {
		return missing(err, place{"table", q.Table})
	}
	switch format {
	case nb201.Format:
		return q.nb201(c)
	case runners.ScoresFormat, runners.ScoresFormat1:
		return q.scores(c)
	case nb1b1.Format:
		return q.nb101(c)
	case dartsspace.Format:
		return q.published(c)
	default:
		return fmt.Errorf("%q has format %q, want one of %q", q.Table, format, []string{nb201.Format, nb1b1.Format, dartsspace.Format, runners.ScoresFormat})
	}
}

// format is that of the table to ask.
func (q *queryCmd) format() (string, error) {
	switch {
	case q.Table != "":
		meta, err := arrowio.Meta(q.Table)
		return meta["format"], err
	case q.Space == "darts" || q.Space == "" && dartsspace.IsText(q.Cell):
		return dartsspace.Format, nil
	}
	return nb201.Format, nil
}

// inSpace refuses a --space that the table has no architectures of.
func (q *queryCmd) inSpace(spaces ...string) error {
	if q.Space == "" || slices.Contains(spaces, q.Space) {
		return nil
	}
	if q.Table == "" {
		return fmt.Errorf("--space %s: without --table only %q and %q can be asked", q.Space, "nb201", "darts")
	}
	return fmt.Errorf("--space %s: %q has architectures of %q", q.Space, q.Table, spaces)
}

// asked is a benchmark's table and how its answers are worded.
type asked[C fmt.Stringer, K trials.Key[K]] struct {
	table    *trials.Results[C, K]
	readings []trials.Reading[K]
	key      func(key K, seeds trials.Seeds) string
	trial    func(trials.Trial) string
}

// reading is that of the protocol that was asked for, or the one key.
func (a asked[C, K]) reading(q *queryCmd, key K) (trials.Reading[K], error) {
	if q.Protocol == "" {
		seeds, err := trials.Parse(q.Seeds)
		return trials.Reading[K]{Questions: []trials.Question[K]{{Key: key}}, Seeds: seeds}, err
	}
	all := trials.Reading[K]{Name: everything, About: "all keys of the table, all trials", Seeds: trials.All}
	for _, key := range a.table.Keys() {
		all.Questions = append(all.Questions, trials.Question[K]{Key: key})
	}
	var names []string
	for _, r := range append(slices.Clone(a.readings), all) {
		if r.Name == q.Protocol {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return trials.Reading[K]{}, fmt.Errorf("no protocol %q for this table, want one of %q", q.Protocol, names)
}

// answers prints what a table says to a reading's questions. Those of a protocol that
// the table or the cell has no answer to are told; it is an error when that is all of
// them.
func (a asked[C, K]) answers(q *queryCmd, out io.Writer, cell C, r trials.Reading[K]) error {
	if q.Protocol != "" {
		fmt.Fprintf(out, "protocol %s: %s\n", q.Protocol, r.About)
	}
	var first error
	missing := 0
	for _, question := range r.Questions {
		answer, err := a.table.Query(cell, question.Key, r.Seeds)
		if err != nil && q.Protocol == "" {
			return err
		}
		line := a.key(question.Key, r.Seeds)
		if question.Name != "" {
			line = question.Name + " = " + line
		}
		if err != nil {
			fmt.Fprintf(out, "%s: nothing\n", line)
			missing++
			if first == nil {
				first = err
			}
			continue
		}
		fmt.Fprintf(out, "%s: %.4f %%", line, answer.Accuracy)
		if !math.IsNaN(answer.Std) {
			fmt.Fprintf(out, " (sample std %.4f)", answer.Std)
		}
		if answer.Count() == 0 {
			fmt.Fprintln(out, ", mean over trials whose number the table does not know")
			continue
		}
		fmt.Fprintf(out, ", mean of %d\n", answer.Count())
		for _, trial := range answer.Trials {
			fmt.Fprintf(out, "  %s\n", a.trial(trial))
		}
	}
	if missing == len(r.Questions) {
		return first
	}
	return nil
}

// cell101 is the cell of NAS-Bench-101 with a text or a hash, of the space that was named.
func (q *queryCmd) cell101(table *nb1b1.Table) (cell nb1b1.Cell, err error) {
	if nb1b1.IsHash(q.Cell) {
		hash, err := nb1b1.ParseHash(q.Cell)
		if err != nil {
			return cell, err
		}
		if cell, err = table.Find(hash); err != nil {
			return cell, err
		}
	} else if cell, err = nb1b1.Parse(q.Cell); err != nil {
		return cell, err
	}
	if q.Space == "" {
		return cell, nil
	}
	space, err := protocol.LookupSpace(q.Space)
	if err != nil {
		return cell, err
	}
	_, err = space.Canonical(cell.String())
	return cell, err
}

// nb101 asks a table of NAS-Bench-101.
func (q *queryCmd) nb101(c console) error {
	if q.Dataset != "" && q.Dataset != nb1b1.Dataset || q.TrainedOn != "" && q.TrainedOn != nb1b1.TrainedOn {
		return fmt.Errorf("%q has only networks of data set %q trained on %q", q.Table, nb1b1.Dataset, nb1b1.TrainedOn)
	}
	var spaces []string
	for _, s := range protocol.Spaces {
		if strings.HasPrefix(s.Name, "nb1b1-") {
			spaces = append(spaces, s.Name)
		}
	}
	if err := q.inSpace(spaces...); err != nil {
		return err
	}
	table, err := nb1b1.Open(q.Table)
	if err != nil {
		return err
	}
	cell, err := q.cell101(table)
	if err != nil {
		return err
	}
	ask := asked[nb1b1.Cell, nb1b1.Key]{
		table: table.Results, readings: nb1b1.Readings,
		key: func(key nb1b1.Key, seeds trials.Seeds) string {
			return fmt.Sprintf("%s trained on %s, %s, repeats %s", nb1b1.Dataset, nb1b1.TrainedOn, key, seeds)
		},
		trial: func(t trials.Trial) string {
			return fmt.Sprintf("repeat %d: %.4f %%, %.0f s", t.Seed, t.Accuracy, t.Seconds)
		},
	}
	reading, err := ask.reading(q, nb1b1.Key{Epochs: q.Epochs, Split: q.Split})
	if err != nil {
		return err
	}
	parameters, err := table.Parameters(cell)
	if err != nil {
		return err
	}
	var out strings.Builder
	if err := ask.answers(q, &out, cell, reading); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n%d parameters\n%s", cell, parameters, out.String())
	return nil
}

// published asks a table of published genotypes, by name or by genotype.
func (q *queryCmd) published(c console) error {
	if err := q.inSpace("darts"); err != nil {
		return err
	}
	if err := c.without("of a published genotype all is printed that is known", "dataset", "trained-on", "split", "epochs", "seeds", "protocol"); err != nil {
		return err
	}
	table, err := dartsspace.Open(q.Table)
	if err != nil {
		return err
	}
	var found []dartsspace.Entry
	if dartsspace.IsText(q.Cell) {
		g, err := dartsspace.Parse(q.Cell)
		if err != nil {
			return err
		}
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
		publishedErrors(line, e.Reports)
	}
	return w.Flush()
}

// publishedErrors writes what papers report of a genotype.
func publishedErrors(line func(name, text string), found []dartsspace.Report) {
	if len(found) == 0 {
		line("error", "")
	}
	for _, r := range found {
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

// nb201 asks a table of cells of NAS-Bench-201, be it the official one, the public
// extracts or one that was trained here.
func (q *queryCmd) nb201(c console) error {
	if err := q.inSpace("nb201"); err != nil {
		return err
	}
	cell, err := nb201.Parse(q.Cell)
	if err != nil {
		return err
	}
	table, err := openNB201(q.Table)
	if err != nil {
		return err
	}
	ask := asked[nb201.Cell, nb201.Key]{
		table: table.Results, readings: nb201.Readings,
		key:   func(key nb201.Key, seeds trials.Seeds) string { return fmt.Sprintf("%s, seeds %s", key, seeds) },
		trial: func(t trials.Trial) string { return fmt.Sprintf("seed %d: %.4f %%", t.Seed, t.Accuracy) },
	}
	reading, err := ask.reading(q, nb201.Key{Dataset: q.Dataset, TrainedOn: q.TrainedOn, Split: q.Split, Epochs: q.Epochs})
	if err != nil {
		return err
	}
	if q.Protocol != "" && q.Dataset != "" {
		reading.Questions = slices.DeleteFunc(slices.Clone(reading.Questions), func(asked trials.Question[nb201.Key]) bool { return asked.Key.Dataset != q.Dataset })
		if len(reading.Questions) == 0 {
			return fmt.Errorf("protocol %q has no columns of data set %q", q.Protocol, q.Dataset)
		}
	}
	var out strings.Builder
	if err := ask.answers(q, &out, cell, reading); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n%s", cell, out.String())
	return nil
}
