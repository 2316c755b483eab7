package search

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// A search of other parts that is killed after every epoch, and each time gone on
// with in a new process, reports the same and ends in the same bytes.
func TestOtherPartsResume(t *testing.T) {
	for name, m := range ours() {
		t.Run(name, func(t *testing.T) {
			begin := func() Searcher {
				s, err := m.New(toyTrial(11).Env, m.settings)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			straight := begin()
			var want []Report
			for len(want) < straight.Epochs() {
				want = append(want, epoch(t, straight))
			}
			if len(want) != m.epochs {
				t.Errorf("%d epochs, want %d", len(want), m.epochs)
			}
			var got []Report
			saved := begin().State()
			for range want {
				s := begin()
				if err := s.SetState(saved); err != nil {
					t.Fatal(err)
				}
				got = append(got, epoch(t, s))
				saved = s.State()
			}
			if !bytes.Equal(saved, straight.State()) {
				t.Error("the last states differ")
			}
			last := begin()
			if err := last.SetState(saved); err != nil || last.Epochs() != m.epochs {
				t.Errorf("gone on with at its end it has %d epochs, %v; want %d", last.Epochs(), err, m.epochs)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("reports\n%+v, want\n%+v", got, want)
			}
			if len(want) > 1 && want[0].Entropy == want[1].Entropy {
				t.Error("the architecture does not move")
			}
		})
	}
}

// The random relaxation finds what softmax finds on the same problem.
func TestSampledMethodSearches(t *testing.T) {
	m := ours()["sampled"]
	set := m.settings.(sampled)
	set.Epochs = 30
	s, err := m.New(toyTrial(2).Env, set)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	for range s.Epochs() {
		r = epoch(t, s)
	}
	if r.Arch != "b|c" {
		t.Errorf("found %q, want \"b|c\"", r.Arch)
	}
}

// The pullback belongs to the mixture that it came with, by central differences with
// the same noise.
func TestPullbackOfARandomMixture(t *testing.T) {
	e := engine(t, "sampled")
	n := e.Relaxation.(*noisy)
	dcoefs := []float64{1, -2, 0.5, 3, -1, 4}
	at := func() (float64, Pullback) {
		p := make([]float64, 6)
		pull := n.Mix(p, Use{Clock: Clock{Epochs: 3}, Rand: e.Rand("test", 1)})
		return dot(p, dcoefs), pull
	}
	_, pull := at()
	got := make([]float64, 6)
	pull(dcoefs, got)
	for i := range n.theta {
		const h = 1e-6
		n.theta[i] += h
		up, _ := at()
		n.theta[i] -= 2 * h
		down, _ := at()
		n.theta[i] += h
		near(t, fmt.Sprintf("dθ[%d]", i), got[i], (up-down)/(2*h), 1e-7)
	}
}

// After the search each further epoch decides one row; the rows stay decided, and
// training goes on.
func TestSelectionGoesOnTraining(t *testing.T) {
	tr := toyTrial(4)
	m := ours()["perturbed"]
	s, err := m.New(tr.Env, m.settings)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		epoch(t, s)
	}
	e := s.(*Engine)
	before := slices.Clone(tr.problem.w.x)
	r := epoch(t, s)
	if d := e.Relaxation.(*decided); d.choice[0] < 0 || d.choice[1] >= 0 {
		t.Errorf("choices %v after one decision, want the first row's alone", d.choice)
	}
	near(t, "rate", r.Extra["learning_rate"], 0.02, 0)
	if slices.Equal(tr.problem.w.x, before) || e.Clock != (Clock{Epoch: 0, Epochs: 2, Step: 4, Steps: 5, Rate: 0.02}) {
		t.Errorf("weights %v -> %v, clock %+v; want training on", before, tr.problem.w.x, e.Clock)
	}
	if r = epoch(t, s); r.Entropy != 0 {
		t.Errorf("entropy %v after all rows are decided, want 0", r.Entropy)
	}
	parseToy(t, r.Arch)
}

