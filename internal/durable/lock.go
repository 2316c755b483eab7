package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Locks are the kernel's, unless [UseLeases] says otherwise, on files that are empty: they end with the process that
// holds them, however it ends. What a killed process leaves of a lock is a file that
// nobody holds, which the next one takes.
//
// They hold between the processes of one machine, and between machines only where the
// network file system keeps flock; see lease.go for others, and for systems without it.

// ErrLocked is wrapped by the error of [Claim] when another holds the claim.
var ErrLocked = errors.New("held by another process")

// LockFile is the claim that stands for all of a folder.
func LockFile(dir string) string { return filepath.Join(dir, ".lock") }

// Claim takes the lock of the file path at once or not at all: one that is held gives
// an error wrapping [ErrLocked]. The file and its folder are created when missing;
// release deletes the file and frees the lock.
func Claim(path string) (release func(), err error) { return lock(path, false) }

// Lock takes the lock of a folder, which is created when missing, and waits for its
// turn.
func Lock(dir string) (release func(), err error) { return lock(LockFile(dir), true) }

// lock takes the lock of a file. A holder deletes the file, or all of its folder, with
// the lock in its hand. So one that opened the file before and gets the lock after has
// that of a file that is gone, and begins again.
func lock(path string, wait bool) (release func(), err error) {
	if after := leaseTime(); after > 0 {
		return lease(path, wait, after)
	}
	const tries = 100 // to open the file in a folder that others delete
	for try := 1; ; try++ {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("durable: lock %q: %w", path, err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if errors.Is(err, fs.ErrNotExist) && try < tries {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("durable: lock %q: %w", path, err)
		}
		if err := flock(f, exclusive, wait); err != nil {
			f.Close()
			return nil, fmt.Errorf("durable: lock %q: %w", path, err)
		}
		if isAt(f, path) {
			return func() { letGo(f, path) }, nil
		}
		f.Close()
	}
}

// letGo deletes the file of a lock, if it is still that, and frees it.
func letGo(f *os.File, path string) {
	if isAt(f, path) {
		os.Remove(path) // a file that stays behind does no harm
	}
	f.Close()
}

// isAt says whether path still names the open file f.
func isAt(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

// Held says whether a process holds the lock of a folder. To look does not take it,
// but a [Claim] in that moment may find it held.
func Held(dir string) bool {
	f, err := os.Open(LockFile(dir))
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 0 { // a lease, by the clock of whoever wrote it
		return time.Since(info.ModTime()) < max(leaseTime(), DefaultLease)
	}
	return errors.Is(flock(f, shared, false), ErrLocked)
}

// Sweep removes what killed writers of this package left in dir. The caller holds the
// lock of dir, under which all its writers write.
func Sweep(dir string) { sweep(dir, ".") }

// SweepFile removes what killed writers of the file path left. The caller holds the
// claim under which the file is written.
func SweepFile(path string) { sweep(filepath.Dir(path), temporary(path)) }

func sweep(dir, prefix string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // nothing there yet
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.Contains(e.Name(), temporaryMark) {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
