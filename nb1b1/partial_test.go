package nb1b1

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/supernet"
)

// Hashes and parameters of 1,000 real records are ours, and the hashes of all 30,001 real ones
// are among those of the cells that we enumerate.
func TestRealRecords(t *testing.T) {
	type part struct {
		Key        []string      `json:"key"`
		Parameters []int         `json:"trainable_parameters"`
		Operations [][]int       `json:"operations"`
		Adjacency  [][][]float64 `json:"adjacency"`
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
	if testing.Short() {
		return
	}
	real := map[string]bool{}
	for _, name := range []string{"data-1k.json", "data-10k.json", "data-20k.json"} {
		for _, key := range read(name).Key {
			real[key] = true
		}
	}
	found := 0
	for _, c := range allCells() {
		if real[c.Hash().String()] {
			found++
		}
	}
	if len(real) != 30001 || found != len(real) {
		t.Errorf("%d of %d real hashes are among the enumerated cells, want all of 30,001", found, len(real))
	}
}
