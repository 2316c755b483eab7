package reports

import (
	"fmt"
	"math"
	"slices"

	"idarts/internal/diagram"
)

// A cell is laid out in the manner of Sugiyama, Tagawa and Toda (1981): nodes in
// layers from left to right by their longest path from an input; few crossings
// by sorting each layer by the mean place of its neighbours, then by local
// search; heights by least squares. A label is an element of its own in a band
// between two layers, and an edge has a lane through every band that it passes,
// so that no text can lie on another and no edge need cross a node.
//
// Lengths are in points. y grows downwards.

const (
	portStep   = 6.0 // between ends of edges on one side of a node
	portShift  = 1.5 // how far an end may be moved to make its edge level
	portMargin = 5.0 // above the first and below the last of them
	gapSlope   = 0.5 // width of a gap for each unit that an edge climbs in it
	gapMin     = 18.0
	gapMax     = 46.0
	arrowHead  = 5.0 // an edge is level for so long before its end
	pieceSteps = 24  // points of a curve that are checked against boxes
)

type point struct{ x, y float64 }

type size struct{ w, h float64 }

// box is a rectangle around a centre.
type box struct{ x, y, w, h float64 }

// holds says whether p lies in b with a margin around it.
func (b box) holds(p point, margin float64) bool {
	return math.Abs(p.x-b.x) < b.w/2+margin && math.Abs(p.y-b.y) < b.h/2+margin
}

// meets says whether two boxes share area.
func (b box) meets(c box) bool {
	return math.Abs(b.x-c.x) < (b.w+c.w)/2 && math.Abs(b.y-c.y) < (b.h+c.h)/2
}

// layout says where the parts of a graph lie, between (0, 0) and size.
type layout struct {
	size
	nodes  []box
	labels []box     // of the edges; w is 0 where there is no label
	paths  [][]point // of the edges: a start, then two control points and an end for each cubic piece
}

// place lays g out. nodes and labels are the sizes of the texts with their
// margins; an edge without a label has the zero size.
func place(g diagram.Graph, nodes, labels []size) (layout, error) {
	layers, err := layersOf(g)
	if err != nil {
		return layout{}, err
	}
	p := newPlan(g, layers, nodes, labels)
	p.sort()
	p.straighten()
	return p.layout(g), nil
}

// layersOf is the layer of each node: the length of the longest path to it.
// Inputs are in the first layer and outputs in the last, whatever their paths;
// an inner node that nothing leads to is in the layer before its first reader.
func layersOf(g diagram.Graph) ([]int, error) {
	n := len(g.Nodes)
	if n == 0 {
		return nil, fmt.Errorf("reports: graph %q has no nodes", g.Title)
	}
	waiting := make([]int, n) // edges into a node whose source has no layer yet
	for i, e := range g.Edges {
		if e.From < 0 || e.From >= n || e.To < 0 || e.To >= n {
			return nil, fmt.Errorf("reports: graph %q: edge %d leads from node %d to node %d, want nodes 0 to %d", g.Title, i, e.From, e.To, n-1)
		}
		waiting[e.To]++
	}
	layers := make([]int, n)
	var order []int
	for i := range n {
		if waiting[i] == 0 {
			order = append(order, i)
		}
	}
	entered := slices.Clone(waiting)
	for k := 0; k < len(order); k++ {
		for _, e := range g.Edges {
			if e.From == order[k] {
				layers[e.To] = max(layers[e.To], layers[e.From]+1)
				if waiting[e.To]--; waiting[e.To] == 0 {
					order = append(order, e.To)
				}
			}
		}
	}
	if len(order) < n {
		return nil, fmt.Errorf("reports: graph %q has a cycle, want edges that lead from the inputs to the outputs", g.Title)
	}
	last := 0
	for i, node := range g.Nodes {
		switch {
		case node.Kind == diagram.Input && entered[i] > 0:
			return nil, fmt.Errorf("reports: graph %q: an edge leads into input %q", g.Title, node.Name)
		case node.Kind == diagram.Output:
			last = max(last, layers[i])
		default:
			last = max(last, layers[i]+1) // an output may not stand beside an inner node
		}
	}
	for i, node := range g.Nodes {
		if node.Kind == diagram.Output {
			layers[i] = last
		} else if node.Kind == diagram.Inner && entered[i] == 0 {
			reader := last
			for _, e := range g.Edges {
				if e.From == i {
					reader = min(reader, layers[e.To])
				}
			}
			layers[i] = max(0, reader-1)
		}
	}
	for _, e := range g.Edges {
		if layers[e.From] >= layers[e.To] {
			return nil, fmt.Errorf("reports: graph %q: an edge leads out of output %q", g.Title, g.Nodes[e.From].Name)
		}
	}
	return layers, nil
}

// element is what takes room in a band: a node, a label, or the lane of an edge.
type element struct {
	band   int
	w, h   float64
	margin float64 // kept free above and below
	node   int     // -1 for labels and lanes
	edge   int     // -1 for nodes
	in     []int   // links, from above to below
	out    []int
	y      float64
}

