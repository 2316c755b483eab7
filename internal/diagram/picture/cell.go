package picture

import (
	"fmt"
	"image/color"
	"slices"

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
)

// Cell draws the graphs of a cell, inputs on the left and outputs on the right:
// beside each other where a page is wide enough, else below each other.
//
// Operations are written on the edges; in a graph whose edges carry none, the
// names of inner nodes are operations. Each operation has its colour, "none" is
// thin, grey and dashed. "c_{k-1}" in a name of a node gives an index.
//
// No graph, and one that [diagram.NewLayout] refuses, are errors.
func Cell(graphs []diagram.Graph) (Picture, error) {
	if len(graphs) == 0 {
		return Picture{}, fmt.Errorf("picture: no graph to draw")
	}
	var all cells
	x, y, rowHeight, widest := vg.Length(0), vg.Length(0), vg.Length(0), vg.Length(0)
	for _, g := range graphs {
		c, err := newCell(g)
		if err != nil {
			return Picture{}, err
		}
		size := c.extent()
		if x > 0 && x+size.X > PageWidth-2*Margin {
			x, y, rowHeight = 0, y+rowHeight+cellGap, 0
		}
		all = append(all, placedCell{c, vg.Point{X: x, Y: y}})
		widest, rowHeight = max(widest, x+size.X), max(rowHeight, size.Y)
		x += size.X + cellGap
	}
	return Picture{Width: widest + 2*Margin, Height: y + rowHeight + 2*Margin, Draw: all.draw}, nil
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
		placed.cell.draw(c, vg.Point{X: c.Min.X + Margin + placed.at.X, Y: c.Max.Y - Margin - placed.at.Y})
	}
}

// cell is a graph with its layout.
type cell struct {
	graph  diagram.Graph
	layout diagram.Layout
	names  [][]string // the lines of each node
	onOps  bool       // the names of inner nodes are operations
}

func newCell(g diagram.Graph) (cell, error) {
	c := cell{graph: g, onOps: !slices.ContainsFunc(g.Edges, func(e diagram.Edge) bool { return e.Op != "" })}
	style := TextStyle(opSize)
	nodes, labels := make([]diagram.Size, len(g.Nodes)), make([]diagram.Size, len(g.Edges))
	for i, n := range g.Nodes {
		lines := broken(ASCII(n.Name))
		width := vg.Length(0)
		for _, line := range lines {
			width = max(width, richWidth(style, line))
		}
		nodes[i] = diagram.Size{W: diagram.Round(max(float64(width)+2*nodePad, 20)), H: lineHeight(style)*float64(len(lines)) + 6}
		c.names = append(c.names, lines)
	}
	for i, e := range g.Edges {
		if e.Op != "" {
			labels[i] = diagram.Size{W: diagram.Round(float64(style.Width(ASCII(e.Op))) + 2*labelPad), H: opSize + 2*labelPad}
		}
	}
	var err error
	c.layout, err = diagram.NewLayout(g, nodes, labels)
	return c, err
}

// titleHeight is the room above the layout.
func (c cell) titleHeight() vg.Length {
	if c.graph.Title == "" {
		return 0
	}
	return TitleSize * 2
}

func (c cell) extent() vg.Point {
	return vg.Point{
		X: max(vg.Length(c.layout.W), TextStyle(TitleSize).Width(ASCII(c.graph.Title))),
		Y: vg.Length(c.layout.H) + c.titleHeight(),
	}
}

// frame is where a layout's (0, 0) lies on a canvas, whose y grows upwards.
type frame vg.Point

func (f frame) at(x, y float64) vg.Point {
	return vg.Point{X: f.X + vg.Length(x), Y: f.Y - vg.Length(y)}
}

// draw draws c below and to the right of corner.
func (c cell) draw(canvas draw.Canvas, corner vg.Point) {
	if c.graph.Title != "" {
		style := TextStyle(TitleSize)
		style.YAlign = draw.YTop
		canvas.FillText(style, corner, ASCII(c.graph.Title))
	}
	in := frame{
		X: corner.X + (c.extent().X-vg.Length(c.layout.W))/2,
		Y: corner.Y - c.titleHeight(),
	}
	for _, faint := range []bool{true, false} {
		for i, e := range c.graph.Edges {
			if (e.Op == "none") == faint {
				drawEdge(canvas, c.layout.Paths[i], in, e.Op)
			}
		}
	}
	c.drawLabels(canvas, in)
	for i := range c.graph.Nodes {
		c.drawNode(canvas, i, in)
	}
}

