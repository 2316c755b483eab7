package search

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/batch"
)

func toySettings() Settings {
	return Settings{
		Epochs:       3,
		Weights:      SGD{LR: 0.2, MinLR: 0.05, Momentum: 0.5, Nesterov: true, WeightDecay: 1e-3, Clip: 5},
		Arch:         Adam{LR: 0.05, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3},
		InitScale:    1e-3,
		InnerSteps:   4,
		NeumannTerms: 2,
		Queries:      3,
		Population:   2,
		Sample:       2,
		Baseline:     0.9,
	}
}

// score prefers "c" to "b" to "a", in percent.
func score(arch string) (float64, error) {
	return 50 + 10*float64(strings.Count(arch, "b")) + 20*float64(strings.Count(arch, "c")), nil
}

func toyEnv(seed uint64) Env {
	return Env{Space: toySpace(), Problem: searchable(), Query: score, Seed: seed, Settings: toySettings()}
}

func start(t *testing.T, name string, env Env) Searcher {
	t.Helper()
	m, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.New(env)
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

func TestMethodsRun(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			s := start(t, m.Name, toyEnv(1))
			for i := range s.Epochs() {
				calls, last := 0, 0
				r, err := s.Epoch(context.Background(), func(done, total int) { calls, last = calls+1, total })
				if err != nil {
					t.Fatal(err)
				}
				parseToy(t, r.Arch)
				if calls == 0 || calls != last {
					t.Errorf("epoch %d: progress called %d times of %d", i+1, calls, last)
				}
				if m.NeedsProblem && (r.TrainLoss == 0 || r.ValidLoss == 0 || r.GFLOP == 0 || !(r.Entropy > 0 && r.Entropy <= math.Log(3))) {
					t.Errorf("epoch %d: report %+v has an empty field", i+1, r)
				}
				for name, x := range r.Extra {
					if !isFinite(x) {
						t.Errorf("epoch %d: %s is %v", i+1, name, x)
					}
				}
			}
			if _, err := s.Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "are done") {
				t.Errorf("one epoch too many gives error %v", err)
			}
		})
	}
}

// L₂ of the toy does not name the coefficients, so first-order DARTS sees a zero
// gradient, while the methods with an implicit term find the best architecture.
func TestOnlyTheImplicitTermFindsTheArchitecture(t *testing.T) {
	for _, tt := range []struct {
		name  string
		finds bool
	}{
		{"darts-v1", false}, {"darts-v2", true}, {"idarts", true}, {"idarts-released", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := toyEnv(2)
			env.Settings.Epochs = 30
			env.Settings.Arch.WeightDecay = 0
			s := start(t, tt.name, env)
			var r Report
			for range s.Epochs() {
				r = epoch(t, s)
			}
			if !tt.finds {
				near(t, "norm of the gradient in alpha", r.Extra["alpha_gradient_norm"], 0, 0)
				return
			}
			if r.Arch != "b|c" || r.Entropy > 0.5*math.Log(3) {
				t.Errorf("found %q with entropy %v, want \"b|c\"", r.Arch, r.Entropy)
			}
		})
	}
}

// Three epochs, and one epoch, a save, a new searcher and two epochs, end in the
// same bytes and report the same numbers.
func TestResume(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			straight := start(t, m.Name, toyEnv(3))
			var want []Report
			for range 3 {
				want = append(want, epoch(t, straight))
			}
			first := start(t, m.Name, toyEnv(3))
			got := []Report{epoch(t, first)}
			saved := bytes.Clone(first.State())
			epoch(t, first) // lost in the crash

			second := start(t, m.Name, toyEnv(3))
			if err := second.SetState(saved); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(second.State(), saved) {
				t.Error("the state does not survive a round trip")
			}
			got = append(got, epoch(t, second), epoch(t, second))
			if !bytes.Equal(second.State(), straight.State()) {
				t.Error("the states differ after three epochs")
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("reports %+v, want %+v", got, want)
			}
			if bytes.Equal(saved, straight.State()) {
				t.Error("the state does not change from epoch to epoch")
			}
		})
	}
}

