package search

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// edgeRows are two nodes, of which the second keeps two of its three edges.
var edgeRows = Layout{
	{Name: "2<-0", Options: []string{"none", "a"}, Node: 2, Source: 0, Keep: 1, NodeKeep: 2},
	{Name: "2<-1", Options: []string{"none", "a"}, Node: 2, Source: 1, Keep: 1, NodeKeep: 2},
	{Name: "3<-0", Options: []string{"none", "a"}, Node: 3, Source: 0, Keep: 1, NodeKeep: 2},
	{Name: "3<-1", Options: []string{"none", "a"}, Node: 3, Source: 1, Keep: 1, NodeKeep: 2},
	{Name: "3<-2", Options: []string{"none", "a"}, Node: 3, Source: 2, Keep: 1, NodeKeep: 2},
}

// Weights of edges add up to 1 in each node, multiply the mixtures, and the pullback of
// the product is right by differences, for logits and on the simplex.
func TestEdgeWeights(t *testing.T) {
	for name, inner := range map[string]func(Layout) Relaxation{
		"softmax": func(l Layout) Relaxation { return NewSoftmax(l, 1, rand.New(rand.NewPCG(1, 2))) },
		"simplex": NewSimplex,
	} {
		e := Edged(edgeRows, inner)
		if len(e.Params()) != 10+5 {
			t.Fatalf("%s: %d parameters, want 10 of operations and 5 of edges", name, len(e.Params()))
		}
		coefs, dcoefs, grad := make([]float64, 10), make([]float64, 10), make([]float64, 15)
		for i := range dcoefs {
			dcoefs[i] = float64(i*i%7) - 3
		}
		e.Mix(coefs, Use{})(dcoefs, grad)
		sum := 0.0
		for _, c := range coefs[:4] {
			sum += c
		}
		near(t, "edges of a node", sum, 1, 1e-12)
		for i := range grad {
			const h = 1e-6
			old := e.Params()[i]
			e.Params()[i] = old + h
			e.Mix(coefs, Use{})
			up := dot(coefs, dcoefs)
			e.Params()[i] = old - h
			e.Mix(coefs, Use{})
			near(t, name, grad[i], (up-dot(coefs, dcoefs))/(2*h), 1e-8)
			e.Params()[i] = old
		}
	}
	whole := Edged(toyRows, NewSimplex) // every edge is kept, so none has a weight
	if len(whole.Params()) != 6 {
		t.Errorf("%d parameters, want 6", len(whole.Params()))
	}
}

// SGAS by hand: importance and certainty scaled among what is open, the best first, and a
// node that has its edges loses the others.
func TestGreedyDecisions(t *testing.T) {
	rows := Layout{
		{Name: "3<-0", Options: []string{"none", "a", "b"}, Node: 3, Source: 0, Keep: 1, NodeKeep: 2},
		{Name: "3<-1", Options: []string{"none", "a", "b"}, Node: 3, Source: 1, Keep: 1, NodeKeep: 2},
		{Name: "3<-2", Options: []string{"none", "a", "b"}, Node: 3, Source: 2, Keep: 1, NodeKeep: 2},
	}
	p := []float64{0.1, 0.8, 0.1, 0.3, 0.1, 0.6, 0.05, 0.5, 0.45}
	near(t, "importance", importance01(spans(rows, "")[0], p), 0.9, 1e-15)
	h := -(8./9*math.Log(8./9) + 1./9*math.Log(1./9)) / math.Log(2)
	near(t, "certainty", certainty(spans(rows, "")[0], p), 1-h, 1e-12)
	g := &greedy{SGAS: SGAS{Every: 1}, pinned: newPinned(NewSimplex(rows), 9), rows: rows}
	g.decideIn("", p)
	nearAll(t, "first", g.pinned.pins[:3], []float64{0, 1, 0}, 0)
	// Importance of the others 0.7 and 0.95, certainty falls the other way: both score 0, so
	// the first is taken, and the node has its edges.
	g.decideIn("", p)
	nearAll(t, "all", g.pinned.pins, []float64{0, 1, 0, 0, 0, 1, 0, 0, 0}, 0)
	g.decideIn("", p) // nothing is left

	g.Stability, g.past = true, slices.Repeat([]float64{0.2, 0.6, 0.2, 0.3, 0.1, 0.6, 0.05, 0.5, 0.45}, 2)
	near(t, "stability", g.stability(spans(rows, "")[0], p), 0.1+0.6+0.1, 1e-15)
	near(t, "stability of what rests", g.stability(spans(rows, "")[1], p), 1, 1e-15)
}

