//go:build unix

package runners

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"idarts/internal/durable"
)

// A process with a lease that slept until another took its run over writes nothing more: no
// result and no failure.
func TestZombieOfALeaseWritesNothing(t *testing.T) {
	want, _ := alone(t)
	out, marks := t.TempDir(), t.TempDir()
	mark, wake := filepath.Join(marks, "mark"), filepath.Join(marks, "wake")
	child, _, stderr := startChild(t, out, mark, wake, sharedLease+"=1")
	await(mark)
	child.Process.Signal(syscall.SIGSTOP)
	durable.UseLeases(shortLease)
	defer durable.UseLeases(0)
	var report shareReport
	if sum := mustRun(t, sharedGrid(out, &report, func(int) {})); sum.Done != 2 {
		t.Errorf("%+v, want 2 done", sum)
	}
	compare(t, contents(t, out), want)
	if err := os.WriteFile(wake, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	child.Process.Signal(syscall.SIGCONT)
	if err := child.Wait(); err == nil || !strings.Contains(stderr.String(), "another process has taken it over") {
		t.Errorf("the one that slept: %v, %s", err, stderr)
	}
	compare(t, contents(t, out), want)
}
