package search

import (
	"context"
	"fmt"

	"idarts/internal/batch"
)

// Settings are the numbers of a search. A protocol fills them; nothing is
// defaulted here. Fields that a method does not use are ignored by it.
type Settings struct {
	// Epochs of a weight-sharing method. One epoch is as many outer steps as the
	// training half has batches, and an outer step is what the method's row says:
	// DARTS takes one weight step and one architecture step, iDARTS takes
	// InnerSteps weight steps and one architecture step. So an iDARTS epoch reads
	// InnerSteps+1 times the training data of a DARTS epoch, as in the authors'
	// code, unless OnePass is set.
	Epochs int `json:"epochs"`
	// MaxSteps caps the outer steps of an epoch; 0 = all. The next epoch goes on
	// where the data stream stopped.
	MaxSteps int `json:"max_steps"`
	// OnePass makes an epoch of the methods with inner steps ⌈batches/InnerSteps⌉
	// outer steps, so that it has as many weight steps as an epoch of DARTS. What
	// is left on top is the Neumann batch of each outer step.
	OnePass bool `json:"one_pass"`

	Weights   SGD        `json:"weights"`
	Arch      Adam       `json:"arch"`
	InitScale float64    `json:"init_scale"` // α starts as InitScale·N(0,1)
	ValidDraw batch.Draw `json:"valid_draw"` // of validation batches; idarts-released always takes Replaced
	ArchFirst bool       `json:"arch_first"` // darts-v1: architecture step before the weight step

	InnerSteps   int     `json:"inner_steps"`   // T
	NeumannTerms int     `json:"neumann_terms"` // K: the series has the terms k = 0..K
	Gamma        float64 `json:"gamma"`         // γ; 0 = the learning rate of the weights at that step

	// Queries is the budget of the black-box methods: of how many distinct
	// architectures they are told the validation accuracy. An answer that they have
	// had before is free.
	Queries    int     `json:"queries"`
	Population int     `json:"population,omitempty"` // rea: members alive
	Sample     int     `json:"sample,omitempty"`     // rea: members of a tournament
	Baseline   float64 `json:"baseline,omitempty"`   // reinforce: weight of the past in the mean reward; Arch moves the policy
}

// Env is what a search runs on.
type Env struct {
	Space   Space
	Problem Problem // nil for black-box methods
	// Query is the validation accuracy of an architecture in percent, by table or
	// by training. Only black-box methods call it.
	Query    func(arch string) (valid float64, err error)
	Seed     uint64
	Settings Settings
}

// Report is what an epoch has to show.
type Report struct {
	TrainLoss float64            // mean over the training batches of the inner level; 0 for methods without
	ValidLoss float64            // mean over the architecture steps; 0 for methods without
	Entropy   float64            // of softmax(α), mean over rows, nats
	GFLOP     float64            // arithmetic so far; black-box methods do none themselves
	Arch      string             // derived now
	Extra     map[string]float64 // means over the epoch, by name
}

// Searcher is a search in progress.
type Searcher interface {
	// Epochs is how many there are in all; for random search one per cell.
	Epochs() int
	// Epoch runs the next one. progress may be nil. When ctx ends it returns
	// ctx.Err(). After any error the searcher is of no more use; go on from the
	// last State. Numbers that are no longer finite give an error wrapping
	// [ErrDiverged].
	Epoch(ctx context.Context, progress func(done, total int)) (Report, error)
	// State is everything that changes, the problem's state included. A fresh
	// searcher of the same Env that takes it goes on with the same bits.
	State() []byte
	// SetState takes what State gave. It refuses bytes of another method, space
	// or seed, and damaged ones.
	SetState(b []byte) error
}

// Method is a row of [Methods]: a relaxation, and the moves of one outer step; or
// a black-box search.
type Method struct {
	Name, Title, Paper string
	Note               string // order of steps, and where it departs from paper or code
	NeedsProblem       bool

	Relaxation Relaxation
	// Outer lists the moves of one outer step, in order.
	Outer func(Settings) []Move
	// BlackBox makes the searcher of a method that needs no problem.
	BlackBox func(Env) (Searcher, error)
}

