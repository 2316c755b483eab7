package search

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"idarts/internal/batch"
)

// EigenRule are the settings by which a search watches the largest eigenvalue of the
// validation loss's Hessian in α.
type EigenRule struct {
	Every  int     `json:"every" doc:"epochs from one eigenvalue to the next"`
	From   int     `json:"from_epoch" doc:"the search acts on none before this epoch, counted from 0"`
	Factor float64 `json:"factor" doc:"it acts where the averaged eigenvalue has grown by more than this factor"`
}

func (r EigenRule) check() error {
	return cmp.Or(notBelow(1, "every", float64(r.Every)), notBelow(0, "from_epoch", float64(r.From)), above(0, "factor", r.Factor))
}

// DARTSES are the settings of DARTS with early stopping.
type DARTSES struct {
	DARTS2
	EigenRule
}

// Check implements [Settings].
func (s DARTSES) Check() error { return cmp.Or(s.DARTS2.Check(), s.EigenRule.check()) }

const robustPaper = "Zela et al., ICLR 2020, arXiv:1909.09656"

var dartsES = Method{
	Name: "darts-es", Title: "DARTS-ES", Paper: robustPaper, Revision: 1,
	Note:   "second-order DARTS that stops when the largest eigenvalue of the validation loss's Hessian in α grows, and answers with the architecture of six eigenvalues before; the Hessian is that of one validation batch",
	Traits: Traits{bilevel, "softmax", "Adam, one step unrolled", "argmax of an earlier epoch, once the Hessian's eigenvalue grows", "5"},
	Zero:   DARTSES{},
	Begin: with(func(env Env, s DARTSES) (Searcher, error) {
		parts := s.DARTS2.parts(env)
		stop := &eigenStop{eigenvalues: s.follow(s.DARTS2), options: env.Space.Layout.Len()}
		parts.Select, parts.Hooks = stop, []Hook{{After: stop.after}}
		return NewEngine(env, parts)
	}),
}

var rdartsL2 = Method{
	Name: "rdarts-l2", Title: "R-DARTS (L2)", Paper: robustPaper,
	Note:   "second-order DARTS with more weight decay in the inner problem; the paper searches with each of 0.0003·3^k, k = 0 to 6, and takes the best by validation",
	Traits: Traits{bilevel, "softmax", "Adam, one step unrolled", byArgmax, "5"},
	Zero:   DARTS2{},
	Begin:  dartsSecond.Begin,
}

// eigenvalues are the largest eigenvalues of a search so far.
type eigenvalues struct {
	EigenRule
	draw   batch.Draw // of the batch that the Hessian is of
	epochs int        // of the search
	values []float64
}

func (r EigenRule) follow(s DARTS2) eigenvalues {
	return eigenvalues{EigenRule: r, draw: s.ValidDraw, epochs: s.Epochs}
}

// How many values an average has, how far apart two are that are compared, and how
// far back a search looks from there.
const (
	eigenWindow = 5
	eigenApart  = 4
	eigenBack   = 6
)

// due says that an epoch has an eigenvalue.
func (v *eigenvalues) due(epoch int) bool { return epoch%v.Every == 0 }

