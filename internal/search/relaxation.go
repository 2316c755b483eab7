package search

import (
	"math"
	"math/rand/v2"
)

// Stateful is what a search saves. SetState takes what State of an equal value
// gave and goes on with the same bits; it refuses bytes that are none.
type Stateful interface {
	State() []byte
	SetState(b []byte) error
}

// Relaxation owns architecture parameters θ: how they start, and which mixture of
// operations they stand for. θ may be logits, points on a simplex, gates, latent
// codes; it may have any number of entries.
type Relaxation interface {
	// Params is θ, live: an [ArchOptimizer] moves it.
	Params() []float64
	// Mix fills coefs [A] with a mixture for one use, the same for all layers, and
	// returns its pullback, which holds until the next call. A random relaxation draws
	// from use.Rand alone, so that the mixture is a pure function of θ and use.
	Mix(coefs []float64, use Use) Pullback
	// Scores fills scores [A] with what decides the architecture, see [Space.Derive].
	Scores(scores []float64)
	// State is θ and what else changes.
	Stateful
}

// Pullback fills dparams with (∂c/∂θ)ᵀ dcoefs; dcoefs is [A], summed over layers.
// It is linear in dcoefs.
type Pullback func(dcoefs, dparams []float64)

// Use says what a mixture is for.
type Use struct {
	For   Purpose
	Clock Clock
	Rand  *rand.Rand // a stream of its own for each mixture of a search
}

// Purpose is the kind of pass that a mixture goes into.
type Purpose uint8

const (
	ForWeights Purpose = iota
	ForArchitecture
	ForEvaluation
)

// Clock is how far a search is. Temperatures and other schedules read it.
type Clock struct {
	Epoch, Epochs int     // of the search or, after it, of the selection; from 0
	Step, Steps   int     // outer steps of this epoch; from 0
	Rate          float64 // learning rate of the weights
}

// Entropy is the mean entropy of the rows of scores, in nats: ln of the number of
// options when nothing is decided, 0 when every row is. Entries below 0 count as
// 0, and a row that does not add up to 1 is scaled first.
func Entropy(rows Layout, scores []float64) float64 {
	total := 0.0
	for _, row := range rows.Parts(scores) {
		sum := 0.0
		for _, x := range row {
			sum += max(x, 0)
		}
		if math.Abs(sum-1) < 1e-9 {
			sum = 1
		}
		for _, x := range row {
			if x > 0 {
				total -= x / sum * math.Log(x/sum)
			}
		}
	}
	return total / float64(len(rows))
}

// repeat fills dst [layers·A] with one [A] set, layer after layer.
func repeat(dst, one []float64) {
	for start := 0; start < len(dst); start += len(one) {
		copy(dst[start:start+len(one)], one)
	}
}

// SumLayers fills dst [A] with the sum over layers [layers·A]: the gradient in one
// set of coefficients that all layers share.
func SumLayers(dst, layers []float64) {
	clear(dst)
	for i, x := range layers {
		dst[i%len(dst)] += x
	}
}

// Drawing is a [Relaxation] whose mixtures do not show all that they are made from.
type Drawing interface {
	// Drawn is that, of the last mixture; each relaxation says what it is.
	Drawn() []float64
}
