package opencl_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/gpu/kernels"
	"idarts/internal/exec/gpu/opencl"
)

// opening marks a process that says what comes of opening device 0.
const opening = "IDARTS_TEST_OPENING"

func TestOpenInChild(t *testing.T) {
	if os.Getenv(opening) == "" {
		t.Skip("runs in processes of TestBadDrivers")
	}
	d, err := opencl.Open(0, opencl.Options{})
	if err != nil {
		fmt.Println("refused: " + err.Error())
		return
	}
	d.Close()
	fmt.Println("opened")
}

// A library or device that cannot be used is refused in one line, which says what to do
// or what is too little.
func TestBadDrivers(t *testing.T) {
	gputest.OpenCL(t, opencl.Options{}).Close()
	for _, tt := range []struct{ name, setting, want string }{
		{"good", "", "opened"},
		{"no library", "IDARTS_OPENCL=libnone.so.1", "install the card's, or pocl-opencl-icd"},
		{"another library", "IDARTS_OPENCL=libm.so.6", "libm.so.6: function cl"},
		{"no platform", "OCL_ICD_VENDORS=" + t.TempDir() + "/", "the library is there, and no device; install"},
		{"small groups", "POCL_MAX_WORK_GROUP_SIZE=32", "threads in a group, and the device has no more than 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestOpenInChild$")
			cmd.Env = append(os.Environ(), opening+"=1", tt.setting)
			out, err := cmd.CombinedOutput()
			said, _, _ := strings.Cut(string(out), "\nPASS")
			if err != nil || !strings.Contains(said, tt.want) || strings.Contains(said, "\n") {
				t.Errorf("it says %q (%v), want one line with %q", said, err, tt.want)
			}
		})
	}
	source := strings.Replace(kernels.Source(), "op_tape(PROGRAM) {", "op_tape(PROGRAM) { nonsense;", 1)
	if _, err := opencl.Open(0, opencl.Options{Source: source}); err == nil || !strings.Contains(err.Error(), "nonsense") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a kernel that does not compile gives %q", err)
	}
	if _, err := opencl.Open(99, opencl.Options{}); err == nil || !strings.Contains(err.Error(), "no device 99, want one of opencl:0 (") {
		t.Errorf("a device that is not there gives %q", err)
	}
}
