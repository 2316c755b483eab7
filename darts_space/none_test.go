package dartsspace

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/rng"
	"idarts/internal/supernet"
)

// noisy draws a cell in which much brings nothing: some nodes have no edge, some
// none alone, and outputs are any nodes. It may be no cell.
func noisy(r *rand.Rand) Cell {
	c := Cell{}
	for node := inputs; node <= lastNode; node++ {
		for range r.IntN(4) {
			e := Edge{Op: Op(r.IntN(len(Ops))), Node: node, Input: r.IntN(node)}
			if r.IntN(3) == 0 {
				e.Op = None
			}
			c.Edges = append(c.Edges, e)
		}
		if r.IntN(4) > 0 {
			c.Concat = append(c.Concat, node)
		}
	}
	return c
}

// The network of a genotype as it is written, with a zero for each edge of none, is
// that of its canonical form: as many parameters of the same sizes, and the same
// loss and gradient but for rounding.
func TestCanonicalIsTheSameNetwork(t *testing.T) {
	r := rng.New(1, "none")
	net := Net{C: 2, N: 3, Classes: 3, InChannels: 1, Size: 8}
	cases, changed := 0, 0
	for cases < 40 {
		g := Genotype{Normal: noisy(r), Reduce: noisy(r)}
		if g.Check() != nil {
			continue
		}
		cases++
		// Their names order the parameters, so those of one edge come as the canonical
		// form has them.
		written := Genotype{Normal: g.Normal.sorted(), Reduce: g.Reduce.sorted()}
		if g.Canonical().String() != written.String() {
			changed++
		}
		a, b := problem(t, net, net.final(written, nil), 0), problem(t, net, net.Final(g), 0)
		same := func(x, y supernet.Param) bool { return x.Shape == y.Shape && x.Offset == y.Offset }
		if !slices.EqualFunc(a.Params(), b.Params(), same) {
			t.Fatalf("%s\nhas %d parameters, its canonical form\n%s\n%d", g, a.Weights().Len(), g.Canonical(), b.Weights().Len())
		}
		x, dx := loss(t, a)
		y, dy := loss(t, b)
		if norms := [2]float64{dx.Dot(dx).Value(), dy.Dot(dy).Value()}; math.Abs(x-y) > 1e-12 || math.Abs(norms[0]-norms[1]) > 1e-9*norms[0] {
			t.Errorf("%s\nhas loss %v, gradient %v, its canonical form\n%s\n%v, %v", g, x, norms[0], g.Canonical(), y, norms[1])
		}
	}
	t.Logf("%d networks, %d of them written otherwise", cases, changed)
	if changed < 20 {
		t.Errorf("only %d of %d genotypes are not canonical", changed, cases)
	}
}

// normal is a genotype whose normal cell is of these edges; the reduction cell is
// one edge.
func normal(entries, concat string) string {
	return fmt.Sprintf("Genotype(normal=[%s], normal_concat=[%s], reduce=[('max_pool_3x3', 2, 0)], reduce_concat=[2])", entries, concat)
}

