package reports

import (
	"fmt"
	"hash/fnv"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"idarts/internal/diagram"
)

// Distances in a drawing of cells, in points.
const (
	opSize    = 8  // text of operations and nodes
	nodePad   = 6  // left and right of a node's text
	labelPad  = 2  // around a label
	cellGap   = 22 // between cells
	edgeWidth = 1.2
	lineBreak = 9 // characters that a line of a node may have before it is broken at "-" or "_"
)

// opColours are those of the operations that the benchmarks know, after Okabe
// and Ito with two darker ones of Tol's muted set. The same kind of operation has
// the same colour in all spaces.
var opColours = map[string]color.NRGBA{
	"none":            {0x9a, 0x9a, 0x9a, 0xff},
	"skip_connect":    {0x00, 0x9e, 0x73, 0xff}, // bluish green
	"nor_conv_1x1":    {0x56, 0xb4, 0xe9, 0xff}, // sky blue
	"conv1x1-bn-relu": {0x56, 0xb4, 0xe9, 0xff},
	"nor_conv_3x3":    {0x00, 0x72, 0xb2, 0xff}, // blue
	"conv3x3-bn-relu": {0x00, 0x72, 0xb2, 0xff},
	"sep_conv_3x3":    {0x00, 0x72, 0xb2, 0xff},
	"sep_conv_5x5":    {0x33, 0x22, 0x88, 0xff}, // indigo
	"dil_conv_3x3":    {0xcc, 0x79, 0xa7, 0xff}, // reddish purple
	"dil_conv_5x5":    {0x88, 0x22, 0x55, 0xff}, // wine
	"avg_pool_3x3":    {0xe6, 0x9f, 0x00, 0xff}, // orange
	"max_pool_3x3":    {0xd5, 0x5e, 0x00, 0xff}, // vermillion
	"maxpool3x3":      {0xd5, 0x5e, 0x00, 0xff},
}

// otherColours are for operations that opColours does not know, by their name.
var otherColours = []color.NRGBA{
	{0x44, 0xaa, 0x99, 0xff}, {0x99, 0x99, 0x33, 0xff}, {0xaa, 0x44, 0x99, 0xff}, {0x66, 0x11, 0x00, 0xff}, {0x66, 0x99, 0xcc, 0xff},
}

var ink = color.NRGBA{0x26, 0x26, 0x26, 0xff}

// opColour is the colour of an operation; "" is that of an edge without one.
func opColour(op string) color.NRGBA {
	if op == "" {
		return color.NRGBA{0x60, 0x60, 0x60, 0xff}
	}
	if c, ok := opColours[op]; ok {
		return c
	}
	h := fnv.New32a()
	h.Write([]byte(op))
	return otherColours[h.Sum32()%uint32(len(otherColours))]
}

// mix is a share of one colour and the rest of another.
func mix(a, b color.NRGBA, share float64) color.NRGBA {
	part := func(x, y uint8) uint8 { return uint8(share*float64(x) + (1-share)*float64(y) + 0.5) }
	return color.NRGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 0xff}
}

// DrawCell draws the graphs of a cell, inputs on the left and outputs on the
// right: beside each other where a page is wide enough, else below each other.
//
// Operations are written on the edges; in a graph whose edges carry none, the
// names of inner nodes are operations. Each operation has its colour, "none" is
// thin, grey and dashed. "c_{k-1}" in a name of a node gives an index.
//
// An edge to or from a node that is not there, into an input or out of an output,
// and a cycle are errors.
func DrawCell(graphs []diagram.Graph) (Figure, error) {
	if len(graphs) == 0 {
		return Figure{}, fmt.Errorf("reports: no graph to draw")
	}
	var drawing cells
	var titles []string
	x, y, rowHeight, widest := vg.Length(0), vg.Length(0), vg.Length(0), vg.Length(0)
	for _, g := range graphs {
		c, err := newCell(g)
		if err != nil {
			return Figure{}, err
		}
		size := c.extent()
		if x > 0 && x+size.X > figureWidth-2*figureMargin {
			x, y, rowHeight = 0, y+rowHeight+cellGap, 0
		}
		drawing = append(drawing, placedCell{c, vg.Point{X: x, Y: y}})
		widest, rowHeight = max(widest, x+size.X), max(rowHeight, size.Y)
		x += size.X + cellGap
		if g.Title != "" {
			titles = append(titles, g.Title)
		}
	}
	return Figure{
		Name: "cell", Title: strings.Join(titles, ", "),
		width: widest + 2*figureMargin, height: y + rowHeight + 2*figureMargin, drawing: drawing,
	}, nil
}

