package dartsspace

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"idarts/internal/diagram"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/wordtest"
)

const (
	// DARTS_V2, as github.com/quark0/darts prints it in substance.
	darts2 = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), " +
		"('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], " +
		"reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), " +
		"('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
	// DARTS_V2 in NASLib's compact form.
	compact2 = "(((0, 3), (1, 3), (0, 3), (1, 3), (1, 3), (0, 2), (0, 2), (2, 5)), ((0, 0), (1, 0), (2, 2), (1, 0), (0, 0), (2, 2), (2, 2), (1, 0)))"
	// FairDARTS_g: node 3 of the normal cell has no edge, but an edge leads from it.
	fairG = "Genotype(normal=[('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('skip_connect', 4, 3), ('sep_conv_5x5', 4, 1), " +
		"('dil_conv_3x3', 5, 0), ('sep_conv_3x3', 5, 1)], normal_concat=[2, 3, 4, 5], " +
		"reduce=[('avg_pool_3x3', 2, 1), ('skip_connect', 2, 0), ('skip_connect', 3, 2), ('max_pool_3x3', 3, 1), " +
		"('sep_conv_5x5', 4, 3), ('max_pool_3x3', 4, 0), ('dil_conv_3x3', 5, 1), ('dil_conv_3x3', 5, 4)], reduce_concat=[2, 3, 4, 5])"
)

