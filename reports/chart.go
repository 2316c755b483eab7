package reports

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"idarts/internal/diagram/picture"
)

// Axes names a figure and what its axes are.
type Axes struct {
	Name  string // of the file, without extension
	Title string
	X, Y  string
}

// figure is a chart of the usual size.
func (a Axes) figure(limits func(p *plot.Plot), on ...plot.Plotter) Figure {
	return Figure{Name: a.Name, Title: a.Title, Picture: page(nil, chart{a, limits, on}.draw)}
}

// chart is a plot without a legend.
type chart struct {
	Axes
	limits func(p *plot.Plot)
	on     []plot.Plotter
}

func (f chart) draw(c draw.Canvas) {
	p := newPlot()
	p.Title.Text = picture.ASCII(f.Title)
	p.X.Label.Text, p.Y.Label.Text = picture.ASCII(f.X), picture.ASCII(f.Y)
	p.X.Tick.Marker, p.Y.Tick.Marker = decimalTicks{}, decimalTicks{}
	f.limits(p)
	p.Add(gridLines{})
	p.Add(f.on...)
	p.Draw(draw.Crop(c, picture.Margin, -picture.Margin, picture.Margin, -picture.Margin))
}

// Histogram counts values in bins of the given width, whose borders are multiples
// of it. A value on a border counts in the bin above.
func Histogram(a Axes, values []float64, width float64) (Figure, error) {
	if len(values) == 0 || !(width > 0) || slices.ContainsFunc(values, math.IsNaN) {
		return Figure{}, fmt.Errorf("reports: histogram %q: %d values in bins of %v, want at least one value and numbers only", a.Name, len(values), width)
	}
	counts, first := bins(values, width)
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	return a.figure(func(p *plot.Plot) {
		p.X.Min, p.X.Max = float64(first-1)*width, float64(first+len(counts)+1)*width
		p.Y.Min, p.Y.Max = 0, 1.05*float64(most)
	}, bars{counts, first, width}), nil
}

// bins counts values; first is the number of the first bin, which begins at
// first·width.
func bins(values []float64, width float64) (counts []int, first int) {
	// The added part keeps 0.3/0.1, which is a little below 3, in its bin.
	at := func(v float64) int { return int(math.Floor(v/width + 1e-9)) }
	first, last := at(values[0]), at(values[0])
	for _, v := range values {
		first, last = min(first, at(v)), max(last, at(v))
	}
	counts = make([]int, last-first+1)
	for _, v := range values {
		counts[at(v)-first]++
	}
	return counts, first
}

// bars are the columns of a histogram.
type bars struct {
	counts []int
	first  int
	width  float64
}

// Plot implements [plot.Plotter].
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	for i, n := range b.counts {
		if n > 0 {
			left, right := float64(b.first+i)*b.width, float64(b.first+i+1)*b.width
			c.FillPolygon(palette[2], rectangle(toX(left)+0.2, toX(right)-0.2, toY(0), toY(float64(n))))
		}
	}
}

func rectangle(left, right, bottom, top vg.Length) []vg.Point {
	return []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}}
}

// Scatter draws pairs as dots, with the line of equal numbers where same.
func Scatter(a Axes, x, y []float64, same bool) (Figure, error) {
	if err := a.pairs(x, y); err != nil {
		return Figure{}, err
	}
	d := dots{x, y}
	on := []plot.Plotter{d}
	if same {
		on = []plot.Plotter{diagonal{}, d}
	}
	return a.figure(func(p *plot.Plot) { cover(p, x, y, same) }, on...), nil
}

// Density draws how many pairs fall into each cell of a grid, on a logarithmic
// scale of grey: thousands of dots would hide each other.
func Density(a Axes, x, y []float64) (Figure, error) {
	if err := a.pairs(x, y); err != nil {
		return Figure{}, err
	}
	return a.figure(func(p *plot.Plot) { cover(p, x, y, false) }, density{x, y}), nil
}

func (a Axes) pairs(x, y []float64) error {
	if len(x) != len(y) {
		panic("reports: length mismatch")
	}
	if len(x) == 0 {
		return fmt.Errorf("reports: figure %q: no pairs, want at least one", a.Name)
	}
	return nil
}

// cover sets both axes to what x and y span; to one range where same.
func cover(p *plot.Plot, x, y []float64, same bool) {
	span := func(values []float64) (lo, hi float64) {
		lo, hi = values[0], values[0]
		for _, v := range values {
			lo, hi = min(lo, v), max(hi, v)
		}
		pad := max(0.03*(hi-lo), 0.25)
		return lo - pad, hi + pad
	}
	p.X.Min, p.X.Max = span(x)
	p.Y.Min, p.Y.Max = span(y)
	if same {
		p.X.Min, p.Y.Min = min(p.X.Min, p.Y.Min), min(p.X.Min, p.Y.Min)
		p.X.Max, p.Y.Max = max(p.X.Max, p.Y.Max), max(p.X.Max, p.Y.Max)
	}
}

type dots struct{ x, y []float64 }

// Plot implements [plot.Plotter].
func (d dots) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	shade := palette[2]
	shade.A = 0x80
	for i := range d.x {
		at := vg.Point{X: toX(d.x[i]), Y: toY(d.y[i])}
		mark{12, 0}.DrawGlyph(&c, draw.GlyphStyle{Color: shade, Radius: 1.4}, at)
	}
}

// diagonal is the line of equal numbers.
type diagonal struct{}

// Plot implements [plot.Plotter].
func (diagonal) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	lo, hi := max(p.X.Min, p.Y.Min), min(p.X.Max, p.Y.Max)
	c.StrokeLine2(guideStyle, toX(lo), toY(lo), toX(hi), toY(hi))
}

type density struct{ x, y []float64 }

// Plot implements [plot.Plotter].
func (d density) Plot(c draw.Canvas, p *plot.Plot) {
	const columns, rows = 120, 60
	toX, toY := p.Transforms(&c)
	var counts [columns][rows]int
	most := 0
	cell := func(v, lo, hi float64, n int) int { return min(int((v-lo)/(hi-lo)*float64(n)), n-1) }
	for i := range d.x {
		n := &counts[cell(d.x[i], p.X.Min, p.X.Max, columns)][cell(d.y[i], p.Y.Min, p.Y.Max, rows)]
		*n++
		most = max(most, *n)
	}
	edge := func(i, n int, lo, hi float64) float64 { return lo + (hi-lo)*float64(i)/float64(n) }
	for i := range counts {
		for j, n := range counts[i] {
			if n == 0 {
				continue
			}
			dark := math.Log(float64(n)+1) / math.Log(float64(most)+1)
			shade := color.Gray{Y: uint8(math.Round(215 * (1 - dark)))}
			c.FillPolygon(shade, rectangle(
				toX(edge(i, columns, p.X.Min, p.X.Max)), toX(edge(i+1, columns, p.X.Min, p.X.Max)),
				toY(edge(j, rows, p.Y.Min, p.Y.Max)), toY(edge(j+1, rows, p.Y.Min, p.Y.Max))))
		}
	}
}
