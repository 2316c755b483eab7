package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// foreign is a file of Arrow's library with what our writer does not write: two
// batches, small dictionary numbers, texts without a dictionary, other types.
func foreign(t testing.TB, options ...ipc.Option) []byte {
	t.Helper()
	words := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "word", Type: words, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
		{Name: "small", Type: arrow.PrimitiveTypes.Uint16},
		{Name: "when", Type: arrow.FixedWidthTypes.Timestamp_s},
		{Name: "pair", Type: &arrow.FixedSizeBinaryType{ByteWidth: 2}},
	}, nil)
	dictionary := array.NewStringBuilder(memory.DefaultAllocator)
	dictionary.AppendValues([]string{"conv", "pool", "skip"}, nil)
	var out seekable
	w, err := ipc.NewFileWriter(&out, append(options, ipc.WithSchema(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	texts := dictionary.NewStringArray()
	row := 0
	for _, rows := range []int{9, 5} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for range rows {
			value := row%3 != 1
			b.Field(0).(*array.BooleanBuilder).Append(value)
			if value {
				b.Field(2).(*array.StringBuilder).Append(fmt.Sprint("text ", row))
				b.Field(3).(*array.Float64Builder).Append(float64(row) / 4)
			} else {
				b.Field(2).AppendNull()
				b.Field(3).AppendNull()
			}
			b.Field(4).(*array.Int64Builder).Append(int64(-row))
			b.Field(5).(*array.Uint16Builder).Append(uint16(row))
			b.Field(6).(*array.TimestampBuilder).Append(arrow.Timestamp(row))
			b.Field(7).(*array.FixedSizeBinaryBuilder).Append([]byte{byte(row), byte(row + 1)})
			b.Field(1).AppendNull() // replaced below
			row++
		}
		rec := b.NewRecord()
		codes := array.NewInt8Builder(memory.DefaultAllocator)
		for i := range rows {
			if first := row - rows + i; first%5 == 4 {
				codes.AppendNull()
			} else {
				codes.Append(int8(first % 3))
			}
		}
		cols := append([]arrow.Array{}, rec.Columns()...)
		cols[1] = array.NewDictionaryArray(words, codes.NewInt8Array(), texts)
		if err := w.Write(array.NewRecord(schema, cols, int64(rows))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFilesOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options []ipc.Option
	}{
		{"plain", nil},
		{"Zstandard", []ipc.Option{ipc.WithZstd()}},
		{"LZ4", []ipc.Option{ipc.WithLZ4()}},
	} {
		table, err := Decode(tt.name, foreign(t, tt.options...))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		word, wordValid, err := Nullable[string](table, "word")
		text, textValid, err2 := Nullable[string](table, "text")
		x, _, err3 := Nullable[float64](table, "x")
		n, err4 := Values[int64](table, "n")
		pair, err5 := FixedValues(table, "pair")
		if table.Rows != 14 || err != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil {
			t.Fatalf("%s: %d rows, %v, %v, %v, %v, %v", tt.name, table.Rows, err, err2, err3, err4, err5)
		}
		for row := range 14 {
			wantWord, wantText, wantX := []string{"conv", "pool", "skip"}[row%3], fmt.Sprint("text ", row), float64(row)/4
			if row%5 == 4 {
				wantWord = ""
			}
			if row%3 == 1 {
				wantText, wantX = "", math.NaN()
			}
			if word[row] != wantWord || wordValid.Has(row) != (row%5 != 4) || text[row] != wantText || textValid.Has(row) != (row%3 != 1) ||
				x[row] != wantX && !(math.IsNaN(x[row]) && math.IsNaN(wantX)) || n[row] != int64(-row) || !bytes.Equal(pair.Bytes[2*row:2*row+2], []byte{byte(row), byte(row + 1)}) {
				t.Errorf("%s: row %d = %q %q %v %d", tt.name, row, word[row], text[row], x[row], n[row])
			}
		}
		for name, want := range map[string]string{"flag": "bool", "small": "uint16", "when": "timestamp"} {
			if c, err := table.Find(name); err != nil || c.Values != nil || c.Type != want {
				t.Errorf("%s: column %q = %v of type %q, %v; want no values and type %q", tt.name, name, c.Values, c.Type, err, want)
			}
		}
		if _, err := Values[float64](table, "small"); err == nil || !strings.Contains(err.Error(), `column "small" has type uint16, want float64`) {
			t.Errorf("%s: error = %v", tt.name, err)
		}
	}
}

// The library reads the same from what our writer writes.
func TestLibraryReadsTheSame(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd} {
		content, err := Encode(sample(), c)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Decode("ours", content)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ipc.NewFileReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		rec, err := r.RecordAt(0)
		if err != nil {
			t.Fatal(err)
		}
		for i, col := range ours.Columns {
			theirs := rec.Column(i)
			if field := r.Schema().Field(i); field.Name != col.Name || field.Type.String() != col.Type {
				t.Errorf("column %d is %q of type %q, want %q of type %q", i, col.Name, col.Type, field.Name, field.Type)
			}
			for row := range ours.Rows {
				if col.Valid.Has(row) != theirs.IsValid(row) {
					t.Errorf("column %q row %d has a value: %v, want %v", col.Name, row, col.Valid.Has(row), theirs.IsValid(row))
				}
				if got, want := print1(col.Values, row), theirs.ValueStr(row); col.Valid.Has(row) && got != want {
					t.Errorf("column %q row %d = %s, want %s", col.Name, row, got, want)
				}
			}
		}
	}
}

// print1 is a value as the library prints it.
func print1(values any, row int) string {
	if f, ok := values.(Fixed); ok {
		a := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: f.Width})
		a.Append(f.Bytes[row*f.Width : (row+1)*f.Width])
		return a.NewArray().ValueStr(0)
	}
	return fmt.Sprint(reflect.ValueOf(values).Index(row))
}

