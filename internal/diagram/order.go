package diagram

import (
	"math"
	"slices"
)

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

// orderBands looks for the order of each band with the fewest crossings and, among
// those, the least climb.
func (p *plan) orderBands() {
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
		if c := p.improve(); best == nil || c.less(least) {
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

// cost is how bad an order of the bands is.
type cost struct {
	crossings int
	climb     float64 // the sum of [plan.setHeights]
}

// less is true of a real improvement, not of one by rounding.
func (c cost) less(d cost) bool {
	if c.crossings != d.crossings {
		return c.crossings < d.crossings
	}
	return c.climb < d.climb-1e-6*(1+math.Abs(d.climb))
}

// improve makes the moves that lower the cost until there is none: swapping
// neighbours, alone or together with two neighbours of the same or the next band,
// and taking the lanes of an edge to the top or the bottom of their bands.
func (p *plan) improve() cost {
	now := cost{p.crossings(), p.setHeights(12)}
	better := func() bool {
		c := cost{crossings: p.crossings()}
		if c.crossings > now.crossings {
			return false
		}
		c.climb = p.setHeights(12)
		if !c.less(now) {
			return false
		}
		now = c
		return true
	}
	for improved := true; improved; {
		improved = false
		for _, chain := range p.chains {
			if len(chain) == 2 {
				continue
			}
			for _, top := range []bool{true, false} {
				before := cloneBands(p.bands)
				for _, i := range chain[1 : len(chain)-1] {
					p.toEnd(i, top)
				}
				if better() {
					improved = true
				} else {
					p.bands = before
				}
			}
		}
		for k, band := range p.bands {
			for i := 1; i < len(band); i++ {
				swap(band, i)
				if better() || p.swapSecond(k, better) {
					improved = true
				} else {
					swap(band, i)
				}
			}
		}
	}
	return now
}

// swapSecond makes a second swap, in band k or the next one, if it makes the
// order better.
func (p *plan) swapSecond(k int, better func() bool) bool {
	for _, band := range p.bands[k:min(k+2, len(p.bands))] {
		for i := 1; i < len(band); i++ {
			swap(band, i)
			if better() {
				return true
			}
			swap(band, i)
		}
	}
	return false
}

func swap(band []int, i int) { band[i-1], band[i] = band[i], band[i-1] }

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
