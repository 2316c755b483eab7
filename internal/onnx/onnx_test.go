package onnx

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func floats(shape []int, x ...float64) Tensor { return Tensor{Shape: shape, Floats: x} }
func ints(shape []int, x ...int64) Tensor     { return Tensor{Shape: shape, Ints: x} }

// Each operator by hand.
func TestOperators(t *testing.T) {
	matrix := floats([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	for _, tt := range []struct {
		n    node
		args []Tensor
		want Tensor
	}{
		{node{op: "Add"}, []Tensor{matrix, floats(nil, 10)}, floats([]int{2, 3}, 11, 12, 13, 14, 15, 16)},
		{node{op: "Sub"}, []Tensor{matrix, floats([]int{3}, 1, 2, 3)}, floats([]int{2, 3}, 0, 0, 0, 3, 3, 3)},
		{node{op: "Mul"}, []Tensor{floats([]int{2, 1}, 2, 3), floats([]int{1, 3}, 1, 10, 100)}, floats([]int{2, 3}, 2, 20, 200, 3, 30, 300)},
		{node{op: "Div"}, []Tensor{ints([]int{2}, 685, 7), ints([]int{1}, 2)}, ints([]int{2}, 342, 3)},
		{node{op: "Max"}, []Tensor{matrix, floats([]int{1}, 3.5)}, floats([]int{2, 3}, 3.5, 3.5, 3.5, 4, 5, 6)},
		{node{op: "Min"}, []Tensor{matrix, floats([]int{1}, 3.5)}, floats([]int{2, 3}, 1, 2, 3, 3.5, 3.5, 3.5)},
		{node{op: "Relu"}, []Tensor{floats([]int{2}, -1, 2)}, floats([]int{2}, 0, 2)},
		{node{op: "Exp"}, []Tensor{floats([]int{1}, 0)}, floats([]int{1}, 1)},
		{node{op: "Sigmoid"}, []Tensor{floats([]int{1}, 0)}, floats([]int{1}, 0.5)},
		{node{op: "Shape"}, []Tensor{matrix}, ints([]int{2}, 2, 3)},
		{node{op: "Cast", ints: map[string][]int64{"to": {7}}}, []Tensor{floats([]int{2}, 1.9, -1.9)}, ints([]int{2}, 1, -1)},
		{node{op: "Cast", ints: map[string][]int64{"to": {1}}}, []Tensor{ints([]int{1}, 3)}, floats([]int{1}, 3)},
		{node{op: "Unsqueeze"}, []Tensor{floats([]int{2}, 1, 2), ints([]int{1}, 1)}, floats([]int{2, 1}, 1, 2)},
		{node{op: "Gather", ints: map[string][]int64{"axis": {1}}}, []Tensor{matrix, ints(nil, 1)}, floats([]int{2}, 2, 5)},
		{node{op: "Gather"}, []Tensor{matrix, ints([]int{2}, -1, 0)}, floats([]int{2, 3}, 4, 5, 6, 1, 2, 3)},
		{node{op: "Concat", ints: map[string][]int64{"axis": {1}}}, []Tensor{matrix, floats([]int{2, 1}, 7, 8)}, floats([]int{2, 4}, 1, 2, 3, 7, 4, 5, 6, 8)},
		{node{op: "Slice"}, []Tensor{matrix, ints([]int{1}, 1), ints([]int{1}, 99), ints([]int{1}, -1)}, floats([]int{2, 2}, 2, 3, 5, 6)},
		{node{op: "Gemm", ints: map[string][]int64{"transB": {1}}}, []Tensor{matrix, floats([]int{1, 3}, 1, 0, -1), floats([]int{1}, 100)}, floats([]int{2, 1}, 98, 98)},
		{node{op: "Gemm", floats: map[string]float64{"alpha": 2}}, []Tensor{floats([]int{1, 2}, 1, 2), floats([]int{2, 2}, 1, 2, 3, 4)}, floats([]int{1, 2}, 14, 20)},
		{node{op: "BatchNormalization", floats: map[string]float64{"epsilon": 0}}, []Tensor{floats([]int{1, 2}, 3, 5), floats([]int{2}, 2, 1), floats([]int{2}, 1, 0), floats([]int{2}, 1, 1), floats([]int{2}, 4, 16)}, floats([]int{1, 2}, 3, 1)},
	} {
		got, err := operators[tt.n.op].run(tt.n, tt.args)
		if err != nil || !slices.Equal(got.Shape, tt.want.Shape) || !slices.Equal(got.Floats, tt.want.Floats) || !slices.Equal(got.Ints, tt.want.Ints) {
			t.Errorf("%s: %+v, %v; want %+v", tt.n.op, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		n    node
		args []Tensor
	}{
		{node{op: "Add"}, []Tensor{matrix, floats([]int{2}, 1, 2)}},
		{node{op: "Div"}, []Tensor{ints(nil, 1), ints(nil, 0)}},
		{node{op: "Gather"}, []Tensor{matrix, ints(nil, 2)}},
		{node{op: "Gemm"}, []Tensor{matrix, matrix}},
		{node{op: "Concat", ints: map[string][]int64{"axis": {5}}}, []Tensor{matrix}},
		{node{op: "Cast"}, []Tensor{matrix}},
		{node{op: "Constant"}, nil},
	} {
		if got, err := operators[tt.n.op].run(tt.n, tt.args); err == nil {
			t.Errorf("%s of %v gives %+v, want an error", tt.n.op, tt.args, got)
		}
	}
}

// What is no model, or a piece of one, is an error of one line.
func TestDamagedModels(t *testing.T) {
	for _, content := range []string{"", "no model", "\x3a\x05abc", strings.Repeat("\xff", 40)} {
		if _, err := Parse([]byte(content)); err == nil {
			t.Errorf("%q is taken for a model", content)
		}
	}
	real, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "yahpo-nb301", "model_v2.onnx"))
	if err != nil {
		t.Skip("a real model is not here")
	}
	for n := 0; n < len(real); n += 50021 {
		if m, err := Parse(real[:n]); err == nil {
			if _, err := m.Run(nil); err == nil {
				t.Errorf("the first %d bytes run", n)
			}
		}
	}
	m, err := Parse(real)
	if err != nil {
		t.Fatal(err)
	}
	for name, inputs := range map[string]map[string]Tensor{
		"no input":          nil,
		"a level too large": {"x_cat": {Shape: []int{1, 34}, Ints: slices.Repeat([]int64{9}, 34)}, "x_cont": floats([]int{1, 1}, 1)},
		"too few columns":   {"x_cat": {Shape: []int{1, 3}, Ints: []int64{1, 1, 1}}, "x_cont": floats([]int{1, 1}, 1)},
		"another shape":     {"x_cat": {Shape: []int{2, 34}, Ints: slices.Repeat([]int64{1}, 34)}, "x_cont": floats([]int{1, 1}, 1)},
	} {
		if _, err := m.Run(inputs); err == nil || !strings.HasPrefix(err.Error(), "onnx: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParse looks for a content that makes the reader or the evaluation panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte{0x3a, 0x00})
	f.Fuzz(func(_ *testing.T, content []byte) {
		if m, err := Parse(content); err == nil {
			m.Run(map[string]Tensor{"x": floats([]int{1, 2}, 1, 2)})
		}
	})
}
