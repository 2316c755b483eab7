package search

import (
	"cmp"
	"fmt"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/rng"
)

// ZARTS are the settings that zeroth-order search has in all its forms.
type ZARTS struct {
	Schedule
	InitScale   float64 `json:"init_scale" doc:"alpha starts as so many times N(0,1)"`
	WithoutNone bool    `json:"without_none" doc:"the operation none is no part of the mixture"`
	WarmUp      int     `json:"warm_up" doc:"epochs of weight steps alone"`
	Every       int     `json:"every" doc:"outer steps from one architecture step to the next"`
	Inner       int     `json:"lookahead_steps" doc:"M: weight steps that approximate the best weights of a candidate"`
	Candidates  int     `json:"candidates" doc:"N: candidates of an architecture step"`
}

// Check implements [Settings].
func (s ZARTS) Check() error {
	return cmp.Or(s.Schedule.Check(), notBelow(0, "warm_up", float64(s.WarmUp)), notBelow(1, "every", float64(s.Every)),
		notBelow(0, "lookahead_steps", float64(s.Inner)), notBelow(1, "candidates", float64(s.Candidates)))
}

// ZARTSMGS are the settings of importance-weighted directions.
type ZARTSMGS struct {
	ZARTS
	Sigma float64 `json:"sigma" doc:"deviation of the candidates after the warm-up; it falls to 0 along half a cosine"`
	Tau   float64 `json:"tau" doc:"temperature of the candidates' losses"`
	Wide  float64 `json:"wide" doc:"share of candidates around 0 in place of the negative gradient"`
}

// Check implements [Settings].
func (s ZARTSMGS) Check() error {
	return cmp.Or(s.ZARTS.Check(), above(0, "sigma", s.Sigma), above(0, "tau", s.Tau), notBelow(0, "wide", s.Wide))
}

// ZARTSRS are the settings of random search along smoothed differences.
type ZARTSRS struct {
	ZARTS
	Mu   float64 `json:"mu" doc:"length of a difference, in deviations of its direction"`
	Rate float64 `json:"arch_lr" doc:"rate of the architecture step"`
}

// Check implements [Settings].
func (s ZARTSRS) Check() error {
	return cmp.Or(s.ZARTS.Check(), above(0, "mu", s.Mu), above(0, "arch_lr", s.Rate))
}

// ZARTSGLD are the settings of gradientless descent.
type ZARTSGLD struct {
	ZARTS
	Radius float64 `json:"radius" doc:"largest step; each candidate has half the radius of the one before"`
}

// Check implements [Settings].
func (s ZARTSGLD) Check() error { return cmp.Or(s.ZARTS.Check(), above(0, "radius", s.Radius)) }

const (
	zartsPaper = "Wang et al., NeurIPS 2022, arXiv:2110.04743"
	zartsNote  = "the loss of a candidate is that on a validation batch after M weight steps on the coming training batches, with the momentum that there is; weights, averages and momentum are put back. "
)

var zartsTraits = Traits{bilevel, "softmax", "zeroth order, after M weight steps a candidate", byArgmax, "1 + N(M+1)/every"}

var zartsMGS = Method{
	Name: "zarts", Title: "ZARTS (MGS)", Paper: zartsPaper,
	Note:   zartsNote + "Candidates are drawn from a true mixture of two Gaussians; the released sampler, density, and fine-tuning, which moves no candidate, are mended",
	Traits: zartsTraits, Zero: ZARTSMGS{},
	Begin: with(func(env Env, s ZARTSMGS) (Searcher, error) { return s.begin(env, s.step) }),
}

var zartsRS = Method{
	Name: "zarts-rs", Title: "ZARTS (RS)", Paper: zartsPaper,
	Note:   zartsNote + "Gaussian smoothing; mu and the rate are ours, none is released",
	Traits: zartsTraits, Zero: ZARTSRS{},
	Begin: with(func(env Env, s ZARTSRS) (Searcher, error) { return s.begin(env, s.step) }),
}

