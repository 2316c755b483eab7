// Package gputest is what the tests of all drivers have in common.
package gputest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"strings"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/kernels"
	"idarts/internal/exec/gpu/opencl"
	"idarts/internal/graph/conformance"
)

// OpenCL opens the first device that OpenCL finds, or skips. IDARTS_NEED_OPENCL makes a
// machine without one fail, as continuous integration does. Who takes the driver closes
// it.
func OpenCL(t testing.TB, o opencl.Options) *opencl.Driver {
	t.Helper()
	found, err := opencl.List()
	if err != nil || len(found) == 0 {
		if os.Getenv("IDARTS_NEED_OPENCL") != "" {
			t.Fatalf("no OpenCL device, and IDARTS_NEED_OPENCL is set: %v", err)
		}
		t.Skipf("no OpenCL device: install pocl-opencl-icd (%v)", err)
	}
	d, err := opencl.Open(0, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Device is the device behind [OpenCL], closed when the test ends.
func Device(t testing.TB) *gpu.Device {
	t.Helper()
	d := gpu.New(OpenCL(t, opencl.Options{}))
	t.Cleanup(d.Close)
	return d
}

// OtherBits are the kernels with roots that are not rounded correctly.
func OtherBits(t testing.TB) string {
	t.Helper()
	const root, other = "#define SQRT(x) sqrt(x)", "#define SQRT(x) ((x) * (1.0f / sqrt(x)))"
	source := strings.ReplaceAll(kernels.Source(), root, other)
	if source == kernels.Source() {
		t.Fatalf("the kernels have no %q", root)
	}
	return source
}

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
