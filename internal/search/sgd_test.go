package search

import (
	"fmt"
	"math"
	"testing"
)

// Expected values worked out by hand from the formulas of [SGD], w = 1, rate 0.1,
// gradients 2 and 2.
func TestSGDByHand(t *testing.T) {
	for _, tt := range []struct {
		name string
		sgd  SGD
		want [2]float64 // w after each step
	}{
		{"plain", SGD{}, [2]float64{0.8, 0.6}},
		{"decay: g = 2+0.5w", SGD{WeightDecay: 0.5}, [2]float64{0.75, 0.5125}},
		{"momentum starts with the gradient: 2, then 1.8+2", SGD{Momentum: 0.9}, [2]float64{0.8, 0.42}},
		{"momentum and decay: 2.5, then 2.25+2.375", SGD{Momentum: 0.9, WeightDecay: 0.5}, [2]float64{0.75, 0.2875}},
		{"nesterov: 2.5+2.25, then 2.2625+0.9(2.25+2.2625)", SGD{Momentum: 0.9, WeightDecay: 0.5, Nesterov: true}, [2]float64{0.525, -0.107375}},
		{"clip comes before decay: 0.5+0.5w", SGD{Clip: 0.5, WeightDecay: 0.5}, [2]float64{0.9 + 1e-7*0.25, 0.805 + 2e-7*0.25}},
		{"below the limit nothing is clipped", SGD{Clip: 2}, [2]float64{0.8, 0.6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, buf := &vec{[]float64{1}}, &vec{[]float64{0}}
			for step, want := range tt.want {
				norm := tt.sgd.Step(w, &vec{[]float64{2}}, buf, 0.1).Value()
				near(t, fmt.Sprintf("w after step %d", step+1), w.x[0], want, 1e-8)
				near(t, "norm before clipping", norm, 2, 0)
			}
		})
	}
}

func TestClipScalesTheWholeGradient(t *testing.T) {
	w := &vec{[]float64{0, 0}}
	norm := SGD{Clip: 1}.Step(w, &vec{[]float64{3, 4}}, nil, 1).Value()
	near(t, "norm", norm, 5, 0)
	nearAll(t, "w", w.x, []float64{-3 / 5.000001, -4 / 5.000001}, 1e-15) // PyTorch: 1/(norm+1e-6)
}

// w′ = w − lr(momentum·buf + g + decay·w): 1 − 0.1(0.9·3 + 2 + 0.5), no Nesterov, no clip.
func TestVirtualStep(t *testing.T) {
	w, buf := &vec{[]float64{1}}, &vec{[]float64{3}}
	SGD{Momentum: 0.9, Nesterov: true, WeightDecay: 0.5, Clip: 0.1}.Virtual(w, &vec{[]float64{2}}, buf, 0.1)
	near(t, "w", w.x[0], 0.48, 1e-15)
	near(t, "buf", buf.x[0], 3, 0)
}

// Values for the iDARTS notebook (its log) and by hand.
func TestCosine(t *testing.T) {
	notebook := SGD{LR: 0.01, MinLR: 0.001}
	for _, tt := range []struct {
		sgd                        SGD
		epoch, epochs, step, steps int
		want                       float64
	}{
		{notebook, 0, 30, 0, 391, 0.01},
		{notebook, 0, 30, 390, 391, 0.01}, // by epoch
		{notebook, 1, 30, 0, 391, 0.0099753},
		{notebook, 29, 30, 0, 391, 0.00102465},
		{SGD{LR: 1}, 1, 3, 0, 1, 0.75},
		{SGD{LR: 1}, 1, 2, 0, 1, 0.5},
		{SGD{LR: 1, EachStep: true}, 0, 3, 2, 2, 0.75},
		{SGD{LR: 0.1, MinLR: 0.1}, 7, 9, 0, 1, 0.1},
	} {
		near(t, fmt.Sprintf("%+v.Rate(%d, %d, %d, %d)", tt.sgd, tt.epoch, tt.epochs, tt.step, tt.steps),
			tt.sgd.Rate(tt.epoch, tt.epochs, tt.step, tt.steps), tt.want, 5e-8)
	}
}

// Expected values from the formulas of [Adam] in 40-digit decimal arithmetic.
func TestAdam(t *testing.T) {
	adam := Adam{LR: 0.1, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1}
	x, mom := []float64{1, 1}, Moments{}
	for step, tt := range []struct{ grad, want float64 }{
		{0.4, 0.90000000199999996},
		{0.2, 0.81190866591478815},
		{-1, 0.87105122913809343},
	} {
		adam.Step(x, []float64{tt.grad, -0.1 * x[1]}, &mom)
		near(t, fmt.Sprintf("x after step %d", step+1), x[0], tt.want, 1e-14)
		near(t, "x whose gradient is cancelled by the decay", x[1], 1, 0)
	}
}

func TestSoftmaxPullback(t *testing.T) {
	rows := options(3, 1, 2)
	alpha := []float64{0.3, -1, 2, 5, 700, 701} // large entries do not overflow
	dcoefs := []float64{1, -2, 0.5, 3, -1, 4}
	value := func(alpha []float64) float64 {
		p, sum := make([]float64, 6), 0.0
		Softmax.Mix(rows, alpha, p)
		for i := range p {
			sum += dcoefs[i] * p[i]
		}
		return sum
	}
	p, got := make([]float64, 6), make([]float64, 6)
	Softmax.Mix(rows, alpha, p)
	near(t, "sum of row 0", p[0]+p[1]+p[2], 1, 1e-15)
	near(t, "the only option", p[3], 1, 0)
	near(t, "last option", p[5], 1/(1+math.Exp(-1)), 1e-15)
	Softmax.Pullback(rows, p, dcoefs, got)
	for i := range alpha {
		const h = 1e-5
		alpha[i] += h
		up := value(alpha)
		alpha[i] -= 2 * h
		down := value(alpha)
		alpha[i] += h
		near(t, fmt.Sprintf("dalpha[%d]", i), got[i], (up-down)/(2*h), 2e-8)
	}
}

func TestEntropy(t *testing.T) {
	rows := options(2, 4)
	near(t, "uniform", Entropy(rows, []float64{0.5, 0.5, 0.25, 0.25, 0.25, 0.25}), (math.Log(2)+math.Log(4))/2, 1e-15)
	near(t, "decided", Entropy(rows, []float64{0, 1, 0, 0, 1, 0}), 0, 0)
	near(t, "by hand: p = 1/4, 3/4", Entropy(rows[:1], []float64{0.25, 0.75}), 0.5623351446188083, 1e-15)
	near(t, "gates are scaled", Entropy(rows[:1], []float64{0.2, 0.6}), 0.5623351446188083, 1e-15)
	near(t, "what is below 0 does not count", Entropy(rows[:1], []float64{-3, 0.6}), 0, 0)
}

func TestLayersRepeatAndSum(t *testing.T) {
	coefs := make([]float64, 6)
	repeat(coefs, []float64{1, 2})
	nearAll(t, "repeated", coefs, []float64{1, 2, 1, 2, 1, 2}, 0)
	sum := []float64{9, 9}
	SumLayers(sum, []float64{1, 2, 3, 4, 5, 6})
	nearAll(t, "summed", sum, []float64{9, 12}, 0)
}

// options is a layout of rows of so many options.
func options(counts ...int) Layout {
	var rows Layout
	for _, n := range counts {
		rows = append(rows, Row{Options: make([]string, n)})
	}
	return rows
}
