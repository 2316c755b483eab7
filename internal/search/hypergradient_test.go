package search

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"idarts/internal/batch"
)

// The problem of the specification, section 8.3: L₁ = ½wᵀAw − wᵀBc, L₂ = ½‖w‖²,
// A = diag(1,4), B = diag(1,2), c = (1,1), so w* = (1, ½) and dL₂/dc = (1, ¼).
func closedForm(w ...float64) (*toy, []float64) {
	return fixed(bowl{A: diag(1, 4), B: diag(1, 2)}, bowl{A: diag(1, 1)}, w...), []float64{1, 1}
}

func estimate(t *testing.T, p *toy, c []float64, gamma float64, solve Solver) []float64 {
	t.Helper()
	g := make([]float64, len(c))
	at := Point{Coefs: c, Train: batch.Batch{Split: batch.Train}, Valid: batch.Batch{Split: batch.Valid}, Gamma: gamma}
	if _, err := Hypergradient(g, p, at, solve); err != nil {
		t.Fatal(err)
	}
	return g
}

// Values: specification 8.3, from a float64 run of other code.
func TestNeumannOnClosedForm(t *testing.T) {
	const gamma = 0.2
	exact := []float64{1, 0.25}
	var table strings.Builder
	fmt.Fprintf(&table, "error of the hypergradient by K, gamma %v, A = diag(1,4):\n%4s %12s %12s %12s\n", gamma, "K", "error", "identity", "bound")
	for _, tt := range []struct {
		k          int
		want       []float64 // nil: not given
		err, bound float64
	}{
		{0, []float64{0.2, 0.2}, 0.801561, 1.788854},
		{1, []float64{0.36, 0.24}, 0.640078, 1.431084},
		{2, []float64{0.488, 0.248}, 0.512004, 1.144867},
		{3, []float64{0.5904, 0.2496}, 0.4096, 0.915893},
		{5, []float64{0.737856, 0.249984}, 0.262144, 0.586172},
		{10, nil, 0.0858993, 0.192077},
		{20, nil, 0.00922337, 0.020624},
	} {
		p, c := closedForm(1, 0.5)
		got := estimate(t, p, c, gamma, Neumann{tt.k})
		if tt.want != nil {
			nearAll(t, fmt.Sprintf("K=%d: estimate", tt.k), got, tt.want, 1e-14)
		}
		// B'A⁻¹(I−γA)^{K+1} w* by components.
		n := float64(tt.k + 1)
		identity := math.Hypot(math.Pow(1-gamma, n), 2./4*math.Pow(1-4*gamma, n)*0.5)
		bound := 2 * math.Hypot(1, 0.5) * math.Pow(1-gamma, n)
		err := norm2(minus(got, exact))
		near(t, fmt.Sprintf("K=%d: error", tt.k), err, identity, 1e-14)
		near(t, fmt.Sprintf("K=%d: error", tt.k), err, tt.err, 6e-7*max(1, tt.err))
		near(t, fmt.Sprintf("K=%d: bound", tt.k), bound, tt.bound, 1e-6)
		fmt.Fprintf(&table, "%4d %12.6g %12.6g %12.6g\n", tt.k, err, identity, bound)
		if p.products != tt.k+1 {
			t.Errorf("K=%d took %d products, want K for H and one for the mixed term", tt.k, p.products)
		}
	}
	t.Log(table.String())
}

// For T steps of gradient descent from w = 0, dw_T/dc follows the recursion
// J ← (I−γA)J + γB, and the gradient of the unrolled objective is J_Tᵀ w_T.
func TestUnrolledStepsEqualNeumann(t *testing.T) {
	const gamma = 0.2
	for _, tt := range []struct {
		steps int
		want  []float64 // specification 8.3
	}{
		{1, []float64{0.04, 0.16}},
		{2, []float64{0.1296, 0.2304}},
		{3, []float64{0.238144, 0.246016}},
		{5, []float64{0.452014, 0.249840}},
		{10, []float64{0.796781, 0.25}},
	} {
		p, c := closedForm(0, 0)
		jacobian, a, b := []float64{0, 0}, []float64{1, 4}, []float64{1, 2} // all diagonal
		grad := p.NewVec()
		for range tt.steps {
			if _, err := p.Gradient(batch.Batch{}, c, grad, nil); err != nil {
				t.Fatal(err)
			}
			SGD{}.Step(p.w, grad, nil, gamma)
			for i := range jacobian {
				jacobian[i] = (1-gamma*a[i])*jacobian[i] + gamma*b[i]
			}
		}
		unrolled := []float64{jacobian[0] * p.w.x[0], jacobian[1] * p.w.x[1]}
		nearAll(t, fmt.Sprintf("T=%d: unrolled", tt.steps), unrolled, tt.want, 5.1e-7)
		got := estimate(t, p, c, gamma, Neumann{tt.steps - 1})
		nearAll(t, fmt.Sprintf("T=%d: implicit with K=T-1", tt.steps), got, unrolled, 1e-14)
	}
}

