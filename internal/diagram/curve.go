package diagram

import (
	"math"
	"slices"
)

// path is the curve of one edge. It passes its label horizontally and each of its
// lanes in the middle; where that brings it into a box of the lane's band, it keeps
// to the lane through the whole band, which is always free.
func (p *plan) path(edge int, chain []int, at columns) []Point {
	keeps := make([]bool, len(chain)) // whether it keeps to this lane
	for k, i := range chain {
		keeps[k] = p.elements[i].node < 0 && p.elements[i].w > 0
	}
	for {
		path := smooth(p.knots(edge, chain, keeps, at))
		hit := p.hit(path, edge, chain, at.boxes)
		if hit < 0 {
			return path
		}
		k := slices.IndexFunc(chain, func(i int) bool { return p.elements[i].band == p.elements[hit].band })
		if k < 0 || keeps[k] {
			return path
		}
		keeps[k] = true
	}
}

// knots are points of ascending X that the curve of an edge goes through.
func (p *plan) knots(edge int, chain []int, keeps []bool, at columns) []Point {
	from, to := at.boxes[chain[0]], at.boxes[chain[len(chain)-1]]
	leaves, enters := p.ends(edge, chain)
	knots := []Point{{from.X + from.W/2, from.Y + leaves}}
	end := Point{to.X - to.W/2, to.Y + enters}
	for k, i := range chain {
		band, box := p.elements[i].band, at.boxes[i]
		switch {
		case !keeps[k] && 0 < k && k < len(chain)-1:
			knots = append(knots, Point{box.X, box.Y})
		case !keeps[k]:
		case k == 0:
			knots = append(knots, Point{at.right[band], knots[0].Y})
		case k == len(chain)-1:
			knots = append(knots, Point{at.left[band], end.Y})
		case p.elements[i].w > 0:
			knots = append(knots, Point{box.X - box.W/2, box.Y}, Point{box.X + box.W/2, box.Y})
		default:
			knots = append(knots, Point{at.left[band], box.Y}, Point{at.right[band], box.Y})
		}
	}
	if keeps[len(keeps)-1] {
		knots[len(knots)-1].X -= ArrowHead
	} else {
		knots = append(knots, Point{end.X - ArrowHead, end.Y})
	}
	knots = append(knots, end)
	// An end that is nearly horizontal becomes so.
	n := len(knots)
	if math.Abs(knots[0].Y-knots[1].Y) < portShift {
		knots[0].Y = knots[1].Y
	}
	if y := knots[n-3].Y; math.Abs(y-end.Y) < portShift {
		knots[n-2].Y, knots[n-1].Y = y, y
	}
	return slices.Compact(knots)
}

// ends is how far below the centres of its nodes an edge leaves and enters them.
func (p *plan) ends(edge int, chain []int) (leaves, enters float64) {
	for _, l := range p.links {
		if l.edge == edge && l.from == chain[0] {
			leaves = l.leaves
		}
		if l.edge == edge && l.to == chain[len(chain)-1] {
			enters = l.enters
		}
	}
	return leaves, enters
}

// hit is a node or a label, not of the edge itself, that path comes too near to;
// -1 for none.
func (p *plan) hit(path []Point, edge int, chain []int, boxes []Box) int {
	const (
		margin = 1.5
		steps  = 24 // points of a piece that are checked
	)
	for i := 0; i+3 < len(path); i += 3 {
		for step := range steps + 1 {
			at := bezier(path[i:i+4], float64(step)/steps)
			for k, el := range p.elements {
				if el.w > 0 && el.edge != edge && k != chain[0] && k != chain[len(chain)-1] && boxes[k].holds(at, margin) {
					return k
				}
			}
		}
	}
	return -1
}

// smooth is a curve through knots of ascending X, in cubic pieces: Y is a
// function of X with a continuous slope, horizontal at both ends, and goes up or
// down between two knots only as the knots do (Fritsch & Butland, 1984).
func smooth(knots []Point) []Point {
	n := len(knots)
	slopes := make([]float64, n)
	for i := 1; i < n-1; i++ {
		before := (knots[i].Y - knots[i-1].Y) / (knots[i].X - knots[i-1].X)
		after := (knots[i+1].Y - knots[i].Y) / (knots[i+1].X - knots[i].X)
		if before*after > 0 {
			slopes[i] = 2 * before * after / (before + after)
		}
	}
	path := []Point{knots[0]}
	for i := 1; i < n; i++ {
		third := (knots[i].X - knots[i-1].X) / 3
		path = append(path,
			Point{Round(knots[i-1].X + third), Round(knots[i-1].Y + slopes[i-1]*third)},
			Point{Round(knots[i].X - third), Round(knots[i].Y - slopes[i]*third)},
			knots[i])
	}
	return path
}

// bezier is the point at t, from 0 to 1, of the cubic with four points.
func bezier(p []Point, t float64) Point {
	s := 1 - t
	a, b, c, d := s*s*s, 3*s*s*t, 3*s*t*t, t*t*t
	return Point{a*p[0].X + b*p[1].X + c*p[2].X + d*p[3].X, a*p[0].Y + b*p[1].Y + c*p[2].Y + d*p[3].Y}
}
