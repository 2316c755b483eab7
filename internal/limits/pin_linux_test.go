package limits

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThreadsGetAProcessorEach(t *testing.T) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		t.Skipf("processors of this program: %v", err)
	}
	var seen unix.CPUSet
	for i := range may.Count() {
		done := make(chan unix.CPUSet)
		go func() {
			runtime.LockOSThread() // never unlocked, so the thread ends with this goroutine
			pin(i)
			var on unix.CPUSet
			if err := unix.SchedGetaffinity(0, &on); err != nil {
				t.Error(err)
			}
			done <- on
		}()
		on := <-done
		if on.Count() != 1 {
			t.Fatalf("thread %d may run on %d processors, want 1", i, on.Count())
		}
		for cpu := range 1024 {
			if !on.IsSet(cpu) {
				continue
			}
			if seen.IsSet(cpu) || !may.IsSet(cpu) {
				t.Errorf("thread %d runs on processor %d, which is another one's or not ours", i, cpu)
			}
			seen.Set(cpu)
		}
	}
}
