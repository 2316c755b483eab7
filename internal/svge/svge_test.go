package svge

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

var small = Sizes{Types: 5, Nodes: 5, Hidden: 4, Latent: 3}

// some are graphs of four and five nodes.
var some = []Graph{
	{Types: []int{Start, 2, 4, 3, End}, Edges: [][2]int{{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}}},
	{Types: []int{Start, 3, 2, 2, End}, Edges: [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, 4}}},
	{Types: []int{Start, 4, 4, 3, End}, Edges: [][2]int{{0, 1}, {0, 2}, {0, 3}, {1, 4}, {2, 4}, {3, 4}}},
}

// The gradient of the whole loss by central differences.
func TestGradient(t *testing.T) {
	m := NewModel(small, rand.New(rand.NewPCG(1, 2)))
	r := rand.New(rand.NewPCG(3, 4))
	normals := make([]float64, len(some)*small.Latent)
	for i := range normals {
		normals[i] = 30 * r.NormFloat64() // so that the variance matters
	}
	_, grad := m.Loss(some, normals, true)
	worst, size := 0.0, 0.0
	for i := range m.Theta {
		const h = 1e-5
		old := m.Theta[i]
		m.Theta[i] = old + h
		up, _ := m.Loss(some, normals, false)
		m.Theta[i] = old - h
		down, _ := m.Loss(some, normals, false)
		m.Theta[i] = old
		worst = math.Max(worst, math.Abs(grad[i]-(up-down)/(2*h)))
		size = math.Max(size, math.Abs(grad[i]))
	}
	t.Logf("%d numbers, the largest gradient %.2f, %.1e from differences", len(m.Theta), size, worst)
	if !(worst < 1e-6*size) {
		t.Errorf("the gradient is %.1e from differences", worst)
	}
}

// Graphs of a batch do not see each other, and the encoder does not see the order in which
// nodes are written.
func TestGraphsAreAlone(t *testing.T) {
	m := NewModel(small, rand.New(rand.NewPCG(1, 2)))
	whole, sum := m.Encode(some), 0.0
	for i, g := range some {
		alone := m.Encode([]Graph{g})[0]
		for j := range alone {
			if math.Abs(alone[j]-whole[i][j]) > 1e-12 {
				t.Errorf("graph %d is %v alone and %v in a batch", i, alone, whole[i])
			}
		}
		loss, _ := m.Loss([]Graph{g}, nil, false)
		sum += loss - divergenceOf(m, g)
	}
	all, _ := m.Loss(some, nil, false)
	for _, g := range some {
		all -= divergenceOf(m, g)
	}
	if math.Abs(all-sum/3) > 1e-9 {
		t.Errorf("the loss of a batch is %v, the mean of its graphs %v", all, sum/3)
	}
	halves, grad := m.halves(some, make([]float64, 3*small.Latent))
	whole2, grad2 := m.Loss(some, make([]float64, 3*small.Latent), true)
	if math.Abs(halves-whole2) > 1e-12 {
		t.Errorf("two halves lose %v, the batch %v", halves, whole2)
	}
	for i := range grad {
		if math.Abs(grad[i]-grad2[i]) > 1e-12 {
			t.Fatalf("gradient %d of two halves is %v, of the batch %v", i, grad[i], grad2[i])
		}
	}
	other := Graph{Types: []int{Start, 4, 2, 3, End}, Edges: [][2]int{{0, 2}, {0, 1}, {2, 3}, {1, 3}, {3, 4}}} // the first, nodes 1 and 2 swapped
	if a, b := whole[0], m.Encode([]Graph{other})[0]; !slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) < 1e-12 }) {
		t.Errorf("isomorphic graphs are %v and %v", a, b)
	}
}

// divergenceOf is the part of the loss that a batch adds up.
func divergenceOf(m *Model, g Graph) float64 {
	p := m.pass(false)
	mean, logVar := p.encode([]Graph{g})
	return p.divergence(mean, logVar, klWeight).x[0]
}

