package dartsspace

import (
	"archive/zip"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/diagram"
	"idarts/internal/exec"
	"idarts/internal/longtest"
	"idarts/internal/supernet"
)

// real is a file of genotypes that others wrote. The test is skipped where it is
// not there.
func real(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "data", "darts-1000-archs", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the genotypes of others are not here: %v", err)
	}
	return path
}

// readsBack holds a genotype to what every one must do: it prints as text that reads
// back, its canonical form is that of itself, and its cells have a layout.
func readsBack(t *testing.T, text string) Genotype {
	t.Helper()
	g := parse(t, text)
	if back := parse(t, g.String()); back.String() != g.String() {
		t.Errorf("%s comes back as %s", g, back)
	}
	if c := g.Canonical(); parse(t, c.String()).Canonical().String() != c.String() {
		t.Errorf("%s has the canonical form %s, which has another", g, c)
	}
	for _, d := range g.Graph() {
		box := func(n int) []diagram.Size {
			sizes := make([]diagram.Size, n)
			for i := range sizes {
				sizes[i] = diagram.Size{W: 30, H: 12}
			}
			return sizes
		}
		if _, err := diagram.NewLayout(d, box(len(d.Nodes)), box(len(d.Edges))); err != nil {
			t.Errorf("%s: %v", g, err)
		}
	}
	return g
}

// byHand counts the parameters of a network of 3 cells, 4 channels and 10 classes for
// a genotype all of whose nodes have edges: a convolution with its batch norm for
// the stem and for either input of a cell, what the operations have, the classifier.
func byHand(g Genotype) int {
	n := 27*12 + 2*12 + 10*4*16 + 10 // stem and classifier
	before, last := 12, 12
	for i, cell := range []Cell{g.Normal, g.Reduce, g.Reduce} {
		c := 4 << i
		n += before*c + last*c + 4*c
		for _, e := range cell.Edges {
			switch {
			case e.Op == Skip && i > 0 && e.Input < inputs: // two of half the channels
				n += c*c + 2*c
			case e.Op == 4 || e.Op == 5:
				k := 2*int(e.Op) - 5 // 3 or 5
				n += 2 * (k*k*c + c*c + 2*c)
			case e.Op == 6 || e.Op == 7:
				k := 2*int(e.Op) - 9
				n += k*k*c + c*c + 2*c
			}
		}
		before, last = last, 4*c
	}
	return n
}

func TestThousandGenotypes(t *testing.T) {
	longtest.Needed(t)
	file, err := os.Open(real(t, "DARTS_archs_CIFAR10.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	none, classes := 0, map[string]bool{}
	net := Net{C: 4, N: 3, Classes: 10, InChannels: 3, Size: 8}
	for i, row := range rows {
		if strings.Contains(row[0], "'none'") {
			none++
		}
		if testing.Short() && i%20 != 0 {
			continue // drawing it and counting its parameters takes a while
		}
		g := readsBack(t, row[0])
		classes[g.Canonical().String()] = true
		if got, want := cost(t, net, g).Params, byHand(g); got != want {
			t.Errorf("%s has %d parameters, want %d", g, got, want)
		}
	}
	t.Logf("%d genotypes, %d with none, %d networks", len(rows), none, len(classes))
	if len(rows) != 1000 || none != 644 {
		t.Errorf("%d genotypes, %d with none, want 1000 and 644", len(rows), none)
	}
}

func TestCompactForms(t *testing.T) {
	content, err := os.ReadFile(real(t, "archs_nasbench301.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	for _, text := range all {
		if err := parse(t, text).InSpace(); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	t.Logf("%d genotypes", len(all))
	if len(all) != 11221 {
		t.Errorf("%d genotypes, want 11221", len(all))
	}
}

// NASLib counted the parameters of networks of 8 cells and 32 channels, in
// millions. Theirs have no affine batch norm behind the operations of cells, ours
// have; all else agrees to the last parameter, which shows that the compact form is
// read as they meant it.
func TestCountsOfOthers(t *testing.T) {
	longtest.Needed(t)
	archive, err := zip.OpenReader(real(t, "9x_all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	file, err := archive.Open("params/benchmark--nasbench301--svhn--0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Arch   string
		Params struct{ Score float64 }
	}
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	net := Net{C: 32, N: 8, Classes: 10, InChannels: 3, Size: 32}
	for _, theirs := range all {
		params, err := supernet.Parameters(net.Final(readsBack(t, theirs.Arch)), exec.Shape{2, net.Size, net.Size, net.InChannels}, net.Classes)
		if err != nil {
			t.Fatal(err)
		}
		ours := 0
		for _, p := range params {
			if !p.Vector || !strings.Contains(p.Name, "<-") {
				ours += p.Shape.Len()
			}
		}
		if want := int(math.Round(1e6 * theirs.Params.Score)); ours != want {
			t.Errorf("%s: %d parameters, want %d", theirs.Arch, ours, want)
		}
	}
	t.Logf("%d counts", len(all))
	if len(all) < 100 {
		t.Errorf("%d counts, want 100 or more", len(all))
	}
}
