package cpu

import (
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

// Behind a ReLU most windows hold several zeros: the first of equal values wins.
// A NaN wins only where the window begins with it, and zeros keep their sign.
func TestMaximaOfFewValues(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), -1, 1, 0, math.NaN()}
	r := rng.New(2, "cpu-test")
	ran := 0
	for _, c := range cases() {
		if c.op != exec.MaxPoolIndex && c.op != exec.MaxGather && c.op != exec.MaxScatter {
			continue
		}
		w := c.workload()
		arg := w.args[len(w.args)-1]
		for i := range arg {
			arg[i] = values[r.IntN(len(values))]
		}
		ref.Do(c.op, c.attr, w.args, c.args, w.want, c.out)
		for _, k := range []*kernels[float32]{portable[float32](), native[float32]()} {
			got := result(t, w, 1, k)
			for i, v := range got {
				if want := w.want[i]; v != float32(want) && !(v != v && want != want) || math.Signbit(float64(v)) != math.Signbit(want) && v == v {
					t.Fatalf("%v: result %d = %v, want %v", c, i, v, want)
				}
			}
		}
		ran++
	}
	t.Logf("%d instructions", ran)
}

func TestGatherOutsideTheImageIsZero(t *testing.T) {
	c := instr{op: exec.MaxGather, attr: square(3, 1, 1, 1, 1), out: exec.Shape{1, 2, 2, 1}, args: []exec.Shape{{1, 2, 2, 1}, {1, 2, 2, 1}}}
	w := c.workload()
	w.args[0], w.args[1] = []float64{0, 3, 4, 8}, []float64{1, 2, 3, 4}
	if got, want := [4]float32(result(t, w, 1, native[float32]())), [4]float32{0, 1, 3, 0}; got != want {
		t.Errorf("result = %v, want %v", got, want)
	}
}
