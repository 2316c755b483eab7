package limits

import "golang.org/x/sys/unix"

// pin keeps the calling thread on the so-manieth processor that this program may use.
// On a busy machine the system else leaves threads that wait for each other on one
// processor. Where it does not work, the measurement is only less steady.
func pin(thread int) {
	var may, one unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil || thread >= may.Count() {
		return
	}
	cpu := 0
	for left := thread; !may.IsSet(cpu) || left > 0; cpu++ {
		if may.IsSet(cpu) {
			left--
		}
	}
	one.Set(cpu)
	_ = unix.SchedSetaffinity(0, &one)
}
