package reports

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/result"
	"idarts/internal/statistics"
)

// Statistics makes the table of what the differences between methods are worth, for each
// (space, data set, protocol) among runs. Every method is compared with one, against ("":
// first-order DARTS, or the first that has finished), over
// the seeds that both have finished: a seed fixes starting weights, α and batches, so that two
// runs of one seed are a pair. The columns are
//
//   - the interquartile mean of the test accuracy;
//   - the mean paired difference in points with its 95 % bootstrap interval (BCa, 10,000
//     resamples of a fixed stream), or the differences themselves where they are four or fewer;
//   - the probability that a run of the method is better than one of against;
//   - p of Wilcoxon's signed-rank test, exactly, and adjusted by Holm for all tests of the table;
//   - the entropy that α lost, beside what noise alone takes, see [result.Noise];
//   - the mean test accuracy over the logarithm of the arithmetic, from the first cost at which all
//     runs have a cell to the largest final one, and that at the smallest final cost of a run.
//
// Where a table of the whole space tells it, a note has what random search ends with on
// average. Of enough tables there is one more, [friedman].
func Statistics(runs []result.Run, against string, opts Options) (Tables, error) {
	var tables Tables
	all := groups(runs, opts)
	found := false
	for _, g := range all {
		if reference, ok := g.reference(against); ok {
			found = true
			tables = append(tables, g.statistics(reference))
		}
	}
	if !found {
		if against == "" {
			return nil, errors.New("no finished runs to compare")
		}
		return nil, fmt.Errorf("no finished runs of method %q to compare with, only of %q", against, methodsOf(all))
	}
	if t, ok := friedman(all); ok {
		tables = append(tables, t)
	}
	return tables.withSettings(all), nil
}

func methodsOf(gs []group) (names []string) {
	for _, g := range gs {
		for _, m := range g.methods {
			if len(m.done) > 0 && !slices.Contains(names, m.name) {
				names = append(names, m.name)
			}
		}
	}
	return names
}

// reference is the method that the others are compared with: the first row of that name.
func (g group) reference(name string) (method, bool) {
	finished := func(is func(method) bool) int {
		return slices.IndexFunc(g.methods, func(m method) bool { return len(m.done) > 0 && is(m) })
	}
	at := finished(func(m method) bool { return m.name == cmp.Or(name, "darts-v1") })
	if at < 0 && name == "" {
		at = finished(func(method) bool { return true })
	}
	if at < 0 {
		return method{}, false
	}
	return g.methods[at], true
}

// points is how many differences are printed one by one in place of an interval.
const points = 4

// compared is a method beside the reference.
type compared struct {
	method
	differences   []float64 // of test accuracies, by seed
	low, high     float64
	better, p     float64
	adjusted      float64
	area, atFixed Stats // test accuracy over the cost, and at one cost
}

