package reports

import (
	"slices"
	"strings"
	"testing"
)

func TestBins(t *testing.T) {
	counts, first := bins([]float64{0.1, 0.3, 0.31, 0.6, -0.05}, 0.1)
	if want := []int{1, 0, 1, 0, 2, 0, 0, 1}; first != -1 || !slices.Equal(counts, want) {
		t.Errorf("%v from bin %d, want %v from -1", counts, first, want)
	}
}

func TestCharts(t *testing.T) {
	axes := Axes{Name: "f", Title: "title ±", X: "x", Y: "y"}
	values := []float64{1, 2, 2.5, 4}
	for name, chart := range map[string]func(values []float64) (Figure, error){
		"histogram": func(v []float64) (Figure, error) { return Histogram(axes, v, 1) },
		"scatter":   func(v []float64) (Figure, error) { return Scatter(axes, v, v, true) },
		"density":   func(v []float64) (Figure, error) { return Density(axes, v, v) },
	} {
		svg := save(t, name, func() (Figure, error) { return chart(values) })
		for _, text := range []string{">title +-<", ">x<", ">y<"} {
			if !strings.Contains(svg, text) {
				t.Errorf("%s: the SVG does not say %q", name, text)
			}
		}
		if _, err := chart(nil); err == nil {
			t.Errorf("%s of nothing gives no error", name)
		}
	}
}