func TestSetStateRefuses(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			s := start(t, m.Name, toyEnv(3))
			epoch(t, s)
			good := s.State()
			reseal := func(b []byte) []byte { return (&stateWriter{buf: b}).seal() }
			flipped := bytes.Clone(good)
			flipped[len(flipped)/2] ^= 4
			other := "idarts"
			if m.Name == other {
				other = "darts-v1"
			}
			short := toyEnv(3)
			short.Settings.Epochs, short.Settings.Queries = 1, 1
			two := start(t, m.Name, toyEnv(3))
			epoch(t, two)
			epoch(t, two)
			for _, tt := range []struct {
				name  string
				env   Env
				state []byte
				want  string
			}{
				{"nothing", toyEnv(3), nil, "checksum"},
				{"a truncated state", toyEnv(3), good[:len(good)-9], "checksum"},
				{"a flipped bit", toyEnv(3), flipped, "checksum"},
				{"fields that are missing", toyEnv(3), reseal(bytes.Clone(good[:len(good)-12])), "damaged"},
				{"bytes at the end", toyEnv(3), reseal(append(bytes.Clone(good[:len(good)-4]), 1, 2)), "left over"},
				{"another kind of file", toyEnv(3), reseal([]byte("something else")), "damaged"},
				{"another seed", toyEnv(4), good, "seed 3, want 4"},
				{"another method", toyEnv(3), start(t, other, toyEnv(3)).State(), "belongs to method"},
				{"a longer search", short, two.State(), "of 1"},
			} {
				err := start(t, m.Name, tt.env).SetState(tt.state)
				if tt.name == "a longer search" && m.BlackBox != nil {
					tt.want = "at most 1"
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "search: ") {
					t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
				}
			}
			if start(t, m.Name, toyEnv(3)).SetState(good) != nil {
				t.Error("the good state is refused")
			}
		})
	}
}

// The released code steps a copy of its optimiser, which moves nothing. Ours must
// move w by exactly the T steps.
func TestInnerStepsMoveTheWeights(t *testing.T) {
	env := toyEnv(5)
	env.Settings.MaxSteps = 1
	p := env.Problem.(*toy)
	s := start(t, "idarts", env).(*bilevel)
	s.mix()
	byHand, coefs := searchable(), slices.Clone(s.coefs)
	before := slices.Clone(p.w.x)
	grad, buf := byHand.NewVec(), byHand.NewVec()
	for i := range 4 {
		if _, err := byHand.Gradient(batch.Batch{Index: uint64(i)}, coefs, grad, nil); err != nil {
			t.Fatal(err)
		}
		env.Settings.Weights.Step(byHand.w, grad, buf, 0.2)
	}
	epoch(t, s)
	if moved := norm2(minus(p.w.x, before)); moved < 0.1 {
		t.Errorf("T=4 inner steps move the weights by %v", moved)
	}
	if !slices.Equal(p.w.x, byHand.w.x) {
		t.Errorf("weights %v, by hand %v: the architecture step must not move them", p.w.x, byHand.w.x)
	}
	if !slices.Equal(s.momentum.(*vec).x, buf.(*vec).x) {
		t.Errorf("momentum %v, by hand %v", s.momentum, buf)
	}
}

// One outer step of idarts-released: the inner steps move nothing but the buffers;
// then Δw = ε(v − s).
func TestReleasedOuterStep(t *testing.T) {
	env := toyEnv(5)
	p := env.Problem.(*toy)
	s := start(t, "idarts-released", env).(*bilevel)
	s.rate, s.sums = 0.2, map[string]*mean{}
	before, drift := slices.Clone(p.w.x), p.drift
	if err := s.moves[0].Do(s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.w.x, before) || p.drift == drift {
		t.Errorf("inner steps: weights %v -> %v, buffer %v -> %v; want only the buffer to move", before, p.w.x, drift, p.drift)
	}
	if err := s.moves[1].Do(s); err != nil {
		t.Fatal(err)
	}
	// By hand: v = w − target of the batch; s = Σ_{k≤2} (I−γA)ᵏ v with diagonal A.
	train, valid := p.batch(batch.Batch{Split: batch.Train, Draw: batch.Fresh, Index: 4}), p.batch(batch.Batch{Split: batch.Valid, Draw: batch.Replaced, Index: 0})
	v, shift := make([]float64, 6), make([]float64, 6)
	for i := range v {
		v[i] = before[i] - valid.b[i]
		x := 1 - 0.2*train.A[i][i]
		shift[i] = -(x + x*x) * v[i]
	}
	eps := 0.01 / norm2(v)
	for i := range shift {
		shift[i] *= eps
	}
	nearAll(t, "shift", minus(p.w.x, before), shift, 1e-15)
	if norm2(s.momentum.(*vec).x) != 0 {
		t.Error("momentum is used")
	}
}

