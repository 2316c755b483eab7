package cpu

import (
	"math"
	"sync"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

// workload is one instruction in memory, each argument apart from the others, with
// the reference's result.
type workload struct {
	instr
	program *exec.Program
	args    [][]float64
	want    []float64
}

// table is the workload of every case.
var table = sync.OnceValue(func() []workload {
	var list []workload
	for _, c := range cases() {
		list = append(list, c.workload())
	}
	return list
})

func (c instr) workload() workload {
	r := rng.New(1, "cpu-test")
	w := workload{instr: c}
	in := exec.Instr{Op: c.op, Attr: c.attr}
	size := 0
	put := func(s exec.Shape) exec.Tensor {
		at := exec.Tensor{Space: exec.Scratch, Offset: size, Shape: s}
		size += s.Len()
		return at
	}
	for i, s := range c.args {
		in.Args = append(in.Args, put(s))
		data := make([]float64, s.Len())
		for k := range data {
			data[k] = float64(float32(r.NormFloat64()))
		}
		switch c.marks[i] {
		case "positive":
			for k := range data {
				data[k] = float64(float32(0.5 + r.Float64()))
			}
		case "targets":
			for row := 0; row < len(data); row += s[3] {
				clear(data[row : row+s[3]])
				data[row+r.IntN(s[3])] = 0.75
				data[row+r.IntN(s[3])] += 0.25
			}
		case "stats":
			ref.Do(exec.BNStats, exec.Attr{Eps: 1e-5}, w.args[:1], c.args[:1], data, s)
			for k := range data {
				data[k] = float64(float32(data[k]))
			}
		case "index":
			image, index := c.out, s
			if c.op == exec.MaxGather {
				image = c.args[1]
			}
			x := make([]float64, image.Len())
			for k := range x {
				x[k] = r.NormFloat64()
			}
			ref.Do(exec.MaxPoolIndex, c.attr, [][]float64{x}, []exec.Shape{image}, data, index)
		}
		w.args = append(w.args, data)
	}
	in.Out = put(c.out)
	w.program = &exec.Program{Phases: [][]exec.Instr{{in}}}
	w.program.Size[exec.Scratch] = size
	w.want = make([]float64, c.out.Len())
	ref.Do(c.op, c.attr, w.args, c.args, w.want, c.out)
	return w
}

// result runs the workload from a result full of rubbish.
func result[T Float](t testing.TB, w workload, workers int, k *kernels[T]) []T {
	t.Helper()
	mem := NewMemory[T](w.program)
	load(mem, w)
	pool := NewPool(workers)
	defer pool.Close()
	e, err := bind(pool, w.program, mem, k, 0)
	if err != nil {
		t.Fatal(err)
	}
	e.Run(0)
	e.Run(0) // workspace of a first run must not matter
	return block(mem, w.program.Phases[0][0].Out)
}

func load[T Float](mem *Memory[T], w workload) {
	in := w.program.Phases[0][0]
	for i := range block(mem, in.Out) {
		block(mem, in.Out)[i] = T(math.NaN())
	}
	for i, a := range in.Args {
		for k, v := range w.args[i] {
			block(mem, a)[k] = T(v)
		}
	}
}

// compare allows an error of tol times the largest result.
func compare[T Float](t *testing.T, c instr, name string, got []T, want []float64, tol float64) {
	t.Helper()
	scale := 1.0
	for _, v := range want {
		scale = max(scale, math.Abs(v))
	}
	for i, v := range got {
		if d := math.Abs(float64(v) - want[i]); !(d <= tol*scale) {
			t.Errorf("%v: %s: result %d = %v, want %v", c, name, i, v, want[i])
			return
		}
	}
}

func sameBits[T Float](t *testing.T, c instr, got, want []T) {
	t.Helper()
	for i := range got {
		if math.Float64bits(float64(got[i])) != math.Float64bits(float64(want[i])) {
			t.Errorf("%v: result %d = %v, want %v", c, i, got[i], want[i])
			return
		}
	}
}
