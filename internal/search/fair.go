package search

import (
	"cmp"
	"math"
	"slices"

	"idarts/internal/rng"
)

// FairDARTS are the settings of independent gates.
type FairDARTS struct {
	DARTS1
	ZeroOne   float64 `json:"zero_one" doc:"weight of the loss that draws gates to 0 and 1"`
	Threshold float64 `json:"threshold" doc:"gates below it are closed, where the space has nodes with fewer edges"`
}

// Check implements [Settings].
func (s FairDARTS) Check() error {
	return cmp.Or(s.DARTS1.Check(), notBelow(0, "zero_one", s.ZeroOne), notBelow(0, "threshold", s.Threshold))
}

var fairDARTS = Method{
	Name: "fair-darts", Title: "Fair-DARTS", Paper: "Chu et al., ECCV 2020, arXiv:1911.12126",
	Note:   "first-order steps of independent gates, the sigmoid of α, without none, with a loss that draws them to 0 and 1; in the DARTS space a node keeps at most two edges, those whose best gate is open, elsewhere the largest gates decide",
	Traits: Traits{bilevel, "sigmoid gates", "Adam, with a penalty on undecided gates", "open gates", "2"},
	Zero:   FairDARTS{},
	Begin: with(func(env Env, s FairDARTS) (Searcher, error) {
		relaxation, err := withoutNone(true, env.Space.Layout, func(l Layout) Relaxation {
			return newGates(l, s.InitScale, rng.New(env.Seed, "alpha").NormFloat64)
		})
		if err != nil {
			return nil, err
		}
		parts := s.alternating(s.partsOf(relaxation), WeightStep{})
		parts.Arch = Penalized(parts.Arch, zeroOne(s.ZeroOne))
		parts.Select = openGates{rows: env.Space.Layout, threshold: s.Threshold}
		return NewEngine(env, parts)
	}),
}

// gates is the relaxation whose coefficients are σ(α), each for itself.
type gates struct{ alpha []float64 }

func newGates(rows Layout, scale float64, normal func() float64) Relaxation {
	g := gates{make([]float64, rows.Len())}
	for i := range g.alpha {
		g.alpha[i] = scale * normal()
	}
	return g
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func (g gates) Params() []float64 { return g.alpha }

func (g gates) Mix(coefs []float64, _ Use) Pullback {
	g.Scores(coefs)
	p := slices.Clone(coefs)
	return func(dcoefs, dalpha []float64) {
		for i, d := range dcoefs {
			dalpha[i] = d * p[i] * (1 - p[i])
		}
	}
}

func (g gates) Scores(scores []float64) {
	for i, a := range g.alpha {
		scores[i] = sigmoid(a)
	}
}

func (g gates) State() []byte           { return Floats(g.alpha) }
func (g gates) SetState(b []byte) error { return SetFloats(g.alpha, b) }

// zeroOne adds the gradient of −weight·mean of (σ(α) − ½)².
// Source: Chu et al., ECCV 2020, arXiv:1911.12126, equation 6.
func zeroOne(weight float64) func(alpha, grad []float64, _ Clock) {
	return func(alpha, grad []float64, _ Clock) {
		for i, a := range alpha {
			p := sigmoid(a)
			grad[i] -= weight / float64(len(alpha)) * 2 * (p - 0.5) * p * (1 - p)
		}
	}
}

// openGates keeps, in nodes of which some edges are kept, the best operation of at most
// so many edges, the ones with the largest gates, if their gates are open.
type openGates struct {
	byScores
	rows      Layout
	threshold float64
}

func (o openGates) Kept(e *Engine, kept []bool) {
	p := make([]float64, len(kept))
	e.Relaxation.Scores(p)
	for _, node := range nodesOf(o.rows) {
		for _, i := range bestEdges(node, p) {
			kept[i] = p[i] >= o.threshold
		}
	}
}
