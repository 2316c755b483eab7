package nb1b1

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/longtest"
	"idarts/internal/supernet"
	"idarts/internal/trials"
)

// Hashes and parameters of 1,000 real records are ours, and the hashes of all 30,001 real ones
// are among those of the cells that we enumerate.
func TestRealRecords(t *testing.T) {
	type part struct {
		Key        []string      `json:"key"`
		Parameters []int         `json:"trainable_parameters"`
		Operations [][]int       `json:"operations"`
		Adjacency  [][][]float64 `json:"adjacency"`
		Seconds    []float64     `json:"final_training_time"`
		Valid4     []float64     `json:"4_final_validation_accuracy"`
		Valid12    []float64     `json:"12_final_validation_accuracy"`
		Valid36    []float64     `json:"36_final_validation_accuracy"`
		Valid108   []float64     `json:"108_final_validation_accuracy"`
	}
	read := func(name string) (p part) {
		path := filepath.Join("..", "..", "shared", "data", "nb101-partial", name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Skipf("reference data %q is not here", path)
		}
		if err := json.Unmarshal(content, &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	names := map[int]string{-1: "input", -2: "output", 0: "conv3x3-bn-relu", 1: "conv1x1-bn-relu", 2: "maxpool3x3"}
	net := Net{C: 128, N: 3, Classes: 10, InChannels: 3, Size: 32}
	some := read("data-1k.json")
	for i, key := range some.Key {
		n := 1 + slices.Index(some.Operations[i], -2) // smaller cells are padded behind the output
		matrix, ops := make([][]int, n), make([]string, n)
		for v := range n {
			for _, x := range some.Adjacency[i][v][:n] {
				matrix[v] = append(matrix[v], int(x))
			}
			ops[v] = names[some.Operations[i][v]]
		}
		c, err := NewCell(matrix, ops)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if got := c.Hash().String(); got != key {
			t.Errorf("hash %s, want %s", got, key)
		}
		size, err := supernet.Measure(net.Final(c), exec.Shape{1, 32, 32, 3}, 10)
		if err != nil || size.Params != some.Parameters[i] {
			t.Errorf("%s: %d parameters, %v, want %d", key, size.Params, err, some.Parameters[i])
		}
	}
	if len(some.Key) != 1000 {
		t.Errorf("%d records, want 1,000", len(some.Key))
	}
	longtest.Needed(t) // it makes and hashes all cells
	dir := filepath.Join("..", "..", "shared", "data", "nb101-partial")
	out := filepath.Join(t.TempDir(), "part.arrow")
	if err := ConvertPartial(dir, out); err != nil {
		t.Fatal(err)
	}
	table, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := table.Verify()
	for _, want := range []string{
		"30001 of 423624 cells, each with its hash",
		"NAS-Bench-1Shot1 space 1: 195 of 2685 cells", "NAS-Bench-1Shot1 space 2: 572 of 7773 cells", "NAS-Bench-1Shot1 space 3: 4023 of 55854 cells",
		"valid, 108 epochs: 9.51 to 94.91 %; 1 trial for 30001 cells", // the numbers of SOURCE.md
	} {
		if err != nil || !slices.Contains(lines, want) {
			t.Errorf("%v, %q, want %q", err, lines, want)
		}
	}
	for i, key := range some.Key { // through the other file: these have their matrices
		h, _ := ParseHash(key)
		c, err := table.Find(h)
		if err != nil {
			t.Fatal(err)
		}
		for b, want := range [][]float64{some.Valid4, some.Valid12, some.Valid36, some.Valid108} {
			if got, err := table.Query(c, Key{Budgets[b], "valid"}, trials.All); err != nil || got.Accuracy != 100*want[i] || len(got.Trials) != 1 {
				t.Fatalf("%s, %d epochs: %v, %v, want %v", key, Budgets[b], got, err, 100*want[i])
			} else if long := Budgets[b] == 108; long && got.Seconds != some.Seconds[i] || !long && !math.IsNaN(got.Seconds) {
				t.Fatalf("%s, %d epochs: %v seconds, want %v of 108 alone", key, Budgets[b], got.Seconds, some.Seconds[i])
			}
		}
		if got, err := table.Parameters(c); err != nil || got != int64(some.Parameters[i]) {
			t.Errorf("%s: %d parameters, %v, want %d", key, got, err, some.Parameters[i])
		}
		if got, err := table.Query(c, Key{108, "test"}, trials.All); err == nil {
			t.Fatalf("%s: test %v, which nobody knows", key, got)
		}
	}
	damaged := t.TempDir()
	for _, f := range Partial {
		content, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(filepath.Join(damaged, f.Name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{damaged: "sha256 is", "none": "to place it by hand, save https://raw.githubusercontent.com/tiga1231/nasbench-vis/"} {
		if err := ConvertPartial(dir, out+"2"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	real := map[string]bool{}
	for _, name := range []string{"data-1k.json", "data-10k.json", "data-20k.json"} {
		for _, key := range read(name).Key {
			real[key] = true
		}
	}
	for key := range real {
		h, _ := ParseHash(key)
		if _, err := table.Find(h); err != nil {
			t.Error(err)
		}
	}
	if len(real) != 30001 {
		t.Errorf("%d real hashes, want 30,001", len(real))
	}
}
