package hyper

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"idarts/internal/exec/cpu"
	"idarts/internal/longtest"
	"idarts/internal/result"
)

// tiny is a plan of seconds.
var tiny = result.HyperPlan{Space: "nb201", Protocol: "quick", Method: "idarts", Epochs: []int{1, 2}, Batch: 24, Unrolled: 3, Batches: 2, MINRES: 5, Most: 2, Calls: 2}

func run(t *testing.T, plan result.HyperPlan, workers int) *result.HyperStudy {
	t.Helper()
	d := cpu.Open[float32](workers)
	defer d.Close()
	s, err := Run(t.Context(), plan, d, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A study is the same with one worker and two, whether the search was looked at before or
// not, and after it has been in a file; another plan is not what the file has.
func TestStudyIsAFunctionOfItsPlan(t *testing.T) {
	longtest.Needed(t) // three studies
	one := run(t, tiny, 1)
	if two := run(t, tiny, 2); !reflect.DeepEqual(one, two) {
		t.Error("one and two workers measure different numbers")
	}
	late := tiny
	late.Epochs = []int{2}
	if got := run(t, late, 2); !reflect.DeepEqual(got.Points[0], one.Points[1]) {
		t.Error("the search goes on otherwise when it was looked at before")
	}
	d := cpu.Open[float32](1)
	defer d.Close()
	path := filepath.Join(t.TempDir(), "study.json")
	if s, err := Load(path, tiny, d); s != nil || err != nil {
		t.Errorf("a file that is not there: %v, %v", s, err)
	}
	if err := result.WriteJSON(path, one); err != nil {
		t.Fatal(err)
	}
	again, err := Load(path, tiny, d)
	if err != nil || again == nil || !reflect.DeepEqual(again.Points, one.Points) || !reflect.DeepEqual(again.Ridge, one.Ridge) {
		t.Errorf("another study comes back: %v", err)
	}
	if s, err := Load(path, late, d); s != nil || err != nil {
		t.Errorf("another plan: %v, %v", s, err)
	}

	other := *one
	other.Settings = map[string]any{"epochs": 3}
	if err := result.WriteJSON(path, other); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(path, tiny, d); s != nil || err != nil {
		t.Errorf("a study of another search: %v, %v", s, err)
	}

	for _, p := range one.Points {
		if len(p.Curves) != len(families) || !(p.Direct > 0) || !(p.Unrolled > 0) {
			t.Fatalf("after epoch %d: %+v", p.Epoch, p)
		}
		for i, c := range p.Curves {
			want := 0
			for _, budget := range families[i].budgets {
				if budget <= tiny.Most {
					want++
				}
			}
			if len(c.Values) != want && c.Diverged == 0 {
				t.Errorf("%s has %d values of %d", c.Solver, len(c.Values), want)
			}
			for k, v := range c.Values {
				if !(math.Abs(v.Same.Cosine) <= 1+1e-9) || !(v.Same.Error >= 0) || !(v.GFLOP > 0) || k > 0 && v.GFLOP < c.Values[k-1].GFLOP {
					t.Errorf("%s %d: %+v", c.Solver, v.Budget, v)
				}
			}
		}
		// More terms of the series come closer to the unrolled reference of a few steps with
		// the same γ: of two of its steps back at K = 2, nearly all of it.
		series := p.Curves[0].Values
		if series[2].Same.Error >= series[0].Same.Error {
			t.Errorf("after epoch %d: K=2 is %v from %d unrolled steps, K=0 %v", p.Epoch, series[2].Same.Error, tiny.Unrolled, series[0].Same.Error)
		}
	}
}

// On ridge regression the error is below its bound, falls, and the searches go down.
func TestRidge(t *testing.T) {
	d := cpu.Open[float64](1)
	defer d.Close()
	all, err := ridges(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		for i := range r.K {
			if r.Error[i] > r.Bound[i] || i > 0 && r.Error[i] >= r.Error[i-1] {
				t.Errorf("gamma %v, K=%d: error %v, bound %v", r.Gamma, r.K[i], r.Error[i], r.Bound[i])
			}
		}
		// The slowest direction is what is left: in the end the error falls by 1 − γμ a term,
		// as the bound does.
		n := len(r.K) - 1
		if fall, bound := r.Error[n]/r.Error[n-1], r.Bound[n]/r.Bound[n-1]; fall > bound+1e-9 || fall < bound-0.1 {
			t.Errorf("gamma %v: the error falls by %v a term, its bound by %v", r.Gamma, fall, bound)
		}
		for i, descent := range r.Descent {
			if last := descent[len(descent)-1]; last > 0.8*descent[0] || i > 0 && last > r.Descent[i-1][len(descent)-1] {
				t.Errorf("gamma %v, K=%d: from %v to %v", r.Gamma, r.Searches[i], descent[0], last)
			}
		}
	}
	// The exact hypergradient, by differences of the loss at the solution.
	p, c := newRidge(d), make([]float64, ridgeWeights)
	for i := range c {
		c[i] = 0.1
	}
	exact, err := p.exact(c)
	if err != nil {
		t.Fatal(err)
	}
	loss := func() (sum float64) {
		w, err := p.solve(c, p.xty)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w {
			sum += (w[i] - p.t[i]) * (w[i] - p.t[i]) / 2
		}
		return sum
	}
	const h = 1e-6
	for i := range c {
		c[i] += h
		up := loss()
		c[i] -= 2 * h
		down := loss()
		c[i] += h
		if want := (up - down) / (2 * h); math.Abs(exact[i]-want) > 1e-7*(1+math.Abs(want)) {
			t.Errorf("derivative %d is %v, by differences %v", i, exact[i], want)
		}
	}
}
