package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// planted is a problem on which coefficient i is worth so much accuracy times its value.
func planted(worth ...float64) *plantedProblem {
	return &plantedProblem{toy: &toy{layers: 1, train: []bowl{{A: diag(1)}}, valid: []bowl{{A: diag(1)}}, perEpoch: 1, w: &vec{[]float64{1}}}, worth: worth}
}

type plantedProblem struct {
	*toy
	worth []float64
	seen  [][]float64 // coefficients of evaluations
}

func (p *plantedProblem) EvaluateSplit(_ batch.Split, coefs []float64, _ exec.NormMode) (batch.Evaluation, error) {
	p.seen = append(p.seen, slices.Clone(coefs))
	a := dot(coefs, p.worth)
	return batch.Evaluation{Accuracy: a, Loss: -a}, nil
}

func (p *plantedProblem) Evaluate(b batch.Batch, coefs []float64, n exec.NormMode) (batch.Evaluation, error) {
	return p.EvaluateSplit(b.Split, coefs, n)
}

// Gradient knows nothing of the mixture.
func (p *plantedProblem) Gradient(b batch.Batch, _ []float64, dw exec.Vec, dcoefs []float64) (exec.Number, error) {
	clear(dcoefs)
	return p.toy.Gradient(b, nil, dw, nil)
}

// cellRows are those of a node with three inputs, of which two are kept, with none.
var cellRows = Layout{
	{Name: "3<-0", Options: []string{"none", "a", "b"}, Node: 3, Source: 0, Keep: 1, NodeKeep: 2},
	{Name: "3<-1", Options: []string{"none", "a", "b"}, Node: 3, Source: 1, Keep: 1, NodeKeep: 2},
	{Name: "3<-2", Options: []string{"none", "a", "b"}, Node: 3, Source: 2, Keep: 1, NodeKeep: 2},
}

// Planted worths: each edge keeps the operation that is worth most, then the edge that is
// worth least goes. The decisions come at epochs 0, 2, 4 and 5 or 6, by either criterion.
func TestPerturbationKeepsWhatIsUseful(t *testing.T) {
	worth := []float64{0, 5, 1, 0, 1, 2, 0, 9, 3}
	for _, tt := range []struct {
		full      bool
		criterion Criterion
		epochs    int
	}{{false, ByAccuracy, 6}, {true, ByLoss, 7}} {
		p := planted(worth...)
		space := Space{Layout: cellRows, Derive: func([]float64) string { return "" }}
		s := toySettings()["darts-pt"].(DARTSPT)
		s.LastFull, s.Criterion, s.Epochs = tt.full, tt.criterion, 1
		searcher, err := dartsPT.New(Env{Space: space, Seed: 3, Supernet: func(SupernetOptions) (Problem, error) { return p, nil }}, s)
		if err != nil {
			t.Fatal(err)
		}
		e := searcher.(*Engine)
		if e.Epochs() != 1+tt.epochs {
			t.Fatalf("%d epochs, want the search and %d", e.Epochs(), tt.epochs)
		}
		var decided []int // entries after each epoch
		for range e.Epochs() {
			epoch(t, e)
			n := 0
			for i := range worth {
				if !e.Relaxation.(*pinned).free(i) {
					n++
				}
			}
			decided = append(decided, n)
		}
		want := []int{0, 3, 3, 6, 6, 9, 9}
		if tt.full {
			want = append(want, 9)
		}
		if !slices.Equal(decided, want) {
			t.Errorf("decided entries %v, want %v", decided, want)
		}
		scores := make([]float64, 9)
		e.Select.Scores(e, scores)
		nearAll(t, "decisions", scores, []float64{0, 1, 0, 0, 0, 0, 0, 1, 0}, 0)
		for _, coefs := range p.seen { // nothing is divided again by the sum of its row
			for _, c := range coefs {
				if c != 0 && c != 1 && math.Abs(c-1./3) > 0.1 {
					t.Fatalf("a coefficient is %v, want 0, 1 or a third", c)
				}
			}
		}
	}
}