// A hook changes the supernet, which keeps the weights and the count of arithmetic,
// and ends the search early.
func TestHooksMakeStages(t *testing.T) {
	s := engine(t, "staged")
	r := epoch(t, s)
	if s.Problem.Layers() != 1 || len(s.Coefs) != 6 || s.Epochs() != 5 {
		t.Errorf("%d layers, %d coefficients, %d epochs at first", s.Problem.Layers(), len(s.Coefs), s.Epochs())
	}
	first := s.Problem.(*toy)
	old := slices.Clone(first.w.x)
	hook := s.Hooks[0].Before
	s.Hooks[0].Before = func(e *Engine) error {
		err := hook(e)
		if got := e.Problem.(*toy).w.x; e.Problem == Problem(first) || !slices.Equal(got, old) || norm2(e.Momentum.(*vec).x) != 0 {
			t.Errorf("the deeper supernet starts at %v, want %v without momentum", got, old)
		}
		return err
	}
	second := epoch(t, s)
	if s.Problem.Layers() != 2 || len(s.Coefs) != 12 {
		t.Errorf("%d layers, %d coefficients after the stage", s.Problem.Layers(), len(s.Coefs))
	}
	resumed := engine(t, "staged")
	if err := resumed.SetState(s.State()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Problem{first, s.Problem, resumed.Problem} {
		if !p.(*toy).skips {
			t.Errorf("the supernet of %d layers does not skip zeros", p.Layers())
		}
	}
	near(t, "arithmetic of both", second.GFLOP, r.GFLOP+s.Problem.GFLOP(), 0)
	s.Hooks[0].Before = nil
	epoch(t, s)
	if s.Epochs() != 3 {
		t.Errorf("%d epochs after the stop in the third, want 3", s.Epochs())
	}
}

// What each level reads.
func TestDataOfTheLevels(t *testing.T) {
	for _, tt := range []struct {
		data  Data
		joint bool
		want  []batch.Batch // two outer steps
	}{
		{Halves, false, []batch.Batch{{Split: batch.Train, Index: 0}, {Split: batch.Valid, Index: 0}, {Split: batch.Train, Index: 1}, {Split: batch.Valid, Index: 1}}},
		{Whole, false, []batch.Batch{{Split: batch.Whole, Index: 0}, {Split: batch.Whole, Index: 1}, {Split: batch.Whole, Index: 2}, {Split: batch.Whole, Index: 3}}},
		{Shared, false, []batch.Batch{{Split: batch.Whole, Index: 0}, {Split: batch.Whole, Index: 0}, {Split: batch.Whole, Index: 1}, {Split: batch.Whole, Index: 1}}},
		{Shared, true, []batch.Batch{{Split: batch.Whole, Index: 0}, {Split: batch.Whole, Index: 1}}},
	} {
		e := engine(t, "joint")
		e.Data, e.steps = tt.data, 2
		if !tt.joint {
			e.Moves = []Move{WeightStep{}.Move(), ArchStep{Solve: Ignore{}}.Move()}
		}
		epoch(t, e)
		if got := e.Problem.(*toy).asked; !slices.Equal(got, tt.want) {
			t.Errorf("data %d, joint %v: batches %v, want %v", tt.data, tt.joint, got, tt.want)
		}
	}
}

// A weight step with a perturbed mixture and a term: both see what the gradient
// sees, and the gradient that is clipped is the sum.
func TestWeightStepHasTerms(t *testing.T) {
	e := engine(t, "joint")
	e.Data, e.steps = Halves, 1
	e.Weights = SGD{LR: 1, MinLR: 1}
	p := e.Problem.(*toy)
	before := slices.Clone(p.w.x)
	coefs := slices.Repeat([]float64{0, 0, 1}, 4)
	e.Moves = []Move{WeightStep{
		Perturb: func(e *Engine, b batch.Batch, c []float64) error {
			if b != (batch.Batch{}) || len(c) != 12 {
				t.Errorf("perturbs %v with %d coefficients", b, len(c))
			}
			copy(c, coefs)
			return nil
		},
		Terms: []func(*Engine, batch.Batch, exec.Vec) error{func(e *Engine, b batch.Batch, grad exec.Vec) error {
			_, _, dc := p.train[0].gradient(before, coefs)
			nearAll(t, "gradient in the mixture", e.Dcoefs, dc, 1e-15)
			grad.Axpy(1, &vec{[]float64{1, 2, 3, 4, 5, 6}})
			return nil
		}},
	}.Move()}
	epoch(t, e)
	_, dw, _ := p.train[0].gradient(before, coefs)
	for i := range dw {
		near(t, "weight", p.w.x[i], before[i]-dw[i]-float64(i+1), 1e-15)
	}
}

// engine is a method of this file at its start.
func engine(t *testing.T, name string) *Engine {
	t.Helper()
	m := ours()[name]
	s, err := m.New(toyTrial(11).Env, m.settings)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Engine)
}

// spied is a relaxation that writes down what its mixtures are for.
type spied struct {
	Relaxation
	uses  []Use
	draws map[uint64]bool
}

func (s *spied) Mix(coefs []float64, use Use) Pullback {
	s.draws[use.Rand.Uint64()] = true
	use.Rand = nil
	s.uses = append(s.uses, use)
	return s.Relaxation.Mix(coefs, use)
}

// A relaxation is told what each mixture is for and how far the search is, and gets
// a stream of its own for each.
func TestUsesOfMixtures(t *testing.T) {
	s := start(t, "idarts", toyTrial(1)).(*Engine)
	spy := &spied{Relaxation: s.Relaxation, draws: map[uint64]bool{}}
	s.Relaxation, s.steps = spy, 1
	epoch(t, s)
	epoch(t, s)
	first := Clock{Epoch: 0, Epochs: 3, Step: 0, Steps: 1, Rate: 0.2}
	second := Clock{Epoch: 1, Epochs: 3, Step: 0, Steps: 1, Rate: s.Weights.Rate(1, 3, 0, 1)}
	var want []Use
	for _, clock := range []Clock{first, second} {
		for range 4 {
			want = append(want, Use{For: ForWeights, Clock: clock})
		}
		want = append(want, Use{For: ForArchitecture, Clock: clock})
	}
	if !slices.Equal(spy.uses, want) {
		t.Errorf("uses\n%+v, want\n%+v", spy.uses, want)
	}
	if len(spy.draws) != len(want) {
		t.Errorf("%d different first draws in %d mixtures", len(spy.draws), len(want))
	}
}

// Numbers are looked at when the outer step ends, and the first that is not finite
// is what an error is about.
func TestTheFirstBadNumberIsNamed(t *testing.T) {
	tr := toyTrial(1)
	tr.problem.w.x[0] = math.NaN()
	_, err := start(t, "idarts", tr).Epoch(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), `method "idarts" epoch 1: step 1: training loss is NaN`) {
		t.Errorf("error %v, want one about the training loss", err)
	}
}
