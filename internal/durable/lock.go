package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lockFile guards a folder. It stays behind empty; only the kernel's lock on it
// counts, and that one ends with the process that holds it, however it ends.
const lockFile = ".lock"

func lockPath(dir string) string { return filepath.Join(dir, lockFile) }

// ErrLocked is wrapped by the error of [Lock] when another process holds the lock.
var ErrLocked = errors.New("held by another process")

// patience is how long a lock that is not waited for is tried: a process that was
// killed just now, or one that only looks, lets go within it.
const patience = 2 * time.Second

// Lock takes the lock of dir, which is created when missing. With wait it waits
// for its turn, else a lock that stays held gives an error wrapping [ErrLocked].
// unlock frees it.
func Lock(dir string, wait bool) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("durable: create folder %q: %w", dir, err)
	}
	f, err := os.OpenFile(lockPath(dir), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("durable: lock %q: %w", dir, err)
	}
	began := time.Now()
	err = flock(f, wait)
	for errors.Is(err, ErrLocked) && time.Since(began) < patience {
		time.Sleep(patience / 100)
		err = flock(f, wait)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("durable: lock %q: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// Sweep removes what killed writers of this package left in dir. The caller
// holds the lock of dir.
func Sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // nothing there yet
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.Contains(e.Name(), ".tmp-") {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Held says whether a process holds the lock of dir.
func Held(dir string) bool {
	f, err := os.Open(lockPath(dir))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, false), ErrLocked)
}
