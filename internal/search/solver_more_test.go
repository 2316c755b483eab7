package search

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// MINRES is exact after as many products as there are weights, also where CG stops at once, as vᵀHv is 0 here; its
// residual is what is left.
func TestMinimalResiduals(t *testing.T) {
	p, c := closedForm(1, 0.5)
	p.train[0].A = diag(-1, 4)
	// u = A⁻¹w = (−1, 1/8), and M = −B' with B = diag(1,2).
	nearAll(t, "indefinite", estimate(t, p, c, 0.1, MINRES{Iters: 2}), []float64{-1, 0.25}, 1e-14)
	r := newRidge()
	w, target := r.solution(), []float64{1, 0, -1, 0.5, 2}
	exact := r.exact(w, minus(w, target))
	left := -1.0
	nearAll(t, "ridge", estimate(t, r.problem(w, target), r.coefs, 0.1, MINRES{Iters: 500, Tolerance: 1e-13, Residual: &left}), exact, 1e-11)
	if left < 0 || left > 1e-13 {
		t.Errorf("residual %v, want one up to 1e-13", left)
	}
	if err := norm2(minus(estimate(t, r.problem(w, target), r.coefs, 0.1, MINRES{Iters: 3, Residual: &left}), exact)); err < 1e-6 || left < 1e-6 {
		t.Errorf("3 of 5 steps have error %v, residual %v: the exactness above means nothing", err, left)
	}
}

// With all columns the damped system is solved; with some, the approximation by them, here
// beside dense matrices.
func TestNystrom(t *testing.T) {
	const rho = 0.3
	r := newRidge()
	h := mat.NewDense(5, 5, nil)
	for i, row := range r.hessian() {
		h.SetRow(i, row)
	}
	v := []float64{0.2, -1, 0.4, 3, 1}
	for rank := 1; rank <= 5; rank++ {
		chosen := rand.New(rand.NewPCG(7, 7)).Perm(5)[:rank]
		c, core := mat.NewDense(5, rank, nil), mat.NewDense(rank, rank, nil)
		for k, i := range chosen {
			for j := range 5 {
				c.Set(j, k, h.At(j, i))
			}
			for l, j := range chosen {
				core.Set(l, k, h.At(j, i))
			}
		}
		var inverse, half, approximate mat.Dense
		if err := inverse.Inverse(core); err != nil {
			t.Fatal(err)
		}
		half.Mul(c, &inverse)
		approximate.Mul(&half, c.T())
		for i := range 5 {
			approximate.Set(i, i, approximate.At(i, i)+rho)
		}
		var want mat.VecDense
		if err := want.SolveVec(&approximate, mat.NewVecDense(5, slices.Clone(v))); err != nil {
			t.Fatal(err)
		}
		p := r.problem(r.solution(), v)
		hyper := Hyper{Problem: p}
		if err := p.Linearize(batch.Batch{}, r.coefs); err != nil {
			t.Fatal(err)
		}
		got, err := Nystrom{rank, rho, rand.New(rand.NewPCG(7, 7))}.Solve(&hyper, 0, &vec{slices.Clone(v)})
		if err != nil || p.products != rank {
			t.Fatalf("rank %d: %v, %d products", rank, err, p.products)
		}
		nearAll(t, fmt.Sprintf("rank %d", rank), got.(*vec).x, want.RawVector().Data, 1e-11)
	}
	if _, err := (Nystrom{6, rho, rand.New(rand.NewPCG(1, 1))}).Solve(&Hyper{Problem: r.problem(v, v)}, 0, &vec{v}); err == nil {
		t.Error("six columns of five give no error")
	}
}

// On a system that does not change, n calls of s steps are the Neumann series of n·s terms.
func TestWarmStart(t *testing.T) {
	r := newRidge()
	w, target := r.solution(), []float64{1, 0, -1, 0.5, 2}
	for _, steps := range []int{1, 3} {
		solve := &Warm{Steps: steps}
		for call := 1; call <= 4; call++ {
			want := estimate(t, r.problem(w, target), r.coefs, 0.1, Neumann{call*steps - 1})
			nearAll(t, fmt.Sprintf("%d steps, call %d", steps, call), estimate(t, r.problem(w, target), r.coefs, 0.1, solve), want, 1e-12)
		}
	}
}

