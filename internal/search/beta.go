package search

import "cmp"

// BetaDARTS are the settings of β-DARTS.
type BetaDARTS struct {
	DARTS1
	Decay float64 `json:"decay" doc:"weight of the decay at the end; it grows from 0 with the epochs"`
}

// Check implements [Settings].
func (s BetaDARTS) Check() error { return cmp.Or(s.DARTS1.Check(), notBelow(0, "decay", s.Decay)) }

var betaDARTS = Method{
	Name: "beta-darts", Title: "β-DARTS", Paper: "Ye et al., CVPR 2022, arXiv:2203.01665",
	Note:   "first-order DARTS with the mean over rows of logsumexp(α) in the loss of the architecture, times decay·epoch/epochs; the code divides by 100 whatever the epochs are",
	Traits: Traits{bilevel, "softmax", "Adam, with a penalty on logsumexp of α", byArgmax, "2"},
	Zero:   BetaDARTS{},
	Begin: with(func(env Env, s BetaDARTS) (Searcher, error) {
		parts := s.DARTS1.parts(env)
		parts.Arch = Penalized(parts.Arch, betaDecay(env.Space.Layout, s.Decay))
		return NewEngine(env, parts)
	}),
}

// betaDecay adds the gradient of w·mean over rows of ln Σ_o exp(α_o), which is softmax(α)
// over the number of rows, with w = decay·epoch/epochs.
// Source: Ye et al., CVPR 2022, arXiv:2203.01665, equation 13; Sunshine-Ye/Beta-DARTS,
// optimizers/darts/architect.py.
func betaDecay(rows Layout, decay float64) func(alpha, grad []float64, at Clock) {
	p := make([]float64, rows.Len())
	return func(alpha, grad []float64, at Clock) {
		Softmax.Mix(rows, alpha, p)
		weight := decay * float64(at.Epoch) / float64(at.Epochs) / float64(len(rows))
		for i := range grad {
			grad[i] += weight * p[i]
		}
	}
}
