package opencl_test

import (
	"testing"

	"idarts/internal/exec/gpu/gputest"
)

// The device runs every case's program, derivatives included, and agrees with the
// reference kernels, whatever the program was lowered for.
func TestConformance(t *testing.T) { gputest.Conformance(t, gputest.Device(t)) }
