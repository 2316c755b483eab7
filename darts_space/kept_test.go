package dartsspace

import (
	"testing"

	"idarts/internal/rng"
)

// Any set of options is a genotype that can be read back, and of which a network can be
// built; two operations of one edge, and nodes that nothing reads, are as they were kept.
func TestKept(t *testing.T) {
	r := rng.New(1, "kept")
	for _, share := range []float64{0, 0.02, 0.1, 0.5, 1} {
		for range 20 {
			kept, n := make([]bool, 2*cellEdges*len(Ops)), 0
			for i := range kept {
				kept[i] = r.Float64() < share
				if kept[i] && Op(i%len(Ops)) != None {
					n++
				}
			}
			g := Kept(kept)
			if err := g.Check(); err != nil {
				t.Fatal(err)
			}
			if got := len(g.Normal.Edges) + len(g.Reduce.Edges); got < n || got > n+2 {
				t.Errorf("%d edges of %d kept operations", got, n)
			}
			back, err := Parse(g.String())
			if err != nil || back.String() != g.String() {
				t.Errorf("%s is read back as %s, %v", g, back, err)
			}
			if _, err := (Net{C: 4, N: 3, Classes: 10, InChannels: 3, Size: 8}).Cost(g); err != nil {
				t.Errorf("%s: %v", g, err)
			}
		}
	}
	kept := make([]bool, 2*cellEdges*len(Ops))
	kept[1*len(Ops)+4], kept[1*len(Ops)+6], kept[cellEdges*len(Ops)+1] = true, true, true // edge 2<-1 twice; reduce 2<-0
	g := Kept(kept)
	if len(g.Normal.Edges) != 2 || g.Normal.Edges[0] != (Edge{Op: 4, Node: 2, Input: 1}) || g.Normal.Edges[1] != (Edge{Op: 6, Node: 2, Input: 1}) || len(g.Reduce.Edges) != 1 {
		t.Errorf("kept %+v", g)
	}
}
