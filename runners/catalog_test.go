package runners

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// grown is a method of this test alone: it takes all images for both levels, goes on
// with a deeper supernet after the first epoch and stops after the second.
type grown struct {
	Epochs int         `json:"epochs"`
	Depth  int         `json:"depth"` // after the first epoch
	Rate   float64     `json:"rate"`
	Arch   search.Adam `json:"arch"`
}

func (grown) Check() error { return nil }

var grownMethod = search.Method{
	Name: "grown", Zero: grown{},
	Begin: func(env search.Env, settings search.Settings) (search.Searcher, error) {
		s := settings.(grown)
		relaxation := search.NewSoftmax(env.Space.Layout, 1e-3, rng.New(env.Seed, "alpha"))
		return search.NewEngine(env, search.Parts{
			Epochs: s.Epochs, MaxSteps: 2, Data: search.Whole,
			Supernet:   search.SupernetOptions{Width: 2, Depth: 1},
			Weights:    search.SGD{LR: s.Rate, MinLR: s.Rate, Momentum: 0.9},
			Relaxation: relaxation, Arch: search.NewAdam(s.Arch, len(relaxation.Params())),
			Moves: []search.Move{search.WeightStep{}.Move(), search.ArchStep{Solve: search.Neumann{K: 1}}.Move()},
			Hooks: []search.Hook{{
				Before: func(e *search.Engine) error {
					if e.Clock.Epoch == 1 {
						return e.Rebuild(search.SupernetOptions{Width: 2, Depth: s.Depth}, true)
					}
					return nil
				},
				After: func(e *search.Engine) error {
					if e.Clock.Epoch == 1 {
						e.Stop()
					}
					e.Mix(search.ForEvaluation)
					got, err := e.Problem.EvaluateSplit(batch.Whole, e.Coefs, exec.NormBatch)
					e.Add("accuracy", got.Accuracy)
					return err
				},
			}},
		})
	},
}

// A method from elsewhere is one more row of a catalog: its runs are interrupted,
// gone on with and scored like those of the program.
func TestMethodsOfAnotherCatalog(t *testing.T) {
	p := tiny()
	p.Search = []protocol.Search{{
		Method:   "grown",
		Settings: grown{Epochs: 3, Depth: 2, Rate: 0.1, Arch: search.Adam{LR: 0.1, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8}},
	}}
	run := func(ctx context.Context, out string, stop func(scores int) bool) (work.Summary, error) {
		g := grid(out, []uint64{0})
		g.Catalog, g.Protocols = search.Catalog{grownMethod}, []protocol.Protocol{p}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		whole := g.Bench
		var scores atomic.Int32
		g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
			b, err := whole(p, fresh)
			if err == nil {
				scorer := b.Scorer
				b.Scorer = scorerFunc(func(ctx context.Context, arch string, device exec.Device) (result.Scored, error) {
					if stop(int(scores.Add(1))) {
						cancel()
					}
					return scorer.Score(ctx, arch, device)
				})
			}
			return b, err
		}
		return g.Run(ctx)
	}
	want, out := t.TempDir(), t.TempDir()
	if sum, err := run(t.Context(), want, func(int) bool { return false }); err != nil || sum.Done != 1 {
		t.Fatalf("%+v, %v; want 1 run done", sum, err)
	}
	// The second score is that of the last epoch: one epoch is left then.
	if sum, err := run(t.Context(), out, func(n int) bool { return n == 2 }); !errors.Is(err, context.Canceled) || sum.Left != 1 {
		t.Fatalf("%+v, %v; want an interrupt", sum, err)
	}
	if sum, err := run(t.Context(), out, func(int) bool { return false }); err != nil || sum.Done != 1 {
		t.Fatalf("%+v, %v; want 1 run done", sum, err)
	}
	compare(t, contents(t, out), contents(t, want))
	runs, _, err := result.Load(out)
	if err != nil || len(runs) != 1 || len(runs[0].Events) != 2 || runs[0].Result.Epochs != 2 {
		t.Fatalf("%+v, %v; want one run that stopped after 2 of 3 epochs", runs, err)
	}
	first, second := runs[0].Events[0], runs[0].Events[1]
	if accuracy := second.Extra["accuracy"]; !(accuracy > 0 && accuracy < 100) || second.GFLOP < 2.5*first.GFLOP {
		t.Errorf("accuracy %v; arithmetic %v, then %v: want more for the deeper network", accuracy, first.GFLOP, second.GFLOP)
	}
}