var zartsGLD = Method{
	Name: "zarts-gld", Title: "ZARTS (GLD)", Paper: zartsPaper,
	Note:   zartsNote + "The best of points on spheres of halved radii, or none; the radius is ours, none is released",
	Traits: zartsTraits, Zero: ZARTSGLD{},
	Begin: with(func(env Env, s ZARTSGLD) (Searcher, error) { return s.begin(env, s.step) }),
}

// begin is a search whose architecture moves by step every so many outer steps.
func (s ZARTS) begin(env Env, step func(*lookahead) error) (Searcher, error) {
	relaxation, err := withoutNone(s.WithoutNone, env.Space.Layout, func(l Layout) Relaxation {
		return NewSoftmax(l, s.InitScale, rng.New(env.Seed, "alpha"))
	})
	if err != nil {
		return nil, err
	}
	parts := s.parts(relaxation)
	arch := Move{"architecture: zeroth order", 0, func(e *Engine) error {
		l := &lookahead{Engine: e, inner: s.Inner, valid: e.NextValid(s.ValidDraw), momentum: e.Hyper.vector(&e.Hyper.saved)}
		if err := step(l); err != nil {
			return err
		}
		return finite("alpha", relaxation.Params())
	}}
	due := func(e *Engine) bool { return e.Clock.Step%s.Every == 0 }
	parts.Moves = []Move{From(s.WarmUp, when(due, arch)), WeightStep{}.Move()}
	return NewEngine(env, parts)
}

// lookahead finds losses of architectures: f(Δ) = L₂(w_M(α+Δ), α+Δ), w_M being M steps
// of the weights on the coming training batches.
type lookahead struct {
	*Engine
	inner    int
	valid    batch.Batch
	momentum exec.Vec // of before
}

// losses are f of several steps. Weights, averages, momentum and α are as before after it.
func (l *lookahead) losses(deltas [][]float64) ([]float64, error) {
	before, out := l.Problem.Snapshot(), make([]float64, len(deltas))
	l.momentum.Copy(l.Momentum)
	for i, delta := range deltas {
		var err error
		if out[i], err = l.loss(delta); err != nil {
			return nil, err
		}
		l.Momentum.Copy(l.momentum)
		if err := l.Problem.Restore(before); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// loss is f(Δ). It leaves the weights where they went.
func (l *lookahead) loss(delta []float64) (float64, error) {
	alpha := l.Relaxation.Params()
	start := append([]float64(nil), alpha...)
	for i := range alpha {
		alpha[i] += delta[i]
	}
	l.Mix(ForWeights)
	copy(alpha, start)
	l.candidate = delta
	defer func() { l.candidate = nil }()
	next := l.PeekTrain(batch.Epochs)
	for range l.inner {
		if _, err := l.Problem.Gradient(next, l.Coefs, l.Grad, nil); err != nil {
			return 0, err
		}
		l.Weights.Step(l.Problem.Weights(), l.Grad, l.Momentum, l.Clock.Rate)
		next.Index++
	}
	after, err := l.Problem.Evaluate(l.valid, l.Coefs, exec.NormBatch)
	if err != nil {
		return 0, err
	}
	if !isFinite(after.Loss) {
		return 0, fmt.Errorf("loss of a candidate is %v: %w", after.Loss, ErrDiverged)
	}
	return after.Loss, nil
}

// move adds weight·delta to α.
func (l *lookahead) move(weight float64, delta []float64) {
	for i := range delta {
		l.Relaxation.Params()[i] += weight * delta[i]
	}
}

// normals are n directions of N(0, 1) entries.
func (l *lookahead) normals(n int) [][]float64 {
	r := l.Rand("candidates", uint64(l.Clock.Step))
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, len(l.Relaxation.Params()))
		for j := range out[i] {
			out[i][j] = r.NormFloat64()
		}
	}
	return out
}

