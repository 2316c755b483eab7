package statistics

import (
	"math"
	"math/rand/v2"
	"testing"
)

// slowTauB is the definition, pair by pair.
func slowTauB(x, y []float64) float64 {
	var sum, pairsX, pairsY float64
	sign := func(v float64) float64 {
		switch {
		case v > 0:
			return 1
		case v < 0:
			return -1
		}
		return 0
	}
	for i := range x {
		for j := range i {
			a, b := sign(x[i]-x[j]), sign(y[i]-y[j])
			sum += a * b
			pairsX += a * a
			pairsY += b * b
		}
	}
	return sum / math.Sqrt(pairsX*pairsY)
}

func TestKendallTauB(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name string
		x, y []float64
		want float64
	}{
		{"one order", []float64{1, 2, 3}, []float64{10, 20, 30}, 1},
		{"opposite order", []float64{1, 2, 3}, []float64{3, 2, 1}, -1},
		{"one of three pairs is turned", []float64{1, 2, 3}, []float64{1, 3, 2}, 1. / 3},
		// Of 6 pairs 4 agree, 1 is tied in x, 1 in y: 4/sqrt(5·5).
		{"a tie in each", []float64{1, 1, 2, 3}, []float64{1, 2, 3, 3}, 0.8},
		{"a constant list has no order", []float64{1, 1, 1}, []float64{1, 2, 3}, nan},
		{"nor the other", []float64{1, 2, 3}, []float64{2, 2, 2}, nan},
		{"one pair of values is too few", []float64{1}, []float64{1}, nan},
		{"not a number", []float64{1, nan, 2}, []float64{1, 2, 3}, nan},
	} {
		got := KendallTauB(tt.x, tt.y)
		if math.Abs(got-tt.want) > 1e-15 && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n, levels := 2+r.IntN(60), 1+r.IntN(30)
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = float64(r.IntN(levels)), float64(r.IntN(levels))
			if r.IntN(2) == 0 {
				y[i] = x[i]
			}
		}
		got, want := KendallTauB(x, y), slowTauB(x, y)
		if math.Abs(got-want) > 1e-12 && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%v, %v: %v, want %v", x, y, got, want)
		}
	}
}

func TestSpearman(t *testing.T) {
	for _, tt := range []struct {
		name string
		x, y []float64
		want float64
	}{
		{"any rising function", []float64{1, 2, 3, 4}, []float64{1, 10, 100, 1000}, 1},
		{"1 − 6·Σd²/(n(n²−1)) = 1 − 6·2/60", []float64{1, 2, 3, 4}, []float64{2, 1, 3, 4}, 0.8},
		// Ranks 1.5 1.5 3 against 1 2 3: 1.5/sqrt(1.5·2).
		{"a tie has the mean rank", []float64{5, 5, 6}, []float64{1, 2, 3}, math.Sqrt(3) / 2},
	} {
		if got := Spearman(tt.x, tt.y); math.Abs(got-tt.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := Spearman([]float64{1, 1}, []float64{1, 2}); !math.IsNaN(got) {
		t.Errorf("a constant list gives %v, want NaN", got)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{10, 20, 40}
	for q, want := range map[float64]float64{0: 10, 0.25: 15, 0.5: 20, 0.75: 30, 1: 40} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}
