package reports

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// risingBenchmark has 20 networks whose accuracy rises with their number, from 50
// valid and 51 test on. The first four have a second seed, in which the first two
// change places. The official order is the opposite one.
func risingBenchmark() Benchmark {
	b := Benchmark{Name: "b", Valid: "v", Test: "t", OfficialData: "CIFAR-10", OfficialEpochs: 200}
	for i := range 20 {
		accuracy := 50 + float64(i)
		c := Trained{Cell: fmt.Sprintf("cell-%d", i), Representative: true, Valid: []float64{accuracy}, Test: []float64{accuracy + 1}, Official: 90 - accuracy}
		if i < 4 {
			second := []float64{51, 50, 52, 53}[i]
			c.Valid, c.Test = append(c.Valid, second), append(c.Test, second+1)
		}
		b.Cells = append(b.Cells, c)
	}
	// Another cell of the last network, and one without seed 0, as a part of a table has it.
	b.Cells = append(b.Cells,
		Trained{Cell: "twin", Valid: []float64{69}, Test: []float64{70}, Official: math.NaN()},
		Trained{Cell: "part", Representative: true, Valid: []float64{math.NaN(), 99}, Test: []float64{math.NaN(), 99}, Official: 99})
	return b
}

func TestDescribe(t *testing.T) {
	d, err := Describe(risingBenchmark())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, want string }{
		{"a cell without seed 0 is left out, a twin is no network", "21 cells of 20 networks; networks by their trials: 16 with 1, 4 with 2\nvalid: v; test: t\n\n"},
		{"the first by validation of those with two trials, though others have more in one", "over 2 trials, of 4 networks with so many (percent):\n   1. valid 53.00  test 54.00  cell-3\n   2. valid 52.00"},
		{"the first by test, which is the same", "the optimum: 54.00 ± 0.00  cell-3\ngap of the best by valid to it: 0.00 (the same cell)\n"},
		{"the median of 51 to 70 and 70 is the eleventh", "50 %: 61.00"},
		{"nothing guesses", "  0 cells are below 20 %"},
		{"two of four differ by 1 between two seeds: sqrt((1/2 + 1/2)/4)", "seed noise over 4 networks with 2 trials or more (standard deviation of one training, percent): valid 0.50, test 0.50"},
		{"5 of 6 pairs agree, 1 of 1 in the better half", "seeds 0 and 1: valid tau-b 0.667, Spearman 0.800; test tau-b 0.667, Spearman 0.800; test in the better half tau-b 1.000"},
		{"the better half is cells 2 and 3", "better half by valid accuracy of seed 0: valid 0.00, test 0.00"},
		{"all pairs but that of equal means disagree with the official order: -189/√(190·189)", "all, 20 cells: valid tau-b -0.997, Spearman -1.000; test tau-b -0.997"},
		{"a share of less than two cells is left out", "best tenth, 2 cells"},
		{"best here, of those with two trials", "best here by valid: 37.00 official (rank 4 of 20, best 40.00)  cell-3"},
		{"best there, whose mean is that of another", "best there: test 51.50 here (rank 19)  cell-0"},
	} {
		if !strings.Contains(d.Text, tt.want) {
			t.Errorf("%s: the text does not say %q:\n%s", tt.name, tt.want, d.Text)
		}
	}
	if strings.Contains(d.Text, "hundredth") {
		t.Error("a hundredth of 20 cells is described")
	}
	var names []string
	for _, f := range d.Figures {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "b-histogram b-seeds b-official" {
		t.Errorf("figures %q", got)
	}
}