// drawLabels writes the operations of the edges.
func (c cell) drawLabels(canvas draw.Canvas, in frame) {
	style := centred()
	for i, e := range c.graph.Edges {
		if b := c.layout.Labels[i]; b.W > 0 {
			canvas.FillPolygon(color.White, corners(b, in))
			style.Color = mix(opColour(e.Op), ink, 0.6)
			canvas.FillText(style, in.at(b.X, b.Y-0.6), ASCII(e.Op))
		}
	}
}

func (c cell) drawNode(canvas draw.Canvas, i int, in frame) {
	n := c.graph.Nodes[i]
	fill, border := color.NRGBA{0xff, 0xff, 0xff, 0xff}, ink
	switch {
	case n.Kind != diagram.Inner:
		fill = color.NRGBA{0xe6, 0xe6, 0xe6, 0xff}
	case c.onOps:
		border = opColour(n.Name)
		fill = mix(border, fill, 0.18)
	}
	b := c.layout.Nodes[i]
	outline := rounded(b, in)
	canvas.SetColor(fill)
	canvas.Fill(outline)
	canvas.SetLineStyle(draw.LineStyle{Color: border, Width: 1})
	canvas.Stroke(outline)
	style := centred()
	for k, line := range c.names[i] {
		y := b.Y + lineHeight(style)*(float64(k)-float64(len(c.names[i])-1)/2)
		drawRich(canvas, style, in.at(b.X, y-0.5), line)
	}
}

// centred writes operations and nodes around a point.
func centred() draw.TextStyle {
	style := TextStyle(opSize)
	style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
	return style
}

// lineHeight is the distance of the lines of a node.
func lineHeight(style draw.TextStyle) float64 { return float64(style.Font.Size) * 1.2 }

// drawEdge draws a curve with an arrow at its end.
func drawEdge(c draw.Canvas, path []diagram.Point, in frame, op string) {
	style := draw.LineStyle{Color: opColour(op), Width: edgeWidth}
	if op == "none" {
		style.Width, style.Dashes = 0.7, []vg.Length{3, 2.5}
	}
	c.SetLineStyle(style)
	var line vg.Path
	line.Move(in.at(path[0].X, path[0].Y))
	end := path[len(path)-1]
	for i := 1; i+2 < len(path); i += 3 {
		to := path[i+2]
		if i+3 == len(path) {
			to.X -= 1 // the line ends inside the arrow
		}
		line.CubeTo(in.at(path[i].X, path[i].Y), in.at(path[i+1].X, path[i+1].Y), in.at(to.X, to.Y))
	}
	c.Stroke(line)
	c.FillPolygon(style.Color, []vg.Point{
		in.at(end.X, end.Y), in.at(end.X-diagram.ArrowHead, end.Y-diagram.ArrowHead/2.), in.at(end.X-diagram.ArrowHead, end.Y+diagram.ArrowHead/2.),
	})
}

func corners(b diagram.Box, in frame) []vg.Point {
	return []vg.Point{
		in.at(b.X-b.W/2, b.Y-b.H/2), in.at(b.X+b.W/2, b.Y-b.H/2),
		in.at(b.X+b.W/2, b.Y+b.H/2), in.at(b.X-b.W/2, b.Y+b.H/2),
	}
}

// rounded is the outline of b with round corners.
func rounded(b diagram.Box, in frame) vg.Path {
	const r = 4
	l, t, right, bottom := b.X-b.W/2, b.Y-b.H/2, b.X+b.W/2, b.Y+b.H/2
	var p vg.Path
	p.Move(in.at(l+r, t))
	p.Line(in.at(right-r, t))
	p.QuadTo(in.at(right, t), in.at(right, t+r))
	p.Line(in.at(right, bottom-r))
	p.QuadTo(in.at(right, bottom), in.at(right-r, bottom))
	p.Line(in.at(l+r, bottom))
	p.QuadTo(in.at(l, bottom), in.at(l, bottom-r))
	p.Line(in.at(l, t+r))
	p.QuadTo(in.at(l, t), in.at(l+r, t))
	p.Close()
	return p
}