// In spaces of inputs, rows of inputs lose theirs down to Keep.
func TestPerturbationOfInputs(t *testing.T) {
	rows := Layout{
		{Name: "operation of 1", Options: []string{"a", "b"}, Kind: Vertex, Node: 1, Keep: 1},
		{Name: "parents of output", Options: []string{"0", "1", "2", "3"}, Kind: Output, Node: 4, Keep: 2},
	}
	p := planted(1, 3, 4, 1, 5, 2)
	searcher, err := dartsPT.New(Env{Space: Space{Layout: rows, Derive: func([]float64) string { return "" }}, Supernet: func(SupernetOptions) (Problem, error) { return p, nil }}, toySettings()["darts-pt"])
	if err != nil {
		t.Fatal(err)
	}
	for range searcher.Epochs() {
		epoch(t, searcher)
	}
	e, scores := searcher.(*Engine), make([]float64, 6)
	e.Select.Scores(e, scores)
	if scores[0] != 0 || scores[1] != 1 || scores[3] != 0 || scores[5] != 0 || scores[2] == 0 || scores[4] == 0 {
		t.Errorf("scores %v, want the second operation, and inputs 0 and 2", scores)
	}
}

// Paths take what an architecture of the space takes, uniformly.
func TestRandomPaths(t *testing.T) {
	rows := append(slices.Clone(cellRows), Row{Name: "parents", Options: []string{"0", "1", "2"}, Kind: Input, Keep: 2}, Row{Options: []string{"none", "c"}, Keep: 1})
	r, path, times := rand.New(rand.NewPCG(1, 1)), make([]float64, rows.Len()), make([]float64, rows.Len())
	const n = 30000
	for range n {
		drawPath(rows, path, nil, r)
		edges := 0.0
		for i, x := range path[:9] {
			if i%3 == 0 && x != 0 {
				t.Fatal("a node reads none")
			}
			edges += x
		}
		if edges != 2 || path[9]+path[10]+path[11] != 2 || path[12]+path[13] != 1 {
			t.Fatalf("path %v", path)
		}
		for i, x := range path {
			times[i] += x / n
		}
	}
	nearAll(t, "shares", times, []float64{0, 1. / 3, 1. / 3, 0, 1. / 3, 1. / 3, 0, 1. / 3, 1. / 3, 2. / 3, 2. / 3, 2. / 3, 0.5, 0.5}, 0.012)
	p := []float64{0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0.9, 0.1, 1, 0}
	drawPath(rows, path, p, r)
	if path[10] != 1 || path[11] != 1 || path[12] != 1 || path[1]+path[5]+path[7] != 0 {
		t.Errorf("by probabilities %v the path is %v", p, path)
	}
}

// The most probable architectures, beside a sort of all nine.
func TestMostProbable(t *testing.T) {
	p := []float64{0.5, 0.2, 0.3, 0.15, 0.6, 0.25}
	var all []float64
	for a := range 3 {
		for b := range 3 {
			all = append(all, p[a]*p[3+b])
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	got := mostProbable(toyRows, p, 20)
	if len(got) != 9 {
		t.Fatalf("%d architectures, want all 9", len(got))
	}
	seen := map[int]bool{}
	for k, path := range got {
		a, b := slices.Index(path[:3], 1), slices.Index(path[3:], 1)
		near(t, "probability", p[a]*p[3+b], all[k], 1e-15)
		seen[3*a+b] = true
	}
	if len(seen) != 9 {
		t.Errorf("%d of them differ, want 9", len(seen))
	}
}

// The best of the sampled architectures is kept, and weight steps run single paths.
func TestBestSampled(t *testing.T) {
	p := planted(1, 5, 2, 3, 0, 9)
	env := toyTrial(1)
	env.Supernet = func(SupernetOptions) (Problem, error) { return p, nil }
	env.set("sampling.samples=40")
	for _, name := range []string{"rsps", "setn"} {
		s := start(t, name, env)
		r := epoch(t, s)
		if r.Arch != "b|c" || r.Extra["best_sampled"] != 14 || !p.skips {
			t.Errorf("%s: %q of accuracy %v with operations skipped: %v, want \"b|c\" of 14", name, r.Arch, r.Extra["best_sampled"], p.skips)
		}
	}
	path := uniformPaths{newNoParams(toyRows), toyRows}
	coefs := make([]float64, 6)
	path.Mix(coefs, Use{For: ForWeights, Rand: rand.New(rand.NewPCG(1, 1))})
	ones := 0
	for _, c := range coefs {
		if c == 1 {
			ones++
		}
	}
	if ones != 2 {
		t.Errorf("a weight step runs %v", coefs)
	}
}
