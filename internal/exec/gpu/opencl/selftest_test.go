package opencl_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/gpu/kernels"
	"idarts/internal/exec/gpu/opencl"
	"idarts/internal/longtest"
)

var update = flag.Bool("update", false, "write the hashes of the self-test again")

// Every kernel is tried, and gives the bits that are written down.
func TestSelfTest(t *testing.T) {
	d := gputest.OpenCL(t, opencl.Options{})
	defer d.Close()
	tried, err := gpu.SelfTests(d)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("../selftest.golden", []byte(gpu.GoldenLines(tried)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	met := map[string]bool{}
	for _, one := range tried {
		if !one.Same() {
			t.Errorf("self-test %q of %q gives %s, want %q; run make kernels if the kernels have changed", one.Name, one.Kernels, one.Bits, one.Want)
		}
		for _, k := range one.Kernels {
			met[k] = true
		}
	}
	for _, k := range d.Kernels() {
		if !met[k] {
			t.Errorf("kernel %q is in no self-test: add a row in gpu/selftest.go", k)
		}
	}
}

// Devices that round otherwise are found, each by a kernel where it does.
func TestSelfTestFindsOtherBits(t *testing.T) {
	source := kernels.Source()
	type fault struct {
		name, from, to string
		kernels        []string // among those that are found
	}
	faults := []fault{
		{"products that are rounded before they are added", "#define FMA(a, b, c) fma(a, b, c)", "#define FMA(a, b, c) ((a) * (b) + (c))",
			[]string{"op_conv", "op_conv_grad_input", "op_conv_grad_weight", "op_chan_lin", "op_dot", "op_tape", "vec_axpy", "vec_dot", "vec_sgd", "bn_average"}},
		{"roots that are not rounded", "#define SQRT(x) sqrt(x)", "#define SQRT(x) ((x) * (1.0f / sqrt(x)))", []string{"op_bn_stats", "op_rsqrt", "op_tape"}},
		{"sums in another order", "for (uint half_ = (threads) / 2; half_ > 0; half_ /= 2) {      \\\n		if (tid() < half_)",
			"for (uint half_ = 1; half_ < (threads); half_ *= 2) { \\\n		if (tid() % (2 * half_) == 0)", []string{"op_chan_sum", "op_row_dot", "op_bn_grad", "op_conv_grad_weight", "vec_sum"}},
		{"subnormal results that are zero", "OUT[i] = X(0)[i] * X(1)[i];", "const float z = X(0)[i] * X(1)[i]; OUT[i] = fabs(z) < 1.17549435e-38f ? 0.0f : z;", []string{"op_mul"}},
		{"subnormal numbers that are taken for zero", "OUT[i] = rectified(X(0)[i]);", "OUT[i] = X(0)[i] < 1.17549435e-38f ? 0.0f : rectified(X(0)[i]);", []string{"op_relu"}},
		{"division by a reciprocal", "OUT[i] = X(0)[i] / X(1)[i];", "OUT[i] = X(0)[i] * (1.0f / X(1)[i]);", []string{"op_div"}},
	}
	for _, tt := range longtest.Of(nil, faults[:2], faults) { // each compiles all kernels
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(source, tt.from) {
				t.Fatalf("the source has no %q", tt.from)
			}
			d := gputest.OpenCL(t, opencl.Options{Source: strings.ReplaceAll(source, tt.from, tt.to)})
			defer d.Close()
			tried, err := gpu.SelfTests(d)
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, one := range tried {
				if !one.Same() {
					found = append(found, one.Kernels...)
				}
			}
			for _, k := range tt.kernels {
				if !slices.Contains(found, k) {
					t.Errorf("%s is not found; found are %q", k, found)
				}
			}
			if err := gpu.SelfTest(d); err == nil || !strings.Contains(err.Error(), d.Name()) || !strings.Contains(err.Error(), found[0]) {
				t.Errorf("error %v, want one that names the device and %s", err, found[0])
			}
		})
	}
}

// A device that fails in the self-test says so.
func TestSelfTestFails(t *testing.T) {
	d := gputest.OpenCL(t, opencl.Options{Source: strings.ReplaceAll(kernels.Source(), "op_concat", "op_joined")})
	defer d.Close()
	if err := gpu.SelfTest(d); err == nil || !strings.Contains(err.Error(), `no kernel "op_concat"`) {
		t.Errorf("error %v", err)
	}
}

// A device with other bits is refused, or has a class of its own.
func TestOtherBitsAreAnotherClass(t *testing.T) {
	d, err := gpu.Tested(gputest.OpenCL(t, opencl.Options{}), false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	source := gputest.OtherBits(t)
	if _, err := gpu.Tested(gputest.OpenCL(t, opencl.Options{Source: source}), false); err == nil || !strings.Contains(err.Error(), "other bits") {
		t.Errorf("error %v, want a refusal", err)
	}
	other, err := gpu.Tested(gputest.OpenCL(t, opencl.Options{Source: source}), true)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if d.Class() != gpu.Class || !strings.HasPrefix(other.Class(), gpu.Class+" other bits ") {
		t.Errorf("the classes are %q and %q", d.Class(), other.Class())
	}
	if _, err := gpu.Tested(gputest.OpenCL(t, opencl.Options{Source: strings.ReplaceAll(kernels.Source(), "op_concat", "op_joined")}), true); err == nil {
		t.Error("a device that fails is taken")
	}
}