// link joins elements of neighbouring bands; it is a piece of an edge.
type link struct {
	from, to       int
	edge           int
	weight         float64 // how much it should be level
	leaves, enters float64 // where it ends, below the centres of its elements
}

// plan is a layout in the making.
type plan struct {
	elements []element
	links    []link
	chains   [][]int // elements of each edge, from node to node
	bands    [][]int // elements of each band, from above to below
}

// newPlan makes the elements and links. Even bands are layers, odd ones hold
// labels; those without an element but lanes are left out.
func newPlan(g diagram.Graph, layers []int, nodes, labels []size) *plan {
	p := &plan{}
	for i, s := range nodes {
		p.elements = append(p.elements, element{band: 2 * layers[i], w: s.w, h: s.h, margin: 6, node: i, edge: -1})
	}
	last := 2 * slices.Max(layers)
	used := make([]bool, last+1)
	home := make([]int, len(g.Edges)) // band of the label
	for i := 0; i <= last; i += 2 {
		used[i] = true
	}
	for i, e := range g.Edges {
		home[i] = -1
		if labels[i].w == 0 {
			continue
		}
		// In the middle of the edge; of two such bands the one nearer to the ends of
		// the graph, where there is more room.
		middle := layers[e.From] + layers[e.To]
		if middle%2 == 0 {
			if middle > last/2 {
				middle++
			} else {
				middle--
			}
		}
		home[i], used[middle] = middle, true
	}
	for i, e := range g.Edges {
		chain := []int{e.From}
		for band := 2*layers[e.From] + 1; band < 2*layers[e.To]; band++ {
			if !used[band] {
				continue
			}
			lane := element{band: band, margin: 3.5, node: -1, edge: i}
			if band == home[i] {
				lane.w, lane.h, lane.margin = labels[i].w, labels[i].h, 1.5
			}
			chain = append(chain, len(p.elements))
			p.elements = append(p.elements, lane)
		}
		p.chains = append(p.chains, append(chain, e.To))
	}
	number := make([]int, last+1) // of a band among those in use
	for band, n := 0, 0; band <= last; band++ {
		if used[band] {
			number[band] = n
			n++
			p.bands = append(p.bands, nil)
		}
	}
	for i := range p.elements {
		el := &p.elements[i]
		el.band = number[el.band]
		p.bands[el.band] = append(p.bands[el.band], i)
	}
	for i, chain := range p.chains {
		for k := 1; k < len(chain); k++ {
			from, to := &p.elements[chain[k-1]], &p.elements[chain[k]]
			l := link{from: chain[k-1], to: chain[k], edge: i, weight: 4}
			if from.node >= 0 || to.node >= 0 {
				l.weight = 1
			}
			from.out, to.in = append(from.out, len(p.links)), append(to.in, len(p.links))
			p.links = append(p.links, l)
		}
	}
	for i := range p.elements {
		if el := &p.elements[i]; el.node >= 0 {
			el.h = max(el.h, portStep*float64(max(len(el.in), len(el.out))-1)+2*portMargin)
		}
	}
	return p
}

// layout sets x and draws the edges.
func (p *plan) layout(g diagram.Graph) layout {
	out := layout{nodes: make([]box, len(g.Nodes)), labels: make([]box, len(g.Edges))}
	top, bottom := math.Inf(1), math.Inf(-1)
	for _, el := range p.elements {
		top, bottom = min(top, el.y-el.h/2), max(bottom, el.y+el.h/2)
	}
	for i := range p.elements {
		p.elements[i].y = round(p.elements[i].y - top)
	}
	out.h = round(bottom - top)

	// Bands from left to right; a gap is the wider the steeper its edges.
	left, right := make([]float64, len(p.bands)), make([]float64, len(p.bands))
	for k, band := range p.bands {
		if k > 0 {
			climb := 0.0
			for _, l := range p.links {
				if p.elements[l.to].band == k {
					climb = max(climb, math.Abs(p.climb(l)))
				}
			}
			left[k] = right[k-1] + round(min(max(gapSlope*climb, gapMin), gapMax))
		}
		width := 0.0
		for _, i := range band {
			width = max(width, p.elements[i].w)
		}
		right[k] = left[k] + width
	}
	out.w = right[len(right)-1]

	boxes := make([]box, len(p.elements))
	for i, el := range p.elements {
		boxes[i] = box{x: (left[el.band] + right[el.band]) / 2, y: el.y, w: el.w, h: el.h}
		switch {
		case el.node >= 0:
			out.nodes[el.node] = boxes[i]
		case el.w > 0:
			out.labels[el.edge] = boxes[i]
		}
	}
	for edge, chain := range p.chains {
		out.paths = append(out.paths, p.path(edge, chain, boxes, left, right))
	}
	return out
}

// round keeps a hundredth of a point, so that the last bits of a sum cannot
// change the bytes of a drawing.
func round(x float64) float64 { return math.Round(100*x) / 100 }
