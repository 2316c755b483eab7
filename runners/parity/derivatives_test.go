package parity

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/longtest"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// tinyProblem is a supernet with random images, weights and alpha, small enough
// that differences with a small step cross no kink of a relu or a maximum.
type tinyProblem struct {
	*supernet.Problem
	layout search.Layout
	alpha  []float64
}

func newTiny(t *testing.T, space protocol.Space) *tinyProblem {
	device := cpu.Open[float64](1)
	t.Cleanup(device.Close)
	set := &images.Set{H: 4, W: 4, C: 1, Classes: 3}
	cellCount := 1
	if space.Name == "darts" {
		cellCount, set.H, set.W = 3, 8, 8
	}
	feed := supernet.Feed{
		PerEpoch: [batch.NumSplits]int{1, 1},
		Fill: func(b batch.Batch, images, targets exec.Host) error {
			r := rng.New(uint64(b.Split), "tiny images")
			for i := range images.Len() {
				images.Set(i, r.NormFloat64())
			}
			targets.Clear()
			for n := range 3 {
				targets.Set(3*n+n, 1)
			}
			return nil
		},
	}
	p := &tinyProblem{layout: space.Search().Layout}
	build, cells := space.Sized(2, cellCount).Search(supernet.DataOf(set))
	var err error
	if p.Problem, err = supernet.New(build, supernet.Options{
		Images: exec.Shape{3, set.H, set.W, set.C}, Classes: set.Classes,
		Layers: cells, LayerCoefs: p.layout.Len(), Seed: 5, Device: device,
	}, feed); err != nil {
		t.Fatal(err)
	}
	for i := range p.layout.Len() {
		p.alpha = append(p.alpha, 0.3*math.Cos(float64(3*i)))
	}
	return p
}

// mix are the coefficients of all layers, and the map that brings gradients in
// them back to alpha.
func (p *tinyProblem) mix(alpha []float64) (coefs []float64, pullback func([]float64) []float64) {
	one := make([]float64, len(alpha))
	search.Softmax.Mix(p.layout, alpha, one)
	return slices.Repeat(one, p.Layers()), func(g []float64) []float64 {
		sum, out := make([]float64, len(alpha)), make([]float64, len(alpha))
		for i, x := range g {
			sum[i%len(sum)] += x
		}
		search.Softmax.Pullback(p.layout, one, sum, out)
		return out
	}
}

// data is a copy of v.
func data(v exec.Vec) []float64 {
	x := make([]float64, v.Len())
	v.Read(x)
	return x
}

// relative is |got − want|/|want|.
func relative(got, want []float64) float64 {
	diff := make([]float64, len(got))
	for i := range diff {
		diff[i] = got[i] - want[i]
	}
	return length(diff) / length(want)
}

// Hv and the mixed product of every space's supernet against central differences
// of its gradients, in float64.
func TestProductsAgainstDifferences(t *testing.T) {
	for _, space := range protocol.Spaces {
		t.Run(space.Name, func(t *testing.T) {
			p := newTiny(t, space)
			coefs, _ := p.mix(p.alpha)
			batch := batch.Batch{Split: batch.Train}
			w, v := p.Weights(), p.NewVec()
			r := rng.New(1, "direction")
			direction := data(v)
			for i := range direction {
				direction[i] = r.NormFloat64()
			}
			v.Write(direction)
			v.Scale(1 / search.Norm(v))
			hv, mixed := p.NewVec(), make([]float64, len(coefs))
			if err := p.Linearize(batch, coefs); err != nil {
				t.Fatal(err)
			}
			if err := p.Product(v, hv, mixed); err != nil {
				t.Fatal(err)
			}
			const h = 1e-6
			at := func(step float64) ([]float64, []float64) {
				g, dc := p.NewVec(), make([]float64, len(coefs))
				w.Axpy(step, v)
				if _, err := p.Gradient(batch, coefs, g, dc); err != nil {
					t.Fatal(err)
				}
				w.Axpy(-step, v)
				return data(g), dc
			}
			up, upCoefs := at(h)
			down, downCoefs := at(-h)
			for i := range up {
				up[i] = (up[i] - down[i]) / (2 * h)
			}
			for i := range upCoefs {
				upCoefs[i] = (upCoefs[i] - downCoefs[i]) / (2 * h)
			}
			hvError, mixedError := relative(data(hv), up), relative(mixed, upCoefs)
			t.Logf("against central differences: relative error of Hv %.1e, of the mixed product %.1e", hvError, mixedError)
			if !(hvError < 1e-7 && mixedError < 1e-7) {
				t.Errorf("relative error of Hv %v, of the mixed product %v, want below 1e-7", hvError, mixedError)
			}

			move, curved, slope := make([]float64, len(coefs)), make([]float64, len(coefs)), make([]float64, len(coefs))
			for i := range move {
				move[i] = r.NormFloat64() / math.Sqrt(float64(len(move)))
			}
			if err := p.Curvature(batch, coefs, slope, [][]float64{move}, [][]float64{curved}); err != nil {
				t.Fatal(err)
			}
			beside := func(step float64) []float64 {
				moved, dc := slices.Clone(coefs), make([]float64, len(coefs))
				for i := range moved {
					moved[i] += step * move[i]
				}
				if _, err := p.Gradient(batch, moved, nil, dc); err != nil {
					t.Fatal(err)
				}
				return dc
			}
			upCoefs, downCoefs = beside(h), beside(-h)
			for i := range upCoefs {
				upCoefs[i] = (upCoefs[i] - downCoefs[i]) / (2 * h)
			}
			if err := relative(curved, upCoefs); !(err < 1e-6) {
				t.Errorf("relative error of the curvature in the mixture %v, want below 1e-6", err)
			}
			if err := relative(slope, beside(0)); !(err < 1e-12) {
				t.Errorf("relative error of the gradient in the mixture %v, want below 1e-12", err)
			}
		})
	}
}

