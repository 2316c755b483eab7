package runners

import (
	"math"
	"slices"
	"strings"
	"testing"

	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/runners/internal/toy"
	"idarts/runners/protocol"
)

// toyRow is all that the toy space needs besides its folder.
var toyRow = protocol.Space{
	Name: "toy", Title: "a test",
	Search:    toy.Space,
	Sized:     func(c, n int) protocol.Net { return toy.Net{C: c, N: n} },
	Canonical: protocol.Parsed(toy.Parse, toy.Cell.String),
	Graph:     protocol.Parsed(toy.Parse, toy.Cell.Graph),
}

// All methods search a space that is one folder and one row, its cells are scored
// and retrained, and its runs are read back.
func TestAFourthSpaceIsAFolderAndARow(t *testing.T) {
	before := protocol.Spaces
	t.Cleanup(func() { protocol.Spaces = before })
	protocol.Spaces = append(slices.Clone(protocol.Spaces), toyRow)

	p := tiny()
	p.Space, p.Supernet, p.Score.Net = "toy", toyRow.Sized(2, 1), toyRow.Sized(2, 1)
	out := t.TempDir()
	g := grid(out, []uint64{0})
	g.Protocols = []protocol.Protocol{p}
	// The toy has neither parts of channels nor a form as graphs.
	g.Methods = slices.DeleteFunc(search.Names(), func(name string) bool {
		return slices.Contains([]string{"pc-darts", "gaea-pc", "drnas-p", "svge"}, name)
	})
	if sum := mustRun(t, g); sum.Done != len(g.Methods) {
		t.Errorf("%+v, want %d runs done", sum, len(g.Methods))
	}
	runs, _, err := result.Load(out)
	if err != nil || len(runs) != len(g.Methods) {
		t.Fatalf("%d runs, %v; want %d", len(runs), err, len(g.Methods))
	}
	g.Methods = []string{"pc-darts", "svge"}
	if sum, err := g.Run(t.Context()); err != nil || len(sum.Failed) != 2 || !strings.Contains(sum.Failed[0]+sum.Failed[1], "partial channels") || !strings.Contains(sum.Failed[0]+sum.Failed[1], "form as graphs") {
		t.Errorf("%v, %q; want two runs that say what the space lacks", err, sum.Failed)
	}
	for _, run := range runs {
		if _, err := toy.Parse(run.Result.Arch); err != nil || run.Result.Score.Test < 5 {
			t.Errorf("%s: %+v, %v", run.Cell, run.Result, err)
		}
	}
	p.Retrain = &p.Score.Recipe
	r := retrain(t, p, t.TempDir(), runs[0].Result.Arch)
	if sum, err := r.Run(t.Context()); err != nil || sum.Done != 1 {
		t.Errorf("retrain: %+v, %v; want 1 done", sum, err)
	}
}

// Every space's row answers for random architectures of its own and says in one
// line why it does not take a wrong text.
func TestSpacesAnswer(t *testing.T) {
	set := &images.Set{H: 16, W: 16, C: 1, Classes: 10}
	archs := 0
	for _, s := range protocol.Spaces {
		t.Run(s.Name, func(t *testing.T) {
			space := s.Search()
			r := rng.New(1, "spaces "+s.Name)
			net := s.Sized(12, 1) // 2 and 3 divide 12, see nb1b1.Cell.Canonical
			if s.Name == "darts" {
				net = s.Sized(12, 3)
			}
			for k := range 40 {
				arch := space.Random(r)
				if k%2 == 1 {
					alpha := make([]float64, space.Layout.Len())
					for i := range alpha {
						alpha[i] = r.NormFloat64()
					}
					arch = space.Derive(alpha)
				}
				archs++
				class, err := s.Canonical(arch)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := s.Canonical(class); err != nil || again != class {
					t.Errorf("%s: the representative of %s is %s, %v", arch, class, again, err)
				}
				graphs, err := s.Graph(arch)
				if err != nil || len(graphs) == 0 {
					t.Errorf("%s: %d graphs, %v", arch, len(graphs), err)
				}
				var sizes [2]supernet.Size
				for i, text := range []string{arch, class} {
					build, err := net.Train(text, supernet.DataOf(set))
					if err != nil {
						t.Fatal(err)
					}
					if sizes[i], err = supernet.Measure(build, training.ImageShape(set), set.Classes); err != nil {
						t.Fatal(err)
					}
				}
				if sizes[0] != sizes[1] && s.Name != "nb201" { // dead edges count there, and a representative may have others
					t.Errorf("%s costs %+v, its representative %s %+v", arch, sizes[0], class, sizes[1])
				}
			}
			for _, bad := range []string{"", "nonsense", "|nor_conv_3x3~0|", "Genotype()"} {
				_, canonical := s.Canonical(bad)
				_, graph := s.Graph(bad)
				_, final := net.Train(bad, supernet.DataOf(set))
				for _, err := range []error{canonical, graph, final} {
					if err == nil || strings.Contains(err.Error(), "\n") {
						t.Errorf("%q: error %v, want one line", bad, err)
					}
				}
			}
		})
	}
	t.Logf("%d architectures of %d spaces", archs, len(protocol.Spaces))
}

// The neighbours of an architecture are others of the space, each once, and what
// takes one option from each row is what its one-hot α stands for.
func TestSpacesHaveNeighbours(t *testing.T) {
	for _, row := range append(slices.Clone(protocol.Spaces), toyRow) {
		space := row.Search()
		r := rng.New(2, "neighbours "+row.Name)
		fewest, most := math.MaxInt, 0
		for range 100 {
			arch := space.Random(r)
			near, err := space.Neighbours(arch)
			if err != nil {
				t.Fatal(err)
			}
			fewest, most = min(fewest, len(near)), max(most, len(near))
			for i, other := range near {
				if other == arch || slices.Contains(near[:i], other) {
					t.Errorf("%s: %q has neighbour %q, itself or twice", row.Name, arch, other)
				}
				if _, err := row.Canonical(other); err != nil {
					t.Error(err)
				}
			}
			again, err := space.Neighbours(arch)
			if err != nil || !slices.Equal(again, near) {
				t.Errorf("%s: %q has other neighbours the second time, %v", row.Name, arch, err)
			}
			if space.Choose == nil {
				continue
			}
			var alpha []float64
			var options []int
			for _, decision := range space.Layout {
				pick := r.IntN(len(decision.Options))
				options = append(options, pick)
				one := make([]float64, len(decision.Options))
				one[pick] = 1
				alpha = append(alpha, one...)
			}
			if got, want := space.Choose(options), space.Derive(alpha); got != want {
				t.Errorf("%s: options %v are %q, their α is %q", row.Name, options, got, want)
			}
		}
		t.Logf("%s: %d to %d neighbours, one option in each row: %v", row.Name, fewest, most, space.Choose != nil)
		for _, bad := range []string{"", "nonsense", "|nor_conv_3x3~0|"} {
			if _, err := space.Neighbours(bad); err == nil {
				t.Errorf("%s: the neighbours of %q give no error", row.Name, bad)
			}
		}
	}
}

// Every space has the protocols that commands and the README take for granted.
func TestSpacesHaveProtocols(t *testing.T) {
	for _, s := range protocol.Spaces {
		for _, name := range []string{"quick", "laptop", "paper"} {
			if _, err := protocol.Lookup(s.Name, name); err != nil {
				t.Error(err)
			}
		}
	}
}
