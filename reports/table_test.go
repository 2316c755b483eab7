package reports

import (
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

func TestGoldenTables(t *testing.T) {
	compare, timing := Compare(laptopRuns(), options), Timing(laptopRuns(), options)
	golden(t, "compare.txt", compare.Text)
	golden(t, "compare.md", compare.Markdown)
	golden(t, "compare.tex", compare.LaTeX)
	golden(t, "compare.csv", compare.CSV)
	golden(t, "compare-seeds.csv", compare.SeedsCSV)
	golden(t, "timing.txt", timing.Text)
	golden(t, "timing.csv", timing.CSV)
}

// Three spaces one after another, of which two have a title and one the optimum
// of its benchmark.
func TestGoldenTablesOfSeveralSpaces(t *testing.T) {
	runs := append(oneShotRuns(), laptopRuns()...)
	for _, run := range oneShotRuns()[:2] {
		run.Cell.Space, run.Cell.Protocol = "darts", "laptop"
		run.Result.Cell = run.Cell
		run.Result.Arch = "normal: sep_conv_3x3(c_{k-2}) + skip_connect(0) | 100 %"
		runs = append(runs, run)
	}
	opts := oneShotOptions(t)
	opts.Spaces = append(opts.Spaces, Title{"nb201", "NAS-Bench-201"})
	compare, timing := Compare(runs, opts), Timing(runs, opts)
	if len(compare) != 3 || len(timing) != 3 {
		t.Fatalf("%d and %d tables, want 3", len(compare), len(timing))
	}
	golden(t, "spaces.txt", compare.Text)
	golden(t, "spaces.md", compare.Markdown)
	golden(t, "spaces.tex", compare.LaTeX)
	golden(t, "spaces.csv", compare.CSV)
	golden(t, "spaces-seeds.csv", compare.SeedsCSV)
	golden(t, "spaces-timing.txt", timing.Text)
	golden(t, "spaces-timing.csv", timing.CSV)
}

func TestGoldenTablesWithAnOptimum(t *testing.T) {
	opts := options
	opts.Best = []Best{{Space: "nb201", Dataset: "fashion", Valid: 99, Test: 99, Source: "hearsay"}} // the runs know better
	tables := Compare(tableRuns(), opts)
	golden(t, "optimum.txt", tables.Text)
	golden(t, "optimum.md", tables.Markdown)
	golden(t, "optimum.tex", tables.LaTeX)
	golden(t, "optimum.csv", tables.CSV)
	golden(t, "optimum-seeds.csv", tables.SeedsCSV)
}

// The library would measure "±" as two columns for a reader in East Asia.
func TestTextDoesNotDependOnTheLocale(t *testing.T) {
	twwidth.SetEastAsian(true)
	defer twwidth.SetEastAsian(false)
	golden(t, "compare.txt", Compare(laptopRuns(), options)[0].Text)
}

func TestEscapes(t *testing.T) {
	const nasty = `|a~0| 100% $x_1$ & {b} #c ^ \ <d>`
	for _, tt := range []struct {
		name string
		got  string
		want string
	}{
		{"LaTeX", latexEscaper.Replace(nasty), `\textbar{}a\textasciitilde{}0\textbar{} 100\% \$x\_1\$ \& \{b\} \#c \textasciicircum{} \textbackslash{} \textless{}d\textgreater{}`},
		{"Markdown", markdownEscaper.Replace(nasty), `\|a\~0\| 100% $x\_1$ & {b} #c ^ \\ &lt;d>`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}
