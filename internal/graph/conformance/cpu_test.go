package conformance_test

import (
	"fmt"
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/graph/conformance"
)

// The CPU device runs every case's program, derivatives included, and agrees
// with the reference kernels in both precisions.
func TestCPU(t *testing.T) {
	pool := cpu.NewPool(2)
	defer pool.Close()
	ran := 0
	worst := map[string]float64{}
	for _, c := range conformance.Cases() {
		p, err := c.Lower()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []struct {
			name  string
			run   func() ([exec.NumSpaces][]float64, error)
			limit float64 // of the error, in units of the largest entry
		}{
			{"float64", func() ([exec.NumSpaces][]float64, error) { return device[float64](pool, p) }, 1e-12},
			{"float32", func() ([exec.NumSpaces][]float64, error) { return device[float32](pool, p) }, 5e-5},
		} {
			got, err := d.run()
			if err != nil {
				t.Errorf("%s, %s: %v", c.Name, d.name, err)
				continue
			}
			want := p.Run(p.Inputs, 0, 1)
			for _, space := range []exec.Space{exec.Logits, exec.Loss, exec.WeightGrad, exec.HessianVec} {
				scale, diff := 1.0, 0.0
				for i, w := range want[space] {
					scale = math.Max(scale, math.Abs(w))
					if e := math.Abs(got[space][i] - w); !(e <= diff) {
						diff = e
					}
				}
				worst[d.name] = math.Max(worst[d.name], diff/scale)
				if !(diff/scale <= d.limit) {
					t.Errorf("%s, %s: %v is %v apart from the reference, want <= %v", c.Name, d.name, space, diff/scale, d.limit)
				}
			}
			ran++
		}
	}
	t.Log(fmt.Sprintf("%d programs ran; at most %.1e apart in float64, %.1e in float32", ran, worst["float64"], worst["float32"]))
	if ran < 600 {
		t.Errorf("%d programs ran, want 600 or more", ran)
	}
}

// device runs both phases of a case and returns all memory as float64.
func device[T cpu.Float](pool *cpu.Pool, p *conformance.Problem) (out [exec.NumSpaces][]float64, err error) {
	mem := cpu.NewMemory[T](p.Program)
	for space := range mem {
		for i, v := range p.Inputs[space] {
			mem[space][i] = T(v)
		}
	}
	e, err := cpu.Bind(pool, p.Program, mem)
	if err != nil {
		return out, err
	}
	e.Run(0)
	e.Run(1)
	for space := range mem {
		out[space] = make([]float64, len(mem[space]))
		for i, v := range mem[space] {
			out[space][i] = float64(v)
		}
	}
	return out, nil
}
