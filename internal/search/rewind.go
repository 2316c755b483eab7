package search

import "fmt"

// Rewind lets a search go back to where it was some epochs ago. The schedule goes back with
// it, batches and random streams go on; the epochs that were in vain stay epochs of the run.
type Rewind struct {
	keep   int     // marks
	epochs int     // that were taken back, all in all
	times  int     // that the search went back
	marks  []point // the last ones, the oldest first
}

// point is a search after an epoch of its schedule.
type point struct {
	epoch uint64
	state []byte
}

// taken is how many epochs were taken back.
func (r *Rewind) taken() int {
	if r == nil {
		return 0
	}
	return r.epochs
}

// mark remembers the end of this epoch.
func (r *Rewind) mark(e *Engine) {
	var w stateWriter
	for _, part := range e.moving() {
		w.bytes(part.State())
	}
	w.bytes(e.Momentum.Bytes())
	w.bytes(e.Problem.State())
	if len(r.marks) == r.keep {
		r.marks = r.marks[1:]
	}
	r.marks = append(r.marks, point{uint64(e.Clock.Epoch), w.buf})
}

// back goes to so many marks before the last, which becomes the last.
func (r *Rewind) back(e *Engine, marks int) error {
	r.marks = r.marks[:len(r.marks)-marks]
	to := r.marks[len(r.marks)-1]
	s := stateReader{buf: to.state}
	for _, part := range e.moving() {
		if err := part.SetState(s.bytes()); err != nil {
			return err
		}
	}
	if err := e.Momentum.SetBytes(s.bytes()); err != nil {
		return err
	}
	spent := e.Problem.GFLOP() // the state counts what was spent until then
	if err := e.Problem.SetState(s.bytes()); err != nil {
		return err
	}
	e.spent += spent - e.Problem.GFLOP()
	r.epochs = e.epoch - int(to.epoch)
	r.times++
	return s.end()
}

// moving are the parts that outer steps move.
func (e *Engine) moving() []Stateful {
	parts := []Stateful{e.Relaxation}
	if e.Arch != nil {
		parts = append(parts, e.Arch)
	}
	return parts
}

// State implements [Stateful].
func (r *Rewind) State() []byte {
	var w stateWriter
	w.uint(uint64(r.epochs))
	w.uint(uint64(r.times))
	w.uint(uint64(len(r.marks)))
	for _, m := range r.marks {
		w.uint(m.epoch)
		w.bytes(m.state)
	}
	return w.buf
}

// SetState implements [Stateful].
func (r *Rewind) SetState(b []byte) error {
	s := stateReader{buf: b}
	epochs, times, n := s.uint(), s.uint(), s.uint()
	if n > uint64(r.keep) || epochs > 1<<31 || times > epochs {
		s.fail(fmt.Errorf("%d marks, %d epochs taken back in %d times", n, epochs, times))
		n = 0
	}
	marks := make([]point, n)
	for i := range marks {
		marks[i] = point{s.uint(), s.bytes()}
	}
	if err := s.end(); err != nil {
		return err
	}
	r.epochs, r.times, r.marks = int(epochs), int(times), marks
	return nil
}
