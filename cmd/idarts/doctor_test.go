package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"idarts/internal/device"
	"idarts/internal/longtest"
)

// The doctor's JSON has all of its fields, for the processor and for a card, with
// numbers that can be.
func TestDoctor(t *testing.T) {
	for _, name := range []string{"cpu", "opencl"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if name == "opencl" {
				longtest.Needed(t)
				d, err := device.Open(name, 32, 1)
				if err != nil && os.Getenv("IDARTS_NEED_OPENCL") != "" {
					t.Fatalf("no OpenCL device, and IDARTS_NEED_OPENCL is set: %v", err)
				}
				if err != nil {
					t.Skipf("no OpenCL device: install pocl-opencl-icd (%v)", err)
				}
				d.Close()
			}
			out, text, status := command(t, "doctor", "--device", name, "--quick", "--json")
			if status != 0 || text != "" {
				t.Fatalf("status %d: %s", status, text)
			}
			decoder := json.NewDecoder(strings.NewReader(out))
			decoder.DisallowUnknownFields()
			var r doctorReport
			if err := decoder.Decode(&r); err != nil {
				t.Fatal(err)
			}
			var fields map[string]any
			if err := json.Unmarshal([]byte(out), &fields); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{
				"versions.idarts", "processor", "cores", "memory", "device.name", "device.class", "device.bits", "device.workers",
				"conformance.programs", "conformance.failed", "conformance.worst_deviation", "conformance.worst_case", "conformance.limit",
				"supernets.0.name", "supernets.0.memory_bytes", "supernets.0.scratch_bytes", "supernets.0.image_size",
				"supernets.0.phases.0.name", "supernets.0.phases.0.ms", "supernets.0.phases.0.launches", "supernets.0.phases.0.gflop",
				"projections", "checks.0.name", "checks.0.text", "checks.0.broken", "broken", "self_test", "device.card",
			} {
				if _, ok := field(fields, strings.Split(path, ".")); !ok {
					t.Errorf("no field %s", path)
				}
			}
			card := name != "cpu"
			if r.Broken != 0 || r.Conformance.Programs < 300 || r.Conformance.Failed != 0 || !(r.Conformance.Worst > 0) || r.Conformance.Case == "" {
				t.Errorf("broken %d, conformance %+v", r.Broken, r.Conformance)
			}
			if len(r.Supernets) != 1 || len(r.Supernets[0].Phases) != 6 || len(r.Projections) != 0 {
				t.Fatalf("supernets %+v, projections %+v, want 6 phases of one, which projects nothing", r.Supernets, r.Projections)
			}
			for _, p := range r.Supernets[0].Phases {
				if !(p.Milliseconds > 0) || !(p.GFLOP > 0) || (p.Launches > 0) != card {
					t.Errorf("phase %+v", p)
				}
			}
			if (r.SelfTest != nil) != card || (r.Device.Card != nil) != card {
				t.Fatalf("self-test %+v, card %+v", r.SelfTest, r.Device.Card)
			}
			if !card {
				return
			}
			if r.SelfTest.Tried < 30 || len(r.SelfTest.Wrong) > 0 {
				t.Errorf("self-test %+v", r.SelfTest)
			}
			c := *r.Device.Card
			for _, tt := range []struct {
				name      string
				got       float64
				low, high float64
			}{
				{"memory", float64(c.Memory), 1e8, 1e13}, {"largest block", float64(c.LargestBlock), 1e7, float64(c.Memory)},
				{"asking for a launch, us", c.Enqueued, 0.01, c.Done}, {"a launch, us", c.Done, 0.1, 1e5}, {"a launch that is waited for, us", c.Waited, 0.1, 1e5},
				{"upload, GB/s", c.Upload, 1e-3, 1e3}, {"download, GB/s", c.Download, 1e-3, 1e3},
				{"peak, GFLOP/s", c.Peak, 0.01, 1e6}, {"copy, GB/s", c.Copy, 1e-3, 1e5}, {"axpy, GB/s", c.Axpy, 1e-3, 1e5},
			} {
				if !(tt.got >= tt.low && tt.got <= tt.high) {
					t.Errorf("%s: %v, want %v to %v", tt.name, tt.got, tt.low, tt.high)
				}
			}
		})
	}
}

// field follows names and numbers through JSON.
func field(v any, path []string) (any, bool) {
	for _, name := range path {
		switch at := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = at[name]; !ok {
				return nil, false
			}
		case []any:
			if name != "0" || len(at) == 0 {
				return nil, false
			}
			v = at[0]
		default:
			return nil, false
		}
	}
	return v, true
}

// What is broken is one line, and the doctor does not go on to what takes long.
func TestDoctorOfBrokenThings(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, text, status := command(t, "doctor", "--device", "cpu", "--table", "file", "--out", "file/out", "--data", "none")
	if status != statusFailed || strings.Count(out, "BROKEN: ") != 3 || !strings.Contains(text, "3 checks failed") || strings.Contains(out, "conformance") {
		t.Errorf("status %d, %q:\n%s", status, text, out)
	}
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			t.Errorf("an empty line in\n%s", out)
		}
	}
}
