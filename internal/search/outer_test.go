package search

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"idarts/internal/batch"
)

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

// The record of what an architecture step is made of, in α: the direct term is the
// pullback of ∂L₂/∂c, the implicit one what the hypergradient adds to it.
func TestDirectAndImplicitTermsAreLogged(t *testing.T) {
	tr := toyTrial(5)
	tr.set("max_steps=1", "inner_steps=1", "arch.lr=0")
	q := []float64{1, -2, 0.5, 0.3, 1, 0, 0.2, 0.1, -1, 0, 2, 1}
	for i := range tr.problem.valid {
		tr.problem.valid[i].q = q
	}
	e := start(t, "idarts", tr).(*Engine)
	r := epoch(t, e)
	direct, total, one := make([]float64, 6), make([]float64, 6), make([]float64, 6)
	e.pull(total, e.Dcoefs)
	SumLayers(one, q)
	e.pullback(one, direct)
	implicit := minus(total, direct)
	near(t, "direct norm", r.Extra["direct_norm"], norm2(direct), 1e-15)
	near(t, "implicit norm", r.Extra["implicit_norm"], norm2(implicit), 1e-12)
	near(t, "cosine", r.Extra["direct_implicit_cosine"], dot(direct, implicit)/(norm2(direct)*norm2(implicit)), 1e-9)
	near(t, "norm of both", r.Extra["alpha_gradient_norm"], norm2(total), 1e-15)

	tr = toyTrial(5) // ∂L₂/∂c is 0: an angle with nothing is no number
	r = epoch(t, start(t, "darts-v2", tr))
	if _, ok := r.Extra["direct_implicit_cosine"]; ok || r.Extra["direct_norm"] != 0 || r.Extra["implicit_norm"] == 0 {
		t.Errorf("without a direct term: %v", r.Extra)
	}
	r = epoch(t, start(t, "darts-v1", toyTrial(5)))
	for _, name := range []string{"direct_norm", "implicit_norm", "direct_implicit_cosine"} {
		if _, ok := r.Extra[name]; ok {
			t.Errorf("a method without an implicit term logs %s", name)
		}
	}
}
