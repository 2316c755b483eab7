// Package gputest is what the tests of all drivers have in common.
package gputest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/graph/conformance"
)

// Conformance runs every case's program on a device, derivatives included, and compares
// it with the reference kernels, whatever the program was lowered for. It returns the
// hash of all results.
func Conformance(t *testing.T, d exec.Device) string {
	t.Helper()
	ran, worst, hash := 0, 0.0, sha256.New()
	met := map[exec.Op]bool{}
	for _, c := range conformance.Cases() {
		for _, target := range []exec.Target{d.Target(), {}} {
			p, err := c.Lower(target)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Run(d, p)
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
				binary.Write(hash, binary.LittleEndian, got[space])
			}
			ran++
		}
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	t.Logf("%s: %d programs, at most %.1e apart, %.16s", d.Name(), ran, worst, sum)
	for op := exec.Op(0); op < exec.Zero; op++ {
		if !met[op] {
			t.Errorf("no program has %v", op)
		}
	}
	return sum
}

// Run runs both phases of a case and returns all memory.
func Run(d exec.Device, p *conformance.Problem) (out [exec.NumSpaces][]float64, err error) {
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
