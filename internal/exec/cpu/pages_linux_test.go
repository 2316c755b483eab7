package cpu

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// Memory of a supernet asks the system for large pages. Whether there are any is not ours.
func TestLargePages(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil {
		t.Skipf("a system without large pages: %v", err)
	}
	x := zeros[float32](64 << 20 / 4)
	for i := range x {
		if x[i] != 0 {
			t.Fatalf("number %d is %v", i, x[i])
		}
		x[i] = 1
	}
	if flags := flagsOf(t, uintptr(unsafe.Pointer(&x[len(x)/2]))); !slices.Contains(flags, "hg") {
		t.Errorf("64 MB have the flags %q, want hg (system: %s)", flags, mode)
	}
}

// flagsOf are the flags of the mapping of an address, as smaps has them.
func flagsOf(t *testing.T, at uintptr) []string {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	inside := false
	for s := bufio.NewScanner(f); s.Scan(); {
		var from, to uintptr
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		} else if flags, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	return nil
}
