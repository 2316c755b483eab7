package search

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/batch"
)

// One outer step of idarts-hess by hand: T = 2 weight steps, gradients that pile up, the
// shift of the clean-up.
func TestUnclearedGradients(t *testing.T) {
	env := toyTrial(5)
	env.set("inner_steps=2", "max_steps=1", "weights.clip=0.3")
	p := env.problem
	s := start(t, "idarts-hess", env).(*Engine)
	s.Clock, s.sums = Clock{Epochs: 3, Rate: 0.2}, map[string]*mean{}
	one := make([]float64, 6)
	Softmax.Mix(toyRows, s.Relaxation.Params(), one)
	c := append(slices.Clone(one), one...)
	hand, buf, grad := &vec{slices.Clone(p.w.x)}, &vec{make([]float64, 6)}, &vec{make([]float64, 6)}
	piled, left := make([]float64, 12), make([]float64, 6)
	for i := range 2 {
		_, g, dc := p.batch(batch.Batch{Draw: batch.Fresh, Index: uint64(i)}).gradient(hand.x, c)
		for j := range dc {
			piled[j] += dc[j]
		}
		copy(grad.x, g)
		copy(left, g)
		if n := norm2(left); n > 0.3 {
			left = times(0.3/(n+1e-6), left)
		}
		s.Weights.Step(hand, grad, buf, 0.2)
	}
	_, v, direct := p.valid[0].gradient(hand.x, c)
	train := p.batch(batch.Batch{Draw: batch.Fresh, Index: 2})
	for i := range v {
		v[i] += left[i]
	}
	u, total := slices.Clone(v), slices.Clone(v)
	for range 2 {
		hu, _ := train.product(hand.x, c, u)
		for i := range u {
			u[i] -= 0.2 * hu[i]
			total[i] += u[i]
		}
	}
	_, mixed := train.product(hand.x, c, total)
	if err := s.Moves[0].Do(s); err != nil {
		t.Fatal(err)
	}
	for i := range direct {
		near(t, "hypergradient", s.Dcoefs[i], direct[i]+piled[i]-0.2*mixed[i], 1e-9)
	}
	eps := 0.01 / norm2(v)
	for i, w := range p.w.x {
		near(t, "weights", w, hand.x[i]+eps*(v[i]-total[i]), 1e-12)
	}
}

// The solution number by number, where H is diagonal.
func TestDiagonalSeries(t *testing.T) {
	p := fixed(bowl{A: diag(2, 3), b: []float64{1, 1}}, bowl{A: diag(1, 1)}, 1, 1)
	g := &vec{[]float64{3, 4}}
	h := &Hyper{Problem: p}
	if err := p.Linearize(batch.Batch{}, nil); err != nil {
		t.Fatal(err)
	}
	u, err := (&Slope{K: 2, Gradient: g}).Solve(h, 0.1, &vec{[]float64{1, -2}})
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	for i, hi := range []float64{2 * 3. / 5, 3 * 4. / 5} {
		x := 1 - 0.1*hi
		want = append(want, 0.1*(1+x+x*x)*[]float64{1, -2}[i])
	}
	nearAll(t, "solution", u.(*vec).x, want, 1e-12)
	if u, err := (&Slope{K: 0, Gradient: g}).Solve(h, 0.1, &vec{[]float64{1, -2}}); err != nil || math.Abs(u.(*vec).x[0]-0.1) > 1e-15 {
		t.Errorf("K=0 gives %v, %v", u, err)
	}
}