// Three graphs are learnt by heart, and come out of their codes.
func TestTrainAndDecode(t *testing.T) {
	m := NewModel(Sizes{Types: 5, Nodes: 5, Hidden: 12, Latent: 6}, rand.New(rand.NewPCG(1, 2)))
	losses, err := m.Train(t.Context(), slices.Repeat(some, 8), Training{Epochs: 120, Batch: 8, Rate: 5e-3}, rand.New(rand.NewPCG(5, 6)))
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range m.Decode(m.Encode(some), nil) {
		if err := g.Check(5); err != nil {
			t.Error(err)
		}
		sorted := slices.Clone(some[i].Edges)
		slices.SortFunc(sorted, func(a, b [2]int) int { return 10*(a[1]-b[1]) + a[0] - b[0] })
		if !slices.Equal(g.Types, some[i].Types) || !slices.Equal(g.Edges, sorted) {
			t.Errorf("graph %d comes out as %v %v (losses %.3f to %.3f)", i, g.Types, g.Edges, losses[0], losses[len(losses)-1])
		}
	}
	sampled := m.Decode(m.Encode(some), rand.New(rand.NewPCG(7, 8)))
	if len(sampled) != 3 {
		t.Errorf("%d graphs", len(sampled))
	}
	for _, bad := range []Graph{{Types: []int{Start, 9, End}}, {Types: []int{2, End}}, {Types: []int{Start, 2, End}, Edges: [][2]int{{2, 1}}}} {
		if bad.Check(5) == nil {
			t.Errorf("%v is taken for a graph", bad)
		}
	}
}

// With given numbers of the kernel the posterior is the closed form of one point; the
// gradient of the likelihood by differences; a smooth function is found between points.
func TestGP(t *testing.T) {
	points := [][]float64{{0, 0}, {1, 0.5}, {-0.5, 1}, {0.3, -0.8}, {-1, -0.2}}
	y := mat.NewVecDense(5, []float64{0.5, -0.3, 0.8, 0.1, -0.9})
	logs, grad := []float64{0.2, -0.3, 0.1, -1}, make([]float64, 4)
	if _, err := likelihood(points, y, logs, grad); err != nil {
		t.Fatal(err)
	}
	for i := range logs {
		const h = 1e-6
		old := logs[i]
		logs[i] = old + h
		up, _ := likelihood(points, y, logs, nil)
		logs[i] = old - h
		down, _ := likelihood(points, y, logs, nil)
		logs[i] = old
		if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-6 {
			t.Errorf("gradient %d is %v, by differences %v", i, grad[i], want)
		}
	}
	one := &GP{points: [][]float64{{0.5}}, logs: []float64{0, math.Log(2), math.Log(0.5)}, mean: 3, scale: 2}
	one.chol.Factorize(kernelMatrix(one.points, one.logs))
	one.weights = mat.NewVecDense(1, nil)
	one.chol.SolveVecTo(one.weights, mat.NewVecDense(1, []float64{1.5}))
	k := 4 * math.Exp(-0.5*0.04)
	mean, deviation := one.At([]float64{0.7})
	if want := 3 + 2*k*1.5/4.25; math.Abs(mean-want) > 1e-6 {
		t.Errorf("mean %v, want %v", mean, want)
	}
	if want := 2 * math.Sqrt(4-k*k/4.25); math.Abs(deviation-want) > 1e-6 {
		t.Errorf("deviation %v, want %v", deviation, want)
	}
	var xs [][]float64
	var vs []float64
	r := rand.New(rand.NewPCG(1, 2))
	f := func(x []float64) float64 { return 50 + 10*math.Sin(2*x[0]) + x[1]*x[1] }
	for range 60 {
		x := []float64{2*r.Float64() - 1, 2*r.Float64() - 1}
		xs, vs = append(xs, x), append(vs, f(x))
	}
	g, err := FitGP(xs, vs, 50)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		x := []float64{1.8*r.Float64() - 0.9, 1.8*r.Float64() - 0.9}
		if mean, deviation := g.At(x); math.Abs(mean-f(x)) > 0.3 || deviation > 1 {
			t.Errorf("at %v it says %.3f ± %.3f, want %.3f", x, mean, deviation, f(x))
		}
	}
}

// Expected improvement beside an integral.
func TestImprovement(t *testing.T) {
	for _, tt := range [][3]float64{{1, 0.5, 1.2}, {0, 2, 3}, {5, 1, 4}} {
		sum, const1 := 0.0, 1e-4
		for z := -8.0; z < 8; z += const1 {
			v := tt[0] + tt[1]*(z+const1/2)
			sum += math.Max(v-tt[2], 0) * math.Exp(-(z+const1/2)*(z+const1/2)/2) / math.Sqrt(2*math.Pi) * const1
		}
		if got := Improvement(tt[0], tt[1], tt[2]); math.Abs(got-sum) > 1e-6 {
			t.Errorf("improvement of %v is %v, by an integral %v", tt, got, sum)
		}
	}
	if Improvement(3, 0, 2) != 1 || Improvement(1, 0, 2) != 0 {
		t.Error("what is certain improves by its difference")
	}
}
