package search

import (
	"cmp"
	"fmt"
	"math"
)

// DARTSADA are the settings of DARTS that adapts the regularisation of its weights.
type DARTSADA struct {
	DARTS2
	EigenRule
	DecayFactor float64 `json:"decay_factor" doc:"the weight decay grows by this factor each time that the search goes back"`
	MaxDecay    float64 `json:"max_decay" doc:"the search does not go back for a larger weight decay than this"`
}

// Check implements [Settings].
func (s DARTSADA) Check() error {
	err := cmp.Or(s.DARTS2.Check(), s.EigenRule.check(), above(1, "decay_factor", s.DecayFactor))
	if err == nil && s.most() > 0 { // without a decay there is nothing to grow
		err = above(0, "weights.weight_decay", s.Weights.WeightDecay)
	}
	return err
}

// most is how many times the search may go back.
func (s DARTSADA) most() int {
	times, decay := 0, s.Weights.WeightDecay*s.DecayFactor
	const rounding = 1 + 1e-9 // 0.0003·10·10 is not above 0.03
	for decay > 0 && decay <= s.MaxDecay*rounding {
		times, decay = times+1, decay*s.DecayFactor
	}
	return times
}

var dartsADA = Method{
	Name: "darts-ada", Title: "DARTS-ADA", Paper: robustPaper,
	Note:   "second-order DARTS that goes back by six eigenvalues when the largest eigenvalue of the Hessian in α grows, and from there on with a larger weight decay; at the largest it goes on to its end. Epochs that are gone through again count as epochs; the Hessian is as in darts-es",
	Traits: Traits{bilevel, "softmax", "Adam, one step unrolled", byArgmax, "5"},
	Zero:   DARTSADA{},
	Begin: with(func(env Env, s DARTSADA) (Searcher, error) {
		parts := s.DARTS2.parts(env)
		again := &Rewind{keep: eigenBack + 1}
		stronger := &adaptive{eigenvalues: s.follow(s.DARTS2), settings: s, again: again}
		parts.Again, parts.Memory = again, []Stateful{stronger}
		parts.Hooks = []Hook{{Before: stronger.before, After: stronger.after}}
		return NewEngine(env, parts)
	}),
}

// adaptive is what DARTS-ADA does between epochs.
// Source: Zela et al., ICLR 2020, algorithm 1; automl/RobustDARTS, src/search/train_search.py.
type adaptive struct {
	eigenvalues
	settings DARTSADA
	again    *Rewind
}

func (a *adaptive) before(e *Engine) error {
	e.Weights.WeightDecay = a.settings.Weights.WeightDecay * math.Pow(a.settings.DecayFactor, float64(a.again.times))
	e.Add("weight_decay", e.Weights.WeightDecay)
	return nil
}

func (a *adaptive) after(e *Engine) error {
	if !a.due(e.Clock.Epoch) {
		return nil
	}
	grown, err := a.measure(e)
	if err != nil {
		return err
	}
	a.again.mark(e)
	if !grown || a.again.times >= a.settings.most() {
		return nil
	}
	a.values = a.values[:len(a.values)-eigenBack]
	return a.again.back(e, eigenBack)
}

func (a *adaptive) State() []byte {
	var w stateWriter
	w.uint(uint64(len(a.values)))
	w.floats(a.values)
	return w.buf
}

func (a *adaptive) SetState(b []byte) error {
	r := stateReader{buf: b}
	n := r.uint()
	if n > uint64(a.epochs) {
		r.fail(fmt.Errorf("%d eigenvalues", n))
		n = 0
	}
	values := r.floats(int(n))
	if err := r.end(); err != nil {
		return err
	}
	a.values = values
	return nil
}
