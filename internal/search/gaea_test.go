package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Two steps on one row by hand: θ ∝ θ·exp(−η g), from (1/2, 1/2) with η = 1.
func TestExponentiatedGradientByHand(t *testing.T) {
	rows := Layout{{Name: "1<-0", Options: []string{"a", "b"}, Keep: 1}}
	x := ExpGrad{LR: 1, Floor: 1e-5}
	theta := []float64{0.5, 0.5}
	x.Step(rows, theta, []float64{math.Log(3), 0}) // 1/6 : 1/2
	nearAll(t, "after one step", theta, []float64{0.25, 0.75}, 1e-15)
	x.Step(rows, theta, []float64{0, math.Log(6)}) // 1/4 : 1/8
	nearAll(t, "after two steps", theta, []float64{2. / 3, 1. / 3}, 1e-15)
	x.Step(rows, theta, []float64{0, 0})
	nearAll(t, "after no gradient", theta, []float64{2. / 3, 1. / 3}, 1e-15)
	x.Step(rows, theta, []float64{100, 0}) // 1e-5 : 1/3
	nearAll(t, "at the floor", theta, []float64{1e-5 / (1e-5 + 1./3), (1. / 3) / (1e-5 + 1./3)}, 1e-15)
	x.Entropy = 0.5 // its gradient at (1/4, 3/4) is (ln(1/2)+1, ln(3/2)+1)/2
	theta = []float64{0.25, 0.75}
	x.Step(rows, theta, []float64{0, 0})
	a, b := 0.25*math.Exp(-0.5*(math.Log(0.5)+1)), 0.75*math.Exp(-0.5*(math.Log(1.5)+1))
	nearAll(t, "with entropy", theta, []float64{a / (a + b), b / (a + b)}, 1e-15)
}

// A gradient beyond what an exponent can take decides a row and gives no NaN; bounded after
// the division a row keeps the floor.
func TestExponentiatedGradientAtItsLimits(t *testing.T) {
	rows := Layout{{Options: []string{"a", "b"}}}
	theta := []float64{0.5, 0.5}
	ExpGrad{LR: 1, Floor: 1e-5}.Step(rows, theta, []float64{1e4, -1e4})
	nearAll(t, "decided", theta, []float64{0, 1}, 1e-200)
	theta = []float64{0.5, 0.5}
	expGrad{ExpGrad{LR: 1, Floor: 1e-5}, rows, true}.Step(theta, []float64{1e4, -1e4}, Clock{})
	nearAll(t, "bounded after", theta, []float64{1e-5, 1}, 0)
}

// Rows stay on the simplex, and a small step is the natural-gradient step of the logits of
// a softmax, θ_o − η θ_o (g_o − Σ θ g), up to η².
func TestExponentiatedGradientIsNatural(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := ExpGrad{Floor: 1e-9}
	var apart [2]float64
	for k, rate := range []float64{1e-3, 1e-4} {
		x.LR = rate
		for range 20 {
			theta, grad := make([]float64, 6), make([]float64, 6)
			for i := range theta {
				theta[i], grad[i] = 0.1+r.Float64(), r.NormFloat64()
			}
			want := make([]float64, 6)
			start := 0
			for _, row := range toyRows.Parts(theta) {
				sum, mean := 0.0, 0.0
				for _, p := range row {
					sum += p
				}
				for o := range row {
					row[o] /= sum
					mean += row[o] * grad[start+o]
				}
				for o := range row {
					want[start+o] = row[o] - rate*row[o]*(grad[start+o]-mean)
				}
				start += len(row)
			}
			x.Step(toyRows, theta, slices.Clone(grad))
			for _, row := range toyRows.Parts(theta) {
				near(t, "sum of a row", row[0]+row[1]+row[2], 1, 1e-12)
			}
			apart[k] = math.Max(apart[k], norm2(minus(theta, want)))
		}
	}
	if ratio := apart[0] / apart[1]; apart[0] > 1e-5 || !(ratio > 30) {
		t.Errorf("steps of 1e-3 and 1e-4 are %.1e and %.1e from the natural gradient, want a hundredth at a tenth", apart[0], apart[1])
	}
}

// Both levels of the single-level form draw from all images, and the best epoch decides.
func TestGAEALevels(t *testing.T) {
	env := toyTrial(1)
	env.set("single_level=true", "best_epoch=false")
	s := start(t, "gaea", env)
	epoch(t, s)
	for _, b := range env.problem.asked {
		if b.Split != 2 {
			t.Fatalf("batch %+v, want all of the whole", b)
		}
	}
	best := newBestEpoch(6)
	best.kept = []float64{50, 1, 0, 0, 0, 1, 0}
	scores := make([]float64, 6)
	best.Scores(nil, scores)
	nearAll(t, "scores", scores, []float64{1, 0, 0, 0, 1, 0}, 0)
}

func TestRestricted(t *testing.T) {
	rows := Layout{{Name: "1<-0", Options: []string{"none", "a", "b"}}, {Name: "2<-0", Options: []string{"a", "none"}}}
	r, err := withoutNone(true, rows, NewSimplex)
	if err != nil {
		t.Fatal(err)
	}
	coefs, grad := make([]float64, 5), make([]float64, 3)
	pull := r.Mix(coefs, Use{})
	nearAll(t, "mixture", coefs, []float64{0, 0.5, 0.5, 1, 0}, 0)
	pull([]float64{1, 2, 3, 4, 5}, grad)
	nearAll(t, "gradient", grad, []float64{2, 3, 4}, 0)
	r.Scores(coefs)
	nearAll(t, "scores", coefs, []float64{0, 0.5, 0.5, 1, 0}, 0)
	if _, err := withoutNone(true, Layout{{Name: "1<-0", Options: []string{"none"}}}, NewSimplex); err == nil {
		t.Error("a row without options gives no error")
	}
	whole, _ := withoutNone(false, rows, NewSimplex)
	if len(whole.Params()) != 5 {
		t.Errorf("%d parameters, want 5", len(whole.Params()))
	}
}
