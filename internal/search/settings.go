package search

import (
	"fmt"
	"reflect"

	"idarts/internal/batch"
	"idarts/internal/rng"
	"idarts/internal/settings"
)

// Settings are the numbers of one method. A protocol fills them; nothing is
// defaulted. Each method has a struct type of its own, whose JSON form names the
// numbers; package settings lists and changes them by these names. A number that is
// added later has the option omitempty, and 0 means what was done before. The tag doc
// says what a number is, for people.
type Settings interface {
	// Check says what is wrong with the numbers.
	Check() error
}

// Decode reads settings of the method from their JSON form. Unknown and missing
// names are errors.
func (m Method) Decode(data []byte) (Settings, error) {
	fresh := reflect.New(reflect.TypeOf(m.Zero))
	err := settings.Decode(data, fresh.Interface())
	s := fresh.Elem().Interface().(Settings)
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("search: settings of method %q: %w", m.Name, err)
	}
	return s, nil
}

// Bilevel are the settings that gradient methods share.
type Bilevel struct {
	// Epochs of the search. One epoch is as many outer steps as the training half has
	// batches, and an outer step is what the method says: DARTS takes one weight step
	// and one architecture step.
	Epochs int `json:"epochs" doc:"epochs of the search"`
	// MaxSteps caps the outer steps of an epoch; 0 = all. The next epoch goes on
	// where the data stream stopped.
	MaxSteps int `json:"max_steps" doc:"caps the outer steps of an epoch; 0: all"`

	Weights   SGD        `json:"weights"`
	Arch      Adam       `json:"arch"`
	InitScale float64    `json:"init_scale" doc:"alpha starts as so many times N(0,1)"`
	ValidDraw batch.Draw `json:"valid_draw" doc:"draw of validation batches: epochs, fresh or replaced"`
}

// Check implements [Settings].
func (b Bilevel) Check() error {
	switch {
	case b.Epochs < 1:
		return fmt.Errorf("epochs is %d, want at least 1", b.Epochs)
	case b.MaxSteps < 0:
		return fmt.Errorf("max_steps is %d, want none below 0", b.MaxSteps)
	}
	return nil
}

// parts are those that the settings name, with logits that start by the seed.
func (b Bilevel) parts(env Env) Parts {
	return b.partsOf(NewSoftmax(env.Space.Layout, b.InitScale, rng.New(env.Seed, "alpha")))
}

// partsOf are those with another relaxation.
func (b Bilevel) partsOf(relaxation Relaxation) Parts {
	parts := b.schedule().parts(relaxation)
	parts.Arch = NewAdam(b.Arch, len(relaxation.Params()))
	return parts
}

// Implicit are the settings of an architecture step after inner steps.
type Implicit struct {
	InnerSteps   int     `json:"inner_steps" doc:"T: weight steps of an outer step"`
	NeumannTerms int     `json:"neumann_terms" doc:"K: the series has the terms k = 0..K"`
	Gamma        float64 `json:"gamma" doc:"gamma of the series; 0: the learning rate of the weights at that step"`
	// OnePass makes an epoch ⌈batches/InnerSteps⌉ outer steps, so that it has as many
	// weight steps as an epoch of DARTS. What is left on top is the Neumann batch of
	// each outer step. Without it an epoch reads InnerSteps+1 times the training data
	// of a DARTS epoch, as in the authors' code.
	OnePass bool `json:"one_pass" doc:"an epoch has as many weight steps as one of DARTS"`
}

// Check implements [Settings].
func (i Implicit) Check() error {
	switch {
	case i.InnerSteps < 1:
		return fmt.Errorf("inner_steps is %d, want at least 1", i.InnerSteps)
	case i.NeumannTerms < 0:
		return fmt.Errorf("neumann_terms is %d, want none below 0", i.NeumannTerms)
	case !(i.Gamma >= 0):
		return fmt.Errorf("gamma is %v, want none below 0", i.Gamma)
	}
	return nil
}
