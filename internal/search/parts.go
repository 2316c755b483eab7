package search

import "context"

// Parts are what a weight-sharing method is made of.
type Parts struct {
	Epochs int
	// MaxSteps caps the outer steps of an epoch; 0 = all. The next epoch goes on
	// where the data stream stopped.
	MaxSteps int
	// OnePass makes an epoch as many outer steps as take the training data once; else
	// it is one outer step for each training batch, however many a step takes.
	OnePass bool

	Data     Data
	Supernet SupernetOptions // at the start
	// SkipZeros leaves out operations whose coefficient is 0, in this supernet and those
	// that follow it; see [Problem.SkipZeros].
	SkipZeros bool
	Weights   SGD // its rate is that of [Clock]

	Relaxation Relaxation
	Arch       ArchOptimizer // nil where no move calls StepArch
	Moves      []Move        // of one outer step, in order
	Hooks      []Hook        // around each epoch of the search
	Select     Selection     // nil: the scores of the relaxation decide
	Again      *Rewind       // nil where the search does not go back
	// Memory is what else changes and is saved: of moves, of hooks.
	Memory []Stateful
}

// Move is a part of an outer step: it moves the weights, or the architecture, by
// whatever means, or both.
type Move struct {
	Name    string
	Batches int // training batches that it takes
	Do      func(*Engine) error
}

// Hook runs before the first outer step of each epoch of the search and after the
// last one. It changes what the method is made of: stages, schedules, decisions.
// Either function may be nil. Hooks do not run in the epochs of a selection.
type Hook struct{ Before, After func(*Engine) error }

// Selection decides the architecture. It may go on after the epochs of the search.
type Selection interface {
	// Scores fills scores [A] with what the architecture is decided by now; see
	// [Space.Derive]. It is asked once after every epoch.
	Scores(e *Engine, scores []float64)
	// Epochs is how many follow those of the search. Each is one more epoch of the
	// run, saved at its end like any other.
	Epochs() int
	// Epoch runs one of them, counted from 0. With [Engine.Train] it takes an epoch of
	// the method's own outer steps.
	Epoch(ctx context.Context, e *Engine, epoch int) error
	Stateful
}

// Keeper is a [Selection] that says which options an architecture has, not only how much
// each counts. Where the space has such architectures ([Space.Kept]) that decides.
type Keeper interface{ Kept(e *Engine, kept []bool) }

// byScores is the selection that goes by the scores of the relaxation.
type byScores struct{}

func (byScores) Scores(e *Engine, scores []float64)        { e.Relaxation.Scores(scores) }
func (byScores) Epochs() int                               { return 0 }
func (byScores) Epoch(context.Context, *Engine, int) error { return nil }
func (byScores) State() []byte                             { return nil }
func (byScores) SetState([]byte) error                     { return nil }
