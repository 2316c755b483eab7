package search

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"idarts/internal/rng"
)

// PDARTS are the settings of progressive DARTS. The epochs are shared out to its stages.
type PDARTS struct {
	DARTS1
	Depths   []int   `json:"depths" doc:"cells of the supernet in each stage, as the protocol counts them; 0: the protocol's own"`
	Options  []int   `json:"options" doc:"options that a row has in each stage; 0: all"`
	WarmUp   int     `json:"warm_up" doc:"epochs of each stage with weight steps alone"`
	ArchClip float64 `json:"arch_clip" doc:"largest norm of the architecture's gradient; 0: no clipping"`
	Skips    int     `json:"skips" doc:"most identities in a normal cell of the result; -1: any number"`
}

// Check implements [Settings].
func (s PDARTS) Check() error {
	n := len(s.Depths)
	if n == 0 || len(s.Options) != n {
		return fmt.Errorf("depths and options are %v and %v, want one of each for every stage", s.Depths, s.Options)
	}
	return cmp.Or(s.DARTS1.Check(), notBelow(0, "warm_up", float64(s.WarmUp)), notBelow(0, "arch_clip", s.ArchClip), notBelow(-1, "skips", float64(s.Skips)))
}

var pDARTS = Method{
	Name: "p-darts", Title: "P-DARTS", Paper: "Chen et al., ICCV 2019, arXiv:1904.12760",
	Note:   "stages of first-order DARTS, each with a deeper supernet and α that start afresh and with the options that were best in the stage before; the learning rate falls within each stage; identities of the result are limited. No dropout behind identities",
	Traits: Traits{bilevel, "softmax over the options that are left", byAdam, "argmax with few identities", "2"},
	Zero:   PDARTS{},
	Begin: with(func(env Env, s PDARTS) (Searcher, error) {
		rows := env.Space.Layout
		left := newRemaining(rows, s.InitScale, env.Seed)
		parts := s.partsOf(left)
		parts.Arch = Clipped(parts.Arch, s.ArchClip)
		parts.Supernet = SupernetOptions{Depth: s.Depths[0]}
		parts.SkipZeros = true
		parts.Moves = inOrder(s.ArchFirst, WeightStep{}.Move(), From(s.WarmUp, firstOrder(s.ValidDraw)))
		parts.Select = fewSkips{rows: rows, most: s.Skips}
		parts.Hooks = []Hook{{Before: func(e *Engine) error {
			stage, epoch, epochs := stages{len(s.Depths), s.Epochs}.at(e.Clock.Epoch)
			e.Clock.Epoch, e.Clock.Epochs = epoch, epochs
			if epoch > 0 || stage == 0 {
				return nil
			}
			left.stage(stage, s.Options[stage])
			e.Arch = Clipped(NewAdam(s.Arch, len(left.Params())), s.ArchClip)
			return e.Rebuild(SupernetOptions{Depth: s.Depths[stage]}, false)
		}}}
		return NewEngine(env, parts)
	}),
}

// remaining is the relaxation by a softmax over the options that are left in each row.
type remaining struct {
	rows     Layout
	scale    float64
	seed     uint64
	alpha, p []float64
	gone     []float64 // [A]: 1 where an option has gone
}

func newRemaining(rows Layout, scale float64, seed uint64) *remaining {
	n := rows.Len()
	r := &remaining{rows, scale, seed, make([]float64, n), make([]float64, n), make([]float64, n)}
	r.start(0)
	return r
}

// start draws α for a stage.
func (r *remaining) start(stage int) {
	stream := rng.New(r.seed, "alpha", uint64(stage))
	for i := range r.alpha {
		r.alpha[i] = r.scale * stream.NormFloat64()
	}
}

// stage leaves each row its best options, 0 for all, and starts α afresh.
func (r *remaining) stage(stage, options int) {
	r.Scores(r.p)
	keepBest(r.rows, r.p, r.gone, options)
	r.start(stage)
}

func (r *remaining) Params() []float64 { return r.alpha }

func (r *remaining) Mix(coefs []float64, _ Use) Pullback {
	for i, a := range r.alpha {
		r.p[i] = a
		if r.gone[i] == 1 {
			r.p[i] = math.Inf(-1)
		}
	}
	Softmax.Mix(r.rows, slices.Clone(r.p), r.p)
	copy(coefs, r.p)
	return func(dcoefs, dalpha []float64) { Softmax.Pullback(r.rows, r.p, dcoefs, dalpha) }
}

func (r *remaining) Scores(scores []float64) { r.Mix(scores, Use{}) }
func (r *remaining) State() []byte           { return Floats(slices.Concat(r.alpha, r.gone)) }

func (r *remaining) SetState(b []byte) error {
	all := make([]float64, 2*len(r.alpha))
	if err := SetFloats(all, b); err != nil {
		return err
	}
	copy(r.alpha, all)
	copy(r.gone, all[len(r.alpha):])
	return nil
}

// fewSkips is the selection that takes the weakest identity away from the first kind of
// cell until no more than so many are chosen.
type fewSkips struct {
	byScores
	rows Layout
	most int
}

func (f fewSkips) Scores(e *Engine, scores []float64) {
	e.Relaxation.Scores(scores)
	f.limit(scores)
}

func (f fewSkips) limit(scores []float64) {
	for f.most >= 0 {
		var skips []int
		for _, node := range edgesOf(f.rows) {
			if node[0].Group != f.rows[0].Group {
				continue
			}
			for _, i := range bestEdges(node, scores) {
				for _, row := range node {
					if i >= row.start && i < row.end() && row.Options[i-row.start] == "skip_connect" {
						skips = append(skips, i)
					}
				}
			}
		}
		if len(skips) <= f.most {
			return
		}
		weakest := skips[0]
		for _, i := range skips {
			if scores[i] < scores[weakest] {
				weakest = i
			}
		}
		scores[weakest] = 0
	}
}

// bestEdges are the options that a node which keeps some of its edges takes: of the edges
// whose best operation other than none scores most, that operation.
func bestEdges(node []span, scores []float64) []int {
	var best []int
	for _, edge := range node {
		top := -1
		for o, option := range edge.Options {
			if i := edge.start + o; option != NoOperation && (top < 0 || scores[i] > scores[top]) {
				top = i
			}
		}
		best = append(best, top)
	}
	slices.SortStableFunc(best, func(i, j int) int { return cmp.Compare(scores[j], scores[i]) })
	return best[:min(len(best), max(node[0].NodeKeep, 1))]
}
