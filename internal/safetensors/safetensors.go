// Package safetensors reads and writes the file format of that name: named dense
// arrays behind a JSON header. It holds what parity with another framework needs,
// the types F32, F64 and I64.
//
// A file is 8 bytes with the length of the header, little endian; the header, a
// JSON object {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {text:
// text}}; and the arrays, row-major and little endian. The arrays fill the rest of
// the file without holes and without sharing a byte.
//
// Start at [Read] and [Write].
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"idarts/internal/durable"
	"idarts/internal/plainjson"
)

// Type is the type of the elements of an array.
type Type string

// The types that are read and written.
const (
	F32 Type = "F32"
	F64 Type = "F64"
	I64 Type = "I64"
)

// size is the number of bytes of an element, 0 for an unknown type.
func (t Type) size() int {
	switch t {
	case F32:
		return 4
	case F64, I64:
		return 8
	}
	return 0
}

// Tensor is an array: its elements row-major, little endian. A number has the
// shape [].
type Tensor struct {
	Type  Type
	Shape []int
	Bytes []byte
}

// File is the content of a file.
type File struct {
	Metadata map[string]string
	Tensors  map[string]Tensor
}

const (
	metadataKey = "__metadata__"
	maxHeader   = 100 << 20 // the limit of the reference implementation
	prefix      = 8
)

