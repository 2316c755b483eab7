package arrowio

import (
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"idarts/internal/durable"
)

// Compression says how the columns lie in the file.
type Compression uint8

const (
	Plain Compression = iota // fastest to read
	Zstd                     // smallest
)

// Write creates or replaces path, whole or not at all, with t's columns and
// metadata. t.Name is not used; t.Rows may be left 0, and is otherwise checked.
func Write(path string, t Table, c Compression) error {
	content, err := Encode(t, c)
	if err != nil {
		return fmt.Errorf("arrowio: write %q: %w", path, err)
	}
	return durable.WriteBytes(path, content)
}

// Encode returns the bytes that [Write] puts into a file.
func Encode(t Table, c Compression) (content []byte, err error) {
	defer caught("encode", &err)
	record, err := t.record()
	if err != nil {
		return nil, err
	}
	options := []ipc.Option{ipc.WithSchema(record.Schema())}
	if c == Zstd {
		options = append(options, ipc.WithZstd())
	}
	var out seekable
	w, err := ipc.NewFileWriter(&out, options...)
	if err != nil {
		return nil, err
	}
	if err := w.Write(record); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// caught makes a panic of Arrow's library an error.
func caught(what string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("arrowio: %s: %v", what, p)
	}
}

// record is the table as Arrow's library has it.
func (t Table) record() (arrow.Record, error) {
	rows := t.Rows
	var fields []arrow.Field
	var columns []Field
	var arrays []arrow.Array
	seen := map[string]bool{}
	for i, col := range t.Columns {
		dtype := typeOf(col.Values)
		if dtype == nil {
			return nil, fmt.Errorf("arrowio: column %q has Go type %T, want a slice of uint8, int32, int64, float32, float64, string, or a Fixed", col.Name, col.Values)
		}
		if seen[col.Name] {
			return nil, fmt.Errorf("arrowio: two columns are named %q", col.Name)
		}
		seen[col.Name] = true
		n, err := rowsOf(col)
		if err != nil {
			return nil, err
		}
		if i == 0 && rows == 0 {
			rows = n
		}
		if n != rows {
			return nil, fmt.Errorf("arrowio: column %q has %d rows, want %d", col.Name, n, rows)
		}
		sum := ""
		if t.Sealed {
			sum = col.sum(rows)
		}
		columns = append(columns, Field{Name: col.Name, Meta: col.Meta, sum: sum})
		fields = append(fields, arrow.Field{Name: col.Name, Type: dtype, Nullable: col.Valid != nil, Metadata: toMetadata(col.Meta, sum)})
		arrays = append(arrays, toArray(col, dtype, n))
	}
	sum := ""
	if t.Sealed {
		sum = tableSum(t.Meta, columns)
	}
	meta := toMetadata(t.Meta, sum)
	return array.NewRecord(arrow.NewSchema(fields, &meta), arrays, int64(rows)), nil
}

// rowsOf is how many rows a column has, whose bitmap must have as many.
func rowsOf(col Column) (int, error) {
	n, err := length(col)
	if err == nil && col.Valid != nil && len(col.Valid) < (n+7)/8 {
		err = fmt.Errorf("arrowio: column %q: %d bytes of validity, want %d", col.Name, len(col.Valid), (n+7)/8)
	}
	return n, err
}

func length(col Column) (int, error) {
	switch v := col.Values.(type) {
	case []uint8:
		return len(v), nil
	case []int32:
		return len(v), nil
	case []int64:
		return len(v), nil
	case []float32:
		return len(v), nil
	case []float64:
		return len(v), nil
	case []string:
		return len(v), nil
	case Fixed:
		if v.Width <= 0 || len(v.Bytes)%v.Width != 0 {
			return 0, fmt.Errorf("arrowio: column %q: %d bytes are not whole rows of %d", col.Name, len(v.Bytes), v.Width)
		}
		return len(v.Bytes) / v.Width, nil
	}
	return 0, fmt.Errorf("arrowio: column %q has Go type %T", col.Name, col.Values)
}

// toArray wraps a column's memory. Rows without a value are written as zeros,
// so that the bytes of a file do not depend on what lay there.
func toArray(col Column, dtype arrow.DataType, n int) arrow.Array {
	var raw []byte
	switch v := col.Values.(type) {
	case []uint8:
		raw = v
	case []int32:
		raw = bytesOf(v)
	case []int64:
		raw = bytesOf(v)
	case []float32:
		raw = bytesOf(v)
	case []float64:
		raw = bytesOf(v)
	case Fixed:
		raw = v.Bytes
	case []string:
		return dictionary(v, col.Valid, dtype.(*arrow.DictionaryType))
	}
	nulls := 0
	if col.Valid != nil {
		nulls = n
		width := 0
		if n > 0 {
			width = len(raw) / n
		}
		clean := make([]byte, len(raw))
		for i := range n {
			if col.Valid.Has(i) {
				nulls--
				copy(clean[i*width:(i+1)*width], raw[i*width:])
			}
		}
		raw = clean
	}
	return array.MakeFromData(array.NewData(dtype, n, []*memory.Buffer{bitmapBuffer(col.Valid, n), memory.NewBufferBytes(raw)}, nil, nulls, 0))
}

// dictionary numbers the words in the order of their first row.
func dictionary(v []string, valid Bitmap, dtype *arrow.DictionaryType) arrow.Array {
	codes := make([]int32, len(v))
	number := map[string]int32{}
	offsets := []int32{0}
	var text []byte
	nulls := 0
	for i, word := range v {
		if !valid.Has(i) {
			nulls++
			continue
		}
		code, known := number[word]
		if !known {
			code = int32(len(number))
			number[word] = code
			text = append(text, word...)
			if len(text) > math.MaxInt32 {
				panic("more than 2 GiB of words in one column")
			}
			offsets = append(offsets, int32(len(text)))
		}
		codes[i] = code
	}
	words := array.NewData(dtype.ValueType, len(number), []*memory.Buffer{nil, memory.NewBufferBytes(bytesOf(offsets)), memory.NewBufferBytes(text)}, nil, 0, 0)
	return array.MakeFromData(array.NewDataWithDictionary(dtype, len(v), []*memory.Buffer{bitmapBuffer(valid, len(v)), memory.NewBufferBytes(bytesOf(codes))}, nulls, 0, words))
}

// bitmapBuffer copies the first n bits of valid and clears the ones behind.
func bitmapBuffer(valid Bitmap, n int) *memory.Buffer {
	if valid == nil {
		return nil
	}
	b := make([]byte, (n+7)/8)
	copy(b, valid)
	if n%8 != 0 {
		b[n/8] &= 1<<(n%8) - 1
	}
	return memory.NewBufferBytes(b)
}

// bytesOf is the memory of v; the schema says which byte order the machine has.
func bytesOf[V uint8 | int32 | int64 | float32 | float64](v []V) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

var _ io.WriteSeeker = (*seekable)(nil)
