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

func TestMethodsRun(t *testing.T) {
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			s := start(t, m.Name, toyTrial(1))
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
				if !m.BlackBox && (r.TrainLoss == 0 || r.ValidLoss == 0 || r.GFLOP == 0 || !(r.Entropy > 0 && r.Entropy <= math.Log(3))) {
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
			env := toyTrial(2)
			env.set("epochs=30", "arch.weight_decay=0")
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
			straight := start(t, m.Name, toyTrial(3))
			var want []Report
			for range 3 {
				want = append(want, epoch(t, straight))
			}
			first := start(t, m.Name, toyTrial(3))
			got := []Report{epoch(t, first)}
			saved := bytes.Clone(first.State())
			epoch(t, first) // lost in the crash

			second := start(t, m.Name, toyTrial(3))
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
			s := start(t, m.Name, toyTrial(3))
			epoch(t, s)
			good := s.State()
			reseal := func(b []byte) []byte { return (&stateWriter{buf: b}).seal() }
			flipped := bytes.Clone(good)
			flipped[len(flipped)/2] ^= 4
			other := "idarts"
			if m.Name == other {
				other = "darts-v1"
			}
			short := toyTrial(3)
			short.set("epochs=1", "queries=1")
			two := start(t, m.Name, toyTrial(3))
			epoch(t, two)
			epoch(t, two)
			for _, tt := range []struct {
				name  string
				env   *trial
				state []byte
				want  string
			}{
				{"nothing", toyTrial(3), nil, "checksum"},
				{"a truncated state", toyTrial(3), good[:len(good)-9], "checksum"},
				{"a flipped bit", toyTrial(3), flipped, "checksum"},
				{"fields that are missing", toyTrial(3), reseal(bytes.Clone(good[:len(good)-12])), "damaged"},
				{"bytes at the end", toyTrial(3), reseal(append(bytes.Clone(good[:len(good)-4]), 1, 2)), "left over"},
				{"another kind of file", toyTrial(3), reseal([]byte("something else")), "damaged"},
				{"another seed", toyTrial(4), good, "seed 3, want 4"},
				{"another method", toyTrial(3), start(t, other, toyTrial(3)).State(), "belongs to method"},
				{"a longer search", short, two.State(), "of 1"},
			} {
				err := start(t, m.Name, tt.env).SetState(tt.state)
				if tt.name == "a longer search" && m.BlackBox {
					tt.want = "at most 1"
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "search: ") {
					t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.want)
				}
			}
			if start(t, m.Name, toyTrial(3)).SetState(good) != nil {
				t.Error("the good state is refused")
			}
		})
	}
}

// The released code steps a copy of its optimiser, which moves nothing. Ours must
// move w by exactly the T steps.
func TestInnerStepsMoveTheWeights(t *testing.T) {
	env := toyTrial(5)
	env.set("max_steps=1")
	p := env.problem
	s := start(t, "idarts", env).(*Engine)
	s.Mix(ForWeights)
	byHand, coefs := searchable(), slices.Clone(s.Coefs)
	before := slices.Clone(p.w.x)
	grad, buf := byHand.NewVec(), byHand.NewVec()
	for i := range 4 {
		if _, err := byHand.Gradient(batch.Batch{Index: uint64(i)}, coefs, grad, nil); err != nil {
			t.Fatal(err)
		}
		s.Weights.Step(byHand.w, grad, buf, 0.2)
	}
	epoch(t, s)
	if moved := norm2(minus(p.w.x, before)); moved < 0.1 {
		t.Errorf("T=4 inner steps move the weights by %v", moved)
	}
	if !slices.Equal(p.w.x, byHand.w.x) {
		t.Errorf("weights %v, by hand %v: the architecture step must not move them", p.w.x, byHand.w.x)
	}
	if !slices.Equal(s.Momentum.(*vec).x, buf.(*vec).x) {
		t.Errorf("momentum %v, by hand %v", s.Momentum, buf)
	}
}