// The architecture gradient of darts-v2 is that of the one-step objective
// f(c) = L₂(w − ξ(momentum·buf + ∂L₁/∂w(w,c) + decay·w)), by central differences.
func TestLookAheadIsTheGradientOfOneStep(t *testing.T) {
	env := toyEnv(6)
	env.Settings.Weights.WeightDecay = 0.3
	for i := range env.Problem.(*toy).train { // a mixed term that depends on w
		env.Problem.(*toy).train[i].R = env.Problem.(*toy).train[i].B
	}
	p := env.Problem.(*toy)
	s := start(t, "darts-v2", env).(*bilevel)
	s.rate, s.sums = 0.2, map[string]*mean{}
	buf := []float64{0.3, -0.1, 0.2, 0.5, -0.4, 0.1}
	copy(s.momentum.(*vec).x, buf)
	s.mix()
	before, coefs, alpha := slices.Clone(p.w.x), slices.Clone(s.coefs), slices.Clone(s.alpha)
	if err := s.moves[0].Do(s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.w.x, before) || !slices.Equal(s.momentum.(*vec).x, buf) {
		t.Error("the architecture step moved the weights or their momentum")
	}
	f := func(c []float64) float64 {
		_, g, _ := p.train[0].gradient(before, c)
		w := make([]float64, 6)
		for i := range w {
			w[i] = before[i] - 0.2*(0.5*buf[i]+g[i]+0.3*before[i])
		}
		loss, _, _ := p.valid[0].gradient(w, c)
		return loss
	}
	for i := range coefs {
		const h = 1e-4
		c := slices.Clone(coefs)
		c[i] += h
		up := f(c)
		c[i] -= 2 * h
		near(t, fmt.Sprintf("dcoefs[%d]", i), s.dcoefs[i], (up-f(c))/(2*h), 1e-9)
	}
	mixed := func(alpha []float64) float64 { // both layers take the same coefficients
		one := make([]float64, 6)
		Softmax.Mix(toyRows, alpha, one)
		return f(append(slices.Clone(one), one...))
	}
	for i := range alpha {
		const h = 1e-4
		a := slices.Clone(alpha)
		a[i] += h
		up := mixed(a)
		a[i] -= 2 * h
		near(t, fmt.Sprintf("dalpha[%d]", i), s.dalpha[i], (up-mixed(a))/(2*h), 1e-9)
	}
}