// entry is a tensor in the header.
type entry struct {
	Type    Type   `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// Read reads a file whole. A file that the format forbids, or with arrays of
// another type, is an error that names the path and, where there is one, the tensor.
func Read(path string) (*File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	f, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %q: %w", path, err)
	}
	return f, nil
}

// Parse is [Read] of a file's content, which the tensors keep using.
func Parse(content []byte) (*File, error) {
	if len(content) < prefix {
		return nil, fmt.Errorf("%d bytes, want 8 or more", len(content))
	}
	length, rest := binary.LittleEndian.Uint64(content), content[prefix:]
	if length > maxHeader || length > uint64(len(rest)) {
		return nil, fmt.Errorf("a header of %d bytes, want at most the %d that follow and at most %d", length, len(rest), maxHeader)
	}
	fields, err := object(rest[:length])
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	data := rest[length:]
	f := &File{Tensors: map[string]Tensor{}}
	var ranges [][2]int
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == metadataKey {
			if err := plainjson.Unmarshal(fields[name], &f.Metadata); err != nil {
				return nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		var e entry
		if err := plainjson.Unmarshal(fields[name], &e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if err := e.check(len(data)); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		ranges = append(ranges, e.Offsets)
		f.Tensors[name] = Tensor{e.Type, e.Shape, data[e.Offsets[0]:e.Offsets[1]:e.Offsets[1]]}
	}
	slices.SortFunc(ranges, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	end := 0
	for _, r := range ranges {
		if r[0] != end {
			return nil, fmt.Errorf("the arrays leave a hole or share bytes at %d", min(r[0], end))
		}
		end = r[1]
	}
	if end != len(data) {
		return nil, fmt.Errorf("%d bytes of arrays, want the %d of the header", len(data), end)
	}
	return f, nil
}

// check says whether the entry is possible in n bytes of arrays.
func (e entry) check(n int) error {
	size := e.Type.size()
	if size == 0 {
		return fmt.Errorf("type %q, want one of %q", string(e.Type), []Type{F32, F64, I64})
	}
	begin, end := e.Offsets[0], e.Offsets[1]
	if begin < 0 || end < begin || end > n {
		return fmt.Errorf("bytes %d to %d, want a part of the %d that are there", begin, end, n)
	}
	for _, d := range e.Shape {
		if d < 0 {
			return fmt.Errorf("shape %v, want no negative size", e.Shape)
		}
	}
	if slices.Contains(e.Shape, 0) {
		size = 0
	} else {
		for _, d := range e.Shape {
			if size > n/d { // would be larger than the file, or overflow
				return fmt.Errorf("shape %v of %s, which is more than the %d bytes that are there", e.Shape, e.Type, n)
			}
			size *= d
		}
	}
	if end-begin != size {
		return fmt.Errorf("shape %v of %s in %d bytes, want %d", e.Shape, e.Type, end-begin, size)
	}
	return nil
}

// object splits a JSON object by its keys; a key that is there twice is an error.
func object(text []byte) (map[string]json.RawMessage, error) {
	if !bytes.HasPrefix(text, []byte("{")) {
		return nil, errors.New("no JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, plainjson.Words(err)
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, plainjson.Words(err)
		}
		name := token.(string) // the decoder lets no other key through
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, plainjson.Words(err)
		}
		fields[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, plainjson.Words(err)
	}
	if rest := text[dec.InputOffset():]; strings.Trim(string(rest), " ") != "" {
		return nil, errors.New("text behind the JSON object")
	}
	return fields, nil
}

// Write creates or replaces a file, whole or not at all. Equal contents give equal
// bytes: wider types come first, then names decide.
func Write(path string, f *File) error {
	header, names, err := f.header()
	if err != nil {
		return fmt.Errorf("safetensors: write %q: %w", path, err)
	}
	return durable.Write(path, func(w io.Writer) error {
		for _, part := range [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		for _, name := range names {
			if _, err := w.Write(f.Tensors[name].Bytes); err != nil {
				return err
			}
		}
		return nil
	})
}

// header is the JSON text, padded so that the arrays are aligned, and the names in
// the order of the arrays.
func (f *File) header() (text []byte, names []string, err error) {
	names = slices.SortedFunc(maps.Keys(f.Tensors), func(a, b string) int {
		return cmp.Or(cmp.Compare(f.Tensors[b].Type.size(), f.Tensors[a].Type.size()), strings.Compare(a, b))
	})
	fields := map[string]any{}
	if len(f.Metadata) > 0 {
		fields[metadataKey] = f.Metadata
	}
	at := 0
	for _, name := range names {
		t := f.Tensors[name]
		e := entry{t.Type, append([]int{}, t.Shape...), [2]int{at, at + len(t.Bytes)}}
		at = e.Offsets[1]
		if err := e.check(at); err != nil || name == metadataKey {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, cmp.Or(err, errors.New("is the name of the metadata")))
		}
		fields[name] = e
	}
	var buffer bytes.Buffer
	enc := json.NewEncoder(&buffer)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(fields); err != nil { // keys are sorted
		return nil, nil, err
	}
	text = bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return text, names, nil
}

// Float is an element of F32 or F64.
type Float interface{ ~float32 | ~float64 }

// Floats makes a tensor of F32 or F64, as T is.
func Floats[T Float](shape []int, values []T) Tensor {
	t := Tensor{Type: F32, Shape: shape}
	var one T
	if _, wide := any(one).(float64); wide {
		t.Type = F64
	}
	for _, v := range values {
		if t.Type == F32 {
			t.Bytes = binary.LittleEndian.AppendUint32(t.Bytes, math.Float32bits(float32(v)))
		} else {
			t.Bytes = binary.LittleEndian.AppendUint64(t.Bytes, math.Float64bits(float64(v)))
		}
	}
	return t
}

// Ints makes a tensor of I64.
func Ints(shape []int, values []int64) Tensor {
	t := Tensor{Type: I64, Shape: shape}
	for _, v := range values {
		t.Bytes = binary.LittleEndian.AppendUint64(t.Bytes, uint64(v))
	}
	return t
}

// Len is the number of elements.
func (t Tensor) Len() int { return len(t.Bytes) / t.Type.size() }

// Float is element i of a tensor of F32 or F64; others are the caller's bug.
func (t Tensor) Float(i int) float64 {
	switch t.Type {
	case F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(t.Bytes[4*i:])))
	case F64:
		return math.Float64frombits(binary.LittleEndian.Uint64(t.Bytes[8*i:]))
	}
	panic("safetensors: type mismatch")
}

// Int is element i of a tensor of I64; others are the caller's bug.
func (t Tensor) Int(i int) int64 {
	if t.Type != I64 {
		panic("safetensors: type mismatch")
	}
	return int64(binary.LittleEndian.Uint64(t.Bytes[8*i:]))
}
