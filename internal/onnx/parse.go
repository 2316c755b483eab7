// Package onnx evaluates small models in the Open Neural Network Exchange format: networks of
// fully connected layers and embeddings, such as surrogate benchmarks. Numbers are computed in
// double precision, whatever the model says. Start at [Parse] and [Model.Run].
//
// Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Tensor is an array, row-major, of floats or of integers.
type Tensor struct {
	Shape  []int
	Floats []float64
	Ints   []int64 // nil for floats
}

// Len is the product of a shape.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Model is a graph of operators.
type Model struct {
	nodes   []node
	weights map[string]Tensor
	Inputs  []string // without the weights
	Outputs []string
}

type node struct {
	op              string
	inputs, outputs []string
	ints            map[string][]int64
	floats          map[string]float64
	tensor          *Tensor // attribute value of Constant
}

// most is the largest number of elements of a tensor that is believed.
const most = 1 << 26

// Numbers of fields in onnx.proto.
const (
	modelGraph = 7

	graphNode, graphInitializer, graphInput, graphOutput = 1, 5, 11, 12

	nodeInput, nodeOutput, nodeOp, nodeAttribute = 1, 2, 4, 5

	attributeName, attributeFloat, attributeInt, attributeTensor, attributeInts = 1, 2, 3, 5, 8

	tensorDims, tensorType, tensorFloats, tensorInts, tensorName, tensorRaw = 1, 2, 4, 7, 8, 9

	typeFloat, typeInt64, valueName = 1, 7, 1
)

// Parse reads a model. What the format allows and this package does not is an error of
// [Model.Run].
func Parse(content []byte) (*Model, error) {
	m := &Model{weights: map[string]Tensor{}}
	var graph []byte
	err := fields(content, func(f field) error {
		if f.number == modelGraph {
			graph = f.bytes
		}
		return nil
	})
	if err == nil && graph == nil {
		err = fmt.Errorf("it has no graph")
	}
	if err == nil {
		err = m.graph(graph)
	}
	if err != nil {
		return nil, fmt.Errorf("onnx: not a model: %w", err)
	}
	return m, nil
}

func (m *Model) graph(content []byte) error {
	return fields(content, func(f field) error {
		switch f.number {
		case graphNode:
			n, err := parseNode(f.bytes)
			m.nodes = append(m.nodes, n)
			return err
		case graphInitializer:
			name, t, err := parseTensor(f.bytes)
			m.weights[name] = t
			return err
		case graphInput, graphOutput:
			to := &m.Inputs
			if f.number == graphOutput {
				to = &m.Outputs
			}
			return fields(f.bytes, func(v field) error {
				if v.number == valueName {
					*to = append(*to, string(v.bytes))
				}
				return nil
			})
		}
		return nil
	})
}

func parseNode(content []byte) (n node, err error) {
	n.ints, n.floats = map[string][]int64{}, map[string]float64{}
	err = fields(content, func(f field) error {
		switch f.number {
		case nodeInput:
			n.inputs = append(n.inputs, string(f.bytes))
		case nodeOutput:
			n.outputs = append(n.outputs, string(f.bytes))
		case nodeOp:
			n.op = string(f.bytes)
		case nodeAttribute:
			return n.attribute(f.bytes)
		}
		return nil
	})
	return n, err
}

func (n *node) attribute(content []byte) error {
	name := ""
	return fields(content, func(f field) error {
		switch f.number {
		case attributeName:
			name = string(f.bytes)
		case attributeFloat:
			n.floats[name] = float64(math.Float32frombits(uint32(f.value)))
		case attributeInt:
			n.ints[name] = []int64{int64(f.value)}
		case attributeInts:
			n.ints[name] = append(n.ints[name], f.varints()...)
		case attributeTensor:
			_, t, err := parseTensor(f.bytes)
			n.tensor = &t
			return err
		}
		return nil
	})
}

func parseTensor(content []byte) (name string, t Tensor, err error) {
	kind := uint64(0)
	var raw []byte
	err = fields(content, func(f field) error {
		switch f.number {
		case tensorDims:
			for _, d := range f.varints() {
				t.Shape = append(t.Shape, int(d))
			}
		case tensorType:
			kind = f.value
		case tensorName:
			name = string(f.bytes)
		case tensorRaw:
			raw = f.bytes
		case tensorInts:
			t.Ints = append(t.Ints, f.varints()...)
		case tensorFloats:
			for at := 0; at+4 <= len(f.bytes); at += 4 {
				t.Floats = append(t.Floats, float64(math.Float32frombits(binary.LittleEndian.Uint32(f.bytes[at:]))))
			}
		}
		return nil
	})
	if err != nil {
		return name, t, err
	}
	n := 1
	for _, d := range t.Shape {
		if d < 0 || d > most || n*d > most {
			return name, t, fmt.Errorf("tensor %q has shape %v", name, t.Shape)
		}
		n *= d
	}
	switch {
	case kind == typeFloat && len(raw) == 4*n:
		t.Floats = make([]float64, n)
		for i := range t.Floats {
			t.Floats[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	case kind == typeInt64 && len(raw) == 8*n && (len(raw) > 0 || len(t.Ints) == 0):
		t.Ints = make([]int64, n)
		for i := range t.Ints {
			t.Ints[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
	case kind == typeFloat && raw == nil && len(t.Floats) == n, kind == typeInt64 && raw == nil && len(t.Ints) == n:
	default:
		return name, t, fmt.Errorf("tensor %q of shape %v and type %d has %d bytes, want floats of 4 or integers of 8", name, t.Shape, kind, len(raw))
	}
	return name, t, nil
}

// field is one field of a message.
type field struct {
	number protowire.Number
	value  uint64 // of a number
	bytes  []byte // of anything else
	packed bool
}

// varints are the numbers of a repeated field, packed or one by one.
func (f field) varints() []int64 {
	if !f.packed {
		return []int64{int64(f.value)}
	}
	var out []int64
	for rest := f.bytes; len(rest) > 0; {
		v, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return out
		}
		out = append(out, int64(v))
		rest = rest[n:]
	}
	return out
}

// fields gives each field of a message to do, until it has an error.
func fields(content []byte, do func(field) error) error {
	for len(content) > 0 {
		number, kind, n := protowire.ConsumeTag(content)
		if n < 0 {
			return protowire.ParseError(n)
		}
		content = content[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(content)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(content)
			f.value = uint64(v)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(content)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(content)
			f.packed = true
		default:
			n = protowire.ConsumeFieldValue(number, kind, content)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := do(f); err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}