// The decisions come at the epochs of the spec: after the warm-up, then every so many.
func TestGreedySchedule(t *testing.T) {
	env := toyTrial(1)
	env.set("epochs=6", "warm_up=2", "every=2")
	s := start(t, "sgas", env).(*Engine)
	var decided []int
	for range 6 {
		epoch(t, s)
		n := 0
		for i := range 6 {
			if !s.Relaxation.(*pinned).free(i) {
				n++
			}
		}
		decided = append(decided, n)
	}
	if want := []int{0, 0, 3, 3, 6, 6}; !slices.Equal(decided, want) {
		t.Errorf("decided entries %v, want %v", decided, want)
	}
}

// Gates are independent; the penalty's gradient is right by differences and drives them
// to 0 and 1; a node keeps at most two of its open edges.
func TestFairGates(t *testing.T) {
	alpha, grad := []float64{0.3, -0.8, 0.1}, make([]float64, 3)
	zeroOne(10)(alpha, grad, Clock{})
	f := func() float64 {
		sum := 0.0
		for _, a := range alpha {
			sum += (sigmoid(a) - 0.5) * (sigmoid(a) - 0.5) / 3
		}
		return -10 * sum
	}
	for i := range alpha {
		const h = 1e-5
		old := alpha[i]
		alpha[i] = old + h
		up := f()
		alpha[i] = old - h
		near(t, "gradient", grad[i], (up-f())/(2*h), 1e-8)
		alpha[i] = old
	}
	if grad[0] >= 0 || grad[1] <= 0 {
		t.Errorf("gradient %v does not lead away from one half", grad)
	}
	e := &Engine{Parts: Parts{Relaxation: fixedScores{0, 0.9, 0, 0.95, 0, 0.99, 0, 0.9, 0, 0.7}}}
	kept := make([]bool, 10)
	openGates{rows: edgeRows, threshold: 0.92}.Kept(e, kept)
	if want := []bool{false, false, false, true, false, true, false, false, false, false}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
}

type fixedScores []float64

func (f fixedScores) Params() []float64               { return nil }
func (f fixedScores) Mix(c []float64, _ Use) Pullback { copy(c, f); return nil }
func (f fixedScores) Scores(s []float64)              { copy(s, f) }
func (f fixedScores) State() []byte                   { return nil }
func (f fixedScores) SetState([]byte) error           { return nil }

// The stages of P-DARTS: depth, what is left of the rows, fresh α, the clock of a stage.
func TestStages(t *testing.T) {
	env := toyTrial(1)
	env.set("epochs=6")
	s := start(t, "p-darts", env).(*Engine)
	for i, want := range []struct{ depth, left, epoch int }{{0, 6, 0}, {0, 6, 1}, {3, 4, 0}, {3, 4, 1}, {4, 4, 0}, {4, 4, 1}} {
		before := slices.Clone(s.Relaxation.Params())
		epoch(t, s)
		left := 0
		for _, gone := range s.Relaxation.(*remaining).gone {
			left += 1 - int(gone)
		}
		if s.Supernet.Depth != want.depth || left != want.left || s.Clock.Epoch != want.epoch || s.Clock.Epochs != 2 {
			t.Errorf("epoch %d: depth %d, %d options, epoch %d of %d of the stage; want %+v", i, s.Supernet.Depth, left, s.Clock.Epoch, s.Clock.Epochs, want)
		}
		if want.epoch == 0 && i > 0 && norm2(minus(s.Relaxation.Params(), before)) == 0 {
			t.Error("α does not start afresh")
		}
	}
	var of []int
	for i := range 10 {
		stage, within, length := stages{3, 10}.at(i)
		of = append(of, 100*stage+10*within+length)
	}
	if want := []int{4, 14, 24, 34, 103, 113, 123, 203, 213, 223}; !slices.Equal(of, want) {
		t.Errorf("stage, epoch and length of ten epochs in three stages: %v, want %v", of, want)
	}
}

