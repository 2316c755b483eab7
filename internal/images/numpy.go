package images

import (
	"encoding/binary"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"

	"idarts/internal/unpickle"
)

// ndarray is a numpy array as it is pickled.
type ndarray struct {
	shape   []int
	dtype   string // "u1", "i8", "f8", ...: kind and bytes per element
	big     bool   // big-endian elements
	fortran bool   // columns first
	raw     []byte
}

// Kind implements [unpickle.Kind].
func (*ndarray) Kind() string { return "a numpy array" }

// findNumpy is the allow-list of what a pickled array is made of. numpy 2 calls
// its inner package _core where numpy 1 says core.
func findNumpy(module, name string) (any, error) {
	switch module + "." + name {
	case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct":
		return callable(func(...any) (any, error) { return &ndarray{}, nil }), nil
	case "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer":
		return callable(arrayFromBuffer), nil
	case "numpy.ndarray":
		return arrayClass{}, nil
	case "numpy.dtype":
		return callable(newDtype), nil
	case "_codecs.encode":
		return callable(encodeLatin1), nil
	}
	return nil, fmt.Errorf("class %s.%s is not allowed here, only numpy arrays are", module, name)
}

// callable is a Go function that a pickle may call.
type callable func(args ...any) (any, error)

// Call makes callable a types.Callable.
func (f callable) Call(args ...any) (any, error) { return f(args...) }

// arrayClass stands for numpy.ndarray where it is only an argument.
type arrayClass struct{}

// dtype is a numpy element type: "u1" and the byte order that its state adds.
type dtype struct {
	name string
	big  bool
}

// Kind implements [unpickle.Kind].
func (*dtype) Kind() string { return "a dtype" }

// newDtype is numpy.dtype(name, align, copy).
func newDtype(args ...any) (any, error) {
	if len(args) > 0 {
		if name, ok := text(args[0]); ok {
			return &dtype{name: name}, nil
		}
	}
	return nil, fmt.Errorf("numpy.dtype of %d arguments, want a name such as \"u1\"", len(args))
}

// PySetState takes (version, byte order, ...): '<', '>', '|' (one byte) or '='.
func (d *dtype) PySetState(state any) error {
	tuple, ok := state.(*types.Tuple)
	if !ok || len(*tuple) < 2 {
		return fmt.Errorf("state of dtype %q is %s, want a tuple of at least 2", d.name, unpickle.Kind(state))
	}
	order, ok := text((*tuple)[1])
	if !ok {
		return fmt.Errorf("byte order of dtype %q is %s, want text", d.name, unpickle.Kind((*tuple)[1]))
	}
	d.big = order == ">"
	return nil
}

// PySetState takes (version, shape, dtype, Fortran order, bytes).
func (a *ndarray) PySetState(state any) error {
	tuple, ok := state.(*types.Tuple)
	if !ok || len(*tuple) != 5 {
		return fmt.Errorf("state of a numpy array is %s, want a tuple of 5", unpickle.Kind(state))
	}
	fortran, ok := (*tuple)[3].(bool)
	if !ok {
		return fmt.Errorf("order of a numpy array is %s, want True or False", unpickle.Kind((*tuple)[3]))
	}
	return a.set((*tuple)[1], (*tuple)[2], fortran, (*tuple)[4])
}

// arrayFromBuffer is numpy's _frombuffer(bytes, dtype, shape, order): pickle protocol 5.
func arrayFromBuffer(args ...any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("numpy _frombuffer has %d arguments, want 4", len(args))
	}
	order, _ := text(args[3])
	a := &ndarray{}
	return a, a.set(args[2], args[1], order == "F", args[0])
}

// set fills a and checks that the bytes are as many as shape and type ask for.
func (a *ndarray) set(shape, kind any, fortran bool, content any) error {
	sizes, ok := shape.(*types.Tuple)
	if !ok {
		return fmt.Errorf("shape of a numpy array is %s, want a tuple", unpickle.Kind(shape))
	}
	element, ok := kind.(*dtype)
	if !ok {
		return fmt.Errorf("type of a numpy array is %s, want a dtype", unpickle.Kind(kind))
	}
	width := elementBytes(element.name)
	if width < 1 {
		return fmt.Errorf("type of a numpy array is %q, want a number type", element.name)
	}
	switch raw := content.(type) {
	case []byte:
		a.raw = raw
	case string: // Python 2
		a.raw = []byte(raw)
	case *types.ByteArray:
		a.raw = []byte(*raw)
	default:
		return fmt.Errorf("content of a numpy array is %s, want bytes", unpickle.Kind(content))
	}
	total := width
	a.shape = nil
	for _, v := range *sizes {
		n, ok := v.(int)
		if !ok || n < 0 {
			return fmt.Errorf("shape of a numpy array with %s, %d, want sizes from 0", unpickle.Kind(v), n)
		}
		a.shape = append(a.shape, n)
		if total *= min(n, len(a.raw)+1); total > len(a.raw) {
			break // too many already, and no overflow
		}
	}
	if total != len(a.raw) {
		return fmt.Errorf("numpy array %s%v holds %d bytes, which does not fit", element.name, a.shape, len(a.raw))
	}
	a.dtype, a.big, a.fortran = element.name, element.big, fortran
	return nil
}

// elementBytes is the size in a dtype name: 8 for "f8", 0 where there is none.
func elementBytes(name string) int {
	n := 0
	for _, c := range name[min(1, len(name)):] {
		if c < '0' || c > '9' || n > 1000 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// ints returns a one-dimensional integer array.
func (a *ndarray) ints() ([]int, error) {
	width := elementBytes(a.dtype)
	if len(a.shape) != 1 || (a.dtype[0] != 'i' && a.dtype[0] != 'u') || (width != 1 && width != 2 && width != 4 && width != 8) {
		return nil, fmt.Errorf("numpy array %s%v, want one row of integers", a.dtype, a.shape)
	}
	values := make([]int, a.shape[0])
	for i := range values {
		var word [8]byte
		element := a.raw[i*width : (i+1)*width]
		for k := range element {
			at := k
			if a.big {
				at = width - 1 - k
			}
			word[k] = element[at]
		}
		v := binary.LittleEndian.Uint64(word[:])
		if shift := 64 - 8*width; a.dtype[0] == 'i' { // carry the sign upwards
			v = uint64(int64(v<<shift) >> shift)
		}
		values[i] = int(v)
	}
	return values, nil
}

// encodeLatin1 is _codecs.encode(text, "latin1"): how Python 3 pickles bytes for
// protocol 2. Each character is one byte.
func encodeLatin1(args ...any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("_codecs.encode has %d arguments, want 2", len(args))
	}
	s, ok := args[0].(string)
	codec, _ := text(args[1])
	if !ok || codec != "latin1" {
		return nil, fmt.Errorf("_codecs.encode of %s and %.20q, want text and \"latin1\"", unpickle.Kind(args[0]), codec)
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 255 {
			return nil, fmt.Errorf("_codecs.encode: character %q is not latin1", r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}

// text accepts what Python 2 or 3 calls a string.
func text(v any) (string, bool) {
	switch s := v.(type) {
	case string:
		return s, true
	case []byte:
		return string(s), true
	}
	return "", false
}
