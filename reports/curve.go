package reports

import (
	"math"
	"slices"
)

// path is the curve of one edge. It passes its label level and each of its lanes
// in the middle; where that brings it into a box of the lane's band, it keeps to
// the lane through the whole band, which is always free.
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
	for k, i := range chain {
		level[k] = p.elements[i].node < 0 && p.elements[i].w > 0
	}
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
			case p.elements[i].w > 0:
				knots = append(knots, point{boxes[i].x - boxes[i].w/2, boxes[i].y}, point{boxes[i].x + boxes[i].w/2, boxes[i].y})
			default:
				knots = append(knots, point{left[band], boxes[i].y}, point{right[band], boxes[i].y})
			}
		}
		end := point{to.x - to.w/2, to.y + last.enters}
		if level[len(level)-1] {
			knots[len(knots)-1].x -= arrowHead
		} else {
			knots = append(knots, point{end.x - arrowHead, end.y})
		}
		knots = append(knots, end)
		// An end that is nearly level becomes level.
		n := len(knots)
		if math.Abs(knots[0].y-knots[1].y) < portShift {
			knots[0].y = knots[1].y
		}
		if y := knots[n-3].y; math.Abs(y-end.y) < portShift {
			knots[n-2].y, knots[n-1].y = y, y
		}
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
