package reports

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"idarts/internal/durable"
)

// Size of a figure and resolution of its PNG. At 16 cm it fills the width of a
// page, and its text is then as large as a caption's.
const (
	figureWidth  = 16 * vg.Centimeter
	figureHeight = 8.5 * vg.Centimeter
	figureDPI    = 240

	titleSize = 9
	labelSize = 9
	tickSize  = 8
	lineSize  = 1.5
)

// looks tell the curves apart by colour, dashes and the mark at the end. The
// colours are those of Okabe and Ito (2008), which people with any of the
// common kinds of colour blindness can tell apart; yellow is left out because
// it is hardly seen on white.
var looks = []struct {
	colour color.NRGBA
	dashes []vg.Length
	mark   draw.GlyphDrawer
}{
	{color.NRGBA{0x00, 0x72, 0xb2, 0xff}, nil, draw.CircleGlyph{}},
	{color.NRGBA{0xd5, 0x5e, 0x00, 0xff}, []vg.Length{6, 2}, draw.BoxGlyph{}},
	{color.NRGBA{0x00, 0x9e, 0x73, 0xff}, []vg.Length{2, 2}, draw.PyramidGlyph{}},
	{color.NRGBA{0xcc, 0x79, 0xa7, 0xff}, []vg.Length{7, 2, 1.5, 2}, draw.RingGlyph{}},
	{color.NRGBA{0x00, 0x00, 0x00, 0xff}, []vg.Length{4, 1.5}, draw.CrossGlyph{}},
	{color.NRGBA{0xe6, 0x9f, 0x00, 0xff}, []vg.Length{9, 2}, draw.SquareGlyph{}},
	{color.NRGBA{0x56, 0xb4, 0xe9, 0xff}, []vg.Length{1, 1.5}, draw.TriangleGlyph{}},
}

// Save draws f into each of paths, in the format of its extension: .svg, .pdf
// or .png. The same runs give the same bytes. Nothing is written when an
// extension is not known.
func (f Figure) Save(paths ...string) error {
	for _, path := range paths {
		if _, ok := canvases[filepath.Ext(path)]; !ok {
			return fmt.Errorf("reports: figure %q: unknown format %q, want .svg, .pdf or .png", path, filepath.Ext(path))
		}
	}
	for _, path := range paths {
		var content bytes.Buffer
		canvas := canvases[filepath.Ext(path)]()
		f.draw(draw.New(canvas))
		if _, err := canvas.WriteTo(&content); err != nil {
			return fmt.Errorf("reports: draw %q: %w", path, err)
		}
		if err := durable.WriteBytes(path, content.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

type writerCanvas interface {
	vg.CanvasSizer
	io.WriterTo
}

var canvases = map[string]func() writerCanvas{
	".svg": func() writerCanvas { return vgsvg.New(figureWidth, figureHeight) },
	".png": func() writerCanvas {
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(figureWidth, figureHeight), vgimg.UseDPI(figureDPI))}
	},
	".pdf": func() writerCanvas {
		// The canvas has no setters of its own for what differs from call to
		// call: the dates, and the order in which fonts are written.
		fpdf.SetDefaultCreationDate(time.Unix(0, 0).UTC())
		fpdf.SetDefaultModificationDate(time.Unix(0, 0).UTC())
		fpdf.SetDefaultCatalogSort(true)
		return vgpdf.New(figureWidth, figureHeight)
	},
}

// draw lays out the axes to the left and the legend to the right of them.
func (f Figure) draw(c draw.Canvas) {
	p := plot.New()
	sans := func(size vg.Length) font.Font {
		return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	}
	scale, unitName := f.xUnit()
	p.Title.Text = ascii(f.Title)
	p.Title.TextStyle.Font = sans(titleSize)
	p.Title.Padding = 4
	p.X.Label.Text = [...]string{"arithmetic of the search", "search time"}[f.axis] + " (" + unitName + ")"
	p.Y.Label.Text = [...]string{"test", "valid"}[f.split] + " accuracy of the derived cell (%)"
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = sans(labelSize)
		axis.Tick.Label.Font = sans(tickSize)
		axis.Label.Padding = 3
		axis.Padding = 0
	}
	f.limits(p, scale)
	p.Add(gridLines{})

	legend := plot.NewLegend()
	legend.TextStyle.Font = sans(tickSize)
	legend.Top, legend.Left = true, true
	legend.ThumbnailWidth = 26
	legend.Padding = 3
	for i, c := range f.curves {
		p.Add(band{c, i, scale})
	}
	for i, c := range f.curves {
		line := line{c, i, scale}
		p.Add(line)
		legend.Add(" "+ascii(c.label), line)
	}
	if !math.IsNaN(f.best) {
		p.Add(level(f.best))
		legend.Add(" best known", level(f.best))
	}

	const margin = 5
	c = draw.Crop(c, margin, -margin, margin, -margin)
	right := legend.Rectangle(c).Size().X
	left := draw.Crop(c, 0, -right-8, 0, 0)
	p.Draw(left)
	data := p.DataCanvas(left)
	beside := draw.Crop(c, c.Rectangle.Size().X-right, 0, 0, 0)
	beside.Max.Y = data.Max.Y
	legend.Draw(beside)
}

