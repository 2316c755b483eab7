package nb201

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/trials"
)

// public makes the table of the two public files.
func public(t testing.TB) *Table {
	t.Helper()
	dir := t.TempDir()
	for i, folder := range []string{"nb201-cifar10", "nb201-12ep"} {
		linkFile(t, filepath.Join(shared(t, folder), Public[i].Name), filepath.Join(dir, Public[i].Name))
	}
	out := filepath.Join(dir, "table.arrow")
	if err := ConvertPublic(dir, out); err != nil {
		t.Fatal(err)
	}
	table, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name  string
		table func() *Table
		lines []string
		n     int
	}{
		{"the public extracts", func() *Table { return public(t) }, []string{
			"15625 of 15625 cells, all different, in the benchmark's order",
			"cifar10 trained on cifar10, ori-test, 200 epochs: 10.00 to 94.37 %; means of trials whose number is not known for 15625 cells",
			"4 known accuracies of single cells",
			"the best of cifar10 trained on cifar10, ori-test, 200 epochs is #6111 with 94.3733 %, as published",
		}, 1 + 7 + 2},
		{"the official sample", func() *Table { table, _ := imported(t); return table }, []string{
			"cifar10 trained on cifar10-valid, x-valid, 12 epochs: 62.58 to 74.04 %; 2 trials for 3 cells, none for 15622 cells",
			"ori-test is the mean of x-valid and x-test for all 24 networks that have them (within",
			"10 known accuracies of single cells",
		}, 1 + 26 + 2},
		{"a local table", func() *Table {
			table := NewTable(Origin{Source: "test"})
			key := Key{"fashion16", "fashion16", "valid", 3}
			if err := table.Append(Record{Cell: FromIndex(0), Key: key, Accuracy: 10}, Record{Cell: FromIndex(0), Key: key, Seed: 1, Accuracy: 20}, Record{Cell: FromIndex(7), Key: key, Accuracy: 50}); err != nil {
				t.Fatal(err)
			}
			return table
		}, []string{
			"2 of 15625 cells, all different",
			"fashion16 trained on fashion16, valid, 3 epochs: 10.00 to 50.00 %; 2 trials for 1 cell, 1 trial for 1 cell",
		}, 2},
	} {
		lines, err := tt.table().Verify()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		all := strings.Join(lines, "\n")
		for _, want := range tt.lines {
			if !strings.Contains(all+"\n", want) {
				t.Errorf("%s: no line %q in\n%s", tt.name, want, all)
			}
		}
		if len(lines) != tt.n {
			t.Errorf("%s: %d lines, want %d:\n%s", tt.name, len(lines), tt.n, all)
		}
	}
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	order := make([]Cell, NumCells)
	for i, c := range public(t).Cells() {
		order[i] = c
	}
	test := Key{"cifar10", "cifar10", "ori-test", 200}
	for _, tt := range []struct {
		name   string
		change func(table *Table)
		want   string
	}{
		{"another best cell", func(table *Table) { set(t, table, order[5], test, 94.38) }, "the best cell of cifar10 trained on cifar10, ori-test, 200 epochs is #5 with 94.3800, want #6111 with 94.3733 as published"},
		{"another accuracy of the best cell", func(table *Table) { set(t, table, order[6111], test, 94.38) }, "is #6111 with 94.3800, want #6111 with 94.3733"},
		{"the best accuracy at another cell", func(table *Table) {
			a, b := accuracyOf(t, table, order[5], test), accuracyOf(t, table, order[6111], test)
			set(t, table, order[5], test, b)
			set(t, table, order[6111], test, a)
		}, "is #5 with 94.3733, want #6111 with 94.3733 as published"},
		{"a known cell with another accuracy", func(table *Table) { set(t, table, order[1462], test, 93.77) }, "cell #1462, cifar10 trained on cifar10, ori-test, 200 epochs: accuracy 93.7700, want 93.7600"},
		{"cells in another order", func(table *Table) {
			a, b := accuracyOf(t, table, order[0], test), accuracyOf(t, table, order[11], test)
			set(t, table, order[0], test, b)
			set(t, table, order[11], test, a)
		}, "cell #0, cifar10 trained on cifar10, ori-test, 200 epochs: accuracy 91.5833, want 85.8633"},
		{"an accuracy above 100", func(table *Table) { set(t, table, order[3], test, 100.5) }, "accuracy 100.5, want 0 to 100 percent"},
		{"an accuracy below 0", func(table *Table) { set(t, table, order[3], test, -0.5) }, "accuracy -0.5, want 0 to 100 percent"},
		{"a loss below 0", func(table *Table) {
			s := table.byKey[test][0]
			if err := s.read(); err != nil {
				t.Fatal(err)
			}
			s.set(3, Trial{Accuracy: s.accuracy[3], Loss: -1, Seconds: math.NaN()})
		}, "loss -1 and NaN seconds, want neither below 0"},
		{"a mean beside a trial", func(table *Table) {
			if err := table.Append(Record{Cell: order[3], Key: test, Seed: 777, Accuracy: 90}); err != nil {
				t.Fatal(err)
			}
		}, "has means of trials (seed -1) beside trials of 1 seeds, want either"},
		{"a test that is not the mean of its halves", func(table *Table) {
			for split, v := range map[string]float64{"x-valid": 70, "x-test": 71, "ori-test": 70.6} {
				if err := table.Append(Record{Cell: order[3], Key: Key{"cifar100", "cifar100", split, 200}, Seed: 777, Accuracy: v}); err != nil {
					t.Fatal(err)
				}
			}
		}, "seed 777: accuracy 70.6, want 70.5, the mean of x-valid 70 and x-test 71"},
	} {
		table := public(t)
		tt.change(table)
		if _, err := table.Verify(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := NewTable(Origin{}).Verify(); err == nil || !strings.Contains(err.Error(), "has no results") {
		t.Errorf("an empty table: error = %v", err)
	}
}

// set changes what a table holds, past its checks.
func set(t *testing.T, table *Table, c Cell, key Key, accuracy float64) {
	t.Helper()
	if err := table.readAll(); err != nil {
		t.Fatal(err)
	}
	table.byKey[key][0].accuracy[table.rows[c.Index()]-1] = accuracy
}

func accuracyOf(t *testing.T, table *Table, c Cell, key Key) float64 {
	t.Helper()
	a, err := table.Query(c, key, trials.All)
	if err != nil {
		t.Fatal(err)
	}
	return a.Accuracy
}

// linkFile makes to a name of from, or a copy where that cannot be.
func linkFile(t testing.TB, from, to string) {
	t.Helper()
	if os.Symlink(from, to) == nil {
		return
	}
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
