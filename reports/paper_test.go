package reports

import (
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"idarts/internal/result"
)

// aStudy is a small study with one solver.
func aStudy() *result.HyperStudy {
	curve := result.HyperCurve{Solver: "Neumann (iDARTS), K"}
	for _, k := range []int{0, 2, 5} {
		curve.Values = append(curve.Values, result.HyperValue{Budget: k, GFLOP: 0.1 * float64(k+1), Same: result.Apart{Cosine: 0.5, Error: 0.9}, Small: result.Apart{Cosine: 0.1}, Spread: 0.3, Norm: 0.25})
	}
	return &result.HyperStudy{
		Plan:   result.HyperPlan{Protocol: "fair", Method: "idarts", Unrolled: 7, Batches: 3, MINRES: 5},
		Points: []result.HyperPoint{{Epoch: 1, Rate: 0.1, Direct: 0.5, Curves: []result.HyperCurve{curve}}},
		Ridge:  []result.HyperRidge{{Gamma: 0.1, K: []int{0, 1}, Error: []float64{0.5, 0.25}, Bound: []float64{2, 1}, Searches: []int{0}, Descent: [][]float64{{2, 1}}}},
	}
}

// paperEvidence has runs of iDARTS under the published protocol, of DARTS under another, and
// of iDARTS with other numbers.
func paperEvidence() Evidence {
	runs := append(paperRuns("idarts", "table:nats-tss"), laptopRuns()...)
	for i := range runs[:2] {
		runs[i].Result.Columns = []result.Measured{
			{Column: "cifar10 test", Accuracy: 93.5 + 0.01*float64(i), Release: "A"},
			{Column: "cifar100 test", Accuracy: 50 + 0.01*float64(i), Release: "A"},
		}
	}
	return Evidence{
		Runs: runs, Study: aStudy(),
		Facts: []Fact{{What: "a count", Published: "1", Ours: "2", Verdict: Refuted, Why: "it is 2"}},
		Needs: func(space, method string) string { return "run " + method + " on " + space },
	}
}

// Every published row is on the page whatever was run; ours are judged under the published
// protocol and shown, not compared, under others.
func TestPaper(t *testing.T) {
	p := NewPaper(paperEvidence(), Options{})
	rows := map[string][]string{}
	n := 0
	for _, part := range p.Parts {
		for _, table := range part.Tables {
			verdicts := slices.Contains(table.Header, "Verdict")
			for _, row := range table.Rows {
				if len(row) != len(table.Header) {
					t.Errorf("table %s: row %q under %q", table.Name, row, table.Header)
				}
				if verdicts {
					n++
				}
				rows[table.Name] = append(rows[table.Name], strings.Join(row, "|"))
			}
		}
	}
	total := 0
	for _, count := range p.Count {
		total += count
	}
	if total != n {
		t.Errorf("%d verdicts are counted, the tables have %d", total, n)
	}
	if got := len(rows["paper-nb201-published"]); got != len(nb201Rows) {
		t.Errorf("%d published rows, want %d", got, len(nb201Rows))
	}
	for _, want := range []string{
		"iDARTS|cifar10 test|93.58 ± 0.32|93.50 ± 0.01|2|93.44 to 93.57|reproduced",
		"iDARTS|cifar100 test|70.83 ± 0.48|50.00 ± 0.01|2|49.94 to 50.07|refuted",
		"iDARTS|ImageNet16-120 valid|40.38 ± 0.59|–|0|–|not run [",
		"DrNAS|all|94.36 ± 0.00 (cifar10 test)|–|0|–|not run [",
		"DSNAS|all|93.08 ± 0.13 (cifar10 test)|–|0|–|not run [",
		"DARTS, first order|cifar10 test; protocol laptop|54.30 ± 0.00|",
	} {
		if !slices.ContainsFunc(rows["paper-nb201"], func(row string) bool { return strings.HasPrefix(row, want) }) {
			t.Errorf("no row %q in\n%s", want, strings.Join(rows["paper-nb201"], "\n"))
		}
	}
	if got := rows["hypergradient-moments"]; len(got) != 1 || !strings.HasSuffix(got[0], "0.25|0.500") {
		t.Errorf("moments %q", got)
	}
	if empty := NewPaper(Evidence{Needs: func(string, string) string { return "" }}, Options{}); empty.Count[NotRun] < 50 || empty.Count[Reproduced]+empty.Count[Refuted] > 0 {
		t.Errorf("without runs: %v", empty.Count)
	}
}

// The three formats: HTML is one well-formed page that asks for nothing, Markdown and LaTeX
// name the figures beside them, and LaTeX closes what it opens.
func TestPaperFormats(t *testing.T) {
	p := NewPaper(paperEvidence(), Options{})
	text := func(write func(io.Writer) error) string {
		var out strings.Builder
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	html := text(p.HTML)
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	drawn := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			if start.Name.Local == "svg" {
				drawn++
			}
			for _, a := range start.Attr {
				if (a.Name.Local == "src" || a.Name.Local == "href") && !strings.HasPrefix(a.Value, "#") {
					t.Errorf("the page asks for %q", a.Value)
				}
			}
		}
	}
	figures := 0
	markdown, latex := text(p.Markdown), text(p.LaTeX)
	for _, part := range p.Parts {
		for _, f := range part.Figures {
			figures++
			if !strings.Contains(markdown, "("+f.Name+".svg)") || !strings.Contains(latex, "{"+f.Name+".pdf}") {
				t.Errorf("figure %s is not named", f.Name)
			}
		}
	}
	if drawn != figures || figures == 0 {
		t.Errorf("%d drawings in the page, want %d", drawn, figures)
	}
	for _, env := range []string{"table", "tabular", "adjustbox", "figure", "minipage", "document"} {
		if open, closed := strings.Count(latex, `\begin{`+env+"}"), strings.Count(latex, `\end{`+env+"}"); open != closed || open == 0 {
			t.Errorf("%s: %d opened, %d closed", env, open, closed)
		}
	}
}

// A point that an axis cannot show is left out, and a line of none is drawn all the same.
func TestLines(t *testing.T) {
	f := Lines(Axes{"a", "title", "x", "y"}, true, true,
		Line{Label: "some", X: []float64{0, 1, 10, 100}, Y: []float64{1, 0, math.NaN(), 5}, Marks: true},
		Line{Label: "none", X: []float64{-1}, Y: []float64{-1}},
		Line{Label: "bars", X: []float64{1, 10}, Y: []float64{2, 3}, Low: []float64{1, 2}, High: []float64{3, 4}})
	drawn, err := f.SVG()
	if err != nil || !strings.Contains(string(drawn), "bars") || strings.Contains(string(drawn), "NaN") || strings.Contains(string(drawn), "Inf") {
		t.Errorf("%v, %d bytes with numbers that are none", err, len(drawn))
	}
}
