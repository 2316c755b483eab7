package diagram

import (
	"math"
	"slices"
)

// straighten sets all y so that Σ weight·|climb| over the links is least for the
// order of the bands, which leaves most of them horizontal: least squares with
// weights that follow from the last climbs.
func (p *plan) straighten() {
	p.setHeights(100)
	weights := make([]float64, len(p.links))
	for i, l := range p.links {
		weights[i] = l.weight
	}
	for range 60 {
		for i := range p.links {
			l := &p.links[i]
			l.weight = weights[i] / max(math.Abs(p.climb(*l)), 0.05)
		}
		p.sweep(40)
	}
}

// setHeights sets all y so that Σ weight·climb² over the links is least for the
// order of the bands, and returns the sum.
func (p *plan) setHeights(sweeps int) float64 {
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
	p.sweep(sweeps)
	sum := 0.0
	for _, l := range p.links {
		sum += l.weight * p.climb(l) * p.climb(l)
	}
	return sum
}

// sweep sets the heights of one band after another, from left to right and back.
func (p *plan) sweep(sweeps int) {
	for sweep := range sweeps {
		for k := range p.bands {
			if sweep%2 == 1 {
				k = len(p.bands) - 1 - k
			}
			p.setBandHeights(p.bands[k])
		}
	}
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

// setBandHeights sets the heights of one band, those of its neighbours given: the
// least squares under the distances, by pooling adjacent violators.
func (p *plan) setBandHeights(band []int) {
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
