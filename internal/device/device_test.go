package device

import (
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bits  int
		class string
	}{
		{"auto", 32, "cpu float32 fma v2"},
		{"", 32, "cpu float32 fma v2"},
		{"cpu", 32, "cpu float32 fma v2"},
		{"cpu", 64, "cpu float64 fma v2"},
		{"cpu:plain", 32, "cpu float32 fma v2"},
		{"cpu:plain", 64, "cpu float64 fma v2"},
	} {
		d, err := Open(tt.name, tt.bits, 2)
		if err != nil {
			t.Fatal(err)
		}
		if d.Class() != tt.class || d.Workers() != 2 {
			t.Errorf("%q with %d bits is %s with %d workers, want %s with 2", tt.name, tt.bits, d.Class(), d.Workers(), tt.class)
		}
		d.Close()
	}
	for _, open := range []func() error{
		func() error { _, err := Open("gpu", 32, 1); return err },
		func() error { _, err := Class("gpu"); return err },
		func() error { _, err := Open("cpu:gpu", 32, 1); return err },
	} {
		if err := open(); err == nil || !strings.Contains(err.Error(), `"gpu"`) || !strings.Contains(err.Error(), `plain"`) {
			t.Errorf("an unknown device gives %v, want an error that lists those there are", err)
		}
	}
}

// A device that is not there is refused before it is opened, in the words of what was
// asked for.
func TestClassOfADeviceThatIsNotThere(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"opencl:99", `device 99`},
		{"opencl:x", `"x" is no number of a device`},
		{"cuda:-1", `"-1" is no number of a device`},
	} {
		_, err := Class(tt.name)
		if tt.name == "opencl:99" && err != nil && strings.Contains(err.Error(), "no driver") {
			continue // nothing of OpenCL is installed
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "nil") {
			t.Errorf("%q: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
