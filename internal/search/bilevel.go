package search

import (
	"context"
	"fmt"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/rng"
)

// Move is a part of an outer step. Methods are lists of moves.
type Move struct {
	Name    string
	Batches int // training batches that it takes for the inner level
	Do      func(*bilevel) error
}

// weightStep is one SGD step on the next training batch.
var weightStep = Move{"weights", 1, func(b *bilevel) error {
	b.mix()
	loss, err := b.problem.Gradient(b.nextTrain(batch.Epochs), b.coefs, b.grad, nil)
	if err != nil {
		return err
	}
	if err := b.note("training loss", "train_loss", loss.Value()); err != nil {
		return err
	}
	norm := b.set.Weights.Step(b.problem.Weights(), b.grad, b.momentum, b.rate)
	return b.note("norm of the weight gradient", "weight_gradient_norm", norm.Value())
}}

// forwardOnly runs a fresh training batch through the network, which updates
// batch-norm buffers and nothing else.
var forwardOnly = Move{"forward", 1, func(b *bilevel) error {
	b.mix()
	loss, err := b.problem.Gradient(b.nextTrain(batch.Fresh), b.coefs, nil, nil)
	if err != nil {
		return err
	}
	return b.note("training loss", "train_loss", loss.Value())
}}

// inner repeats a move T times.
func inner(s Settings, move Move) Move {
	return Move{fmt.Sprintf("%d x %s", s.InnerSteps, move.Name), s.InnerSteps * move.Batches, func(b *bilevel) error {
		for range s.InnerSteps {
			if err := move.Do(b); err != nil {
				return err
			}
		}
		return nil
	}}
}

// archStep is one Adam step on α along the hypergradient at the current weights.
// Solvers other than [Ignore] take the next training batch.
func archStep(solve Solver, product Mixed, valid batch.Draw) Move {
	return Move{"architecture: " + solve.String(), 0, func(b *bilevel) error {
		at := b.point(batch.Epochs, valid, solve)
		b.hyper.Mixed = product
		loss, err := b.hyper.Gradient(b.dcoefs, at, solve)
		if err != nil {
			return err
		}
		return b.updateAlpha(loss)
	}}
}

// releasedStep is archStep with the draws and the defect of the notebook.
func releasedStep(solve Solver) Move {
	return Move{"architecture: " + solve.String() + ", differences, weights shifted by ε(v−s)", 0, func(b *bilevel) error {
		at := b.point(batch.Fresh, batch.Replaced, solve)
		b.hyper.Mixed = Released
		loss, err := b.hyper.Gradient(b.dcoefs, at, solve)
		if err != nil {
			return err
		}
		return b.updateAlpha(loss)
	}}
}

// lookAheadStep is the architecture step of second-order DARTS. With
// w′ = w − γ(momentum·buf + ∂L₁/∂w + decay·w) it takes v and ∂L₂/∂c at w′, and the
// mixed product at w. The training batch is left for the weight step.
func lookAheadStep(valid batch.Draw) Move {
	return Move{"architecture: unrolled after a virtual step", 0, func(b *bilevel) error {
		at := b.point(batch.Epochs, valid, Ignore{})
		at.Train = batch.Batch{Split: batch.Train, Draw: batch.Epochs, Index: b.train}
		w, v, saved := b.problem.Weights(), b.hyper.vec(0), b.hyper.vec(5)
		if _, err := b.problem.Gradient(at.Train, at.Coefs, b.grad, nil); err != nil {
			return err
		}
		saved.Copy(w)
		b.set.Weights.Virtual(w, b.grad, b.momentum, at.Gamma)
		loss, err := b.problem.Gradient(at.Valid, at.Coefs, v, b.dcoefs)
		w.Copy(saved)
		if err != nil {
			return err
		}
		b.hyper.Mixed = Exact
		if err := b.hyper.Correct(b.dcoefs, v, at, Unrolled{}); err != nil {
			return err
		}
		return b.updateAlpha(loss.Value())
	}}
}

