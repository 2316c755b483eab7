package main

import (
	"strings"
	"testing"
)

const (
	base = `goos: linux
cpu: some
BenchmarkSearch/nb201/N=1/forward-2   3   2000000 ns/op   10.0 MB/s   0 allocs/op
BenchmarkSearch/nb201/N=1/forward-2   3   4000000 ns/op   10.0 MB/s   0 allocs/op
BenchmarkGone-2   3   5 ns/op
BenchmarkSearch/nb201/N=1/forward-2   3   3000000 ns/op   10.0 MB/s   0 allocs/op
PASS
`
	head = `BenchmarkSearch/nb201/N=1/forward-2   3   1500000 ns/op   10.0 MB/s   0 allocs/op
BenchmarkNew-2   3   5 ns/op
`
)

// Medians of 2, 3, 4 ms and of 1.5 ms; what only one side has is left out.
func TestMedians(t *testing.T) {
	got := strings.Split(strings.TrimSpace(medians(base, head)), "\n")
	if len(got) != 2 || strings.Join(strings.Fields(got[1]), " ") != "BenchmarkSearch/nb201/N=1/forward-2 3 67 % 1.5 0 % 0.500" {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}

func TestBadBaseIsAnError(t *testing.T) {
	for base, want := range map[string]string{"": "want -base COMMIT", "no-such-commit": `commit "no-such-commit"`} {
		if err := compare(t.Context(), base, "^$", "1x", 1, t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("base %q: error %v, want one with %q", base, err, want)
		}
	}
}