// The hypergradient of second-order DARTS is the exact derivative of the
// objective that is unrolled for one step,
//
//	F(α) = L₂(w − γ ∂L₁(w, α)/∂w, α),
//
// so differences of F in every entry of α must give the same numbers.
func TestHypergradientAgainstUnrolledObjective(t *testing.T) {
	for _, space := range protocol.Spaces {
		t.Run(space.Name, func(t *testing.T) {
			p := newTiny(t, space)
			train, valid := batch.Batch{Split: batch.Train}, batch.Batch{Split: batch.Valid}
			gamma, every := 0.05, 1
			if space.Name == "darts" { // steeper, and with many entries
				longtest.Needed(t)
				gamma, every = 0.002, 9
			}
			w, saved, grad, v := p.Weights(), p.NewVec(), p.NewVec(), p.NewVec()
			saved.Copy(w)
			// at is F(α), and v = ∂L₂/∂w and ∂L₂/∂c at the moved weights.
			at := func(alpha []float64) (loss float64, dcoefs []float64) {
				coefs, _ := p.mix(alpha)
				dcoefs = make([]float64, len(coefs))
				if _, err := p.Gradient(train, coefs, grad, nil); err != nil {
					t.Fatal(err)
				}
				w.Axpy(-gamma, grad)
				number, err := p.Gradient(valid, coefs, v, dcoefs)
				if err != nil {
					t.Fatal(err)
				}
				w.Copy(saved)
				return number.Value(), dcoefs
			}

			coefs, pullback := p.mix(p.alpha)
			_, dcoefs := at(p.alpha)
			direct := pullback(dcoefs)
			hyper := search.Hyper{Problem: p}
			if err := hyper.Correct(dcoefs, v, search.Point{Coefs: coefs, Train: train, Gamma: gamma}, search.Unrolled{}); err != nil {
				t.Fatal(err)
			}
			all := pullback(dcoefs)

			const h = 2e-6
			var got, plain, want []float64
			for i := 0; i < len(p.alpha); i += every {
				moved := slices.Clone(p.alpha)
				moved[i] = p.alpha[i] + h
				up, _ := at(moved)
				moved[i] = p.alpha[i] - h
				down, _ := at(moved)
				got, plain, want = append(got, all[i]), append(plain, direct[i]), append(want, (up-down)/(2*h))
			}
			t.Logf("%d entries against differences of the unrolled objective: relative error %.1e; %.1e without the implicit term",
				len(want), relative(got, want), relative(plain, want))
			if e := relative(got, want); !(e < 1e-6) {
				t.Errorf("relative error %v, want below 1e-6", e)
			}
			if e := relative(plain, want); e < 1e-3 {
				t.Errorf("the implicit term is only %v of the hypergradient: the test could not see it missing", e)
			}
		})
	}
}