// limits sets the ranges and ticks of both axes. The x axis is logarithmic when
// the searches differ tenfold in cost.
func (f Figure) limits(p *plot.Plot, scale float64) {
	first, last, least := math.Inf(1), 0.0, math.Inf(1)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, c := range f.curves {
		end := c.x[len(c.x)-1] / scale
		first, last, least = min(first, c.x[0]/scale), max(last, end), min(least, end)
		for i := range c.x {
			lo, hi = min(lo, c.lo[i]), max(hi, c.hi[i])
		}
	}
	if !math.IsNaN(f.best) {
		lo, hi = min(lo, f.best), max(hi, f.best)
	}
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
func (f Figure) xUnit() (scale float64, name string) {
	most := 0.0
	for _, c := range f.curves {
		most = max(most, c.x[len(c.x)-1])
	}
	if f.axis == Seconds {
		if most > 3*3600 {
			return 3600, "h"
		}
		return 1, "s"
	}
	u := unitFor(most)
	return u.gflop, u.name
}

// band is the range of a curve over its seeds; a bar where it has one point.
type band struct {
	curve
	look  int
	scale float64
}

func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	if b.seeds < 2 {
		return
	}
	toX, toY := p.Transforms(&c)
	look := looks[b.look%len(looks)]
	if len(b.x) == 1 {
		x, lo, hi := toX(b.x[0]/b.scale), toY(b.lo[0]), toY(b.hi[0])
		style := draw.LineStyle{Color: look.colour, Width: 1}
		const cap = 3
		c.StrokeLine2(style, x, lo, x, hi)
		c.StrokeLine2(style, x-cap, lo, x+cap, lo)
		c.StrokeLine2(style, x-cap, hi, x+cap, hi)
		return
	}
	shade := look.colour
	shade.A = 0x2c
	upper, lower := stairs(b.x, b.hi, b.scale, toX, toY), stairs(b.x, b.lo, b.scale, toX, toY)
	for i := len(lower) - 1; i >= 0; i-- {
		upper = append(upper, lower[i])
	}
	c.FillPolygon(shade, upper)
}

// line is the mean of a curve, with its mark at the end.
type line struct {
	curve
	look  int
	scale float64
}

func (l line) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	points := stairs(l.x, l.mean, l.scale, toX, toY)
	style, mark := l.styles()
	if len(l.x) > 1 {
		c.StrokeLines(style, points)
	}
	c.DrawGlyph(mark, points[len(points)-1])
}

// Thumbnail draws the line in the legend.
func (l line) Thumbnail(c *draw.Canvas) {
	style, mark := l.styles()
	y := c.Center().Y
	c.StrokeLine2(style, c.Min.X, y, c.Max.X, y)
	c.DrawGlyph(mark, vg.Point{X: c.Max.X - mark.Radius, Y: y})
}

func (l line) styles() (draw.LineStyle, draw.GlyphStyle) {
	look := looks[l.look%len(looks)]
	return draw.LineStyle{Color: look.colour, Width: lineSize, Dashes: look.dashes},
		draw.GlyphStyle{Color: look.colour, Radius: 3, Shape: look.mark}
}

// stairs are the corners of a step function: each value holds until the next x.
func stairs(x, y []float64, scale float64, toX, toY func(float64) vg.Length) []vg.Point {
	var points []vg.Point
	for i := range x {
		if i > 0 {
			points = append(points, vg.Point{X: toX(x[i] / scale), Y: toY(y[i-1])})
		}
		points = append(points, vg.Point{X: toX(x[i] / scale), Y: toY(y[i])})
	}
	return points
}

// level is a horizontal line at the best known accuracy.
type level float64

var levelStyle = draw.LineStyle{Color: color.Gray{0x60}, Width: 0.8, Dashes: []vg.Length{1, 2}}

func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	_, toY := p.Transforms(&c)
	c.StrokeLine2(levelStyle, c.Min.X, toY(float64(l)), c.Max.X, toY(float64(l)))
}

func (level) Thumbnail(c *draw.Canvas) {
	y := c.Center().Y
	c.StrokeLine2(levelStyle, c.Min.X, y, c.Max.X, y)
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
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'f', decimals, 64)})
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

// ascii spells out what the PDF canvas, which passes text on as bytes of
// code page 1252, would garble.
func ascii(s string) string {
	var out strings.Builder
	for _, r := range s {
		if spelled, ok := spelling[r]; ok {
			out.WriteString(spelled)
		} else if r < 0x80 {
			out.WriteRune(r)
		} else {
			out.WriteByte('?')
		}
	}
	return out.String()
}

var spelling = map[rune]string{'±': "+-", '–': "-", '−': "-", '×': "x", 'α': "alpha", 'β': "beta", 'λ': "lambda", 'Λ': "Lambda", 'Δ': "Delta"}
