package arrowio

import (
	"bytes"
	"idarts/internal/longtest"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// plainly is a table that can be compared: NaN is a number, nothing is said of types.
func plainly(t *Table) Table {
	out := Table{Rows: t.Rows, Meta: t.Meta}
	for _, c := range t.Columns {
		var bits any = c.Values
		switch v := c.Values.(type) {
		case []float32:
			of := make([]uint32, len(v))
			for i := range v {
				of[i] = math.Float32bits(v[i])
			}
			bits = of
		case []float64:
			of := make([]uint64, len(v))
			for i := range v {
				of[i] = math.Float64bits(v[i])
			}
			bits = of
		}
		valid := NewBitmap(t.Rows, c.Valid.Has)
		if f, ok := c.Values.(Fixed); ok && valid != nil { // what lies in other rows is not specified
			f.Bytes = bytes.Clone(f.Bytes)
			for i := range t.Rows {
				if !valid.Has(i) {
					clear(f.Bytes[i*f.Width : (i+1)*f.Width])
				}
			}
			bits = f
		}
		out.Columns = append(out.Columns, Column{Name: c.Name, Meta: c.Meta, Values: bits, Valid: valid})
	}
	return out
}

// Of a sealed file with any one bit flipped the same is read, or nothing.
func TestBitFlipsOfASealedFile(t *testing.T) {
	for _, c := range []Compression{Plain, Zstd} {
		table := sample()
		table.Sealed = true
		content, err := Encode(table, c)
		if err != nil {
			t.Fatal(err)
		}
		good, err := Decode("t.arrow", content)
		if err != nil || !good.Sealed {
			t.Fatalf("sealed %v, %v", good != nil && good.Sealed, err)
		}
		want := plainly(good)
		refused, step := 0, longtest.Of(7, 3, 1)
		if c == Zstd {
			step = 7
		}
		for bit := 0; bit < 8*len(content); bit += step {
			bad := bytes.Clone(content)
			bad[bit/8] ^= 1 << (bit % 8)
			got, err := Decode("t.arrow", bad)
			switch {
			case err != nil:
				refused++
			case !got.Sealed && len(got.Meta) == 0 && len(got.Columns) == 0: // nothing is left
				refused++
			case !got.Sealed:
				t.Fatalf("bit %d breaks the seal and is not seen: %+v", bit, *got)
			case !reflect.DeepEqual(plainly(got), want):
				t.Fatalf("bit %d: %+v, want %+v", bit, plainly(got), want)
			}
		}
		t.Logf("compression %d: %d of %d flips refused, the others change nothing", c, refused, (8*len(content)+step-1)/step)
		if refused == 0 {
			t.Error("nothing was refused")
		}
	}
}

// Checksums are of content: another writer may pack and number it in its own way, and
// add a column, but not change a number, a name or a text.
func TestSealsAreOfContent(t *testing.T) {
	table := Table{Sealed: true, Meta: map[string]string{"format": "x"}, Columns: []Column{
		{Name: "word", Values: []string{"a", "b", "a"}, Meta: map[string]string{"unit": "none"}},
		{Name: "n", Values: []int64{1, 2, 3}, Valid: NewBitmap(3, func(i int) bool { return i != 1 })},
	}}
	content, err := Encode(table, Plain)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewFileReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	words := func(texts ...string) arrow.Array {
		return built(array.NewLargeStringBuilder(memory.DefaultAllocator), texts...)
	}
	numbers := func(texts ...string) arrow.Array {
		return built(array.NewInt64Builder(memory.DefaultAllocator), texts...)
	}
	for _, tt := range []struct {
		name        string
		word, n     arrow.Array
		meta, other map[string]string // of the table; more of the column n
		column      string
		want        string
	}{
		{"another form", words("a", "b", "a"), numbers("1", "-", "3"), nil, nil, "word", ""},
		{"another text", words("a", "b", "c"), numbers("1", "-", "3"), nil, nil, "word", `column "word": its checksum is another`},
		{"another number", words("a", "b", "a"), numbers("1", "-", "4"), nil, nil, "word", `column "n": its checksum is another`},
		{"a number where none was", words("a", "b", "a"), numbers("1", "0", "3"), nil, nil, "word", `column "n": its checksum is another`},
		{"rows that are not there", words("a", "b"), numbers("1", "-"), nil, nil, "word", `its checksum is another`},
		{"another name", words("a", "b", "a"), numbers("1", "-", "3"), nil, nil, "text", `its checksum is another`},
		{"other metadata", words("a", "b", "a"), numbers("1", "-", "3"), map[string]string{"format": "y"}, nil, "word", `its checksum is another`},
		{"metadata of a column", words("a", "b", "a"), numbers("1", "-", "3"), nil, map[string]string{"unit": "m"}, "word", `its checksum is another`},
		{"no checksum of a column", words("a", "b", "a"), numbers("1", "-", "3"), nil, map[string]string{metaSum: ""}, "word", `its checksum is another`},
		{"no checksum of the table", words("a", "b", "a"), numbers("1", "-", "3"), map[string]string{metaSum: ""}, nil, "word", `its checksum is another`},
	} {
		fields := r.Schema().Fields()
		with := func(m arrow.Metadata, more map[string]string) arrow.Metadata {
			all := m.ToMap()
			maps.Copy(all, more)
			maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
			return arrow.MetadataFrom(all)
		}
		meta := with(r.Schema().Metadata(), tt.meta)
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "note", Type: arrow.BinaryTypes.LargeString, Nullable: true},
			{Name: tt.column, Type: arrow.BinaryTypes.LargeString, Nullable: true, Metadata: fields[0].Metadata},
			{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true, Metadata: with(fields[1].Metadata, tt.other)},
		}, &meta)
		var out bytes.Buffer
		w := ipc.NewWriter(&out, ipc.WithSchema(schema))
		if err := w.Write(array.NewRecord(schema, []arrow.Array{tt.word, tt.word, tt.n}, int64(tt.n.Len()))); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		got, err := Decode("t.arrow", out.Bytes())
		switch {
		case tt.want == "" && (err != nil || !got.Sealed || !reflect.DeepEqual(got.Meta, table.Meta) || len(got.Columns[1].Meta) != 1):
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A table that is read and written again has the same bytes, also in many chunks.
func TestSealIsRepeated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows = 3*chunk + 13
	known := NewBitmap(rows, func(int) bool { return r.IntN(3) > 0 })
	numbers, single, bytes8 := make([]float64, rows), make([]float32, rows), make([]uint8, rows)
	for i := range rows {
		numbers[i], single[i], bytes8[i] = r.Float64(), r.Float32(), uint8(r.Uint32())
	}
	all := bytes.Repeat([]byte{0xff}, len(known)) // which a reader leaves out
	table := Table{Sealed: true, Columns: []Column{{Name: "x", Values: numbers, Valid: known}, {Name: "y", Values: single}, {Name: "all", Values: numbers, Valid: all}, {Name: "z", Values: bytes8, Valid: known}}}
	content, err := Encode(table, Plain)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode("t", content)
	if err != nil {
		t.Fatal(err)
	}
	back.Columns[2].Valid = all
	if again, err := Encode(*back, Plain); err != nil || !bytes.Equal(again, content) {
		t.Errorf("other bytes, %v", err)
	}
}
