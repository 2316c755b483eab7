package search

import (
	"cmp"
	"context"
	"fmt"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// DARTSPT are the settings of selection by perturbation.
type DARTSPT struct {
	DARTS1
	Base      Base      `json:"base" doc:"search before the selection: darts-v1, fixed (alpha does not move) or sdarts-rs"`
	Radius    Radius    `json:"radius"`
	Criterion Criterion `json:"criterion" doc:"what the loss of an operation is judged by: accuracy or loss"`
	Every     int       `json:"every" doc:"epochs of tuning from one decision to the next"`
	Batches   int       `json:"batches" doc:"validation batches that judge; 0: all of the validation half, not augmented"`
	// LastFull has the last decision a whole interval after the one before, as in the
	// DARTS space; else it comes one epoch sooner, as in the NAS-Bench-201 code.
	LastFull bool `json:"last_full" doc:"the last decision comes a whole interval after the one before; else an epoch sooner"`
	Tune     Rate `json:"tune"`
}

// Check implements [Settings].
func (s DARTSPT) Check() error {
	return cmp.Or(s.DARTS1.Check(), notBelow(1, "every", float64(s.Every)), notBelow(0, "batches", float64(s.Batches)), notBelow(0, "radius.start", s.Radius.Start), notBelow(0, "radius.end", s.Radius.End))
}

// Base is the search that comes before a selection.
type Base uint8

// The bases.
const (
	OnDARTS Base = iota
	OnFixed
	OnSDARTS
)

var bases = names{OnDARTS: "darts-v1", OnFixed: "fixed", OnSDARTS: "sdarts-rs"}

// String is "darts-v1", "fixed" or "sdarts-rs".
func (b Base) String() string { return bases.of(uint8(b)) }

// MarshalText makes settings readable.
func (b Base) MarshalText() ([]byte, error) { return bases.marshal(uint8(b)) }

// UnmarshalText is the inverse of MarshalText.
func (b *Base) UnmarshalText(text []byte) error { return bases.parse(text, (*uint8)(b)) }

// Criterion is what says how good a supernet is.
type Criterion uint8

// The criteria.
const (
	ByAccuracy Criterion = iota
	ByLoss
)

var criteria = names{ByAccuracy: "accuracy", ByLoss: "loss"}

// String is "accuracy" or "loss".
func (c Criterion) String() string { return criteria.of(uint8(c)) }

// MarshalText makes settings readable.
func (c Criterion) MarshalText() ([]byte, error) { return criteria.marshal(uint8(c)) }

// UnmarshalText is the inverse of MarshalText.
func (c *Criterion) UnmarshalText(text []byte) error { return criteria.parse(text, (*uint8)(c)) }

// of is larger for a better supernet.
func (c Criterion) of(e batch.Evaluation) float64 {
	if c == ByLoss {
		return -e.Loss
	}
	return e.Accuracy
}

var dartsPT = Method{
	Name: "darts-pt", Title: "DARTS-PT", Paper: "Wang et al., ICLR 2021, arXiv:2108.04392",
	Note:   "after the search of its base, each decision keeps the operation whose removal harms the supernet most on all of the validation half, and tuning follows; batch norm has batch statistics in these passes, and its running averages stay",
	Traits: Traits{bilevel, "softmax, decided rows one-hot", "that of its base", "perturbation of the supernet, with tuning", "2, or 1"},
	Zero:   DARTSPT{},
	Begin: with(func(env Env, s DARTSPT) (Searcher, error) {
		parts := s.Bilevel.parts(env)
		relaxation := newPinned(parts.Relaxation, env.Space.Layout.Len())
		parts.Relaxation = relaxation
		p := &removal{DARTSPT: s, pinned: relaxation, rows: env.Space.Layout, radius: s.Radius}
		switch s.Base {
		case OnSDARTS:
			parts = s.alternating(parts, WeightStep{Perturb: func(e *Engine, b batch.Batch, coefs []float64) error {
				return randomBox(p.radius)(e, b, coefs)
			}})
		case OnFixed:
			parts.Moves = []Move{WeightStep{}.Move()}
		default:
			parts = s.alternating(parts, WeightStep{})
		}
		parts.Select = p
		return NewEngine(env, parts)
	}),
}

// removal is the selection of DARTS-PT. In each kind of cell, at each decision:
//
//   - while operations are undecided, a random one of their rows gets the option without
//     which the supernet is worst; the others are gone;
//   - then a random node that reads too much, or row of inputs, loses the ones without
//     which the supernet is best, one after another.
//
// An option that is taken away has coefficient 0, and the others keep theirs.
// Source: Wang et al., ICLR 2021, arXiv:2108.04392; ruocwang/darts-pt, projection.py.
type removal struct {
	DARTSPT
	pinned *pinned // its decisions are those of the relaxation, which saves them
	rows   Layout
	radius Radius
	judges batch.Batch // the first of them
	byScores
}

// open are the decisions that are left in a kind of cell: rows of operations, then sets
// of what is to lose some of its members, each a range of [A].
func (p *removal) open(group string) (ops []span, sets []set) {
	var nodes []set
	for _, row := range spans(p.rows, group) {
		switch {
		case row.Kind == Input || row.Kind == Output:
			one := set{keep: row.Keep}
			for i := row.start; i < row.end(); i++ {
				one.members = append(one.members, [2]int{i, i + 1})
			}
			sets = append(sets, one)
			continue
		case row.NodeKeep > 0:
			if n := len(nodes); n == 0 || nodes[n-1].node != row.Node {
				nodes = append(nodes, set{node: row.Node, keep: row.NodeKeep})
			}
			last := &nodes[len(nodes)-1]
			last.members = append(last.members, [2]int{row.start, row.end()})
		}
		if p.pinned.free(row.start) {
			ops = append(ops, row)
		}
	}
	var left []set
	for _, s := range append(nodes, sets...) {
		if s.members = p.there(s.members); len(s.members) > s.keep {
			left = append(left, s)
		}
	}
	return ops, left
}

// set is what a node may read: ranges of [A], of which some are kept.
type set struct {
	node, keep int
	members    [][2]int
}

// there are the members that are not gone.
func (p *removal) there(members [][2]int) (out [][2]int) {
	for _, m := range members {
		for i := m[0]; i < m[1]; i++ {
			if p.pinned.pins[i] != 0 {
				out = append(out, m)
				break
			}
		}
	}
	return out
}

// decisions is how many times there is something to decide, from the start.
func (p *removal) decisions() int {
	fresh := &removal{pinned: newPinned(p.pinned.Relaxation, p.rows.Len()), rows: p.rows}
	most := 0
	for _, group := range groups(p.rows) {
		ops, sets := fresh.open(group)
		most = max(most, len(ops)+len(sets))
	}
	return most
}

// Epochs implements [Selection].
func (p *removal) Epochs() int {
	epochs := p.Every * (p.decisions() - 1)
	if p.LastFull {
		epochs++
	}
	return max(epochs, 1)
}

// Epoch implements [Selection]: the decisions that are due, then an epoch of tuning. In
// the last one all that is left is decided.
func (p *removal) Epoch(ctx context.Context, e *Engine, epoch int) error {
	e.Weights.LR, e.Weights.MinLR, e.Weights.EachStep = p.Tune.LR, p.Tune.MinLR, p.Tune.EachStep
	p.radius.Start = p.radius.End // as at the end of the search
	if epoch == 0 {
		e.Momentum.Zero()
	}
	p.judges = e.nextValids(p.ValidDraw, p.Batches)
	last := epoch == p.Epochs()-1
	for due := epoch%p.Every == 0 || last; due; due = last {
		decided := false
		for k, group := range groups(p.rows) {
			one, err := p.decide(ctx, e, group, uint64(k))
			if err != nil {
				return err
			}
			decided = decided || one
		}
		if !decided {
			break
		}
	}
	return e.Train(ctx)
}

// decide takes the next decision of a kind of cell, if one is left.
func (p *removal) decide(ctx context.Context, e *Engine, group string, stream uint64) (bool, error) {
	ops, sets := p.open(group)
	r := e.Rand("decision", stream<<32|uint64(len(ops)+len(sets)))
	switch {
	case len(ops) > 0:
		row := ops[r.IntN(len(ops))]
		worst, keep := 0.0, 0
		for o := range row.Options {
			without, err := p.without(ctx, e, row.start+o, row.start+o+1)
			if err != nil {
				return false, err
			}
			if o == 0 || without < worst {
				worst, keep = without, o
			}
		}
		p.pinned.choose(row.start, len(row.Options), keep)
	case len(sets) > 0:
		s := sets[r.IntN(len(sets))]
		for members := s.members; len(members) > s.keep; members = p.there(members) {
			best, gone := 0.0, 0
			for i, m := range members {
				without, err := p.without(ctx, e, m[0], m[1])
				if err != nil {
					return false, err
				}
				if i == 0 || without >= best { // the later of equal ones goes
					best, gone = without, i
				}
			}
			clear(p.pinned.pins[members[gone][0]:members[gone][1]])
		}
	default:
		return false, nil
	}
	return true, nil
}

// without is how good the supernet is without the options from start to end.
func (p *removal) without(ctx context.Context, e *Engine, start, end int) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	e.Mix(ForEvaluation)
	n := p.rows.Len()
	for layer := 0; layer < len(e.Coefs); layer += n {
		clear(e.Coefs[layer+start : layer+end])
	}
	var found batch.Evaluation
	var err error
	if p.Batches == 0 {
		found, err = e.Problem.EvaluateSplit(batch.Valid, e.Coefs, exec.NormBatch)
	} else {
		found, err = evaluate(e, p.judges, p.Batches)
	}
	if err != nil {
		return 0, err
	}
	if !isFinite(found.Loss) {
		return 0, fmt.Errorf("loss of the supernet without an option is %v: %w", found.Loss, ErrDiverged)
	}
	return p.Criterion.of(found), nil
}
