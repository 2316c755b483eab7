// Package arrowio reads and writes named columns as Apache Arrow IPC files
// (the random-access format, also called Feather V2). A column is a flat Go
// slice with an optional validity bitmap; a file has one table and string
// metadata. It knows nothing of neural architectures or images.
//
//	Go            Arrow
//	[]uint8       uint8
//	[]int32       int32
//	[]int64       int64
//	[]float32     float
//	[]float64     double
//	[]string      dictionary<values=utf8, indices=int32>; plain utf8 is read too
//	[Fixed]       fixed_size_binary[width]: images, hashes
//
// Start at [Read] and [Values], or at [Write]. The bytes of a file are a pure
// function of its content. Slices of numbers that Read returns are the caller's
// to change. Errors name the file.
// A file that is cut off, or damaged before its footer, is an error; nothing
// guards against a forged footer. Nested types, decimals, dates and streams are
// not read.
package arrowio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Fixed is a column of byte strings that all have the same width: row i is
// Bytes[i*Width : (i+1)*Width].
type Fixed struct {
	Width int
	Bytes []byte
}

// Column is one named column.
type Column struct {
	Name string
	// Values is one of the slices of the package's table, or a Fixed. It is nil
	// after reading a column of another type; see Type.
	Values any
	// Valid tells which rows have a value; nil: all of them. The other rows hold
	// NaN in a float column that was read; elsewhere what they hold is not specified.
	Valid Bitmap
	// Meta is metadata of this column alone.
	Meta map[string]string
	// Type is Arrow's name of the type that was read. Write ignores it.
	Type string
}

// Table is the content of a file. All columns have Rows rows.
type Table struct {
	Name    string // the file, as errors name it
	Rows    int
	Meta    map[string]string
	Columns []Column
}

// Bitmap holds a bit for each row: bit i%8 of byte i/8 is 1 where row i has a value.
type Bitmap []byte

// NewBitmap makes a bitmap of n rows from valid, or nil when all rows are.
func NewBitmap(n int, valid func(i int) bool) Bitmap {
	b, all := make(Bitmap, (n+7)/8), true
	for i := range n {
		if valid(i) {
			b[i/8] |= 1 << (i % 8)
		} else {
			all = false
		}
	}
	if all {
		return nil
	}
	return b
}

// Has reports whether row i has a value. A nil bitmap has all.
func (b Bitmap) Has(i int) bool { return b == nil || b[i/8]>>(i%8)&1 == 1 }

// Read reads the table in path.
func Read(path string) (*Table, error) {
	var t *Table
	err := open(path, func(file *io.SectionReader) (err error) {
		t, err = decode(path, file)
		return err
	})
	return t, err
}

// Meta reads the metadata of the table in path and nothing else.
func Meta(path string) (map[string]string, error) {
	var meta map[string]string
	err := open(path, func(file *io.SectionReader) error {
		return reader(path, file, func(r *ipc.FileReader) error {
			meta = fromMetadata(r.Schema().Metadata())
			return nil
		})
	})
	return meta, err
}

// open calls f with the content of a file.
func open(path string, f func(*io.SectionReader) error) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("arrowio: no file %q: %w", path, err)
	}
	if err != nil {
		return fmt.Errorf("arrowio: read %q: %w", path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("arrowio: read %q: %w", path, err)
	}
	if info.IsDir() {
		return fmt.Errorf("arrowio: read %q: it is a folder", path)
	}
	return f(io.NewSectionReader(file, 0, info.Size()))
}

// reader calls f with Arrow's reader of file, and turns the library's panics on
// many kinds of damage, such as an offset that points outside of the file, into
// an error.
func reader(name string, file *io.SectionReader, f func(*ipc.FileReader) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("arrowio: %q is damaged: %v", name, p)
		}
	}()
	if err := checkFrame(name, file); err != nil {
		return err
	}
	r, err := ipc.NewFileReader(file, ipc.WithAllocator(&limited{}))
	if err != nil {
		return fmt.Errorf("arrowio: %q is damaged: %w", name, err)
	}
	defer r.Close()
	return f(r)
}

// Decode is [Read] for a file that is already in memory; errors call it name.
func Decode(name string, content []byte) (*Table, error) {
	return decode(name, io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content))))
}

func decode(name string, file *io.SectionReader) (*Table, error) {
	var t *Table
	err := reader(name, file, func(r *ipc.FileReader) (err error) {
		t, err = table(name, r)
		return err
	})
	return t, err
}