func TestLoadReadsSomeColumns(t *testing.T) {
	content, err := Encode(sample(), Plain)
	if err != nil {
		t.Fatal(err)
	}
	f, err := New("t.arrow", content)
	if err != nil {
		t.Fatal(err)
	}
	table, err := f.Load("seed", "accuracy")
	if err != nil || len(table.Columns) != 2 || table.Columns[0].Name != "seed" || table.Rows != 5 {
		t.Fatalf("got %+v, %v", table, err)
	}
	// What was read is the caller's to change.
	table.Columns[1].Values.([]float64)[1] = 0
	if again, err := f.Load("accuracy"); err != nil || again.Columns[0].Values.([]float64)[1] != 91.79 {
		t.Errorf("accuracy = %v, %v", again.Columns[0].Values, err)
	}
	if _, err := f.Load("acc"); err == nil || !strings.Contains(err.Error(), `"t.arrow" has no column "acc", only ["label"`) {
		t.Errorf("error = %v", err)
	}
}

// allocated is what f takes from the heap, in bytes, small things rounded.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// A file that is cut off after it has been opened.
func TestFileThatShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.arrow")
	if err := Write(path, sample(), Plain); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate(path, 16); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load("accuracy"); err == nil || !strings.Contains(err.Error(), `t.arrow" is damaged: column "accuracy": it has become shorter than`) {
		t.Errorf("error = %v", err)
	}
}

// framed is content with the marks of an Arrow file at both ends, so that changed
// bytes are read further than to the first or the last of them.
func framed(content []byte) []byte {
	b := bytes.Clone(content)
	if len(b) >= 8 && binary.LittleEndian.Uint32(b) == continued { // a stream
		return b
	}
	if len(b) >= len(magic)+2 {
		copy(b, magic+"\x00\x00")
		copy(b[len(b)-len(magic):], magic)
	}
	return b
}

// FuzzDecode: any bytes are a table or an error of one line that names the file, in
// memory of some times their size unless columns are packed; a table that is read
// can be written and read again.
func FuzzDecode(f *testing.F) {
	for _, c := range []Compression{Plain, Zstd} {
		content, err := Encode(sample(), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add(foreign(f))
	f.Add(foreign(f, ipc.WithLZ4()))
	sealed := sample()
	sealed.Sealed = true
	content, err := Encode(sealed, Plain)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(theirs(f, true, arrow.BinaryTypes.StringView, built(array.NewStringViewBuilder(memory.DefaultAllocator), "x", "more than twelve characters", "-")))
	f.Add(theirs(f, true, arrow.BinaryTypes.LargeString, built(array.NewLargeStringBuilder(memory.DefaultAllocator), "x", "-")))
	f.Add(theirs(f, false, arrow.ListOf(arrow.PrimitiveTypes.Int64)))
	f.Add([]byte("ARROW1\x00\x00rubbish!\x08\x00\x00\x00ARROW1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		content = framed(content)
		var table *Table
		var err error
		used := allocated(func() { table, err = Decode("f.arrow", content) })
		if !bytes.Contains(content, []byte{0x28, 0xb5, 0x2f, 0xfd}) && !bytes.Contains(content, []byte{0x04, 0x22, 0x4d, 0x18}) && used > 1<<21+100*uint64(len(content)) {
			t.Errorf("%d bytes took %d", len(content), used)
		}
		if err != nil {
			if !strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n") || table != nil {
				t.Errorf("error %q", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, c := range table.Columns {
			if c.Values == nil || seen[c.Name] {
				return // not ours to write
			}
			seen[c.Name] = true
		}
		again, err := Encode(*table, Plain)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode("g.arrow", again)
		if err != nil || back.Rows != table.Rows && len(table.Columns) > 0 || len(back.Columns) != len(table.Columns) {
			t.Errorf("read again: %v", err)
		}
	})
}
