package search

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// State implements [Searcher]: counters; what supernet it is; where it can go back to; the bytes of relaxation,
// selection, architecture optimiser and memory; the weights' momentum; the problem.
func (e *Engine) State() []byte {
	var w stateWriter
	w.header(e.name, e.Seed, len(e.dparams))
	for _, x := range []uint64{uint64(e.epoch), uint64(e.stop), e.train, e.valid, e.mixed} {
		w.uint(x)
	}
	w.floats([]float64{e.spent})
	w.bytes(e.Supernet.bytes())
	if e.Again != nil {
		w.bytes(e.Again.State())
	}
	for _, part := range e.stateful() {
		w.bytes(part.State())
	}
	w.bytes(e.Momentum.Bytes())
	w.bytes(e.Problem.State())
	return w.seal()
}

// stateful are the parts that have a state of their own.
func (e *Engine) stateful() []Stateful {
	parts := []Stateful{e.Relaxation, e.Select}
	if e.Arch != nil {
		parts = append(parts, e.Arch)
	}
	return append(parts, e.Memory...)
}

// SetState implements [Searcher].
func (e *Engine) SetState(state []byte) error {
	if err := e.setState(state); err != nil {
		return fmt.Errorf("search: state of method %q: %w", e.name, err)
	}
	return nil
}

func (e *Engine) setState(state []byte) error {
	r := openState(state)
	r.header(e.name, e.Seed, len(e.dparams))
	epoch, stop, train, valid, mixed := r.uint(), r.uint(), r.uint(), r.uint(), r.uint()
	spent, supernet := r.floats(1), r.bytes()
	var again []byte
	if e.Again != nil {
		again = r.bytes()
	}
	parts := make([][]byte, len(e.stateful()))
	for i := range parts {
		parts[i] = r.bytes()
	}
	momentum, problem := r.bytes(), r.bytes()
	if err := r.end(); err != nil {
		return err
	}
	if e.Again != nil {
		if err := e.Again.SetState(again); err != nil {
			return err
		}
	}
	if most := e.Parts.Epochs + e.Again.taken(); stop > uint64(most) || epoch > uint64(most+e.Select.Epochs()) {
		return fmt.Errorf("it is after epoch %d of %d", epoch, most+e.Select.Epochs())
	}
	if err := e.rebuilt(supernet); err != nil {
		return err
	}
	for i, part := range e.stateful() {
		if err := part.SetState(parts[i]); err != nil {
			return err
		}
	}
	if err := e.Momentum.SetBytes(momentum); err != nil {
		return fmt.Errorf("momentum: %w", err)
	}
	if err := e.Problem.SetState(problem); err != nil {
		return err
	}
	e.spent = spent[0]
	e.epoch, e.stop, e.train, e.valid, e.mixed = int(epoch), int(stop), train, valid, mixed
	return nil
}

// rebuilt makes the supernet that a state was taken of, if it is not there already.
// Its weights come with the state.
func (e *Engine) rebuilt(options []byte) error {
	if bytes.Equal(options, e.Supernet.bytes()) {
		return nil
	}
	var o SupernetOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("options of the supernet: %w", err)
	}
	problem, err := e.supernet(o)
	if err != nil {
		return err
	}
	e.Supernet = o
	return e.use(problem)
}

// bytes are the options in a state.
func (o SupernetOptions) bytes() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic("search: " + err.Error()) // numbers and truth values always have a form
	}
	return b
}
