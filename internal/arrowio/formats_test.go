package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/endian"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// theirs is a file or a stream of Arrow's library with one column "a" in batches.
func theirs(t testing.TB, stream bool, dtype arrow.DataType, batches ...arrow.Array) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: dtype, Nullable: true}}, nil)
	var out seekable
	var w interface {
		Write(arrow.Record) error
		Close() error
	} = ipc.NewWriter(&out, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(true))
	if !stream {
		var err error
		if w, err = ipc.NewFileWriter(&out, ipc.WithSchema(schema), ipc.WithDictionaryDeltas(true)); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range batches {
		if err := w.Write(array.NewRecord(schema, []arrow.Array{a}, int64(a.Len()))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// built is an array of texts; "-" is a row without a value.
func built(b array.Builder, texts ...string) arrow.Array {
	for _, text := range texts {
		if text == "-" {
			b.AppendNull()
		} else if err := b.AppendValueFromString(text); err != nil {
			panic(err)
		}
	}
	return b.NewArray()
}

func TestTextsOfOthers(t *testing.T) {
	const long = "a text of more than twelve characters, ü"
	rows := []string{"x", long, "-", "", "x", long}
	in := func(dtype arrow.DataType, texts ...string) arrow.Array {
		coded, ok := dtype.(*arrow.DictionaryType)
		if !ok {
			return built(array.NewBuilder(memory.DefaultAllocator, dtype), texts...)
		}
		var words, numbers []string
		for _, text := range texts {
			at := slices.Index(words, text)
			if at < 0 && text != "-" {
				at, words = len(words), append(words, text)
			}
			numbers = append(numbers, strings.Replace(fmt.Sprint(at), "-1", "-", 1))
		}
		return array.NewDictionaryArray(dtype,
			built(array.NewBuilder(memory.DefaultAllocator, coded.IndexType), numbers...),
			built(array.NewBuilder(memory.DefaultAllocator, coded.ValueType), words...))
	}
	large := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.LargeString}
	view := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int64, ValueType: arrow.BinaryTypes.StringView}
	small := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	for _, tt := range []struct {
		name  string
		dtype arrow.DataType
	}{
		{"utf8", arrow.BinaryTypes.String},
		{"large_utf8", arrow.BinaryTypes.LargeString},
		{"utf8_view", arrow.BinaryTypes.StringView},
		{"dictionary<values=large_utf8, indices=uint16, ordered=false>", large},
		{"dictionary<values=utf8, indices=int8, ordered=false>", small},
		{"dictionary<values=utf8_view, indices=int64, ordered=false>", view},
	} {
		for _, stream := range []bool{false, true} {
			for _, content := range [][]byte{
				theirs(t, stream, tt.dtype, in(tt.dtype, rows...)),
				theirs(t, stream, tt.dtype, array.NewSlice(in(tt.dtype, append([]string{"before", "-"}, append(rows, "behind")...)...), 2, 8)), // a part of an array
			} {
				table, err := Decode("t.arrow", content)
				if err != nil {
					t.Errorf("%s, stream %v: %v", tt.name, stream, err)
					continue
				}
				got, valid, err := Nullable[string](table, "a")
				want := []string{"x", long, "", "", "x", long}
				if err != nil || !reflect.DeepEqual(got, want) || table.Columns[0].Type != tt.name {
					t.Errorf("%s, stream %v: %q of type %s, %v", tt.name, stream, got, table.Columns[0].Type, err)
				}
				for i := range want {
					if valid.Has(i) != (i != 2) {
						t.Errorf("%s, stream %v: row %d has a value = %v", tt.name, stream, i, valid.Has(i))
					}
				}
			}
		}
	}
}

// A dictionary that grows from batch to batch, and in a stream is replaced; batches
// without rows; no batch at all.
func TestBatchesOfOthers(t *testing.T) {
	dtype := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	batch := func(words string, numbers ...int32) arrow.Array {
		dictionary := built(array.NewStringBuilder(memory.DefaultAllocator), strings.Fields(words)...)
		b := array.NewInt32Builder(memory.DefaultAllocator)
		b.AppendValues(numbers, nil)
		return array.NewDictionaryArray(dtype, b.NewArray(), dictionary)
	}
	plain := func(numbers ...int64) arrow.Array {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		b.AppendValues(numbers, nil)
		return b.NewArray()
	}
	for _, tt := range []struct {
		name    string
		stream  bool
		dtype   arrow.DataType
		batches []arrow.Array
		want    any
	}{
		{"batches share words, in a file", false, dtype, []arrow.Array{batch("x y", 1, 0), batch("x y", 1, 1)}, []string{"y", "x", "y", "y"}},
		{"words are added, in a stream", true, dtype, []arrow.Array{batch("x y", 1, 0), batch("x y z", 2, 1)}, []string{"y", "x", "z", "y"}},
		{"words are replaced, in a stream", true, dtype, []arrow.Array{batch("x y", 1, 0), batch("p q", 1, 0)}, []string{"y", "x", "q", "p"}},
		{"a word without a value", false, dtype, []arrow.Array{batch("x - y", 2, 1, 0)}, []string{"y", "", "x"}},
		{"an empty dictionary", false, dtype, []arrow.Array{batch("")}, []string{}},
		{"a batch without rows between others", false, arrow.PrimitiveTypes.Int64, []arrow.Array{plain(1, 2), plain(), plain(3)}, []int64{1, 2, 3}},
		{"a batch without rows alone", true, arrow.PrimitiveTypes.Int64, []arrow.Array{plain()}, []int64{}},
		{"no batch", false, arrow.PrimitiveTypes.Int64, nil, []int64{}},
		{"no batch, a dictionary", true, dtype, nil, []string{}},
	} {
		table, err := Decode("t.arrow", theirs(t, tt.stream, tt.dtype, tt.batches...))
		if err != nil || !reflect.DeepEqual(table.Columns[0].Values, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.name, table, err, tt.want)
		}
		if err == nil && tt.name == "a word without a value" && (table.Columns[0].Valid.Has(1) || !table.Columns[0].Valid.Has(2)) {
			t.Errorf("%s: %v", tt.name, table.Columns[0].Valid)
		}
	}
}