// cells are placed by their upper left corners, y downwards.
type cells []placedCell

type placedCell struct {
	cell
	at vg.Point
}

func (cs cells) draw(c draw.Canvas) {
	c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	for _, placed := range cs {
		placed.cell.draw(c, vg.Point{X: c.Min.X + figureMargin + placed.at.X, Y: c.Max.Y - figureMargin - placed.at.Y})
	}
}

// cell is a graph with its layout.
type cell struct {
	diagram.Graph
	layout
	names [][]string // the lines of each node
	onOps bool       // the names of inner nodes are operations
}

func newCell(g diagram.Graph) (cell, error) {
	c := cell{Graph: g, onOps: !slices.ContainsFunc(g.Edges, func(e diagram.Edge) bool { return e.Op != "" })}
	style := textStyle(opSize)
	lineHeight := float64(style.Font.Size) * 1.2
	nodes, labels := make([]size, len(g.Nodes)), make([]size, len(g.Edges))
	for i, n := range g.Nodes {
		lines := broken(ascii(n.Name))
		width := vg.Length(0)
		for _, line := range lines {
			width = max(width, richWidth(style, line))
		}
		nodes[i] = size{w: round(max(float64(width)+2*nodePad, 20)), h: lineHeight*float64(len(lines)) + 6}
		c.names = append(c.names, lines)
	}
	for i, e := range g.Edges {
		if e.Op != "" {
			labels[i] = size{w: round(float64(style.Width(ascii(e.Op))) + 2*labelPad), h: opSize + 2*labelPad}
		}
	}
	var err error
	c.layout, err = place(g, nodes, labels)
	return c, err
}

// titleHeight is the room above the layout.
func (c cell) titleHeight() vg.Length {
	if c.Title == "" {
		return 0
	}
	return titleSize * 2
}

func (c cell) extent() vg.Point {
	return vg.Point{
		X: max(vg.Length(c.w), textStyle(titleSize).Width(ascii(c.Title))),
		Y: vg.Length(c.h) + c.titleHeight(),
	}
}

// draw draws c below and to the right of corner.
func (c cell) draw(canvas draw.Canvas, corner vg.Point) {
	if c.Title != "" {
		style := textStyle(titleSize)
		style.YAlign = draw.YTop
		canvas.FillText(style, corner, ascii(c.Title))
	}
	origin := vg.Point{
		X: corner.X + (c.extent().X-vg.Length(c.w))/2,
		Y: corner.Y - c.titleHeight(),
	}
	on := func(p point) vg.Point { return vg.Point{X: origin.X + vg.Length(p.x), Y: origin.Y - vg.Length(p.y)} }
	for _, faint := range []bool{true, false} {
		for i, e := range c.Edges {
			if (e.Op == "none") == faint {
				drawEdge(canvas, c.paths[i], on, e.Op)
			}
		}
	}
	style := textStyle(opSize)
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	for i, e := range c.Edges {
		if b := c.labels[i]; b.w > 0 {
			canvas.FillPolygon(color.White, corners(b, on))
			style.Color = mix(opColour(e.Op), ink, 0.6)
			canvas.FillText(style, on(point{b.x, b.y - 0.6}), ascii(e.Op))
		}
	}
	style.Color = ink
	for i, n := range c.Nodes {
		fill, border := color.NRGBA{0xff, 0xff, 0xff, 0xff}, ink
		switch {
		case n.Kind != diagram.Inner:
			fill = color.NRGBA{0xe6, 0xe6, 0xe6, 0xff}
		case c.onOps:
			border = opColour(n.Name)
			fill = mix(border, fill, 0.18)
		}
		b := c.layout.nodes[i]
		outline := rounded(b, on)
		canvas.SetColor(fill)
		canvas.Fill(outline)
		canvas.SetLineStyle(draw.LineStyle{Color: border, Width: 1})
		canvas.Stroke(outline)
		lineHeight := float64(style.Font.Size) * 1.2
		for k, line := range c.names[i] {
			y := b.y + lineHeight*(float64(k)-float64(len(c.names[i])-1)/2)
			drawRich(canvas, style, on(point{b.x, y - 0.5}), line)
		}
	}
}

