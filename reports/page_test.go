package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func wide() Tables {
	return Tables{{
		Name: "wide", Caption: "A caption of more than a few words: mean ± sample standard deviation over n seeds, dL₂/dα.",
		Header: []string{"Method", "Valid (%)", "Test (%)", "n", "Gap to optimum (pp)", "Search (GFLOP)"},
		Rows: [][]string{
			{"DARTS (second order), published [1]", "85.26 ± 2.36", "84.86 ± 2.36", "3/3 seeds", "6.39 ± 2.36", "1560"},
			{"iDARTS", "88.73 ± 0.70", "–", "2/3 seeds", "2.92 ± 0.70", "16400"},
		},
		Notes: []string{"Optimum: the cell of the best test accuracy, |nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|x~0|."},
	}}
}

// On each page every number is there, and only words that are longer than a line stand out.
func TestTextOnAPage(t *testing.T) {
	for width := 1; width < 160; width++ {
		for _, ascii := range []bool{false, true} {
			page := Page{Width: width, ASCII: ascii}
			var out bytes.Buffer
			if err := wide().TextOn(&out, page); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				if utf8.RuneCountInString(line) > max(width, narrowest) && !strings.Contains(line, "nor_conv") {
					t.Fatalf("%+v: %d columns: %s\nin\n%s", page, utf8.RuneCountInString(line), line, text)
				}
			}
			table := wide()[0]
			if ascii {
				if strings.IndexFunc(text, func(r rune) bool { return r > 127 }) >= 0 {
					t.Fatalf("%+v: not ASCII:\n%s", page, text)
				}
				table = table.ascii()
			}
			for _, row := range append(table.Rows, table.Header) {
				for _, cell := range row[1:] {
					if !strings.Contains(text, cell) {
						t.Fatalf("%+v: no %q in\n%s", page, cell, text)
					}
				}
			}
		}
	}
}

// By hand: a table in two blocks on a terminal of 46 columns without UTF-8.
func TestNarrowPage(t *testing.T) {
	var out bytes.Buffer
	table := Tables{{Caption: "Mean ± deviation.", Header: []string{"Method", "Valid (%)", "Test (%)", "Search (GFLOP)"}, Rows: [][]string{
		{"Random search", "85.26 ± 2.36", "–", "1560"},
	}}}
	if err := table.TextOn(&out, Page{Width: 46, ASCII: true}); err != nil {
		t.Fatal(err)
	}
	const want = `Mean +/- deviation.

-----------------------------------------
 Method              Valid (%)  Test (%)
-----------------------------------------
 Random search  85.26 +/- 2.36         -
-----------------------------------------

-------------------------------
 Method         Search (GFLOP)
-------------------------------
 Random search            1560
-------------------------------
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// A page without limits, and one that is wide enough, are what files get.
func TestWidePageIsTheFile(t *testing.T) {
	golden, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(golden) == 0 {
		t.Fatalf("no golden files, %v", err)
	}
	for _, path := range golden {
		if content, err := os.ReadFile(path); err != nil || ASCII(string(content)) == string(content) {
			t.Errorf("%s has no letter beyond ASCII, %v", path, err)
		}
	}
	var file, none, roomy bytes.Buffer
	for _, err := range []error{wide().Text(&file), wide().TextOn(&none, Page{}), wide().TextOn(&roomy, Page{Width: 200})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if none.String() != file.String() || roomy.String() != file.String() {
		t.Errorf("a file gets\n%sno limit\n%s200 columns\n%s", file.String(), none.String(), roomy.String())
	}
}
