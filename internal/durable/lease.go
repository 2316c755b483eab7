package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Leases are locks for file systems that machines share and that do not keep flock: a file
// that only one can create, and whose holder writes to it every now and then. One that has
// looked at it for as long as [UseLeases] says and saw no change takes it over. So two can
// believe that they hold one: a machine that slept is the first of them. It asks [Mine] before
// it writes anything that counts.

// leases is how this process locks.
var leases = leaseState{after: systemLease, held: map[string]*os.File{}, seen: map[string]sight{}}

type leaseState struct {
	sync.Mutex
	after time.Duration // 0: by the kernel's locks
	held  map[string]*os.File
	seen  map[string]sight
}

// sight is what was in another's lease, and since when.
type sight struct {
	content string
	since   time.Time
}

// DefaultLease is after how long a lease is taken over where nobody says otherwise.
const DefaultLease = time.Minute

// UseLeases makes this process lock by leases. They hold between processes that do so too.
func UseLeases(after time.Duration) {
	leases.Lock()
	defer leases.Unlock()
	leases.after = after
}

// leaseTime is after how long leases are taken over, 0 where locks are the kernel's.
func leaseTime() time.Duration {
	leases.Lock()
	defer leases.Unlock()
	return leases.after
}

// Mine says whether a claim is still this process's: a lease may have been taken over. It is
// where it was never taken, since then somebody else keeps others away.
func Mine(path string) bool {
	leases.Lock()
	f := leases.held[path]
	leases.Unlock()
	return f == nil || isAt(f, path)
}

// lease takes a lease.
func lease(path string, wait bool, after time.Duration) (release func(), err error) {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, fmt.Errorf("durable: lock %q: %w", path, err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		switch {
		case err == nil:
			return keep(f, path, after), nil
		case errors.Is(err, fs.ErrNotExist): // its folder was deleted just now
		case !errors.Is(err, fs.ErrExist):
			return nil, fmt.Errorf("durable: lock %q: %w", path, err)
		case stale(path, after):
			if err := clear(path); err != nil {
				return nil, err
			}
			continue
		case !wait:
			return nil, fmt.Errorf("durable: lock %q: %w", path, ErrLocked)
		}
		time.Sleep(pause)
	}
}

// keep holds a lease that was created.
func keep(f *os.File, path string, after time.Duration) (release func()) {
	owner := rand.Text()
	write := func(beat int) { // to the open file: if that is no longer at path, nobody reads it
		f.WriteAt([]byte(fmt.Sprintf("%s %010d\n", owner, beat)), 0)
	}
	write(0)
	leases.Lock()
	leases.held[path] = f
	delete(leases.seen, path)
	leases.Unlock()
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(after / 4)
		defer tick.Stop()
		for beat := 1; ; beat++ {
			select {
			case <-end:
				return
			case <-tick.C:
				write(beat)
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(end)
		<-ended
		leases.Lock()
		if leases.held[path] == f {
			delete(leases.held, path)
		}
		leases.Unlock()
		letGo(f, path)
	})
}

// stale says whether the lease at path has not changed for so long as this process looks.
func stale(path string, after time.Duration) bool {
	content, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	leases.Lock()
	defer leases.Unlock()
	last, ok := leases.seen[path]
	if !ok || last.content != string(content) {
		leases.seen[path] = sight{string(content), time.Now()}
		return false
	}
	return time.Since(last.since) >= after
}

// clear takes a stale lease away. Of several that do, one succeeds.
func clear(path string) error {
	leases.Lock()
	delete(leases.seen, path)
	leases.Unlock()
	away := path + temporaryMark + rand.Text()
	if err := os.Rename(path, away); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("durable: take the lease %q over: %w", path, err)
	}
	if err := os.Remove(away); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("durable: take the lease %q over: %w", path, err)
	}
	return nil
}
