package runners

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/reports"
	"idarts/runners/internal/toy"
	"idarts/runners/protocol"
)

// This file is what CONTRIBUTING.md shows: methods and a space that stand in a test
// alone, and what the program does with them.

// noisy is a relaxation with a state of its own: the mixture is softmax(θ + τn) with
// normal noise n that fades over the epochs, and what decides is the mean of all
// mixtures so far.
type noisy struct {
	rows               search.Layout
	theta, mixed, mean []float64 // [A]
	draws              []float64 // [1]: how many mixtures mean is over
}

func newNoisy(rows search.Layout) *noisy {
	a := rows.Len()
	return &noisy{rows, make([]float64, a), make([]float64, a), make([]float64, a), make([]float64, 1)}
}

func (n *noisy) Params() []float64 { return n.theta }

func (n *noisy) Mix(coefs []float64, use search.Use) search.Pullback {
	tau := 1 - float64(use.Clock.Epoch)/float64(use.Clock.Epochs)
	for i, theta := range n.theta {
		n.mixed[i] = math.Exp(theta + tau*use.Rand.NormFloat64())
	}
	for _, p := range n.rows.Parts(n.mixed) {
		total := 0.0
		for _, x := range p {
			total += x
		}
		for o := range p {
			p[o] /= total
		}
	}
	n.draws[0]++
	for i, p := range n.mixed {
		n.mean[i] += (p - n.mean[i]) / n.draws[0]
	}
	copy(coefs, n.mixed)
	return func(dcoefs, dtheta []float64) { search.Softmax.Pullback(n.rows, n.mixed, dcoefs, dtheta) }
}

func (n *noisy) Scores(scores []float64) { copy(scores, n.mean) }
func (n *noisy) State() []byte           { return search.Floats(slices.Concat(n.theta, n.mean, n.draws)) }

func (n *noisy) SetState(b []byte) error {
	all := make([]float64, 2*len(n.theta)+1)
	if err := search.SetFloats(all, b); err != nil {
		return err
	}
	copy(n.theta, all)
	copy(n.mean, all[len(n.theta):])
	copy(n.draws, all[2*len(n.theta):])
	return nil
}

// signs is an optimiser with a state of its own: a step of fixed length against the
// sign of an average of the gradients.
type signs struct {
	step    float64
	average []float64 // [len(θ)]
}

func (s *signs) Step(theta, grad []float64, _ search.Clock) {
	for i, g := range grad {
		s.average[i] = 0.9*s.average[i] + 0.1*g
		theta[i] -= s.step * math.Copysign(1, s.average[i])
	}
}

func (s *signs) State() []byte           { return search.Floats(s.average) }
func (s *signs) SetState(b []byte) error { return search.SetFloats(s.average, b) }

// sampled are the settings of a method.
type sampled struct {
	Epochs  int        `json:"epochs"`
	Steps   int        `json:"steps"` // of an epoch
	Weights search.SGD `json:"weights"`
	Step    float64    `json:"step"` // of the architecture
}

// Check implements search.Settings.
func (s sampled) Check() error {
	if s.Epochs < 1 || s.Steps < 1 {
		return fmt.Errorf("epochs is %d and steps is %d, want 1 or more", s.Epochs, s.Steps)
	}
	return nil
}

// parts are those of an alternating search with the noisy mixture.
func (s sampled) parts(env search.Env) search.Parts {
	relaxation := newNoisy(env.Space.Layout)
	return search.Parts{
		Epochs: s.Epochs, MaxSteps: s.Steps, Weights: s.Weights,
		Relaxation: relaxation,
		Arch:       &signs{s.Step, make([]float64, len(relaxation.theta))},
		Moves:      []search.Move{search.WeightStep{}.Move(), search.ArchStep{Solve: search.Neumann{K: 1}}.Move()},
	}
}

