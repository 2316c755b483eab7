package benchmarks

import "testing"

func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		name    string
		samples []float64
		want    Summary
		spread  float64
	}{
		{"nothing", nil, Summary{}, 0},
		{"one is all", []float64{4}, Summary{4, 4, 4, 1}, 0},
		{"the middle one of three", []float64{5, 1, 2}, Summary{1, 2, 5, 3}, 2},
		{"the mean of the middle two", []float64{8, 1, 2, 4}, Summary{1, 3, 8, 4}, 7.0 / 3},
	} {
		got := Summarize(tt.samples)
		if got != tt.want || got.Spread() != tt.spread {
			t.Errorf("%s: %+v, spread %v; want %+v, %v", tt.name, got, got.Spread(), tt.want, tt.spread)
		}
	}
}
