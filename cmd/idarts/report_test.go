package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/result"
	"idarts/runners/protocol"
)

func TestFigureCell(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		{"figure", "cell", someCell, "--save", "found.svg,found.pdf,found.png"},
		{"figure", "cell", someCell, "--space", "nb201", "--save", "named.svg"},
	} {
		out, text, status := command(t, args...)
		if want := strings.ReplaceAll(args[len(args)-1], ",", "\n") + "\n"; status != 0 || out != want {
			t.Errorf("%q: status %d, %q, stdout %q; want %q", args, status, text, out, want)
		}
	}
	found, err := os.ReadFile("found.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3"} {
		if !bytes.Contains(found, []byte(">"+op+"<")) {
			t.Errorf("the drawing does not say %q", op)
		}
	}
	named, err := os.ReadFile("named.svg")
	if err != nil || !bytes.Equal(found, named) {
		t.Errorf("the drawing depends on whether the space was named, %v", err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"figure", "cell", "no cell", "--space", "nb201"}, `nb201: cell "no cell"`},
		{[]string{"figure", "cell", someCell, "--space", "nb301"}, `unknown space "nb301"`},
		{[]string{"figure", "cell", someCell, "--save", "a.svg,b.jpg"}, `figure "b.jpg": unknown format ".jpg", want .svg, .pdf or .png`},
		{[]string{"figure", "cell"}, `expected "<cell>"`},
		{[]string{"figure", "runs", "--out", "none"}, `no output folder "none"`},
	} {
		out, text, status := command(t, tt.args...)
		if status == 0 || out != "" || strings.Count(text, "\n") != 1 || !strings.Contains(text, tt.want) {
			t.Errorf("%q: status %d, stdout %q, stderr %q; want one line with %q", tt.args, status, out, text, tt.want)
		}
	}
	// Without --space, each space says what it wants.
	_, text, status := command(t, "figure", "cell", "no cell")
	if status == 0 || strings.Count(text, "\n") != 1 {
		t.Errorf("status %d, stderr %q, want one line", status, text)
	}
	for _, space := range protocol.Spaces {
		_, err := graphs(space, "no cell")
		if err == nil || !strings.Contains(text, err.Error()) {
			t.Errorf("space %q: error %v is not part of %q", space.Name, err, text)
		}
	}
}

// writeRun writes a finished run of NAS-Bench-201, made up.
func writeRun(t *testing.T, root string, cell result.Cell) {
	t.Helper()
	dir := cell.Dir(root)
	config := result.Config{Cell: cell, Numbers: result.Numbers{
		Method: cell.Method, Seed: cell.Seed, Settings: []byte("{}"),
		Protocol: fmt.Appendf(nil, `{"space":%q,"dataset":%q}`, cell.Space, cell.Dataset),
	}}
	var err error
	if config.Identity, err = config.Numbers.Identity(); err != nil {
		t.Fatal(err)
	}
	score := result.Score{Valid: 90, Test: 93, Trials: 3, Source: "table:x"}
	events := []result.Event{{Epoch: 1, GFLOP: 10, Score: score}, {Epoch: 2, GFLOP: 20, Score: score}}
	for _, err := range []error{
		result.WriteJSON(filepath.Join(dir, result.ConfigFile), config),
		result.WriteJSON(filepath.Join(dir, result.TimingFile), result.Timing{SearchSeconds: []float64{1, 1}}),
		result.WriteEvents(dir, config.Identity, events),
		result.WriteResult(dir, config.Identity, events, result.Result{Cell: cell, Arch: someCell, Score: score, GFLOP: 20, Epochs: 2}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Runs, made up: figure alone is figure runs, and each way to draw runs is a file.
func TestFigureRuns(t *testing.T) {
	root := t.TempDir()
	for _, cell := range []result.Cell{
		{Space: "nb201", Dataset: "cifar10", Method: "idarts", Protocol: "paper"},
		{Space: "nb201", Dataset: "cifar10", Method: "random", Protocol: "paper"},
		{Space: "nb201", Dataset: "cifar10", Method: "idarts", Protocol: "other"},
	} {
		writeRun(t, root, cell)
	}
	var want string
	for _, name := range []string{"test-gflop", "test-seconds", "epochs"} {
		for _, protocol := range []string{"other", "paper"} {
			for _, ext := range []string{".svg", ".pdf", ".png"} {
				want += filepath.Join(root, "nb201-cifar10-"+protocol+"-"+name+ext) + "\n"
			}
		}
	}
	for _, args := range [][]string{{"figure", "--out", root}, {"figure", "runs", "--out", root}} {
		if out, text, status := command(t, args...); status != 0 || out != want {
			t.Errorf("%q: status %d, %q, stdout\n%swant\n%s", args, status, text, out, want)
		}
	}
	// The benchmark's optimum stands beside scores from its table only.
	for name, texts := range map[string][]string{
		"paper": {"NAS-Bench-201 on cifar10, protocol paper", "8.39 % valid and 5.63 % test", "Random search: trains single cells, no epochs"},
		"other": {"NAS-Bench-201 on cifar10, protocol other", "test error (%)"},
	} {
		content, err := os.ReadFile(filepath.Join(root, "nb201-cifar10-"+name+"-epochs.svg"))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if !bytes.Contains(content, []byte(text)) {
				t.Errorf("the figure of protocol %q does not say %q", name, text)
			}
		}
	}
}

// Status shows what the last architecture steps were made of, where that is known.
func TestTermsOfTheLastEpoch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		extra map[string]float64
		want  string
	}{
		{"no implicit term", map[string]float64{"alpha_gradient_norm": 1}, ""},
		{"both", map[string]float64{"direct_norm": 0.0123, "implicit_norm": 4.5e-5, "direct_implicit_cosine": -0.5}, "\tgradient: direct 0.012, implicit 4.5e-05, cosine -0.50"},
		{"no angle", map[string]float64{"direct_norm": 0, "implicit_norm": 2}, "\tgradient: direct 0, implicit 2"},
	} {
		events := []result.Event{{Extra: map[string]float64{"implicit_norm": 7}}, {Extra: tt.extra}}
		if got := terms(events); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := terms(nil); got != "" {
		t.Errorf("before the first epoch: %q", got)
	}
}
