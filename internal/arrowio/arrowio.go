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
//	[]string      dictionary<values=utf8, indices=int32>
//	[Fixed]       fixed_size_binary[width]: images, hashes
//
// Start at [Read] and [Values], or at [Write]; at [Open] to read some columns
// now and others later. The bytes of a file are a pure function of its content.
// Slices that are read are the caller's to change. Errors name the file.
//
// Files and streams of other writers are read too: texts also as large_utf8, utf8_view
// or dictionaries of these, any number of batches, LZ4 and Zstandard, numbers in either
// byte order. Columns of other types, nested ones too, are passed over: they have a type
// and no values.
//
// Arrow's Go library writes files and reads columns. It copies whole batches and believes
// whatever lengths a file claims. So a guard goes first (flat.go, guard.go, unpack.go): no
// part of a file is believed before it has been compared with the file's size, packed
// buffers are unpacked within a bound of 1 GiB, and the library is handed a stream of the
// one column that is wanted, in memory. Any bytes give a table or an error, in memory of
// some times their size, and nothing that the library panics about leaves the package.
//
// A file may be sealed: it then has checksums of its content, and no other number than
// that which was written is read from it. See [Table].
package arrowio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
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
	// Sealed says that the file has checksums: Write puts them there, and what was read
	// has been compared with them.
	Sealed bool
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
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.All()
}

// Meta reads the metadata of the table in path and nothing else.
func Meta(path string) (map[string]string, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Meta, nil
}

// Decode is [Read] for a file that is already in memory; errors call it name.
func Decode(name string, content []byte) (*Table, error) {
	f, err := New(name, content)
	if err != nil {
		return nil, err
	}
	return f.All()
}

// Element is what a column may hold, besides [Fixed].
type Element interface {
	uint8 | int32 | int64 | float32 | float64 | string
}

// Find returns the named column; an error lists those that are there, or says that
// there are two.
func (t *Table) Find(column string) (*Column, error) {
	i, err := find(t.Name, column, len(t.Columns), func(i int) string { return t.Columns[i].Name })
	if err != nil {
		return nil, err
	}
	return &t.Columns[i], nil
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
	v, err := Of[V](t, c)
	return v, c.Valid, err
}

// Of returns the values of a column of t that has been found before.
func Of[V Element](t *Table, c *Column) ([]V, error) {
	v, ok := c.Values.([]V)
	if !ok {
		var zero []V
		return nil, wrongType(t.Name, c, typeOf(zero))
	}
	return v, nil
}

// wrongType names the type of a column and how to get another.
func wrongType(file string, c *Column, want arrow.DataType) error {
	cast := want.String()
	if want.ID() == arrow.DICTIONARY {
		cast = "string"
	}
	return fmt.Errorf("arrowio: %q: column %q has type %s, want %s; write it as that type, in Python: table.set_column(table.column_names.index(%[2]q), %[2]q, table[%[2]q].cast(%[5]q))",
		file, c.Name, c.Type, want, cast)
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

// toMetadata is m with the checksum sum, "" for none.
func toMetadata(m map[string]string, sum string) arrow.Metadata {
	var vals []string
	keys := sortedKeys(m)
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == metaSum })
	if sum != "" {
		keys = append(keys, metaSum)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if key == metaSum {
			vals = append(vals, sum)
		} else {
			vals = append(vals, m[key])
		}
	}
	return arrow.NewMetadata(keys, vals)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// seekable is memory that the Arrow library can write a file to.
type seekable struct{ bytes.Buffer }

// Seek serves the library's one question, where it starts.
func (s *seekable) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("arrowio: only the current position is known")
	}
	return int64(s.Len()), nil
}
