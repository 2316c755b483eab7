//go:build unix

package micro

import "syscall"

// cpuSeconds is the processor time of this process, user and system. Unlike wall
// clock it hardly depends on what else the machine does.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