func TestCanonicalLeavesOutWhatIsNotThere(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"none beside another edge",
			normal("('none', 2, 0), ('sep_conv_3x3', 2, 1)", "2"),
			normal("('sep_conv_3x3', 2, 1)", "2")},
		{"none twice: one zero from node 0",
			normal("('skip_connect', 2, 0), ('none', 3, 2), ('none', 3, 1)", "2, 3"),
			normal("('skip_connect', 2, 0), ('none', 3, 0)", "2, 3")},
		{"what identity and pooling make of zero is zero",
			normal("('none', 2, 0), ('skip_connect', 3, 2), ('avg_pool_3x3', 4, 3), ('max_pool_3x3', 4, 2)", "4, 3"),
			normal("('none', 3, 0), ('none', 4, 0)", "3, 4")},
		{"a convolution of zero is not: its batch norm has a shift",
			normal("('none', 2, 0), ('dil_conv_3x3', 3, 2), ('none', 3, 1)", "3"),
			normal("('none', 2, 0), ('dil_conv_3x3', 3, 2)", "3")},
		{"a zero that nothing reads",
			normal("('skip_connect', 2, 0), ('none', 3, 0), ('skip_connect', 4, 3), ('skip_connect', 4, 2)", "4"),
			normal("('skip_connect', 2, 0), ('skip_connect', 4, 2)", "4")},
		{"an edge from a node without edges, and that node in the output",
			normal("('skip_connect', 2, 0), ('sep_conv_3x3', 4, 3), ('none', 5, 3)", "2, 3, 5"),
			normal("('skip_connect', 2, 0)", "2")},
		{"a node that is read by nothing has its parameters",
			normal("('sep_conv_3x3', 3, 0), ('skip_connect', 2, 0)", "2"),
			normal("('skip_connect', 2, 0), ('sep_conv_3x3', 3, 0)", "2")},
	} {
		if got := parse(t, tt.text).Canonical().String(); got != tt.want {
			t.Errorf("%s: canonical\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
	if err := parse(t, strings.Replace(darts2, "'dil_conv_3x3', 2", "'none', 2", 1)).InSpace(); err == nil || !strings.Contains(err.Error(), `normal: entry 8 of 8 is "none", which no search decides for`) {
		t.Errorf("none is in the space: %v", err)
	}
}

// By hand for C=4, N=3 (one normal cell of 4 channels; reduction cells of 8 and 16),
// 3 classes, one channel: stem 12·9+2·12 = 132. Cells see 12 and 12, 12 and c·4, 4c
// and 8k channels, where c and k are the nodes in the outputs of the normal and the
// reduction cell.
func TestParametersWithNone(t *testing.T) {
	net := Net{C: 4, N: 3, Classes: 3, InChannels: 1, Size: 8}
	const stem = 12*9 + 2*12
	// inputs is a convolution with affine batch norm from in to out channels.
	brought := func(in, out int) int { return in*out + 2*out }
	around := func(c, k int) int {
		return stem + 2*brought(12, 4) + brought(12, 8) + brought(4*c, 8) + brought(4*c, 16) + brought(8*k, 16) + 3*16*k + 3
	}
	sep := func(c int) int { return 2 * (9*c + c*c + 2*c) } // 3x3
	cell := func(entries, concat string) string {
		return fmt.Sprintf("Genotype(normal=[%s], normal_concat=[%s], reduce=[%s], reduce_concat=[%[2]s])", entries, concat, entries)
	}
	for _, tt := range []struct {
		name, text string
		want       int
	}{
		{"pooling alone", cell("('max_pool_3x3', 2, 0)", "2"), around(1, 1)},
		{"none beside it", cell("('max_pool_3x3', 2, 0), ('none', 2, 1)", "2"), around(1, 1)},
		{"none in place of a convolution", cell("('max_pool_3x3', 2, 0), ('sep_conv_3x3', 2, 1)", "2"), around(1, 1) + sep(4) + sep(8) + sep(16)},
		{"a zero node is in the output", cell("('max_pool_3x3', 2, 0), ('none', 3, 1), ('none', 3, 0)", "2, 3"), around(2, 2)},
		{"a node without edges is not", cell("('max_pool_3x3', 2, 0)", "2, 3"), around(1, 1)},
		{"a convolution of a zero node", cell("('max_pool_3x3', 2, 0), ('none', 3, 1), ('sep_conv_3x3', 4, 3)", "2, 4"), around(2, 2) + sep(4) + sep(8) + sep(16)},
		{"all is zero", cell("('none', 2, 0), ('none', 3, 2)", "2, 3"), around(2, 2)},
	} {
		g := parse(t, tt.text)
		if got := cost(t, net, g).Params; got != tt.want {
			t.Errorf("%s: %d parameters, want %d", tt.name, got, tt.want)
		}
		p := problem(t, net, net.Final(g), 0)
		if got := p.Weights().Len(); got != tt.want {
			t.Errorf("%s: a network of %d weights, want %d", tt.name, got, tt.want)
		}
		if l, dw := loss(t, p); !(l > 0) || math.IsInf(l, 0) || math.IsNaN(dw.Dot(dw).Value()) {
			t.Errorf("%s: loss %v", tt.name, l)
		}
	}
}

// Both edges of a node none: what leaves it is zero, so drop path has nothing to do.
func TestPartsWithNone(t *testing.T) {
	net := Net{C: 4, N: 3, Classes: 3, InChannels: 1, Size: 8} // normal, reduce, reduce
	text := strings.Replace(darts2, "('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0)", "('none', 0), ('none', 1), ('sep_conv_3x3', 0)", 1)
	if got, want := count(t, net, parse(t, text), exec.RowScale), 4+2*5; got != want { // 6 in the normal cell of DARTS_V2
		t.Errorf("%d drop paths, want %d", got, want)
	}
}