// Which batches an outer step reads, in order.
func TestBatchesOfAnOuterStep(t *testing.T) {
	train := func(d batch.Draw, i uint64) batch.Batch { return batch.Batch{Split: batch.Train, Draw: d, Index: i} }
	valid := func(d batch.Draw, i uint64) batch.Batch { return batch.Batch{Split: batch.Valid, Draw: d, Index: i} }
	for _, tt := range []struct {
		name      string
		archFirst bool
		want      []batch.Batch
	}{
		{"darts-v1", false, []batch.Batch{train(batch.Epochs, 0), valid(batch.Fresh, 0), train(batch.Epochs, 1), valid(batch.Fresh, 1)}},
		{"darts-v1", true, []batch.Batch{valid(batch.Fresh, 0), train(batch.Epochs, 0), valid(batch.Fresh, 1), train(batch.Epochs, 1)}},
		// virtual step, v, mixed product, weight step: one training batch
		{"darts-v2", false, []batch.Batch{
			train(batch.Epochs, 0), valid(batch.Fresh, 0), train(batch.Epochs, 0), train(batch.Epochs, 0),
			train(batch.Epochs, 1), valid(batch.Fresh, 1), train(batch.Epochs, 1), train(batch.Epochs, 1)}},
		// two inner steps, v, one more training batch
		{"idarts", false, []batch.Batch{
			train(batch.Epochs, 0), train(batch.Epochs, 1), valid(batch.Fresh, 0), train(batch.Epochs, 2),
			train(batch.Epochs, 3), train(batch.Epochs, 4), valid(batch.Fresh, 1), train(batch.Epochs, 5)}},
		// the products and both ends of the difference are on one batch
		{"idarts-released", false, []batch.Batch{
			train(batch.Fresh, 0), train(batch.Fresh, 1), valid(batch.Replaced, 0), train(batch.Fresh, 2), train(batch.Fresh, 2), train(batch.Fresh, 2),
			train(batch.Fresh, 3), train(batch.Fresh, 4), valid(batch.Replaced, 1), train(batch.Fresh, 5), train(batch.Fresh, 5), train(batch.Fresh, 5)}},
	} {
		env := toyEnv(1)
		env.Settings.ArchFirst, env.Settings.InnerSteps, env.Settings.MaxSteps, env.Settings.ValidDraw = tt.archFirst, 2, 2, batch.Fresh
		epoch(t, start(t, tt.name, env))
		if got := env.Problem.(*toy).asked; !slices.Equal(got, tt.want) {
			t.Errorf("%s (arch first %v) reads %v, want %v", tt.name, tt.archFirst, got, tt.want)
		}
	}
}

// The toy has 5 training batches an epoch.
func TestStepsOfAnEpoch(t *testing.T) {
	for _, tt := range []struct {
		name     string
		onePass  bool
		inner    int
		maxSteps int
		want     int
	}{
		{"darts-v1", false, 4, 0, 5},
		{"darts-v1", true, 4, 0, 5},
		{"darts-v2", true, 4, 3, 3},
		{"idarts", false, 4, 0, 5},
		{"idarts", true, 4, 0, 2},
		{"idarts", true, 5, 0, 1},
		{"idarts", true, 1, 0, 5},
		{"idarts-released", true, 2, 0, 3},
		{"idarts", false, 4, 9, 5},
	} {
		env := toyEnv(1)
		env.Settings.OnePass, env.Settings.InnerSteps, env.Settings.MaxSteps = tt.onePass, tt.inner, tt.maxSteps
		steps := 0
		if _, err := start(t, tt.name, env).Epoch(context.Background(), func(done, total int) { steps = total }); err != nil {
			t.Fatal(err)
		}
		if steps != tt.want {
			t.Errorf("%s with one pass %v, T=%d, max %d has %d outer steps, want %d", tt.name, tt.onePass, tt.inner, tt.maxSteps, steps, tt.want)
		}
	}
}

func TestGammaIsTheLearningRateUnlessSet(t *testing.T) {
	for _, tt := range []struct{ set, want float64 }{{0, 0.2}, {0.7, 0.7}} {
		env := toyEnv(1)
		env.Settings.Gamma = tt.set
		s := start(t, "idarts", env).(*bilevel)
		s.rate = 0.2
		near(t, "gamma", s.point(batch.Epochs, batch.Epochs, Neumann{1}).Gamma, tt.want, 0)
	}
}

func TestDivergingSearchFails(t *testing.T) {
	for _, m := range Methods {
		if !m.NeedsProblem {
			continue
		}
		env := toyEnv(1)
		env.Settings.Weights = SGD{LR: 1e5, MinLR: 1e5}
		env.Settings.Epochs = 40
		s := start(t, m.Name, env)
		var err error
		for i := 0; i < 40 && err == nil; i++ {
			_, err = s.Epoch(context.Background(), nil)
		}
		// The released method normalises its weight step, so it cannot run away.
		if m.Name == "idarts-released" {
			env.Problem.(*toy).w.x[0] = math.NaN()
			_, err = start(t, m.Name, env).Epoch(context.Background(), nil)
		}
		if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), m.Name) {
			t.Errorf("%s: error %v, want ErrDiverged", m.Name, err)
		}
	}
}

