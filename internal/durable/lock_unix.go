//go:build unix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// Kinds of locks: one holder, or any number.
const (
	exclusive = syscall.LOCK_EX
	shared    = syscall.LOCK_SH
)

// systemLease: leases are used where they are asked for.
const systemLease = 0

func flock(f *os.File, kind int, wait bool) error {
	if !wait {
		kind |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), kind)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrLocked
		}
		return err
	}
}
