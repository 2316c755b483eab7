package opencl

import (
	"os"
	"testing"

	"idarts/internal/exec/gpu"
)

func device(t *testing.T, o Options) *gpu.Device {
	t.Helper()
	d := gpu.New(driver(t, o))
	t.Cleanup(d.Close)
	return d
}

// driver opens the first device, or skips. IDARTS_NEED_OPENCL makes a machine without
// one fail, as continuous integration does.
func driver(t *testing.T, o Options) *Driver {
	t.Helper()
	found, err := List()
	if err != nil || len(found) == 0 {
		if os.Getenv("IDARTS_NEED_OPENCL") != "" {
			t.Fatalf("no OpenCL device, and IDARTS_NEED_OPENCL is set: %v", err)
		}
		t.Skipf("no OpenCL device: install pocl-opencl-icd (%v)", err)
	}
	d, err := Open(0, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
