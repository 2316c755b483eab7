package diagram

import "math"

// A cell is laid out in the manner of Sugiyama, Tagawa and Toda (1981): nodes in
// layers from left to right by their longest path from an input (layers.go); few
// crossings by sorting each layer by the mean place of its neighbours, then by
// local search (order.go); heights by least squares (heights.go). A label is an
// element of its own in a band between two layers, and an edge has a lane through
// every band that it passes (plan.go), so that no text can lie on another and no
// edge need cross a node (curve.go).

// Lengths of a layout, in points.
const (
	ArrowHead = 5.0 // an edge is horizontal for so long before its end

	portStep   = 6.0 // between ends of edges on one side of a node
	portShift  = 1.5 // how far an end may be moved to make its edge horizontal
	portMargin = 5.0 // above the first and below the last of them
	gapSlope   = 0.5 // width of a gap for each unit that an edge climbs in it
	gapMin     = 18.0
	gapMax     = 46.0
)

// Point is a place in a drawing, in points; Y grows downwards.
type Point struct{ X, Y float64 }

// Size is the width and height of something, in points.
type Size struct{ W, H float64 }

// Box is a rectangle around a centre.
type Box struct{ X, Y, W, H float64 }

// holds says whether p lies in b with a margin around it.
func (b Box) holds(p Point, margin float64) bool {
	return math.Abs(p.X-b.X) < b.W/2+margin && math.Abs(p.Y-b.Y) < b.H/2+margin
}

// Layout says where the parts of a graph lie, between (0, 0) and Size.
type Layout struct {
	Size
	Nodes  []Box
	Labels []Box     // of the edges; W is 0 where there is no label
	Paths  [][]Point // of the edges: a start, then two control points and an end for each cubic piece
}

// NewLayout lays g out. nodes and labels are the sizes of the texts with their
// margins; an edge without a label has the zero size.
//
// An edge to or from a node that is not there, into an input or out of an output,
// a cycle and a graph without nodes are errors.
func NewLayout(g Graph, nodes, labels []Size) (Layout, error) {
	layers, err := layersOf(g)
	if err != nil {
		return Layout{}, err
	}
	p := newPlan(g, layers, nodes, labels)
	p.orderBands()
	p.straighten()
	return p.layout(g), nil
}

// Round keeps a hundredth of a point, so that the last bits of a sum cannot
// change the bytes of a drawing.
func Round(x float64) float64 { return math.Round(100*x) / 100 }

// layout sets all X and draws the edges.
func (p *plan) layout(g Graph) Layout {
	out := Layout{Nodes: make([]Box, len(g.Nodes)), Labels: make([]Box, len(g.Edges))}
	top, bottom := math.Inf(1), math.Inf(-1)
	for _, el := range p.elements {
		top, bottom = min(top, el.y-el.h/2), max(bottom, el.y+el.h/2)
	}
	for i := range p.elements {
		p.elements[i].y = Round(p.elements[i].y - top)
	}
	out.H = Round(bottom - top)

	at := p.columns()
	out.W = at.right[len(at.right)-1]
	for i, el := range p.elements {
		switch {
		case el.node >= 0:
			out.Nodes[el.node] = at.boxes[i]
		case el.w > 0:
			out.Labels[el.edge] = at.boxes[i]
		}
	}
	for edge, chain := range p.chains {
		out.Paths = append(out.Paths, p.path(edge, chain, at))
	}
	return out
}

// columns is where bands and their elements lie.
type columns struct {
	left, right []float64 // of each band
	boxes       []Box     // of each element
}

// columns sets bands from left to right; a gap is the wider the steeper its edges.
func (p *plan) columns() columns {
	at := columns{make([]float64, len(p.bands)), make([]float64, len(p.bands)), make([]Box, len(p.elements))}
	for k, band := range p.bands {
		if k > 0 {
			climb := 0.0
			for _, l := range p.links {
				if p.elements[l.to].band == k {
					climb = max(climb, math.Abs(p.climb(l)))
				}
			}
			at.left[k] = at.right[k-1] + Round(min(max(gapSlope*climb, gapMin), gapMax))
		}
		width := 0.0
		for _, i := range band {
			width = max(width, p.elements[i].w)
		}
		at.right[k] = at.left[k] + width
	}
	for i, el := range p.elements {
		at.boxes[i] = Box{X: (at.left[el.band] + at.right[el.band]) / 2, Y: el.y, W: el.w, H: el.h}
	}
	return at
}
