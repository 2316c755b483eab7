package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"idarts/internal/result"
)

// Compare makes the main table of each (space, data set, protocol) among runs,
// one row a method. Nothing in it depends on the clock or the machine's speed.
//
// The columns are the valid and test accuracy of the derived cell and the
// arithmetic of the search as mean ± sample standard deviation over the
// finished seeds, how many seeds those are of how many, and the gap from the
// mean test accuracy up to the best known, in percentage points. Where the runs
// know the optimum of their space, the gap has its standard error beside it, see
// [gapError], and two rows at the end show the cell of best test accuracy and that of
// best validation accuracy, with their trials. A method's
// published row follows its own where data set and protocol are the paper's and
// all scores come from the benchmark's table. Where the table has the columns of papers, a
// second table has those.
func Compare(runs []result.Run, opts Options) Tables {
	var tables Tables
	all := groups(runs, opts)
	for _, g := range all {
		tables = append(tables, g.compare(opts))
		if t, ok := g.columns(); ok {
			tables = append(tables, t)
		}
	}
	return tables.withSettings(all)
}

func (g group) compare(opts Options) Table {
	best := opts.best(g)
	explained := best.explain(g.optimum())
	if best == nil {
		best = g.bestHere()
		explained = best.explainHere()
	}
	optimum, gapName := g.optimum(), "Gap (pp)"
	if optimum != nil {
		gapName = "Gap to optimum (pp)"
	}
	unit := costUnit(g.done())
	t := Table{
		Name:   g.name(),
		Header: []string{"Method", "Valid (%)", "Test (%)", "n", gapName, "Search (" + unit.name + ")"},
		methods: [][]string{{"kind", "space", "dataset", "protocol", "method", settingsColumn, "n", "n_asked",
			"valid_mean", "valid_std", "valid_min", "valid_max", "test_mean", "test_std", "test_min", "test_max",
			"gap", "gap_se", "gflop_mean", "gflop_std", "gflop_min", "gflop_max", "source"}},
		seeds: seedRows(g, []string{"arch", "valid", "test", "trials", "score_source", "gflop", "epochs", "gap_to_optimum"}, func(r result.Run) []string {
			s := r.Result.Score
			gap := math.NaN()
			if optimum != nil {
				gap = optimum.BestTest.Score.Test - s.Test
			}
			return []string{r.Result.Arch, full(s.Valid), full(s.Test), strconv.Itoa(s.Trials), s.Source, full(r.Result.GFLOP), strconv.Itoa(r.Result.Epochs), full(gap)}
		}),
	}
	for _, m := range g.methods {
		t.addMethod(g, m, best, unit)
		if p, ok := g.published(m); ok {
			t.addPublished(g, m, p)
		}
	}
	if optimum != nil {
		t.addOptimum(g, optimum)
	}
	t.Notes = append(t.Notes, g.unknownErrors()...)
	t.Notes = append(t.Notes, g.problems()...)
	t.Caption = strings.TrimSpace(g.heading() +
		" Accuracy of the derived cell in percent and arithmetic of the search: mean ± sample standard deviation over n seeds. " +
		explained + " " + g.demonstration() + g.predicted() + g.origin())
	return t
}

// enoughSteps is how many architecture steps a search takes at least from which more than
// a demonstration may be read.
const enoughSteps = 1000

// demonstration is the sentence that a table has where methods that move α by an optimiser take
// few steps; else "".
func (g group) demonstration() string {
	var few []string
	for _, m := range g.methods {
		most := 0.0
		for _, run := range m.done {
			steps := 0.0
			for _, e := range run.Events {
				steps += e.Extra[result.ArchSteps]
			}
			most = max(most, steps)
		}
		if most > 0 && most < enoughSteps {
			few = append(few, fmt.Sprintf("%s %.0f", m.title, most))
		}
	}
	if few == nil {
		return ""
	}
	return fmt.Sprintf("This is a demonstration and no comparison: it takes %d architecture steps to speak of one, and there are of %s. ", enoughSteps, strings.Join(few, ", "))
}

// predicted is the sentence that a table has whose scores are no measurements; else "".
func (g group) predicted() string {
	for _, run := range g.done() {
		if strings.HasPrefix(run.Result.Score.Source, "surrogate:") {
			return "Accuracies are predictions of a surrogate and no measurements; it has one for each cell, which stands in both columns. "
		}
	}
	return ""
}

// gapError is the standard error of the gap from the mean test accuracy of some runs up
// to an optimum, both means of independent numbers:
//
//	gap = o − r,  SE(gap) = √(s_o²/n_o + s_r²/n_r)
//
// o is the mean over the n_o trials of the optimum and s_o their sample standard deviation,
// r the mean over the n_r runs and s_r theirs. NaN where one of the two is of fewer than
// two numbers. That the optimum is the highest of many means, and so too high on
// average, is not in it.
func gapError(optimum result.ArchScore, runs Stats) float64 {
	if optimum.TestSE == 0 || runs.N < 2 {
		return math.NaN()
	}
	return math.Sqrt(optimum.TestSE*optimum.TestSE + runs.Std*runs.Std/float64(runs.N))
}

