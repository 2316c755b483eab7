package conformance_test

import (
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/graph/conformance"
)

// spoilt is a device that gives a wrong number where it is asked for an output.
type spoilt struct {
	exec.Device
	by float64
}

func (s spoilt) NewMemory() exec.Memory { return spoiltMemory{s.Device.NewMemory(), s.by} }

type spoiltMemory struct {
	exec.Memory
	by float64
}

func (m spoiltMemory) Region(s exec.Space) exec.Vec {
	v := m.Memory.Region(s)
	if s == exec.HessianVec {
		return spoiltVec{v, m.by}
	}
	return v
}

type spoiltVec struct {
	exec.Vec
	by float64
}

func (v spoiltVec) Read(dst []float64) {
	v.Vec.Read(dst)
	dst[len(dst)-1] += v.by
}

// A walk finds one wrong number and says in which output it is, also where it is none.
func TestWalkFindsErrors(t *testing.T) {
	d := cpu.Open[float64](1)
	defer d.Close()
	for _, by := range []float64{0, 0.5, math.NaN()} {
		programs := 0
		conformance.Walk(spoilt{d, by}, []exec.Target{{}}, func(o conformance.Outcome) bool {
			programs++
			wrong := !(o.Apart <= conformance.Limit(64))
			if o.Err != nil || wrong != (by != 0) || wrong && o.Worst != exec.HessianVec {
				t.Errorf("%s with %v added: %v apart in %v, error %v", o.Name, by, o.Apart, o.Worst, o.Err)
			}
			return programs < 5
		})
		if programs != 5 {
			t.Errorf("%d programs ran, want the walk to end after 5", programs)
		}
	}
}
