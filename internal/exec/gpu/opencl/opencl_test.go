package opencl

import (
	"os"
	"testing"

	"idarts/internal/exec/gpu"
)

// device opens the first device, or skips. IDARTS_NEED_OPENCL makes a machine without
// one fail, as continuous integration does.
func device(t *testing.T, o Options) *gpu.Device {
	t.Helper()
	found, err := List()
	if err != nil || len(found) == 0 {
		if os.Getenv("IDARTS_NEED_OPENCL") != "" {
			t.Fatalf("no OpenCL device, and IDARTS_NEED_OPENCL is set: %v", err)
		}
		t.Skipf("no OpenCL device: install pocl-opencl-icd (%v)", err)
	}
	driver, err := Open(0, o)
	if err != nil {
		t.Fatal(err)
	}
	d := gpu.New(driver)
	t.Cleanup(d.Close)
	return d
}