// ridge is ridge regression with 5 weights and one penalty for each, spread over
// two layers of coefficients: XᵀX/n + λI = Q diag(eigen) Qᵀ for a reflection Q.
type ridge struct {
	eigen, lambda []float64
	q             matrix
	xty           []float64 // Xᵀy/n
	coefs         []float64
}

func newRidge() ridge {
	r := ridge{eigen: []float64{0.5, 1, 2, 3, 4}, lambda: []float64{0.1, 0.1, 0.1, 0.1, 0.1}, xty: []float64{0.7, -1.1, 0.4, 2, -0.3}}
	h := []float64{1, -2, 0.5, 3, 1.5}
	hh := norm2(h) * norm2(h)
	for i := range h {
		row := make([]float64, 5)
		for j := range h {
			row[j] = -2 * h[i] * h[j] / hh
		}
		row[i]++
		r.q = append(r.q, row)
	}
	r.coefs = []float64{0.04, 0.03, 0.02, 0.01, 0, 0.06, 0.07, 0.08, 0.09, 0.1} // two layers; sums 0.1
	return r
}

// f applies a function of H: Q f(eigen) Qᵀ x.
func (r ridge) f(x []float64, f func(float64) float64) []float64 {
	y := r.q.transposedTimes(x, 5)
	for i := range y {
		y[i] *= f(r.eigen[i])
	}
	return r.q.times(y)
}

func (r ridge) hessian() matrix {
	a := make(matrix, 5)
	for i := range a {
		e := make([]float64, 5)
		e[i] = 1
		a[i] = r.f(e, func(x float64) float64 { return x })
	}
	return a
}

func (r ridge) solution() []float64 {
	return r.f(r.xty, func(x float64) float64 { return 1 / x })
}

// problem has L₂ = ½‖w − target‖², so v = w − target.
func (r ridge) problem(w, target []float64) *toy {
	train := bowl{A: r.hessian(), R: make(matrix, 5), b: r.xty}
	for i := range train.R {
		train.A[i][i] -= r.lambda[i]
		train.R[i] = make([]float64, 10)
		train.R[i][i], train.R[i][i+5] = 1, 1
	}
	p := fixed(train, bowl{A: diag(1, 1, 1, 1, 1), b: target}, slices.Clone(w)...)
	p.layers = 2
	return p
}

// exact is dL₂/dc at w*: −wᵢ(H⁻¹v)ᵢ for the coefficient of weight i, in each layer.
func (r ridge) exact(w, v []float64) []float64 {
	return r.implicit(w, v, func(x float64) float64 { return 1 / x })
}

func (r ridge) implicit(w, v []float64, f func(float64) float64) []float64 {
	g := make([]float64, 10)
	for i, x := range r.f(v, f) {
		g[i], g[i+5] = -w[i]*x, -w[i]*x
	}
	return g
}

// The error of K+1 terms is exactly M H⁻¹(I−γH)^{K+1}v. Along the eigenvector of
// the smallest eigenvalue μ that is proportional to (1−γμ)^{K+1}.
func TestRidgeErrorFollowsTheRate(t *testing.T) {
	r := newRidge()
	w := r.solution()
	slowest := []float64{r.q[0][0], r.q[1][0], r.q[2][0], r.q[3][0], r.q[4][0]} // eigenvalue 0.5
	var table strings.Builder
	fmt.Fprintf(&table, "ridge: relative error along the slowest direction, mu 0.5, L 4:\n%6s", "gamma")
	ks := []int{0, 1, 2, 5, 10, 20, 40}
	for _, k := range ks {
		fmt.Fprintf(&table, " %11s", fmt.Sprintf("K=%d", k))
	}
	for _, gamma := range []float64{0.01, 0.1, 0.25 /* 1/L */, 0.4, 0.44 /* < 2/(L+μ) */} {
		fmt.Fprintf(&table, "\n%6v", gamma)
		for _, k := range ks {
			left := func(x float64) float64 { return math.Pow(1-gamma*x, float64(k+1)) / x }

			target := []float64{1, 0, -1, 0.5, 2}
			v := minus(w, target)
			got := estimate(t, r.problem(w, target), r.coefs, gamma, Neumann{k})
			nearAll(t, fmt.Sprintf("gamma %v K=%d: error", gamma, k), minus(r.exact(w, v), got), r.implicit(w, v, left), 1e-12)

			got = estimate(t, r.problem(w, minus(w, slowest)), r.coefs, gamma, Neumann{k})
			exact := r.exact(w, slowest)
			relative := norm2(minus(got, exact)) / norm2(exact)
			rate := math.Pow(1-gamma*0.5, float64(k+1))
			near(t, fmt.Sprintf("gamma %v K=%d: relative error", gamma, k), relative, rate, 1e-12)
			fmt.Fprintf(&table, " %11.4g", relative)
		}
	}
	t.Log(table.String())
}

