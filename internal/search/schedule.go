package search

import (
	"fmt"
	"slices"

	"idarts/internal/batch"
)

// Schedule are the settings of methods that share weights and do not move their
// architecture by [Adam]; [Bilevel] has the same and Adam.
type Schedule struct {
	Epochs    int        `json:"epochs" doc:"epochs of the search"`
	MaxSteps  int        `json:"max_steps" doc:"caps the outer steps of an epoch; 0: all"`
	Weights   SGD        `json:"weights"`
	ValidDraw batch.Draw `json:"valid_draw" doc:"draw of validation batches: epochs, fresh or replaced"`
}

// Check implements [Settings].
func (s Schedule) Check() error {
	return Bilevel{Epochs: s.Epochs, MaxSteps: s.MaxSteps}.Check()
}

// parts are those that the settings name.
func (s Schedule) parts(relaxation Relaxation) Parts {
	return Parts{Epochs: s.Epochs, MaxSteps: s.MaxSteps, Weights: s.Weights, Relaxation: relaxation}
}

// schedule is what b has in common with methods without Adam.
func (b Bilevel) schedule() Schedule { return Schedule{b.Epochs, b.MaxSteps, b.Weights, b.ValidDraw} }

// inOrder are the moves of an outer step: weights first, or the architecture first.
func inOrder(archFirst bool, weights, arch Move) []Move {
	moves := []Move{weights, arch}
	if archFirst {
		slices.Reverse(moves)
	}
	return moves
}

// onWhole is the data of a level: halves, or for both levels all images.
func onWhole(singleLevel bool) Data {
	if singleLevel {
		return Whole
	}
	return Halves
}

// firstOrder is the architecture step along the validation gradient at the current weights.
func firstOrder(valid batch.Draw) Move { return ArchStep{Solve: Ignore{}, ValidDraw: valid}.Move() }

// when does a move only where it is due. Its batches are left alone elsewhere.
func when(due func(*Engine) bool, move Move) Move {
	do := move.Do
	move.Do = func(e *Engine) error {
		if !due(e) {
			return nil
		}
		return do(e)
	}
	return move
}

// From does a move from an epoch on, counted from 0.
func From(epoch int, move Move) Move {
	move.Name = fmt.Sprintf("from epoch %d: %s", epoch, move.Name)
	return when(func(e *Engine) bool { return e.Clock.Epoch >= epoch }, move)
}

// stopAfter ends a search before its schedule does.
func stopAfter(epochs int) Hook {
	return Hook{Before: func(e *Engine) error {
		if e.Clock.Epoch == epochs-1 {
			e.Stop()
		}
		return nil
	}}
}

// notBelow says that a setting has to be at least so much.
func notBelow(least float64, what string, x float64) error {
	if !(x >= least) {
		return fmt.Errorf("%s is %v, want none below %v", what, x, least)
	}
	return nil
}

// above says that a setting has to be more than so much.
func above(bound float64, what string, x float64) error {
	if !(x > bound) {
		return fmt.Errorf("%s is %v, want more than %v", what, x, bound)
	}
	return nil
}
