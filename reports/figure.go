package reports

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"idarts/internal/diagram/picture"
)

// Sizes of a chart's parts, in points but where another unit is said.
const (
	figureHeight = 9 * vg.Centimeter

	labelSize = 9
	tickSize  = 8
	lineSize  = 1.4
)

// palette holds the colours of Okabe and Ito (2008), which people with any of
// the common kinds of colour blindness can tell apart; their yellow is left out
// because it is hardly seen on white. Neighbours are of one family.
var palette = []color.NRGBA{
	{0x00, 0x00, 0x00, 0xff}, // black
	{0x56, 0xb4, 0xe9, 0xff}, // sky blue
	{0x00, 0x72, 0xb2, 0xff}, // blue
	{0xd5, 0x5e, 0x00, 0xff}, // vermillion
	{0xe6, 0x9f, 0x00, 0xff}, // orange
	{0x00, 0x9e, 0x73, 0xff}, // bluish green
	{0xcc, 0x79, 0xa7, 0xff}, // reddish purple
}

// dashes and marks tell the curves apart where colours are not printed.
var (
	dashes = [][]vg.Length{{2, 2}, {6, 2}, {7, 2, 1.5, 2}, nil, {4, 1.5}, {10, 2}, {1, 1.5}}
	marks  = []mark{{4, 0}, {4, 0.5}, {3, 1}, {40, 0}, {3, -1}, {5, 1}, {6, 0}}
)

// mark is a filled regular polygon, its first corner turned by so many quarter
// turns from the right, a square by half of one.
type mark struct {
	corners int
	turn    float64
}

// DrawGlyph draws m around at.
func (m mark) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	corners := make([]vg.Point, m.corners)
	for i := range corners {
		angle := 2*math.Pi*float64(i)/float64(m.corners) + m.turn*math.Pi/2
		corners[i] = at.Add(vg.Point{X: vg.Length(math.Cos(angle)), Y: vg.Length(math.Sin(angle))}.Scale(style.Radius))
	}
	c.FillPolygon(style.Color, corners)
}

// styles are those of curve number i. Colour, dashes and mark repeat together
// only after 49 curves.
func styles(i int) (draw.LineStyle, draw.GlyphStyle) {
	colour, other := palette[i%len(palette)], (i+i/len(palette))%len(dashes)
	return draw.LineStyle{Color: colour, Width: lineSize, Dashes: dashes[other]},
		draw.GlyphStyle{Color: colour, Radius: 3.5, Shape: marks[other]}
}

// Figure is a drawing of runs ready to be saved.
type Figure struct {
	Name  string   // a file name without extension: "nb201-fashion-laptop-test-gflop"
	Title string   // drawn above it, made from the runs
	Notes []string // failures and warnings, for the text beside the figure
	picture.Picture
}

// page is a chart of the usual size, and higher where the legend has more than three rows:
// the axes keep their room.
func page(l legend, d func(draw.Canvas)) picture.Picture {
	rows, _, _ := l.layout(picture.PageWidth-2*picture.Margin, legendStyle())
	return picture.Picture{Width: picture.PageWidth, Height: figureHeight + vg.Length(max(rows-3, 0))*legendRow(legendStyle()), Draw: d}
}

func legendStyle() draw.TextStyle {
	style := picture.TextStyle(tickSize)
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	return style
}

func legendRow(style draw.TextStyle) vg.Length { return style.Font.Size * 1.5 }

// legend are the entries of the curves, of what has none, and of the best known.
func (f anytime) legend() (entries legend) {
	scale, _ := f.xUnit()
	for _, c := range f.curves {
		entries = append(entries, entry{picture.ASCII(c.label), line{c, scale}})
	}
	for _, label := range f.empty {
		entries = append(entries, entry{picture.ASCII(label), nothing{}})
	}
	if !math.IsNaN(f.best) {
		entries = append(entries, entry{"best known", bestLine(f.best)})
	}
	return entries
}

