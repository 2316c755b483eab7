package cpu

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The compiler fuses x*y + z on some processors, which would give other bits
// there. This looks at what it makes of this package for one of them: it may multiply
// and add at once where math.FMA is called, in double precision, and nowhere else.
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
	source, err := os.ReadFile("fma.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(source), "\n")
	multiplies, asked := 0, 0
	fused := regexp.MustCompile(`\tFN?M(ADD|SUB)([SD])\t`)
	place := regexp.MustCompile(`[/(]fma\.go:(\d+)\)`)
	for _, line := range strings.Split(string(listing), "\n") {
		if strings.Contains(line, "\tFMULS\t") || strings.Contains(line, "\tFMULD\t") {
			multiplies++
		}
		kind := fused.FindStringSubmatch(line)
		if kind == nil || strings.Contains(line, "_test.go") {
			continue
		}
		if at := place.FindStringSubmatch(line); at != nil && kind[2] == "D" {
			if n, err := strconv.Atoi(at[1]); err == nil && strings.Contains(lines[n-1], "math.FMA(") {
				asked++
				continue
			}
		}
		t.Errorf("fused: %s", line)
	}
	if asked == 0 {
		t.Error("no call of math.FMA is one instruction in the listing: is it the right one?")
	}
	if multiplies < 50 {
		t.Errorf("%d multiplications in the listing, want 50 or more: is it the right one?", multiplies)
	}
}
