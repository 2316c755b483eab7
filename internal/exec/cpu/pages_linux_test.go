package cpu

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// Memory of a supernet lies in large pages where the system gives them to those who ask.
func TestLargePages(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || strings.Contains(string(mode), "[never]") {
		t.Skipf("no large pages on this machine: %s %v", mode, err)
	}
	x := zeros[float32](64 << 20 / 4)
	for i := range x {
		if x[i] != 0 {
			t.Fatalf("number %d is %v", i, x[i])
		}
		x[i] = 1
	}
	if kb := largePages(t, uintptr(unsafe.Pointer(&x[len(x)/2]))); kb == 0 {
		t.Error("64 MB have no large page")
	}
}

// largePages is how many KB of the mapping of an address lie in large pages.
func largePages(t *testing.T, at uintptr) (kb int) {
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
		} else if inside && strings.HasPrefix(s.Text(), "AnonHugePages:") {
			_, err := fmt.Sscanf(s.Text(), "AnonHugePages: %d kB", &kb)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return kb
}
