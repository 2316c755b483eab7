package search

import (
	"cmp"

	"idarts/internal/batch"
)

// IDARTSReleased are the settings of iDARTS as its authors' code runs. Batches of
// both levels are drawn as there.
type IDARTSReleased struct {
	Epochs    int     `json:"epochs" doc:"epochs of the search"`
	MaxSteps  int     `json:"max_steps" doc:"caps the outer steps of an epoch; 0: all"`
	Weights   Rate    `json:"weights"` // that γ is; no step of the weights takes it
	Arch      Adam    `json:"arch"`
	InitScale float64 `json:"init_scale" doc:"alpha starts as so many times N(0,1)"`
	Implicit
}

// Check implements [Settings].
func (s IDARTSReleased) Check() error {
	return cmp.Or(s.bilevel().Check(), s.Implicit.Check())
}

// bilevel are the settings that it shares with other methods.
func (s IDARTSReleased) bilevel() Bilevel {
	return Bilevel{
		Epochs: s.Epochs, MaxSteps: s.MaxSteps, Arch: s.Arch, InitScale: s.InitScale, ValidDraw: batch.Replaced,
		Weights: SGD{LR: s.Weights.LR, MinLR: s.Weights.MinLR, EachStep: s.Weights.EachStep},
	}
}

var idartsReleased = Method{
	Name: "idarts-released", Title: "iDARTS (as released)", Paper: "Zhang et al., ICML 2021, code MiaoZhang0525/iDARTS",
	Note:   "as the NAS-Bench-201 notebook runs: inner steps move nothing but batch-norm buffers; mixed product by differences whose clean-up moves the weights by ε(v−s), down the validation loss; momentum, weight decay and clipping have no effect",
	Zero:   IDARTSReleased{},
	Traits: Traits{bilevel, "softmax", "Adam, K+1 Neumann terms, as its code runs", byArgmax, "T forward + 4 + 2K"},
	Begin: with(func(env Env, s IDARTSReleased) (Searcher, error) {
		parts := s.bilevel().parts(env)
		parts.OnePass = s.OnePass
		parts.Moves = []Move{
			Repeat(s.InnerSteps, forwardOnly),
			ArchStep{
				Solve: Neumann{s.NeumannTerms}, Mixed: Released, Gamma: s.Gamma,
				TrainDraw: batch.Fresh, ValidDraw: batch.Replaced,
			}.Move(),
		}
		return NewEngine(env, parts)
	}),
}

// forwardOnly runs a fresh training batch through the network, which updates
// batch-norm buffers and nothing else.
var forwardOnly = Move{"forward", 1, func(e *Engine) error {
	e.Mix(ForWeights)
	loss, err := e.Problem.Gradient(e.NextTrain(batch.Fresh), e.Coefs, nil, nil)
	if err != nil {
		return err
	}
	e.Note("training loss", "train_loss", loss)
	return nil
}}