func table(name string, r *ipc.FileReader) (*Table, error) {
	t := &Table{Name: name, Meta: fromMetadata(r.Schema().Metadata())}
	var records []arrow.Record
	for i := range r.NumRecords() {
		rec, err := r.RecordAt(i)
		if err != nil {
			return nil, fmt.Errorf("arrowio: %q is damaged: %w", name, err)
		}
		records = append(records, rec)
		t.Rows += int(rec.NumRows())
	}
	for i, field := range r.Schema().Fields() {
		col := Column{Name: field.Name, Meta: fromMetadata(field.Metadata), Type: field.Type.String()}
		chunks := make([]arrow.Array, len(records))
		for j, rec := range records {
			chunks[j] = rec.Column(i)
			if got, want := chunks[j].Len(), int(rec.NumRows()); got != want {
				return nil, fmt.Errorf("arrowio: %q is damaged: column %q has %d rows, want %d", name, field.Name, got, want)
			}
		}
		var err error
		if col.Values, err = values(field.Type, chunks); err != nil {
			return nil, fmt.Errorf("arrowio: %q is damaged: column %q: %w", name, field.Name, err)
		}
		col.Valid = validity(t.Rows, chunks)
		markNaN(col.Values, col.Valid)
		t.Columns = append(t.Columns, col)
	}
	return t, nil
}

// magic opens and closes each Arrow IPC file; behind the first one are two zeros
// and before the last one the length of the footer.
const magic = "ARROW1"

// checkFrame tells apart what is cut off from what never was an Arrow file.
func checkFrame(name string, file *io.SectionReader) error {
	size := file.Size()
	var head [len(magic)]byte
	n, err := file.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("arrowio: read %q: %w", name, err)
	}
	if !strings.HasPrefix(magic, string(head[:n])) {
		return fmt.Errorf("arrowio: %q is not an Arrow IPC file: it starts with %q, want %q", name, head[:n], magic)
	}
	var tail [4 + len(magic)]byte
	room := size - int64(len(tail)+len(magic)+2)
	if room < 0 {
		return fmt.Errorf("arrowio: %q is truncated: it has only %d bytes", name, size)
	}
	if _, err := file.ReadAt(tail[:], size-int64(len(tail))); err != nil && err != io.EOF {
		return fmt.Errorf("arrowio: read %q: %w", name, err)
	}
	if string(tail[4:]) != magic {
		return fmt.Errorf("arrowio: %q is truncated: its %d bytes do not end with %q", name, size, magic)
	}
	if footer := int64(binary.LittleEndian.Uint32(tail[:])); footer <= 0 || footer > room {
		return fmt.Errorf("arrowio: %q is truncated: its footer says %d bytes, want 1 to %d", name, footer, room)
	}
	return nil
}

// limited is Go's allocator with an upper bound, so that a damaged length gives
// an error and not the end of the process.
type limited struct{ memory.GoAllocator }

const maxBuffer = 1 << 30

func (l *limited) Allocate(size int) []byte {
	if size < 0 || size > maxBuffer {
		panic(fmt.Sprintf("a buffer of %d bytes, want at most %d", size, maxBuffer))
	}
	return l.GoAllocator.Allocate(size)
}

func (l *limited) Reallocate(size int, b []byte) []byte {
	if size < 0 || size > maxBuffer {
		panic(fmt.Sprintf("a buffer of %d bytes, want at most %d", size, maxBuffer))
	}
	return l.GoAllocator.Reallocate(size, b)
}

// values converts the chunks of a column, without a copy where there is one
// chunk of numbers. An Arrow type that has no Go type here gives nil.
func values(dtype arrow.DataType, chunks []arrow.Array) (any, error) {
	switch dtype.ID() {
	case arrow.UINT8:
		return join(chunks, func(a arrow.Array) []uint8 { return a.(*array.Uint8).Uint8Values() }), nil
	case arrow.INT32:
		return join(chunks, func(a arrow.Array) []int32 { return a.(*array.Int32).Int32Values() }), nil
	case arrow.INT64:
		return join(chunks, func(a arrow.Array) []int64 { return a.(*array.Int64).Int64Values() }), nil
	case arrow.FLOAT32:
		return join(chunks, func(a arrow.Array) []float32 { return a.(*array.Float32).Float32Values() }), nil
	case arrow.FLOAT64:
		return join(chunks, func(a arrow.Array) []float64 { return a.(*array.Float64).Float64Values() }), nil
	case arrow.FIXED_SIZE_BINARY:
		width := dtype.(*arrow.FixedSizeBinaryType).ByteWidth
		bytes := join(chunks, func(a arrow.Array) []byte {
			d := a.Data()
			if d.Buffers()[1] == nil {
				return nil
			}
			return d.Buffers()[1].Bytes()[d.Offset()*width : (d.Offset()+d.Len())*width]
		})
		return Fixed{Width: width, Bytes: bytes}, nil
	case arrow.STRING:
		return join(chunks, func(a arrow.Array) []string {
			s := make([]string, a.Len())
			for i := range s {
				s[i] = a.(*array.String).Value(i)
			}
			return s
		}), nil
	case arrow.DICTIONARY:
		if dtype.(*arrow.DictionaryType).ValueType.ID() != arrow.STRING {
			return nil, nil
		}
		var err error
		all := join(chunks, func(a arrow.Array) []string {
			d := a.(*array.Dictionary)
			words := d.Dictionary().(*array.String)
			s := make([]string, a.Len())
			for i := range s {
				if d.IsNull(i) {
					continue
				}
				word := d.GetValueIndex(i)
				if word < 0 || word >= words.Len() {
					err = fmt.Errorf("row %d has word %d of a dictionary of %d", i, word, words.Len())
					return s
				}
				s[i] = words.Value(word)
			}
			return s
		})
		return all, err
	}
	return nil, nil
}

