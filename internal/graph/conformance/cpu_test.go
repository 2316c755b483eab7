package conformance_test

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/graph/conformance"
)

// The device runs every case's program, derivatives included, and agrees with the
// reference kernels in both precisions, whatever the program was lowered for.
func TestCPU(t *testing.T) {
	double, single := cpu.Open[float64](2), cpu.Open[float32](2)
	defer double.Close()
	defer single.Close()
	for _, d := range []struct {
		exec.Device
		limit float64 // of the error, in units of the largest entry
	}{{double, 1e-12}, {single, 5e-5}} {
		ran, worst := 0, 0.0
		for _, c := range conformance.Cases() {
			for _, target := range []exec.Target{d.Target(), {}} {
				p, err := c.Lower(target)
				if err != nil {
					t.Fatal(err)
				}
				got, err := run(d, p)
				if err != nil {
					t.Errorf("%s, %s: %v", c.Name, d.Class(), err)
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
					worst = math.Max(worst, diff/scale)
					if !(diff/scale <= d.limit) {
						t.Errorf("%s, %s, %+v: %v is %v apart from the reference, want <= %v", c.Name, d.Class(), target, space, diff/scale, d.limit)
					}
				}
				ran++
			}
		}
		t.Logf("%s: %d programs ran, at most %.1e apart", d.Class(), ran, worst)
		if ran < 600 {
			t.Errorf("%s: %d programs ran, want 600 or more", d.Class(), ran)
		}
	}
}

// run runs both phases of a case and returns all memory.
func run(d exec.Device, p *conformance.Problem) (out [exec.NumSpaces][]float64, err error) {
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

// Spaces that lie in a caller's vectors give the bits that they give in memory.
func TestCPUWorksOnVectorsOfTheCaller(t *testing.T) {
	d := cpu.Open[float32](2)
	defer d.Close()
	for _, c := range conformance.Cases() {
		p, err := c.Lower(d.Target())
		if err != nil {
			t.Fatal(err)
		}
		want, err := run(d, p)
		if err != nil {
			t.Fatal(err)
		}
		mem, elsewhere := d.NewMemory(), map[exec.Space]exec.Vec{}
		for space, n := range p.Program.Size {
			switch s := exec.Space(space); s {
			case exec.WeightGrad, exec.Direction, exec.HessianVec:
				elsewhere[s] = d.NewVec(n)
				elsewhere[s].Write(p.Inputs[s])
			default:
				mem.Resize(s, n)
				mem.Region(s).Write(p.Inputs[s])
			}
		}
		for phase := range 2 {
			bound, err := mem.Bind(p.Program, phase, elsewhere)
			if err != nil {
				t.Fatal(err)
			}
			bound.Run()
		}
		for s, v := range elsewhere {
			got := make([]float64, v.Len())
			if v.Read(got); !slices.Equal(got, want[s]) {
				t.Errorf("%s: %v in a vector is not what it is in memory", c.Name, s)
			}
		}
	}
}
