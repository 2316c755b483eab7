package nb201

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/nlpodyssey/gopickle/types"

	"idarts/internal/unpickle"
)

// frame is a pickled pandas.DataFrame: columns of []string, []float64 or []int64,
// all of one length.
type frame map[string]any

// decodeFrame decodes a frame from a pickle that nobody vouches for, as
// [decodePickle] does a record: another allow-list, the same guards. It reads what
// pandas 1.0 writes with numpy below 2; the index of the rows is dropped.
func decodeFrame(content []byte) (frame, error) {
	raw, err := loadPickle(content, findFrameClass)
	if err != nil {
		return nil, err
	}
	f, ok := raw.(*dataFrame)
	if !ok || f.blocks == nil {
		return nil, fmt.Errorf("the file holds %s, want a data frame", unpickle.Kind(raw))
	}
	return f.blocks.columns(min(len(content), maxPickleValues))
}

// frameColumn finds a column that must have type V.
func frameColumn[V any](f frame, name string) ([]V, error) {
	v, ok := f[name]
	if !ok {
		var names []string
		for k := range f {
			names = append(names, k)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("no column %q, only %q", name, names)
	}
	out, ok := v.([]V)
	if !ok {
		return nil, fmt.Errorf("column %q is %s, want %s", name, unpickle.Kind(v), unpickle.Kind(out))
	}
	return out, nil
}

// frameClasses is the allow-list of frames. Each makes one of the plain values
// below; what it does not need of its arguments it drops.
var frameClasses = map[string]any{
	"pandas.core.frame.DataFrame":                 newObject(func() any { return &dataFrame{} }),
	"pandas.core.internals.managers.BlockManager": newObject(func() any { return &blockManager{} }),
	"pandas.core.indexes.base._new_Index":         call(newIndex),
	"pandas.core.indexes.base.Index":              class("Index"),
	"pandas.core.indexes.range.RangeIndex":        class("RangeIndex"),
	"numpy.core.multiarray._reconstruct":          call(func(...any) (any, error) { return &array{}, nil }),
	"numpy.core.numeric._frombuffer":              call(fromBuffer),
	"numpy.ndarray":                               class("ndarray"),
	"numpy.dtype":                                 newDtype{},
	"builtins.slice":                              call(func(...any) (any, error) { return class("slice"), nil }),
}

func findFrameClass(module, name string) (any, error) {
	if c, ok := frameClasses[module+"."+name]; ok {
		return c, nil
	}
	var allowed []string
	for k := range frameClasses {
		allowed = append(allowed, k)
	}
	slices.Sort(allowed)
	return nil, fmt.Errorf("class %q is not allowed, want one of %q", module+"."+name, allowed)
}

// class is a class that is only named.
type class string

// call is a function of the pickle.
type call func(args ...any) (any, error)

// Call implements [types.Callable].
func (c call) Call(args ...any) (any, error) { return c(args...) }

// newObject is a class whose objects are filled by their state.
type newObject func() any

// PyNew implements [types.PyNewable].
func (n newObject) PyNew(...any) (any, error) { return n(), nil }

// array is a numpy array in C order: numbers in data, or objects.
type array struct {
	kind    string // "f8", "i8" or "O8"
	shape   []int
	fortran bool
	data    []byte
	objects []any
}

// fromBuffer is numpy's array of a bytearray, dtype, shape and order.
func fromBuffer(args ...any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("numpy array of %d arguments, want 4", len(args))
	}
	data, ok := args[0].(*types.ByteArray)
	if !ok {
		return nil, fmt.Errorf("numpy array of %s, want a bytearray", unpickle.Kind(args[0]))
	}
	a := &array{data: *data, fortran: args[3] != "C"}
	return a, a.describe(args[2], args[1])
}

// Kind implements [unpickle.Kind].
func (*array) Kind() string { return "an array" }

// PySetState takes (version, shape, dtype, fortran, objects or bytes).
func (a *array) PySetState(state any) error {
	t, ok := state.(*types.Tuple)
	if !ok || t.Len() != 5 {
		return fmt.Errorf("numpy array whose state is %s, want a tuple of 5", unpickle.Kind(state))
	}
	a.fortran = t.Get(3) != false
	switch v := t.Get(4).(type) {
	case *types.List:
		a.objects = *v
	case []byte:
		a.data = v
	default:
		return fmt.Errorf("numpy array of %s, want a list or bytes", unpickle.Kind(v))
	}
	return a.describe(t.Get(1), t.Get(2))
}

// describe sets the shape and kind, and checks that the content fits.
func (a *array) describe(shape, kind any) error {
	d, ok := kind.(*dtype)
	if !ok {
		return fmt.Errorf("numpy array whose type is %s, want a dtype", unpickle.Kind(kind))
	}
	dims, ok := shape.(*types.Tuple)
	if !ok {
		return fmt.Errorf("numpy array whose shape is %s, want a tuple", unpickle.Kind(shape))
	}
	a.kind, a.shape = d.kind, nil
	size, most := 1, len(a.data)/8+len(a.objects)
	for i := range dims.Len() {
		n, ok := dims.Get(i).(int)
		if !ok || n < 0 || n > most {
			return fmt.Errorf("numpy array with %s, %d, at place %d of its shape, want a number of at most %d", unpickle.Kind(dims.Get(i)), n, i, most)
		}
		if size *= n; size > most {
			return fmt.Errorf("numpy array of more than %d entries, with so many behind it", most)
		}
		a.shape = append(a.shape, n)
	}
	switch {
	case a.kind == "O8" && size == len(a.objects) && a.data == nil:
	case (a.kind == "f8" || a.kind == "i8") && d.order == "<" && 8*size == len(a.data) && a.objects == nil:
	default:
		return fmt.Errorf("numpy array of type %q%q and shape %v over %d bytes and %d objects, want f8, i8 or O8 and as many", d.order, a.kind, a.shape, len(a.data), len(a.objects))
	}
	return nil
}

