package runners

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// lockFile guards a folder. It stays behind empty; only the kernel's lock on it
// counts, and that one ends with the process that holds it, however it ends.
const lockFile = ".lock"

func lockPath(dir string) string { return filepath.Join(dir, lockFile) }

// errLocked is what tryLock gives when another process holds the lock.
var errLocked = errors.New("held by another process")

// lock takes the lock of dir, which is created when missing. With wait it waits
// for its turn, else a held lock gives an error wrapping errLocked. unlock frees it.
func lock(dir string, wait bool) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("runners: create folder %q: %w", dir, err)
	}
	f, err := os.OpenFile(lockPath(dir), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("runners: lock %q: %w", dir, err)
	}
	if err := flock(f, wait); err != nil {
		f.Close()
		return nil, fmt.Errorf("runners: lock %q: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// sweep removes what killed writers of package durable left in dir. The caller
// holds the lock of dir.
func sweep(dir string) {
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