// draw lays out the axes above and the legend below them.
func (f anytime) draw(c draw.Canvas) {
	p := newPlot()
	scale, unitName := f.xUnit()
	f.limits(p, scale)
	p.Title.Text = picture.ASCII(f.title)
	if _, _, lowest := f.accuracies(); lowest < p.Y.Min {
		p.Title.Text += fmt.Sprintf("\nnot shown: accuracies below %.1f %%, the lowest %.1f %%", p.Y.Min, lowest)
	}
	p.X.Label.Text = [...]string{"arithmetic of the search (" + unitName + ")", "search time (" + unitName + ")", "distinct cells queried"}[f.axis]
	p.Y.Label.Text = [...]string{"test", "valid"}[f.split] + " accuracy of the derived cell (%)"
	p.Add(gridLines{})

	for _, c := range f.curves {
		p.Add(band{c, scale})
	}
	for _, c := range f.curves {
		p.Add(line{c, scale})
	}
	if !math.IsNaN(f.best) {
		p.Add(bestLine(f.best))
	}

	c = draw.Crop(c, picture.Margin, -picture.Margin, picture.Margin, -picture.Margin)
	height := f.legend().draw(c, legendStyle())
	p.Draw(draw.Crop(c, 0, 0, height+6, 0))
}

// newPlot is an empty plot with our fonts and distances.
func newPlot() *plot.Plot {
	p := plot.New()
	p.Title.TextStyle.Font = picture.Font(picture.TitleSize)
	p.Title.Padding = 4
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = picture.Font(labelSize)
		axis.Label.Padding = 3
		axis.Tick.Label.Font = picture.Font(tickSize)
		axis.Tick.Length = 4
		axis.Padding = 0
	}
	return p
}

// legend is a list of entries, set in as few rows as fit.
type legend []entry

type entry struct {
	label string
	thumb plot.Thumbnailer
}

// layout is how many rows the entries have in a width, how wide their columns are, and how
// wide all of it is.
func (l legend) layout(width vg.Length, style draw.TextStyle) (rows int, widths []vg.Length, total vg.Length) {
	for fits := false; !fits && rows < len(l); fits = total <= width {
		rows++
		columns := (len(l) + rows - 1) / rows
		widths, total = make([]vg.Length, columns), -legendBetween
		for i, e := range l {
			widths[i%columns] = max(widths[i%columns], legendThumb+legendGap+style.Width(e.label)+legendBetween)
		}
		for _, w := range widths {
			total += w
		}
	}
	return rows, widths, total
}

// Widths of a legend: of a sample, of the space before its label, of that after it.
const legendThumb, legendGap, legendBetween = 26, 4, 14

// draw writes the entries row by row at the bottom of c and tells how high they
// are.
func (l legend) draw(c draw.Canvas, style draw.TextStyle) (height vg.Length) {
	rows, widths, total := l.layout(c.Rectangle.Size().X, style)
	rowHeight := legendRow(style)
	left := c.Min.X + (c.Rectangle.Size().X-total)/2
	x := left
	for i, e := range l {
		column := i % len(widths)
		if column == 0 {
			x = left
		}
		y := c.Min.Y + vg.Length(rows-1-i/len(widths))*rowHeight
		area := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: x, Y: y}, Max: vg.Point{X: x + legendThumb, Y: y + rowHeight},
		}}
		e.thumb.Thumbnail(&area)
		c.FillText(style, vg.Point{X: x + legendThumb + legendGap, Y: y + rowHeight/2 + 1}, e.label)
		x += widths[column]
	}
	return vg.Length(rows) * rowHeight
}

