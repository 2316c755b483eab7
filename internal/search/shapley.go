package search

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"

	"idarts/internal/rng"
)

// ShapleyNAS are the settings of search by Shapley values.
type ShapleyNAS struct {
	Schedule
	InitScale   float64 `json:"init_scale" doc:"alpha and its momentum start as so many times N(0,1)"`
	WithoutNone bool    `json:"without_none" doc:"the operation none is no part of the mixture"`
	Partial     int     `json:"partial" doc:"one in so many channels goes through the mixtures; 1: all"`
	WarmUp      int     `json:"warm_up" doc:"epochs of weight steps before the first estimate"`
	Samples     int     `json:"samples" doc:"permutations of an estimate"`
	Batches     int     `json:"batches" doc:"validation batches of a permutation"`
	Truncate    float64 `json:"truncate" doc:"a permutation ends where accuracy is below so much of that of the whole supernet"`
	Momentum    float64 `json:"shapley_momentum" doc:"weight of the past in the momentum of the values"`
	Step        float64 `json:"step" doc:"alpha moves by so many times the momentum after each estimate"`
}

// Check implements [Settings].
func (s ShapleyNAS) Check() error {
	return cmp.Or(s.Schedule.Check(), notBelow(0, "warm_up", float64(s.WarmUp)), notBelow(1, "samples", float64(s.Samples)),
		notBelow(1, "batches", float64(s.Batches)), notBelow(0, "truncate", s.Truncate), notBelow(1, "partial", float64(s.Partial)), above(0, "step", s.Step))
}

var shapleyNAS = Method{
	Name: "shapley-nas", Title: "Shapley-NAS", Paper: "Xiao et al., CVPR 2022, arXiv:2206.09811",
	Note:   "weights by the softmax mixture; after the warm-up each epoch begins with an estimate of every operation's Shapley value for the supernet's validation accuracy, which moves α. Batch norm has batch statistics in the estimate, where the code has them in every other epoch; pooling has a batch norm behind it, as in all supernets here",
	Traits: Traits{bilevel, "softmax", "standardised Shapley values with momentum", byArgmax, "1, and forward passes each epoch"},
	Zero:   ShapleyNAS{},
	Begin: with(func(env Env, s ShapleyNAS) (Searcher, error) {
		relaxation, err := withoutNone(s.WithoutNone, env.Space.Layout, func(l Layout) Relaxation {
			return NewSoftmax(l, s.InitScale, rng.New(env.Seed, "alpha"))
		})
		if err != nil {
			return nil, err
		}
		parts := s.parts(relaxation)
		parts.Supernet = SupernetOptions{Partial: s.Partial}
		parts.Moves = []Move{WeightStep{}.Move()}
		m := &shapley{ShapleyNAS: s, momentum: make([]float64, env.Space.Layout.Len())}
		r := rng.New(env.Seed, "momentum of alpha")
		for i := range m.momentum {
			m.momentum[i] = s.InitScale * r.NormFloat64()
		}
		parts.Hooks = []Hook{{Before: m.update}}
		parts.Memory = []Stateful{m}
		return NewEngine(env, parts)
	}),
}

// shapley moves α by estimates of Shapley values.
type shapley struct {
	ShapleyNAS
	momentum []float64 // [A]
}

func (m *shapley) State() []byte           { return Floats(m.momentum) }
func (m *shapley) SetState(b []byte) error { return SetFloats(m.momentum, b) }

