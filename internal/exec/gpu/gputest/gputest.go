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
	conformance.Walk(d, []exec.Target{d.Target(), {}}, func(o conformance.Outcome) bool {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		for _, phase := range o.Program.Phases {
			for _, in := range phase {
				met[in.Op] = true
			}
		}
		worst = math.Max(worst, o.Apart)
		if limit := conformance.Limit(32); !(o.Apart <= limit) {
			t.Errorf("%s, %+v: %v is %v apart from the reference, want <= %v", o.Name, o.Target, o.Worst, o.Apart, limit)
		}
		for _, space := range conformance.Outputs {
			binary.Write(hash, binary.LittleEndian, o.Got[space])
		}
		ran++
		return true
	})
	sum := hex.EncodeToString(hash.Sum(nil))
	t.Logf("%s: %d programs, at most %.1e apart, %.16s", d.Name(), ran, worst, sum)
	for op := exec.Op(0); op < exec.Zero; op++ {
		if !met[op] {
			t.Errorf("no program has %v", op)
		}
	}
	return sum
}