// bilevel runs a weight-sharing method.
type bilevel struct {
	method  Method
	space   Space
	problem Problem
	seed    uint64
	set     Settings
	moves   []Move
	steps   int // outer steps per epoch

	// What changes from step to step, besides the problem.
	epoch    int
	train    uint64 // training batches taken so far
	valid    uint64 // validation batches taken so far
	alpha    []float64
	moments  Moments
	momentum exec.Vec

	// Work space.
	hyper             Hyper
	grad              exec.Vec
	mixture, dmixture []float64 // [A]: coefficients and their gradient, one set for all layers
	coefs, dcoefs     []float64 // [Layers·A]
	dalpha            []float64
	rate              float64
	sums              map[string]*mean
}

type mean struct{ sum, n float64 }

func newBilevel(m Method, env Env) (*bilevel, error) {
	s := env.Settings
	if env.Problem == nil {
		return nil, fmt.Errorf("search: method %q needs a problem", m.Name)
	}
	if s.Epochs < 1 {
		return nil, fmt.Errorf("search: method %q: %d epochs, want at least 1", m.Name, s.Epochs)
	}
	if s.InnerSteps < 0 || s.NeumannTerms < 0 || s.MaxSteps < 0 || s.Gamma < 0 {
		return nil, fmt.Errorf("search: method %q: inner_steps %d, neumann_terms %d, max_steps %d, gamma %v: want none below 0",
			m.Name, s.InnerSteps, s.NeumannTerms, s.MaxSteps, s.Gamma)
	}
	a, layers := env.Space.Layout.Len(), env.Problem.Layers()
	b := &bilevel{
		method: m, space: env.Space, problem: env.Problem, seed: env.Seed, set: s, moves: m.Outer(s),
		alpha:    make([]float64, a),
		momentum: env.Problem.NewVec(),
		hyper:    Hyper{Problem: env.Problem},
		grad:     env.Problem.NewVec(),
		mixture:  make([]float64, a), dmixture: make([]float64, a),
		coefs: make([]float64, layers*a), dcoefs: make([]float64, layers*a),
		dalpha: make([]float64, a),
	}
	b.moments.M, b.moments.V = make([]float64, a), make([]float64, a)
	batches := 0
	for _, move := range b.moves {
		batches += move.Batches
	}
	if batches < 1 {
		return nil, fmt.Errorf("search: method %q: inner_steps is %d, want at least 1", m.Name, s.InnerSteps)
	}
	b.steps = env.Problem.BatchesPerEpoch(batch.Train)
	if s.OnePass {
		b.steps = (b.steps + batches - 1) / batches
	}
	if s.MaxSteps > 0 {
		b.steps = min(b.steps, s.MaxSteps)
	}
	if b.steps < 1 {
		return nil, fmt.Errorf("search: method %q: the training half has no batch", m.Name)
	}
	normal := rng.New(env.Seed, "alpha")
	for i := range b.alpha {
		b.alpha[i] = s.InitScale * normal.NormFloat64()
	}
	return b, nil
}

// Epochs implements [Searcher].
func (b *bilevel) Epochs() int { return b.set.Epochs }

// Epoch implements [Searcher].
func (b *bilevel) Epoch(ctx context.Context, progress func(done, total int)) (Report, error) {
	if b.epoch >= b.set.Epochs {
		return Report{}, fmt.Errorf("search: method %q: all %d epochs are done", b.method.Name, b.set.Epochs)
	}
	b.sums = map[string]*mean{}
	for step := range b.steps {
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
		b.rate = b.set.Weights.Rate(b.epoch, b.set.Epochs, step, b.steps)
		for _, move := range b.moves {
			if err := move.Do(b); err != nil {
				return Report{}, fmt.Errorf("search: method %q epoch %d step %d: %w", b.method.Name, b.epoch+1, step+1, err)
			}
		}
		if progress != nil {
			progress(step+1, b.steps)
		}
	}
	b.epoch++
	r := Report{
		Entropy: Entropy(b.space.Layout, b.alpha),
		GFLOP:   b.problem.GFLOP(),
		Arch:    b.space.Derive(b.alpha),
		Extra:   map[string]float64{"learning_rate": b.rate},
	}
	for name, m := range b.sums {
		switch value := m.sum / m.n; name {
		case "train_loss":
			r.TrainLoss = value
		case "valid_loss":
			r.ValidLoss = value
		default:
			r.Extra[name] = value
		}
	}
	return r, nil
}

