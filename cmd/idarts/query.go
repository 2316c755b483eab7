package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
	"idarts/internal/arrowio"
	"idarts/internal/trials"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/reports"
	"idarts/runners"
	"idarts/runners/protocol"
)

type queryCmd struct {
	Cell      string `arg:"" help:"Architecture in the text of its space, the hash of a cell of NAS-Bench-101, or the name of a published genotype of the DARTS space."`
	Space     string `help:"darts: ask the published genotypes inside the program, where no table is given." placeholder:"NAME"`
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
	if q.Table == "" {
		if q.Space == "darts" {
			return q.published(c)
		}
		return q.nb201(c)
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

// column is one question to a benchmark's table.
type column struct {
	name string // what papers call it, "" where it is the key itself
	key  string
	ask  func() (answer, error)
}

// answer is what a benchmark's table says.
type answer struct {
	accuracy, std float64
	n             int // trials behind the mean, 0 where the table does not know
	trials        []string
}

// single refuses a key beside a protocol.
func (q *queryCmd) single() error {
	if q.TrainedOn != "" || q.Split != "" || q.Epochs != 0 || q.Seeds != "" {
		return fmt.Errorf("--protocol %s says what it was trained on, split, epochs and seeds; want it or them", q.Protocol)
	}
	return nil
}

// answers prints what a table has on each column. Columns of a protocol that the
// table or the cell lacks are told; it is an error when that is all of them.
func (q *queryCmd) answers(c console, about string, columns []column) error {
	if q.Protocol != "" {
		fmt.Fprintf(c.out, "protocol %s: %s\n", q.Protocol, about)
	}
	var first error
	missing := 0
	for _, col := range columns {
		a, err := col.ask()
		if err != nil && q.Protocol == "" {
			return err
		}
		line := col.key
		if col.name != "" {
			line = col.name + " = " + line
		}
		if err != nil {
			fmt.Fprintf(c.out, "%s: nothing\n", line)
			missing++
			if first == nil {
				first = err
			}
			continue
		}
		fmt.Fprintf(c.out, "%s: %.4f %%", line, a.accuracy)
		if !math.IsNaN(a.std) {
			fmt.Fprintf(c.out, " (sample std %.4f)", a.std)
		}
		if a.n == 0 {
			fmt.Fprintln(c.out, ", mean over trials whose number the table does not know")
			continue
		}
		fmt.Fprintf(c.out, ", mean of %d\n", a.n)
		for _, trial := range a.trials {
			fmt.Fprintf(c.out, "  %s\n", trial)
		}
	}
	if missing == len(columns) {
		return first
	}
	return nil
}

// nb101 asks a table of NAS-Bench-101.
func (q *queryCmd) nb101(c console) error {
	if q.Dataset != "" && q.Dataset != nb1b1.Dataset || q.TrainedOn != "" && q.TrainedOn != nb1b1.TrainedOn {
		return fmt.Errorf("%q has only networks of data set %q trained on %q", q.Table, nb1b1.Dataset, nb1b1.TrainedOn)
	}
	table, err := nb1b1.Open(q.Table)
	if err != nil {
		return err
	}
	var cell nb1b1.Cell
	if hash, err := nb1b1.ParseHash(q.Cell); err == nil {
		if cell, err = table.Find(hash); err != nil {
			return err
		}
	} else if cell, err = nb1b1.Parse(q.Cell); err != nil {
		return err
	}
	seeds, err := trials.Parse(q.Seeds)
	if err != nil {
		return err
	}
	keys, about := []nb1b1.Key{{Epochs: q.Epochs, Split: q.Split}}, ""
	if q.Protocol != "" {
		if err := q.single(); err != nil {
			return err
		}
		protocols := append(slices.Clone(nb1b1.Protocols), nb1b1.Protocol{Name: everything, About: "all keys of the table, all trials", Keys: table.Keys(), Seeds: trials.All})
		i := slices.IndexFunc(protocols, func(p nb1b1.Protocol) bool { return p.Name == q.Protocol })
		if i < 0 {
			return noProtocol(q.Protocol, protocols, func(p nb1b1.Protocol) string { return p.Name })
		}
		keys, about, seeds = protocols[i].Keys, protocols[i].About, protocols[i].Seeds
	}
	var columns []column
	for _, key := range keys {
		text := fmt.Sprintf("%s trained on %s, %s, repeats %s", nb1b1.Dataset, nb1b1.TrainedOn, key, seeds)
		columns = append(columns, column{key: text, ask: func() (answer, error) {
			got, err := table.Query(cell, key, seeds)
			a := answer{got.Accuracy, got.Std, len(got.Trials), nil}
			for _, trial := range got.Trials {
				a.trials = append(a.trials, fmt.Sprintf("repeat %d: %.4f %%, %.0f s", trial.Seed, trial.Accuracy, trial.Seconds))
			}
			return a, err
		}})
	}
	parameters, err := table.Parameters(cell)
	if err != nil {
		return err
	}
	var out strings.Builder
	whole := c
	whole.out = &out
	if err := q.answers(whole, about, columns); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n%d parameters\n%s", cell, parameters, out.String())
	return nil
}

// noProtocol lists those that there are.
func noProtocol[P any](name string, protocols []P, of func(P) string) error {
	var names []string
	for _, p := range protocols {
		names = append(names, of(p))
	}
	return fmt.Errorf("no protocol %q for this table, want one of %q", name, names)
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
	space, err := protocol.LookupSpace(table.Space)
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
		accuracies := make([]float64, len(rows))
		for i, row := range rows {
			accuracies[i] = row.Test
			if split == "valid" {
				accuracies[i] = row.Valid
			}
		}
		fmt.Fprintf(c.out, "%s, %s: %.4f %%, mean of %d\n", table.Dataset, split, reports.Summarize(accuracies).Mean, len(rows))
		for i, row := range rows {
			fmt.Fprintf(c.out, "  seed %d: %.4f %%\n", row.Trial, accuracies[i])
		}
	}
	return nil
}

// nb201 asks a table of cells of NAS-Bench-201, be it the official one, the public
// extracts or one that was trained here.
func (q *queryCmd) nb201(c console) error {
	cell, err := nb201.Parse(q.Cell)
	if err != nil {
		return err
	}
	table, err := openNB201(q.Table)
	if err != nil {
		return err
	}
	seeds, err := trials.Parse(q.Seeds)
	if err != nil {
		return err
	}
	wanted, about, seeds, err := q.nb201Columns(table, seeds)
	if err != nil {
		return err
	}
	var columns []column
	for _, w := range wanted {
		col := column{key: fmt.Sprintf("%s, seeds %s", w.Key, seeds), ask: func() (answer, error) {
			got, err := table.Query(cell, w.Key, seeds)
			a := answer{got.Accuracy, got.Std, got.Count(), nil}
			for _, trial := range got.Trials {
				a.trials = append(a.trials, fmt.Sprintf("seed %d: %.4f %%", trial.Seed, trial.Accuracy))
			}
			return a, err
		}}
		if w.Column != "" {
			col.name = w.Dataset + " " + w.Column
		}
		columns = append(columns, col)
	}
	var out strings.Builder
	whole := c
	whole.out = &out
	if err := q.answers(whole, about, columns); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n%s", cell, out.String())
	return nil
}

// nb201Columns are what is asked for: one key, or the columns of a protocol, which
// also says what it is and which trials count.
func (q *queryCmd) nb201Columns(table *nb201.Table, seeds trials.Seeds) (wanted []nb201.Column, about string, of trials.Seeds, err error) {
	if q.Protocol == "" {
		key := nb201.Key{Dataset: q.Dataset, TrainedOn: q.TrainedOn, Split: q.Split, Epochs: q.Epochs}
		return []nb201.Column{{Key: key}}, "", seeds, nil
	}
	if err := q.single(); err != nil {
		return nil, "", seeds, err
	}
	all := nb201.Protocol{Name: everything, About: "all keys of the table, all trials", Seeds: trials.All}
	for _, key := range table.Keys() {
		all.Columns = append(all.Columns, nb201.Column{Dataset: key.Dataset, Key: key})
	}
	protocols := append(slices.Clone(nb201.Protocols), all)
	i := slices.IndexFunc(protocols, func(p nb201.Protocol) bool { return p.Name == q.Protocol })
	if i < 0 {
		return nil, "", seeds, noProtocol(q.Protocol, protocols, func(p nb201.Protocol) string { return p.Name })
	}
	for _, col := range protocols[i].Columns {
		if q.Dataset == "" || q.Dataset == col.Dataset {
			wanted = append(wanted, col)
		}
	}
	if len(wanted) == 0 {
		return nil, "", seeds, fmt.Errorf("protocol %q has no columns of data set %q", q.Protocol, q.Dataset)
	}
	return wanted, protocols[i].About, protocols[i].Seeds, nil
}
