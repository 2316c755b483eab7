package picture

import (
	"bytes"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/diagram"
)

// nb201Graph has the operations of the edges 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2.
func nb201Graph(ops ...string) []diagram.Graph {
	g := diagram.Graph{Nodes: []diagram.Node{{Name: "0", Kind: diagram.Input}, {Name: "1"}, {Name: "2"}, {Name: "3", Kind: diagram.Output}}}
	for to := 1; to < 4; to++ {
		for from := range to {
			g.Edges = append(g.Edges, diagram.Edge{From: from, To: to, Op: ops[len(g.Edges)]})
		}
	}
	return []diagram.Graph{g}
}

// dartsGraph has two operations with their sources for each of four nodes, such
// as "sep_conv_3x3 0"; nodes count from the two inputs.
func dartsGraph(title string, edges ...string) diagram.Graph {
	g := diagram.Graph{Title: title, Nodes: []diagram.Node{
		{Name: "c_{k-2}", Kind: diagram.Input}, {Name: "c_{k-1}", Kind: diagram.Input},
		{Name: "0"}, {Name: "1"}, {Name: "2"}, {Name: "3"}, {Name: "c_{k}", Kind: diagram.Output},
	}}
	for i, e := range edges {
		op, from, _ := strings.Cut(e, " ")
		g.Edges = append(g.Edges, diagram.Edge{From: int(from[0] - '0'), To: 2 + i/2, Op: op})
	}
	for node := 2; node < 6; node++ {
		g.Edges = append(g.Edges, diagram.Edge{From: node, To: 6})
	}
	return g
}

// nb101Graph has its operations on the nodes between input and output.
func nb101Graph(ops []string, edges ...[2]int) []diagram.Graph {
	g := diagram.Graph{Nodes: []diagram.Node{{Name: "input", Kind: diagram.Input}}}
	for _, op := range ops {
		g.Nodes = append(g.Nodes, diagram.Node{Name: op})
	}
	g.Nodes = append(g.Nodes, diagram.Node{Name: "output", Kind: diagram.Output})
	for _, e := range edges {
		g.Edges = append(g.Edges, diagram.Edge{From: e[0], To: e[1]})
	}
	return []diagram.Graph{g}
}

