package supernet

import (
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/graph"
)

// Of four channels the first two go through the edges, the others around them, and the
// node has the channels 0, 2, 1, 3 of that; with weights of edges what goes around an
// edge counts as much as its coefficients in all.
func TestPartialCell(t *testing.T) {
	const c = 4
	head := func(b *Builder, x *graph.Node) *graph.Node { return b.Classifier("classifier", x, testClasses) }
	stem := func(b *Builder, x *graph.Node) *graph.Node {
		return b.ConvNorm("stem", x, c, graph.Window{K: 3, Pad: 1}, true)
	}
	for _, weighted := range []bool{false, true} {
		partial := func(b *Builder, x *graph.Node) *graph.Node {
			p := Partial{K: 2, Around: func(_, to int, x *graph.Node) graph.Term {
				return graph.Term{X: x, A: b.EdgeWeight(weighted, 2*(to-1), 2)}
			}}
			nodes := b.PartialCell("cell", []*graph.Node{stem(b, x)}, 1, p, func(_ string, _, to int, x *graph.Node) []graph.Term {
				return []graph.Term{{X: x, A: b.Coef(2 * (to - 1))}, {X: b.ReLU(x), A: b.Coef(2*(to-1) + 1)}}
			})
			return head(b, nodes[1])
		}
		byHand := func(b *Builder, x *graph.Node) *graph.Node {
			x = stem(b, x)
			mixed := b.ChanLin([]graph.Term{{X: b.Slice(x, 0, 2), A: b.Coef(0)}, {X: b.ReLU(b.Slice(x, 0, 2)), A: b.Coef(1)}})
			rest := b.Slice(x, 2, 2)
			if weighted {
				rest = b.ChanLin([]graph.Term{{X: rest, A: b.Add(b.Coef(0), b.Coef(1))}})
			}
			return head(b, b.Concat(b.Slice(mixed, 0, 1), b.Slice(rest, 0, 1), b.Slice(mixed, 1, 1), b.Slice(rest, 1, 1)))
		}
		var logits [2][]float64
		for i, build := range []Build{partial, byHand} {
			p := newProblem(t, build, Loaders(plainLoader(randomSet(testBatch), "train", upTo(testBatch)...)))
			if _, err := p.Gradient(batch.Batch{}, []float64{0.3, 0.9, 0, 0}, nil, nil); err != nil {
				t.Fatal(err)
			}
			logits[i] = slices.Clone(p.Logits().F64)
		}
		if !slices.Equal(logits[0], logits[1]) {
			t.Errorf("weights of edges %v: logits %v, by hand %v", weighted, logits[0][:4], logits[1][:4])
		}
	}
}