// parse reads a text that must be right.
func parse(t testing.TB, text string) Genotype {
	t.Helper()
	g, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestParse(t *testing.T) {
	g := parse(t, darts2)
	if want := (Edge{Op: 6, Node: 5, Input: 2}); g.Normal.Edges[7] != want {
		t.Errorf("last normal edge is %v, want %v", g.Normal.Edges[7], want)
	}
	triples := strings.NewReplacer(
		"normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ",
		"normal=[('sep_conv_3x3', 3, 0), ('sep_conv_3x3', 2, 0), ('sep_conv_3x3', 2, 1), ('sep_conv_3x3', 3, 1), ",
		"('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)]",
		"('sep_conv_3x3', 4, 1), ('skip_connect', 4, 0), ('skip_connect', 5, 0), ('dil_conv_3x3', 5, 2)]",
	).Replace(darts2)
	variants := []struct{ name, text, want string }{
		{"the text that is printed", darts2, darts2},
		{"range for the output", strings.ReplaceAll(darts2, "[2, 3, 4, 5]", "range(2, 6)"), darts2},
		{"double quotes", strings.ReplaceAll(darts2, "'", `"`), darts2},
		{"no white space", strings.ReplaceAll(darts2, " ", ""), darts2},
		{"lines and tabs", "\n" + strings.ReplaceAll(darts2, ", ", " ,\n\t"), darts2},
		{"lists for tuples", strings.NewReplacer("('", "['", "0)", "0]", "1)", "1]", "2)", "2]").Replace(darts2), darts2},
		{"a comma behind the last", strings.NewReplacer(")]", "),]", "5]", "5,]", "5])", "5],)").Replace(darts2), darts2},
		{"another order of the arguments", "Genotype(reduce_concat=range(2,6), " + strings.TrimSuffix(strings.TrimPrefix(darts2, "Genotype("), ", reduce_concat=[2, 3, 4, 5])") + ")", darts2},
		{"triples in any order, where two edges a node make pairs", triples, darts2},
		{"triples", fairG, fairG},
		{"assigned to a name", "DARTS_V2 = " + darts2, darts2},
		{"a line of a log", "03/14 09:26:53 PM genotype = " + darts2 + "\n", darts2},
		{"a level before it", "INFO: genotype = " + darts2, darts2},
		{"a level in brackets", "[2026-01-02 INFO] genotype " + darts2, darts2},
		{"a module before it", "genotypes." + darts2, darts2},
		{"a comment behind it", darts2 + "  # 97.24 %", darts2},
		{"comments inside", strings.ReplaceAll(darts2, ", reduce", ", # normal cell (above)\n  reduce"), darts2},
		{"numpy's numbers", strings.NewReplacer("0)", "np.int64(0))", "1)", "numpy.int32(1))", "2)", "int64(2))", "[2, ", "[np.uint8(2), ").Replace(darts2), darts2},
		{"numpy's texts", strings.ReplaceAll(darts2, "'skip_connect'", "np.str_('skip_connect')"), darts2},
		{"Python 2's texts", strings.ReplaceAll(darts2, "'skip_connect'", "u'skip_connect'"), darts2},
		{"typographic quotes", strings.NewReplacer("('s", "(‘s", "('m", "(‘m", "('d", "(‘d", "',", "’,").Replace(darts2), darts2},
		{"grave accents", strings.ReplaceAll(darts2, "'", "`"), darts2},
		{"no-break spaces", strings.ReplaceAll(darts2, " ", "\u00a0"), darts2},
		{"numbers with a point", strings.NewReplacer("0)", "0.0)", "1)", "1.)").Replace(darts2), darts2},
		{"a list of a range", strings.ReplaceAll(darts2, "[2, 3, 4, 5]", "list(range(2, 6))"), darts2},
		{"tuples for lists", strings.NewReplacer("[", "(", "]", ")").Replace(darts2), darts2},
		{"a line of a table", `"` + darts2 + `",`, darts2},
		{"the compact form", compact2, darts2},
		{"the compact form in lists", strings.NewReplacer("(", "[", ")", "]").Replace(compact2), darts2},
		{"the compact form as JSON has it", `"7": "` + compact2 + `",`, darts2},
		{"an edge of none", strings.Replace(darts2, "'dil_conv_3x3', 2", "'none', 2", 1), strings.Replace(darts2, "'dil_conv_3x3', 2", "'none', 2", 1)},
	}
	for _, tt := range variants {
		if got := parse(t, tt.text).String(); got != tt.want {
			t.Errorf("%s: printed\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
	t.Logf("%d spellings", len(variants))
}

func TestErrorsNameCellAndEntry(t *testing.T) {
	cases := []struct{ name, text, old, new, want string }{
		{"an unknown operation", darts2, "'dil_conv_3x3', 2", "'sep_conv_7x7', 2", `normal: entry 8 of 8, ("sep_conv_7x7", 2): unknown operation, want one of ["none" "max_pool_3x3"`},
		{"an input that is the node", darts2, "'dil_conv_3x3', 2", "'dil_conv_3x3', 5", `normal: entry 8 of 8, ("dil_conv_3x3", 5) of node 5: input 5 is not earlier than the node, want 0 to 4`},
		{"an input after the node", darts2, "reduce=[('max_pool_3x3', 0)", "reduce=[('max_pool_3x3', 4)", `reduce: entry 1 of 8, ("max_pool_3x3", 4) of node 2: input 4 is not earlier than the node, want 0 to 1`},
		{"an entry too few", darts2, ", ('dil_conv_3x3', 2)", "", `normal: 7 entries, want 8: two for each node 2 to 5`},
		{"no entries", darts2, darts2[strings.Index(darts2, "normal=["):strings.Index(darts2, ", normal_concat")], "normal=[]", `normal: 0 entries, want 8`},
		{"an output that does not exist", darts2, "normal_concat=[2, 3, 4, 5]", "normal_concat=[2, 3, 4, 6]", `normal_concat names node 6, which does not exist, want 2 to 5`},
		{"an input as output", darts2, "reduce_concat=[2, 3, 4, 5]", "reduce_concat=[1, 2]", `reduce_concat names node 1, which does not exist`},
		{"an output twice", darts2, "reduce_concat=[2, 3, 4, 5]", "reduce_concat=[2, 2]", `reduce_concat names node 2 twice`},
		{"a range too long", darts2, "normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 1000000)", `"range(2, 1000000), reduce=[('max_pool_3x...", want nodes from 2 to 5 as in range(2, 6) in normal_concat`},
		{"no output", darts2, "normal_concat=[2, 3, 4, 5]", "normal_concat=[]", `normal: no edge leads from an input to a node of normal_concat`},
		{"an output without edges", fairG, "normal_concat=[2, 3, 4, 5]", "normal_concat=[3]", `normal: no edge leads from an input to a node of normal_concat`},
		{"an output that only an empty node leads to", "Genotype(normal=[('skip_connect', 2, 0), ('skip_connect', 4, 3)], normal_concat=[4], reduce=[('skip_connect', 2, 0)], reduce_concat=[2])",
			"", "", `normal: no edge leads from an input to a node of normal_concat`},
		{"a node that does not exist", fairG, "('dil_conv_3x3', 5, 0)", "('dil_conv_3x3', 6, 0)", `normal: entry 6 of 6, ("dil_conv_3x3", 0) of node 6: there is no such node, want 2 to 5`},
		{"pairs among triples", fairG, "('dil_conv_3x3', 5, 0)", "('dil_conv_3x3', 0)", `normal: entry 5 of 6, ("dil_conv_3x3", 0): 1 numbers, want 2 as in the first entry`},
		{"an entry without numbers", fairG, "('dil_conv_3x3', 5, 0)", "('dil_conv_3x3')", `entry 5 of normal has 0 numbers, want (op, input) or (op, node, input)`},
		{"no quotes", darts2, "'dil_conv_3x3', 2", "dil_conv_3x3, 2", `"dil_conv_3x3, 2)], normal_concat=[2, 3, ...", want the name of an operation in quotes in entry 8 of normal`},
		{"a quote that does not close", darts2, "'max_pool_3x3', 1)], reduce_concat", "\"max_pool_3x3', 1)], reduce_concat", `want a closing " in entry 8 of reduce`},
		{"no number", darts2, "'dil_conv_3x3', 2", "'dil_conv_3x3', x", `"x)], normal_concat=[2, 3, 4, 5], reduce=...", want a whole number in entry 8 of normal`},
		{"a number too large", darts2, "'dil_conv_3x3', 2", "'dil_conv_3x3', 99999999999999999999", `want a whole number in entry 8 of normal`},
		{"no comma", darts2, "0), ('dil_conv_3x3', 2)", "0) ('dil_conv_3x3', 2)", `want "," or "]" in normal`},
		{"an argument twice", darts2, "reduce=", "normal=", `want one of ["reduce" "reduce_concat"] that has not been there yet`},
		{"something behind it", darts2, "reduce_concat=[2, 3, 4, 5])", "reduce_concat=[2, 3, 4, 5]) x", `"x", want nothing more`},
		{"cut off", darts2, darts2[60:], "", `ends too early, want`},
		{"nothing", darts2, darts2, "", `"" ends too early, want "Genotype(normal=`},
		{"a negative input", darts2, "'dil_conv_3x3', 2", "'dil_conv_3x3', -1", `input -1 is not earlier than the node, want 0 to 4`},
		{"a fraction", darts2, "'dil_conv_3x3', 2", "'dil_conv_3x3', 2.5", `"2.5)], normal_concat=[2, 3, 4, 5], reduc...", want a whole number in entry 8 of normal`},
		{"a call that does not close", darts2, "'dil_conv_3x3', 2)", "'dil_conv_3x3', np.int64(2]", `want ")" in entry 8 of normal`},
		{"another call", darts2, "'dil_conv_3x3', 2)", "'dil_conv_3x3', f(2)", `"f(2)], normal_concat`},
		{"a name of numpy alone", darts2, "'dil_conv_3x3', 2)", "'dil_conv_3x3', np.2)", `"np.2)], normal_concat`},
		{"a quote before it alone", darts2, "Genotype", "'Genotype", `ends too early, want the closing quote`},
		{"two genotypes", darts2, darts2, darts2 + ", " + darts2, `"Genotype(normal=[('sep_conv_3x3', 0), ('...", want nothing more`},
		{"a comment in place of the end", darts2, "reduce_concat=[2, 3, 4, 5])", "reduce_concat=[2, 3, 4, 5] # )", `ends too early, want ")"`},
		{"the compact form with one cell", compact2, compact2[strings.Index(compact2, ", ((0, 0)"):], ",)", `1 cells in the compact form, want the normal and the reduction cell`},
		{"the compact form with three cells", compact2, "(1, 0)))", "(1, 0)), (0, 1))", `want two cells in the compact form`},
		{"an operation that the compact form does not count", compact2, "(2, 5)", "(2, 7)", `entry 8 of normal is (2, 7): operation 7, want 0 to 6 for ["max_pool_3x3"`},
		{"an input that is not there in the compact form", compact2, "(2, 5)", "(7, 5)", `normal: entry 8 of 8, ("dil_conv_3x3", 7) of node 5: input 7 is not earlier than the node, want 0 to 4`},
		{"three numbers in the compact form", compact2, "(2, 5)", "(2, 5, 1)", `entry 8 of normal has 3 numbers, want (input, op)`},
		{"a pair too few in the compact form", compact2, ", (2, 5)", "", `normal: 7 entries, want 8`},
		{"another text", darts2, "Genotype", "|none~0|+", `at byte 0: "|none~0|+(normal=`},
	}
	for _, tt := range cases {
		if !strings.Contains(tt.text, tt.old) {
			t.Fatalf("%s: nothing to replace", tt.name)
		}
		g, err := Parse(strings.Replace(tt.text, tt.old, tt.new, 1))
		if err == nil || !strings.HasPrefix(err.Error(), "dartsspace: genotype") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		if g.Normal.Edges != nil || g.Reduce.Edges != nil {
			t.Errorf("%s: a genotype comes with the error", tt.name)
		}
		wordtest.Check(t, tt.name, err)
	}
	for _, e := range []Edge{{Op: 9, Node: 2, Input: 0}, {Op: Skip, Node: 2, Input: -1}, {Op: Skip, Node: 9, Input: 0}} {
		g := parse(t, darts2)
		g.Reduce.Edges[0] = e
		if err := g.Check(); err == nil || !strings.Contains(err.Error(), "reduce: entry 1 of 8") {
			t.Errorf("edge %v: error = %v", e, err)
		}
	}
	g := parse(t, darts2)
	g.Normal.Edges[0], g.Normal.Edges[7] = g.Normal.Edges[7], g.Normal.Edges[0]
	if err := g.Check(); err == nil || !strings.Contains(err.Error(), "normal: entry 2 of 8, (\"sep_conv_3x3\", 1) of node 2: it comes after node 5, want ascending nodes") {
		t.Errorf("descending nodes: error = %v", err)
	}
	t.Logf("%d errors", len(cases)+4)
}

func TestInSpace(t *testing.T) {
	if err := parse(t, darts2).InSpace(); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"both edges from one input (ISTA-NAS)", strings.Replace(darts2, "('skip_connect', 0), ('dil_conv_3x3', 2)", "('skip_connect', 2), ('dil_conv_3x3', 2)", 1),
			"normal: both entries of node 5 come from node 2, want two different inputs"},
		{"another number of edges (Fair-DARTS)", fairG, "normal: 6 entries, want two for each node 2 to 5"},
		{"a node that is not in the output", strings.Replace(darts2, "reduce_concat=[2, 3, 4, 5]", "reduce_concat=[3, 4, 5]", 1), "reduce_concat is [3 4 5], want [2 3 4 5]"},
	} {
		if err := parse(t, tt.text).InSpace(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestCanonical(t *testing.T) {
	g := parse(t, darts2)
	swapped := strings.Replace(darts2, "('sep_conv_3x3', 1), ('skip_connect', 0)", "('skip_connect', 0), ('sep_conv_3x3', 1)", 1)
	swapped = strings.Replace(swapped, "reduce_concat=[2, 3, 4, 5]", "reduce_concat=[5, 3, 4, 2]", 1)
	h := parse(t, swapped)
	if g.String() == h.String() || g.Canonical().String() != h.Canonical().String() {
		t.Errorf("the order of a node's edges: %s and %s", g.Canonical(), h.Canonical())
	}
	if other := parse(t, strings.Replace(darts2, "'dil_conv_3x3', 2", "'dil_conv_3x3', 3", 1)); g.Canonical().String() == other.Canonical().String() {
		t.Error("another input is the same architecture")
	}
	if before := h.String(); h.Canonical().Canonical().String() != h.Canonical().String() || h.String() != before {
		t.Error("the canonical form changes again, or Canonical changes its argument")
	}
}

func TestJSON(t *testing.T) {
	const oneCell = `{"normal":[["skip_connect",2,0]],"normal_concat":[2],"reduce":[["skip_connect",2,0],["sep_conv_3x3",2,0]],"reduce_concat":[2]}`
	for _, text := range []string{darts2, fairG} {
		content, err := json.Marshal(parse(t, text))
		if err != nil {
			t.Fatal(err)
		}
		var back Genotype
		if err := json.Unmarshal(content, &back); err != nil || !reflect.DeepEqual(back, parse(t, text)) {
			t.Errorf("%s came back as %v, %v", content, back, err)
		}
	}
	var g Genotype
	if err := json.Unmarshal([]byte(oneCell), &g); err != nil {
		t.Fatal(err)
	}
	if content, err := json.Marshal(g); err != nil || string(content) != oneCell {
		t.Errorf("%s came back as %s, %v", oneCell, content, err)
	}
	if points := parse(t, strings.NewReplacer("2", "2.0", ",0]", ",0e0]").Replace(oneCell)); points.String() != g.String() {
		t.Errorf("whole numbers with a point are read as %s", points)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"an unknown operation", `["skip_connect",2,0]]`, `["skip",2,0]]`, `normal: entry 1 of 1, ("skip", 2, 0): unknown operation`},
		{"a number as operation", `["skip_connect",2,0]]`, `[1,2,0]]`, `entry [1,2,0], want [op, input] or [op, node, input]`},
		{"null as input", `["skip_connect",2,0]]`, `["skip_connect",2,null]]`, `entry ["skip_connect",2,null], want`},
		{"a fraction", `["skip_connect",2,0]]`, `["skip_connect",2,0.5]]`, `entry ["skip_connect",2,0.5], want`},
		{"an entry too long", `["skip_connect",2,0]]`, `["skip_connect",2,0,0]]`, `want [op, input]`},
		{"another key", `"normal"`, `"normall"`, `there is no key "normall"`},
		{"a text for a cell", `[["skip_connect",2,0]]`, `"x"`, `"normal" has a text where a list belongs`},
		{"a text for a node", `"normal_concat":[2]`, `"normal_concat":["2"]`, `"2" where a whole number belongs`},
		{"a list for it all", oneCell, `[]`, `dartsspace: genotype: a list where an object {...} belongs`},
		{"no output", `"normal_concat":[2]`, `"normal_concat":null`, `normal: no edge leads from an input`},
	} {
		err := json.Unmarshal([]byte(strings.Replace(oneCell, tt.old, tt.new, 1)), &g)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		wordtest.Check(t, tt.name, err)
	}
	if _, err := json.Marshal(Genotype{}); err == nil {
		t.Error("an empty genotype was written")
	}
}

// FuzzParse: what parses is valid, prints as text that reads back to it, and so
// does its JSON; what does not gives an error of one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{darts2, fairG, compact2, "A = " + darts2 + " # x", strings.ReplaceAll(darts2, "'sep_conv_3x3', 0", "'none', np.int64(0)"), "(((", "", `{"normal":[["none",2,0]],"normal_concat":[2],"reduce":[["none",2,0]],"reduce_concat":[2]}`, "Genotype(", strings.ReplaceAll(darts2, "[2, 3, 4, 5]", "range(2,6)"), strings.ReplaceAll(fairG, "'", `"`),
		"Genotype(normal=[('skip_connect',2,0)],normal_concat=[2],reduce=(('skip_connect',2,0),),reduce_concat=(2,))"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := Parse(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "dartsspace: genotype") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if err := g.Check(); err != nil {
			t.Errorf("%q was read as invalid: %v", s, err)
		}
		if back, err := Parse(g.String()); err != nil || !reflect.DeepEqual(back, g) {
			t.Errorf("%q prints as %q, which reads as %v, %v", s, g, back, err)
		}
		content, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		var back Genotype
		if err := json.Unmarshal(content, &back); err != nil || !reflect.DeepEqual(back, g) {
			t.Errorf("%q is in JSON %s, which reads as %v, %v", s, content, back, err)
		}
		if c := g.Canonical(); c.Check() != nil || c.Canonical().String() != c.String() {
			t.Errorf("%q has the canonical form %q", s, c)
		}
	})
}

func TestRandomIsUniform(t *testing.T) {
	r := rng.New(1, "test of Random")
	const n = 20000
	var ops [2][8][8]int // cell, entry, operation
	pairs := map[[4]int]int{}
	for range n {
		g := Random(r)
		if err := g.InSpace(); err != nil {
			t.Fatal(err)
		}
		for c, cell := range g.cells() {
			for i, e := range cell.Edges {
				ops[c][i][e.Op]++
				if i%2 == 1 {
					pairs[[4]int{c, e.Node, cell.Edges[i-1].Input, e.Input}]++
				}
			}
		}
	}
	// Each count is binomial; 5 of its standard deviations are allowed.
	check := func(what any, got int, p float64) {
		if mean, sd := n*p, math.Sqrt(n*p*(1-p)); math.Abs(float64(got)-mean) > 5*sd {
			t.Errorf("%v: %d of %d, want about %.0f", what, got, n, mean)
		}
	}
	for c := range ops {
		for i := range ops[c] {
			if ops[c][i][None] != 0 {
				t.Errorf("cell %d entry %d is none", c, i)
			}
			for op := 1; op < len(Ops); op++ {
				check([]any{"cell, entry, operation", c, i, Op(op)}, ops[c][i][op], 1.0/7)
			}
		}
	}
	for key, got := range pairs {
		check([]any{"cell, node, inputs", key}, got, 2/float64(key[1]*(key[1]-1)))
	}
	if len(pairs) != 2*(1+3+6+10) {
		t.Errorf("%d pairs of inputs, want 40", len(pairs))
	}
	t.Logf("%d counts", 2*8*7+len(pairs))
}

func TestLayout(t *testing.T) {
	layout := Space().Layout
	if len(layout) != 28 || layout.Len() != 224 {
		t.Fatalf("%d rows and %d parameters, want 28 and 224", len(layout), layout.Len())
	}
	for i, want := range map[int]string{0: "normal 2<-0", 3: "normal 3<-1", 13: "normal 5<-4", 14: "reduce 2<-0", 27: "reduce 5<-4"} {
		if layout[i].Name != want {
			t.Errorf("row %d is %q, want %q", i, layout[i].Name, want)
		}
	}
}

// goldenGenotype is what the reference code derives from goldenAlpha.
const goldenGenotype = "Genotype(normal=[('sep_conv_5x5', 1), ('dil_conv_3x3', 0), ('skip_connect', 0), ('max_pool_3x3', 1), " +
	"('sep_conv_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 4), ('skip_connect', 0)], normal_concat=[2, 3, 4, 5], " +
	"reduce=[('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('sep_conv_3x3', 0), ('avg_pool_3x3', 1), " +
	"('skip_connect', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 4), ('skip_connect', 1)], reduce_concat=[2, 3, 4, 5])"

func goldenAlpha() []float64 {
	alpha := make([]float64, 224)
	for j := range 112 {
		alpha[j], alpha[112+j] = 0.1*math.Cos(float64(j)), 0.1*math.Sin(float64(j)+0.5)
	}
	return alpha
}

func softmax(alpha []float64) []float64 { return search.Softmax.Coefs(Space().Layout, alpha, 1) }

// Scores are compared as they are: a second softmax would turn this around, since
// the first row has more to share.
func TestDeriveGoesByScores(t *testing.T) {
	scores := make([]float64, 224)
	scores[2*8+4], scores[2*8+3] = 0.9, 0.8 // gates need not add up to 1
	scores[3*8+5] = 0.85
	scores[4*8+6] = 0.1
	if got, want := Derive(scores).Normal.Edges[2:4], []Edge{{4, 3, 0}, {5, 3, 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("edges %v, want %v", got, want)
	}
}

func TestDerive(t *testing.T) {
	// The alpha of the golden values of the DARTS supernet, measured with the
	// reference implementation.
	if got := Space().Derive(softmax(goldenAlpha())); got != goldenGenotype {
		t.Errorf("derived\n%s, want\n%s", got, goldenGenotype)
	}
	// node 3 of the normal cell has the rows 2 to 4; pairs are its entries then.
	set := func(values map[[2]int]float64) []Edge {
		alpha := make([]float64, 224)
		for at, v := range values {
			alpha[at[0]*8+at[1]] = v
		}
		return Derive(softmax(alpha)).Normal.Edges[2:4]
	}
	for _, tt := range []struct {
		name   string
		values map[[2]int]float64
		want   []Edge
	}{
		{"of equal ones the first edges and operations", nil, []Edge{{1, 3, 0}, {1, 3, 1}}},
		{"the better edge comes first", map[[2]int]float64{{4, 5}: 1}, []Edge{{5, 3, 2}, {1, 3, 0}}},
		{"the second best edge is last", map[[2]int]float64{{3, 7}: 2, {4, 5}: 1}, []Edge{{7, 3, 1}, {5, 3, 2}}},
		{"none is never taken", map[[2]int]float64{{2, 0}: 9, {2, 3}: 1, {3, 0}: 9, {4, 0}: 9}, []Edge{{3, 3, 0}, {1, 3, 1}}},
		{"a large none makes an edge weak", map[[2]int]float64{{2, 0}: 5, {2, 3}: 1}, []Edge{{1, 3, 1}, {1, 3, 2}}},
		{"an edge that is sure of one operation beats one that has two",
			map[[2]int]float64{{2, 3}: 3, {2, 4}: 3, {3, 5}: 2.5}, []Edge{{5, 3, 1}, {3, 3, 0}}},
	} {
		if got := set(tt.values); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	r := rng.New(2, "test of Derive")
	for range 200 {
		alpha := make([]float64, 224)
		for i := range alpha {
			alpha[i] = r.NormFloat64()
		}
		if err := Derive(alpha).InSpace(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGraph(t *testing.T) {
	graphs := parse(t, fairG).Graph()
	if len(graphs) != 2 || graphs[0].Title != "normal cell" || graphs[1].Title != "reduce cell" {
		t.Fatalf("graphs %v", graphs)
	}
	normal := graphs[0]
	var names []string
	for _, n := range normal.Nodes {
		names = append(names, n.Name)
	}
	if got := strings.Join(names, " "); got != "c_{k-2} c_{k-1} 0 1 2 3 c_{k}" {
		t.Errorf("nodes %s", got)
	}
	if normal.Nodes[1].Kind != diagram.Input || normal.Nodes[2].Kind != diagram.Inner || normal.Nodes[6].Kind != diagram.Output {
		t.Errorf("kinds of %v", normal.Nodes)
	}
	want := []diagram.Edge{
		{From: 0, To: 2, Op: "sep_conv_3x3"}, {From: 1, To: 2, Op: "sep_conv_3x3"}, {From: 3, To: 4, Op: "skip_connect"},
		{From: 1, To: 4, Op: "sep_conv_5x5"}, {From: 0, To: 5, Op: "dil_conv_3x3"}, {From: 1, To: 5, Op: "sep_conv_3x3"},
		{From: 2, To: 6}, {From: 4, To: 6}, {From: 5, To: 6}, // node 3 has no value
	}
	if !reflect.DeepEqual(normal.Edges, want) {
		t.Errorf("edges %v, want %v", normal.Edges, want)
	}
}

// 16 edges with 6 other operations each, and 2·(0+2+4+6) other inputs: 120. Each
// has the first among its own neighbours.
func TestNeighbours(t *testing.T) {
	r := rng.New(5, "neighbours")
	g := Random(r)
	near, err := g.Neighbours()
	if err != nil || len(near) != 120 {
		t.Fatalf("%d neighbours, %v; want 120", len(near), err)
	}
	seen := map[string]bool{g.String(): true}
	for _, other := range near {
		if text := other.String(); seen[text] {
			t.Errorf("%s is there twice", text)
		} else {
			seen[text] = true
		}
		if err := other.InSpace(); err != nil {
			t.Error(err)
		}
		back, err := other.Neighbours()
		if err != nil || !slices.ContainsFunc(back, func(b Genotype) bool { return b.String() == g.String() }) {
			t.Errorf("%s is no neighbour of its neighbour %s, %v", g, other, err)
		}
	}
	g.Normal.Edges[0].Input = g.Normal.Edges[1].Input
	if _, err := g.Neighbours(); err == nil {
		t.Error("a genotype that is not in the space has neighbours")
	}
}
