package arrowio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sample has every type, with and without missing values, and metadata.
func sample() Table {
	odd := func(i int) bool { return i%2 == 1 }
	return Table{
		Rows: 5,
		Meta: map[string]string{"licence": "MIT", "source": "by hand", "a": ""},
		Columns: []Column{
			{Name: "label", Values: []uint8{0, 1, 2, 254, 255}},
			{Name: "seed", Values: []int32{-1, 0, 777, 888, 1 << 30}, Meta: map[string]string{"unit": "none", "b": "c"}},
			{Name: "count", Values: []int64{-1 << 62, 0, 1, 2, 3}},
			{Name: "loss", Values: []float32{0, 0.5, 0, -1.25, 0}, Valid: NewBitmap(5, odd)},
			{Name: "accuracy", Values: []float64{0.1, 91.79, 1e300, -0.5, 3}},
			{Name: "cell", Values: []string{"b", "a", "b", "", "ü"}},
			{Name: "word", Values: []string{"", "x", "", "y", ""}, Valid: NewBitmap(5, odd)},
			{Name: "pixels", Values: Fixed{Width: 3, Bytes: []byte("abcdefghijklmno")}},
			{Name: "hash", Values: Fixed{Width: 2, Bytes: []byte("\x00\x00ab\x00\x00cd\x00\x00")}, Valid: NewBitmap(5, odd)},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd} {
		path := filepath.Join(t.TempDir(), "new folder", "t.arrow")
		want := sample()
		if err := Write(path, want, c); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Rows != 5 || got.Name != path || !reflect.DeepEqual(got.Meta, want.Meta) {
			t.Errorf("read %d rows of %q with %v", got.Rows, got.Name, got.Meta)
		}
		if len(got.Columns) != len(want.Columns) {
			t.Fatalf("read %d columns, want %d", len(got.Columns), len(want.Columns))
		}
		for i, w := range want.Columns {
			g := got.Columns[i]
			if v, ok := g.Values.([]float32); ok {
				for row := range v {
					if math.IsNaN(float64(v[row])) == w.Valid.Has(row) {
						t.Errorf("column %q row %d holds %v, want NaN where it has no value", w.Name, row, v[row])
					}
					if !w.Valid.Has(row) {
						v[row] = 0 // as in the sample
					}
				}
			}
			if g.Name != w.Name || !reflect.DeepEqual(g.Values, w.Values) {
				t.Errorf("column %d = %q %v, want %q %v", i, g.Name, g.Values, w.Name, w.Values)
			}
			if len(g.Meta) != len(w.Meta) || g.Meta["unit"] != w.Meta["unit"] {
				t.Errorf("column %q has metadata %v, want %v", w.Name, g.Meta, w.Meta)
			}
			for row := range 5 {
				if g.Valid.Has(row) != w.Valid.Has(row) {
					t.Errorf("column %q row %d: has a value = %v", w.Name, row, g.Valid.Has(row))
				}
			}
		}
	}
}

func TestNoRowsRoundTrip(t *testing.T) {
	want := Table{Columns: []Column{{Name: "a", Values: []float64{}}, {Name: "b", Values: []string{}}, {Name: "c", Values: Fixed{Width: 4}}}}
	content, err := Encode(want, Plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode("empty", content)
	if err != nil || got.Rows != 0 || len(got.Columns) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestTypedAccess(t *testing.T) {
	content, err := Encode(sample(), Plain)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Decode("t.arrow", content)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Values[float64](table, "accuracy"); err != nil || v[1] != 91.79 {
		t.Errorf("accuracy = %v, %v", v, err)
	}
	if v, valid, err := Nullable[float32](table, "loss"); err != nil || v[3] != -1.25 || v[0] == v[0] || valid.Has(2) || !valid.Has(3) {
		t.Errorf("loss = %v, %v, %v", v, valid, err)
	}
	if v, err := FixedValues(table, "pixels"); err != nil || v.Width != 3 || string(v.Bytes[3:6]) != "def" {
		t.Errorf("pixels = %v, %v", v, err)
	}
	for _, tt := range []struct {
		name string
		get  func() error
		want string
	}{
		{"a column that is not there lists the others", func() error { _, err := Values[float64](table, "acc"); return err }, `"t.arrow" has no column "acc", only ["label"`},
		{"a number of another type", func() error { _, err := Values[float64](table, "seed"); return err }, `"t.arrow": column "seed" has type int32, want float64`},
		{"text where bytes are wanted", func() error { _, err := FixedValues(table, "cell"); return err }, `column "cell" has type dictionary<`},
		{"bytes where text is wanted", func() error { _, err := Values[string](table, "pixels"); return err }, `column "pixels" has type fixed_size_binary[3], want dictionary<values=utf8`},
		{"missing values where none may be", func() error { _, err := Values[float32](table, "loss"); return err }, `column "loss" has rows without a value`},
		{"missing byte strings where none may be", func() error { _, err := FixedValues(table, "hash"); return err }, `column "hash" has rows without a value`},
	} {
		if err := tt.get(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestBytesAreAFunctionOfContent(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd} {
		first, err := Encode(sample(), c)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // map order changes from run to run
			other := sample()
			other.Columns[3].Values.([]float32)[0] = 42 // row 0 has no value
			other.Columns[6].Values.([]string)[2] = "unseen"
			other.Columns[8].Values.(Fixed).Bytes[1] = 9
			other.Columns[3].Valid[0] |= 0x80 // behind the last row
			again, err := Encode(other, c)
			if err != nil || !bytes.Equal(first, again) {
				t.Fatalf("compression %d: the same content gave other bytes (%v)", c, err)
			}
		}
	}
}

// Every proper prefix of a file is an error that names it, never a panic and
// never a table.
func TestTruncated(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd} {
		content, err := Encode(sample(), c)
		if err != nil {
			t.Fatal(err)
		}
		for n := range content {
			table, err := Decode("cut.arrow", content[:n])
			if err == nil || table != nil || !strings.Contains(err.Error(), `"cut.arrow" is truncated`) {
				t.Fatalf("first %d of %d bytes: error = %v", n, len(content), err)
			}
		}
		t.Logf("compression %d: %d truncations", c, len(content))
	}
}

// Damage before the footer is an error or another value, never a panic. Every
// third byte is tried with two values.
func TestDamaged(t *testing.T) {
	content, err := Encode(sample(), Plain)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	footer := len(content) - 10 - int(binary.LittleEndian.Uint32(content[len(content)-10:]))
	for i := 0; i < footer; i += 3 {
		for _, flip := range []byte{0xff, 0x01} {
			bad := bytes.Clone(content)
			bad[i] ^= flip
			if _, err := Decode("bad.arrow", bad); err != nil {
				failed++
				if !strings.Contains(err.Error(), `"bad.arrow"`) {
					t.Fatalf("byte %d: error %q does not name the file", i, err)
				}
			}
		}
	}
	if failed == 0 {
		t.Error("no damage was seen")
	}
	t.Logf("%d of %d damaged files gave an error", failed, (footer+2)/3*2)
}

func TestNotAnArrowFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct{ name, path, want string }{
		{"no such file", filepath.Join(dir, "none.arrow"), `no file "`},
		{"a folder", dir, `read "`},
		{"an empty file", write("empty", ""), "is truncated"},
		{"text", write("text", "cell,accuracy\n"), `is not an Arrow IPC file: it starts with "cell,a", want "ARROW1"`},
		{"a CSV shorter than the magic", write("short", "a,b"), `is not an Arrow IPC file`},
		{"only the two marks", write("marks", "ARROW1\x00\x00\x00\x00\x00\x00ARROW1"), "is truncated: its footer says 0"},
		{"a footer longer than the file", write("long", "ARROW1\x00\x00\xff\xff\xff\xffARROW1"), "is truncated: its footer says"},
		{"a footer of rubbish", write("rubbish", "ARROW1\x00\x00rubbish!\x08\x00\x00\x00ARROW1"), "is damaged"},
	} {
		_, err := Read(tt.path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := Read(filepath.Join(dir, "none.arrow")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v does not wrap fs.ErrNotExist", err)
	}
}

func TestWrongTables(t *testing.T) {
	for _, tt := range []struct {
		name  string
		table Table
		want  string
	}{
		{"a Go type without an Arrow type", Table{Columns: []Column{{Name: "a", Values: []int{1}}}}, `column "a" has Go type []int`},
		{"columns of two lengths", Table{Columns: []Column{{Name: "a", Values: []uint8{1}}, {Name: "b", Values: []uint8{1, 2}}}}, `column "b" has 2 rows, want 1`},
		{"a name twice", Table{Columns: []Column{{Name: "a", Values: []uint8{1}}, {Name: "a", Values: []uint8{1}}}}, `two columns are named "a"`},
		{"a part of a row", Table{Columns: []Column{{Name: "a", Values: Fixed{2, []byte("abc")}}}}, `3 bytes are not whole rows of 2`},
		{"a short bitmap", Table{Columns: []Column{{Name: "a", Values: make([]uint8, 9), Valid: Bitmap{1}}}}, `1 bytes of validity, want 2`},
	} {
		path := filepath.Join(t.TempDir(), "x.arrow")
		err := Write(path, tt.table, Plain)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "x.arrow") {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: a file was written", tt.name)
		}
	}
}
