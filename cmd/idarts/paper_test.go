package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec/cpu"
	"idarts/internal/result"
	"idarts/nb201"
	"idarts/reports"
	"idarts/runners/hyper"
	"idarts/runners/protocol"
)

// The page without runs, and with a study that was measured before: it is shown, whether or
// not a new one may be measured.
func TestPaperPage(t *testing.T) {
	out := t.TempDir()
	page := func() string {
		var stdout, stderr bytes.Buffer
		if status := execute(console{ctx: t.Context(), out: &stdout, err: &stderr}, []string{"paper", "--out", out, "--no-study"}); status != 0 {
			t.Fatalf("status %d, %s", status, stderr.String())
		}
		if !strings.Contains(stdout.String(), "not run") {
			t.Errorf("output %q, want a count of verdicts", stdout.String())
		}
		for _, name := range []string{"paper.html", "paper.tex"} {
			if info, err := os.Stat(filepath.Join(out, paperDir, name)); err != nil || info.Size() < 1000 {
				t.Errorf("%s: %v", name, err)
			}
		}
		content, err := os.ReadFile(filepath.Join(out, paperDir, "paper.md"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	if got := page(); !strings.Contains(got, "Not measured") || !strings.Contains(got, "| iDARTS") {
		t.Error("the page of nothing lacks iDARTS's row, or shows a study")
	}
	d := cpu.Open[float32](1)
	defer d.Close()
	p, err := protocol.Lookup(hyper.Usual.Space, hyper.Usual.Protocol)
	if err != nil {
		t.Fatal(err)
	}
	searched, _ := p.Of(hyper.Usual.Method)
	study := result.HyperStudy{
		Settings: searched.Settings,
		Plan:     hyper.Usual, Revision: hyper.Revision, Device: d.Class(),
		Points: []result.HyperPoint{{Epoch: 1, Curves: []result.HyperCurve{{Solver: "a solver, K", Values: []result.HyperValue{{Budget: 2, GFLOP: 1}}}}}},
		Ridge:  []result.HyperRidge{{Gamma: 1, K: []int{0}, Error: []float64{1}, Bound: []float64{1}, Searches: []int{0}, Descent: [][]float64{{1, 1}}}},
	}
	if err := result.WriteJSON(filepath.Join(out, studyFile), study); err != nil {
		t.Fatal(err)
	}
	if got := page(); !strings.Contains(got, "a solver, K 2") {
		t.Error("a measured study is not shown")
	}

	// A run that is damaged is named, and the status says that something is missing.
	run := filepath.Join(out, "nb201", "fashion16", "quick", "random", "seed-0", result.ResultFile)
	if err := os.MkdirAll(filepath.Dir(run), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(run, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, text, status := command(t, "paper", "--out", out, "--no-study"); status != statusFailed || !strings.Contains(text, "left out: ") || !strings.Contains(text, "1 of the things") {
		t.Errorf("a damaged run: status %d, %s", status, text)
	}
}

// made answers for the cells of claims alone.
type made map[string][]result.Measured

func (m made) Columns(arch string) ([]result.Measured, error) { return m[arch], nil }

// Claims about single cells, and about some cell, are decided by the columns that there are.
func TestFactsOfATable(t *testing.T) {
	measured := func(of map[string]float64, names ...string) (out []result.Measured) {
		for _, column := range columns {
			if slices.Contains(names, column) {
				out = append(out, result.Measured{Column: column, Accuracy: of[column] + 0.001})
			}
		}
		return out
	}
	table := made{
		claims[0].cell:                        measured(claims[0].has, "cifar10 test", "cifar100 test"),
		claims[1].cell:                        {{Column: "cifar10 test", Accuracy: 54.30}, {Column: "cifar100 test", Accuracy: 38.97}},
		nb201.Cell{1, 2, 3, 1, 2, 3}.String(): measured(claims[3].has, "cifar10 test", "ImageNet16-120 test"),
	}
	facts, err := tableFacts(table)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range facts {
		got = append(got, string(f.Verdict))
	}
	// The second has another number, the third is fulfilled by the second's cell, the fourth by
	// a cell; of optima, those of three columns can be compared.
	want := []reports.Verdict{reports.Reproduced, reports.Refuted, reports.Reproduced, reports.Reproduced}
	for i, v := range want {
		if facts[i].Verdict != v {
			t.Errorf("%s: %s, want %s (%s)", facts[i].What, facts[i].Verdict, v, facts[i].Ours)
		}
	}
	if len(facts) != len(want)+3 || !strings.Contains(facts[3].Ours, "|skip_connect~0|+|nor_conv_1x1~0|nor_conv_3x3~1|") {
		t.Errorf("%d facts %q, the cell found is %q", len(facts), got, facts[3].Ours)
	}
}

// Of the parameters that sources print most are ours; the others are named.
func TestCountedFacts(t *testing.T) {
	facts, err := countedFacts()
	if err != nil {
		t.Fatal(err)
	}
	var refuted []string
	for _, f := range facts {
		if f.Verdict == reports.Refuted {
			refuted = append(refuted, f.What+" "+f.Published)
		}
	}
	want := []string{
		"parameters of DARTS_V1, CIFAR-10 (millions) 3.3", "parameters of DARTS_V2, CIFAR-10 (millions) 3.36", "parameters of c10_s5_random, CIFAR-10 (millions) 3.4",
	}
	if len(facts) < 35 || !slices.Equal(refuted, want) {
		t.Errorf("of %d counts %q are others than printed, want %q", len(facts), refuted, want)
	}
}
