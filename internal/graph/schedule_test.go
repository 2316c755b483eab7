package graph

import (
	"slices"
	"testing"

	"idarts/internal/exec"
)

// secondOrder are the phases of a supernet's gradient and products.
func secondOrder(g *Graph, w, v, coefs []*Node, loss *Node) [][]Output {
	grads := g.Gradient(loss, append(append([]*Node(nil), w...), coefs...)...)
	tangents := g.Tangent(grads, w, v)
	n := len(w)
	return [][]Output{
		append(outputs(exec.WeightGrad, grads[:n]...), outputs(exec.CoefGrad, grads[n:]...)...),
		append(outputs(exec.HessianVec, tangents[:n]...), outputs(exec.MixedVec, tangents[n:]...)...),
	}
}

// What is cheap to compute again is not kept: less than three quarters of the memory is
// left, for at most three tenths more passes over images.
func TestRecomputationSavesMemory(t *testing.T) {
	size := func(again float64) (arena, moved int) {
		g, w, v, coefs, loss := supernet(2, 64, 1)
		phases := secondOrder(g, w, v, coefs, loss)
		g.Target.Again = again
		p, err := g.Lower(phases...)
		if err != nil {
			t.Fatal(err)
		}
		return p.Size[exec.Scratch], passes(p.Phases[1])
	}
	arena, moved := size(10)
	whole, fewest := size(0)
	t.Logf("%d of %d numbers, %d passes in place of %d", arena, whole, moved, fewest)
	if float64(arena) > 0.75*float64(whole) || float64(moved) > 1.3*float64(fewest) {
		t.Errorf("%d of %d numbers are kept with %d passes in place of %d, want three quarters with three tenths more", arena, whole, moved, fewest)
	}
}

// Weight gradients and sums over pixels follow what they are made of: until the last
// of it is there, nothing else is computed that later phases do not have again.
func TestSumsComeEarly(t *testing.T) {
	g, w, v, coefs, loss := supernet(2, 16, 1)
	phases := g.fuse(secondOrder(g, w, v, coefs, loss))
	l, err := g.lower(phases)
	if err != nil {
		t.Fatal(err)
	}
	changing := g.changing(ancestors(allNodes(phases)))
	checked := 0
	for at, s := range l.steps {
		if s.phase != 1 || s.out == nil || !sum(s.out.node) || !slices.ContainsFunc(s.args, image) {
			continue
		}
		ready := 0
		for _, a := range s.vals {
			if a != nil && image(a.node) && changing[a.node] {
				ready = max(ready, a.def)
			}
		}
		if ready == 0 {
			continue // of images that do not change alone
		}
		checked++
		for _, between := range l.steps[ready+1 : at] {
			if n := between.out; n != nil && image(n.node) && !sum(n.node) && changing[n.node] {
				t.Fatalf("step %d, %v, could follow step %d, and %v comes before it", at, s.op, ready, between.op)
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d sums were looked at, want 50 or more", checked)
	}
}