// drawings are cells of all kinds of spaces.
var drawings = []struct {
	name   string
	graphs []diagram.Graph
	texts  []string
}{
	{"nb201-3x3", nb201Graph("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3"), []string{"nor_conv_3x3"}},
	{"nb201-mixed", nb201Graph("nor_conv_3x3", "none", "skip_connect", "skip_connect", "none", "avg_pool_3x3"), []string{"none", "skip_connect", "avg_pool_3x3"}},
	{"nb201-five", nb201Graph("avg_pool_3x3", "nor_conv_1x1", "skip_connect", "nor_conv_3x3", "none", "skip_connect"), nil},
	{"darts-v2", []diagram.Graph{
		dartsGraph("normal cell", "sep_conv_3x3 0", "sep_conv_3x3 1", "sep_conv_3x3 0", "sep_conv_3x3 1", "sep_conv_3x3 1", "skip_connect 0", "skip_connect 0", "dil_conv_3x3 2"),
		dartsGraph("reduction cell", "max_pool_3x3 0", "max_pool_3x3 1", "skip_connect 2", "max_pool_3x3 1", "max_pool_3x3 0", "skip_connect 2", "skip_connect 2", "max_pool_3x3 1"),
	}, []string{"normal cell", "reduction cell", "dil_conv_3x3", "k-2"}},
	{"darts-deep", []diagram.Graph{
		dartsGraph("", "sep_conv_5x5 1", "sep_conv_3x3 0", "dil_conv_5x5 2", "dil_conv_3x3 0", "dil_conv_3x3 3", "sep_conv_3x3 0", "dil_conv_3x3 4", "skip_connect 0"),
	}, nil},
	{"nb101", nb101Graph([]string{"conv3x3-bn-relu", "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "conv3x3-bn-relu"},
		[2]int{0, 1}, [2]int{0, 2}, [2]int{0, 6}, [2]int{1, 3}, [2]int{1, 4}, [2]int{2, 4}, [2]int{3, 5}, [2]int{4, 5}, [2]int{5, 6}), []string{"conv3x3-", "bn-relu", "output"}},
	{"nb101-chain", nb101Graph([]string{"conv3x3-bn-relu", "conv3x3-bn-relu", "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"},
		[2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 5}, [2]int{5, 6}, [2]int{0, 3}, [2]int{0, 6}, [2]int{2, 6}), nil},
	{"parallel", []diagram.Graph{{
		Nodes: []diagram.Node{{Name: "in", Kind: diagram.Input}, {Name: "a"}, {Name: "out", Kind: diagram.Output}},
		Edges: []diagram.Edge{{From: 0, To: 1, Op: "one"}, {From: 0, To: 1, Op: "two"}, {From: 0, To: 1, Op: "three"}, {From: 1, To: 2}, {From: 1, To: 2}},
	}}, nil},
}

var keep = flag.String("keep", "", "folder to leave the drawings of the tests in, to look at")

func TestCell(t *testing.T) {
	dir := t.TempDir()
	if *keep != "" {
		dir = *keep
	}
	for _, tt := range drawings {
		t.Run(tt.name, func(t *testing.T) {
			for _, ext := range []string{".svg", ".png", ".pdf"} {
				first, second := filepath.Join(dir, "cell-"+tt.name+ext), filepath.Join(t.TempDir(), "second"+ext)
				for _, path := range []string{first, second} {
					drawing, err := Cell(tt.graphs)
					if err != nil {
						t.Fatal(err)
					}
					if err := drawing.Save(path); err != nil {
						t.Fatal(err)
					}
				}
				content := read(t, first)
				if !bytes.Equal(content, read(t, second)) {
					t.Errorf("%s differs from one call to the next", ext)
				}
				switch ext {
				case ".png":
					if _, err := png.Decode(bytes.NewReader(content)); err != nil {
						t.Errorf("not a PNG: %v", err)
					}
				case ".svg":
					for _, text := range tt.texts {
						if !bytes.Contains(content, []byte(">"+text+"<")) {
							t.Errorf("the SVG does not say %q", text)
						}
					}
				}
			}
		})
	}
}

// The colours and the dashes of a drawing, as its SVG has them.
func TestEdgesLookLikeTheirOperations(t *testing.T) {
	drawing, err := Cell(nb201Graph("nor_conv_3x3", "nor_conv_1x1", "skip_connect", "skip_connect", "avg_pool_3x3", "none"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cell.svg")
	if err := drawing.Save(path); err != nil {
		t.Fatal(err)
	}
	content := string(read(t, path))
	for _, tt := range []struct {
		name, style string
		edges       int
	}{
		{"3x3", "stroke:#0072B2", 1},
		{"1x1", "stroke:#56B4E9", 1},
		{"skip", "stroke:#009E73", 2},
		{"pooling", "stroke:#E69F00", 1},
		{"none", "stroke:#9A9A9A", 1},
		{"dashes are of none alone", "stroke-dasharray:3,2.5", 1},
	} {
		if got := strings.Count(content, tt.style); got != tt.edges {
			t.Errorf("%s: %q stands %d times in the SVG, want %d", tt.name, tt.style, got, tt.edges)
		}
	}
	if opColour("of another space") != opColour("of another space") || opColour("") == opColour("none") {
		t.Error("an operation has no colour of its own")
	}
	for _, op := range []string{"sep_conv_3x3", "nor_conv_3x3"} {
		if opColour(op) != opColour("conv3x3-bn-relu") {
			t.Errorf("%s has another colour than the 3x3 convolution of NAS-Bench-101", op)
		}
	}
}

func TestTextsOfNodes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"short", "output", "[output]"},
		{"broken near the middle", "conv3x3-bn-relu", "[conv3x3- bn-relu]"},
		{"broken where the longer line is shortest", "x_conv_3x3_y", "[x_conv_ 3x3_y]"},
		{"nothing to break at", "maxpool3x3", "[maxpool3x3]"},
		{"an index is not broken", "long_name_{k-1}", "[long_name_{k-1}]"},
		{"a bar at the end is no place", "abcdefghijkl-", "[abcdefghijkl-]"},
	} {
		if got := fmt.Sprint(broken(tt.text)); got != tt.want {
			t.Errorf("%s: %q is broken into %s, want %s", tt.name, tt.text, got, tt.want)
		}
	}
	for _, tt := range []struct{ name, text, want string }{
		{"none", "c", "[{c }]"},
		{"one", "c_{k-1}", "[{c k-1}]"},
		{"one inside", "c_{k-1} + x", "[{c k-1} { + x }]"},
		{"not closed", "c_{k", "[{c_{k }]"},
	} {
		if got := fmt.Sprint(pieces(tt.text)); got != tt.want {
			t.Errorf("%s: %q has the pieces %s, want %s", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestNoGraphs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		graphs []diagram.Graph
		want   string
	}{
		{"none", nil, "picture: no graph to draw"},
		{"one that cannot be laid out", []diagram.Graph{{Title: "t"}}, `diagram: graph "t" has no nodes`},
	} {
		if _, err := Cell(tt.graphs); err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
