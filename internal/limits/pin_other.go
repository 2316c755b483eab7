//go:build !linux

package limits

// pin does nothing here: the system places threads.
func pin(int) {}
