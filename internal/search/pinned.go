package search

import (
	"fmt"
	"math"
)

// pinned is a relaxation of which decisions have fixed some coefficients for good: they
// are what they are, and take no gradient.
type pinned struct {
	Relaxation
	pins []float64 // [A]: the coefficient, or NaN where nothing is decided
}

func newPinned(inner Relaxation, options int) *pinned {
	p := &pinned{inner, make([]float64, options)}
	for i := range p.pins {
		p.pins[i] = math.NaN()
	}
	return p
}

// free says whether nothing is decided about an option.
func (p *pinned) free(i int) bool { return math.IsNaN(p.pins[i]) }

// choose pins a row of n options from start on to one of them.
func (p *pinned) choose(start, n, option int) {
	for i := range n {
		p.pins[start+i] = 0
	}
	p.pins[start+option] = 1
}

func (p *pinned) Mix(coefs []float64, use Use) Pullback {
	inner := p.Relaxation.Mix(coefs, use)
	p.put(coefs)
	return func(dcoefs, dparams []float64) {
		masked := make([]float64, len(dcoefs))
		for i, d := range dcoefs {
			if p.free(i) {
				masked[i] = d
			}
		}
		inner(masked, dparams)
	}
}

func (p *pinned) Scores(scores []float64) {
	p.Relaxation.Scores(scores)
	p.put(scores)
}

func (p *pinned) put(x []float64) {
	for i, pin := range p.pins {
		if !p.free(i) {
			x[i] = pin
		}
	}
}

func (p *pinned) State() []byte           { return wrapped(p.Relaxation, p.pins) }
func (p *pinned) SetState(b []byte) error { return setWrapped(p.Relaxation, p.pins, b) }

// wrapped is the state of a relaxation around another one: that one's, and numbers.
func wrapped(inner Relaxation, own []float64) []byte {
	var w stateWriter
	w.bytes(inner.State())
	w.floats(own)
	return w.buf
}

// setWrapped takes what wrapped gave.
func setWrapped(inner Relaxation, own []float64, b []byte) error {
	r := stateReader{buf: b}
	state, numbers := r.bytes(), r.floats(len(own))
	if err := r.end(); err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	if err := inner.SetState(state); err != nil {
		return err
	}
	copy(own, numbers)
	return nil
}
