package nb201

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// softmaxOverLayers is the mixture of every layer and the map that brings
// gradients in it back to alpha, summed over layers.
func softmaxOverLayers(alpha []float64, layers int) (coefs []float64, pullback func([]float64) []float64) {
	const ops = 5
	one := make([]float64, len(alpha))
	for r := 0; r < len(alpha); r += ops {
		sum := 0.0
		for o := range ops {
			one[r+o] = math.Exp(alpha[r+o])
			sum += one[r+o]
		}
		for o := range ops {
			one[r+o] /= sum
		}
	}
	for range layers {
		coefs = append(coefs, one...)
	}
	return coefs, func(g []float64) []float64 {
		out := make([]float64, len(alpha))
		for l := range layers {
			for r := 0; r < len(alpha); r += ops {
				dot := 0.0
				for o := range ops {
					dot += one[r+o] * g[l*len(alpha)+r+o]
				}
				for o := range ops {
					out[r+o] += one[r+o] * (g[l*len(alpha)+r+o] - dot)
				}
			}
		}
		return out
	}
}

// A final network has as many parameters and multiply-adds as its cost says.
func TestCostIsThatOfTheNetwork(t *testing.T) {
	net := Net{C: 16, N: 5, Classes: 10, InChannels: 3, Size: 32}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		cell := Random(r)
		mflops, params := cell.Cost(net)
		got, err := supernet.Measure(net.Final(cell), exec.Shape{1, 32, 32, 3}, 10)
		if err != nil {
			t.Fatal(err)
		}
		// The benchmark counts the biases of the classifier as well.
		want := supernet.Size{Params: int(math.Round(params * 1e6)), MACs: int(math.Round(mflops*1e6)) - net.Classes}
		if got != want {
			t.Errorf("%v has %+v, want %+v", cell, got, want)
		}
	}
}

// tinyProblem is a supernet with random images and weights, small enough that
// differences with a small step cross no kink of a relu.
func tinyProblem(t *testing.T) (p *supernet.Problem[float64], coefs func(alpha []float64) ([]float64, func([]float64) []float64)) {
	pool := cpu.NewPool(1)
	t.Cleanup(pool.Close)
	net := Net{C: 2, N: 1, Classes: 3, InChannels: 1, Size: 4}
	feed := supernet.Feed[float64]{
		PerEpoch: [2]int{1, 1},
		Fill: func(b search.Batch, images, targets []float64) error {
			r := rng.New(uint64(b.Split), "tiny images")
			for i := range images {
				images[i] = r.NormFloat64()
			}
			clear(targets)
			for n := range 3 {
				targets[3*n+n] = 1
			}
			return nil
		},
	}
	p, err := supernet.New(net.Supernet(), supernet.Options{
		Images: exec.Shape{3, net.Size, net.Size, net.InChannels}, Classes: net.Classes,
		Layers: net.Layers(), LayerCoefs: 30, Seed: 5, Pool: pool,
	}, feed)
	if err != nil {
		t.Fatal(err)
	}
	return p, func(alpha []float64) ([]float64, func([]float64) []float64) {
		return softmaxOverLayers(alpha, net.Layers())
	}
}

// normalVec is a random direction of unit length.
func normalVec(p *supernet.Problem[float64], stream uint64) exec.Vec {
	v := p.NewVec()
	r := rng.New(stream, "direction")
	for i := range v.(*cpu.Vec[float64]).Data() {
		v.(*cpu.Vec[float64]).Data()[i] = r.NormFloat64()
	}
	v.Scale(1 / math.Sqrt(v.Dot(v)))
	return v
}

func wave(n int, scale float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * math.Cos(float64(3*i))
	}
	return x
}

// relative is |got − want|/|want|.
func relative(got, want []float64) float64 {
	diff := make([]float64, len(got))
	for i := range diff {
		diff[i] = got[i] - want[i]
	}
	return norm(diff) / norm(want)
}

// Hv and the mixed product of the supernet against central differences of its
// gradients, in float64.
func TestProductsAgainstDifferences(t *testing.T) {
	p, mix := tinyProblem(t)
	coefs, _ := mix(wave(30, 0.3))
	batch := search.Batch{Split: search.Train}
	w, v := p.Weights(), normalVec(p, 1)
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
		return g.(*cpu.Vec[float64]).Data(), dc
	}
	up, upCoefs := at(h)
	down, downCoefs := at(-h)
	for i := range up {
		up[i] = (up[i] - down[i]) / (2 * h)
	}
	for i := range upCoefs {
		upCoefs[i] = (upCoefs[i] - downCoefs[i]) / (2 * h)
	}
	hvError, mixedError := relative(hv.(*cpu.Vec[float64]).Data(), up), relative(mixed, upCoefs)
	t.Logf("against central differences: relative error of Hv %.1e, of the mixed product %.1e", hvError, mixedError)
	if !(hvError < 1e-7 && mixedError < 1e-7) {
		t.Errorf("relative error of Hv %v, of the mixed product %v, want below 1e-7", hvError, mixedError)
	}
}

// The hypergradient of second-order DARTS is the exact derivative of the
// objective that is unrolled for one step,
//
//	F(α) = L₂(w − γ ∂L₁(w, α)/∂w, α),
//
// so differences of F in every entry of α must give the same numbers.
func TestHypergradientAgainstUnrolledObjective(t *testing.T) {
	p, mix := tinyProblem(t)
	alpha := wave(30, 0.3)
	train, valid := search.Batch{Split: search.Train}, search.Batch{Split: search.Valid}
	const gamma = 0.05
	w, saved, grad, v := p.Weights(), p.NewVec(), p.NewVec(), p.NewVec()
	saved.Copy(w)
	// at is F(α), and v = ∂L₂/∂w and ∂L₂/∂c at the moved weights.
	at := func(alpha []float64) (loss float64, dcoefs []float64) {
		coefs, _ := mix(alpha)
		dcoefs = make([]float64, len(coefs))
		if _, err := p.Gradient(train, coefs, grad, nil); err != nil {
			t.Fatal(err)
		}
		w.Axpy(-gamma, grad)
		loss, err := p.Gradient(valid, coefs, v, dcoefs)
		if err != nil {
			t.Fatal(err)
		}
		w.Copy(saved)
		return loss, dcoefs
	}

	coefs, pullback := mix(alpha)
	_, dcoefs := at(alpha)
	direct := pullback(dcoefs)
	hyper := search.Hyper{Problem: p}
	if err := hyper.Correct(dcoefs, v, search.Point{Coefs: coefs, Train: train, Gamma: gamma}, search.Unrolled{}); err != nil {
		t.Fatal(err)
	}
	got := pullback(dcoefs)

	const h = 2e-6
	want := make([]float64, len(alpha))
	for i := range alpha {
		moved := slices.Clone(alpha)
		moved[i] = alpha[i] + h
		up, _ := at(moved)
		moved[i] = alpha[i] - h
		down, _ := at(moved)
		want[i] = (up - down) / (2 * h)
	}
	t.Logf("against differences of the unrolled objective: relative error %.1e; %.1e without the implicit term", relative(got, want), relative(direct, want))
	if e := relative(got, want); !(e < 1e-7) {
		t.Errorf("relative error %v, want below 1e-7", e)
	}
	if e := relative(direct, want); e < 1e-3 {
		t.Errorf("the implicit term is only %v of the hypergradient: the test could not see it missing", e)
	}
}
