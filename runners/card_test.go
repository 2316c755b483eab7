package runners

import (
	"strings"
	"testing"

	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/search"
	"idarts/internal/work"
)

// gradientMethods are those whose searches run a supernet.
func gradientMethods() (names []string) {
	for _, name := range search.Names() {
		if m, err := search.Lookup(name); err == nil && !m.BlackBox {
			names = append(names, name)
		}
	}
	return names
}

// A card that is lost in the middle ends its runs with one line each, and they go on from
// their last epochs through another library to the bytes of undisturbed runs.
func TestLostCardGoesOnElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for a while")
	}
	cudatest.Fake(t)
	methods := gradientMethods()
	on := func(out, device string) (work.Summary, error) {
		g := grid(out, []uint64{0}, methods...)
		g.Device, g.Jobs = device, 1
		return g.Run(t.Context())
	}
	quiet := t.TempDir()
	if sum, err := on(quiet, "opencl"); err != nil || len(sum.Failed) > 0 {
		t.Fatalf("undisturbed: %v, %q", err, sum.Failed)
	}
	want := contents(t, quiet)

	out, lost := t.TempDir(), 0
	for _, after := range []string{"3000", "9000"} {
		cudatest.Fake(t, "LOSE_AFTER="+after)
		sum, err := on(out, "cuda")
		if err != nil {
			t.Fatalf("lost after %s calls: %v", after, err)
		}
		for _, failed := range sum.Failed {
			lost++
			if strings.Contains(failed, "\n") || strings.Contains(failed, "panic") {
				t.Errorf("lost after %s calls: %q, want one line without a panic", after, failed)
			}
		}
	}
	if lost == 0 {
		t.Error("no run lost its card")
	}
	if sum, err := on(out, "opencl"); err != nil || len(sum.Failed) > 0 {
		t.Fatalf("elsewhere: %v, %q", err, sum.Failed)
	}
	compare(t, contents(t, out), want)
	t.Logf("%d runs of %q lost their card", lost, methods)
}
