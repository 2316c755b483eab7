package cpu

import (
	"strings"
	"testing"

	"idarts/internal/exec"
)

func TestBindErrors(t *testing.T) {
	conv := exec.Instr{
		Op: exec.Conv, Attr: square(3, 1, 1, 1, 1),
		Args: []exec.Tensor{{Space: exec.Images, Shape: exec.Shape{1, 4, 4, 2}}, {Space: exec.Weights, Shape: exec.Shape{3, 3, 2, 4}}},
		Out:  exec.Tensor{Space: exec.Scratch, Shape: exec.Shape{1, 4, 4, 4}},
	}
	vector := func(op exec.Op, out exec.Tensor, args ...exec.Tensor) exec.Instr {
		return exec.Instr{Op: op, Args: args, Out: out}
	}
	at := func(offset, n int) exec.Tensor { return exec.Tensor{Offset: offset, Shape: exec.Vector(n)} }
	for _, tt := range []struct {
		name string
		in   exec.Instr
		edit func(*exec.Instr)
		want string
	}{
		{"memory ends before the tensor", conv, func(in *exec.Instr) { in.Out.Offset = 1 }, "elements 1 to 65 of space scratch, which has 64"},
		{"negative offset", conv, func(in *exec.Instr) { in.Args[0].Offset = -1 }, "argument 0"},
		{"wrong weights", conv, func(in *exec.Instr) { in.Args[1].Shape = exec.Shape{3, 2, 3, 4} }, "weights have shape [3 2 3 4], want [3 3 2 4]"},
		{"wrong result", conv, func(in *exec.Instr) { in.Out.Shape = exec.Shape{1, 4, 2, 4} }, "result has shape [1 4 2 4], want [1 4 4 4]"},
		{"uneven groups", conv, func(in *exec.Instr) { in.Attr.Groups = 3 }, "3 groups"},
		{"negative stride", conv, func(in *exec.Instr) { in.Attr.Stride = -1 }, "stride -1"},
		{"image smaller than the kernel", conv, func(in *exec.Instr) { in.Attr.Dilation = 4 }, "smaller than the kernel"},
		{"unknown operator", conv, func(in *exec.Instr) { in.Op = exec.NumOps }, "unknown operator"},
		{"unknown space", conv, func(in *exec.Instr) { in.Out.Space = exec.NumSpaces }, "unknown space"},
		{"empty tensor", conv, func(in *exec.Instr) { in.Args[0].Shape[0] = 0 }, "want sizes from 1"},
		{"too few arguments", conv, func(in *exec.Instr) { in.Args = in.Args[:1] }, "has 1 arguments, want 2"},
		{"too many arguments", conv, func(in *exec.Instr) { in.Args = append(in.Args, in.Args[0]) }, "has 3 arguments, want 2"},
		{"partial overlap", vector(exec.ReLU, at(0, 8), at(4, 8)), nil, "overlaps argument 0"},
		{"partial overlap from behind", vector(exec.ReLU, at(4, 8), at(0, 8)), nil, "overlaps argument 0"},
		{"overlap of an operator that reads again", vector(exec.ChanSum, at(0, 1), at(0, 1)), nil, "overlaps argument 0"},
		{"different shapes", vector(exec.Add, at(0, 4), at(8, 4), at(16, 3)), nil, "shape [1 1 1 4], want [1 1 1 3]"},
		{"slice past the end", vector(exec.Slice, at(0, 4), at(8, 3)), nil, "channels 0 to 4 of 3"},
		{"padding as wide as the window", exec.Instr{Op: exec.AvgPool, Attr: square(2, 1, 2, 1, 1), Args: conv.Args[:1], Out: conv.Out}, nil, "padding below the window"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.in
			in.Args = append([]exec.Tensor(nil), in.Args...)
			if tt.edit != nil {
				tt.edit(&in)
			}
			mem := new(Memory[float32])
			mem[exec.Scratch], mem[exec.Images], mem[exec.Weights] = make([]float32, 64), make([]float32, 64), make([]float32, 128)
			pool := NewPool(1)
			_, err := Bind(pool, &exec.Program{Phases: [][]exec.Instr{{in}}}, mem)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
	pool := NewPool(1)
	mem := new(Memory[float32])
	mem[exec.Scratch], mem[exec.Images], mem[exec.Weights] = make([]float32, 64), make([]float32, 64), make([]float32, 128)
	if _, err := Bind(pool, &exec.Program{Phases: [][]exec.Instr{{conv}}}, mem); err != nil {
		t.Errorf("the unchanged instruction: %v", err)
	}
}