// What is left of rows of which options have gone adds up to 1, and its pullback is right
// by differences.
func TestKeptOptions(t *testing.T) {
	soft := NewSoftmax(toyRows, 1, rand.New(rand.NewPCG(1, 2)))
	k := &kept{Relaxation: soft, rows: toyRows, gone: make([]float64, 6)}
	scores := make([]float64, 6)
	k.Scores(scores)
	k.prune(2)
	for r := range 2 {
		if least := slices.Index(scores[3*r:3*r+3], slices.Min(scores[3*r:3*r+3])); k.gone[3*r+least] != 1 {
			t.Errorf("of %v %v have gone", scores[3*r:3*r+3], k.gone[3*r:3*r+3])
		}
	}
	coefs, d, grad := make([]float64, 6), []float64{1, 2, -1, 0.5, 3, 1}, make([]float64, 6)
	k.Mix(coefs, Use{})(d, grad)
	near(t, "sum of a row", coefs[0]+coefs[1]+coefs[2], 1, 1e-12)
	for i := range grad {
		const h = 1e-6
		old := soft.Params()[i]
		soft.Params()[i] = old + h
		k.Mix(coefs, Use{})
		up := dot(coefs, d)
		soft.Params()[i] = old - h
		k.Mix(coefs, Use{})
		near(t, "gradient", grad[i], (up-dot(coefs, d))/(2*h), 1e-8)
		soft.Params()[i] = old
	}
}

// Progressive DrNAS widens between its stages, and carries momentum and weights.
func TestProgressiveDrNAS(t *testing.T) {
	env := toyTrial(1)
	env.set("epochs=4", "partials=[4,2]", "options=[0,2]", "warm_up=1")
	s := start(t, "drnas", env).(*Engine)
	epoch(t, s)
	alpha := slices.Clone(s.Relaxation.Params())
	if near := norm2(alpha); near > 0.01 {
		t.Errorf("α moves in the warm-up, to %v", alpha)
	}
	epoch(t, s)
	if norm2(minus(s.Relaxation.Params(), alpha)) == 0 || s.Supernet.Partial != 4 {
		t.Errorf("α %v, supernet %+v", s.Relaxation.Params(), s.Supernet)
	}
	w := slices.Clone(env.problem.w.x)
	s.Clock = Clock{Epoch: 2, Epochs: 4}
	momentum := slices.Clone(s.Momentum.(*vec).x)
	if err := s.Hooks[0].Before(s); err != nil {
		t.Fatal(err)
	}
	if s.Supernet.Partial != 2 || !slices.Equal(s.Momentum.(*vec).x, momentum) || !slices.Equal(s.Problem.Weights().(*vec).x, w) {
		t.Error("weights or momentum were not carried along")
	}
	if gone := s.Relaxation.(*kept).gone; slices.Index(gone, 1) < 0 {
		t.Error("nothing was pruned")
	}
}

