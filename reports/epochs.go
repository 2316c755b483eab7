package reports

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"idarts/internal/diagram/picture"
	"idarts/internal/result"
)

// Epochs makes the figure of errors by epoch of each (space, data set, protocol)
// among runs: the valid and the test error, 100 minus accuracy in percent, of the
// cell derived after each epoch of the search, as the mean over the finished
// seeds with a band of one standard error on either side. Both panels have the
// same scale, a logarithmic one where the means are positive and differ tenfold.
//
// Where opts know the best scores, the lowest error of the space is taken off and
// the panels show regret in percentage points. It may be negative where the best
// that is known is not the optimum.
//
// Methods of opts.NoEpochs have no curve; the legend says so. Epochs of different
// methods may cost differently: [Anytime] shows them by cost.
func Epochs(runs []result.Run, opts Options) []Figure {
	var figures []Figure
	for _, g := range groups(runs, opts) {
		f := g.epochs(opts)
		if len(f.curves[Valid]) == 0 {
			continue
		}
		notes := g.problems()
		if f.best != nil {
			notes = append(notes, fmt.Sprintf("Lowest errors: %s.", f.best.Source))
		}
		figures = append(figures, Figure{
			Name: g.name() + "-epochs", Title: f.title, Notes: notes,
			Picture: page(f.legend(), f.draw),
		})
	}
	return figures
}

// byEpoch shows errors by epoch in two panels.
type byEpoch struct {
	title  string
	best   *Best      // nil: errors, not regret
	curves [2][]curve // by [Split]; the same methods in both
	empty  []string   // legend entries of methods without a curve
}

func (g group) epochs(opts Options) byEpoch {
	f := byEpoch{best: opts.best(g)}
	f.title = g.above() + ": the cell derived after each epoch\nmean (line) and standard error (band) over " + g.seedList()
	if f.best != nil {
		f.title += fmt.Sprintf("\nregret in percentage points (pp): error minus the lowest known in the space, %.2f %% valid and %.2f %% test", 100-f.best.Valid, 100-f.best.Test)
	}
	looks := g.looks(opts)
	for i, m := range g.methods {
		switch {
		case slices.Contains(opts.NoEpochs, m.name):
			f.empty = append(f.empty, m.title+": trains single cells, no epochs")
			continue
		case len(m.done) == 0:
			f.empty = append(f.empty, g.label(m))
			continue
		}
		for _, split := range []Split{Test, Valid} {
			var seeds []steps
			for _, run := range m.done {
				s := stepsOf(run, epochAxis, split)
				for i, accuracy := range s.y {
					s.y[i] = f.error(split, accuracy)
				}
				seeds = append(seeds, s)
			}
			c := average(seeds, standardError)
			c.label, c.look, c.straight = g.label(m), looks[i], true
			f.curves[split] = append(f.curves[split], c)
		}
	}
	return f
}

// error is what is drawn for an accuracy.
func (f byEpoch) error(split Split, accuracy float64) float64 {
	if f.best == nil {
		return 100 - accuracy
	}
	return split.of(result.Score{Valid: f.best.Valid, Test: f.best.Test}) - accuracy
}

// standardError is the mean minus and plus one standard error; the mean itself
// where the spread is unknown.
func standardError(s Stats) (lo, hi float64) {
	if s.N < 2 {
		return s.Mean, s.Mean
	}
	e := s.Std / math.Sqrt(float64(s.N))
	return s.Mean - e, s.Mean + e
}

// legend are the entries of the curves and of what has none.
func (f byEpoch) legend() (entries legend) {
	for _, c := range f.curves[Valid] {
		entries = append(entries, entry{picture.ASCII(c.label), line{c, 1}})
	}
	for _, label := range f.empty {
		entries = append(entries, entry{picture.ASCII(label), nothing{}})
	}
	return entries
}

func (f byEpoch) draw(c draw.Canvas) {
	c = draw.Crop(c, picture.Margin, -picture.Margin, picture.Margin, -picture.Margin)
	title := picture.TextStyle(picture.TitleSize)
	title.XAlign, title.YAlign = draw.XCenter, draw.YTop
	c.FillText(title, vg.Point{X: c.Center().X, Y: c.Max.Y}, picture.ASCII(f.title))
	c.Max.Y -= title.Height(picture.ASCII(f.title)) + 6

	c.Min.Y += f.legend().draw(c, legendStyle()) + 6

	const between = 12
	half := (c.Max.X - c.Min.X - between) / 2
	f.drawPanel(draw.Crop(c, 0, -half-between, 0, 0), Valid)
	f.drawPanel(draw.Crop(c, half+between, 0, 0, 0), Test)
}

// drawPanel writes the label of the y axis itself: plot takes the middle of a
// logarithmic axis for its mean value, which makes room above it.
func (f byEpoch) drawPanel(c draw.Canvas, split Split) {
	text := [...]string{"test", "valid"}[split] + " error (%)"
	if f.best != nil {
		text = [...]string{"test", "valid"}[split] + " regret (pp)"
	}
	style := picture.TextStyle(labelSize)
	style.Rotation = math.Pi / 2
	style.XAlign, style.YAlign = draw.XCenter, draw.YTop
	p := f.panel(split)
	plotted := draw.Crop(c, style.Font.Size*1.3+2, 0, 0, 0)
	p.Draw(plotted)
	data := p.DataCanvas(plotted)
	c.FillText(style, vg.Point{X: c.Min.X, Y: data.Center().Y}, text)
}

func (f byEpoch) panel(split Split) *plot.Plot {
	p := newPlot()
	p.X.Label.Text = "epochs of the search"
	f.limits(p)
	p.Add(gridLines{})
	for _, c := range f.curves[split] {
		p.Add(band{c, 1})
	}
	for _, c := range f.curves[split] {
		p.Add(line{c, 1})
	}
	return p
}

// limits sets the ranges and ticks of a panel, from the curves of both.
func (f byEpoch) limits(p *plot.Plot) {
	first, last := math.Inf(1), math.Inf(-1)
	lo, hi := math.Inf(1), math.Inf(-1)      // with bands
	least, most := math.Inf(1), math.Inf(-1) // of the means
	for _, curves := range f.curves {
		for _, c := range curves {
			first, last = min(first, c.x[0]), max(last, c.x[len(c.x)-1])
			for i := range c.x {
				lo, hi = min(lo, c.lo[i]), max(hi, c.hi[i])
				least, most = min(least, c.mean[i]), max(most, c.mean[i])
			}
		}
	}
	side := max(0.04*(last-first), 0.1)
	p.X.Min, p.X.Max = first-side, last+side
	p.X.Tick.Marker = wholeTicks{}
	if least > 0 && most >= 10*least {
		// A band that reaches zero goes to the lower end.
		p.Y.Min, p.Y.Max = max(lo, least/2)/1.15, hi*1.15
		p.Y.Scale = plot.LogScale{}
		p.Y.Tick.Marker = logTicks{}
		return
	}
	pad := max(0.05*(hi-lo), 0.25)
	p.Y.Min, p.Y.Max = lo-pad, hi+pad
	p.Y.Tick.Marker = decimalTicks{}
}