// measure adds the eigenvalue of now. It has grown where the average over the last five is
// more than Factor times that of four values before.
// Source: Zela et al., ICLR 2020; automl/RobustDARTS, src/search/train_search.py.
func (v *eigenvalues) measure(e *Engine) (grown bool, err error) {
	h, err := archHessian(e, e.NextValid(v.draw))
	if err != nil {
		return false, err
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(h, false) {
		return false, fmt.Errorf("the Hessian in alpha has no eigenvalues: %w", ErrDiverged)
	}
	value := slices.Max(eigen.Values(nil))
	e.Add("largest_eigenvalue", value)
	v.values = append(v.values, value)
	return e.Clock.Epoch >= v.From && v.grown(), nil
}

func (v *eigenvalues) grown() bool {
	n := len(v.values)
	return n >= eigenWindow+eigenApart && n > eigenBack && v.average(n) > v.Factor*v.average(n-eigenApart)
}

// average is over the last of the first n values.
func (v *eigenvalues) average(n int) float64 {
	sum := 0.0
	for _, x := range v.values[n-eigenWindow : n] {
		sum += x / eigenWindow
	}
	return sum
}

// eigenStop is the selection and the hook of early stopping.
type eigenStop struct {
	byScores
	eigenvalues
	options int
	scores  []float64 // [len(values)·A], of the same epochs
	answer  int       // which of them is the answer, counted from 1; 0: the current scores
}

func (s *eigenStop) after(e *Engine) error {
	if !s.due(e.Clock.Epoch) {
		return nil
	}
	grown, err := s.measure(e)
	if err != nil {
		return err
	}
	now := make([]float64, s.options)
	e.Relaxation.Scores(now)
	s.scores = append(s.scores, now...)
	if grown {
		s.answer = len(s.values) - eigenBack
		e.Stop()
	}
	return nil
}

func (s *eigenStop) Scores(e *Engine, scores []float64) {
	if s.answer == 0 {
		e.Relaxation.Scores(scores)
		return
	}
	copy(scores, s.scores[(s.answer-1)*s.options:])
}

func (s *eigenStop) State() []byte {
	var w stateWriter
	w.uint(uint64(s.answer))
	w.uint(uint64(len(s.values)))
	w.floats(s.values)
	w.floats(s.scores)
	return w.buf
}

func (s *eigenStop) SetState(b []byte) error {
	r := stateReader{buf: b}
	answer, n := r.uint(), r.uint()
	if n > uint64(s.epochs) || answer > n {
		r.fail(fmt.Errorf("%d eigenvalues, the answer at %d", n, answer))
		n = 0
	}
	values, scores := r.floats(int(n)), r.floats(int(n)*s.options)
	if err := r.end(); err != nil {
		return err
	}
	s.answer, s.values, s.scores = int(answer), values, scores
	return nil
}

// archHessian is the Hessian of the loss of b in the parameters of the relaxation. The
// second derivatives in the mixture c are exact products of the network; with them
//
//	g(θ) = the pullback at θ of ∂L/∂c + (∂²L/∂c²)·(c(θ) − c)
//
// has at θ the derivative that the gradient in θ has, and is a smooth function of a few
// numbers, of which differences are good to nine digits. Differences of the gradient itself
// would not do: each ReLU that a step takes across 0 is a jump in it.
func archHessian(e *Engine, b batch.Batch) (*mat.SymDense, error) {
	e.Mix(ForArchitecture)
	n := len(e.mixture)
	at, slope := slices.Clone(e.mixture), make([]float64, n)
	directions, products := make([][]float64, n), make([][]float64, n)
	for i := range n {
		directions[i], products[i] = make([]float64, len(e.Coefs)), make([]float64, len(e.Coefs))
		for layer := 0; layer < len(e.Coefs); layer += n {
			directions[i][layer+i] = 1
		}
	}
	if err := e.Problem.Curvature(b, e.Coefs, e.Dcoefs, directions, products); err != nil {
		return nil, err
	}
	SumLayers(slope, e.Dcoefs)
	for i := range products {
		one := make([]float64, n)
		SumLayers(one, products[i])
		products[i] = one
	}
	coefs, dcoefs := make([]float64, n), make([]float64, n)
	return symmetric(e.Relaxation.Params(), func(grad []float64) error {
		pullback := e.Relaxation.Mix(coefs, Use{For: ForArchitecture, Clock: e.Clock})
		copy(dcoefs, slope)
		for i, row := range products {
			for j, x := range row {
				dcoefs[j] += x * (coefs[i] - at[i])
			}
		}
		pullback(dcoefs, grad)
		return finite("alpha gradient", grad)
	})
}

// symmetric is the derivative of a gradient by central differences, the mean of it and its
// transpose.
func symmetric(params []float64, gradient func(grad []float64) error) (*mat.SymDense, error) {
	const step = 1e-4
	n := len(params)
	full := make([]float64, n*n)
	up, down := make([]float64, n), make([]float64, n)
	for i, old := range params {
		params[i] = old + step
		err := gradient(up)
		if err == nil {
			params[i] = old - step
			err = gradient(down)
		}
		params[i] = old
		if err != nil {
			return nil, err
		}
		for j := range n {
			full[i*n+j] = (up[j] - down[j]) / (2 * step)
		}
	}
	h := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			h.SetSym(i, j, (full[i*n+j]+full[j*n+i])/2)
		}
	}
	return h, nil
}