// The derivative through steps of gradient descent, by differences of what they end at. Here
// the mixed derivative depends on the weights.
func TestUnroll(t *testing.T) {
	const gamma, steps = 0.1, 6
	r := newRidge()
	start, target := []float64{0.3, -0.2, 0.5, 0.1, -0.4}, []float64{1, 0, -1, 0.5, 2}
	loss := func(coefs []float64) float64 {
		p := r.problem(slices.Clone(start), target)
		var grad exec.Vec = p.NewVec()
		for range steps {
			if _, err := p.Gradient(batch.Batch{Split: batch.Train}, coefs, grad, nil); err != nil {
				t.Fatal(err)
			}
			p.w.Axpy(-gamma, grad)
		}
		l, err := p.Gradient(batch.Batch{Split: batch.Valid}, coefs, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l.Value()
	}
	p := r.problem(slices.Clone(start), target)
	hyper := Hyper{Problem: p}
	got, direct := make([]float64, len(r.coefs)), make([]float64, len(r.coefs))
	at := Point{Coefs: r.coefs, Train: batch.Batch{Split: batch.Train}, Valid: batch.Batch{Split: batch.Valid}, Gamma: gamma}
	if err := hyper.Unroll(got, direct, at, steps); err != nil {
		t.Fatal(err)
	}
	const h = 1e-5
	for i := range r.coefs {
		up, down := slices.Clone(r.coefs), slices.Clone(r.coefs)
		up[i] += h
		down[i] -= h
		near(t, fmt.Sprintf("derivative %d", i), got[i], (loss(up)-loss(down))/(2*h), 1e-8)
	}
	if norm2(got) < 1e-2 || norm2(direct) != 0 {
		t.Errorf("derivative %v, direct part %v, want one that is not 0 and one that is", got, direct)
	}
}

// iDARTS with each way to solve its system: another search, which goes on from a state with
// the same bits; "neumann" says what no word says.
func TestSystemsOfIDARTS(t *testing.T) {
	begin := func(method string, terms int, system System) (Searcher, error) {
		tr := toyTrial(3)
		tr.set("solver="+system.String(), "neumann_terms="+strconv.Itoa(terms))
		return tr.start(t, method)
	}
	seen := map[string]System{}
	for system := range System(len(systems)) {
		var text []byte
		for _, split := range []int{3, 1} { // epochs before the state is taken
			s, err := begin("idarts", 2, system)
			if err != nil {
				t.Fatal(err)
			}
			for done := range 3 {
				if done == split {
					saved := s.State()
					if s, err = begin("idarts", 2, system); err != nil {
						t.Fatal(err)
					}
					if err := s.SetState(saved); err != nil {
						t.Fatal(err)
					}
				}
				epoch(t, s)
			}
			if text == nil {
				text = s.State()
			} else if !bytes.Equal(text, s.State()) {
				t.Errorf("%v: another state when it goes on from one", system)
			}
		}
		if other, ok := seen[string(text)]; ok {
			t.Errorf("%v is the search of %v", system, other)
		}
		seen[string(text)] = system
		if _, err := begin("idarts-hess", 2, system); (err == nil) != (system == NeumannSystem) {
			t.Errorf("idarts-hess with %v: %v", system, err)
		}
	}
	if _, err := begin("idarts", 0, CGSystem); err == nil || !strings.Contains(err.Error(), "takes a product at least") {
		t.Errorf("cg without products: %v", err)
	}
}

// An architecture step over two validation batches goes along the mean of the hypergradients
// of both, with γ as many times the learning rate as is said; over one it is the usual one.
func TestMeanOverValidationBatches(t *testing.T) {
	run := func(changes ...string) *Engine {
		tr := toyTrial(3)
		tr.set(append([]string{"max_steps=1", "inner_steps=1", "neumann_terms=2", "valid_draw=epochs", "gamma=0"}, changes...)...)
		s, err := tr.start(t, "idarts")
		if err != nil {
			t.Fatal(err)
		}
		epoch(t, s)
		return s.(*Engine)
	}
	const factor = 0.25
	e := run("valid_batches=2", "gamma_factor=0.25")
	mean := make([]float64, len(e.Dcoefs))
	for k := range uint64(2) {
		at := Point{Coefs: e.Coefs, Train: batch.Batch{Split: batch.Train, Index: 1}, Valid: batch.Batch{Split: batch.Valid, Index: k}, Gamma: factor * e.Clock.Rate}
		one := make([]float64, len(mean))
		if _, err := Hypergradient(one, e.Problem, at, Neumann{2}); err != nil {
			t.Fatal(err)
		}
		for i, x := range one {
			mean[i] += x / 2
		}
	}
	nearAll(t, "hypergradient", e.Dcoefs, mean, 1e-12)
	if slices.Equal(run("gamma_factor=0.25").Dcoefs, e.Dcoefs) || slices.Equal(run("valid_batches=2").Dcoefs, e.Dcoefs) {
		t.Error("the number of batches or the factor changes nothing")
	}
	if !slices.Equal(run("valid_batches=1", "gamma_factor=1").Dcoefs, run().Dcoefs) {
		t.Error("one batch and once the rate are not the usual step")
	}
}
