package search

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"idarts/internal/rng"
)

// The conditions of an optimum: a_jᵀ(b − A z) is λ times the sign of z_j where that is
// not 0, and no larger elsewhere; the support has no more atoms than rows. On dictionaries
// of the shapes that searches have.
func TestLasso(t *testing.T) {
	worst := 0.0
	for trial := range 400 {
		r := rng.New(uint64(trial), "lasso")
		shape := [][2]int{{7, 14}, {7, 35}, {3, 5}, {2, 3}, {4, 6}}[trial%5]
		a, b := mat.NewDense(shape[0], shape[1], nil), make([]float64, shape[0])
		for i := range shape[0] {
			b[i] = math.Pow(10, float64(trial%3)-3) * r.NormFloat64()
			for j := range shape[1] {
				a.Set(i, j, r.Float64())
			}
		}
		for _, lambda := range []float64{1e-5, 1e-3} {
			z, err := Lasso(a, b, lambda)
			if err != nil {
				t.Fatal(err)
			}
			rest, support := make([]float64, len(b)), 0
			copy(rest, b)
			for j, x := range z {
				for i := range rest {
					rest[i] -= a.At(i, j) * x
				}
				if x != 0 {
					support++
				}
			}
			for j, x := range z {
				c := column(a, j, rest)
				far := math.Abs(c) - lambda
				if x != 0 {
					far = math.Abs(c - lambda*sign(x))
				}
				worst = math.Max(worst, far)
			}
			if support > shape[0] {
				t.Errorf("trial %d: a support of %d with %d rows", trial, support, shape[0])
			}
		}
	}
	t.Logf("the conditions hold within %.1e", worst)
	if !(worst < 1e-9) {
		t.Errorf("the conditions hold within %.1e, want 1e-9", worst)
	}
	// By hand: orthogonal atoms are thresholded.
	z, err := Lasso(mat.NewDense(2, 2, []float64{1, 0, 0, 1}), []float64{0.5, -0.05}, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	nearAll(t, "thresholded", z, []float64{0.4, 0}, 1e-15)
	if z, err := Lasso(mat.NewDense(2, 2, []float64{1, 0, 0, 1}), []float64{0.5, -0.05}, 1); err != nil || z[0] != 0 || z[1] != 0 {
		t.Errorf("a large λ gives %v, %v", z, err)
	}
}
