package diagram

import "slices"

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
	weight         float64 // how much it should be horizontal
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
func newPlan(g Graph, layers []int, nodes, labels []Size) *plan {
	p := &plan{}
	for i, s := range nodes {
		p.elements = append(p.elements, element{band: 2 * layers[i], w: s.W, h: s.H, margin: 6, node: i, edge: -1})
	}
	home, used := labelBands(g, layers, labels)
	for i, e := range g.Edges {
		chain := []int{e.From}
		for band := 2*layers[e.From] + 1; band < 2*layers[e.To]; band++ {
			if !used[band] {
				continue
			}
			lane := element{band: band, margin: 3.5, node: -1, edge: i}
			if band == home[i] {
				lane.w, lane.h, lane.margin = labels[i].W, labels[i].H, 1.5
			}
			chain = append(chain, len(p.elements))
			p.elements = append(p.elements, lane)
		}
		p.chains = append(p.chains, append(chain, e.To))
	}
	p.fillBands(used)
	p.joinChains()
	return p
}

// labelBands chooses the band of each edge's label, -1 where it has none, and says
// which bands have an element other than lanes.
func labelBands(g Graph, layers []int, labels []Size) (home []int, used []bool) {
	last := 2 * slices.Max(layers)
	used = make([]bool, last+1)
	home = make([]int, len(g.Edges))
	for i := 0; i <= last; i += 2 {
		used[i] = true
	}
	for i, e := range g.Edges {
		home[i] = -1
		if labels[i].W == 0 {
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
	return home, used
}

// fillBands numbers the bands in use without a gap and puts the elements into them.
func (p *plan) fillBands(used []bool) {
	number := make([]int, len(used))
	for band := range used {
		if used[band] {
			number[band] = len(p.bands)
			p.bands = append(p.bands, nil)
		}
	}
	for i := range p.elements {
		el := &p.elements[i]
		el.band = number[el.band]
		p.bands[el.band] = append(p.bands[el.band], i)
	}
}

// joinChains links the elements of each chain, and makes nodes as high as the ends of
// their edges need.
func (p *plan) joinChains() {
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

// climb is how much lower l ends than it begins.
func (p *plan) climb(l link) float64 {
	return p.elements[l.to].y + l.enters - p.elements[l.from].y - l.leaves
}