func TestEpochStopsWithItsContext(t *testing.T) {
	for _, m := range Methods {
		ctx, cancel := context.WithCancel(context.Background())
		s := start(t, m.Name, toyEnv(1))
		_, err := s.Epoch(ctx, func(done, total int) { cancel() })
		if m.BlackBox != nil { // one cell is one step
			_, err = s.Epoch(ctx, nil)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", m.Name, err)
		}
	}
}

func TestRandomSearch(t *testing.T) {
	draws := func(seed uint64) ([]string, Report) {
		env := toyEnv(seed)
		env.Settings.Queries = 9 // all there are
		var asked []string
		env.Query = func(arch string) (float64, error) {
			asked = append(asked, arch)
			return score(arch)
		}
		s := start(t, "random", env)
		var r Report
		best := 0.0
		for range s.Epochs() {
			r = epoch(t, s)
			best = max(best, r.Extra["valid"])
			if got, _ := score(r.Arch); got != best || r.Extra["best_valid"] != best {
				t.Errorf("keeps %q at %v with best_valid %v, want the best so far, %v", r.Arch, got, r.Extra["best_valid"], best)
			}
		}
		return asked, r
	}
	one, r := draws(1)
	if r.Arch != "c|c" {
		t.Errorf("best of all cells is %q, want \"c|c\"", r.Arch)
	}
	distinct := slices.Clone(one)
	slices.Sort(distinct)
	if distinct = slices.Compact(distinct); len(distinct) != 9 {
		t.Errorf("drew %d distinct cells of 9: %q", len(distinct), one)
	}
	if again, _ := draws(1); !slices.Equal(again, one) {
		t.Errorf("the same seed draws %q, then %q", one, again)
	}
	if two, _ := draws(2); slices.Equal(two, one) {
		t.Errorf("seeds 1 and 2 both draw %q", one)
	}

	env := toyEnv(1)
	env.Settings.Queries = 10
	s := start(t, "random", env)
	for range 9 {
		epoch(t, s)
	}
	if _, err := s.Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "used up") {
		t.Errorf("a tenth cell of nine gives error %v", err)
	}
	env.Query = func(string) (float64, error) { return 0, errors.New("no such record") }
	if _, err := start(t, "random", env).Epoch(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "no such record") {
		t.Errorf("a failing query gives error %v", err)
	}
}

func TestBadInput(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		change       func(*Env)
		want         string
	}{
		{"no problem", "idarts", func(e *Env) { e.Problem = nil }, "needs a problem"},
		{"no query", "random", func(e *Env) { e.Query = nil }, "needs a way to query"},
		{"no queries", "random", func(e *Env) { e.Settings.Queries = 0 }, "queries is 0"},
		{"no epochs", "darts-v1", func(e *Env) { e.Settings.Epochs = 0 }, "0 epochs"},
		{"no inner steps", "idarts", func(e *Env) { e.Settings.InnerSteps = 0 }, "inner_steps is 0"},
		{"negative K", "idarts", func(e *Env) { e.Settings.NeumannTerms = -1 }, "neumann_terms -1"},
		{"no data", "darts-v1", func(e *Env) { e.Problem.(*toy).perEpoch = 0 }, "no batch"},
	} {
		env := toyEnv(1)
		tt.change(&env)
		m, err := Lookup(tt.method)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = m.New(env); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
		}
	}
	_, err := Lookup("dart")
	for _, name := range Names() {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("unknown method: error %v does not name %q", err, name)
		}
	}
}

func TestConfigIsARecord(t *testing.T) {
	m, err := Lookup("idarts")
	if err != nil {
		t.Fatal(err)
	}
	s := toySettings()
	s.ValidDraw = batch.Replaced
	b, err := json.Marshal(m.Config(s))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"outer":["4 x weights","architecture: neumann K=2"]`, `"neumann_terms":2`, `"valid_draw":"replaced"`, `"nesterov":true`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s does not contain %s", b, want)
		}
	}
	var back Config
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, m.Config(s)) {
		t.Errorf("read back %+v, error %v", back, err)
	}
	var d batch.Draw
	if err := d.UnmarshalText([]byte("sometimes")); err == nil || !strings.Contains(err.Error(), `"replaced"`) {
		t.Errorf("unknown draw gives error %v", err)
	}
}
