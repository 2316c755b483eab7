package nb201

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

// A series without any accuracy, which no file of ours has, is refused; a loss of a
// single network without one is no measurement and is not written.
func TestLossWithoutAccuracy(t *testing.T) {
	for _, tt := range []struct {
		name string
		left arrowio.Bitmap // of the accuracies of 3 cells
		want int            // records
		err  string
	}{
		{"of all networks", arrowio.Bitmap{0}, 0, `"odd.arrow" has no accuracy for fashion16 trained on fashion16-train, valid, 8 epochs, seed 0`},
		{"of one network of two", arrowio.Bitmap{1}, len(local(t)) - 1, ""},
	} {
		file, err := arrowio.Read(saveLocal(t))
		if err != nil {
			t.Fatal(err)
		}
		c, err := file.Find("fashion16/fashion16-train/valid/8/0/accuracy")
		if err != nil {
			t.Fatal(err)
		}
		c.Valid = tt.left
		content, err := arrowio.Encode(*file, arrowio.Plain)
		if err != nil {
			t.Fatal(err)
		}
		table, err := Decode("odd.arrow", content)
		if err != nil {
			t.Fatal(err)
		}
		records, err := table.Records()
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error = %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		out, _ := table.file()
		loss, err2 := out.Find("fashion16/fashion16-train/valid/8/0/loss")
		if err != nil || err2 != nil || len(records) != tt.want {
			t.Fatalf("%s: %d records, %v, %v, want %d", tt.name, len(records), err, err2, tt.want)
		}
		known := 0
		for row := range out.Rows {
			if loss.Valid.Has(row) {
				known++
			}
		}
		if known != 1 {
			t.Errorf("%s: %d losses are written, want 1", tt.name, known)
		}
	}
}

// What is left for later is an error when it is not there any more.
func TestFileThatShrinks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	made := newOfficial(trials.Origin{Source: "synthetic"}, All())
	fill(t, made, localTest, 777, r)
	path := filepath.Join(t.TempDir(), "shrinks.arrow")
	if err := made.Save(path); err != nil {
		t.Fatal(err)
	}
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, asked := table.Query(FromIndex(7), localTest, trials.All)
	_, listed := table.Records()
	appended := table.Append(Record{Cell: FromIndex(7), Key: localValid, Seed: 1, Accuracy: 50})
	for what, err := range map[string]error{"query": asked, "records": listed, "append": appended, "save": table.Save(path + ".again"), "merge": NewTable(made.Origin).Merge(table)} {
		if err == nil || !strings.Contains(err.Error(), `shrinks.arrow" is damaged: column "fashion16/`) || !strings.Contains(err.Error(), "has become shorter") {
			t.Errorf("%s: error = %v", what, err)
		}
	}
	if _, err := os.Stat(path + ".again"); err == nil {
		t.Error("a table that could not be read was saved")
	}
}