// sampledRow is the whole of a method: a row.
var sampledRow = search.Method{
	Name: "sampled", Title: "Sampled mixtures", Paper: "a test", Note: "weight step, then architecture step",
	Zero: sampled{},
	Begin: func(env search.Env, settings search.Settings) (search.Searcher, error) {
		return search.NewEngine(env, settings.(sampled).parts(env))
	},
}

// pruning is a selection that goes on after the search: in each of its epochs it
// leaves out one option, the one without which the validation accuracy is highest, and
// trains on.
type pruning struct {
	relaxation *noisy
	rounds     int
	gone       []float64 // [A]: 1 where an option is left out
}

func (p *pruning) Epochs() int             { return p.rounds }
func (p *pruning) State() []byte           { return search.Floats(p.gone) }
func (p *pruning) SetState(b []byte) error { return search.SetFloats(p.gone, b) }

func (p *pruning) Scores(_ *search.Engine, scores []float64) {
	p.relaxation.Scores(scores)
	for i, gone := range p.gone {
		scores[i] *= 1 - gone
	}
}

func (p *pruning) Epoch(ctx context.Context, e *search.Engine, _ int) error {
	e.Mix(search.ForEvaluation)
	best, out := math.Inf(-1), 0
	for i, gone := range p.gone {
		if gone == 1 {
			continue
		}
		coefs := slices.Clone(e.Coefs)
		for layer := range e.Problem.Layers() {
			coefs[layer*len(p.gone)+i] = 0
		}
		without, err := e.Problem.EvaluateSplit(batch.Valid, coefs, exec.NormBatch)
		if err != nil {
			return err
		}
		if without.Accuracy > best {
			best, out = without.Accuracy, i
		}
	}
	p.gone[out] = 1
	e.Add("accuracy_without", best)
	return e.Train(ctx)
}

var prunedRow = search.Method{
	Name: "pruned", Title: "Sampled mixtures, pruned", Paper: "a test", Note: "as sampled, then options are left out one after another",
	Zero: sampled{},
	Begin: func(env search.Env, settings search.Settings) (search.Searcher, error) {
		parts := settings.(sampled).parts(env)
		parts.Select = &pruning{parts.Relaxation.(*noisy), 2, make([]float64, env.Space.Layout.Len())}
		return search.NewEngine(env, parts)
	},
}

// tabledRow is the toy space with a table of its own.
func tabledRow() protocol.Space {
	row := toyRow
	row.Table, row.TableFrom = openToyTable, "write"
	return row
}

// extended is a grid of both methods on that space, scored by its table in the file.
func extended(out, table string) *Grid {
	p := tiny()
	p.Space, p.Supernet = "toy", tabledRow().Sized(2, 1)
	p.Score = protocol.Scoring{Table: true, Recipe: p.Score.Recipe}
	p.Score.Net = p.Supernet
	s := sampled{Epochs: 3, Steps: 4, Weights: search.SGD{LR: 0.05, Momentum: 0.9, Clip: 5}, Step: 0.1}
	p.Search = []protocol.Search{{Method: "sampled", Settings: s}, {Method: "pruned", Settings: s}}
	g := grid(out, []uint64{0, 1})
	g.Catalog, g.Protocols, g.Jobs = search.Catalog{sampledRow, prunedRow}, []protocol.Protocol{p}, 1
	g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
		data, err := few(p.Dataset)
		if err != nil {
			return nil, err
		}
		return openBench(p, data, Inputs{Out: out, Table: table}, fresh)
	}
	return g
}

// extendedOut makes this test program run the extended grid there by the table
// extendedTable. When the score number extendedStop is asked for it makes the file
// extendedMark and waits to be killed.
const (
	extendedOut   = "IDARTS_TEST_EXTENDED_OUT"
	extendedTable = "IDARTS_TEST_EXTENDED_TABLE"
	extendedStop  = "IDARTS_TEST_EXTENDED_STOP"
	extendedMark  = "IDARTS_TEST_EXTENDED_MARK"
)