// mix computes the coefficients of all layers from α.
func (b *bilevel) mix() {
	b.method.Relaxation.Mix(b.space.Layout, b.alpha, b.mixture)
	repeat(b.coefs, b.mixture)
}

func (b *bilevel) nextTrain(d batch.Draw) batch.Batch {
	b.train++
	return batch.Batch{Split: batch.Train, Draw: d, Index: b.train - 1}
}

func (b *bilevel) nextValid(d batch.Draw) batch.Batch {
	b.valid++
	return batch.Batch{Split: batch.Valid, Draw: d, Index: b.valid - 1}
}

// point is where the next hypergradient is taken.
func (b *bilevel) point(train, valid batch.Draw, solve Solver) Point {
	b.mix()
	at := Point{Coefs: b.coefs, Valid: b.nextValid(valid), Gamma: b.set.Gamma}
	if at.Gamma == 0 {
		at.Gamma = b.rate
	}
	if solve != (Ignore{}) {
		at.Train = b.nextTrain(train)
	}
	return at
}

// updateAlpha pulls b.dcoefs back to α and takes one Adam step.
func (b *bilevel) updateAlpha(validLoss float64) error {
	if err := b.note("validation loss", "valid_loss", validLoss); err != nil {
		return err
	}
	for k, norm := range b.hyper.Norms {
		if err := b.note("norm of a Neumann term", fmt.Sprintf("u%d_norm", k), norm); err != nil {
			return err
		}
	}
	if isFinite(b.hyper.Curvature) {
		b.add("vHv", b.hyper.Curvature)
	}
	SumLayers(b.dmixture, b.dcoefs)
	b.method.Relaxation.Pullback(b.space.Layout, b.alpha, b.mixture, b.dmixture, b.dalpha)
	square := 0.0
	for _, x := range b.dalpha {
		square += x * x
	}
	b.add("alpha_gradient_norm", math.Sqrt(square))
	b.set.Arch.Step(b.alpha, b.dalpha, &b.moments)
	return finite("alpha", b.alpha)
}

// note adds a value to its mean of the epoch and refuses one that is not finite.
func (b *bilevel) note(what, name string, value float64) error {
	if !isFinite(value) {
		return fmt.Errorf("%s is %v: %w", what, value, ErrDiverged)
	}
	b.add(name, value)
	return nil
}

func (b *bilevel) add(name string, value float64) {
	m := b.sums[name]
	if m == nil {
		m = &mean{}
		b.sums[name] = m
	}
	m.sum += value
	m.n++
}

// State implements [Searcher].
func (b *bilevel) State() []byte {
	var w stateWriter
	w.header(b.method.Name, b.seed, len(b.alpha))
	w.uint(uint64(b.epoch))
	w.uint(b.train)
	w.uint(b.valid)
	w.uint(uint64(b.moments.Steps))
	w.floats(b.alpha)
	w.floats(b.moments.M)
	w.floats(b.moments.V)
	w.bytes(b.momentum.Bytes())
	w.bytes(b.problem.State())
	return w.seal()
}

// SetState implements [Searcher].
func (b *bilevel) SetState(state []byte) error {
	r := openState(state)
	r.header(b.method.Name, b.seed, len(b.alpha))
	epoch, train, valid, steps := r.uint(), r.uint(), r.uint(), r.uint()
	alpha, m, v := r.floats(len(b.alpha)), r.floats(len(b.alpha)), r.floats(len(b.alpha))
	momentum, problem := r.bytes(), r.bytes()
	if err := r.end(); err != nil {
		return fmt.Errorf("search: state of method %q: %w", b.method.Name, err)
	}
	if epoch > uint64(b.set.Epochs) {
		return fmt.Errorf("search: state of method %q is after epoch %d of %d", b.method.Name, epoch, b.set.Epochs)
	}
	if err := b.momentum.SetBytes(momentum); err != nil {
		return fmt.Errorf("search: state of method %q: momentum: %w", b.method.Name, err)
	}
	if err := b.problem.SetState(problem); err != nil {
		return fmt.Errorf("search: state of method %q: %w", b.method.Name, err)
	}
	b.epoch, b.train, b.valid = int(epoch), train, valid
	b.alpha, b.moments = alpha, Moments{M: m, V: v, Steps: int(steps)}
	return nil
}
