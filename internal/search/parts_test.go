package search

import (
	"context"
	"math"
	"slices"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// The methods of this file exist in this file alone: each is made of parts that no
// method of the package has, without a change to the engine.

// noisy is a relaxation on simplices: the mixture is θ with noise that fades,
// p ∝ θ·exp(τ·n), and the scores are the mean mixture so far.
type noisy struct {
	rows           Layout
	theta, p, mean []float64
	draws          float64
}

func newNoisy(rows Layout) *noisy {
	n := &noisy{rows: rows, theta: make([]float64, rows.Len()), p: make([]float64, rows.Len()), mean: make([]float64, rows.Len())}
	for row, theta := range rows.Parts(n.theta) {
		for o := range theta {
			theta[o] = 1 / float64(len(row.Options))
		}
	}
	return n
}

func (n *noisy) Params() []float64 { return n.theta }

func (n *noisy) Mix(coefs []float64, use Use) Pullback {
	tau := 1 - float64(use.Clock.Epoch)/float64(use.Clock.Epochs)
	for i, theta := range n.theta {
		n.p[i] = theta * math.Exp(tau*use.Rand.NormFloat64())
	}
	for _, p := range n.rows.Parts(n.p) {
		scale(p, 1/sum(p))
	}
	n.draws++
	for i, p := range n.p {
		n.mean[i] += (p - n.mean[i]) / n.draws
	}
	copy(coefs, n.p)
	return func(dcoefs, dtheta []float64) { // dθ_o = p_o/θ_o (dp_o − Σ p dp)
		Softmax.Pullback(n.rows, n.p, dcoefs, dtheta)
		for i, theta := range n.theta {
			dtheta[i] /= theta
		}
	}
}

func (n *noisy) Scores(scores []float64) { copy(scores, n.mean) }

func (n *noisy) State() []byte { return Floats(slices.Concat(n.theta, n.mean, []float64{n.draws})) }

func (n *noisy) SetState(b []byte) error {
	a := len(n.theta)
	all := make([]float64, 2*a+1)
	if err := SetFloats(all, b); err != nil {
		return err
	}
	copy(n.theta, all)
	copy(n.mean, all[a:])
	n.draws = all[2*a]
	return nil
}

// exponentiated is gradient descent by factors, θ ← θ·exp(−rate·m) on each simplex,
// with an average m of the gradients.
type exponentiated struct {
	rows Layout
	rate float64
	m    []float64
}

func (x *exponentiated) Step(theta, grad []float64, _ Clock) {
	for i, g := range grad {
		x.m[i] = 0.5*x.m[i] + 0.5*g
		theta[i] *= math.Exp(-x.rate * x.m[i])
	}
	for _, row := range x.rows.Parts(theta) {
		scale(row, 1/sum(row))
	}
}

func (x *exponentiated) State() []byte           { return Floats(x.m) }
func (x *exponentiated) SetState(b []byte) error { return SetFloats(x.m, b) }

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func scale(x []float64, a float64) {
	for i := range x {
		x[i] *= a
	}
}

// sampled are the settings of a method of the two: one number of its own.
type sampled struct {
	Bilevel
	Rate float64 `json:"rate"`
}

var sampledMethod = Method{
	Name: "sampled", Zero: sampled{},
	Begin: with(func(env Env, s sampled) (Searcher, error) {
		parts := s.parts(env)
		parts.Relaxation = newNoisy(env.Space.Layout)
		parts.Arch = &exponentiated{env.Space.Layout, s.Rate, make([]float64, env.Space.Layout.Len())}
		parts.Moves = []Move{WeightStep{}.Move(), ArchStep{Solve: Neumann{1}}.Move()}
		return NewEngine(env, parts)
	}),
}

// decided is a relaxation in which some rows have chosen for good.
type decided struct {
	Relaxation
	rows   Layout
	choice []float64 // by row; -1 where it is open
}

func (d *decided) Mix(coefs []float64, use Use) Pullback {
	pull := d.Relaxation.Mix(coefs, use)
	d.fix(coefs, 1)
	return func(dcoefs, dparams []float64) {
		pull(dcoefs, dparams)
		d.fix(dparams, 0)
	}
}

func (d *decided) Scores(scores []float64) {
	d.Relaxation.Scores(scores)
	d.fix(scores, 1)
}

// fix clears the rows that have chosen but for the choice, which becomes x.
func (d *decided) fix(values []float64, x float64) {
	row := 0
	for _, part := range d.rows.Parts(values) {
		if choice := int(d.choice[row]); choice >= 0 {
			clear(part)
			part[choice] = x
		}
		row++
	}
}

func (d *decided) State() []byte {
	var w stateWriter
	w.floats(d.choice)
	w.bytes(d.Relaxation.State())
	return w.buf
}

func (d *decided) SetState(b []byte) error {
	r := stateReader{buf: b}
	choice, inner := r.floats(len(d.choice)), r.bytes()
	if err := r.end(); err != nil {
		return err
	}
	copy(d.choice, choice)
	return d.Relaxation.SetState(inner)
}

// perturbation decides a row after the search by what the loss is without each
// option, and trains on after each decision with a tenth of the rate and fresh
// momentum, as DARTS-PT does. (The loss is that of the training half, since the
// validation loss of the toy does not name coefficients.)
type perturbation struct{ relaxation *decided }

func (p perturbation) Epochs() int                        { return len(p.relaxation.rows) }
func (p perturbation) Scores(_ *Engine, scores []float64) { p.relaxation.Scores(scores) }
func (p perturbation) State() []byte                      { return nil }
func (p perturbation) SetState([]byte) error              { return nil }
func (p perturbation) Epoch(ctx context.Context, e *Engine, epoch int) error {
	e.Mix(ForEvaluation)
	worst, start := math.Inf(-1), 3*epoch
	for option := range e.Space.Layout[epoch].Options {
		coefs := slices.Clone(e.Coefs)
		for layer := range e.Problem.Layers() {
			coefs[layer*e.Space.Layout.Len()+start+option] = 0
		}
		without, err := e.Problem.EvaluateSplit(batch.Train, coefs, exec.NormBatch)
		if err != nil {
			return err
		}
		if without.Loss > worst {
			worst, p.relaxation.choice[epoch] = without.Loss, float64(option)
		}
	}
	e.Momentum.Zero()
	e.Weights.LR, e.Weights.MinLR = 0.02, 0.02
	return e.Train(ctx)
}

var perturbedMethod = Method{
	Name: "perturbed", Zero: DARTS2{},
	Begin: with(func(env Env, s DARTS2) (Searcher, error) {
		parts := s.parts(env)
		relaxation := &decided{parts.Relaxation, env.Space.Layout, []float64{-1, -1}}
		parts.Relaxation, parts.Select = relaxation, perturbation{relaxation}
		parts.Moves = []Move{lookAhead(ArchStep{Solve: Unrolled{}}), WeightStep{}.Move()}
		return NewEngine(env, parts)
	}),
}

// staged grows: after its first epoch it goes on with a deeper supernet, and it stops
// after the third of its five epochs. Its architecture step takes no gradient: it
// keeps the better of θ and a random neighbour of it.
var stagedMethod = Method{
	Name: "staged", Zero: DARTS1{},
	Begin: with(func(env Env, s DARTS1) (Searcher, error) {
		parts := s.parts(env)
		parts.Epochs, parts.Arch = 5, nil
		parts.Supernet.Depth, parts.SkipZeros = 1, true
		parts.Moves = []Move{WeightStep{}.Move(), {Name: "architecture: random neighbour", Do: randomNeighbour}}
		parts.Hooks = []Hook{{
			Before: func(e *Engine) error {
				if e.Clock.Epoch == 1 {
					return e.Rebuild(SupernetOptions{Depth: 2}, true)
				}
				return nil
			},
			After: func(e *Engine) error {
				if e.Clock.Epoch == 2 {
					e.Stop()
				}
				return nil
			},
		}}
		return NewEngine(env, parts)
	}),
}

func randomNeighbour(e *Engine) error {
	before, params := e.Problem.Snapshot(), e.Relaxation.Params()
	old, r := slices.Clone(params), e.Rand("neighbour", uint64(e.Clock.Step))
	b := e.PeekTrain(batch.Epochs) // the validation loss of the toy does not name coefficients
	var losses [2]float64
	for i := range losses {
		e.Mix(ForEvaluation)
		got, err := e.Problem.Evaluate(b, e.Coefs, exec.NormBatch)
		if err != nil {
			return err
		}
		losses[i] = got.Loss
		if i == 0 {
			for k := range params {
				params[k] += 0.1 * r.NormFloat64()
			}
		}
	}
	if losses[1] >= losses[0] {
		copy(params, old)
	}
	e.Note("validation loss", "valid_loss", exec.Known(losses[0]))
	return e.Problem.Restore(before)
}

// joint moves weights and architecture by one pass over one batch, as SNAS does.
var jointMethod = Method{
	Name: "joint", Zero: DARTS1{},
	Begin: with(func(env Env, s DARTS1) (Searcher, error) {
		parts := s.parts(env)
		parts.Data = Shared
		parts.Moves = []Move{{"weights and architecture", 1, func(e *Engine) error {
			e.Mix(ForArchitecture)
			loss, err := e.Problem.Gradient(e.NextTrain(batch.Epochs), e.Coefs, e.Grad, e.Dcoefs)
			if err != nil {
				return err
			}
			e.Note("training loss", "train_loss", loss)
			e.StepWeights()
			return e.StepArch()
		}}}
		return NewEngine(env, parts)
	}),
}

// ours are the methods of this file with settings.
func ours() map[string]struct {
	Method
	settings Settings
	epochs   int // that are run
} {
	bilevel := toySettings()["darts-v2"].(DARTS2).Bilevel
	type row = struct {
		Method
		settings Settings
		epochs   int
	}
	return map[string]row{
		"sampled":   {sampledMethod, sampled{bilevel, 0.3}, 3},
		"perturbed": {perturbedMethod, DARTS2{Bilevel: bilevel}, 5},
		"staged":    {stagedMethod, DARTS1{Bilevel: bilevel}, 3},
		"joint":     {jointMethod, DARTS1{Bilevel: bilevel}, 3},
	}
}
