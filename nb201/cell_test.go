package nb201

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
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

// Official records that the tests know by number.
const (
	cell0   = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
	cell11  = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|"
	cell284 = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|"
)

func TestParse(t *testing.T) {
	if got, want := cell(t, cell11), (Cell{3, 3, 4, 0, 3, 4}); got != want {
		t.Errorf("cell = %v, want %v", got, want)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"an unknown op names its edge and the ops", "nor_conv_1x1~1", "conv_1x1~1", `edge 3<-1: unknown op "conv_1x1", want one of ["none" "skip_connect"`},
		{"an op in another case", "|none~0|", "|None~0|", `edge 3<-0: unknown op "None"`},
		{"a space", "|none~0|", "| none~0|", `edge 3<-0: unknown op " none"`},
		{"a wrong source names the right one", "skip_connect~1", "skip_connect~0", `edge 2<-1: op "skip_connect" comes from node "0", want "1"`},
		{"a source with a zero in front", "none~2", "none~02", `edge 3<-2: op "none" comes from node "02", want "2"`},
		{"no source", "none~2", "none", `edge 3<-2: "none" names no node, want op~2`},
		{"an edge too many", "none~2|", "none~2|none~3|", `node 3 has 4 edges, want 3`},
		{"an edge too few", "|none~2|", "|", `node 3 has 2 edges, want 3`},
		{"a node too many", cell284, cell284 + "+|none~0|", `has 4 nodes joined by "+", want 3 as in "|none~0|+|none~0|none~1|+`},
		{"nothing", cell284, "", `cell "" has 1 nodes`},
		{"a bar missing at the end", "|none~2|", "|none~2", `node 3 is "|none~0|nor_conv_1x1~1|none~2", want it to begin and end with "|"`},
		{"a bar missing at the start", "|skip_connect~0|+", "skip_connect~0|+", `node 1 is "skip_connect~0|"`},
		{"a node of one bar", "|skip_connect~0|+|skip", "|+|skip", `node 1 is "|"`},
		{"a line feed behind", "none~2|", "none~2|\n", `node 3 is`},
	} {
		_, err := Parse(strings.Replace(cell284, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAllRoundTrip(t *testing.T) {
	texts := map[string]bool{}
	for i, c := range All() {
		back, err := Parse(c.String())
		if err != nil || back != c || c.Index() != i || FromIndex(i) != c {
			t.Fatalf("cell %d = %q came back as %v, index %d, %v", i, c, back, c.Index(), err)
		}
		texts[c.String()] = true
	}
	if len(texts) != NumCells || NumCells != 15625 {
		t.Errorf("%d different texts, want 15625", len(texts))
	}
	if got := (Cell{0, 0, 0, 0, 0, 4}).Index(); got != 4 {
		t.Errorf("the last edge is not the last digit: index %d, want 4", got)
	}
}

// FuzzParse: what parses prints as the very text that was read.
func FuzzParse(f *testing.F) {
	for _, s := range []string{cell0, cell11, cell284, "", "|||", "|none~0|+|none~0|none~1|+|none~0|none~1|none~9|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "nb201: cell ") || c != (Cell{}) {
				t.Errorf("error %q with cell %v", err, c)
			}
			return
		}
		if c.String() != s {
			t.Errorf("%q was read as %q", s, c)
		}
	})
}

func TestClasses(t *testing.T) {
	if got := Classes(); got != 6466 {
		t.Errorf("%d isomorphism classes, want 6466 (NAS-Bench-201 paper)", got)
	}
	for _, tt := range []struct {
		name string
		a, b string
		same bool
	}{
		{"the input and a copy of it may be swapped",
			"|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|",
			"|skip_connect~0|+|none~0|none~1|+|avg_pool_3x3~0|nor_conv_3x3~1|none~2|", true},
		{"a zero stays as a term, so that copies with and without one differ (the benchmark's rule)",
			"|skip_connect~0|+|skip_connect~0|none~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
			"|skip_connect~0|+|skip_connect~0|none~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|", false},
		{"what hangs on a zero node does not matter",
			"|none~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|",
			"|none~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|skip_connect~1|skip_connect~2|", true},
		{"a node that nobody reads does not matter",
			"|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_1x1~0|none~1|none~2|",
			"|avg_pool_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|none~2|", true},
		{"another kernel is another network",
			"|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|",
			"|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|", false},
	} {
		a, b := cell(t, tt.a).Canonical(), cell(t, tt.b).Canonical()
		if (a == b) != tt.same {
			t.Errorf("%s: %q and %q", tt.name, a, b)
		}
	}
	for i, c := range All() {
		rep := c.Canonical()
		if rep.Index() > i || rep.Canonical() != rep {
			t.Fatalf("cell %d has representative %d, whose own is %d", i, rep.Index(), rep.Canonical().Index())
		}
	}
}

// Cells of one class are the same function. The function is computed in numbers
// here: an op with weights is a fixed injective-looking nonlinear map.
func TestClassesAreFunctions(t *testing.T) {
	value := func(c Cell) float64 {
		nodes := [4]float64{0.7}
		edge := 0
		for to := 1; to < 4; to++ {
			for from := range to {
				x := nodes[from]
				switch Ops[c[edge]] {
				case "skip_connect":
					nodes[to] += x
				case "nor_conv_1x1":
					nodes[to] += math.Sin(2.3 * x)
				case "nor_conv_3x3":
					nodes[to] += math.Sinh(0.9*x) * 1.7
				case "avg_pool_3x3":
					nodes[to] += math.Sinh(x) * math.Cos(x) * 0.31
				}
				edge++
			}
		}
		return nodes[3]
	}
	for _, c := range All() {
		if a, b := value(c), value(c.Canonical()); math.Abs(a-b) > 1e-12*math.Max(1, math.Abs(a)) {
			t.Fatalf("%q gives %v, its representative %q %v", c, a, c.Canonical(), b)
		}
	}
}

func TestRandomIsUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var counts [6][5]int
	const n = 20000
	for range n {
		for e, op := range Random(r) {
			counts[e][op]++
		}
	}
	// Each count is binomial with mean 4000 and deviation 57; 5 of them is 283.
	for e := range counts {
		for op, got := range counts[e] {
			if got < 3717 || got > 4283 {
				t.Errorf("edge %d has op %d %d times of %d, want about %d", e, op, got, n, n/5)
			}
		}
	}
}

// Source of the numbers: the official records (ground truth notes and sample).
func TestCost(t *testing.T) {
	for _, tt := range []struct {
		text            string
		classes, size   int
		mflops, mparams float64
	}{
		{cell0, 10, 32, 15.64737, 0.129306},
		{cell0, 100, 32, 15.65322, 0.135156},
		{cell0, 120, 16, 3.91948, 0.136456},
		{cell11, 10, 32, 113.95137, 0.802426},
		{cell11, 100, 32, 113.95722, 0.808276},
		{cell11, 120, 16, 28.49548, 0.809576},
		{cell284, 10, 32, 11.71521, 0.101306},
		{cell284, 100, 32, 11.72106, 0.107156},
		{cell284, 120, 16, 2.93644, 0.108456},
	} {
		mflops, mparams := cell(t, tt.text).Cost(Net{C: 16, N: 5, Classes: tt.classes, InChannels: 3, Size: tt.size})
		if math.Abs(mflops-tt.mflops) > 1e-9 || math.Abs(mparams-tt.mparams) > 1e-9 {
			t.Errorf("%q, %d classes: %v MFLOPs and %v MParams, want %v and %v", tt.text, tt.classes, mflops, mparams, tt.mflops, tt.mparams)
		}
	}
}