// The gradient through ln θ is that of the soft draw, by differences.
func TestSimplexGumbel(t *testing.T) {
	s := newSimplexGumbel(toyRows, Temperature{0.8, 0.8})
	for i := range s.theta {
		s.theta[i] = 0.1 + 0.1*float64(i)
	}
	use := func() Use { return Use{Clock: Clock{Epochs: 1}, Rand: rand.New(rand.NewPCG(3, 4))} }
	coefs, d, grad := make([]float64, 6), []float64{1, 2, -1, 0.5, 3, 1}, make([]float64, 6)
	s.Mix(coefs, use())(d, grad)
	for i := range grad {
		const h = 1e-6
		soft := func(x float64) float64 {
			old := s.theta[i]
			s.theta[i] = x
			s.Mix(coefs, use())
			s.theta[i] = old
			return dot(s.hard.p, d)
		}
		near(t, "gradient", grad[i], (soft(s.theta[i]+h)-soft(s.theta[i]-h))/(2*h), 1e-8)
	}
}

// The weakest identities of the first kind of cell go until no more than so many are chosen.
func TestFewSkips(t *testing.T) {
	rows := slices.Clone(edgeRows)
	for i := range rows {
		rows[i].Options = []string{"none", "skip_connect", "conv"}
	}
	scores := []float64{0, 0.9, 0.1, 0, 0.5, 0.4, 0, 0.8, 0.3, 0, 0.7, 0.2, 0, 0.1, 0.6}
	fewSkips{rows: rows, most: 2}.limit(scores)
	nearAll(t, "scores", scores, []float64{0, 0.9, 0.1, 0, 0, 0.4, 0, 0.8, 0.3, 0, 0, 0.2, 0, 0.1, 0.6}, 0)
}