// The bytes do not depend on the order of appending, nor on how often the file
// was read and written.
func TestBytesDoNotDependOnOrder(t *testing.T) {
	dir := t.TempDir()
	want, err := os.ReadFile(saveLocal(t))
	if err != nil {
		t.Fatal(err)
	}
	records := local(t)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		path := filepath.Join(dir, fmt.Sprint(i))
		table := NewTable(trials.Origin{Source: "trained here", Licence: "none", SHA256: "ab", Training: "laptop"})
		for _, rec := range records { // one training after another, each saved
			if err := table.Append(rec); err != nil {
				t.Fatal(err)
			}
			if err := table.Save(path); err != nil {
				t.Fatal(err)
			}
			if table, err = Open(path); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("order %v gave other bytes (%v)", records, err)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	path := saveLocal(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range content {
		if _, err := Decode("cut.arrow", content[:n]); err == nil || !strings.Contains(err.Error(), `"cut.arrow"`) {
			t.Fatalf("first %d of %d bytes: error = %v", n, len(content), err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no.arrow")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `no.arrow"`) {
		t.Errorf("no file: error = %v", err)
	}
	for _, tt := range []struct {
		name   string
		change func(*arrowio.Table)
		want   string
	}{
		{"another format", func(a *arrowio.Table) { a.Meta["format"] = "x" }, `has format "x", want "idarts nb201 table, version 1"`},
		{"no cells", func(a *arrowio.Table) { a.Columns[0].Name = "arch" }, `has no column "cell", only ["arch"`},
		{"cells as numbers", func(a *arrowio.Table) { a.Columns[0].Values = make([]int32, a.Rows) }, `column "cell" has type int32, want dictionary`},
		{"a wrong cell", func(a *arrowio.Table) { a.Columns[0].Values.([]string)[1] = "|none~0|" }, `row 1: nb201: cell "|none~0|" has 1 nodes`},
		{"a cell twice", func(a *arrowio.Table) {
			a.Columns[0].Values.([]string)[1] = a.Columns[0].Values.([]string)[0]
		}, `lists cell "`},
		{"an official table that lacks cells", func(a *arrowio.Table) { a.Meta["order"] = "official" }, `lists 3 cells in official order, want 15625`},
		{"accuracies as text", func(a *arrowio.Table) { a.Columns[1].Values = make([]string, a.Rows) }, `has type dictionary<values=utf8, indices=int32, ordered=false>, want float64`},
		{"a column without a key", func(a *arrowio.Table) { a.Columns[1].Meta = nil }, `/accuracy" has epochs "" in its metadata, want a whole number`},
		{"a column without a split", func(a *arrowio.Table) { a.Columns[1].Meta["split"] = "" }, `/accuracy" lacks a split in its metadata`},
		{"an unknown measure", func(a *arrowio.Table) { a.Columns[1].Meta["measure"] = "top5" }, `has measure "top5" in its metadata, want one of ["accuracy" "loss" "seconds" "other_network"]`},
		{"a loss without an accuracy", func(a *arrowio.Table) { a.Columns = append(a.Columns[:1], a.Columns[2:]...) }, `has no accuracy for fashion16`},
		{"one key twice", func(a *arrowio.Table) {
			twin := a.Columns[1]
			twin.Name = "twin"
			a.Columns = append(a.Columns, twin)
		}, `has column "twin" twice`},
	} {
		file, err := arrowio.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(file)
		bad := filepath.Join(t.TempDir(), "bad.arrow")
		if err := arrowio.Write(bad, *file, arrowio.Plain); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(bad); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `bad.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzDecode: any bytes are a table or an error of one line that names the file. A
// table answers every question without a panic, takes a new trial, and is the same
// when it is written and read again.
func FuzzDecode(f *testing.F) {
	for _, compression := range []arrowio.Compression{arrowio.Plain, arrowio.Zstd} {
		file, err := arrowio.Read(saveLocal(f))
		if err != nil {
			f.Fatal(err)
		}
		content, err := arrowio.Encode(*file, compression)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := Decode("f.arrow", content)
		if err != nil {
			if !strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, key := range table.Keys() {
			for _, c := range table.Cells() {
				if a, err := table.Query(c, key, trials.All); err == nil && (len(a.Trials) == 0 || math.IsNaN(a.Accuracy)) {
					t.Errorf("%q, %s: %+v", c, key, a)
				}
			}
		}
		if err := table.Read(); err != nil {
			if !strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		err = table.Append(Record{Cell: FromIndex(77), Key: localTest, Seed: 99, Accuracy: 50, Loss: nan, Seconds: 1})
		if err != nil && !strings.Contains(err.Error(), "has another result") {
			t.Errorf("append: %v", err)
		}
		file, compression := table.file()
		written, err := arrowio.Encode(file, compression)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode("again.arrow", written)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := recordsOf(t, again), recordsOf(t, table); len(got) != len(want) {
			t.Errorf("%d records read again, want %d", len(got), len(want))
		}
	})
}
