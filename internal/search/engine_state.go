package search

import "fmt"

// State implements [Searcher]: counters; the bytes of relaxation, architecture
// optimiser, selection and memory, in this order; the weights' momentum; the problem.
func (e *Engine) State() []byte {
	var w stateWriter
	w.header(e.name, e.Seed, len(e.dparams))
	for _, x := range []uint64{uint64(e.epoch), uint64(e.stop), e.train, e.valid, e.mixed} {
		w.uint(x)
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
	return append([]Stateful{e.Relaxation, e.Arch, e.Select}, e.Memory...)
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
	parts := make([][]byte, len(e.stateful()))
	for i := range parts {
		parts[i] = r.bytes()
	}
	momentum, problem := r.bytes(), r.bytes()
	if err := r.end(); err != nil {
		return err
	}
	if stop > uint64(e.Parts.Epochs) || epoch > uint64(e.Parts.Epochs+e.Select.Epochs()) {
		return fmt.Errorf("it is after epoch %d of %d", epoch, e.Parts.Epochs+e.Select.Epochs())
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
	e.epoch, e.stop, e.train, e.valid, e.mixed = int(epoch), int(stop), train, valid, mixed
	return nil
}
