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
	for _, d := range []exec.Device{double, single} {
		ran, worst, limit := 0, 0.0, conformance.Limit(d.Bits())
		conformance.Walk(d, []exec.Target{d.Target(), {}}, func(o conformance.Outcome) bool {
			if o.Err != nil {
				t.Errorf("%s: %v", d.Class(), o.Err)
				return true
			}
			worst = math.Max(worst, o.Apart)
			if !(o.Apart <= limit) {
				t.Errorf("%s, %s, %+v: %v is %v apart from the reference, want <= %v", o.Name, d.Class(), o.Target, o.Worst, o.Apart, limit)
			}
			ran++
			return true
		})
		t.Logf("%s: %d programs ran, at most %.1e apart", d.Class(), ran, worst)
		if ran < 600 {
			t.Errorf("%s: %d programs ran, want 600 or more", d.Class(), ran)
		}
	}
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
		want, err := p.On(d)
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