// Columns of any type lie beside one that is read, before it and behind it.
func TestOtherColumnsArePassedOver(t *testing.T) {
	whole := arrow.PrimitiveTypes.Int64
	list := arrow.ListOf(arrow.ListOf(arrow.BinaryTypes.StringView))
	coded := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: whole}
	union := []arrow.Field{{Name: "n", Type: whole}, {Name: "t", Type: arrow.BinaryTypes.String}}
	for _, stream := range []bool{false, true} {
		var fields []arrow.Field
		for _, tt := range []struct {
			name  string
			dtype arrow.DataType
		}{
			{"null", arrow.Null}, {"bool", arrow.FixedWidthTypes.Boolean}, {"binary", arrow.BinaryTypes.Binary}, {"large_binary", arrow.BinaryTypes.LargeBinary},
			{"list", list}, {"large_list", arrow.LargeListOf(whole)}, {"fixed_size_list", arrow.FixedSizeListOf(2, whole)}, {"map", arrow.MapOf(arrow.BinaryTypes.String, whole)},
			{"struct", arrow.StructOf(union...)}, {"struct", arrow.StructOf()}, {"union", arrow.SparseUnionOf(union, []arrow.UnionTypeCode{0, 1})}, {"union", arrow.DenseUnionOf(union, []arrow.UnionTypeCode{0, 1})},
			{"binary_view", arrow.BinaryTypes.BinaryView}, {"run_end_encoded", arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String)},
			{"list_view", arrow.ListViewOf(whole)}, {"large_list_view", arrow.LargeListViewOf(whole)}, {"decimal", &arrow.Decimal128Type{Precision: 9}},
			{"interval", arrow.FixedWidthTypes.MonthDayNanoInterval}, {"dictionary<values=int64, indices=int32, ordered=false>", coded}, {"float16", arrow.FixedWidthTypes.Float16},
			{"list", arrow.ListOf(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String})},
		} {
			fields = append(fields, arrow.Field{Name: tt.name, Type: tt.dtype, Nullable: true})
		}
		fields = append(fields, arrow.Field{Name: "utf8_view", Type: arrow.BinaryTypes.StringView}, arrow.Field{Name: "int64", Type: whole})
		schema := arrow.NewSchema(fields, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for row := range 3 {
			for i := range fields[:len(fields)-2] {
				if fields[i].Name == "list" && row == 0 && fields[i].Type == list {
					outer := b.Field(i).(*array.ListBuilder)
					outer.Append(true)
					inner := outer.ValueBuilder().(*array.ListBuilder)
					inner.Append(true)
					inner.ValueBuilder().(*array.StringViewBuilder).Append("more than twelve characters")
					continue
				}
				b.Field(i).AppendEmptyValue()
			}
			b.Field(len(fields) - 2).(*array.StringViewBuilder).Append(fmt.Sprint("also more than twelve characters ", row))
			b.Field(len(fields) - 1).(*array.Int64Builder).Append(int64(row))
		}
		var out seekable
		var w interface {
			Write(arrow.Record) error
			Close() error
		} = ipc.NewWriter(&out, ipc.WithSchema(schema))
		if !stream {
			w, _ = ipc.NewFileWriter(&out, ipc.WithSchema(schema))
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		table, err := Decode("t.arrow", out.Bytes())
		if err != nil {
			t.Fatalf("stream %v: %v", stream, err)
		}
		texts, err := Values[string](table, "utf8_view")
		numbers, err2 := Values[int64](table, "int64")
		if err != nil || err2 != nil || texts[2] != "also more than twelve characters 2" || !reflect.DeepEqual(numbers, []int64{0, 1, 2}) {
			t.Errorf("stream %v: %q, %v, %v, %v", stream, texts, numbers, err, err2)
		}
		for _, c := range table.Columns[:len(fields)-2] {
			if c.Values != nil || c.Type != c.Name && c.Name != "decimal" {
				t.Errorf("stream %v: column %q has type %s and values %v", stream, c.Name, c.Type, c.Values)
			}
		}
	}
}

