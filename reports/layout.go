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
	portStep   = 6.0  // between ends of edges on one side of a node
	portMargin = 5.0  // above the first and below the last of them
	gapSlope   = 0.45 // width of a gap for each unit that an edge climbs in it
	gapMin     = 15.0
	gapMax     = 44.0
	pieceSteps = 24 // points of a curve that are checked against boxes
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
	p.level(200)
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

// places is the place of each element in its band.
func (p *plan) places() []int {
	places := make([]int, len(p.elements))
	for _, band := range p.bands {
		for place, el := range band {
			places[el] = place
		}
	}
	return places
}

// crossings counts pairs of links that cross.
func (p *plan) crossings() int {
	places := p.places()
	n := 0
	for i, a := range p.links {
		for _, b := range p.links[:i] {
			if p.elements[a.from].band == p.elements[b.from].band && (places[a.from]-places[b.from])*(places[a.to]-places[b.to]) < 0 {
				n++
			}
		}
	}
	return n
}

// sort looks for the order of each band with the fewest crossings and, among
// those, the most level links.
func (p *plan) sort() {
	forward := cloneBands(p.bands)
	backward := cloneBands(p.bands)
	for _, band := range backward {
		slices.Reverse(band)
	}
	var best [][]int
	var least cost
	for _, start := range [][][]int{forward, backward} {
		p.bands = start
		for sweep := range 8 {
			p.barycentre(sweep%2 == 0)
		}
		if c := p.search(); best == nil || c.less(least) {
			best, least = cloneBands(p.bands), c
		}
	}
	p.bands = best
}

// barycentre sorts each band by the mean place of the neighbours before it, or
// behind it.
func (p *plan) barycentre(rightwards bool) {
	for k := range p.bands {
		band := p.bands[k]
		if !rightwards {
			band = p.bands[len(p.bands)-1-k]
		}
		places := p.places()
		mean := map[int]float64{}
		for _, i := range band {
			el := p.elements[i]
			sum, n := 0.0, 0
			if rightwards {
				for _, l := range el.in {
					sum, n = sum+float64(places[p.links[l].from]), n+1
				}
			} else {
				for _, l := range el.out {
					sum, n = sum+float64(places[p.links[l].to]), n+1
				}
			}
			mean[i] = float64(places[i])
			if n > 0 {
				mean[i] = sum / float64(n)
			}
		}
		slices.SortStableFunc(band, func(a, b int) int {
			switch {
			case mean[a] < mean[b]:
				return -1
			case mean[a] > mean[b]:
				return 1
			}
			return 0
		})
	}
}

// cost orders arrangements.
type cost struct {
	crossings int
	climb     float64
}

// less is true of a real improvement, not of one by rounding.
func (c cost) less(d cost) bool {
	if c.crossings != d.crossings {
		return c.crossings < d.crossings
	}
	return c.climb < d.climb-1e-6*(1+math.Abs(d.climb))
}

// search makes the single moves that lower the cost until there is none:
// swapping neighbours, and taking the lanes of an edge, or a node, to the top or
// the bottom of its bands.
func (p *plan) search() cost {
	measure := func() cost { return cost{p.crossings(), p.level(12)} }
	now := measure()
	try := func(move func()) bool {
		before := cloneBands(p.bands)
		move()
		if c := measure(); c.less(now) {
			now = c
			return true
		}
		p.bands = before
		return false
	}
	for improved := true; improved; {
		improved = false
		for _, chain := range p.chains {
			if len(chain) == 2 {
				continue
			}
			for _, top := range []bool{true, false} {
				improved = try(func() {
					for _, i := range chain[1 : len(chain)-1] {
						p.toEnd(i, top)
					}
				}) || improved
			}
		}
		for k := range p.bands {
			for i := 1; i < len(p.bands[k]); i++ {
				improved = try(func() {
					band := p.bands[k]
					band[i-1], band[i] = band[i], band[i-1]
				}) || improved
			}
		}
	}
	return now
}

