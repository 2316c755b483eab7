package nb1b1

import (
	"testing"

	"idarts/internal/rng"
	"idarts/internal/svge"
)

// Random cells of each space come back from their graphs; cells of other spaces, and
// graphs of no cell, are refused.
func TestTypedGraphs(t *testing.T) {
	for k, s := range OneShots {
		graphs := s.Space().Graphs
		refused := 0
		for seed := range uint64(300) {
			r := rng.New(seed, "cells")
			arch := s.Cell(s.Random(r)).String()
			g, err := graphs.Of(arch)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Check(graphs.Types); err != nil || len(g.Types) > graphs.Nodes {
				t.Fatalf("%q: %v", arch, err)
			}
			if back, err := graphs.Arch(g); err != nil || back != arch {
				t.Fatalf("%q comes back as %q, %v", arch, back, err)
			}
			other := OneShots[(k+1)%3]
			if _, err := graphs.Arch(other.Cell(other.Random(r)).typed()); err != nil {
				refused++
			}
		}
		if refused < 50 {
			t.Errorf("%v: only %d of 300 cells of another space are refused", s, refused)
		}
		for _, g := range []svge.Graph{
			{Types: []int{svge.Start, svge.Start, svge.End}, Edges: [][2]int{{0, 1}, {1, 2}}},
			{Types: []int{svge.Start, 2, svge.End}},
			{Types: []int{svge.Start, 9, svge.End}, Edges: [][2]int{{0, 1}, {1, 2}}},
		} {
			if arch, err := graphs.Arch(g); err == nil {
				t.Errorf("%v: %v is taken for %q", s, g, arch)
			}
		}
	}
}
