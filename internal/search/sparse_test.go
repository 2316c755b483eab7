package search

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/rng"
)

// On the support the coefficients are the code itself where b is what it was when the
// code was found, and their pullback is right by differences; the rest is 0.
func TestSparseCodes(t *testing.T) {
	rows := append(slices.Clone(cellRows), Row{Name: "operation", Options: []string{"none", "a", "b", "c", "d"}, Kind: Vertex, Keep: 1})
	s, err := newSparseCodes(rows, 1e-5, 1e-3, rng.New(3, "dictionaries"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.codes) != 2 || len(s.codes[0].atoms) != 6 || len(s.codes[0].b) != 2 || len(s.codes[1].atoms) != 5 || len(s.codes[1].b) != 3 {
		t.Fatalf("codes of other sizes: %+v", s.codes)
	}
	coefs, dcoefs := make([]float64, rows.Len()), make([]float64, rows.Len())
	s.Mix(coefs, Use{})
	for i, z := range s.z[:9] { // two entries, and as many rows: nothing is cut
		near(t, "coefficient", coefs[i], z+1e-5*sign(z), 1e-12)
	}
	support := 0
	for i, z := range s.z {
		if z != 0 {
			support++
		}
		dcoefs[i] = float64(i) - 4.3
	}
	if support != 3 {
		t.Errorf("the codes have %d entries, want two of the node and one of the row", support)
	}
	for i := range s.b {
		s.b[i] *= 1.3 // away from where the code was found
	}
	grad := make([]float64, len(s.b))
	s.Mix(coefs, Use{})(dcoefs, grad)
	for i := range s.b {
		const h = 1e-3
		old := s.b[i]
		s.b[i] = old + h
		s.Mix(coefs, Use{})
		up := dot(coefs, dcoefs)
		s.b[i] = old - h
		s.Mix(coefs, Use{})
		near(t, "gradient", grad[i], (up-dot(coefs, dcoefs))/(2*h), 1e-9)
		s.b[i] = old
	}
	again, _ := newSparseCodes(rows, 1e-5, 1e-3, rng.New(3, "dictionaries"))
	if _, err := s.recover(-1); err != nil {
		t.Fatal(err)
	}
	if err := again.SetState(s.State()); err != nil {
		t.Fatal(err)
	}
	other := make([]float64, rows.Len())
	s.Mix(coefs, Use{})
	again.Mix(other, Use{})
	nearAll(t, "after a save", other, coefs, 0)
}

// Where a node keeps all its edges it has one code, with as many entries as edges and none
// for no atom: a node that has edges reads something.
func TestCodesOfNodes(t *testing.T) {
	var rows Layout
	for node := 1; node <= 3; node++ {
		for source := range node {
			rows = append(rows, Row{Options: []string{"none", "skip_connect", "a", "b", "c"}, Node: node, Source: source, Keep: 1})
		}
	}
	for seed := range uint64(20) {
		s, err := newSparseCodes(rows, 1e-5, 1e-3, rng.New(seed, "dictionaries"))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.codes) != 3 || len(s.codes[2].atoms) != 12 || len(s.codes[2].b) != 4 {
			t.Fatalf("codes of other sizes: %+v", s.codes)
		}
		for i, c := range s.codes {
			n := 0
			for _, at := range c.atoms {
				if at%5 == 0 {
					t.Fatal("none is an atom")
				}
				if s.z[at] != 0 {
					n++
				}
			}
			if n != i+1 {
				t.Errorf("node %d reads %d operations, want %d", i+1, n, i+1)
			}
		}
	}
}

// The largest entries stay, also two of one edge.
func TestLargest(t *testing.T) {
	z := []float64{0.1, -3, 2, 0, 2}
	largest(z, 2)
	nearAll(t, "largest", z, []float64{0, -3, 2, 0, 0}, 0)
	kept := make([]bool, 5)
	support{codes: &sparseCodes{z: z}}.Kept(nil, kept)
	if !slices.Equal(kept, []bool{false, true, true, false, false}) {
		t.Errorf("kept %v", kept)
	}
}

// The one-stage form freezes codes that rest, and ends when all do.
func TestOneStageEnds(t *testing.T) {
	env := toyTrial(1)
	env.set("one_stage=true", "rest=1e9", "epochs=9")
	s := start(t, "ista-nas", env)
	epoch(t, s)
	if s.Epochs() != 1 {
		t.Errorf("%d epochs, want an end after the first", s.Epochs())
	}
	b := slices.Clone(s.(*Engine).Relaxation.Params())
	if math.IsNaN(b[0]) {
		t.Error("codes are not numbers")
	}
}
