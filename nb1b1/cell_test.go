package nb1b1

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/wordtest"
)

// cell parses a text that must be right.
func cell(t testing.TB, text string) Cell {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	// The example of the benchmark's README, an inception-like cell.
	inceptionText = "conv1x1-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(3) maxpool3x3(0) output(1,2,4,5)"
	// The first cell of the official file.
	firstText = "conv3x3-bn-relu(0) maxpool3x3(1) conv3x3-bn-relu(2) conv3x3-bn-relu(0) conv1x1-bn-relu(0,3,4) output(2,5)"
)

// Hashes of the official file. The first cell is quoted by many users of the
// benchmark; the other hash is that of the README's example in tests of
// google-research/google-research, evolution of hashed architectures.
var knownHashes = []struct {
	text, hash string
}{
	{firstText, "00005c142e6f48ac74fdcf73e3439874"},
	{inceptionText, "28cfc7874f6d200472e1a9dcd8650aa0"},
	// The same cell as the file has it.
	{"conv3x3-bn-relu(0) conv1x1-bn-relu(0) maxpool3x3(0) conv3x3-bn-relu(0) conv3x3-bn-relu(4) output(1,2,3,5)", "28cfc7874f6d200472e1a9dcd8650aa0"},
}

func TestHashIsTheBenchmarks(t *testing.T) {
	for _, tt := range knownHashes {
		if got := cell(t, tt.text).Hash().String(); got != tt.hash {
			t.Errorf("%q has hash %s, want %s", tt.text, got, tt.hash)
		}
	}
}

