package arrowio

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Load reads the named columns, in this order.
func (f *File) Load(names ...string) (*Table, error) {
	at := make([]int, len(names))
	for j, name := range names {
		var err error
		if at[j], err = f.Index(name); err != nil {
			return nil, err
		}
	}
	return f.LoadAt(at...)
}

// Index is the place of the named column in Fields. An error lists those that are
// there, or says that there are two.
func (f *File) Index(column string) (int, error) {
	return find(f.Name, column, len(f.Fields), func(i int) string { return f.Fields[i].Name })
}

// find is which of n columns has a name. It must be one alone.
func find(file, column string, n int, name func(i int) string) (int, error) {
	at := -1
	for i := range n {
		if name(i) != column {
			continue
		}
		if at >= 0 {
			return -1, fmt.Errorf("arrowio: %q has two columns that are named %q, want one", file, column)
		}
		at = i
	}
	if at >= 0 {
		return at, nil
	}
	names := make([]string, n)
	for i := range names {
		names[i] = name(i)
	}
	return -1, fmt.Errorf("arrowio: %q has no column %q, only %q", file, column, names)
}

// All reads all columns.
func (f *File) All() (*Table, error) {
	at := make([]int, len(f.Fields))
	for i := range at {
		at[i] = i
	}
	return f.LoadAt(at...)
}

// LoadAt reads the columns of some Fields, in this order.
func (f *File) LoadAt(at ...int) (*Table, error) {
	l := loader{File: f, room: maxUnpack}
	defer func() {
		if l.zstd != nil {
			l.zstd.Close()
		}
	}()
	t := &Table{Name: f.Name, Rows: f.Rows, Meta: f.Meta, Sealed: f.Sealed, Columns: make([]Column, len(at))}
	for j, i := range at {
		if err := l.column(&f.Fields[i], &t.Columns[j]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// loader reads columns for one caller.
type loader struct {
	*File
	room int64            // what packed buffers may still unpack to, in bytes
	zstd *zstd.Decoder    // nil until it is needed
	seen map[int64]*words // dictionaries that were read for one column and stay as they are
}

// column reads one column. A type that has no Go type here gives no values.
func (l *loader) column(field *Field, to *Column) error {
	*to = Column{Name: field.Name, Type: field.Type, Meta: field.Meta}
	var err error
	if field.kind.arrow() != nil {
		err = l.decode(field, to)
	}
	if err == nil && field.sum != "" && field.sum != to.sum(l.Rows) {
		err = errSum
	}
	if err != nil {
		return fmt.Errorf("arrowio: %q is damaged: column %q: %w", l.Name, field.Name, err)
	}
	markNaN(to.Values, to.Valid)
	return nil
}

// batches is how many parts have rows.
func (f *File) batches() int {
	n := 0
	for _, b := range f.parts {
		if !b.words && b.rows > 0 {
			n++
		}
	}
	return n
}