// Two cells with four trials and one with a single higher one. The standard deviation of
// 70, 71, 70, 71 is √(1/3), the standard error of its mean √(1/12) = 0.29, that of the
// difference of two such means √(1/6) = 0.41.
func TestDescribeTrials(t *testing.T) {
	b := Benchmark{Name: "b", Cells: []Trained{
		{Cell: "a", Representative: true, Valid: []float64{60, 60, 60, 60}, Test: []float64{70, 71, 70, 71}},
		{Cell: "b", Representative: true, Valid: []float64{61, 61, 61, 61}, Test: []float64{69, 70, 69, 70}},
		{Cell: "lucky", Representative: true, Valid: []float64{80}, Test: []float64{80}},
	}}
	for _, tt := range []struct {
		name  string
		cells []Trained
		want  []string
	}{
		{"all", b.Cells, []string{
			"networks by their trials: 1 with 1, 2 with 4\n",
			"over 4 trials, of 2 networks with so many (percent):\n   1. valid 61.00  test 69.50  b\n   2. valid 60.00  test 70.50  a\n",
			"the optimum: 70.50 ± 0.29  a\ngap of the best by valid to it: 1.00 ± 0.41 (± standard error)\n",
			"mean of the 6 pairs of seeds: valid tau-b 1.000, Spearman 1.000; test tau-b 1.000, Spearman 1.000\n",
			"means of seeds 0 to 1 and of 2 to 3: valid tau-b 1.000, Spearman 1.000; test tau-b 1.000, Spearman 1.000\n",
		}},
		{"one trial", []Trained{
			{Cell: "a", Representative: true, Valid: []float64{60}, Test: []float64{70}},
			{Cell: "b", Representative: true, Valid: []float64{61}, Test: []float64{69}},
		}, []string{"the optimum: 70.00  a\ngap of the best by valid to it: 1.00 (no standard error of one trial)\n"}},
	} {
		b.Cells = tt.cells
		d, err := Describe(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !strings.Contains(d.Text, want) {
				t.Errorf("%s: the text does not say %q:\n%s", tt.name, want, d.Text)
			}
		}
	}
}

func TestDescribeParts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*Benchmark)
		figures int
		without string
		err     string
	}{
		{"no official benchmark", func(b *Benchmark) { b.OfficialData = "" }, 2, "official", ""},
		{"one seed", func(b *Benchmark) { b.Cells = b.Cells[4:20] }, 2, "seed noise", ""},
		{"no cell", func(b *Benchmark) { b.Cells = nil }, 0, "", "reports: no cell has both accuracies for seed 0"},
		{"no seed 0", func(b *Benchmark) { b.Cells = b.Cells[21:] }, 0, "", "reports: no cell has both accuracies for seed 0"},
		{"no network", func(b *Benchmark) { b.Cells = b.Cells[20:]; b.OfficialData = "" }, 0, "", "reports: no cell stands for its network"},
		{"one official accuracy", func(b *Benchmark) { b.Cells = b.Cells[19:] }, 0, "", "reports: official accuracies of 1 cell, want at least 2"},
	} {
		b := risingBenchmark()
		tt.change(&b)
		d, err := Describe(b)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil || len(d.Figures) != tt.figures || strings.Contains(d.Text, tt.without) {
			t.Errorf("%s: %v, %d figures and\n%s\nwant %d and nothing of %q", tt.name, err, len(d.Figures), d.Text, tt.figures, tt.without)
		}
	}
}

func TestStudy(t *testing.T) {
	nan := math.NaN()
	cell := func(valid0, valid1, test0, test1, official float64) Trained {
		return Trained{Valid: []float64{valid0, valid1}, Test: []float64{test0, test1}, Official: official}
	}
	try := Try{Name: "small", CoreSeconds: 1.5, Cells: []Trained{
		cell(10, 20, 30, 31, nan), cell(20, 10, 40, 41, 7), cell(30, 30, 50, 51, 8),
	}}
	unknown := Try{Name: "unknown", Cells: try.Cells[:2]}
	lines := strings.Split(Study([]Try{try, unknown}), "\n")
	// Seeds: 2 of 3 pairs of valid agree, ranks 123 against 213: 1 − 6·2/24 = 0.5. Noise: each pair differs by 1: sqrt(1/2).
	// Of the sorted 30 31 40 41 50 51, 5 % is at 0.25 and 95 % at 4.75.
	want := "| small | 1.50 | 0.500, 0.333 | 1.000, 1.000 | 0.71 | 30.0, 30.2, 40.5, 50.8, 51.0 | 1.000 |"
	if len(lines) != 5 || lines[2] != want {
		t.Errorf("got %q, want %q as line 2 of 4", lines, want)
	}
	if !strings.HasSuffix(lines[3], "| - |") {
		t.Errorf("one official accuracy ranks nothing, got %q", lines[3])
	}
}
