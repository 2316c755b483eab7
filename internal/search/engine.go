package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/rng"
)

// Engine is a weight-sharing search in progress. Moves, hooks and selections work
// on it; its exported fields are theirs to use and to change. [Engine.State] says what
// of it is saved: anything else that they change must follow from the clock or from
// a part's own state.
type Engine struct {
	Parts
	Space   Space
	Problem Problem
	Seed    uint64
	Clock   Clock
	Hyper   Hyper

	Momentum exec.Vec // of the weights
	Grad     exec.Vec // work space like the weights

	// The mixture of the last Mix and the gradient in it: one set [A] for all layers,
	// and what the problem takes, [Layers·A].
	Coefs, Dcoefs     []float64
	mixture, dmixture []float64
	pullback          Pullback
	dparams, dpart    []float64
	candidate         []float64 // Δ while the weights look ahead at α+Δ

	name     string
	supernet func(SupernetOptions) (Problem, error)
	steps    int // outer steps per epoch

	epoch int     // done
	stop  int     // epochs of the search since Stop; 0: Parts.Epochs
	train uint64  // training batches taken so far
	valid uint64  // validation batches taken so far
	mixed uint64  // mixtures so far
	spent float64 // GFLOP of problems before this one

	stream   rng.Source
	noted    []noted
	moves    int // steps of the architecture optimiser in this epoch
	sums     map[string]*mean
	trained  bool // this epoch had outer steps
	progress func(done, total int)
}

type mean struct{ sum, n float64 }

type noted struct {
	what, name string
	value      exec.Number
}

// NewEngine starts a search with a method's parts.
func NewEngine(env Env, parts Parts) (*Engine, error) {
	if env.Supernet == nil {
		return nil, errors.New("it needs a supernet")
	}
	e := &Engine{
		Parts: parts, Space: env.Space, Seed: env.Seed, name: env.Method, supernet: env.Supernet,
		mixture:  make([]float64, env.Space.Layout.Len()),
		dmixture: make([]float64, env.Space.Layout.Len()),
		dparams:  make([]float64, len(parts.Relaxation.Params())),
		dpart:    make([]float64, len(parts.Relaxation.Params())),
	}
	if e.Select == nil {
		e.Select = byScores{}
	}
	problem, err := env.Supernet(parts.Supernet)
	if err != nil {
		return nil, err
	}
	return e, e.use(problem)
}

// use makes problem the one that is searched on.
func (e *Engine) use(problem Problem) error {
	batches := 0
	for _, move := range e.Moves {
		batches += move.Batches
	}
	if batches < 1 {
		return errors.New("an outer step takes no training batch")
	}
	e.steps = problem.BatchesPerEpoch(e.split(batch.Train))
	if e.OnePass {
		e.steps = (e.steps + batches - 1) / batches
	}
	if e.MaxSteps > 0 {
		e.steps = min(e.steps, e.MaxSteps)
	}
	if e.steps < 1 {
		return errors.New("the training images have no batch")
	}
	problem.SkipZeros(e.SkipZeros)
	e.Problem, e.Hyper = problem, Hyper{Problem: problem}
	e.Momentum, e.Grad = problem.NewVec(), problem.NewVec()
	e.Coefs = make([]float64, problem.Layers()*len(e.mixture))
	e.Dcoefs = make([]float64, len(e.Coefs))
	return nil
}

// Epochs implements [Searcher].
func (e *Engine) Epochs() int { return e.searchEpochs() + e.Select.Epochs() }

func (e *Engine) searchEpochs() int {
	if e.stop > 0 {
		return e.stop
	}
	return e.Parts.Epochs + e.Again.taken()
}

// Stop makes the epoch that is running the last of the search.
func (e *Engine) Stop() { e.stop = min(e.searchEpochs(), e.epoch+1) }

// Epoch implements [Searcher].
func (e *Engine) Epoch(ctx context.Context, progress func(done, total int)) (Report, error) {
	if e.epoch >= e.Epochs() {
		return Report{}, fmt.Errorf("search: method %q: all %d epochs are done", e.name, e.Epochs())
	}
	e.sums, e.trained, e.moves, e.progress = map[string]*mean{}, false, 0, progress
	if err := e.run(ctx); err != nil {
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		return Report{}, fmt.Errorf("search: method %q epoch %d: %w", e.name, e.epoch+1, err)
	}
	e.epoch++
	return e.report(), nil
}