// Methods lists the methods in report order.
var Methods = []Method{
	{
		Name: randomName, Title: "Random search", Paper: "Li & Talwalkar, UAI 2019, arXiv:1902.07638",
		Note:     "distinct cells drawn uniformly; keeps the one of best validation accuracy; its budget is a number of distinct cells",
		BlackBox: newRandom,
	},
	{
		Name: evolutionName, Title: "Regularised evolution", Paper: "Real et al., AAAI 2019, arXiv:1802.01548",
		Note:     "a tournament's best has a child that differs in one decision, the oldest dies; keeps the cell of best validation accuracy; cells that come again cost nothing; its budget is a number of distinct cells",
		BlackBox: newEvolution,
	},
	{
		Name: reinforceName, Title: "REINFORCE", Paper: "Dong & Yang, ICLR 2020, arXiv:2001.00326",
		Note:     "a softmax policy for each decision, Adam, moving average of the reward as baseline; keeps the cell of best validation accuracy; cells that come again cost nothing and after 100 of them in a row the policy starts over; its budget is a number of distinct cells",
		BlackBox: newReinforce,
	},
	{
		Name: localName, Title: "Local search", Paper: "White et al., UAI 2021, arXiv:2005.02960",
		Note:     "asks for all neighbours and goes to the best of them, from a random new cell when none is better; keeps the cell of best validation accuracy; its budget is a number of distinct cells",
		BlackBox: newLocal,
	},
	{
		Name: "darts-v1", Title: "DARTS (1st order)", Paper: "Liu et al., ICLR 2019, arXiv:1806.09055",
		Note:         "weight step, then architecture step, as in the NAS-Bench-201 code; arch_first gives the order of the DARTS code. The clip norm is over the weights only",
		NeedsProblem: true, Relaxation: Softmax,
		Outer: func(s Settings) []Move {
			if s.ArchFirst {
				return []Move{archStep(Ignore{}, nil, s.ValidDraw), weightStep}
			}
			return []Move{weightStep, archStep(Ignore{}, nil, s.ValidDraw)}
		},
	},
	{
		Name: "darts-v2", Title: "DARTS (2nd order)", Paper: "Liu et al., ICLR 2019, arXiv:1806.09055",
		Note:         "architecture step, then weight step on the same training batch; validation gradient after a virtual step with momentum and weight decay; exact mixed product at the weights before it, where the code takes central differences",
		NeedsProblem: true, Relaxation: Softmax,
		Outer: func(s Settings) []Move {
			return []Move{lookAheadStep(s.ValidDraw), weightStep}
		},
	},
	{
		Name: "idarts", Title: "iDARTS", Paper: "Zhang et al., ICML 2021, arXiv:2106.10784",
		Note:         "as in the paper: inner weight steps that move the weights, then an architecture step with K+1 Neumann terms on one more training batch; exact products; weights unchanged by it",
		NeedsProblem: true, Relaxation: Softmax,
		Outer: func(s Settings) []Move {
			return []Move{inner(s, weightStep), archStep(Neumann{s.NeumannTerms}, Exact, s.ValidDraw)}
		},
	},
	{
		Name: "idarts-released", Title: "iDARTS (as released)", Paper: "Zhang et al., ICML 2021, code MiaoZhang0525/iDARTS",
		Note:         "as the NAS-Bench-201 notebook runs: inner steps move nothing but batch-norm buffers; mixed product by differences whose clean-up moves the weights by ε(v−s), down the validation loss; momentum, weight decay and clipping have no effect",
		NeedsProblem: true, Relaxation: Softmax,
		Outer: func(s Settings) []Move {
			return []Move{inner(s, forwardOnly), releasedStep(Neumann{s.NeumannTerms})}
		},
	},
}

// Names lists the names of [Methods] in report order.
func Names() []string {
	var names []string
	for _, m := range Methods {
		names = append(names, m.Name)
	}
	return names
}

// Lookup finds a method by its name.
func Lookup(name string) (Method, error) {
	for _, m := range Methods {
		if m.Name == name {
			return m, nil
		}
	}
	return Method{}, fmt.Errorf("search: unknown method %q, want one of %q", name, Names())
}

// New starts a search.
func (m Method) New(env Env) (Searcher, error) {
	if m.BlackBox != nil {
		return m.BlackBox(env)
	}
	return newBilevel(m, env)
}

// Config is a method with its numbers, for the record of a run.
type Config struct {
	Name       string   `json:"name"`
	Paper      string   `json:"paper"`
	Note       string   `json:"note"`
	Relaxation string   `json:"relaxation,omitempty"`
	Outer      []string `json:"outer,omitempty"` // the moves of one outer step
	Settings   Settings `json:"settings"`
}

// Config is the record of m run with s.
func (m Method) Config(s Settings) Config {
	c := Config{Name: m.Name, Paper: m.Paper, Note: m.Note, Relaxation: m.Relaxation.Name, Settings: s}
	if m.Outer != nil {
		for _, move := range m.Outer(s) {
			c.Outer = append(c.Outer, move.Name)
		}
	}
	return c
}
