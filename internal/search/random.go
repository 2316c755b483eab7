package search

import (
	"context"
	"fmt"
	"slices"

	"idarts/internal/rng"
)

const randomName = "random"

// randomSearch draws distinct architectures and keeps the best. Its state is the
// list of what it has seen; the draws are a pure function of the seed.
type randomSearch struct {
	env    Env
	archs  []string
	scores []float64 // validation accuracy, percent
}

func newRandom(env Env) (Searcher, error) {
	if env.Query == nil {
		return nil, fmt.Errorf("search: method %q needs a way to query architectures", randomName)
	}
	if env.Settings.RandomCells < 1 {
		return nil, fmt.Errorf("search: method %q: random_cells is %d, want at least 1", randomName, env.Settings.RandomCells)
	}
	return &randomSearch{env: env}, nil
}

// Epochs implements [Searcher].
func (r *randomSearch) Epochs() int { return r.env.Settings.RandomCells }

// Epoch implements [Searcher]: it draws and scores one more architecture.
func (r *randomSearch) Epoch(ctx context.Context, progress func(done, total int)) (Report, error) {
	if len(r.archs) >= r.Epochs() {
		return Report{}, fmt.Errorf("search: method %q: all %d cells are done", randomName, r.Epochs())
	}
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	arch, err := r.draw()
	if err != nil {
		return Report{}, err
	}
	score, err := r.env.Query(arch)
	if err != nil {
		return Report{}, fmt.Errorf("search: method %q: query %q: %w", randomName, arch, err)
	}
	if !isFinite(score) {
		return Report{}, fmt.Errorf("search: method %q: accuracy of %q is %v: %w", randomName, arch, score, ErrDiverged)
	}
	r.archs, r.scores = append(r.archs, arch), append(r.scores, score)
	if progress != nil {
		progress(1, 1)
	}
	best := r.best()
	return Report{Arch: r.archs[best], Extra: map[string]float64{"valid": score, "best_valid": r.scores[best]}}, nil
}

// draw is the next architecture that was not drawn before.
func (r *randomSearch) draw() (string, error) {
	const tries = 100000
	stream := rng.New(r.env.Seed, "random search", uint64(len(r.archs)))
	for range tries {
		if arch := r.env.Space.Random(stream); !slices.Contains(r.archs, arch) {
			return arch, nil
		}
	}
	return "", fmt.Errorf("search: method %q: no new cell in %d draws after %d cells: the space is used up; lower random_cells", randomName, tries, len(r.archs))
}

// best is the index of the first of the highest scores.
func (r *randomSearch) best() int {
	best := 0
	for i, score := range r.scores {
		if score > r.scores[best] {
			best = i
		}
	}
	return best
}

// State implements [Searcher].
func (r *randomSearch) State() []byte {
	var w stateWriter
	w.header(randomName, r.env.Seed, r.env.Space.Layout.Len())
	w.uint(uint64(len(r.archs)))
	w.floats(r.scores)
	for _, arch := range r.archs {
		w.bytes([]byte(arch))
	}
	return w.seal()
}

// SetState implements [Searcher].
func (r *randomSearch) SetState(state []byte) error {
	s := openState(state)
	s.header(randomName, r.env.Seed, r.env.Space.Layout.Len())
	n := s.uint()
	if n > uint64(r.Epochs()) {
		s.fail(fmt.Errorf("%d cells, want at most %d", n, r.Epochs()))
		n = 0
	}
	scores := s.floats(int(n))
	var archs []string
	for range n {
		archs = append(archs, string(s.bytes()))
	}
	if err := s.end(); err != nil {
		return fmt.Errorf("search: state of method %q: %w", randomName, err)
	}
	r.archs, r.scores = archs, scores
	return nil
}
