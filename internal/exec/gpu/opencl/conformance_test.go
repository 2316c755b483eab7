package opencl

import (
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/graph/conformance"
)

// The device runs every case's program, derivatives included, and agrees with the
// reference kernels, whatever the program was lowered for.
func TestConformance(t *testing.T) {
	d := device(t, Options{})
	ran, worst := 0, 0.0
	met := map[exec.Op]bool{}
	for _, c := range conformance.Cases() {
		for _, target := range []exec.Target{d.Target(), {}} {
			p, err := c.Lower(target)
			if err != nil {
				t.Fatal(err)
			}
			got, err := run(d, p)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			for _, phase := range p.Program.Phases {
				for _, in := range phase {
					met[in.Op] = true
				}
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
				worst = math.Max(worst, diff/scale)
				if !(diff/scale <= 5e-5) {
					t.Errorf("%s, %+v: %v is %v apart from the reference, want <= 5e-5", c.Name, target, space, diff/scale)
				}
			}
			ran++
		}
	}
	t.Logf("%s: %d programs, at most %.1e apart", d.Name(), ran, worst)
	for op := exec.Op(0); op < exec.Zero; op++ {
		if !met[op] {
			t.Errorf("no program has %v", op)
		}
	}
}

// run runs both phases of a case and returns all memory.
func run(d exec.Device, p *conformance.Problem) (out [exec.NumSpaces][]float64, err error) {
	defer exec.Recover(&err)
	mem := d.NewMemory()
	for space, n := range p.Program.Size {
		mem.Resize(exec.Space(space), n)
		mem.Region(exec.Space(space)).Write(p.Inputs[space])
	}
	for phase := range 2 {
		bound, err := mem.Bind(p.Program, phase, nil)
		if err != nil {
			return out, err
		}
		bound.Run()
	}
	for space, n := range p.Program.Size {
		out[space] = make([]float64, n)
		mem.Region(exec.Space(space)).Read(out[space])
	}
	return out, nil
}
