package reports

import (
	"math"
	"slices"

	"idarts/internal/result"
)

// Axis is what the x axis of a figure measures.
type Axis int

const (
	GFLOP   Axis = iota // arithmetic of the search: the same on every machine
	Seconds             // wall clock of the search, scoring left out
	Queries             // distinct architectures that were asked for; of methods that only ask

	epochAxis // of [Epochs]
)

// Split is which accuracy a figure shows.
type Split int

const (
	Test Split = iota
	Valid
)

// anytime shows the accuracy of the derived cell against the cost of the search,
// one curve a method.
type anytime struct {
	title  string
	axis   Axis
	split  Split
	best   float64 // drawn as a line; NaN for none
	curves []curve
	empty  []string // legend entries of methods without a finished seed
}

// curve is one method: step functions of x, each value holding until the next x,
// or values at each x joined by straight lines.
type curve struct {
	label        string
	look         int       // colour, dashes and mark
	x            []float64 // ascending
	mean, lo, hi []float64 // over the seeds, at each x
	seeds        int
	straight     bool
}

// Anytime makes the figure of each (space, data set, protocol) among runs.
//
// A search can be stopped after any epoch and then gives the cell derived last,
// so the accuracy of one seed is a step function of the cost. Where seeds
// differ in cost, each is evaluated at the costs of all of them, from the first
// cost at which every seed has a cell. A seed that is through keeps its cell. Failed and
// unfinished seeds are left out and counted in the legend.
//
// With [Queries] there are only the methods of opts.NoEpochs, each epoch of which is
// one query, and no figure of less than two of them.
//
// With [Seconds] a run that has not a time for each event is left out, and named in the
// notes.
func Anytime(runs []result.Run, axis Axis, split Split, opts Options) []Figure {
	var figures []Figure
	if axis == Seconds {
		runs = timed(runs, func(r result.Run) bool { return len(r.Timing.SearchSeconds) == len(r.Events) })
	}
	for _, g := range groups(runs, opts) {
		f := g.anytime(axis, split, opts)
		least := 1
		if axis == Queries {
			least = 2
		}
		if len(f.curves) >= least {
			figures = append(figures, Figure{
				Name:  g.name() + "-" + [...]string{"test", "valid"}[split] + "-" + [...]string{"gflop", "seconds", "queries"}[axis],
				Title: f.title, Notes: g.problems(),
				Picture: page(f.legend(), f.draw),
			})
		}
	}
	return figures
}

func (g group) anytime(axis Axis, split Split, opts Options) anytime {
	f := anytime{
		title: g.above() + "\nmean (line) and min-max range (band) over " + g.seedList(),
		axis:  axis,
		split: split,
		best:  math.NaN(),
	}
	if best := opts.best(g); best != nil {
		f.best = split.of(result.Score{Valid: best.Valid, Test: best.Test})
	}
	looks := g.looks(opts)
	for i, m := range g.methods {
		if axis == Queries && !slices.Contains(opts.NoEpochs, m.name) {
			continue
		}
		var seeds []steps
		for _, run := range m.done {
			seeds = append(seeds, stepsOf(run, axis, split))
		}
		label := g.label(m)
		if len(seeds) == 0 {
			f.empty = append(f.empty, label)
			continue
		}
		c := average(seeds, minMax)
		c.label, c.look = label, looks[i]
		f.curves = append(f.curves, c)
	}
	return f
}

// looks gives each row of g its colour, dashes and mark: the same in every figure
// for methods with a title, of which the first row has it.
func (g group) looks(opts Options) []int {
	looks := make([]int, len(g.methods))
	untitled := 0
	for i, m := range g.methods {
		looks[i] = opts.rank(m.name)
		if again := i > 0 && g.methods[i-1].name == m.name; again || looks[i] == len(opts.Titles) {
			looks[i] = len(opts.Titles)
			looks[i] += untitled
			untitled++
		}
	}
	return looks
}

// label is the legend entry of m, which says how many seeds are missing.
func (g group) label(m method) string {
	if len(m.done) == len(g.seeds()) {
		return m.title
	}
	return m.title + ", " + m.seeds()
}

func (s Split) of(score result.Score) float64 {
	if s == Valid {
		return score.Valid
	}
	return score.Test
}

// steps is the step function of one seed: y[i] from x[i] on. It has no value
// before x[0].
type steps struct{ x, y []float64 }

// at is the value at x; x must not lie before the first point.
func (s steps) at(x float64) float64 {
	i, found := slices.BinarySearch(s.x, x)
	if !found {
		i--
	}
	return s.y[i]
}

// stepsOf reads a finished run. Epochs whose cell was not scored are skipped;
// the result's own score stands at the end.
func stepsOf(run result.Run, axis Axis, split Split) steps {
	var s steps
	add := func(x, y float64) {
		if n := len(s.x); n > 0 && s.x[n-1] >= x {
			s.y[n-1] = y // the later of two cells at one cost
			return
		}
		s.x, s.y = append(s.x, x), append(s.y, y)
	}
	x := 0.0
	for i, e := range run.Events {
		switch axis {
		case Seconds:
			x += run.Timing.SearchSeconds[i]
		case GFLOP:
			x = e.GFLOP
		case Queries, epochAxis:
			x = float64(e.Epoch)
		}
		if e.Score.Source != "" {
			add(x, split.of(e.Score))
		}
	}
	switch axis {
	case GFLOP:
		x = run.Result.GFLOP
	case Queries, epochAxis:
		x = float64(run.Result.Epochs)
	}
	add(x, split.of(run.Result.Score))
	return s
}

// minMax is the range of the seeds.
func minMax(s Stats) (lo, hi float64) { return s.Min, s.Max }

// average takes the mean and the spread of step functions at all their points,
// from the last of their first points on.
func average(seeds []steps, spread func(Stats) (lo, hi float64)) curve {
	from := math.Inf(-1)
	var grid []float64
	for _, s := range seeds {
		from = max(from, s.x[0])
		grid = append(grid, s.x...)
	}
	slices.Sort(grid)
	c := curve{seeds: len(seeds)}
	for _, x := range slices.Compact(grid) {
		if x < from {
			continue
		}
		values := make([]float64, len(seeds))
		for i, s := range seeds {
			values[i] = s.at(x)
		}
		stats := Summarize(values)
		c.x = append(c.x, x)
		lo, hi := spread(stats)
		c.mean, c.lo, c.hi = append(c.mean, stats.Mean), append(c.lo, lo), append(c.hi, hi)
	}
	return c
}