// step moves α by the mean of candidates Δ_i, importance-weighted:
//
//	Δ_i ~ (1−λ) N(−g, σ²I) + λ N(0, σ²I),  g = ∂L₂/∂α and L₀ = L₂ at the current w
//	c_i ∝ exp(−(f(Δ_i)−L₀)/τ) / (q_i + 10⁻⁴),  q_i the density without its factor
//	α ← α + Σ c_i Δ_i
//
// Source: Wang et al., NeurIPS 2022, arXiv:2110.04743; vicFigure/ZARTS, cnn/train_search.py.
func (s ZARTSMGS) step(l *lookahead) error {
	l.Mix(ForArchitecture)
	base, err := l.Problem.Gradient(l.valid, l.Coefs, nil, l.Dcoefs)
	if err != nil {
		return err
	}
	l.Note("validation loss", "valid_loss", base)
	g := make([]float64, len(l.dparams))
	l.pull(g, l.Dcoefs)
	l.Add("alpha_gradient_norm", math.Sqrt(dot(g, g)))
	sigma := Rate{LR: s.Sigma}.At(l.Clock.Epoch-s.WarmUp, max(l.Clock.Epochs-s.WarmUp, 1), 0, 1)
	deltas := l.normals(s.Candidates)
	around := l.Rand("candidates around the gradient", uint64(l.Clock.Step))
	for _, delta := range deltas {
		wide := around.Float64() < s.Wide
		for j := range delta {
			delta[j] *= sigma
			if !wide {
				delta[j] -= g[j]
			}
		}
	}
	losses, err := l.losses(deltas)
	if err != nil {
		return err
	}
	weights := importance(losses, deltas, g, sigma, s.Tau, s.Wide, base.Value())
	spread := 0.0
	for i, c := range weights {
		l.move(c, deltas[i])
		spread += (float64(len(weights))*c - 1) * (float64(len(weights))*c - 1)
	}
	l.Add("sample_size_deviation", math.Sqrt(spread/float64(len(weights))))
	return nil
}

// importance are the weights c_i, which add up to 1.
func importance(losses []float64, deltas [][]float64, g []float64, sigma, tau, wide, base float64) []float64 {
	const floor = 1e-4
	weights, top := make([]float64, len(losses)), math.Inf(-1)
	for i, loss := range losses {
		far, near := 0.0, 0.0
		for j, d := range deltas[i] {
			near += (d + g[j]) * (d + g[j])
			far += d * d
		}
		q := (1-wide)*math.Exp(-near/(2*sigma*sigma)) + wide*math.Exp(-far/(2*sigma*sigma))
		weights[i] = -(loss-base)/tau - math.Log(q+floor)
		top = math.Max(top, weights[i])
	}
	sum := 0.0
	for i := range weights {
		weights[i] = math.Exp(weights[i] - top)
		sum += weights[i]
	}
	for i := range weights {
		weights[i] /= sum
	}
	return weights
}

// step moves α against ĝ = (1/N) Σ (f(μu_i) − f(0))/μ · u_i with u_i ~ N(0, I).
func (s ZARTSRS) step(l *lookahead) error {
	directions := l.normals(s.Candidates)
	deltas := [][]float64{make([]float64, len(directions[0]))}
	for _, u := range directions {
		deltas = append(deltas, times(s.Mu, u))
	}
	losses, err := l.losses(deltas)
	if err != nil {
		return err
	}
	l.Add("valid_loss", losses[0])
	for i, u := range directions {
		l.move(-s.Rate*(losses[i+1]-losses[0])/(s.Mu*float64(len(directions))), u)
	}
	return nil
}

// step moves α to the best of α and N points, one on each sphere of radius R, R/2, R/4.
func (s ZARTSGLD) step(l *lookahead) error {
	deltas := append([][]float64{make([]float64, len(l.Relaxation.Params()))}, spheres(s.Radius, l.normals(s.Candidates))...)
	losses, err := l.losses(deltas)
	if err != nil {
		return err
	}
	l.Add("valid_loss", losses[0])
	best := 0
	for i, loss := range losses {
		if loss < losses[best] {
			best = i
		}
	}
	l.move(1, deltas[best])
	return nil
}

// spheres are the directions at the lengths radius, radius/2, radius/4 and so on.
func spheres(radius float64, directions [][]float64) (out [][]float64) {
	for _, u := range directions {
		out = append(out, times(radius/math.Sqrt(dot(u, u)), u))
		radius /= 2
	}
	return out
}

func times(a float64, x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = a * x[i]
	}
	return y
}
