package reports

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestBins(t *testing.T) {
	counts, first := bins([]float64{0.1, 0.3, 0.31, 0.6, -0.05}, 0.1)
	if want := []int{1, 0, 1, 0, 2, 0, 0, 1}; first != -1 || !slices.Equal(counts, want) {
		t.Errorf("%v from bin %d, want %v from -1", counts, first, want)
	}
}

func TestChartsSave(t *testing.T) {
	axes := Axes{Name: "f", Title: "title ±", X: "x", Y: "y"}
	values := []float64{1, 2, 2.5, 4}
	histogram, err := Histogram(axes, values, 1)
	if err != nil {
		t.Fatal(err)
	}
	scatter, err := Scatter(axes, values, values, true)
	if err != nil {
		t.Fatal(err)
	}
	density, err := Density(axes, values, values)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, f := range []Figure{histogram, scatter, density} {
		for _, end := range []string{".svg", ".pdf", ".png"} {
			var drawn [2]string
			for k := range drawn {
				path := filepath.Join(dir, string(rune('a'+i))+string(rune('0'+k))+end)
				if err := f.Save(path); err != nil {
					t.Fatal(err)
				}
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				drawn[k] = string(content)
			}
			if drawn[0] != drawn[1] || len(drawn[0]) < 500 {
				t.Errorf("figure %d as %s: %d and %d bytes, want twice the same", i, end, len(drawn[0]), len(drawn[1]))
			}
		}
	}
	for name, call := range map[string]func() error{
		"histogram": func() error { _, err := Histogram(axes, nil, 1); return err },
		"scatter":   func() error { _, err := Scatter(axes, nil, nil, false); return err },
		"density":   func() error { _, err := Density(axes, nil, nil); return err },
	} {
		if call() == nil {
			t.Errorf("%s of nothing gives no error", name)
		}
	}
}