func TestNeumannDivergesAboveTwoOverL(t *testing.T) {
	r := newRidge()
	w, target := r.solution(), []float64{1, 0, -1, 0.5, 2}
	exact := r.exact(w, minus(w, target))
	last := 0.0
	for _, k := range []int{10, 20, 40, 80} {
		err := norm2(minus(estimate(t, r.problem(w, target), r.coefs, 0.51, Neumann{k}), exact)) // 2/L = 0.5
		if err <= last {
			t.Errorf("error with K=%d is %v, not above %v", k, err, last)
		}
		last = err
	}
	if below := norm2(minus(estimate(t, r.problem(w, target), r.coefs, 0.49, Neumann{400}), exact)); below > 1e-3 {
		t.Errorf("error just below 2/L is %v after 400 terms, want it to vanish", below)
	}
	g := make([]float64, 10)
	_, err := Hypergradient(g, r.problem(w, target), Point{Coefs: r.coefs, Valid: batch.Batch{Split: batch.Valid}, Gamma: 3}, Neumann{2000})
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "Neumann term") {
		t.Errorf("gamma far above 2/L: error %v, want ErrDiverged at a Neumann term", err)
	}
}

// T steps of SGD from anywhere, then K = T−1 terms, converge to the closed form.
func TestInnerStepsConvergeToRidge(t *testing.T) {
	r := newRidge()
	target := []float64{1, 0, -1, 0.5, 2}
	exact := r.exact(r.solution(), minus(r.solution(), target))
	last := math.Inf(1)
	for _, steps := range []int{1, 4, 16, 64, 256} {
		p := r.problem([]float64{3, 3, -3, 3, 0}, target)
		grad := p.NewVec()
		for range steps {
			if _, err := p.Gradient(batch.Batch{}, r.coefs, grad, nil); err != nil {
				t.Fatal(err)
			}
			SGD{}.Step(p.w, grad, nil, 0.25)
		}
		err := norm2(minus(estimate(t, p, r.coefs, 0.25, Neumann{steps - 1}), exact)) / norm2(exact)
		t.Logf("T=%d: relative error %.3g", steps, err)
		if err >= last {
			t.Errorf("T=%d: relative error %v, not below %v", steps, err, last)
		}
		last = err
	}
	if last > 1e-12 {
		t.Errorf("T=256: relative error %v, want below 1e-12", last)
	}
}

func TestSolvers(t *testing.T) {
	r := newRidge()
	w, target := r.solution(), []float64{1, 0, -1, 0.5, 2}
	exact := r.exact(w, minus(w, target))
	for _, tt := range []struct {
		name  string
		solve Solver
		want  []float64
	}{
		{"ignore leaves the direct term, here 0", Ignore{}, make([]float64, 10)},
		{"unrolled is gamma M v", Unrolled{}, r.implicit(w, minus(w, target), func(float64) float64 { return 0.1 })},
		{"neumann 0 is the same", Neumann{0}, r.implicit(w, minus(w, target), func(float64) float64 { return 0.1 })},
		{"cg is exact after 5 products", CG{5}, exact},
		{"cg stops by itself", CG{500}, exact},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := r.problem(w, target)
			nearAll(t, "gradient", estimate(t, p, r.coefs, 0.1, tt.solve), tt.want, 1e-11)
			if !slices.Equal(p.w.x, w) {
				t.Errorf("weights moved to %v", p.w.x)
			}
			if p.products > 12 {
				t.Errorf("%d products", p.products)
			}
		})
	}
	if err := norm2(minus(estimate(t, r.problem(w, target), r.coefs, 0.1, CG{3}), exact)); err < 1e-6 {
		t.Errorf("cg with 3 of 5 products has error %v: the exactness above means nothing", err)
	}
	p, c := closedForm(1, 0.5)
	p.train[0].A = diag(-1, -4)
	nearAll(t, "cg on negative curvature", estimate(t, p, c, 0.1, CG{5}), []float64{0, 0}, 0)
	if _, err := Hypergradient(make([]float64, 2), p, Point{Coefs: c}, Neumann{1}); err == nil || !strings.Contains(err.Error(), "gamma is 0") {
		t.Errorf("gamma 0 gives error %v", err)
	}
}