func TestOtherByteOrder(t *testing.T) {
	other := endian.BigEndian
	if endian.NativeEndian == endian.BigEndian {
		other = endian.LittleEndian
	}
	raw := make([]byte, 16)
	for i, v := range []uint64{3, 1 << 40} {
		binary.BigEndian.PutUint64(raw[8*i:], v)
	}
	schema := arrow.NewSchemaWithEndian([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int64}}, nil, other)
	a := array.MakeFromData(array.NewData(arrow.PrimitiveTypes.Int64, 2, []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0))
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := w.Write(array.NewRecord(schema, []arrow.Array{a}, 2)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := Decode("t.arrow", out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Values[int64](table, "a"); err != nil || !reflect.DeepEqual(got, []int64{3, 1 << 40}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatIsNotReadIsNamed(t *testing.T) {
	numbers := func(dtype arrow.DataType) []byte {
		return theirs(t, false, dtype, built(array.NewBuilder(memory.DefaultAllocator, dtype), "1", "2"))
	}
	stream := theirs(t, true, arrow.PrimitiveTypes.Int64, built(array.NewInt64Builder(memory.DefaultAllocator), "1", "2"))
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"a narrow number", numbers(arrow.PrimitiveTypes.Int16), `column "a" has type int16, want float64; write it as that type, in Python: table.set_column(table.column_names.index("a"), "a", table["a"].cast("float64"))`},
		{"texts", theirs(t, false, arrow.BinaryTypes.String), `column "a" has type utf8, want float64`},
		{"a list", theirs(t, false, arrow.ListOf(arrow.PrimitiveTypes.Int64)), `column "a" has type list, want float64`},
		{"Parquet", []byte("PAR1....PAR1"), `is a Parquet file; write it again as Arrow, in Python: pyarrow.feather.write_feather(`},
		{"old Feather", []byte("FEA1....FEA1"), `is of Feather's first version; write it again`},
		{"a stream without its end", stream[:len(stream)-8], `is truncated: the stream has no mark of its end`},
		{"a stream cut in its data", stream[:len(stream)-20], `is truncated: message 1 says`},
		{"bytes behind a stream", append(bytes.Clone(stream), 0), `is damaged: 1 bytes behind the end of the stream`},
		{"a stream of nothing", []byte("\xff\xff\xff\xff\x00\x00\x00\x00"), `the stream has no schema`},
		{"texts that are not UTF-8", theirs(t, false, arrow.BinaryTypes.String, built(array.NewStringBuilder(memory.DefaultAllocator), "a\xff")), `column "a": row 0 has a text that is not UTF-8`},
	} {
		table, err := Decode("t.arrow", tt.content)
		if err == nil {
			_, err = Values[float64](table, "a")
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"t.arrow"`) {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Files that the format allows and few would expect, and what is said of those that
// cannot be read.
func TestOddFiles(t *testing.T) {
	write := func(fields ...arrow.Field) []byte {
		schema := arrow.NewSchema(fields, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range fields {
			b.Field(i).AppendEmptyValue()
		}
		var out seekable
		w, err := ipc.NewFileWriter(&out, ipc.WithSchema(schema))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	double := arrow.PrimitiveTypes.Float64
	deep := arrow.DataType(double)
	for range 70 {
		deep = arrow.ListOf(deep)
	}
	good := write(arrow.Field{Name: "a", Type: double})
	// changed is the file with a byte of its footer replaced, whose place is found there.
	changed := func(value byte, place func(footer node) int) []byte {
		content := bytes.Clone(good)
		end := len(content) - 10
		start := end - int(binary.LittleEndian.Uint32(content[end:]))
		content[start+place(message(content[start:end]).root())] = value
		return content
	}
	column := func(footer node) (first node) {
		footer.table(1).tables(1, func(n node) { first = n })
		return first
	}
	for _, tt := range []struct {
		name    string
		content []byte
		want    string // "" for a number that is read
	}{
		{"one column", good, ""},
		{"two columns of the name", write(arrow.Field{Name: "a", Type: double}, arrow.Field{Name: "a", Type: double}), `has two columns that are named "a", want one`},
		{"two columns of another name", write(arrow.Field{Name: "b", Type: double}, arrow.Field{Name: "b", Type: double}, arrow.Field{Name: "a", Type: double}), ""},
		{"a name that is not UTF-8", write(arrow.Field{Name: "\xff", Type: double}, arrow.Field{Name: "a", Type: double}), `column 0 has a name that is not UTF-8`},
		{"lists in lists", theirs(t, false, deep), `column "a": its type has parts in parts, more than 64 deep`},
		{"a type of a later version", changed(99, func(footer node) int { return column(footer).field(2) }), `column "a": its type has the number 99, which this program does not know`},
		{"nothing", []byte{}, `is truncated: it has only 0 bytes`},
	} {
		table, err := Decode("t.arrow", tt.content)
		var got []float64
		if err == nil {
			got, err = Values[float64](table, "a")
		}
		switch {
		case tt.want == "" && (err != nil || len(got) != 1 || got[0] != 0):
			t.Errorf("%s: %v, %v", tt.name, got, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"t.arrow"`)):
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A body may begin at any byte: numbers are read at any alignment.
func TestAlignment(t *testing.T) {
	content := theirs(t, true, arrow.PrimitiveTypes.Float64, built(array.NewFloat64Builder(memory.DefaultAllocator), "1.5", "-2"))
	// The schema message is made three bytes longer, which its length says.
	length := binary.LittleEndian.Uint32(content[4:])
	bad := binary.LittleEndian.AppendUint32(bytes.Clone(content[:4]), length+3)
	bad = append(bad, content[8:8+length]...)
	bad = append(append(bad, 0, 0, 0), content[8+length:]...)
	table, err := Decode("t.arrow", bad)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Values[float64](table, "a"); err != nil || !reflect.DeepEqual(got, []float64{1.5, -2}) {
		t.Errorf("%v, %v", got, err)
	}
}