// unknownErrors are the notes on gaps to the optimum without a standard error.
func (g group) unknownErrors() (notes []string) {
	optimum := g.optimum()
	if optimum == nil || optimum.BestTest.TestSE == 0 {
		return nil // the caption says so of all
	}
	for _, m := range g.methods {
		if len(m.done) == 1 {
			notes = append(notes, fmt.Sprintf("%s: no standard error of the gap, which takes two finished seeds.", m.title))
		}
	}
	if optimum.BestValid.TestSE == 0 {
		notes = append(notes, "Best by validation: no standard error of the gap, which takes two trials.")
	}
	return notes
}

// addMethod adds the row of a method: the statistics over its finished seeds, and
// the gap of their mean to best with its standard error.
func (t *Table) addMethod(g group, m method, best *Best, unit unit) {
	valid, test, cost := Summarize(m.values(validOf)), Summarize(m.values(testOf)), Summarize(m.values(gflopOf))
	gap := Stats{N: test.N, Mean: math.NaN(), Std: math.NaN()}
	if best != nil && test.N > 0 {
		gap.Mean = best.Test - test.Mean
	}
	if optimum := g.optimum(); optimum != nil {
		gap.Std = gapError(optimum.BestTest, test)
	}
	t.Rows = append(t.Rows, []string{m.title, valid.plusMinus(2), test.plusMinus(2), m.seeds(), gap.plusMinus(2), cost.costs(unit)})
	row := []string{"ours", g.space, g.dataset, g.protocol, m.name, g.settings(m), strconv.Itoa(len(m.done)), strconv.Itoa(len(m.runs))}
	row = append(row, valid.full()...)
	row = append(row, test.full()...)
	row = append(row, full(gap.Mean), full(gap.Std))
	row = append(row, cost.full()...)
	t.methods = append(t.methods, append(row, strings.Join(distinct(m.done, func(r result.Run) string { return r.Result.Score.Source }), "; ")))
}

// addPublished adds the row of what a paper reports of a method, and its note. Their
// marks are the places of the notes, so these come before all others.
func (t *Table) addPublished(g group, m method, p Published) {
	mark := strconv.Itoa(len(t.Notes) + 1)
	valid, test := p.stats()
	t.Rows = append(t.Rows, []string{m.title + ", published [" + mark + "]", valid.plusMinus(2), test.plusMinus(2), p.n(), missing, missing})
	t.Notes = append(t.Notes, p.note(mark))
	row := []string{"published", g.space, g.dataset, g.protocol, m.name, "", "", ""}
	if p.N > 0 {
		row[6] = strconv.Itoa(p.N)
	}
	row = append(row, valid.full()...)
	row = append(row, test.full()...)
	row = append(row, "", "", "", "", "", "")
	t.methods = append(t.methods, append(row, p.Source))
}

// addOptimum adds the rows of the two cells that a complete table singles out, and
// a note on each.
func (t *Table) addOptimum(g group, o *result.Optimum) {
	for _, cell := range []struct {
		kind, title, what string
		result.ArchScore
	}{
		{"optimum", "Optimum", "the best test accuracy", o.BestTest},
		{"best-valid", "Best by validation", "the best valid accuracy, where a search ends that misses nothing", o.BestValid},
	} {
		s := cell.Score
		gap := Stats{N: 1, Mean: o.BestTest.Score.Test - s.Test, Std: math.NaN()}
		known := trials(s.Trials)
		if cell.TestSE > 0 {
			known += fmt.Sprintf(", standard error of the test accuracy %.2f", cell.TestSE)
			if o.BestTest.TestSE > 0 && cell.Arch != o.BestTest.Arch {
				gap.Std = math.Hypot(o.BestTest.TestSE, cell.TestSE)
			}
		}
		n, trained := missing, ""
		if s.Trials > 0 {
			n, trained = trials(s.Trials), strconv.Itoa(s.Trials)
		}
		t.Rows = append(t.Rows, []string{cell.title, fixed(s.Valid, 2), fixed(s.Test, 2), n, gap.plusMinus(2), missing})
		t.methods = append(t.methods, []string{cell.kind, g.space, g.dataset, g.protocol, "", g.varies, trained, "",
			full(s.Valid), "", "", "", full(s.Test), "", "", "", full(gap.Mean), full(gap.Std), "", "", "", "", s.Source})
		t.Notes = append(t.Notes, fmt.Sprintf("%s: the cell of %s, %s (%s).", cell.title, cell.what, cell.Arch, known))
	}
}