// run does the next epoch.
func (e *Engine) run(ctx context.Context) error {
	if after := e.epoch - e.searchEpochs(); after >= 0 {
		e.Clock = Clock{Epoch: after, Epochs: e.Select.Epochs()}
		return e.Select.Epoch(ctx, e, after)
	}
	e.Clock = Clock{Epoch: e.epoch - e.Again.taken(), Epochs: e.Parts.Epochs}
	for _, hook := range e.Hooks {
		if hook.Before != nil {
			if err := hook.Before(e); err != nil {
				return err
			}
		}
	}
	if err := e.Train(ctx); err != nil {
		return err
	}
	for _, hook := range e.Hooks {
		if hook.After != nil {
			if err := hook.After(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Train takes an epoch of outer steps.
func (e *Engine) Train(ctx context.Context) error {
	e.trained, e.Clock.Steps = true, e.steps
	for step := range e.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.Clock.Step = step
		e.Clock.Rate = e.Weights.Rate(e.Clock.Epoch, e.Clock.Epochs, step, e.steps)
		if err := e.outerStep(); err != nil {
			return fmt.Errorf("step %d: %w", step+1, err)
		}
		if e.progress != nil {
			e.progress(step+1, e.steps)
		}
	}
	return nil
}

// outerStep does all moves. A number that was noted and is not finite comes before
// the errors that follow from it.
func (e *Engine) outerStep() error {
	for _, move := range e.Moves {
		if err := move.Do(e); err != nil {
			return cmp.Or(e.settle(), fmt.Errorf("%s: %w", move.Name, err))
		}
	}
	return e.settle()
}

// report is what the epoch that has ended has to show.
func (e *Engine) report() Report {
	scores := make([]float64, len(e.mixture))
	e.Select.Scores(e, scores)
	r := Report{
		Entropy: Entropy(e.Space.Layout, scores),
		GFLOP:   e.spent + e.Problem.GFLOP(),
		Arch:    e.decide(scores),
		Extra:   map[string]float64{},
	}
	if e.trained {
		r.Extra["learning_rate"] = e.Clock.Rate
	}
	if e.moves > 0 {
		r.Extra[ArchSteps] = float64(e.moves)
	}
	for name, m := range e.sums {
		switch value := m.sum / m.n; name {
		case "train_loss":
			r.TrainLoss = value
		case "valid_loss":
			r.ValidLoss = value
		default:
			r.Extra[name] = value
		}
	}
	return r
}

// decide is the architecture by the scores, or of the options that the selection keeps.
func (e *Engine) decide(scores []float64) string {
	if k, ok := e.Select.(Keeper); ok && e.Space.Kept != nil {
		kept := make([]bool, len(scores))
		k.Kept(e, kept)
		return e.Space.Kept(kept)
	}
	return e.Space.Derive(scores)
}

// Mix makes the mixture of one pass, in Coefs.
func (e *Engine) Mix(purpose Purpose) {
	use := Use{For: purpose, Clock: e.Clock, Rand: e.stream.Set(e.Seed, "mixture", e.mixed)}
	e.mixed++
	e.pullback = e.Relaxation.Mix(e.mixture, use)
	repeat(e.Coefs, e.mixture)
}

// Rand is the stream of a purpose in this epoch, and of a counter of the caller's.
func (e *Engine) Rand(purpose string, counter uint64) *rand.Rand {
	return rng.New(e.Seed, purpose, uint64(e.epoch), counter)
}

// NextTrain is the next batch of the level of the weights.
func (e *Engine) NextTrain(d batch.Draw) batch.Batch {
	b := e.PeekTrain(d)
	e.train++
	return b
}

// PeekTrain is the batch that NextTrain gives next.
func (e *Engine) PeekTrain(d batch.Draw) batch.Batch {
	return batch.Batch{Split: e.split(batch.Train), Draw: d, Index: e.train}
}

// NextValid is the next batch of the level of the architecture.
func (e *Engine) NextValid(d batch.Draw) batch.Batch {
	switch e.Data {
	case Whole:
		return e.NextTrain(d)
	case Shared:
		b := e.PeekTrain(d)
		b.Index--
		return b
	}
	e.valid++
	return batch.Batch{Split: batch.Valid, Draw: d, Index: e.valid - 1}
}

// nextValids takes so many batches at once and gives the first; the others follow it.
func (e *Engine) nextValids(d batch.Draw, n int) (first batch.Batch) {
	for i := range n {
		if b := e.NextValid(d); i == 0 {
			first = b
		}
	}
	return first
}

// split is where a level takes its batches from.
func (e *Engine) split(half batch.Split) batch.Split {
	if e.Data == Halves {
		return half
	}
	return batch.Whole
}

// StepWeights moves the weights against Grad, which it overwrites.
func (e *Engine) StepWeights() {
	norm := e.Weights.Step(e.Problem.Weights(), e.Grad, e.Momentum, e.Clock.Rate)
	e.Note("norm of the weight gradient", "weight_gradient_norm", norm)
}

// ArchSteps is the name in [Report.Extra] of how many steps the architecture optimiser took in
// the epoch.
const ArchSteps = "architecture_steps"

// StepArch pulls Dcoefs back to θ through the last mixture and takes one step of
// the architecture optimiser.
func (e *Engine) StepArch() error {
	e.pull(e.dparams, e.Dcoefs)
	e.Add("alpha_gradient_norm", math.Sqrt(dot(e.dparams, e.dparams)))
	params := e.Relaxation.Params()
	e.moves++
	e.Arch.Step(params, e.dparams, e.Clock)
	return finite("alpha", params)
}

// pull fills dparams with the gradient in θ that dcoefs [Layers·A] is.
func (e *Engine) pull(dparams, dcoefs []float64) {
	SumLayers(e.dmixture, dcoefs)
	e.pullback(e.dmixture, dparams)
}

// Rebuild goes on with another supernet. With carry it takes over every weight of the
// same name and shape, else it starts afresh. Momentum starts at zero, batches go on
// where they were.
func (e *Engine) Rebuild(o SupernetOptions, carry bool) error {
	return e.rebuild(o, func(next Problem) error {
		if !carry {
			return nil
		}
		_, err := next.Carry(e.Problem)
		return err
	})
}

// Widen goes on with a supernet whose operations have more channels, which are copies of
// those that there are; see [Problem.Widen]. Momentum is copied along.
func (e *Engine) Widen(o SupernetOptions) error {
	var momentum exec.Vec
	err := e.rebuild(o, func(next Problem) error {
		momentum = next.NewVec()
		return next.Widen(e.Problem, e.Momentum, momentum, e.Rand("widening", 0))
	})
	if err == nil {
		e.Momentum = momentum
	}
	return err
}

// rebuild goes on with another supernet after take has prepared it.
func (e *Engine) rebuild(o SupernetOptions, take func(next Problem) error) error {
	next, err := e.supernet(o)
	if err != nil {
		return err
	}
	if err := take(next); err != nil {
		return err
	}
	spent := e.spent + e.Problem.GFLOP()
	if err := e.use(next); err != nil {
		return err
	}
	e.Supernet, e.spent = o, spent
	return nil
}

// Note adds a number to its mean of the epoch at the end of the outer step, which
// fails if it is not finite. Nothing waits for the number until then.
func (e *Engine) Note(what, name string, value exec.Number) {
	e.noted = append(e.noted, noted{what, name, value})
}

// settle adds up what was noted.
func (e *Engine) settle() error {
	defer func() { e.noted = e.noted[:0] }()
	for _, n := range e.noted {
		value := n.value.Value()
		if !isFinite(value) {
			return fmt.Errorf("%s is %v: %w", n.what, value, ErrDiverged)
		}
		e.Add(n.name, value)
	}
	return nil
}

// Add adds a value to its mean of the epoch. "train_loss" and "valid_loss" are
// fields of the report, other names go to its Extra.
func (e *Engine) Add(name string, value float64) {
	m := e.sums[name]
	if m == nil {
		m = &mean{}
		e.sums[name] = m
	}
	m.sum += value
	m.n++
}

func dot(x, y []float64) float64 {
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// Drawn is what the coefficients of the running pass do not show of what they are made from, nil
// where they show all: what a candidate adds to α ([ZARTS]), else what the relaxation says.
func (e *Engine) Drawn() []float64 {
	if e.candidate != nil {
		return e.candidate
	}
	if d, ok := e.Relaxation.(Drawing); ok {
		return d.Drawn()
	}
	return nil
}
