package nb201

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// The cells with trainings of another network are those that were found without this
// program, with the same shares of trials; 204 of all.
func TestOthersOfThePublicMeans(t *testing.T) {
	f, err := os.Open(filepath.Join(shared(t, "nb201-anomalies"), "cells.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := map[Cell]float64{}
	for _, row := range rows[1:] {
		number := func(i int) float64 {
			x, err := strconv.ParseFloat(row[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		want[cell(t, row[1])] = number(5) / number(4)
	}
	table := public(t)
	key := Key{"cifar10", "cifar10-valid", "x-valid", 200, Release201v11}
	perTrial := Key{"cifar10", "cifar10", "ori-test", 200, Release201v11}
	for _, r := range recordsOf(t, table) {
		switch {
		case r.Key == key || r.Key == perTrial:
			if math.Abs(r.OtherNetwork-want[r.Cell]) > 1e-6 {
				t.Errorf("%q, %s: share %v, want %v", r.Cell, r.Key, r.OtherNetwork, want[r.Cell])
			}
		case r.Key.Release != Release201v11 && r.OtherNetwork != 0:
			t.Errorf("%q, %s: share %v without recorded parameters", r.Cell, r.Key, r.OtherNetwork)
		}
	}
	if len(want) != 204 {
		t.Errorf("%d cells, want 204", len(want))
	}
	if _, err := shareOfOthers(Cell{}, 0.08); err == nil {
		t.Error("parameters of no such network give no error")
	}
}

// A training whose recorded size is not its cell's is marked in the import; a real record is
// not.
func TestOtherNetworkInRecords(t *testing.T) {
	raw, _, err := readPickle(filepath.Join(shared(t, "nats-bench-sample"), recordName(284)))
	if err != nil {
		t.Fatal(err)
	}
	part, err := get[dict](raw.(dict), "200")
	if err != nil {
		t.Fatal(err)
	}
	results, err := get[dict](part, "all_results")
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range results.keys {
		run := results.values[k].(dict)
		for _, field := range []string{"", "params", "flop"} {
			want := 0.0
			old, recorded := run.values[field].(float64)
			if recorded {
				want = 1
				run.values[field] = old + 0.028
			}
			records, err := readRun(run, cell(t, cell284), k.(dictKey).text, k.(dictKey).number, 200)
			if err != nil {
				t.Fatal(err)
			}
			if recorded {
				run.values[field] = old
			}
			for _, r := range records {
				if r.OtherNetwork != want {
					t.Errorf("%v with another %q: share %v, want %v", k, field, r.OtherNetwork, want)
				}
			}
			if len(records) == 0 {
				t.Errorf("run %d has no records", i)
			}
		}
	}
}
