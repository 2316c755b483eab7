package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/wordtest"
)

const dartsV2 = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), " +
	"('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=range(2, 6), " +
	"reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), " +
	"('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6))"

// What begins like a genotype is one, in any spelling; all else is a name.
func TestQueryOfGenotypes(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(dartsV2, old, new, 1) }
	for _, tt := range []struct{ name, text, out, err string }{
		{"a name", "DARTS_V2", "name                        DARTS_V2\n", ""},
		{"as it was printed", dartsV2, "DARTS_V2\n", ""},
		{"assigned", "A = " + dartsV2, "DARTS_V2\n", ""},
		{"from a log", "03/14 09:26:53 PM genotype = " + dartsV2, "DARTS_V2\n", ""},
		{"with a comment", dartsV2 + " # best", "DARTS_V2\n", ""},
		{"numpy's numbers", strings.ReplaceAll(dartsV2, "0)", "np.int64(0))"), "DARTS_V2\n", ""},
		{"no such name", "DARTS_V9", "", `has no genotype "DARTS_V9", want one of`},
		{"none, which nobody published", with("'sep_conv_3x3', 0", "'none', 0"), "", `no published genotype is Genotype(normal=[('none', 0)`},
		{"an unknown operation", with("dil_conv_3x3", "dil_conv_7x7"), "", `normal: entry 8 of 8, ("dil_conv_7x7", 2): unknown operation, want one of`},
		{"an input that is not there", with("'dil_conv_3x3', 2", "'dil_conv_3x3', 7"), "", `normal: entry 8 of 8, ("dil_conv_3x3", 7) of node 5: input 7 is not earlier than the node, want 0 to 4`},
		{"cut off", dartsV2[:100], "", "ends too early, want"},
		{"its first word", "Genotype", "", `at byte 0: "Genotype", want "Genotype(normal=`},
		{"the compact form with a wrong operation", "(((0, 9),), ())", "", "entry 1 of normal is (0, 9): operation 9, want 0 to 6"},
	} {
		for _, space := range [][]string{{"--space", "darts"}, nil} {
			if space == nil && !strings.ContainsAny(tt.text, "(") {
				continue // without a space a name is not looked for among genotypes
			}
			out, err, status := command(t, append([]string{"query", tt.text}, space...)...)
			if tt.err == "" && (status != 0 || !strings.Contains(out, tt.out)) || tt.err != "" && (status != statusFailed || !strings.Contains(err, tt.err)) {
				t.Errorf("%s %q: status %d, out\n%serr %s", tt.name, space, status, out, err)
			}
		}
	}
	t.Chdir(t.TempDir())
	if _, err, _ := command(t, "figure", "cell", with("dil_conv_3x3", "dil_conv_7x7")); !strings.Contains(err, "dil_conv_7x7") || strings.Contains(err, "nb201") {
		t.Errorf("a drawing of a wrong genotype: %s", err)
	}
	if _, err, status := command(t, "figure", "cell", with("'sep_conv_3x3', 0", "'none', 0"), "--save", "cell.svg"); status != 0 {
		t.Errorf("a drawing with none: %s", err)
	}
	if _, err, _ := command(t, "retrain", "DARTS_V9"); !strings.Contains(err, `no genotype "DARTS_V9"`) {
		t.Errorf("an unknown name: %s", err)
	}
}

// No message names a type of Go.
func TestMessagesAreInPlainWords(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"number.json": "1", "list.json": "[1]", "text.json": `"x"`, "genotypes.json": `[{"name": 1, "normal": "x"}]`, "index.json": `{"x": []}`, "table.csv": "index,cell\n\"\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	record := filepath.Join("out", "nb201", "fashion8", "quick", "idarts", "seed-0")
	if err := os.MkdirAll(record, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(record, "config.json"), []byte(`{"cell": 1, "versions": [], "protocol": "x"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, args := range []string{
		"run --jobs x", "run --jobs 1.5", "query X --epochs 1.5", "run --seeds 1.5", "query X --seeds 1.5",
		`query {"matrix":[["0"]],"ops":[1]} --space nb1b1-s3`,
		`figure cell {"matrix":[["0"]],"ops":[1]} --space nb1b1-s3`, `figure cell {"matrix":1} --space nb1b1-s1`, `figure cell {"matrix":[0]} --space nb1b1-s1`,
		`figure cell {"normal":1} --space darts`, `figure cell {"normal":[[1,2]]} --space darts`, `figure cell {"normal_concat":[{}]} --space darts`,
		"data build darts-genotypes number.json x.arrow", "data build darts-genotypes genotypes.json x.arrow", "data build darts-genotypes text.json x.arrow",
		"parity number.json x", "data verify list.json", "table", "status", "bench report --official table.csv",
	} {
		_, message, status := command(t, strings.Fields(args)...)
		if status == 0 {
			t.Errorf("%s: no error", args)
			continue
		}
		cases++
		wordtest.Check(t, args, errors.New(message))
	}
	t.Logf("%d messages", cases)
}
