package search

import (
	"context"
	"strings"
	"testing"

	"idarts/internal/settings"
)

// trial is what a test searches with.
type trial struct {
	Env
	problem *toy     // that Env.Supernet gives
	changes []string // to the settings, "inner_steps=2"
}

func toyTrial(seed uint64) *trial {
	p := searchable()
	return &trial{problem: p, Env: Env{
		Space: toySpace(), Query: score, Seed: seed,
		Supernet: func(o SupernetOptions) (Problem, error) {
			if o.Depth == 0 {
				return p, nil
			}
			return searchableOf(o.Depth), nil
		},
	}}
}

// score prefers "c" to "b" to "a", in percent.
func score(arch string) (float64, error) {
	return 50 + 10*float64(strings.Count(arch, "b")) + 20*float64(strings.Count(arch, "c")), nil
}

// toySettings are the settings of every method that the tests start from.
func toySettings() map[string]Settings {
	bilevel := Bilevel{
		Epochs:    3,
		Weights:   SGD{LR: 0.2, MinLR: 0.05, Momentum: 0.5, Nesterov: true, WeightDecay: 1e-3, Clip: 5},
		Arch:      Adam{LR: 0.05, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3},
		InitScale: 1e-3,
	}
	implicit := Implicit{InnerSteps: 4, NeumannTerms: 2}
	budget := Budget{Queries: 3}
	first := DARTS1{Bilevel: bilevel}
	schedule := bilevel.schedule()
	sampling := Sampling{Samples: 4, Batches: 2}
	zarts := ZARTS{Schedule: schedule, InitScale: 1e-3, WarmUp: 0, Every: 2, Inner: 3, Candidates: 4}
	smooth := SDARTS{first, Radius{0.03, 0.3}}
	return map[string]Settings{
		"random":    Random{budget},
		"rea":       REA{Budget: budget, Population: 2, Sample: 2},
		"reinforce": REINFORCE{Budget: budget, Arch: bilevel.Arch, InitScale: 1e-3, Baseline: 0.9},
		"local":     Local{budget},
		"darts-v1":  DARTS1{Bilevel: bilevel},
		"darts-v2":  DARTS2{Bilevel: bilevel},
		"idarts":    IDARTS{Bilevel: bilevel, Implicit: implicit},
		"idarts-released": IDARTSReleased{
			Epochs: bilevel.Epochs, Weights: Rate{LR: 0.2, MinLR: 0.05}, Arch: bilevel.Arch, InitScale: 1e-3, Implicit: implicit,
		},
		"idarts-hess":   IDARTS{Bilevel: bilevel, Implicit: implicit},
		"idarts-approx": IDARTS{Bilevel: bilevel, Implicit: implicit},
		"lambda-darts":  LambdaDARTS{DARTS1: first, Lambda: 0.25, Epsilon: 1e-4},
		"shapley-nas":   ShapleyNAS{Schedule: schedule, InitScale: 1e-3, Partial: 1, WarmUp: 1, Samples: 3, Batches: 2, Truncate: 0.5, Momentum: 0.8, Step: 0.1},
		"zarts":         ZARTSMGS{ZARTS: zarts, Sigma: 0.1, Tau: 0.01, Wide: 1e-3},
		"zarts-rs":      ZARTSRS{ZARTS: zarts, Mu: 0.1, Rate: 0.1},
		"zarts-gld":     ZARTSGLD{ZARTS: zarts, Radius: 0.5},
		"darts-pt":      DARTSPT{DARTS1: first, Base: OnDARTS, Criterion: ByAccuracy, Every: 2, Tune: Rate{LR: 0.02, MinLR: 0.02}},
		"ista-nas":      ISTANAS{Bilevel: bilevel, Lambda: 1e-5, Rest: 1e-3},
		"drnas":         DrNAS{DARTS1: first, Partials: []int{1}, Options: []int{0}},
		"drnas-p":       DrNAS{DARTS1: first, Partials: []int{2, 1}, Options: []int{0, 2}, WarmUp: 1},
		"gaea":          GAEA{Schedule: schedule, Arch: ExpGrad{LR: 0.1, Floor: 1e-5}, Partial: 1, BestEpoch: true},
		"gaea-pc":       GAEA{Schedule: schedule, Arch: ExpGrad{LR: 0.1, Floor: 1e-5}, Partial: 2, EdgeWeights: true},
		"gaea-gdas":     GAEAGDAS{Schedule: schedule, Arch: ExpGrad{LR: 0.1, Floor: 1e-5}, Temperature: Temperature{10, 0.1}},
		"rsps":          RSPS{Schedule: schedule, Sampling: sampling},
		"enas": ENAS{Schedule: schedule, Restart: 2, Hidden: 4, Layers: 2, Arch: Adam{LR: 0.001, Beta2: 0.999, Eps: 1e-3}, ArchClip: 5,
			Updates: 2, Rollouts: 3, Entropy: 1e-4, Baseline: 0.01, Sampling: sampling},
		"setn":       SETN{Bilevel: bilevel, Sampling: sampling},
		"snas":       SNAS{Bilevel: bilevel, Temperature: Temperature{1, 0.1}, ArchClip: 10},
		"sdarts-rs":  smooth,
		"sdarts-adv": SDARTSADV{SDARTS: smooth, Steps: 3},
		"svge":       SVGE{Budget: budget, Hidden: 3, Latent: 2, Graphs: 6, Epochs: 2, Batch: 3, Rate: 1e-2, Initial: 2, Round: 2, Candidates: 10, Decodes: 5},
		"bohb":       BOHB{Budget: budget, Candidates: 4, Top: 0.15, Bandwidth: 3},
		"gdas":       GDAS{Bilevel: bilevel, Temperature: Temperature{10, 0.1}},
		"pc-darts":   PCDARTS{DARTS1: first, Partial: 2, EdgeWeights: true, WarmUp: 1},
		"sgas":       SGAS{DARTS1: first, WarmUp: 1, Every: 1, Stability: true},
		"p-darts":    PDARTS{DARTS1: first, Depths: []int{0, 3, 4}, Options: []int{0, 2, 2}, ArchClip: 5, Skips: 2},
		"fair-darts": FairDARTS{DARTS1: first, ZeroOne: 10, Threshold: 0.85},
		"rdarts-l2":  DARTS2{Bilevel: bilevel},
		"darts-es":   DARTSES{DARTS2: DARTS2{Bilevel: bilevel}, EigenRule: EigenRule{Every: 1, Factor: 1.3}},
		"darts-ada":  DARTSADA{DARTS2: DARTS2{Bilevel: bilevel}, EigenRule: EigenRule{Every: 1, Factor: 1.3}, DecayFactor: 10, MaxDecay: 0.03},
		"beta-darts": BetaDARTS{DARTS1: first, Decay: 0.5},
	}
}

// set changes settings; a method that has none of that name keeps what it has.
func (tr *trial) set(changes ...string) { tr.changes = append(tr.changes, changes...) }

// settings are those of a method, with the changes.
func (tr *trial) settings(t *testing.T, name string) Settings {
	t.Helper()
	s, ok := toySettings()[name]
	if !ok {
		t.Fatalf("no settings for method %q", name)
	}
	for _, change := range tr.changes {
		path, text, _ := strings.Cut(change, "=")
		changed, err := settings.Set(s, path, text)
		if err == nil {
			s = changed
		} else if !strings.Contains(err.Error(), "no "+`"`) {
			t.Fatal(err)
		}
	}
	return s
}

// start starts a search of the method.
func (tr *trial) start(t *testing.T, name string) (Searcher, error) {
	t.Helper()
	m, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return m.New(tr.Env, tr.settings(t, name))
}

func start(t *testing.T, name string, tr *trial) Searcher {
	t.Helper()
	s, err := tr.start(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func epoch(t *testing.T, s Searcher) Report {
	t.Helper()
	r, err := s.Epoch(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