func extendedChild(out string) {
	protocol.Spaces = append(protocol.Spaces, tabledRow())
	g := extended(out, os.Getenv(extendedTable))
	whole := g.Bench
	var scores atomic.Int32
	g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
		b, err := whole(p, fresh)
		if err != nil {
			return nil, err
		}
		inner := b.Scorer
		b.Scorer = scorerFunc(func(ctx context.Context, arch string, d exec.Device) (result.Scored, error) {
			if fmt.Sprint(scores.Add(1)) == os.Getenv(extendedStop) {
				os.WriteFile(os.Getenv(extendedMark), nil, 0o644)
				select {}
			}
			return inner.Score(ctx, arch, d)
		})
		return b, nil
	}
	_, err := g.Run(context.Background())
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1) // it was to be killed
}

// A method and a space are added without a change to the program: they search, are
// killed in the search and in the selection after it, go on to the same bytes, are
// scored by the space's table, and stand in a comparison.
func TestWhatIsAddedRunsLikeTheRest(t *testing.T) {
	before := protocol.Spaces
	t.Cleanup(func() { protocol.Spaces = before })
	protocol.Spaces = append(slices.Clone(protocol.Spaces), tabledRow())
	var content strings.Builder
	for i := range 8 {
		fmt.Fprintf(&content, "%s %d %d\n", toy.Cell{i & 1, i >> 1 & 1, i >> 2 & 1}, 50+i, 60+i)
	}
	table := filepath.Join(t.TempDir(), "toy.txt")
	if err := os.WriteFile(table, []byte(content.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	straight, killed := t.TempDir(), t.TempDir()
	if sum := mustRun(t, extended(straight, table)); sum.Done != 4 {
		t.Fatalf("%+v, want 4 runs done", sum)
	}
	// Scores are asked for after each epoch: of the first run of sampled those of 3
	// epochs, of the first run of pruned those of 3 epochs and 2 of the selection. The
	// second process finds one epoch done, so its seventh score is the last of these.
	for _, stop := range []int{2, 7} {
		kill(t, killed, table, stop)
	}
	if sum := mustRun(t, extended(killed, table)); sum.Done+sum.Reused != 4 || sum.Done == 0 {
		t.Fatalf("%+v, want what was left of 4 runs done", sum)
	}
	compare(t, contents(t, killed), contents(t, straight))

	runs, _, err := result.Load(killed)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		want := 3
		if run.Cell.Method == "pruned" {
			want += 2
		}
		score := run.Result.Score
		if len(run.Events) != want || score.Source != "table:toy.txt" || score.Test-score.Valid != 10 {
			t.Errorf("%s: %d epochs, score %+v; want %d epochs and a score of the table", run.Cell, len(run.Events), score, want)
		}
	}
	shown := reports.Compare(runs, reports.Options{Titles: []reports.Title{{Name: "sampled", Title: sampledRow.Title}, {Name: "pruned", Title: prunedRow.Title}}})
	var text strings.Builder
	if err := shown.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Sampled mixtures ", "Sampled mixtures, pruned", "2/2 seeds", "67.00"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the comparison does not say %q:\n%s", want, text.String())
		}
	}
}

// kill runs the extended grid in a process that is killed when the score of this
// number is asked for.
func kill(t *testing.T, out, table string, stop int) {
	t.Helper()
	mark := filepath.Join(t.TempDir(), "mark")
	cmd, ended, stderr := child(t, extendedOut+"="+out, extendedTable+"="+table, extendedMark+"="+mark, fmt.Sprintf("%s=%d", extendedStop, stop))
	for {
		if _, err := os.Stat(mark); err == nil {
			cmd.Process.Kill()
			<-ended
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("the process ended before it was killed: %v: %s", err, stderr.String())
		case <-time.After(time.Millisecond):
		}
	}
}