// heading is the first sentence of a caption.
func (g group) heading() string {
	return strings.TrimSpace(fmt.Sprintf("%s on %s, protocol %s, %s. %s", g.title, g.dataset, g.protocolID(), g.seedList(), g.common()))
}

// bestHere is the architecture with the best test accuracy among all that the
// runs of g scored, during the search or at its end; nil when there is none.
func (g group) bestHere() *Best {
	var archs []string
	best := Best{Space: g.space, Dataset: g.dataset, Valid: math.Inf(-1), Test: math.Inf(-1)}
	scored := map[string]bool{}
	add := func(arch string, s result.Score) {
		if s.Source == "" {
			return
		}
		if !scored[arch] {
			scored[arch] = true
			archs = append(archs, arch)
		}
		best.Valid, best.Test = max(best.Valid, s.Valid), max(best.Test, s.Test)
	}
	for _, run := range g.done() {
		for _, e := range run.Events {
			add(e.Arch, e.Score)
		}
		add(run.Result.Arch, run.Result.Score)
	}
	if len(archs) == 0 {
		return nil
	}
	best.Source = fmt.Sprintf("best of the %s scored in these runs, not the optimum of the space", count(len(archs), "architecture"))
	return &best
}

// explain says what gaps to the best known are taken to, and what stands behind their ±.
// optimum is nil where b is not that of the runs' table.
func (b *Best) explain(optimum *result.Optimum) string {
	if b == nil {
		return ""
	}
	if optimum == nil || optimum.BestTest.TestSE == 0 {
		return b.gap() + ", without its standard error, for which two trials or more of the optimum must be known."
	}
	return b.gap() + " ± its standard error, the root of the sum of the squared standard errors of the two means."
}

// explainHere is explain for gaps to the best of the runs themselves.
func (b *Best) explainHere() string {
	if b == nil {
		return "No architecture was scored, so there is no gap."
	}
	return b.gap() + "."
}

// gap is the difference that gaps to b are.
func (b *Best) gap() string {
	return fmt.Sprintf("Gap: %.2f (%s) minus the mean test accuracy, in percentage points", b.Test, b.Source)
}

// published finds the row of a paper that may stand beside m.
func (g group) published(m method) (Published, bool) {
	if len(m.done) == 0 {
		return Published{}, false
	}
	for _, run := range m.done {
		if !strings.HasPrefix(run.Result.Score.Source, "table:") || run.Cell.Settings != "" {
			return Published{}, false
		}
	}
	for _, p := range PublishedRows() {
		if p.Method == m.name && p.Space == g.space && p.Searched == g.dataset && p.Dataset == g.dataset && p.Protocol == g.protocol {
			return p, true
		}
	}
	return Published{}, false
}

// seedRows is the table of single runs: the cell, its state, and what finished
// runs have to say under the names given.
func seedRows(g group, names []string, of func(result.Run) []string) [][]string {
	rows := [][]string{append([]string{"space", "dataset", "protocol", "method", settingsColumn, "seed", "state"}, names...)}
	for _, m := range g.methods {
		for _, run := range m.runs {
			c := run.Cell
			row := []string{c.Space, c.Dataset, c.Protocol, c.Method, g.settings(m), strconv.FormatUint(c.Seed, 10)}
			switch {
			case run.Result != nil:
				row = append(append(row, "done"), of(run)...)
			case run.Failure != nil:
				row = append(append(row, "failed"), make([]string, len(names))...)
			default:
				row = append(append(row, "unfinished"), make([]string, len(names))...)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// unit is a multiple of one GFLOP in which the costs of a table are readable.
type unit struct {
	name  string
	gflop float64
}

func costUnit(runs []result.Run) unit {
	most := 0.0
	for _, run := range runs {
		most = max(most, run.Result.GFLOP)
	}
	return unitFor(most)
}

func unitFor(most float64) unit {
	switch {
	case most < 1e5:
		return unit{"GFLOP", 1}
	case most < 1e8:
		return unit{"TFLOP", 1e3}
	}
	return unit{"PFLOP", 1e6}
}

// costs is plusMinus for a cost, without "± 0" where all seeds cost the same.
func (s Stats) costs(u unit) string {
	s.Mean, s.Std = s.Mean/u.gflop, s.Std/u.gflop
	if s.Min == s.Max {
		s.Std = math.NaN()
	}
	decimals := 0
	if s.Mean < 100 {
		decimals = 1
	}
	return s.plusMinus(decimals)
}

// full is mean, std, min and max in full precision.
func (s Stats) full() []string {
	return []string{full(s.Mean), full(s.Std), full(s.Min), full(s.Max)}
}

// full is x in as many digits as it takes to read the same x back; "" for NaN.
func full(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func fixed(x float64, decimals int) string {
	if math.IsNaN(x) {
		return missing
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}