// drawEdge draws a curve with an arrow at its end.
func drawEdge(c draw.Canvas, path []point, on func(point) vg.Point, op string) {
	style := draw.LineStyle{Color: opColour(op), Width: edgeWidth}
	if op == "none" {
		style.Width, style.Dashes = 0.7, []vg.Length{3, 2.5}
	}
	c.SetLineStyle(style)
	var line vg.Path
	line.Move(on(path[0]))
	end := path[len(path)-1]
	for i := 1; i+2 < len(path); i += 3 {
		to := path[i+2]
		if i+3 == len(path) {
			to.x -= 1 // the line ends inside the arrow
		}
		line.CubeTo(on(path[i]), on(path[i+1]), on(to))
	}
	c.Stroke(line)
	c.FillPolygon(style.Color, []vg.Point{
		on(end), on(point{end.x - arrowHead, end.y - arrowHead/2.}), on(point{end.x - arrowHead, end.y + arrowHead/2.}),
	})
}

func corners(b box, on func(point) vg.Point) []vg.Point {
	return []vg.Point{
		on(point{b.x - b.w/2, b.y - b.h/2}), on(point{b.x + b.w/2, b.y - b.h/2}),
		on(point{b.x + b.w/2, b.y + b.h/2}), on(point{b.x - b.w/2, b.y + b.h/2}),
	}
}

// rounded is the outline of b with round corners.
func rounded(b box, on func(point) vg.Point) vg.Path {
	const r = 4
	l, t, right, bottom := b.x-b.w/2, b.y-b.h/2, b.x+b.w/2, b.y+b.h/2
	var p vg.Path
	p.Move(on(point{l + r, t}))
	p.Line(on(point{right - r, t}))
	p.QuadTo(on(point{right, t}), on(point{right, t + r}))
	p.Line(on(point{right, bottom - r}))
	p.QuadTo(on(point{right, bottom}), on(point{right - r, bottom}))
	p.Line(on(point{l + r, bottom}))
	p.QuadTo(on(point{l, bottom}), on(point{l, bottom - r}))
	p.Line(on(point{l, t + r}))
	p.QuadTo(on(point{l, t}), on(point{l + r, t}))
	p.Close()
	return p
}

func textStyle(size vg.Length) draw.TextStyle {
	return draw.TextStyle{Color: ink, Font: sans(size), Handler: plot.DefaultTextHandler}
}

// broken is s in one line, or in two where it is long and has a "-" or "_" to
// break behind; it takes the break that gives the shortest lines.
func broken(s string) []string {
	if len(s) <= lineBreak || strings.Contains(s, "{") {
		return []string{s}
	}
	at := 0
	for i := range len(s) - 1 {
		if (s[i] == '-' || s[i] == '_') && max(i+1, len(s)-i-1) < max(at, len(s)-at) {
			at = i + 1
		}
	}
	if at == 0 {
		return []string{s}
	}
	return []string{s[:at], s[at:]}
}

// piece is a part of a text, with its index if it has one: "c" and "k-1".
type piece struct{ text, index string }

// pieces splits at indices in the manner of TeX, "c_{k-1}".
func pieces(s string) []piece {
	var out []piece
	for {
		before, rest, found := strings.Cut(s, "_{")
		index, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return append(out, piece{text: s})
		}
		out = append(out, piece{before, index})
		if s = after; s == "" {
			return out
		}
	}
}

// small is the style of an index.
func small(style draw.TextStyle) draw.TextStyle {
	style.Font.Size *= 0.75
	return style
}

func richWidth(style draw.TextStyle, s string) vg.Length {
	width := vg.Length(0)
	for _, p := range pieces(s) {
		width += style.Width(p.text) + small(style).Width(p.index)
	}
	return width
}

// drawRich writes s, which may have indices, around the point at.
func drawRich(c draw.Canvas, style draw.TextStyle, at vg.Point, s string) {
	at.X -= richWidth(style, s) / 2
	style.XAlign = draw.XLeft
	index := small(style)
	for _, p := range pieces(s) {
		c.FillText(style, at, p.text)
		at.X += style.Width(p.text)
		c.FillText(index, vg.Point{X: at.X, Y: at.Y - style.Font.Size/4}, p.index)
		at.X += index.Width(p.index)
	}
}
