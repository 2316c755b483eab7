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

// problem makes a network on the two fixed batches of the golden values: sine
// images with labels 3, 7 to train and cosine images with labels 1, 4 to
// validate. Weight tensors with two or more dimensions are 0.1·sin(j), j = 1, 2,
// ... in PyTorch's (out, in, kh, kw) order; scales are 1, shifts and biases 0.
func goldenProblem(t testing.TB, build supernet.Build, layers, coefs int) *supernet.Problem[float64] {
	pool := cpu.NewPool(2)
	t.Cleanup(pool.Close)
	const size, channels, classes = 32, 3, 10
	feed := supernet.Feed[float64]{
		PerEpoch: [2]int{1, 1},
		Fill: func(b search.Batch, images, targets []float64) error {
			wave, labels := func(j float64) float64 { return math.Sin(0.37 * j) }, [2]int{3, 7}
			if b.Split == search.Valid {
				wave, labels = func(j float64) float64 { return math.Cos(0.23 * j) }, [2]int{1, 4}
			}
			clear(targets)
			for n := range 2 {
				targets[n*classes+labels[n]] = 1
				for c := range channels {
					for i := range size * size {
						images[(n*size*size+i)*channels+c] = wave(float64((n*channels+c)*size*size + i + 1))
					}
				}
			}
			return nil
		},
	}
	p, err := supernet.New(build, supernet.Options{
		Images: exec.Shape{2, size, size, channels}, Classes: classes,
		Layers: layers, LayerCoefs: coefs, Pool: pool,
	}, feed)
	if err != nil {
		t.Fatal(err)
	}
	weights := p.Weights().(*cpu.Vec[float64]).Data()
	for _, param := range p.Params() {
		s := param.Shape
		w := weights[param.Offset : param.Offset+s.Len()]
		if s[0]*s[1]*s[2] == 1 { // scale, shift or bias
			for i := range w {
				w[i] = param.Start
			}
			continue
		}
		j := 0
		for o := range s[3] {
			for i := range s[2] {
				for k := range s[0] * s[1] {
					j++
					w[(k*s[2]+i)*s[3]+o] = 0.1 * math.Sin(float64(j))
				}
			}
		}
	}
	return p
}

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// Values measured on the reference implementation in float64 (PyTorch 1.13,
// exact double backward): C = 4, N = 1, alpha[r][c] = 0.1·cos(5r+c), gamma 0.01.
func TestGoldenSupernet(t *testing.T) {
	net := Net{C: 4, N: 1, Classes: 10, InChannels: 3, Size: 32}
	p := goldenProblem(t, net.Supernet(), net.Layers(), 30)

	alpha := make([]float64, 30)
	for i := range alpha {
		alpha[i] = 0.1 * math.Cos(float64(i))
	}
	coefs, pullback := softmaxOverLayers(alpha, net.Layers())
	cases := 0
	check := func(name string, got, want, tol float64) {
		t.Helper()
		cases++
		if math.Abs(got-want) > tol*math.Abs(want) {
			t.Errorf("%s = %.13g, want %.13g", name, got, want)
		}
	}

	train, valid := search.Batch{Split: search.Train}, search.Batch{Split: search.Valid}
	loss, err := p.Gradient(train, coefs, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	check("train loss", loss, 2.285052023956, 1e-11)
	v := p.NewVec()
	dcoefs := make([]float64, len(coefs))
	if loss, err = p.Gradient(valid, coefs, v, dcoefs); err != nil {
		t.Fatal(err)
	}
	check("valid loss", loss, 2.349764594741, 1e-11)
	check("|v|", math.Sqrt(v.Dot(v)), 2.728505270341, 1e-8)
	dalpha := pullback(dcoefs)
	for i, want := range []float64{-0.000385485911, -0.008240259353, 0.00527208391, 0.001705200321, 0.001648461032} {
		check("dL/dalpha row 0", dalpha[i], want, 1e-8)
	}

	if err := p.Linearize(train, coefs); err != nil {
		t.Fatal(err)
	}
	const gamma = 0.01
	u, s, hv := p.NewVec(), p.NewVec(), p.NewVec()
	u.Copy(v)
	s.Copy(v)
	implicit := func() []float64 {
		mixed := make([]float64, len(coefs))
		if err := p.Product(s, nil, mixed); err != nil {
			t.Fatal(err)
		}
		out := pullback(mixed)
		for i := range out {
			out[i] *= gamma
		}
		return out
	}
	norms := []float64{8.557346027806e-02, 3.873294200395e-01, 2.702898326811}
	row0 := map[int][]float64{
		0: {7.7155134339e-05, -2.3342490262e-02, 6.6670682212e-02, -3.2281405730e-02, -1.1123941355e-02},
		2: {1.5449827741e-02, -1.5167622833e-01, 1.7205872073, -1.6108902951, 2.6529488317e-02},
	}
	for k, want := range norms {
		if k > 0 {
			if err := p.Product(u, hv, nil); err != nil {
				t.Fatal(err)
			}
			if k == 1 {
				check("|Hv|", math.Sqrt(hv.Dot(hv)), 242.9612961779, 1e-6)
				check("v·Hv", v.Dot(hv), -35.0252297573, 1e-6)
			}
			u.Axpy(-gamma, hv)
			s.Axpy(1, u)
		}
		g := implicit()
		check("implicit term norm", norm(g), want, 1e-6)
		for i, want := range row0[k] {
			check("implicit term row 0", g[i], want, 1e-6)
		}
	}
	t.Logf("%d golden values", cases)
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

// The reference supernet has 1,686,106 weights besides its architecture
// parameters; a final network has as many as its cost says.
func TestParameterCounts(t *testing.T) {
	net := Net{C: 16, N: 5, Classes: 10, InChannels: 3, Size: 32}
	if got, want := goldenProblem(t, net.Supernet(), net.Layers(), 30).Weights().Len(), 1686106; got != want {
		t.Errorf("the supernet has %d weights, want %d", got, want)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		cell := Random(r)
		_, params := cell.Cost(net)
		got := goldenProblem(t, net.Final(cell), 0, 0).Weights().Len()
		if want := int(math.Round(params * 1e6)); got != want {
			t.Errorf("%v has %d weights, want %d", cell, got, want)
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