// accuracies is the range of the y axis, and the lowest accuracy of all. One dead cell on the
// way would squeeze all curves into a tenth of the figure: the axis shows no more than four
// times the range of where the curves end and of their medians, and what lies below is cut.
func (f anytime) accuracies() (lo, hi, lowest float64) {
	lowest, hi = math.Inf(1), math.Inf(-1)
	kept := math.Inf(1)
	for _, c := range f.curves {
		lowest, hi = min(lowest, slices.Min(c.lo)), max(hi, slices.Max(c.hi))
		mean := slices.Sorted(slices.Values(c.mean))
		kept = min(kept, c.lo[len(c.lo)-1], mean[(len(mean)-1)/2])
	}
	if !math.IsNaN(f.best) {
		lowest, kept, hi = min(lowest, f.best), min(kept, f.best), max(hi, f.best)
	}
	return max(lowest, hi-4*max(hi-kept, 1)), hi, lowest
}

// limits sets the ranges and ticks of both axes. The x axis is logarithmic when
// the searches differ tenfold in cost.
func (f anytime) limits(p *plot.Plot, scale float64) {
	first, last, least := math.Inf(1), 0.0, math.Inf(1)
	for _, c := range f.curves {
		end := c.x[len(c.x)-1] / scale
		first, last, least = min(first, c.x[0]/scale), max(last, end), min(least, end)
	}
	lo, hi, _ := f.accuracies()
	pad := max(0.05*(hi-lo), 0.25)
	p.Y.Min, p.Y.Max = lo-pad, hi+pad
	p.Y.Tick.Marker = decimalTicks{}
	if first > 0 && last >= 10*least {
		p.X.Min, p.X.Max = first/1.08, last*1.08
		p.X.Scale = plot.LogScale{}
		p.X.Tick.Marker = logTicks{}
		return
	}
	p.X.Min, p.X.Max = 0, last*1.03
	if last == 0 {
		p.X.Max = 1
	}
	p.X.Tick.Marker = decimalTicks{}
}

// xUnit is the unit of the x axis: what to divide by, and its name.
func (f anytime) xUnit() (scale float64, name string) {
	most := 0.0
	for _, c := range f.curves {
		most = max(most, c.x[len(c.x)-1])
	}
	switch {
	case f.axis == Queries:
		return 1, ""
	case f.axis == Seconds && most > 3*3600:
		return 3600, "h"
	case f.axis == Seconds:
		return 1, "s"
	}
	u := unitFor(most)
	return u.gflop, u.name
}

// band is the range of a curve over its seeds.
type band struct {
	curve
	scale float64
}

func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	if b.seeds < 2 || len(b.x) < 2 {
		return
	}
	toX, toY := p.Transforms(&c)
	shade := palette[b.look%len(palette)]
	shade.A = 0x24
	upper, lower := b.points(b.hi, b.scale, p, toX, toY), b.points(b.lo, b.scale, p, toX, toY)
	slices.Reverse(lower)
	c.FillPolygon(shade, append(upper, lower...))
}

// line is the mean of a curve; its end has a mark and a bar over the range.
type line struct {
	curve
	scale float64
}

func (l line) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	points := l.points(l.mean, l.scale, p, toX, toY)
	style, mark := styles(l.look)
	if len(l.x) > 1 {
		c.StrokeLines(style, points)
	}
	end := points[len(points)-1]
	if n := len(l.x) - 1; l.seeds > 1 {
		const half = 2.5
		bar := draw.LineStyle{Color: style.Color, Width: 0.8}
		lo, hi := toY(max(l.lo[n], p.Y.Min)), toY(l.hi[n])
		c.StrokeLine2(bar, end.X, lo, end.X, hi)
		c.StrokeLine2(bar, end.X-half, lo, end.X+half, lo)
		c.StrokeLine2(bar, end.X-half, hi, end.X+half, hi)
	}
	c.DrawGlyph(mark, end)
}

// Thumbnail draws the line in the legend.
func (l line) Thumbnail(c *draw.Canvas) {
	style, mark := styles(l.look)
	y := c.Center().Y
	c.StrokeLine2(style, c.Min.X, y, c.Max.X-2*mark.Radius, y)
	c.DrawGlyph(mark, vg.Point{X: c.Max.X - mark.Radius, Y: y})
}

