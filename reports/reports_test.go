package reports

import (
	"fmt"
	"math"
	"testing"

	"idarts/internal/result"
)

func TestSummarize(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name   string
		values []float64
		want   Stats
		text   string
	}{
		{"none is known by nothing", nil, Stats{0, nan, nan, nan, nan}, "–"},
		{"one has no spread", []float64{3}, Stats{1, 3, 3, 3, nan}, "3.00"},
		{"divisor n-1: 1, 3 by hand", []float64{1, 3}, Stats{2, 2, 1, 3, math.Sqrt2}, "2.00 ± 1.41"},
		{"2, 4, 4, 4, 5, 5, 7, 9 by hand", []float64{2, 4, 4, 4, 5, 5, 7, 9}, Stats{8, 5, 2, 9, math.Sqrt(32. / 7)}, "5.00 ± 2.14"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Summarize(tt.values)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if text := got.plusMinus(2); text != tt.text {
				t.Errorf("printed %q, want %q", text, tt.text)
			}
		})
	}
}

func TestSeedList(t *testing.T) {
	for _, tt := range []struct {
		name  string
		seeds []uint64
		want  string
	}{
		{"one", []uint64{7}, "1 seed (7)"},
		{"few are listed", []uint64{2, 0, 1}, "3 seeds (0, 1, 2)"},
		{"many without a gap", []uint64{3, 4, 5, 6, 7, 8}, "6 seeds (3 to 8)"},
		{"many with a gap", []uint64{3, 4, 5, 6, 7, 9}, "6 seeds (3, 4, 5, 6, 7, 9)"},
	} {
		var g group
		for _, seed := range tt.seeds {
			g.methods = append(g.methods, method{runs: []result.Run{{Cell: result.Cell{Seed: seed}}}})
		}
		if got := g.seedList(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNoRuns(t *testing.T) {
	if n := len(Compare(nil, options)) + len(Timing(nil, options)) + len(Anytime(nil, Seconds, Valid, options)); n != 0 {
		t.Errorf("no runs give %d reports", n)
	}
}
