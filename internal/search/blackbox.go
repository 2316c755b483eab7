package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// blackBox is a search that asks for the validation accuracy of one architecture
// after another and keeps the best. Its budget is a number of distinct
// architectures. One that was asked for before is answered from memory: that costs
// nothing, and the strategy learns from it all the same. So two methods of one budget
// have seen equally many architectures.
//
// All that happens is a pure function of the seed and the answers. The state is
// therefore the list of answers, and going on from it is going through them again.
type blackBox struct {
	env      Env
	name     string
	budget   int // queries
	strategy strategy
	archs    []string // in the order they were asked for
	scores   []float64
	known    map[string]float64 // the same, percent
	repeats  int                // known proposals since the last new one
}

// Budget are the settings that all black-box methods have.
type Budget struct {
	// Queries is of how many distinct architectures they are told the validation
	// accuracy. An answer that they have had before is free.
	Queries int `json:"queries" doc:"distinct architectures whose validation accuracy may be asked"`
}

// Check implements [Settings].
func (b Budget) Check() error {
	if b.Queries < 1 {
		return fmt.Errorf("queries is %d, want at least 1", b.Queries)
	}
	return nil
}

// strategy decides what to ask for next.
type strategy interface {
	// next is an architecture of the space, known or not. learn follows it.
	next(ctx context.Context) (arch string, err error)
	learn(arch string, score float64)
}

// limit is how many proposals in a row may be known before a search gives up.
const limit = 100000

// newBlackBox checks what all black-box methods need. begin makes a strategy that
// has seen nothing.
func newBlackBox(env Env, budget Budget, begin func(*blackBox) strategy) (*blackBox, error) {
	if env.Query == nil {
		return nil, errors.New("it needs a way to query architectures")
	}
	b := &blackBox{env: env, name: env.Method, budget: budget.Queries, known: map[string]float64{}}
	b.strategy = begin(b)
	return b, nil
}

// Epochs implements [Searcher]: one for each query.
func (b *blackBox) Epochs() int { return b.budget }

// Epoch implements [Searcher]: it asks for one more architecture.
func (b *blackBox) Epoch(ctx context.Context, progress func(done, total int)) (Report, error) {
	if len(b.archs) >= b.Epochs() {
		return Report{}, fmt.Errorf("search: method %q: all %d queries are done", b.name, b.Epochs())
	}
	arch, err := b.propose(ctx)
	if err != nil {
		return Report{}, err
	}
	score, err := b.env.Query(arch)
	if err != nil {
		return Report{}, fmt.Errorf("search: method %q: query %q: %w", b.name, arch, err)
	}
	if !isFinite(score) {
		return Report{}, fmt.Errorf("search: method %q: accuracy of %q is %v: %w", b.name, arch, score, ErrDiverged)
	}
	b.answer(arch, score)
	if progress != nil {
		progress(1, 1)
	}
	best := slices.Index(b.scores, slices.Max(b.scores)) // the first of equal ones
	return Report{Arch: b.archs[best], Extra: map[string]float64{"valid": score, "best_valid": b.scores[best]}}, nil
}

// propose is the next architecture that was not asked for before.
func (b *blackBox) propose(ctx context.Context) (string, error) {
	for range limit {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		arch, err := b.strategy.next(ctx)
		if err != nil {
			return "", cmp.Or(ctx.Err(), fmt.Errorf("search: method %q: %w", b.name, err))
		}
		score, known := b.known[arch]
		if !known {
			return arch, nil
		}
		b.repeats++
		b.strategy.learn(arch, score)
	}
	return "", fmt.Errorf("search: method %q: %w", b.name, b.usedUp())
}

// usedUp is the error of a search that finds nothing new.
func (b *blackBox) usedUp() error {
	return fmt.Errorf("no new architecture in %d tries after %d queries: the space is used up; lower queries", limit, len(b.archs))
}

// unseen draws an architecture that was not asked for before.
func (b *blackBox) unseen(stream *rand.Rand) (string, error) {
	for range limit {
		arch := b.env.Space.Random(stream)
		if _, known := b.known[arch]; !known {
			return arch, nil
		}
	}
	return "", b.usedUp()
}

func (b *blackBox) answer(arch string, score float64) {
	b.archs, b.scores = append(b.archs, arch), append(b.scores, score)
	b.known[arch] = score
	b.repeats = 0
	b.strategy.learn(arch, score)
}

// State implements [Searcher].
func (b *blackBox) State() []byte {
	var w stateWriter
	w.header(b.name, b.env.Seed, b.env.Space.Layout.Len())
	w.uint(uint64(len(b.archs)))
	w.floats(b.scores)
	for _, arch := range b.archs {
		w.bytes([]byte(arch))
	}
	return w.seal()
}

// SetState implements [Searcher]. The searcher must be fresh.
func (b *blackBox) SetState(state []byte) error {
	err := b.replay(state)
	if err != nil {
		return fmt.Errorf("search: state of method %q: %w", b.name, err)
	}
	return nil
}

func (b *blackBox) replay(state []byte) error {
	if len(b.archs) > 0 {
		return errors.New("this search is under way, want a fresh one")
	}
	s := openState(state)
	s.header(b.name, b.env.Seed, b.env.Space.Layout.Len())
	n := s.uint()
	if n > uint64(b.Epochs()) {
		s.fail(fmt.Errorf("%d queries, want at most %d", n, b.Epochs()))
		n = 0
	}
	scores := s.floats(int(n))
	var archs []string
	for range n {
		archs = append(archs, string(s.bytes()))
	}
	if err := s.end(); err != nil {
		return err
	}
	for i, arch := range archs {
		ours, err := b.propose(context.Background())
		if err != nil {
			return err
		}
		if ours != arch {
			return fmt.Errorf("query %d is %q, these settings give %q", i+1, arch, ours)
		}
		b.answer(arch, scores[i])
	}
	return nil
}