// toEnd takes an element to the top or the bottom of its band.
func (p *plan) toEnd(el int, top bool) {
	band := p.bands[p.elements[el].band]
	rest := slices.DeleteFunc(slices.Clone(band), func(i int) bool { return i == el })
	if top {
		copy(band, append([]int{el}, rest...))
	} else {
		copy(band, append(rest, el))
	}
}

func cloneBands(bands [][]int) [][]int {
	out := make([][]int, len(bands))
	for i, band := range bands {
		out[i] = slices.Clone(band)
	}
	return out
}

// level sets all y so that Σ weight·(difference of height)² over the links is
// least for the order of the bands, by so many sweeps over the bands, and
// returns the sum.
func (p *plan) level(sweeps int) float64 {
	p.ports()
	for _, band := range p.bands {
		y := 0.0
		for k, i := range band {
			if k > 0 {
				y += p.distance(band[k-1], i)
			}
			p.elements[i].y = y
		}
		for _, i := range band {
			p.elements[i].y -= y / 2
		}
	}
	for sweep := range sweeps {
		for k := range p.bands {
			if sweep%2 == 1 {
				k = len(p.bands) - 1 - k
			}
			p.levelBand(p.bands[k])
		}
	}
	sum := 0.0
	for _, l := range p.links {
		d := p.elements[l.from].y + l.leaves - p.elements[l.to].y - l.enters
		sum += l.weight * d * d
	}
	return sum
}

// ports spreads the ends of the edges over the sides of each node, in the order
// of what they lead to.
func (p *plan) ports() {
	places := p.places()
	spread := func(links []int, other func(link) int, end func(*link) *float64) {
		slices.SortFunc(links, func(a, b int) int {
			if order := places[other(p.links[a])] - places[other(p.links[b])]; order != 0 {
				return order
			}
			return p.links[a].edge - p.links[b].edge
		})
		for k, l := range links {
			*end(&p.links[l]) = portStep * (float64(k) - float64(len(links)-1)/2)
		}
	}
	for i := range p.elements {
		el := &p.elements[i]
		if el.node >= 0 {
			spread(el.in, func(l link) int { return l.from }, func(l *link) *float64 { return &l.enters })
			spread(el.out, func(l link) int { return l.to }, func(l *link) *float64 { return &l.leaves })
		}
	}
}

// distance is how far apart the centres of neighbours in a band must be.
func (p *plan) distance(above, below int) float64 {
	a, b := p.elements[above], p.elements[below]
	return (a.h+b.h)/2 + a.margin + b.margin
}

