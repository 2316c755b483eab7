package cpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The compiler fuses x*y + z on some processors, which would give other bits
// there. This looks at what it makes of this package for one of them.
func TestNoFusedMultiplyAdd(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package for another processor")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command here")
	}
	cmd := exec.Command(goTool, "test", "-c", "-gcflags=-S", "-o", filepath.Join(t.TempDir(), "cpu.test"), ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	listing, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("compile for arm64: %v\n%.1000s", err, listing)
	}
	multiplies := 0
	fused := regexp.MustCompile(`\tFN?M(ADD|SUB)[SD]\t`)
	for _, line := range strings.Split(string(listing), "\n") {
		if strings.Contains(line, "\tFMULS\t") {
			multiplies++
		}
		if fused.MatchString(line) && !strings.Contains(line, "_test.go") {
			t.Errorf("fused: %s", line)
		}
	}
	if multiplies < 50 {
		t.Errorf("%d multiplications in the listing, want 50 or more: is it the right one?", multiplies)
	}
}
