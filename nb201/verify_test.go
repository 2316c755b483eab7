package nb201

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

// public makes the table of the public files.
func public(t testing.TB) *Table {
	t.Helper()
	dir := t.TempDir()
	for i, folder := range publicFolders[:numTables] {
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
			"15625 of 15625 cells, all different, in the benchmark's order\nthe checksums of the columns hold",
			"cifar10 trained on cifar10, ori-test, 200 epochs, NAS-Bench-102 v1.0: 10.00 to 94.37 %; means of trials whose number is not known for 15625 cells",
			"cifar10 trained on cifar10, ori-test, 200 epochs, NAS-Bench-201 v1.1: 10.00 to 94.68 %; 3 trials for 7961 cells, 2 trials for 5439 cells, 1 trial for 2225 cells",
			"18 known accuracies of single cells",
			"the best of cifar10 trained on cifar10-valid, ori-test, 200 epochs, NAS-Bench-201 v1.1 is #1459 with 91.5233 %, as published",
			"the best of cifar10 trained on cifar10, ori-test, 200 epochs, NATS-Bench v1.0 is #6111 with 94.3733 %, as published",
			"trainings of another network than the cell's in 204 cells (idarts explains them in docs/errata.md): #296 #299 #327 #737",
		}, 2 + 13 + 1 + 1 + 7},
		{"the official sample", func() *Table { table, _ := imported(t); return table }, []string{
			"results of 3 of the 15625 cells: a part of the benchmark",
			"cifar10 trained on cifar10-valid, x-valid, 12 epochs, NATS-Bench v1.0: 62.58 to 74.04 %; 2 trials for 3 cells, none for 15622 cells",
			"ori-test is the mean of x-valid and x-test for all 24 networks that have them (within",
			"10 known accuracies of single cells",
		}, 3 + 26 + 2},
		{"a local table", func() *Table {
			table := NewTable(trials.Origin{Source: "test"})
			key := Key{"fashion16", "fashion16", "valid", 3, ""}
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
	if testing.Short() {
		t.Skip("many tables of all cells")
	}
	test := Key{"cifar10", "cifar10", "ori-test", 200, ReleaseNATS}
	const column = "cifar10/cifar10/ori-test/200/-1/accuracy/" + ReleaseNATS
	// with is the table with another content of a column of its file, whose rows are
	// in the official order, past the checks of Append.
	with := func(change func(v []float64)) func(*Table) *Table {
		return func(table *Table) *Table {
			return rewritten(t, table, func(file *arrowio.Table) {
				c, err := file.Find(column)
				if err != nil {
					t.Fatal(err)
				}
				change(c.Values.([]float64))
			})
		}
	}
	appended := func(records ...Record) func(*Table) *Table {
		return func(table *Table) *Table {
			for i := range records {
				records[i].Cell = table.cells[3]
			}
			if err := table.Append(records...); err != nil {
				t.Fatal(err)
			}
			return table
		}
	}
	half := func(split string, accuracy float64) Record {
		return Record{Key: Key{"cifar100", "cifar100", split, 200, ""}, Seed: 777, Accuracy: accuracy}
	}
	for _, tt := range []struct {
		name   string
		change func(*Table) *Table
		want   string
	}{
		{"another best cell", with(func(v []float64) { v[5] = 94.38 }), "the best cell of cifar10 trained on cifar10, ori-test, 200 epochs, NATS-Bench v1.0 is #5 with 94.3800, want #6111 with 94.3733 as published"},
		{"another accuracy of the best cell", with(func(v []float64) { v[6111] = 94.38 }), "is #6111 with 94.3800, want #6111 with 94.3733"},
		{"the best accuracy at another cell", with(func(v []float64) { v[5], v[6111] = v[6111], v[5] }), "is #5 with 94.3733, want #6111 with 94.3733 as published"},
		{"a known cell with another accuracy", with(func(v []float64) { v[1462] = 93.77 }), "cell #1462, cifar10 trained on cifar10, ori-test, 200 epochs, NATS-Bench v1.0: accuracy 93.7700, want 93.7600"},
		{"cells in another order", with(func(v []float64) { v[0], v[11] = v[11], v[0] }), "cell #0, cifar10 trained on cifar10, ori-test, 200 epochs, NATS-Bench v1.0: accuracy 91.5833, want 85.8633"},
		{"an accuracy above 100", with(func(v []float64) { v[3] = 100.5 }), "accuracy 100.5, want 0 to 100 percent"},
		{"an accuracy below 0", with(func(v []float64) { v[3] = -0.5 }), "accuracy -0.5, want 0 to 100 percent"},
		{"a loss below 0", func(table *Table) *Table {
			return rewritten(t, table, func(file *arrowio.Table) {
				c, err := file.Find(column)
				if err != nil {
					t.Fatal(err)
				}
				loss := arrowio.Column{Name: "loss", Meta: maps.Clone(c.Meta), Values: make([]float32, file.Rows)}
				loss.Meta[metaMeasure], loss.Values.([]float32)[3] = measureLoss, -1
				file.Columns = append(file.Columns, loss)
			})
		}, `column "loss": row 3: loss -1, want none below 0`},
		{"a mean beside a trial", appended(Record{Key: test, Seed: 777, Accuracy: 90}), "has means of trials (seed -1) beside trials of 1 seeds, want either"},
		{"a test that is not the mean of its halves", appended(half("x-valid", 70), half("x-test", 71), half("ori-test", 70.6)), "seed 777: accuracy 70.6, want 70.5, the mean of x-valid 70 and x-test 71"},
	} {
		table := tt.change(public(t))
		if _, err := table.Verify(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := NewTable(trials.Origin{}).Verify(); err == nil || !strings.Contains(err.Error(), "has no results") {
		t.Errorf("an empty table: error = %v", err)
	}
}

// rewritten is a table after a change of its file.
func rewritten(t *testing.T, table *Table, change func(*arrowio.Table)) *Table {
	t.Helper()
	if err := table.Read(); err != nil {
		t.Fatal(err)
	}
	file, compression := table.file()
	change(&file)
	content, err := arrowio.Encode(file, compression)
	if err != nil {
		t.Fatal(err)
	}
	if table, err = Decode("rewritten.arrow", content); err != nil {
		t.Fatal(err)
	}
	return table
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