// levelBand sets the heights of one band, those of its neighbours given: the
// least squares under the distances, by pooling adjacent violators.
func (p *plan) levelBand(band []int) {
	type pool struct{ sum, weight, n float64 }
	var pools []pool
	offsets := make([]float64, len(band))
	for k, i := range band {
		if k > 0 {
			offsets[k] = offsets[k-1] + p.distance(band[k-1], i)
		}
		el := p.elements[i]
		at := pool{sum: 1e-3 * (el.y - offsets[k]), weight: 1e-3, n: 1} // what has no link stays
		for _, l := range el.in {
			l := p.links[l]
			at.sum += l.weight * (p.elements[l.from].y + l.leaves - l.enters - offsets[k])
			at.weight += l.weight
		}
		for _, l := range el.out {
			l := p.links[l]
			at.sum += l.weight * (p.elements[l.to].y + l.enters - l.leaves - offsets[k])
			at.weight += l.weight
		}
		pools = append(pools, at)
		for len(pools) > 1 {
			a, b := pools[len(pools)-2], pools[len(pools)-1]
			if a.sum/a.weight <= b.sum/b.weight {
				break
			}
			pools = append(pools[:len(pools)-2], pool{a.sum + b.sum, a.weight + b.weight, a.n + b.n})
		}
	}
	k := 0
	for _, pool := range pools {
		for range int(pool.n) {
			p.elements[band[k]].y = pool.sum/pool.weight + offsets[k]
			k++
		}
	}
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
					climb = max(climb, math.Abs(p.elements[l.from].y+l.leaves-p.elements[l.to].y-l.enters))
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

// path is the curve of one edge. It passes the middle of each of its lanes; where
// that brings it into a box of the lane's band, it keeps to the lane through the
// whole band, which is always free.
func (p *plan) path(edge int, chain []int, boxes []box, left, right []float64) []point {
	var first, last link
	for _, l := range p.links {
		if l.edge == edge && l.from == chain[0] {
			first = l
		}
		if l.edge == edge && l.to == chain[len(chain)-1] {
			last = l
		}
	}
	level := make([]bool, len(chain)) // the lanes that it keeps to
	for {
		from, to := boxes[chain[0]], boxes[chain[len(chain)-1]]
		knots := []point{{from.x + from.w/2, from.y + first.leaves}}
		for k, i := range chain {
			band := p.elements[i].band
			switch {
			case !level[k] && 0 < k && k < len(chain)-1:
				knots = append(knots, point{boxes[i].x, boxes[i].y})
			case !level[k]:
			case k == 0:
				knots = append(knots, point{right[band], knots[0].y})
			case k == len(chain)-1:
				knots = append(knots, point{left[band], to.y + last.enters})
			default:
				knots = append(knots, point{left[band], boxes[i].y}, point{right[band], boxes[i].y})
			}
		}
		knots = append(knots, point{to.x - to.w/2, to.y + last.enters})
		path := smooth(slices.Compact(knots))
		hit := p.hit(path, edge, chain, boxes)
		if hit < 0 {
			return path
		}
		k := slices.IndexFunc(chain, func(i int) bool { return p.elements[i].band == p.elements[hit].band })
		if k < 0 || level[k] {
			return path
		}
		level[k] = true
	}
}

// hit is a node or a label, not of the edge itself, that path comes too near to;
// -1 for none.
func (p *plan) hit(path []point, edge int, chain []int, boxes []box) int {
	const margin = 1.5
	for i := 0; i+3 < len(path); i += 3 {
		for step := range pieceSteps + 1 {
			at := bezier(path[i:i+4], float64(step)/pieceSteps)
			for k, el := range p.elements {
				if el.w > 0 && el.edge != edge && k != chain[0] && k != chain[len(chain)-1] && boxes[k].holds(at, margin) {
					return k
				}
			}
		}
	}
	return -1
}

// smooth is a curve through knots of ascending x, in cubic pieces: y is a
// function of x with a continuous slope, level at both ends, and goes up or down
// between two knots only as the knots do (Fritsch & Butland, 1984).
func smooth(knots []point) []point {
	n := len(knots)
	slopes := make([]float64, n)
	for i := 1; i < n-1; i++ {
		before := (knots[i].y - knots[i-1].y) / (knots[i].x - knots[i-1].x)
		after := (knots[i+1].y - knots[i].y) / (knots[i+1].x - knots[i].x)
		if before*after > 0 {
			slopes[i] = 2 * before * after / (before + after)
		}
	}
	path := []point{knots[0]}
	for i := 1; i < n; i++ {
		third := (knots[i].x - knots[i-1].x) / 3
		path = append(path,
			point{round(knots[i-1].x + third), round(knots[i-1].y + slopes[i-1]*third)},
			point{round(knots[i].x - third), round(knots[i].y - slopes[i]*third)},
			knots[i])
	}
	return path
}

// bezier is the point at t, from 0 to 1, of the cubic with four points.
func bezier(p []point, t float64) point {
	s := 1 - t
	a, b, c, d := s*s*s, 3*s*s*t, 3*s*t*t, t*t*t
	return point{a*p[0].x + b*p[1].x + c*p[2].x + d*p[3].x, a*p[0].y + b*p[1].y + c*p[2].y + d*p[3].y}
}

// round keeps a hundredth of a point, so that the last bits of a sum cannot
// change the bytes of a drawing.
func round(x float64) float64 { return math.Round(100*x) / 100 }
