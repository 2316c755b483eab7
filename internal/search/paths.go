package search

import "math/rand/v2"

// drawPath fills path [A] with the options of a random architecture, 1 where one is taken:
// the rows of a node that reads some of its edges alone are chosen uniformly, none is no
// choice there, and every row that is taken has Keep of its options. p [A] are the
// probabilities of the options; nil draws uniformly.
func drawPath(rows Layout, path, p []float64, r *rand.Rand) {
	clear(path)
	for _, node := range nodesOf(rows) {
		taken := node
		if keep := node[0].NodeKeep; keep > 0 && keep < len(node) {
			taken = nil
			for _, i := range r.Perm(len(node))[:keep] {
				taken = append(taken, node[i])
			}
		}
		for _, row := range taken {
			weights := make([]float64, len(row.Options))
			for o, option := range row.Options {
				switch {
				case option == NoOperation && row.NodeKeep > 0:
				case p == nil:
					weights[o] = 1
				default:
					weights[o] = p[row.start+o]
				}
			}
			for range row.Keep {
				o := draw(weights, r)
				weights[o] = 0
				path[row.start+o] = 1
			}
		}
	}
}

// draw is an index with probability in proportion to its weight.
func draw(weights []float64, r *rand.Rand) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	at := r.Float64() * total
	last := 0
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		last = i
		if at -= w; at < 0 {
			break
		}
	}
	return last
}

// uniformPaths is the relaxation that runs a uniformly drawn architecture in each pass of
// the weights, and leaves all other passes to the one inside.
type uniformPaths struct {
	Relaxation
	rows Layout
}

func (u uniformPaths) Mix(coefs []float64, use Use) Pullback {
	if use.For != ForWeights {
		return u.Relaxation.Mix(coefs, use)
	}
	drawPath(u.rows, coefs, nil, use.Rand)
	return nil
}

// noParams is the relaxation of methods that have nothing to learn of the architecture:
// it prefers nothing.
type noParams struct{ uniform []float64 }

func newNoParams(rows Layout) noParams { return noParams{Uniform(rows, 1)} }

func (n noParams) Params() []float64                   { return nil }
func (n noParams) Mix(coefs []float64, _ Use) Pullback { copy(coefs, n.uniform); return nil }
func (n noParams) Scores(scores []float64)             { copy(scores, n.uniform) }
func (n noParams) State() []byte                       { return nil }
func (n noParams) SetState([]byte) error               { return nil }