// One outer step of idarts-released: the inner steps move nothing but the buffers;
// then Δw = ε(v − s).
func TestReleasedOuterStep(t *testing.T) {
	env := toyTrial(5)
	p := env.problem
	s := start(t, "idarts-released", env).(*Engine)
	s.Clock.Rate, s.sums = 0.2, map[string]*mean{}
	before, drift := slices.Clone(p.w.x), p.drift
	if err := s.Moves[0].Do(s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.w.x, before) || p.drift == drift {
		t.Errorf("inner steps: weights %v -> %v, buffer %v -> %v; want only the buffer to move", before, p.w.x, drift, p.drift)
	}
	if err := s.Moves[1].Do(s); err != nil {
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
	if norm2(s.Momentum.(*vec).x) != 0 {
		t.Error("momentum is used")
	}
}

// The architecture gradient of darts-v2 is that of the one-step objective
// f(c) = L₂(w − ξ(momentum·buf + ∂L₁/∂w(w,c) + decay·w)), by central differences.
func TestLookAheadIsTheGradientOfOneStep(t *testing.T) {
	env := toyTrial(6)
	env.set("weights.weight_decay=0.3")
	for i := range env.problem.train { // a mixed term that depends on w
		env.problem.train[i].R = env.problem.train[i].B
	}
	p := env.problem
	s := start(t, "darts-v2", env).(*Engine)
	s.Clock.Rate, s.sums = 0.2, map[string]*mean{}
	buf := []float64{0.3, -0.1, 0.2, 0.5, -0.4, 0.1}
	copy(s.Momentum.(*vec).x, buf)
	s.Mix(ForWeights)
	before, coefs, alpha := slices.Clone(p.w.x), slices.Clone(s.Coefs), slices.Clone(s.Relaxation.Params())
	if err := s.Moves[0].Do(s); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.w.x, before) || !slices.Equal(s.Momentum.(*vec).x, buf) {
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
		near(t, fmt.Sprintf("dcoefs[%d]", i), s.Dcoefs[i], (up-f(c))/(2*h), 1e-9)
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
		near(t, fmt.Sprintf("dalpha[%d]", i), s.dparams[i], (up-mixed(a))/(2*h), 1e-9)
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
		env := toyTrial(1)
		env.set(fmt.Sprintf("arch_first=%v", tt.archFirst), "inner_steps=2", "max_steps=2", "valid_draw=fresh")
		epoch(t, start(t, tt.name, env))
		if got := env.problem.asked; !slices.Equal(got, tt.want) {
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
		env := toyTrial(1)
		env.set(fmt.Sprintf("one_pass=%v", tt.onePass), fmt.Sprintf("inner_steps=%d", tt.inner), fmt.Sprintf("max_steps=%d", tt.maxSteps))
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
		e := start(t, "idarts", toyTrial(1)).(*Engine)
		e.Clock.Rate = 0.2
		near(t, "gamma", ArchStep{Gamma: tt.set}.point(e).Gamma, tt.want, 0)
	}
}

func TestDivergingSearchFails(t *testing.T) {
	for _, m := range Methods {
		if m.BlackBox {
			continue
		}
		env := toyTrial(1)
		env.set("weights.lr=1e5", "weights.min_lr=1e5", "weights.Momentum=0", "weights.nesterov=false", "weights.weight_decay=0", "weights.clip=0", "epochs=40")
		s := start(t, m.Name, env)
		var err error
		for i := 0; i < 40 && err == nil; i++ {
			_, err = s.Epoch(context.Background(), nil)
		}
		// The released method normalises its weight step, so it cannot run away.
		if m.Name == "idarts-released" {
			env.problem.w.x[0] = math.NaN()
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
		s := start(t, m.Name, toyTrial(1))
		_, err := s.Epoch(ctx, func(done, total int) { cancel() })
		if m.BlackBox { // one cell is one step
			_, err = s.Epoch(ctx, nil)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want context.Canceled", m.Name, err)
		}
	}
}

func TestRandomSearch(t *testing.T) {
	draws := func(seed uint64) ([]string, Report) {
		env := toyTrial(seed)
		env.set("queries=9") // all there are
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

	env := toyTrial(1)
	env.set("queries=10")
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
		change       func(*trial)
		want         string
	}{
		{"no problem", "idarts", func(e *trial) { e.Supernet = nil }, "needs a supernet"},
		{"no query", "random", func(e *trial) { e.Query = nil }, "needs a way to query"},
		{"no queries", "random", func(e *trial) { e.set("queries=0") }, "queries is 0"},
		{"no epochs", "darts-v1", func(e *trial) { e.set("epochs=0") }, "epochs is 0"},
		{"no inner steps", "idarts", func(e *trial) { e.set("inner_steps=0") }, "inner_steps is 0"},
		{"negative K", "idarts", func(e *trial) { e.set("neumann_terms=-1") }, "neumann_terms is -1"},
		{"no data", "darts-v1", func(e *trial) { e.problem.perEpoch = 0 }, "no batch"},
	} {
		env := toyTrial(1)
		tt.change(env)
		if _, err := env.start(t, tt.method); err == nil || !strings.Contains(err.Error(), tt.want) {
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

// What a run stores of its settings is read back strictly.
func TestSettingsAreARecord(t *testing.T) {
	for _, m := range Methods {
		want := toyTrial(1).settings(t, m.Name)
		if reflect.TypeOf(m.Zero) != reflect.TypeOf(want) {
			t.Errorf("%s: Zero is a %T, want %T", m.Name, m.Zero, want)
		}
		record, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Decode(record)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read back %+v, %v; want %+v", m.Name, got, err, want)
		}
		for _, tt := range []struct{ name, old, new, want string }{
			{"an unknown name", "{", `{"temperature":1,`, `"temperature"`},
			{"a missing name", `"queries":3,`, "", `"queries" is missing`},
			{"a missing name", `"epochs":3,`, "", `"epochs" is missing`},
			{"a number out of range", `"queries":3`, `"queries":0`, "queries is 0"},
			{"a number out of range", `"epochs":3`, `"epochs":0`, "epochs is 0"},
		} {
			text := strings.Replace(string(record), tt.old, tt.new, 1)
			if _, err := m.Decode([]byte(text)); text != string(record) && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), m.Name)) {
				t.Errorf("%s: %s gives error %v, want one that says %q", m.Name, tt.name, err, tt.want)
			}
		}
	}
	if _, err := idarts.New(toyTrial(1).Env, Random{}); err == nil || !strings.Contains(err.Error(), "want search.IDARTS") {
		t.Errorf("settings of another method give error %v", err)
	}
}