func join[V any](chunks []arrow.Array, of func(arrow.Array) []V) []V {
	if len(chunks) == 1 {
		return of(chunks[0])
	}
	var all []V
	for _, chunk := range chunks {
		all = append(all, of(chunk)...)
	}
	return all
}

func validity(rows int, chunks []arrow.Array) Bitmap {
	nulls := 0
	for _, chunk := range chunks {
		nulls += chunk.NullN()
	}
	if nulls == 0 {
		return nil
	}
	if len(chunks) == 1 && chunks[0].Data().Offset() == 0 {
		return Bitmap(chunks[0].NullBitmapBytes())
	}
	chunk, first := 0, 0
	return NewBitmap(rows, func(i int) bool {
		for i-first >= chunks[chunk].Len() {
			first += chunks[chunk].Len()
			chunk++
		}
		return chunks[chunk].IsValid(i - first)
	})
}

// markNaN makes NaNs of the rows without a value. All bits set is a NaN, so that
// no row needs a branch.
func markNaN(values any, valid Bitmap) {
	if valid == nil {
		return
	}
	switch v := values.(type) {
	case []float32:
		for i := range v {
			absent := uint32(valid[i/8]>>(i%8)&1) - 1
			v[i] = math.Float32frombits(math.Float32bits(v[i]) | absent)
		}
	case []float64:
		for i := range v {
			absent := uint64(valid[i/8]>>(i%8)&1) - 1
			v[i] = math.Float64frombits(math.Float64bits(v[i]) | absent)
		}
	}
}

// Element is what a column may hold, besides [Fixed].
type Element interface {
	uint8 | int32 | int64 | float32 | float64 | string
}

// Find returns the named column; an error lists those that are there.
func (t *Table) Find(column string) (*Column, error) {
	for i := range t.Columns {
		if t.Columns[i].Name == column {
			return &t.Columns[i], nil
		}
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return nil, fmt.Errorf("arrowio: %q has no column %q, only %q", t.Name, column, names)
}

// Values returns a column that has a value in each row. Errors say which type
// was wanted and which is there.
func Values[V Element](t *Table, column string) ([]V, error) {
	v, valid, err := Nullable[V](t, column)
	if err == nil && valid != nil {
		return nil, fmt.Errorf("arrowio: %q: column %q has rows without a value, want none", t.Name, column)
	}
	return v, err
}

// Nullable returns a column and its validity; a nil bitmap means all rows.
func Nullable[V Element](t *Table, column string) ([]V, Bitmap, error) {
	c, err := t.Find(column)
	if err != nil {
		return nil, nil, err
	}
	v, ok := c.Values.([]V)
	if !ok {
		var zero []V
		return nil, nil, fmt.Errorf("arrowio: %q: column %q has type %s, want %s", t.Name, column, c.Type, typeOf(zero))
	}
	return v, c.Valid, nil
}

// FixedValues returns a column of byte strings of one width, with a value in each row.
func FixedValues(t *Table, column string) (Fixed, error) {
	c, err := t.Find(column)
	if err != nil {
		return Fixed{}, err
	}
	f, ok := c.Values.(Fixed)
	if !ok {
		return Fixed{}, fmt.Errorf("arrowio: %q: column %q has type %s, want fixed_size_binary", t.Name, column, c.Type)
	}
	if c.Valid != nil {
		return Fixed{}, fmt.Errorf("arrowio: %q: column %q has rows without a value, want none", t.Name, column)
	}
	return f, nil
}

// typeOf is the Arrow type that a column of such values is written as.
func typeOf(values any) arrow.DataType {
	switch v := values.(type) {
	case []uint8:
		return arrow.PrimitiveTypes.Uint8
	case []int32:
		return arrow.PrimitiveTypes.Int32
	case []int64:
		return arrow.PrimitiveTypes.Int64
	case []float32:
		return arrow.PrimitiveTypes.Float32
	case []float64:
		return arrow.PrimitiveTypes.Float64
	case []string:
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	case Fixed:
		return &arrow.FixedSizeBinaryType{ByteWidth: v.Width}
	}
	return nil
}

func fromMetadata(m arrow.Metadata) map[string]string {
	out := make(map[string]string, m.Len())
	for i, key := range m.Keys() {
		out[key] = m.Values()[i]
	}
	return out
}

func toMetadata(m map[string]string) arrow.Metadata {
	var keys, vals []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		vals = append(vals, m[key])
	}
	return arrow.NewMetadata(keys, vals)
}

// seekable is memory that the Arrow library can write a file to.
type seekable struct{ bytes.Buffer }

// Seek serves the library's one question, where it starts.
func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("arrowio: only the current position is known")
	}
	return int64(s.Len()), nil
}
