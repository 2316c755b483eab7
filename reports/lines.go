package reports

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"idarts/internal/diagram/picture"
)

// Line is one curve of [Lines], with a mark at each point where Marks is set. A point whose
// number is not finite, or not above 0 on a logarithmic axis, is left out.
type Line struct {
	Label string
	X, Y  []float64
	Low   []float64 // with High: bars from one to the other; nil: none
	High  []float64
	Marks bool
}

// Lines draws curves over one axis, with a legend below.
func Lines(a Axes, logX, logY bool, lines ...Line) Figure {
	lines = slices.Clone(lines)
	if logY { // the library leaves room above a logarithmic axis for its name
		for i := range lines {
			lines[i].Y, lines[i].Low, lines[i].High = logarithms(lines[i].Y), logarithms(lines[i].Low), logarithms(lines[i].High)
		}
	}
	var l legend
	for i, one := range lines {
		l = append(l, entry{picture.ASCII(one.Label), drawnLine{one, i, logX}})
	}
	return Figure{Name: a.Name, Title: a.Title, Picture: page(l, func(c draw.Canvas) {
		p := newPlot()
		p.Title.Text = picture.ASCII(a.Title)
		p.X.Label.Text, p.Y.Label.Text = picture.ASCII(a.X), picture.ASCII(a.Y)
		limitLines(p, lines, logX, logY)
		p.Add(gridLines{})
		for i, one := range lines {
			p.Add(drawnLine{one, i, logX})
		}
		c = draw.Crop(c, picture.Margin, -picture.Margin, picture.Margin, -picture.Margin)
		height := l.draw(c, legendStyle())
		p.Draw(draw.Crop(c, 0, 0, height+6, 0))
	})}
}

// limitLines sets ranges and ticks that hold all lines.
func limitLines(p *plot.Plot, lines []Line, logX, logY bool) {
	axis := func(x *plot.Axis, logarithmic bool, of func(Line) [][]float64) {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, l := range lines {
			for _, values := range of(l) {
				for _, v := range values {
					if drawable(v, logarithmic) {
						lo, hi = min(lo, v), max(hi, v)
					}
				}
			}
		}
		switch {
		case lo > hi:
			lo, hi = 1, 2
		case logarithmic:
			lo, hi = lo/1.15, hi*1.15
		default:
			pad := max(0.04*(hi-lo), 1e-9)
			lo, hi = lo-pad, hi+pad
		}
		x.Min, x.Max, x.Tick.Marker = lo, hi, decimalTicks{}
		if logarithmic {
			x.Scale, x.Tick.Marker = plot.LogScale{}, logTicks{}
		}
	}
	axis(&p.X, logX, func(l Line) [][]float64 { return [][]float64{l.X} })
	axis(&p.Y, false, func(l Line) [][]float64 { return [][]float64{l.Y, l.Low, l.High} })
	if logY {
		p.Y.Tick.Marker = powerTicks{}
	}
}

// logarithms are those to base 10; of numbers that are not above 0 there are none.
func logarithms(x []float64) []float64 {
	if x == nil {
		return nil
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Log10(v)
	}
	return out
}

// powerTicks are [logTicks] of an axis of logarithms to base 10.
type powerTicks struct{}

func (powerTicks) Ticks(lo, hi float64) []plot.Tick {
	ticks := logTicks{}.Ticks(math.Pow(10, lo), math.Pow(10, hi))
	for i := range ticks {
		ticks[i].Value = math.Log10(ticks[i].Value)
	}
	return ticks
}

func drawable(v float64, logarithmic bool) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (v > 0 || !logarithmic)
}

// drawnLine is a line with its look.
type drawnLine struct {
	Line
	look int
	logX bool
}

// Plot implements [plot.Plotter].
func (l drawnLine) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	style, mark := styles(l.look)
	var points []vg.Point
	for i, x := range l.X {
		if !drawable(x, l.logX) || !drawable(l.Y[i], false) {
			continue
		}
		at := vg.Point{X: toX(x), Y: toY(l.Y[i])}
		points = append(points, at)
		if l.Low != nil {
			bar := draw.LineStyle{Color: style.Color, Width: 0.6}
			c.StrokeLine2(bar, at.X, toY(max(l.Low[i], p.Y.Min)), at.X, toY(min(l.High[i], p.Y.Max)))
		}
	}
	if len(points) > 1 {
		c.StrokeLines(style, points)
	}
	if l.Marks {
		for _, at := range points {
			c.DrawGlyph(mark, at)
		}
	}
}

// Thumbnail draws the line in the legend.
func (l drawnLine) Thumbnail(c *draw.Canvas) {
	style, mark := styles(l.look)
	y := c.Center().Y
	c.StrokeLine2(style, c.Min.X, y, c.Max.X-2*mark.Radius, y)
	if l.Marks {
		c.DrawGlyph(mark, vg.Point{X: c.Max.X - mark.Radius, Y: y})
	}
}
