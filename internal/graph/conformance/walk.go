package conformance

import (
	"fmt"
	"math"

	"idarts/internal/exec"
)

// Limit is how far a device of so many bits may be from the reference, see
// [Outcome.Apart].
func Limit(bits int) float64 {
	if bits == 64 {
		return 1e-12
	}
	return 5e-5
}

// Outcome is one program on a device.
type Outcome struct {
	*Problem
	Target    exec.Target
	Got, Want [exec.NumSpaces][]float64 // all memory after both phases
	Apart     float64                   // the largest error of an output, in units of its largest entry or 1
	Worst     exec.Space                // the output with that error
	Err       error                     // why there is none of this
}

// Outputs are the spaces in which a device is compared with the reference.
var Outputs = []exec.Space{exec.Logits, exec.Loss, exec.WeightGrad, exec.HessianVec}

// Walk runs the programs of all cases, derivatives included, on a device, lowered for
// each of the targets, and gives each what came out beside what the reference kernels
// make of it in float64. It ends early where each returns false.
func Walk(d exec.Device, targets []exec.Target, each func(Outcome) bool) {
	for _, c := range Cases() {
		for _, target := range targets {
			if !each(c.outcome(d, target)) {
				return
			}
		}
	}
}

func (c Case) outcome(d exec.Device, target exec.Target) Outcome {
	o := Outcome{Target: target}
	if o.Problem, o.Err = c.Lower(target); o.Err != nil {
		return o
	}
	if o.Got, o.Err = o.On(d); o.Err != nil {
		o.Err = fmt.Errorf("conformance: %s: %w", c.Name, o.Err)
		return o
	}
	o.Want = *o.Run(o.Inputs, 0, 1)
	for _, s := range Outputs {
		if apart := apart(o.Got[s], o.Want[s]); !(apart <= o.Apart) && !math.IsNaN(o.Apart) {
			o.Apart, o.Worst = apart, s
		}
	}
	return o
}

// apart is the largest difference in units of the largest wanted entry, or of 1. It is
// not a number where a difference is none.
func apart(got, want []float64) float64 {
	scale, diff := 1.0, 0.0
	for i, w := range want {
		scale = math.Max(scale, math.Abs(w))
		if e := math.Abs(got[i] - w); !(e <= diff) {
			diff = e
			if math.IsNaN(e) {
				return e
			}
		}
	}
	return diff / scale
}

// On runs both phases of p on a device and returns all memory.
func (p *Problem) On(d exec.Device) (out [exec.NumSpaces][]float64, err error) {
	defer exec.Recover(&err)
	mem := d.NewMemory()
	for space, n := range p.Program.Size {
		mem.Resize(exec.Space(space), n)
		mem.Region(exec.Space(space)).Write(p.Inputs[space])
	}
	for phase := range p.Program.Phases {
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
