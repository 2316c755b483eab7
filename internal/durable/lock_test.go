//go:build unix

package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestClaim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	path := LockFile(dir)
	if Held(dir) {
		t.Error("held before it was taken")
	}
	release, err := Claim(path)
	if err != nil {
		t.Fatal(err)
	}
	if !Held(dir) {
		t.Error("not held after it was taken")
	}
	if _, err := Claim(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second claim gives %v, want one that wraps %v", err, ErrLocked)
	}
	release()
	if Held(dir) {
		t.Error("held after its release")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	// As a killed process leaves it.
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	release, err = Claim(path)
	if err != nil {
		t.Fatalf("a file that nobody holds: %v", err)
	}
	release()
}

// A folder may be deleted with its lock held: who comes after has a lock of its own,
// which the first one's release leaves alone.
func TestClaimOfADeletedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	first, err := Claim(LockFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	second, err := Claim(LockFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	first()
	if !Held(dir) {
		t.Error("the first one's release freed the second's lock")
	}
	second()
}

// Many take turns while each deletes the file: never two at a time.
func TestLockKeepsOneAtATime(t *testing.T) {
	dir := t.TempDir()
	const workers, rounds = 4, 50
	inside := make(chan struct{}, 1)
	failures := make(chan error, workers)
	for range workers {
		go func() {
			for range rounds {
				release, err := Lock(dir)
				if err != nil {
					failures <- err
					return
				}
				select {
				case inside <- struct{}{}:
				default:
					failures <- errors.New("two hold the lock")
					release()
					return
				}
				time.Sleep(100 * time.Microsecond) // for the others to come
				<-inside
				release()
			}
			failures <- nil
		}()
	}
	for range workers {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	names := []string{".a.arrow.tmp-1", ".b.arrow.tmp-2", "a.arrow", ".lock"}
	write := func() {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := func() int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	write()
	if SweepFile(filepath.Join(dir, "a.arrow")); left() != 3 {
		t.Errorf("%d files left of 4, want all but that of a.arrow's killed writer", left())
	}
	write()
	if Sweep(dir); left() != 2 {
		t.Errorf("%d files left of 4, want all but the temporary ones", left())
	}
}
