package nb1b1

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"idarts/internal/download"
	"idarts/internal/plainjson"
	"idarts/internal/trials"
)

// Partial lists the files that [FetchPartial] takes: numbers of 30,001 cells, drawn
// for a page whose repository states no licence.
var Partial = []download.File{
	partialFile("data-20k.json", "7eaca9658aebf16443d3df5b38e61fe75d85787abc485cfc9a2088328443c3e9", 2862972, "20,001"),
	partialFile("data-10k.json", "2c4c46e44c8ed252f7118d7a73304137ea0a6fa26377e6795baf985369ff3c09", 1430567, "10,000"),
}

func partialFile(name, sum string, size int64, cells string) download.File {
	return download.File{
		Name: name, Repository: "tiga1231/nasbench-vis", Commit: "7aec0e76fbcd963371799af25f78223069897b58", Path: "static/data/" + name,
		SHA256: sum, Size: size, Licence: "none stated; numbers of NAS-Bench-101 (Apache-2.0)",
		Holds: cells + " cells of NAS-Bench-101 by hash: validation accuracy of one repeat after 4, 12, 36 and 108 epochs, seconds, parameters",
	}
}

// partialCommand is what takes them.
const partialCommand = "idarts data fetch nas-bench-101"

// FetchPartial gets the [Partial] files into fetch.Dir, those that are not there already, and
// makes a table of them. See [ConvertPartial].
func FetchPartial(ctx context.Context, fetch download.Fetch, out string) error {
	if err := trials.CheckTarget(out); err != nil {
		return fmt.Errorf("nb1b1: fetch: %w", err)
	}
	if err := fetch.All(ctx, partialCommand, Partial); err != nil {
		return fmt.Errorf("nb1b1: %w", err)
	}
	return ConvertPartial(fetch.Dir, out)
}

// ConvertPartial makes a table of the [Partial] files in dir: validation accuracies of one
// repeat of each training, and the time of the longest. The files do not say which repeat; it
// is kept as number 0. They have only hashes: cells are found by making all that there are and
// hashing these, some seconds on two cores. Errors name the file, and how to get it where it
// is missing or another one.
func ConvertPartial(dir, out string) error {
	contents, err := download.ReadAll(dir, partialCommand, Partial)
	if err != nil {
		return fmt.Errorf("nb1b1: %w", err)
	}
	from, licences, sum := download.Origin(Partial)
	t := newTable("new table", trials.Origin{
		Source: nasBench101.Source + ", a part of it by a public extract: " + from +
			"; validation accuracies of one repeat, which the files do not number and which is 0 here; no test accuracies",
		Licence: licences, SHA256: sum, Training: nasBench101.Training,
	})
	names := byHash()
	for i, content := range contents {
		if err := t.extract(content, names); err != nil {
			return fmt.Errorf("nb1b1: folder %q: %q: %w", dir, Partial[i].Name, err)
		}
	}
	return t.save(out)
}

// extract adds the cells of a file: columns of equal lengths by name.
func (t *Table) extract(content []byte, names map[Hash]Cell) error {
	var file struct {
		Key        []string  `json:"key"`
		Valid4     []float32 `json:"4_final_validation_accuracy"`
		Valid12    []float32 `json:"12_final_validation_accuracy"`
		Valid36    []float32 `json:"36_final_validation_accuracy"`
		Valid108   []float32 `json:"108_final_validation_accuracy"`
		Seconds    []float32 `json:"final_training_time"`
		Parameters []int64   `json:"trainable_parameters"`
	}
	if err := plainjson.Unmarshal(content, &file); err != nil {
		return err
	}
	valid := [len(Budgets)][]float32{file.Valid4, file.Valid12, file.Valid36, file.Valid108}
	for _, n := range []int{len(valid[0]), len(valid[1]), len(valid[2]), len(valid[3]), len(file.Seconds), len(file.Parameters)} {
		if n != len(file.Key) {
			return fmt.Errorf("a column of %d numbers, want %d as there are hashes", n, len(file.Key))
		}
	}
	unknown := float32(math.NaN())
	for i, key := range file.Key {
		hash, err := parseHash(key)
		if err != nil {
			return fmt.Errorf("cell %d: %w", i, err)
		}
		c, known := names[hash]
		if !known {
			return fmt.Errorf("cell %d: no cell has hash %s", i, hash)
		}
		row := t.add(c, hash, file.Parameters[i])
		for b := range Budgets {
			time := unknown
			if b == len(Budgets)-1 {
				time = file.Seconds[i]
			}
			t.set(row, b, 0, [...]float32{unknown, valid[b][i], unknown, time})
		}
	}
	return nil
}

// byHash finds each of all cells by the benchmark's name.
func byHash() map[Hash]Cell {
	all := Enumerate()
	hashes := make([]Hash, len(all))
	workers := runtime.GOMAXPROCS(0)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(all); i += workers {
				hashes[i] = all[i].Hash()
			}
		})
	}
	wait.Wait()
	names := make(map[Hash]Cell, len(all))
	for i, c := range all {
		names[hashes[i]] = c
	}
	return names
}