func (g group) statistics(reference method) Table {
	from, to, fixedAt := g.costs()
	var rows, tested []*compared
	for _, m := range g.methods {
		c := &compared{method: m, p: math.NaN(), adjusted: math.NaN(), better: math.NaN()}
		c.area, c.atFixed = Summarize(m.values(areaOf(from, to))), Summarize(m.values(atCost(fixedAt)))
		rows = append(rows, c)
		if m.title == reference.title || len(m.done) == 0 {
			continue
		}
		c.differences = paired(m, reference)
		c.better = statistics.Improvement(m.values(testOf), reference.values(testOf))
		c.low, c.high = statistics.BCa(c.differences, statistics.Mean, 0.95, fixedStream(m.title))
		if len(c.differences) > points {
			_, c.p, _ = statistics.SignedRank(c.differences)
			tested = append(tested, c)
		}
	}
	var p []float64
	for _, c := range tested {
		p = append(p, c.p)
	}
	for i, adjusted := range statistics.Holm(p) {
		tested[i].adjusted = adjusted
	}
	unit := costUnit(g.done())
	t := Table{
		Name: g.name() + "-statistics",
		Header: []string{"Method", "IQM (%)", "Difference (pp)", "Better", "p", "p (Holm)", "Entropy lost (noise)", "Over cost (%)",
			fmt.Sprintf("At %s %s (%%)", digits(fixedAt/unit.gflop), unit.name), "Pairs", "SD: search, training"},
		methods: [][]string{{"space", "dataset", "protocol", "method", settingsColumn, "against", "pairs", "iqm", "difference", "low", "high",
			"probability_of_improvement", "p", "p_holm", "sd_search", "sd_training", "entropy_lost", "entropy_noise", "area_log_gflop", "gflop_from", "gflop_to", "test_at_gflop", "gflop_at"}},
		seeds: seedRows(g, []string{"difference", "area_log_gflop", "test_at_gflop"}, func(r result.Run) []string {
			d := math.NaN()
			if other, ok := reference.ofSeed(r.Cell.Seed); ok {
				d = testOf(r) - testOf(other)
			}
			return []string{full(d), full(areaOf(from, to)(r)), full(atCost(fixedAt)(r))}
		}),
	}
	for _, c := range rows {
		iqm := statistics.IQM(c.values(testOf))
		search, training := c.parts()
		t.Rows = append(t.Rows, []string{
			c.title, fixed(iqm, 2), c.text(reference), fixed(c.better, 2), fixed(c.p, 4), fixed(c.adjusted, 4), c.decided(),
			c.area.plusMinus(2), c.atFixed.plusMinus(2), strconv.Itoa(len(c.differences)), c.spreads(),
		})
		t.methods = append(t.methods, []string{g.space, g.dataset, g.protocol, c.name, g.settings(c.method), reference.name, strconv.Itoa(len(c.differences)),
			full(iqm), full(statistics.Mean(c.differences)), full(c.low), full(c.high), full(c.better), full(c.p), full(c.adjusted), full(search), full(training), full(Summarize(c.noise(lostOf)).Mean), full(Summarize(c.noise(noiseOf)).Mean),
			full(c.area.Mean), full(from), full(to), full(c.atFixed.Mean), full(fixedAt)})
	}
	t.Caption = strings.TrimSpace(g.heading() + fmt.Sprintf(" Test accuracy of the derived cell beside that of %s, seed by seed. "+
		"IQM: mean without the lowest and the highest quarter. Difference: mean over the pairs [95 %% bootstrap interval]; of %d pairs or fewer the differences themselves. "+
		"Better: how often a run of the method beats one of %s, equal ones half. p: Wilcoxon's signed-rank test, exact, two-sided; Holm: adjusted for the %d tests of this table. "+
		"SD: of what searches end with, the scatter of trainings taken off, and of a single training, pooled over the cells found that have two trials or more. "+
		"Entropy lost: of α, mean over rows in nats, and what Adam takes along noise alone. Over cost: mean over the logarithm of the arithmetic from %s to %s GFLOP; a search that has ended keeps its cell. Both of these: mean ± sample standard deviation over seeds. ",
		reference.title, points, reference.title, len(tested), digits(from), digits(to)) + g.origin())
	t.Notes = append(t.Notes, g.small(rows)...)
	t.Notes = append(t.Notes, g.chance()...)
	t.Notes = append(t.Notes, g.problems()...)
	return t
}

