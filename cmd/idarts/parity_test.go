package main

import (
	"os"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/safetensors"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// tinyFixture writes one with all weights 0.1 and random-looking images.
func tinyFixture(t *testing.T, path string) {
	t.Helper()
	space, err := protocol.LookupSpace("nb201")
	if err != nil {
		t.Fatal(err)
	}
	build, _ := space.Sized(2, 1).Search(supernet.Data{Size: 8, Channels: 1, Classes: 3})
	params, err := supernet.Parameters(build, exec.Shape{2, 8, 8, 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	filled := func(shape ...int) safetensors.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = 0.1 * float32(i*7%5+1)
		}
		return safetensors.Floats(shape, values)
	}
	f := &safetensors.File{
		Metadata: map[string]string{"space": "nb201", "C": "2", "N": "1", "classes": "3", "gamma": "0.01"},
		Tensors: map[string]safetensors.Tensor{
			"alpha": filled(30), "train.images": filled(2, 1, 8, 8), "valid.images": filled(2, 1, 8, 8),
			"train.labels": safetensors.Ints([]int{2}, []int64{0, 2}), "valid.labels": safetensors.Ints([]int{2}, []int64{1, 1}),
		},
	}
	for _, p := range params {
		s := p.Shape
		shape := []int{s[3], s[2], s[0], s[1]}
		if p.Vector {
			shape = shape[:1]
		}
		f.Tensors["w."+p.Name], f.Tensors["v."+p.Name] = filled(shape...), filled(shape...)
	}
	if err := safetensors.Write(path, f); err != nil {
		t.Fatal(err)
	}
}

func TestParityCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	tinyFixture(t, "tiny.safetensors")
	for _, tt := range []struct {
		args, file, want string
		kind             safetensors.Type
	}{
		{"parity tiny.safetensors", "tiny.idarts.safetensors", "in float32", safetensors.F32},
		{"parity tiny.safetensors --precision float64 --out wide", "wide", "in float64", safetensors.F64},
	} {
		out, text, status := command(t, strings.Fields(tt.args)...)
		want := tt.file + ": nb201 with C=2 and N=1 on 2 images of 8x8x1, " + tt.want + "\n"
		if status != 0 || out != want {
			t.Errorf("%s: status %d, %q; prints %q, want %q", tt.args, status, text, out, want)
			continue
		}
		r, err := safetensors.Read(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Tensors["hypergradient.3"]; got.Type != tt.kind || got.Len() != 30 {
			t.Errorf("%s: hypergradient.3 has %d elements of %s, want 30 of %s", tt.args, got.Len(), got.Type, tt.kind)
		}
	}

	content, err := os.ReadFile("tiny.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("short.safetensors", content[:len(content)-1], 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"parity none.safetensors":                       "none.safetensors",
		"parity short.safetensors":                      `"short.safetensors"`,
		"parity tiny.safetensors --precision float16":   "must be one of",
		"parity tiny.safetensors --out /dev/null/x.out": "/dev/null",
	} {
		out, text, status := command(t, strings.Fields(args)...)
		if status == 0 || out != "" || !strings.HasPrefix(text, "idarts: ") || strings.Count(text, "\n") != 1 || !strings.Contains(text, want) {
			t.Errorf("%s: status %d, stdout %q, stderr %q; want one line with %q", args, status, out, text, want)
		}
	}
}

// --step runs a method on a fixture and says what it is told wrongly.
func TestParitySteps(t *testing.T) {
	t.Chdir(t.TempDir())
	tinyFixture(t, "tiny.safetensors")
	out, text, status := command(t, "parity", "tiny.safetensors", "--step", "gaea", "--set", "without_none=false", "--set", "best_epoch=false", "--set", "arch.lr=2", "--out", "step")
	if status != 0 || !strings.HasPrefix(out, "step: ") {
		t.Fatalf("status %d, %q, %q", status, out, text)
	}
	r, err := safetensors.Read("step")
	if err != nil {
		t.Fatal(err)
	}
	row := 0.0
	for i := range 5 {
		row += r.Tensors["alpha"].Float(i)
	}
	if row < 0.9999 || row > 1.0001 || r.Metadata["method"] != "gaea" || !strings.Contains(r.Metadata["settings"], `"lr":2`) || r.Tensors["pass.3.train"].Len() != 90 {
		t.Errorf("a row adds up to %v, metadata %v", row, r.Metadata)
	}
	for args, want := range map[string]string{
		"--step darts-v1 --protocol best":   `no protocol "best"`,
		"--step darts-v1 --set arch":        "want a name and a value",
		"--step darts-v1 --set arch.rate=1": `no "arch.rate"`,
		"--step random":                     "needs a way to query",
		"--step pc-darts":                   "another network than that of the fixture",
		"--step gaea":                       "24 architecture parameters where the fixture has 30",
	} {
		if _, text, status := command(t, append([]string{"parity", "tiny.safetensors"}, strings.Fields(args)...)...); status == 0 || strings.Count(text, "\n") != 1 || !strings.Contains(text, want) {
			t.Errorf("%s: status %d, %q, want one line with %q", args, status, text, want)
		}
	}
}
