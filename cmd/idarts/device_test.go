package main

import (
	"strings"
	"testing"

	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/longtest"
	"idarts/internal/result"
)

// A card that rounds otherwise is passed over by auto with a line, refused by its name, and
// taken by --device-any, which its results say.
func TestCardWithOtherBits(t *testing.T) {
	longtest.Needed(t)
	if testing.Short() {
		t.Skip("compiles kernels")
	}
	cudatest.Fake(t, "SOURCE="+cudatest.OtherBits(t))
	t.Chdir(t.TempDir())
	run := func(device ...string) (string, int) {
		args := []string{"run", "--space", "nb201", "--protocol", "quick", "--methods", "random", "--seeds", "0", "--out", "out" + strings.Join(device, "")}
		for _, d := range device {
			args = append(args, "--device"+d)
		}
		_, text, status := command(t, args...)
		return text, status
	}
	const reason = "gives other bits than on other devices"
	if text, status := run("=auto"); status != 0 || strings.Count(text, reason) != 1 || !strings.HasPrefix(text, "auto is cpu: ") {
		t.Errorf("auto ends with %d and says %q", status, text)
	}
	if text, status := run("=cuda"); status == 0 || !strings.Contains(text, reason) || strings.Count(strings.TrimSpace(text), "\n") > 0 {
		t.Errorf("cuda ends with %d and says %q", status, text)
	}
	if text, status := run("=cuda", "-any"); status != 0 {
		t.Errorf("cuda and any end with %d and say %q", status, text)
	}
	runs, faults, err := result.Load("out=cuda-any")
	if err != nil || len(faults) > 0 || len(runs) != 1 || !strings.HasPrefix(runs[0].Config.Numbers.Device, "gpu float32 other bits ") {
		t.Errorf("%d runs, faults %v, %v; the class is %+v", len(runs), faults, err, runs)
	}
	if text, status := run("=cpu", "-any"); status == 0 || !strings.Contains(text, "--device-any is for graphics cards") {
		t.Errorf("cpu and any end with %d and say %q", status, text)
	}
}