// digits is a cost in three digits, or in all of those before the point.
func digits(x float64) string {
	if x >= 100 {
		return fixed(x, 0)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// parts are the standard deviations of searches and of trainings.
func (c *compared) parts() (search, training float64) {
	var means, sds []float64
	var trials []int
	for _, run := range c.done {
		s := run.Result.Score
		means, sds, trials = append(means, s.Test), append(sds, s.TestSD), append(trials, s.Trials)
		if s.Trials > 1 && s.TestSD == 0 {
			trials[len(trials)-1] = 0 // not known, as in old records
		}
	}
	return statistics.Spreads(means, sds, trials)
}

// spreads is [compared.parts] as text.
func (c *compared) spreads() string {
	search, training := c.parts()
	if math.IsNaN(training) {
		return missing
	}
	return fixed(search, 2) + ", " + fixed(training, 2)
}

// text is a difference with its interval, or the single ones.
func (c *compared) text(reference method) string {
	switch {
	case c.title == reference.title:
		return "reference"
	case len(c.differences) == 0:
		return missing
	case len(c.differences) > points:
		return fmt.Sprintf("%+.2f [%+.2f, %+.2f]", statistics.Mean(c.differences), c.low, c.high)
	}
	var parts []string
	for _, d := range c.differences {
		parts = append(parts, fmt.Sprintf("%+.2f", d))
	}
	return strings.Join(parts, " ")
}

func lostOf(n *result.Noise) float64  { return n.Lost }
func noiseOf(n *result.Noise) float64 { return n.Mean }

// noise are numbers of the runs that know what noise alone does.
func (c *compared) noise(of func(*result.Noise) float64) (out []float64) {
	for _, run := range c.done {
		if n := run.Result.Noise; n != nil {
			out = append(out, of(n))
		}
	}
	return out
}

// decided is the mean entropy that α lost, and what noise takes, in nats.
func (c *compared) decided() string {
	if len(c.noise(lostOf)) == 0 {
		return missing
	}
	return fmt.Sprintf("%.3f (%.3f)", Summarize(c.noise(lostOf)).Mean, Summarize(c.noise(noiseOf)).Mean)
}

// small says which numbers of pairs are too few for a test at 5 %.
func (g group) small(rows []*compared) []string {
	var few []int
	for _, c := range rows {
		if n := len(c.differences); n > 0 && statistics.LeastP(n) > 0.05 && !slices.Contains(few, n) {
			few = append(few, n)
		}
	}
	slices.Sort(few)
	var notes []string
	for _, n := range few {
		notes = append(notes, fmt.Sprintf("Of %s no two-sided test can reach 5 %%: the smallest possible p is %.4g.", count(n, "pair"), statistics.LeastP(n)))
	}
	return notes
}

// chance is the note on what random search ends with on average.
func (g group) chance() []string {
	for _, run := range g.done() {
		if e := run.Result.Expected; e != nil {
			return []string{fmt.Sprintf("Random search with %s, exactly from the table: test accuracy %.2f on average, standard deviation %.2f; single runs are a matter of luck.",
				count(e.Draws, "cell"), e.Test, e.TestSD)}
		}
	}
	return nil
}

// paired are the differences of test accuracies over the seeds that both have, ascending.
func paired(m, reference method) (differences []float64) {
	for _, run := range m.done {
		if other, ok := reference.ofSeed(run.Cell.Seed); ok {
			differences = append(differences, testOf(run)-testOf(other))
		}
	}
	return differences
}

// ofSeed is the finished run of a seed.
func (m method) ofSeed(seed uint64) (run result.Run, ok bool) {
	i := slices.IndexFunc(m.done, func(r result.Run) bool { return r.Cell.Seed == seed })
	if i < 0 {
		return run, false
	}
	return m.done[i], true
}

// fixedStream is the stream of a row's resamples, whatever other rows there are.
func fixedStream(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(20210718, h.Sum64()))
}

// costs are the arithmetic from which on all runs have a cell, the largest final one, and the
// smallest final one that is not below the first.
func (g group) costs() (from, to, fixedAt float64) {
	fixedAt = math.Inf(1)
	var lasts []float64
	for _, run := range g.done() {
		s := stepsOf(run, GFLOP, Test)
		from, to = max(from, s.x[0]), max(to, s.x[len(s.x)-1])
		lasts = append(lasts, s.x[len(s.x)-1])
	}
	for _, last := range lasts {
		if last >= from {
			fixedAt = min(fixedAt, last)
		}
	}
	return from, to, fixedAt
}

// areaOf is the mean test accuracy of a run over the logarithm of its cost.
func areaOf(from, to float64) func(result.Run) float64 {
	return func(r result.Run) float64 {
		s := stepsOf(r, GFLOP, Test)
		if !(from > 0 && to > from) {
			return math.NaN()
		}
		sum, x := 0.0, from
		for _, next := range append(slices.Clone(s.x), to) {
			if next = min(next, to); next > x {
				sum += s.at(x) * math.Log(next/x)
				x = next
			}
		}
		return sum / math.Log(to/from)
	}
}

// atCost is the test accuracy of a run when it has spent so much.
func atCost(x float64) func(result.Run) float64 {
	return func(r result.Run) float64 { return stepsOf(r, GFLOP, Test).at(x) }
}

// enough is how many tables it takes to rank methods over tables.
const enough = 6

// friedman ranks the methods that all tables have over the tables: Friedman's test of whether
// they differ at all, and the difference of mean ranks from which on two of them do (Nemenyi).
// ok is false for fewer than enough tables or three methods.
func friedman(gs []group) (t Table, ok bool) {
	var common []method
	if len(gs) >= enough {
		common = slices.DeleteFunc(slices.Clone(gs[0].methods), func(m method) bool {
			return slices.ContainsFunc(gs, func(g group) bool { _, has := g.reference(m.name); return !has })
		})
	}
	if len(common) < 3 {
		return t, false
	}
	blocks := make([][]float64, len(gs))
	for i, g := range gs {
		for _, m := range common {
			own, _ := g.reference(m.name)
			blocks[i] = append(blocks[i], -Summarize(own.values(testOf)).Mean) // rank 1 is the best
		}
	}
	chi2, p, mean := statistics.Friedman(blocks)
	t = Table{
		Name: "ranks", Header: []string{"Method", "Mean rank"},
		methods: [][]string{{"method", "mean_rank", settingsColumn}}, seeds: [][]string{{"method", settingsColumn}},
		Caption: fmt.Sprintf("Mean ranks of %d methods by mean test accuracy over %d tables, 1 is the best. Friedman's test: chi-squared %.3f with %d degrees of freedom, p %.4f. "+
			"Two methods differ at 5 %% where their mean ranks are %.2f apart (Nemenyi).", len(common), len(gs), chi2, len(common)-1, p, statistics.CriticalDifference(len(common), len(gs))),
	}
	for i, m := range common {
		t.Rows = append(t.Rows, []string{m.title, fixed(mean[i], 2)})
		t.methods = append(t.methods, []string{m.name, full(mean[i]), ""})
	}
	return t, true
}
