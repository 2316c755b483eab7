package nb201

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/download"
	"idarts/internal/trials"
)

// Numbers that cannot be, in a file that somebody else may have written, are never
// answered: the question or the opening is the error.
func TestWrongNumbersAreNotAnswered(t *testing.T) {
	accuracy := func(change func(v []float64)) func(*arrowio.Table) {
		return func(a *arrowio.Table) { change(a.Columns[1].Values.([]float64)) }
	}
	seed := func(number string) func(*arrowio.Table) {
		return func(a *arrowio.Table) {
			for i := range a.Columns {
				if c := &a.Columns[i]; c.Meta[metaSeed] == "0" {
					c.Meta[metaSeed], c.Name = number, strings.Replace(c.Name, "/0/", "/"+number+"/", 1)
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*arrowio.Table)
		want   string
	}{
		{"an accuracy above 100", accuracy(func(v []float64) { v[0] = 194.5 }), "row 0: accuracy 194.5, want 0 to 100 percent"},
		{"an accuracy without a bound", accuracy(func(v []float64) { v[0] = math.Inf(1) }), "row 0: accuracy +Inf, want 0 to 100 percent"},
		{"an accuracy below 0", accuracy(func(v []float64) { v[0] = -1 }), "row 0: accuracy -1, want 0 to 100 percent"},
		{"fractions", accuracy(func(v []float64) {
			for i := range v {
				v[i] /= 100
			}
		}), "these are fractions, want percent; multiply them by 100"},
		{"a trial below 0 beside others", seed("-1"), "has means of trials (seed -1) beside trials of"},
		{"a trial far below 0", seed("-7"), "has the seed -7, want numbers from 0 on"},
		{"a name that is not what the metadata say", func(a *arrowio.Table) { a.Columns[1].Meta[metaEpochs] = "12" }, `/12/0/accuracy" by its metadata, want the same`},
		{"no rows where numbers are", func(a *arrowio.Table) {
			for i := range a.Columns {
				if a.Columns[i].Name == columnCell {
					a.Columns[i].Valid = arrowio.NewBitmap(a.Rows, func(int) bool { return false })
				}
			}
		}, `column "cell" has rows without a value`},
	} {
		file, err := arrowio.Read(saveLocal(t))
		if err != nil {
			t.Fatal(err)
		}
		file.Columns = file.Columns[:len(file.Columns):len(file.Columns)]
		at := 1
		for i := range file.Columns {
			if file.Columns[i].Meta[metaMeasure] == measureAccuracy && file.Columns[i].Meta[metaSeed] == "0" && file.Columns[i].Meta[metaSplit] == localValid.Split {
				at = i
			}
		}
		file.Columns[1], file.Columns[at] = file.Columns[at], file.Columns[1]
		tt.change(file)
		content, err := arrowio.Encode(*file, arrowio.Plain)
		if err != nil {
			t.Fatal(err)
		}
		table, err := Decode("bad.arrow", content)
		if err == nil {
			_, err = table.Query(table.Cells()[0], localValid, trials.All)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"bad.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Columns that say nothing of a result are passed over, whatever they are, and told.
func TestOtherColumnsArePassedOver(t *testing.T) {
	file, err := arrowio.Read(saveLocal(t))
	if err != nil {
		t.Fatal(err)
	}
	want := recordsOf(t, mustOpen(t, *file))
	file.Columns = append(file.Columns,
		arrowio.Column{Name: "note", Values: make([]string, file.Rows)},
		arrowio.Column{Name: "__index_level_0__", Values: make([]int64, file.Rows)},
		arrowio.Column{Name: "a/b", Values: make([]uint8, file.Rows)})
	table := mustOpen(t, *file)
	if got := recordsOf(t, table); len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	lines, err := table.Verify()
	if all := strings.Join(lines, "\n"); err != nil || !strings.Contains(all, `column "__index_level_0__" is passed over, it is no result`) || !strings.Contains(all, "no checksums inside") {
		t.Errorf("%v in\n%s", err, all)
	}
}

func mustOpen(t *testing.T, file arrowio.Table) *Table {
	t.Helper()
	content, err := arrowio.Encode(file, arrowio.Plain)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Decode("t.arrow", content)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// What cannot work is found before a record is read.
func TestImportLooksFirst(t *testing.T) {
	sample := shared(t, "nats-bench-sample")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(dir, "parent")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	linkFolder(t, sample, filepath.Join(parent, "records"))
	for _, tt := range []struct{ name, from, to, want string }{
		{"a folder to write", sample, dir, "is a folder, want a file to write"},
		{"a file in the way", sample, filepath.Join(file, "x", "t.arrow"), `file" is a file, not a folder`},
		{"no name", sample, "", "want a file to write"},
		{"the folder around the records", parent, filepath.Join(dir, "t.arrow"), `parent" has no meta.pickle.pbz2, its folder "` + filepath.Join(parent, "records") + `" has one; give that`},
	} {
		err := ImportNATSBench(tt.from, tt.to, func(int, int) { t.Errorf("%s: a record is read", tt.name) })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Nothing is downloaded for a table that cannot be written.
func TestFetchLooksFirst(t *testing.T) {
	dir := t.TempDir()
	err := FetchPublic(t.Context(), download.Fetch{Dir: dir, Base: "http://none.invalid"}, dir)
	if err == nil || !strings.Contains(err.Error(), "is a folder, want a file to write") {
		t.Errorf("error = %v", err)
	}
}

// linkFolder makes the files of a folder stand in another.
func linkFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		linkFile(t, filepath.Join(from, f.Name()), filepath.Join(to, f.Name()))
	}
}

// An imported table says how much of the benchmark it is.
func TestKnown(t *testing.T) {
	table, _ := imported(t)
	if n, err := table.Known(); n != 3 || err != nil {
		t.Errorf("%d cells with results, %v, want the 3 of the sample", n, err)
	}
}
