package search_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec/cpu"
	"idarts/internal/search"
	"idarts/nb201"
	"idarts/runners/stages"
)

// On a supernet in double precision the term of Λ-DARTS is −λ ∂Λ/∂w: along directions v
// it is −λ Σ_l δ_l·(∂²L/∂c∂w v)_l, which one tangent pass gives, with an error that
// falls as the square of epsilon.
func TestAlignmentOfANetwork(t *testing.T) {
	d := cpu.Open[float64](2)
	defer d.Close()
	net, err := stages.New(stages.Net{Space: "nb201", C: 4, N: 1, Batch: 4}, 8, d)
	if err != nil {
		t.Fatal(err)
	}
	layout, b := nb201.Space().Layout, batch.Batch{}
	for _, align := range []search.Alignment{search.Corr, search.SignCorr} {
		var apart []float64
		for _, eps := range []float64{4e-4, 1e-4} {
			s := search.LambdaDARTS{Align: align, Lambda: 2, Epsilon: eps}
			s.DARTS1 = search.DARTS1{Bilevel: search.Bilevel{Epochs: 3, InitScale: 0.3}}
			m, err := search.Lookup("lambda-darts")
			if err != nil {
				t.Fatal(err)
			}
			env := search.Env{Space: nb201.Space(), Seed: 1, Supernet: func(search.SupernetOptions) (search.Problem, error) { return net.Problem, nil }}
			started, err := m.New(env, s)
			if err != nil {
				t.Fatal(err)
			}
			e := started.(*search.Engine)
			e.Clock = search.Clock{Epoch: 2, Epochs: 3, Steps: 1}
			search.Begin(e)
			e.Mix(search.ForWeights)
			if _, err := e.Problem.Gradient(b, e.Coefs, e.Grad, e.Dcoefs); err != nil {
				t.Fatal(err)
			}
			delta := make([]float64, len(e.Dcoefs))
			if lambda := align.Slope(e.Dcoefs, delta, layout.Len()); !(math.Abs(lambda) <= 1) || lambda == 0 {
				t.Fatalf("Λ is %v", lambda)
			}
			e.Grad.Zero()
			if err := search.Term(s, e, b, e.Grad); err != nil {
				t.Fatal(err)
			}
			v, mixed := e.Problem.NewVec(), make([]float64, len(delta))
			if err := e.Problem.Linearize(b, e.Coefs); err != nil {
				t.Fatal(err)
			}
			worst, r := 0.0, rand.New(rand.NewPCG(1, 2))
			for range 3 {
				x := make([]float64, v.Len())
				for i := range x {
					x[i] = r.NormFloat64()
				}
				v.Write(x)
				if err := e.Problem.Product(v, nil, mixed); err != nil {
					t.Fatal(err)
				}
				want := 0.0
				for i, d := range delta {
					want -= 2 * d * mixed[i]
				}
				worst = math.Max(worst, math.Abs(e.Grad.Dot(v).Value()/want-1))
			}
			apart = append(apart, worst)
		}
		t.Logf("%v: %.1e from the exact derivative with epsilon 4e-4, 1e-4", align, apart)
		if ratio := apart[0] / apart[1]; !(ratio > 12 && ratio < 20) || !(apart[1] < 1e-6) {
			t.Errorf("%v: the error is %.1e at 4e-4 and 1e-4, want it to fall as the square", align, apart)
		}
	}
}
