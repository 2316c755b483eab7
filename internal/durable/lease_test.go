package durable

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// shortLeases has this process lock by leases for a test.
func shortLeases(t *testing.T, after time.Duration) {
	UseLeases(after)
	t.Cleanup(func() { UseLeases(0) })
}

func TestLease(t *testing.T) {
	shortLeases(t, 200*time.Millisecond)
	dir := filepath.Join(t.TempDir(), "a")
	path := LockFile(dir)
	release, err := Claim(path)
	if err != nil {
		t.Fatal(err)
	}
	if !Held(dir) || !Mine(path) {
		t.Errorf("held %v, mine %v after it was taken", Held(dir), Mine(path))
	}
	for end := time.Now().Add(600 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := Claim(path); !errors.Is(err, ErrLocked) {
			t.Fatalf("a second claim while the first is alive gives %v", err)
		}
	}
	release()
	if Held(dir) {
		t.Error("held after its release")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// What a killed process leaves is taken over once, after a while, and not before.
func TestStaleLease(t *testing.T) {
	const after = 300 * time.Millisecond
	shortLeases(t, after)
	path := filepath.Join(t.TempDir(), "claim")
	if err := os.WriteFile(path, []byte("somebody 0000000003\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		all.Go(func() {
			for time.Since(began) < 4*after {
				release, err := Claim(path)
				if err == nil {
					mu.Lock()
					won++
					if won == 1 && time.Since(began) < after {
						t.Errorf("taken over after %v", time.Since(began))
					}
					mu.Unlock()
					time.Sleep(5 * after)
					release()
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d have it at a time", won)
	}
}

// Who slept while another took over finds out, and its release leaves the other's alone.
func TestLeaseThatWasTakenOver(t *testing.T) {
	shortLeases(t, 100*time.Millisecond)
	path := filepath.Join(t.TempDir(), "claim")
	release, err := Claim(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := clear(path); err != nil { // as another does when it is stale
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("another 0000000000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(80 * time.Millisecond) // some beats
	if Mine(path) {
		t.Error("it still counts as held")
	}
	release()
	if content, err := os.ReadFile(path); err != nil || string(content) != "another 0000000000\n" {
		t.Errorf("the other's lease is %q, %v", content, err)
	}
}