// The Hessian in a tiny α beside its closed form, its eigenvalue beside a power
// iteration, and the stop at a growing average.
func TestEigenStop(t *testing.T) {
	a := mat.NewSymDense(3, []float64{2, 1, 0, 1, 3, -1, 0, -1, 1})
	x := []float64{0.2, -0.1, 0.4}
	h, err := symmetric(x, func(grad []float64) error {
		for i := range grad {
			grad[i] = 0
			for j := range x {
				grad[i] += a.At(i, j) * x[j]
			}
			grad[i] += math.Cos(x[i]) // Hessian −sin(x_i) on the diagonal
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		for j := range 3 {
			want := a.At(i, j)
			if i == j {
				want -= math.Sin(x[i])
			}
			near(t, "Hessian", h.At(i, j), want, 1e-8)
		}
	}
	var eigen mat.EigenSym
	eigen.Factorize(h, false)
	v := mat.NewVecDense(3, []float64{1, 1, 1})
	for range 200 {
		v.MulVec(h, v)
		v.ScaleVec(1/mat.Norm(v, 2), v)
	}
	var hv mat.VecDense
	hv.MulVec(h, v)
	near(t, "largest eigenvalue", slices.Max(eigen.Values(nil)), mat.Dot(v, &hv), 1e-9)

	s := &eigenStop{eigenvalues: eigenvalues{values: []float64{1, 1, 1, 1, 1, 1, 2, 2, 2}}}
	near(t, "average", s.average(9), 1.6, 1e-12)
	near(t, "four values before", s.average(5), 1, 1e-12)
	s.options, s.scores, s.answer = 1, []float64{10, 11, 12, 13, 14, 15, 16, 17, 18}, 9-eigenBack
	one := make([]float64, 1)
	s.Scores(nil, one)
	near(t, "answer of six values before", one[0], 12, 0)
}

// Draws that choose an option run it alone, with the gradient of the soft draw; rows of
// inputs stay soft.
func TestHardGumbel(t *testing.T) {
	rows := append(slices.Clone(toyRows), Row{Name: "parents", Kind: Input, Options: []string{"0", "1"}, Keep: 1})
	soft := Gumbel(rows, Temperature{1, 1}, 1, rand.New(rand.NewPCG(1, 2))).(*gumbel)
	hard := &hardGumbel{*soft}
	use := func() Use { return Use{Clock: Clock{Epochs: 1}, Rand: rand.New(rand.NewPCG(3, 4))} }
	a, b, d := make([]float64, 8), make([]float64, 8), []float64{1, 2, -1, 0.5, 3, 1, 2, -2}
	ga, gb := make([]float64, 8), make([]float64, 8)
	soft.Mix(a, use())(d, ga)
	hard.Mix(b, use())(d, gb)
	nearAll(t, "gradient", gb, ga, 0)
	for row := range 2 {
		s, h := a[3*row:3*row+3], b[3*row:3*row+3]
		if top := slices.Index(s, slices.Max(s)); h[top] != 1 || h[0]+h[1]+h[2] != 1 {
			t.Errorf("of %v the draw is %v", s, h)
		}
	}
	nearAll(t, "inputs", b[6:], a[6:], 0)
}

// Densities by hand on one row, and a search that finds the best cell sooner than chance.
func TestBOHB(t *testing.T) {
	rows := Layout{{Options: []string{"a", "b", "c"}}}
	d := newDensity(rows, []answered{{[]int{0}, 1}, {[]int{0}, 1}, {[]int{2}, 1}, {[]int{2}, 1}})
	h := math.Min(1.06*1*math.Pow(4, -1./5), 2./3) // deviation 1
	near(t, "width", d.width[0], h, 1e-12)
	near(t, "density", d.at([]int{0}), ((1-h)+h/2)/2, 1e-12)
	near(t, "all of it", d.at([]int{0})+d.at([]int{1})+d.at([]int{2}), 1, 1e-12)
	same := newDensity(rows, []answered{{[]int{1}, 1}, {[]int{1}, 1}})
	near(t, "least width", same.width[0], 1e-3, 0)

	env := toyTrial(3)
	env.set("queries=9")
	s := start(t, "bohb", env)
	var r Report
	for range s.Epochs() {
		r = epoch(t, s)
	}
	if r.Arch != "c|c" {
		t.Errorf("of all nine it keeps %q", r.Arch)
	}
}

// DARTS-ADA goes back to the weights and α of six eigenvalues before, with ten times the
// weight decay, twice from 0.0003 to 0.03; then on to its end. What it did in vain stays
// spent, and a run that was killed after going back ends in the same bytes.
func TestAdaptiveDecay(t *testing.T) {
	begin := func() *Engine {
		env := toyTrial(1)
		env.set("epochs=12", "weights.weight_decay=3e-4", "factor=1e-3")
		for i := range env.problem.valid { // bent in α, and so that any eigenvalue has grown
			env.problem.valid[i].q = slices.Repeat([]float64{3, 0, -3}, 4)
		}
		return start(t, "darts-ada", env).(*Engine)
	}
	inside := func(e *Engine) []byte {
		return slices.Concat(Floats(e.Relaxation.Params()), e.Momentum.Bytes(), e.Problem.Weights().Bytes())
	}
	s, after, spent := begin(), [][]byte{}, 0.0
	var decays []float64
	var saved []byte
	for done := 0; done < s.Epochs(); done++ {
		r := epoch(t, s)
		if r.GFLOP <= spent {
			t.Errorf("epoch %d: %v GFLOP after %v", done+1, r.GFLOP, spent)
		}
		spent, after, decays = r.GFLOP, append(after, inside(s)), append(decays, r.Extra["weight_decay"])
		if done == 9 {
			saved = s.State()
		}
	}
	// Nine eigenvalues, back to the third; six more, back again; then nine to the end.
	if len(after) != 12+2*eigenBack {
		t.Fatalf("%d epochs, want 24", len(after))
	}
	for i, d := range decays {
		near(t, "weight decay", d, []float64{3e-4, 3e-3, 3e-2}[min(2, max(0, i-3)/6)], 1e-12)
	}
	if !bytes.Equal(after[8], after[2]) || !bytes.Equal(after[14], after[2]) {
		t.Error("the search is not where it was after its third epoch")
	}
	if bytes.Equal(after[9], after[3]) {
		t.Error("the fourth epoch is the same with ten times the weight decay")
	}
	again := begin()
	if err := again.SetState(saved); err != nil {
		t.Fatal(err)
	}
	for range 14 {
		epoch(t, again)
	}
	if !bytes.Equal(again.State(), s.State()) {
		t.Error("the states differ at the end")
	}
}