// nothing stands in the legend before a method without a curve.
type nothing struct{}

// Thumbnail draws nothing.
func (nothing) Thumbnail(*draw.Canvas) {}

// points are where the line of values y has its corners. What lies below the
// axis, as a logarithmic one has it, is drawn at its end.
func (c curve) points(y []float64, scale float64, p *plot.Plot, toX, toY func(float64) vg.Length) []vg.Point {
	var points []vg.Point
	for i := range c.x {
		x := toX(c.x[i] / scale)
		if i > 0 && !c.straight { // the last value holds until here
			points = append(points, vg.Point{X: x, Y: toY(max(y[i-1], p.Y.Min))})
		}
		points = append(points, vg.Point{X: x, Y: toY(max(y[i], p.Y.Min))})
	}
	return points
}

// bestLine is a horizontal line at the best known accuracy.
type bestLine float64

// guideStyle is that of lines that are no curves of their own.
var guideStyle = draw.LineStyle{Color: color.Gray{0x60}, Width: 0.8, Dashes: []vg.Length{1, 2}}

func (l bestLine) Plot(c draw.Canvas, p *plot.Plot) {
	_, toY := p.Transforms(&c)
	c.StrokeLine2(guideStyle, c.Min.X, toY(float64(l)), c.Max.X, toY(float64(l)))
}

func (bestLine) Thumbnail(c *draw.Canvas) {
	y := c.Center().Y
	c.StrokeLine2(guideStyle, c.Min.X, y, c.Max.X, y)
}

// gridLines are pale lines at the labelled ticks of the y axis.
type gridLines struct{}

func (gridLines) Plot(c draw.Canvas, p *plot.Plot) {
	_, toY := p.Transforms(&c)
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if !t.IsMinor() {
			c.StrokeLine2(draw.LineStyle{Color: color.Gray{0xe4}, Width: 0.5}, c.Min.X, toY(t.Value), c.Max.X, toY(t.Value))
		}
	}
}

// decimalTicks are ticks at 1, 2 or 5 times a power of ten, four to nine of
// them labelled.
type decimalTicks struct{}

func (decimalTicks) Ticks(lo, hi float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/4)))
	switch {
	case (hi-lo)/(5*step) >= 4:
		step *= 5
	case (hi-lo)/(2*step) >= 4:
		step *= 2
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var ticks []plot.Tick
	// Adding 0 turns -0, which prints as such, into 0.
	for i := math.Ceil(lo/step-1e-9) + 0; i*step <= hi+1e-9*step; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'f', decimals, 64)})
	}
	return ticks
}

// wholeTicks are those of decimalTicks at whole numbers from 1 on, to count with.
type wholeTicks struct{}

func (wholeTicks) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for _, t := range (decimalTicks{}).Ticks(lo, hi) {
		if whole := math.Round(t.Value); math.Abs(t.Value-whole) < 1e-6 && whole >= 1 {
			ticks = append(ticks, plot.Tick{Value: whole, Label: strconv.FormatFloat(whole, 'f', 0, 64)})
		}
	}
	return ticks
}

// logTicks are ticks at 1 to 9 times the powers of ten, labelled at 1, 2 and 5,
// or at 1 alone when that gives enough.
type logTicks struct{}

func (logTicks) Ticks(lo, hi float64) []plot.Tick {
	const labelled = "1 2 5"
	digits := labelled
	if hi/lo > 1e3 {
		digits = "1"
	}
	var ticks []plot.Tick
	for power := math.Floor(math.Log10(lo)); math.Pow(10, power) <= hi; power++ {
		for digit := 1; digit <= 9; digit++ {
			v := float64(digit) * math.Pow(10, power)
			if v < lo || v > hi {
				continue
			}
			t := plot.Tick{Value: v}
			if strings.Contains(digits, strconv.Itoa(digit)) {
				t.Label = strconv.FormatFloat(v, 'g', 6, 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
