package main

import (
	"slices"
	"strings"
	"testing"

	"idarts/runners/protocol"
)

// Every method goes through the same grid: three rates of α around its own, two of the
// weights; those without a number go without.
func TestTuningGrid(t *testing.T) {
	p, err := protocol.Lookup("nb201", "fair-untuned")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, change := range tuning(p, func(s protocol.Search) bool {
		return slices.Contains([]string{"darts-v1", "gaea", "shapley-nas", "rsps", "random"}, s.Method)
	}) {
		got = append(got, change.String())
	}
	want := []string{
		"darts-v1.arch.lr=0.00333,0.01,0.03", "darts-v1.weights.lr=0.025,0.1",
		"shapley-nas.step=0.139,0.417,1.25", "shapley-nas.weights.lr=0.025,0.1",
		"gaea.arch.lr=1.11,3.33,10", "gaea.weights.lr=0.025,0.1",
		"rsps.weights.lr=0.025,0.1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the grid is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