// update is, with the scores s of the players standardised in each kind of cell,
//
//	m ← Momentum·m + (1−Momentum)·s,  α ← α + Step·m
//
// Source: Xiao et al., CVPR 2022, arXiv:2206.09811; Euphoria16/Shapley-NAS, train_search.py.
func (m *shapley) update(e *Engine) error {
	if e.Clock.Epoch < m.WarmUp {
		return nil
	}
	rows := e.Space.Layout
	none := noneOf(rows)
	var players []int
	var kinds [][]int // those of each kind of cell
	for _, group := range groups(rows) {
		first := len(players)
		for _, row := range spans(rows, group) {
			for i := row.start; i < row.end(); i++ {
				if !m.WithoutNone || !none[i] {
					players = append(players, i)
				}
			}
		}
		kinds = append(kinds, players[first:len(players):len(players)])
	}
	e.Mix(ForEvaluation)
	p := append([]float64(nil), e.Coefs[:rows.Len()]...)
	game := Game{Players: players, Samples: m.Samples, Truncate: m.Truncate}
	values, err := game.Estimate(e.Rand("permutations", 0), func() func([]bool) (float64, error) { return m.value(e, p) })
	if err != nil {
		return err
	}
	scores := make([]float64, rows.Len())
	for i, player := range players {
		scores[player] = values[i].Mean - values[i].Deviation // a bound from below
	}
	for _, kind := range kinds {
		standardize(scores, kind)
	}
	params := e.Relaxation.Params() // one of each player, in their order
	for i, player := range players {
		m.momentum[player] = m.Momentum*m.momentum[player] + (1-m.Momentum)*scores[player]
		params[i] += m.Step * m.momentum[player]
	}
	return finite("alpha", params)
}

// value is the accuracy of the supernet without the players that are out, all on the
// same validation batches.
func (m *shapley) value(e *Engine, p []float64) func(out []bool) (float64, error) {
	first, whole := e.nextValids(m.ValidDraw, m.Batches), true
	return func(out []bool) (float64, error) {
		coefs := append([]float64(nil), p...)
		for i, gone := range out {
			if gone {
				coefs[i] = 0
			}
		}
		repeat(e.Coefs, coefs)
		found, err := evaluate(e, first, m.Batches)
		if err != nil {
			return 0, err
		}
		if !isFinite(found.Loss) {
			return 0, fmt.Errorf("loss of the supernet is %v: %w", found.Loss, ErrDiverged)
		}
		if whole {
			e.Add("valid_loss", found.Loss)
		}
		whole = false
		return found.Accuracy, nil
	}
}

// Game is an estimate of Shapley values.
type Game struct {
	Players  []int   // their places in what a value function is asked about
	Samples  int     // permutations
	Truncate float64 // a permutation ends below so much of the value of all
}

// Value is the estimate of one player.
type Value struct{ Mean, Deviation float64 } // over the samples; the population's deviation

// Estimate walks through random permutations: in each, players leave one after another,
// and what the value falls by is the sample of who left. Players that a truncated walk
// does not reach have 0 in it. begin starts a walk: it gives the value function, whose
// argument says who is out.
func (g Game) Estimate(r *rand.Rand, begin func() func(out []bool) (float64, error)) ([]Value, error) {
	n := 0
	for _, player := range g.Players {
		n = max(n, player+1)
	}
	sums, squares := make([]float64, len(g.Players)), make([]float64, len(g.Players))
	for range g.Samples {
		value, out := begin(), make([]bool, n)
		all, err := value(out)
		if err != nil {
			return nil, err
		}
		before := all
		for _, k := range r.Perm(len(g.Players)) {
			out[g.Players[k]] = true
			now, err := value(out)
			if err != nil {
				return nil, err
			}
			sums[k] += before - now
			squares[k] += (before - now) * (before - now)
			before = now
			if now < g.Truncate*all {
				break
			}
		}
	}
	values := make([]Value, len(g.Players))
	for k := range values {
		mean := sums[k] / float64(g.Samples)
		values[k] = Value{mean, math.Sqrt(math.Max(squares[k]/float64(g.Samples)-mean*mean, 0))}
	}
	return values, nil
}

// standardize subtracts the mean of x at the places and divides by the unbiased
// deviation; equal numbers become 0.
func standardize(x []float64, places []int) {
	mean, square := 0.0, 0.0
	for _, i := range places {
		mean += x[i] / float64(len(places))
	}
	for _, i := range places {
		square += (x[i] - mean) * (x[i] - mean)
	}
	deviation := math.Sqrt(square / float64(max(len(places)-1, 1)))
	for _, i := range places {
		x[i] -= mean
		if deviation > 0 {
			x[i] /= deviation
		}
	}
}
