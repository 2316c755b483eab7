package limits

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// together lets so many workers do the same at once, again and again, and returns the
// least time from the first one's start to the last one's end, in seconds. The least
// is taken because other programs only ever make it longer.
func together(workers int, work func(worker int)) float64 {
	team := team{starts: make([]time.Time, workers), ends: make([]time.Time, workers), least: 1 << 62}
	team.until = time.Now().Add(patience)
	for i := range workers {
		team.running.Go(func() {
			// A thread of its own, which ends with the goroutine, pinned or not.
			runtime.LockOSThread()
			if workers > 1 && workers == runtime.NumCPU() {
				pin(i)
			}
			for team.round(i, work) {
			}
		})
	}
	team.running.Wait()
	return team.least.Seconds()
}

// team is the state of together.
type team struct {
	running      sync.WaitGroup
	arrived      atomic.Int64 // at all meetings so far
	starts, ends []time.Time
	least        time.Duration
	until        time.Time
	over         bool
}

// round is one turn of a worker and says whether there is another one.
func (t *team) round(worker int, work func(worker int)) bool {
	t.meet()
	t.starts[worker] = time.Now()
	work(worker)
	t.ends[worker] = time.Now()
	t.meet()
	if worker == 0 {
		first, last := t.starts[0], t.ends[0]
		for i := range t.starts {
			if t.starts[i].Before(first) {
				first = t.starts[i]
			}
			if t.ends[i].After(last) {
				last = t.ends[i]
			}
		}
		t.least = min(t.least, last.Sub(first))
		t.over = time.Now().After(t.until)
	}
	t.meet()
	return !t.over
}

// meet returns when all workers have called it. They wait without giving way, so that
// each holds a processor when work begins; where there are not enough, they take turns.
func (t *team) meet() {
	workers := int64(len(t.starts))
	crowded := int(workers) > runtime.GOMAXPROCS(0)
	all := (t.arrived.Add(1) + workers - 1) / workers * workers
	for t.arrived.Load() < all {
		if crowded {
			runtime.Gosched()
		}
	}
}
