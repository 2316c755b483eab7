package search

import (
	"cmp"
	"math"
)

// SGAS are the settings of sequential greedy architecture search.
type SGAS struct {
	DARTS1
	WarmUp    int  `json:"warm_up" doc:"epochs before the first decision"`
	Every     int  `json:"every" doc:"epochs from one decision to the next"`
	Stability bool `json:"stability" doc:"criterion 2: how little a row has changed in the last four epochs counts as well"`
}

// Check implements [Settings].
func (s SGAS) Check() error {
	return cmp.Or(s.DARTS1.Check(), notBelow(0, "warm_up", float64(s.WarmUp)), notBelow(1, "every", float64(s.Every)))
}

var sgas = Method{
	Name: "sgas", Title: "SGAS", Paper: "Li et al., CVPR 2020, arXiv:1912.00195",
	Note:   "first-order DARTS that decides one row of each kind of cell from time to time, the most important and certain one, and goes on with the others; the batch does not grow with the decisions",
	Traits: Traits{bilevel, "softmax, decided rows one-hot", byAdam, "greedy, in the search", "2"},
	Zero:   SGAS{},
	Begin: with(func(env Env, s SGAS) (Searcher, error) {
		parts := s.Bilevel.parts(env)
		g := &greedy{SGAS: s, pinned: newPinned(parts.Relaxation, env.Space.Layout.Len()), rows: env.Space.Layout}
		parts.Relaxation = g.pinned
		parts = s.alternating(parts, WeightStep{})
		parts.Hooks = []Hook{{After: g.decide}}
		parts.Memory = []Stateful{g}
		return NewEngine(env, parts)
	}),
}

// greedy decides rows during the search. In each kind of cell the score of an undecided
// row is the product, each scaled to [0,1] among them, of
//
//	S_EI = Σ p_o over operations other than none       importance
//	S_SC = 1 − entropy of these, renormalised, over its maximum    certainty
//
// and with Stability the mean histogram intersection of p with those of four epochs
// before. The best row gets its best operation. Where a node has its edges, the others go.
//
// Source: Li et al., CVPR 2020, arXiv:1912.00195; lightaime/sgas, cnn/train_search.py.
type greedy struct {
	SGAS
	pinned *pinned
	rows   Layout
	past   []float64 // up to [4·A]: p after the last epochs, the newest last
}

const pastEpochs = 4

func (g *greedy) State() []byte { return Floats(g.past) }

func (g *greedy) SetState(b []byte) error {
	r := stateReader{buf: b}
	n := r.uint()
	if n > uint64(pastEpochs*g.rows.Len()) {
		n = 0
	}
	past := make([]float64, n)
	if err := SetFloats(past, b); err != nil {
		return err
	}
	g.past = past
	return nil
}

// decide runs after each epoch.
func (g *greedy) decide(e *Engine) error {
	p := make([]float64, g.rows.Len())
	g.pinned.Relaxation.Scores(p)
	if due := e.Clock.Epoch - g.WarmUp; due >= 0 && due%g.Every == 0 {
		for _, group := range groups(g.rows) {
			g.decideIn(group, p)
		}
	}
	g.past = append(g.past, p...)
	if n := len(g.past) - pastEpochs*len(p); n > 0 {
		g.past = append([]float64(nil), g.past[n:]...)
	}
	return nil
}

func (g *greedy) decideIn(group string, p []float64) {
	var open []span
	for _, row := range spans(g.rows, group) {
		if g.pinned.free(row.start) {
			open = append(open, row)
		}
	}
	if len(open) == 0 {
		return
	}
	score := make([]float64, len(open))
	for i := range score {
		score[i] = 1
	}
	for _, part := range []func(span, []float64) float64{importance01, certainty, g.stability} {
		values := make([]float64, len(open))
		for i, row := range open {
			values[i] = part(row, p)
		}
		unitScale(values)
		for i := range score {
			score[i] *= values[i]
		}
	}
	best := 0
	for i := range score {
		if score[i] > score[best] {
			best = i
		}
	}
	g.take(open[best], p)
}

// take decides a row: its Keep best options other than none, or where all operations of a
// row count, of all. Then a node that has its edges loses the others.
func (g *greedy) take(row span, p []float64) {
	part := append([]float64(nil), p[row.start:row.end()]...)
	if row.NodeKeep > 0 {
		for o, option := range row.Options {
			if option == NoOperation {
				part[o] = math.Inf(-1)
			}
		}
	}
	for i := row.start; i < row.end(); i++ {
		g.pinned.pins[i] = 0
	}
	for range row.Keep {
		top := 0
		for o := range part {
			if part[o] > part[top] {
				top = o
			}
		}
		g.pinned.pins[row.start+top] = 1
		part[top] = math.Inf(-1)
	}
	if row.NodeKeep == 0 {
		return
	}
	var others []span
	has := 0
	for _, edge := range spans(g.rows, row.Group) {
		switch {
		case edge.Node != row.Node:
		case g.pinned.free(edge.start):
			others = append(others, edge)
		default:
			has++
		}
	}
	if has >= row.NodeKeep {
		for _, edge := range others {
			clear(g.pinned.pins[edge.start:edge.end()])
		}
	}
}

func importance01(row span, p []float64) float64 {
	sum := 0.0
	for o, option := range row.Options {
		if option != NoOperation {
			sum += p[row.start+o]
		}
	}
	return sum
}

func certainty(row span, p []float64) float64 {
	sum, n, entropy := importance01(row, p), 0, 0.0
	for o, option := range row.Options {
		if option != NoOperation {
			n++
			if q := p[row.start+o] / sum; q > 0 {
				entropy -= q * math.Log(q)
			}
		}
	}
	if n < 2 {
		return 1
	}
	return 1 - entropy/math.Log(float64(n))
}

// stability is 1 where it does not count or nothing came before.
func (g *greedy) stability(row span, p []float64) float64 {
	n := len(g.past) / len(p)
	if !g.Stability || n == 0 {
		return 1
	}
	sum := 0.0
	for k := range n {
		for i := row.start; i < row.end(); i++ {
			sum += math.Min(p[i], g.past[k*len(p)+i])
		}
	}
	return sum / float64(n)
}

// unitScale scales values to [0,1]; equal ones become 1.
func unitScale(values []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	for i, v := range values {
		if high > low {
			values[i] = (v - low) / (high - low)
		} else {
			values[i] = 1
		}
	}
}