func TestParse(t *testing.T) {
	c := cell(t, firstText)
	if c.Vertices() != 7 || c.Edges() != 9 || c.Op(2) != MaxPool || !c.Reads(5, 3) || c.Reads(5, 2) || c.Reads(3, 5) || c.Reads(0, 0) {
		t.Errorf("%q was read as %v with %d vertices and %d edges", firstText, c, c.Vertices(), c.Edges())
	}
	const good = "conv3x3-bn-relu(0) maxpool3x3(0,1) output(1,2)"
	cell(t, good)
	for _, tt := range []struct{ name, old, new, want string }{
		{"an unknown op names its vertex and the ops", "maxpool3x3", "maxpool", `vertex 2: unknown op "maxpool" in "maxpool(0,1)", want one of ["conv3x3-bn-relu" "conv1x1-bn-relu" "maxpool3x3"]`},
		{"an op in another case", "maxpool3x3", "MaxPool3x3", `unknown op "MaxPool3x3"`},
		{"the input is not written", "conv3x3", "input() conv3x3", `vertex 1: unknown op "input" in "input()"`},
		{"no output", " output(1,2)", "", `ends with "maxpool3x3(0,1)", want output(...)`},
		{"an output in the middle", "maxpool3x3", "output", `vertex 2: unknown op "output"`},
		{"no brackets", "(0,1)", "", `vertex 2 is "maxpool3x3", want the vertices it reads in brackets, as in maxpool3x3(0)`},
		{"a bracket missing", "(0,1)", "(0,1", `vertex 2 is "maxpool3x3(0,1", want the vertices it reads in brackets`},
		{"a vertex that reads itself", "(0,1)", "(0,2)", `vertex 2: "maxpool3x3(0,2)" reads vertex "2", want one of 0 to 1`},
		{"a vertex with a zero in front", "(0,1)", "(0,01)", `reads vertex "01", want one of 0 to 1`},
		{"a letter", "(0,1)", "(0,x)", `reads vertex "x"`},
		{"a comma too many", "(0,1)", "(0,)", `reads vertex ""`},
		{"a vertex twice", "(0,1)", "(1,1)", `"maxpool3x3(1,1)" reads vertex 1 behind vertex 1, want them ascending`},
		{"descending", "(0,1)", "(1,0)", `reads vertex 0 behind vertex 1`},
		{"two spaces", ") m", ")  m", `vertex 2: unknown op "" in ""`},
		{"a space at the end", "(1,2)", "(1,2) ", `ends with "", want output(...)`},
		{"nothing", good, "", `cell "" ends with "", want output(...)`},
		{"no path", "(0) maxpool3x3(0,1)", "() maxpool3x3(1)", `no path from the input to the output`},
		{"too many vertices", "conv3x3", strings.Repeat("maxpool3x3(0) ", 4) + "conv3x3", `has 7 vertices behind the input, want at most 6`},
		{"too many edges", good, "maxpool3x3(0) maxpool3x3(0,1) maxpool3x3(0,1,2) maxpool3x3(0,1,2,3) output(4)", `11 edges on paths from the input to the output, want at most 9`},
	} {
		_, err := Parse(strings.Replace(good, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "nb1b1: cell ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	// Edges that lie on no path do not count, as in the benchmark.
	loose := cell(t, "maxpool3x3(0) maxpool3x3(0,1) maxpool3x3(0,1,2) maxpool3x3(0,1,2,3) output(0)")
	if got, want := loose.Pruned(), cell(t, "output(0)"); got != want {
		t.Errorf("%v pruned is %v, want %v", loose, got, want)
	}
}

func TestJSON(t *testing.T) {
	const text = `{"matrix":[[0,1,1,1,0,1,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,1,0,0],[0,0,0,0,0,0,1],[0,0,0,0,0,0,1],[0,0,0,0,0,0,0]],` +
		`"ops":["input","conv1x1-bn-relu","conv3x3-bn-relu","conv3x3-bn-relu","conv3x3-bn-relu","maxpool3x3","output"]}`
	c := cell(t, " "+text+"\n")
	if want := cell(t, inceptionText); c != want {
		t.Errorf("cell = %v, want %v", c, want)
	}
	if got, err := json.Marshal(c); err != nil || string(got) != text {
		t.Errorf("JSON = %s, %v, want %s", got, err, text)
	}
	const good = `{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "ops": ["input","maxpool3x3","output"]}`
	cell(t, good)
	var into Cell
	if err := json.Unmarshal([]byte(good), &into); err != nil || into.String() != "maxpool3x3(0) output(1)" {
		t.Errorf("unmarshalled %v, %v", into, err)
	}
	if points := strings.NewReplacer("0,", "0.0,", "1,", "1e0,").Replace(good); cell(t, points) != into {
		t.Errorf("%s is another cell", points)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"a text for the matrix", "[[0,1,0],[0,0,1],[0,0,0]]", `"x"`, `"matrix" has a text where a list belongs`},
		{"a number for a row", "[0,1,0]", "0", `"matrix" has a number where a list belongs`},
		{"a text for an entry", "[0,1,0]", `[0,"1",0]`, `"1" where a whole number belongs`},
		{"numbers for ops", `"maxpool3x3"`, "1", `"ops" has a number where a text belongs`},
		{"a row too short", "[0,0,1]", "[0,0]", "matrix has 3 rows but row 1 has 2 entries, want it square"},
		{"a row too few", ",[0,0,0]]", "]", "matrix has 2 rows but row 0 has 3 entries, want it square"},
		{"another number", "[0,1,0]", "[0,2,0]", "matrix has 2 in row 0, column 1, want 0 or 1"},
		{"a negative number", "[0,1,0]", "[0,-1,0]", "matrix has -1 in row 0, column 1, want 0 or 1"},
		{"half an edge", "[0,1,0]", "[0,0.5,0]", "0.5 where a whole number belongs"},
		{"truth values", "[0,1,0]", "[0,true,0]", "true where a whole number belongs"},
		{"a vertex that reads itself", "[0,0,1]", "[0,1,1]", "a 1 in row 1, column 1, want it upper triangular"},
		{"a vertex that reads a later one", "[0,0,0]", "[1,0,0]", "a 1 in row 2, column 0, want it upper triangular"},
		{"an unknown op", "maxpool3x3", "avgpool3x3", `op 1 is "avgpool3x3", want one of ["conv3x3-bn-relu"`},
		{"an op too few", `"maxpool3x3",`, "", "matrix has 3 vertices but there are 2 ops"},
		{"another first op", `"input"`, `"in"`, `op 0 is "in", want "input"`},
		{"another last op", `"output"`, `"out"`, `op 2 is "out", want "output" at the end`},
		{"no path", "[0,1,0]", "[0,0,0]", "no path from the input to the output"},
		{"one vertex", "[[0,1,0],[0,0,1],[0,0,0]]", "[[0]]", "matrix has 1 rows, want 2 to 7"},
		{"8 vertices", "[[0,1,0],[0,0,1],[0,0,0]]", "[[],[],[],[],[],[],[],[]]", "matrix has 8 rows, want 2 to 7"},
		{"another name", `"ops"`, `"operations"`, `there is no key "operations", want {"matrix"`},
		{"something behind", good, good + " {}", "more text behind its end"},
		{"cut off", good, good[:20], "it ends too early, want {"},
		{"too many edges", good, `{"matrix": [[0,1,1,1,1],[0,0,1,1,1],[0,0,0,1,1],[0,0,0,0,1],[0,0,0,0,0]], "ops": ["input","maxpool3x3","maxpool3x3","maxpool3x3","output"]}`, "10 edges on paths"},
	} {
		_, err := Parse(strings.Replace(good, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "nb1b1: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
}

// The benchmark's own examples of pruning (its tests of model_spec).
func TestPruned(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing to prune", "maxpool3x3(0) output(0,1)", "maxpool3x3(0) output(0,1)"},
		{"an island", "conv1x1-bn-relu(0) maxpool3x3() output(1)", "conv1x1-bn-relu(0) output(1)"},
		{"an island of two", "conv1x1-bn-relu(0) maxpool3x3() maxpool3x3(2) output(1)", "conv1x1-bn-relu(0) output(1)"},
		{"a vertex that nothing reads", "conv1x1-bn-relu(0) maxpool3x3(0) output(2)", "maxpool3x3(0) output(1)"},
		{"a vertex that reads nothing", "conv1x1-bn-relu() maxpool3x3(0) output(1,2)", "maxpool3x3(0) output(1)"},
		{"a chain that ends", "maxpool3x3(0) maxpool3x3(1) conv1x1-bn-relu(0) output(3)", "conv1x1-bn-relu(0) output(1)"},
	} {
		if got := cell(t, tt.text).Pruned(); got.String() != tt.want {
			t.Errorf("%s: %q became %q, want %q", tt.name, tt.text, got, tt.want)
		}
	}
	if (Cell{}).Pruned() != (Cell{}) {
		t.Error("the zero value has changed")
	}
}

// The cases that the benchmark's authors call tricky: pairs that differ.
func TestTrickyPairs(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		same       bool
	}{
		{"a diamond with its sides swapped", "conv1x1-bn-relu(0) maxpool3x3(0) output(1,2)", "maxpool3x3(0) conv1x1-bn-relu(0) output(1,2)", true},
		{"a long and a short way round", "conv1x1-bn-relu(0) maxpool3x3(0) conv3x3-bn-relu(2) output(1,3)", "maxpool3x3(0) conv3x3-bn-relu(1) conv1x1-bn-relu(0) output(2,3)", true},
		{"a loose end does not matter", "conv1x1-bn-relu(0) maxpool3x3(0) output(1)", "conv1x1-bn-relu(0) output(1)", true},
		{"a chain the other way round", "conv1x1-bn-relu(0) conv3x3-bn-relu(1) conv3x3-bn-relu(2) output(3)", "conv3x3-bn-relu(0) conv3x3-bn-relu(1) conv1x1-bn-relu(2) output(3)", false},
		{"a triangle the other way round", "conv1x1-bn-relu(0) conv3x3-bn-relu(1) output(0,2)", "conv3x3-bn-relu(0) conv1x1-bn-relu(1) output(0,2)", false},
		{"equal as seen from the output", "conv1x1-bn-relu(0) conv3x3-bn-relu(0,1) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(3,4) output(2,5)",
			"conv3x3-bn-relu(0) conv3x3-bn-relu(0,1) conv3x3-bn-relu(0) conv1x1-bn-relu(0) conv3x3-bn-relu(3,4) output(2,5)", false},
	} {
		a, b := cell(t, tt.a), cell(t, tt.b)
		if (a.Hash() == b.Hash()) != tt.same || (a.Canonical() == b.Canonical()) != tt.same {
			t.Errorf("%s: hashes %v and %v, representatives %q and %q", tt.name, a.Hash(), b.Hash(), a.Canonical(), b.Canonical())
		}
	}
}

// randomCell draws matrices until one is a cell.
func randomCell(r *rand.Rand) Cell {
	for {
		c := Cell{inner: uint8(r.IntN(maxInner + 1))}
		for v := 1; v < c.Vertices(); v++ {
			c.parents[v-1] = uint8(r.IntN(1 << v))
			if v < c.Vertices()-1 {
				c.ops[v-1] = Op(r.IntN(len(Ops)))
			}
		}
		if c.check() == nil {
			return c
		}
	}
}

// smallest tries every order of a pruned cell's vertices.
func smallest(c Cell) (best Cell) {
	order := []int{0}
	var extend func()
	extend = func() {
		if len(order) == c.Vertices()-1 {
			if d := c.arrange(append(order, c.Vertices()-1)); best == (Cell{}) || d.compare(best) < 0 {
				best = d
			}
			return
		}
		for v := 1; v < c.Vertices()-1; v++ {
			ready := !slices.Contains(order, v)
			for from := range v {
				ready = ready && (!c.Reads(v, from) || slices.Contains(order, from))
			}
			if ready {
				order = append(order, v)
				extend()
				order = order[:len(order)-1]
			}
		}
	}
	extend()
	return best
}

func TestRandomCells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 20000
	if testing.Short() {
		n = 2000
	}
	byHash := map[Hash]Cell{}
	for range n {
		c := randomCell(r)
		if back, err := Parse(c.String()); err != nil || back != c {
			t.Fatalf("%q came back as %v, %v", c, back, err)
		}
		if back, err := NewCell(c.Matrix(), c.OpNames()); err != nil || back != c {
			t.Fatalf("the matrix of %q came back as %v, %v", c, back, err)
		}
		if back, err := fromCode(c.code()); err != nil || back != c {
			t.Fatalf("the code of %q came back as %v, %v", c, back, err)
		}
		rep := c.Canonical()
		if want := smallest(c.Pruned()); rep != want {
			t.Fatalf("%q has representative %q, want %q", c, rep, want)
		}
		if rep.Canonical() != rep || rep.Hash() != c.Hash() || c.Pruned().Pruned() != c.Pruned() {
			t.Fatalf("%q has representative %q, whose own is %q", c, rep, rep.Canonical())
		}
		if other, known := byHash[c.Hash()]; known && other != rep {
			t.Fatalf("%q and %q have one hash", other, rep)
		}
		byHash[c.Hash()] = rep
	}
	distinct := map[Cell]bool{}
	for _, rep := range byHash {
		distinct[rep] = true
	}
	if len(distinct) != len(byHash) {
		t.Errorf("%d hashes but %d representatives", len(byHash), len(distinct))
	}
	t.Logf("%d random cells, %d classes by hash and by representative", n, len(byHash))
}

// FuzzParse: what parses prints as the very text that was read, or is the JSON
// form of a cell that prints as one that parses.
func FuzzParse(f *testing.F) {
	for _, s := range []string{firstText, inceptionText, "", "output(0)", "output()", "maxpool3x3(0) output(0,1) ", "conv1x1-bn-relu(0))",
		`{"matrix": [[0,1],[0,0]], "ops": ["input","output"]}`, `{"matrix": [[0,1e1],[0,0]]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "nb1b1: ") || strings.Contains(err.Error(), "\n") || c != (Cell{}) {
				t.Errorf("error %q with cell %v", err, c)
			}
			return
		}
		if !strings.HasPrefix(strings.TrimSpace(s), "{") && c.String() != s {
			t.Errorf("%q was read as %q", s, c)
		}
		if back, err := Parse(c.String()); err != nil || back != c {
			t.Errorf("%q came back as %v, %v", c, back, err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Parse(string(text)); err != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
		c.Hash()
		c.Canonical()
	})
}

func BenchmarkHash(b *testing.B) {
	c := cell(b, firstText)
	for b.Loop() {
		c.Hash()
	}
}

func BenchmarkCanonical(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"chain", firstText},
		{"inception", inceptionText},
		{"4 equal vertices", "conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) conv3x3-bn-relu(0) output(1,2,3,4)"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c := cell(b, bb.text)
			for b.Loop() {
				c.Canonical()
			}
		})
	}
}
