package nb201

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/nlpodyssey/gopickle/types"

	"idarts/internal/unpickle"
)

// maxPickle bounds an unpacked file. Official records have about 0.3 MB, the
// index 1.4 MB; records with weights inside are larger and are not read.
const maxPickle = 64 << 20

// readPickle unpacks and decodes a bz2 pickle, which nobody vouches for: only the
// few classes in findClass are made, nothing is run, and damage is an error. The
// result is made of dict, []any, string, int64, float64, bool and nil.
func readPickle(path string) (v any, packed []byte, err error) {
	if packed, err = readSmall(path); err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(packed)), maxPickle+1))
	if err != nil {
		return nil, nil, fmt.Errorf("unpack bz2: %w", err)
	}
	if v, err = decodePickle(content); err != nil {
		return nil, nil, err
	}
	return v, packed, nil
}

// readSmall reads a file of at most maxPickle bytes.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxPickle+1))
	if err == nil && len(content) > maxPickle {
		err = fmt.Errorf("more than %d bytes", maxPickle)
	}
	return content, err
}

// decodePickle decodes a benchmark record or index.
func decodePickle(content []byte) (v any, err error) {
	raw, err := loadPickle(content, findClass)
	if err != nil {
		return nil, err
	}
	budget := min(len(content), maxPickleValues)
	return plain(raw, 0, &budget)
}

// Limits of a file that nobody vouches for. By the count of [unpickle.Walk] an
// official record takes 13 MB, as do the index and the public frame.
const (
	maxPickleMemory = 64 << 20 // bytes to run it
	maxPickleValues = 1 << 21  // values in the result, those that are shared counted each time
)

// loadPickle runs the instructions with an allow-list of classes. The result has
// the library's types and those that the allow-list makes.
func loadPickle(content []byte, find func(module, name string) (any, error)) (any, error) {
	if len(content) > maxPickle {
		return nil, fmt.Errorf("more than %d bytes unpacked", maxPickle)
	}
	return unpickle.Load(content, maxPickleMemory, find)
}

// findClass is the allow-list of records; collections.OrderedDict is there already.
func findClass(module, name string) (any, error) {
	switch module + "." + name {
	case "numpy.dtype":
		return newDtype{}, nil
	case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar":
		return newScalar{}, nil
	}
	return nil, fmt.Errorf("class %q is not allowed, want one of %q", module+"."+name,
		[]string{"collections.OrderedDict", "numpy.dtype", "numpy.core.multiarray.scalar"})
}

// newDtype and newScalar are numpy's constructors of a number: dtype("f8") with a
// state that holds the byte order, and scalar(dtype, bytes).
type newDtype struct{}
type newScalar struct{}

type dtype struct{ kind, order string }

// Kind implements [unpickle.Kind].
func (*dtype) Kind() string { return "a dtype" }

func (newDtype) Call(args ...any) (any, error) {
	if len(args) > 0 {
		if kind, ok := args[0].(string); ok {
			return &dtype{kind: kind}, nil
		}
		return nil, fmt.Errorf("numpy.dtype of %s, want the name of a type", unpickle.Kind(args[0]))
	}
	return nil, errors.New("numpy.dtype of nothing, want the name of a type")
}

func (d *dtype) PySetState(state any) error {
	t, ok := state.(*types.Tuple)
	if !ok || t.Len() < 2 {
		return fmt.Errorf("numpy.dtype whose state is %s, want a tuple", unpickle.Kind(state))
	}
	d.order, ok = t.Get(1).(string)
	if !ok {
		return fmt.Errorf("numpy.dtype whose byte order is %s, want text", unpickle.Kind(t.Get(1)))
	}
	return nil
}

func (newScalar) Call(args ...any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("numpy scalar of %d arguments, want 2", len(args))
	}
	d, ok := args[0].(*dtype)
	b, ok2 := args[1].([]byte)
	if !ok || !ok2 || d.order != "<" {
		return nil, fmt.Errorf("numpy scalar of %s and %s, want a little-endian dtype and bytes", unpickle.Kind(args[0]), unpickle.Kind(args[1]))
	}
	switch {
	case d.kind == "f8" && len(b) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
	case d.kind == "f4" && len(b) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case d.kind == "i8" && len(b) == 8:
		return int(binary.LittleEndian.Uint64(b)), nil
	}
	return nil, fmt.Errorf("numpy scalar of type %q with %d bytes, want f8, f4 or i8", d.kind, len(b))
}

// dict is a Python dict with its keys in order. A key that is a tuple of text and
// number, as (dataset, seed), becomes a [dictKey].
type dict struct {
	keys   []any
	values map[any]any
}

// Kind implements [unpickle.Kind].
func (dict) Kind() string { return "a dict" }

type dictKey struct {
	text   string
	number int64
}

// plain turns the library's types into ours. Pickles can hold themselves, so depth
// and the number of values have bounds; an honest one spends a byte on each value.
func plain(v any, depth int, budget *int) (any, error) {
	if *budget--; depth > 8 || *budget < 0 {
		return nil, errors.New("damaged pickle: it holds itself, or more than 8 levels")
	}
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v, nil
	case int:
		return int64(v), nil
	case *types.Dict:
		d := dict{values: make(map[any]any, len(*v))}
		for _, entry := range *v {
			if err := d.set(entry.Key, entry.Value, depth, budget); err != nil {
				return nil, err
			}
		}
		return d, nil
	case *types.OrderedDict:
		d := dict{values: make(map[any]any, v.Len())}
		for e := v.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := d.set(entry.Key, entry.Value, depth, budget); err != nil {
				return nil, err
			}
		}
		return d, nil
	case *types.List:
		out := make([]any, len(*v))
		for i := range out {
			var err error
			if out[i], err = plain((*v)[i], depth+1, budget); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *types.Set:
		return nil, nil // the index has an empty one that means nothing
	}
	return nil, fmt.Errorf("a value is %s, want a dict, list, text or number", unpickle.Kind(v))
}

func (d *dict) set(key, value any, depth int, budget *int) error {
	switch k := key.(type) {
	case string:
	case int:
		key = int64(k)
	case *types.Tuple:
		if k.Len() != 2 {
			return fmt.Errorf("a key of %d parts, want 2", k.Len())
		}
		text, ok := k.Get(0).(string)
		number, ok2 := k.Get(1).(int)
		if !ok || !ok2 {
			return fmt.Errorf("a key of %s and %s, want text and a number", unpickle.Kind(k.Get(0)), unpickle.Kind(k.Get(1)))
		}
		key = dictKey{text, int64(number)}
	default:
		return fmt.Errorf("a key is %s, want text or a number", unpickle.Kind(key))
	}
	v, err := plain(value, depth+1, budget)
	if err != nil {
		return err
	}
	if _, known := d.values[key]; !known {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
	return nil
}

// get finds a part of a dict that must have type V.
func get[V any](d dict, key any) (V, error) {
	v, ok := d.values[key]
	if !ok {
		var names []string
		for _, k := range d.keys {
			names = append(names, fmt.Sprint(k))
		}
		slices.Sort(names)
		return *new(V), fmt.Errorf("no %q, only %.20q", fmt.Sprint(key), names[:min(len(names), 20)])
	}
	out, ok := v.(V)
	if !ok {
		return out, fmt.Errorf("%q is %s, want %s", fmt.Sprint(key), unpickle.Kind(v), unpickle.Kind(out))
	}
	return out, nil
}