// One weight, two batches A = 1, 3 and B = 1, 2, v = 1, γ = 0.1. K=0: γB. K=1:
// γB(2−γA). By hand the means are 0.15 and 0.265; with the mean A = 2, B = 1.5
// they are 0.15 and 0.27.
func TestOneBatchForAllFactorsIsBiased(t *testing.T) {
	one := func(a, b float64, k int) float64 {
		p := fixed(bowl{A: diag(a), B: diag(b)}, bowl{A: diag(1)}, 1)
		return estimate(t, p, []float64{1}, 0.1, Neumann{k})[0]
	}
	for _, tt := range []struct {
		name           string
		k              int
		a1, a2         float64
		ofMean, meanOf float64
	}{
		{"K=0 is unbiased", 0, 1, 3, 0.15, 0.15},
		{"K=1 is biased by -0.005", 1, 1, 3, 0.27, 0.265},
		{"K=1 is unbiased when H is common", 1, 2, 2, 0.27, 0.27},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near(t, "mean of the estimates", (one(tt.a1, 1, tt.k)+one(tt.a2, 2, tt.k))/2, tt.meanOf, 1e-15)
			near(t, "estimate of the mean", one(2, 1.5, tt.k), tt.ofMean, 1e-15)
		})
	}
}

func TestDifferencesEqualExactOnQuadratics(t *testing.T) {
	r := newRidge()
	w, target := r.solution(), []float64{1, 0, -1, 0.5, 2}
	p := r.problem(w, target)
	at := Point{Coefs: r.coefs, Valid: batch.Batch{Split: batch.Valid}, Gamma: 0.1}
	exact, differences := make([]float64, 10), make([]float64, 10)
	h := Hyper{Problem: p}
	if _, err := h.Gradient(exact, at, Neumann{2}); err != nil {
		t.Fatal(err)
	}
	if p.products != 3 || math.IsNaN(h.Curvature) || len(h.Norms) != 3 {
		t.Errorf("K=2 took %d products, vHv %v, norms %v", p.products, h.Curvature, h.Norms)
	}
	v := minus(w, target)
	hv := r.f(v, func(x float64) float64 { return x })
	near(t, "vHv", h.Curvature, (&vec{v}).Dot(&vec{hv}).Value(), 1e-12)
	near(t, "norm of u_2", h.Norms[2], norm2(r.f(v, func(x float64) float64 { return (1 - 0.1*x) * (1 - 0.1*x) })), 1e-12)

	h.Mixed = Differences
	if _, err := h.Gradient(differences, at, Neumann{2}); err != nil {
		t.Fatal(err)
	}
	nearAll(t, "differences", differences, exact, 1e-11)
	if p.products != 5 {
		t.Errorf("differences took %d mixed products, want none", p.products-5)
	}
	if !slices.Equal(p.w.x, w) {
		t.Errorf("differences left the weights at %v, want %v", p.w.x, w)
	}
}

// The notebook's clean-up: Δw = ε(v − s), ε = 0.01/‖v‖; 0 for K=0.
func TestReleasedShiftsTheWeights(t *testing.T) {
	r := newRidge()
	w, target := r.solution(), []float64{1, 0, -1, 0.5, 2}
	v := minus(w, target)
	const gamma = 0.1
	for k := range 4 {
		p := r.problem(w, target)
		h := Hyper{Problem: p, Mixed: Released}
		got := make([]float64, 10)
		if _, err := h.Gradient(got, Point{Coefs: r.coefs, Valid: batch.Batch{Split: batch.Valid}, Gamma: gamma}, Neumann{k}); err != nil {
			t.Fatal(err)
		}
		nearAll(t, "gradient", got, estimate(t, r.problem(w, target), r.coefs, gamma, Neumann{k}), 1e-11)
		s := r.f(v, func(x float64) float64 {
			sum := 0.0
			for i := range k + 1 {
				sum += math.Pow(1-gamma*x, float64(i))
			}
			return sum
		})
		eps := 0.01 / norm2(v)
		shift, want := minus(p.w.x, w), minus(v, s)
		for i := range want {
			want[i] *= eps
		}
		nearAll(t, fmt.Sprintf("K=%d: shift", k), shift, want, 1e-15)
		near(t, fmt.Sprintf("K=%d: length", k), norm2(shift), eps*norm2(minus(v, s)), 1e-15)
		t.Logf("K=%d: the weights move by %.5f", k, norm2(shift))
	}
}