// index is a pandas index; data is nil for row numbers.
type index struct{ data *array }

// Kind implements [unpickle.Kind].
func (*index) Kind() string { return "an index" }

// newIndex takes a class and a dict with the data.
func newIndex(args ...any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("pandas index of %d arguments, want 2", len(args))
	}
	if args[0] == class("RangeIndex") {
		return &index{}, nil
	}
	d, ok := args[1].(*types.Dict)
	if !ok {
		return nil, fmt.Errorf("pandas index of %s, want a dict", unpickle.Kind(args[1]))
	}
	v, _ := d.Get("data")
	a, ok := v.(*array)
	if !ok {
		return nil, fmt.Errorf("pandas index over %s, want an array", unpickle.Kind(v))
	}
	return &index{a}, nil
}

// names are the entries of an index of texts.
func (x *index) names() ([]string, error) {
	if x.data == nil || x.data.kind != "O8" || len(x.data.shape) != 1 {
		return nil, fmt.Errorf("the columns of a data frame have no names")
	}
	return texts(x.data.objects)
}

func texts(objects []any) ([]string, error) {
	out := make([]string, len(objects))
	for i, o := range objects {
		s, ok := o.(string)
		if !ok {
			return nil, fmt.Errorf("entry %d of an array of texts is %s", i, unpickle.Kind(o))
		}
		out[i] = s
	}
	return out, nil
}

// dataFrame holds its columns in blocks of one type.
type dataFrame struct{ blocks *blockManager }

// Kind implements [unpickle.Kind].
func (*dataFrame) Kind() string { return "a data frame" }

// PySetState takes a dict whose "_data" are the blocks.
func (f *dataFrame) PySetState(state any) error {
	d, ok := state.(*types.Dict)
	if !ok {
		return fmt.Errorf("data frame whose state is %s, want a dict", unpickle.Kind(state))
	}
	v, _ := d.Get("_data")
	if f.blocks, ok = v.(*blockManager); !ok {
		return fmt.Errorf("data frame over %s, want its blocks", unpickle.Kind(v))
	}
	return nil
}

// blockManager has for each block its values, a row for each column, and the
// columns' names.
type blockManager struct{ values, items []any }

// Kind implements [unpickle.Kind].
func (*blockManager) Kind() string { return "blocks" }

// PySetState takes (axes, values, items, the same again for newer versions).
func (b *blockManager) PySetState(state any) error {
	t, ok := state.(*types.Tuple)
	if !ok || t.Len() < 3 {
		return fmt.Errorf("blocks whose state is %s, want a tuple of 4", unpickle.Kind(state))
	}
	values, ok := t.Get(1).(*types.List)
	items, ok2 := t.Get(2).(*types.List)
	if !ok || !ok2 || values.Len() != items.Len() {
		return fmt.Errorf("blocks of %s named by %s, want two lists of one length", unpickle.Kind(t.Get(1)), unpickle.Kind(t.Get(2)))
	}
	b.values, b.items = *values, *items
	return nil
}

// columns takes the blocks apart. An honest file spends a byte on each entry; more
// than budget are an error, since one array can be named many times.
func (b *blockManager) columns(budget int) (frame, error) {
	f := frame{}
	rows := -1
	for i := range b.values {
		a, ok := b.values[i].(*array)
		x, ok2 := b.items[i].(*index)
		if !ok || !ok2 {
			return nil, fmt.Errorf("block %d is %s named by %s, want an array and an index", i, unpickle.Kind(b.values[i]), unpickle.Kind(b.items[i]))
		}
		names, err := x.names()
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i, err)
		}
		if len(a.shape) != 2 || a.shape[0] != len(names) || a.fortran && a.shape[0] > 1 && a.shape[1] > 1 {
			return nil, fmt.Errorf("block %d has shape %v, want %d rows in C order", i, a.shape, len(names))
		}
		if rows >= 0 && a.shape[1] != rows {
			return nil, fmt.Errorf("block %d has columns of %d, want %d as the others", i, a.shape[1], rows)
		}
		rows = a.shape[1]
		for j, name := range names {
			if _, twice := f[name]; twice {
				return nil, fmt.Errorf("two columns are called %q", name)
			}
			if budget -= rows; budget < 0 {
				return nil, fmt.Errorf("more entries than the file has bytes")
			}
			if f[name], err = a.row(j); err != nil {
				return nil, fmt.Errorf("column %q: %w", name, err)
			}
		}
	}
	return f, nil
}

// row is one row of a matrix.
func (a *array) row(j int) (any, error) {
	n := a.shape[1]
	if a.kind == "O8" {
		return texts(a.objects[j*n : (j+1)*n])
	}
	words := make([]uint64, n)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(a.data[8*(j*n+i):])
	}
	if a.kind == "i8" {
		ints := make([]int64, n)
		for i, w := range words {
			ints[i] = int64(w)
		}
		return ints, nil
	}
	floats := make([]float64, n)
	for i, w := range words {
		floats[i] = math.Float64frombits(w)
	}
	return floats, nil
}
