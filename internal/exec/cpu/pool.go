package cpu

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Pool is a fixed set of workers that share the tiles of one task at a time. The
// goroutine that asks for the task is one of the workers, so a pool of 1 runs
// everything inline. A pool serves one goroutine; independent pools may run at
// the same time.
type Pool struct {
	helpers []*helper
	closed  atomic.Bool

	// The task at hand. run may be read only between getting a tile and reporting it
	// finished.
	shares   []share       // of each worker
	task     atomic.Uint64 // its number, which is told when its shares are
	finished atomic.Int64
	run      func(tile, worker int)
}

// share is the tiles from..to-1 of the task that are left in a worker's part of it, in one
// word: from in its upper half. A worker takes those of its own part in order, and when
// none is left the last ones of others. So tile by tile a worker comes to the same images
// in one task after another, which are in its cache then, and reads memory in order. Who
// takes a tile from the word as it is has a tile of the task at hand, however long ago
// it looked last: a helper that comes late cannot mix two tasks up.
type share struct {
	left atomic.Uint64
	_    [56]byte // a cache line each
}

// next takes a tile, the first of those left or the last.
func (s *share) next(first bool) (tile int, ok bool) {
	for {
		left := s.left.Load()
		from, to := uint32(left>>32), uint32(left)
		if from >= to {
			return 0, false
		}
		tile, rest := from, left+1<<32
		if !first {
			tile, rest = to-1, left-1
		}
		if s.left.CompareAndSwap(left, rest) {
			return int(tile), true
		}
	}
}

// helper is a goroutine that looks for tasks, for a while busily, because tasks
// come microseconds apart and waking a thread takes longer; then it sleeps.
type helper struct {
	asleep atomic.Bool
	wake   chan struct{}
}

const (
	looks = 1000 // at the task's number between two chances for other goroutines
	turns = 40   // of looks before sleep; some 30 to 50 microseconds
)

// NewPool starts workers-1 helpers; fewer than 1 worker means 1. Close ends them.
func NewPool(workers int) *Pool {
	p := &Pool{shares: make([]share, max(workers, 1))}
	for i := 1; i < workers; i++ {
		h := &helper{wake: make(chan struct{}, 1)}
		p.helpers = append(p.helpers, h)
		go p.help(h, i)
	}
	return p
}

// Workers is the number of tiles that can run at the same time.
func (p *Pool) Workers() int { return len(p.helpers) + 1 }

// Close ends the helpers. The pool must not be used afterwards.
func (p *Pool) Close() {
	p.closed.Store(true)
	for _, h := range p.helpers {
		h.rouse()
	}
}

// each calls run for every tile in 0..tiles-1 and returns when all are done.
func (p *Pool) each(tiles int, run func(tile, worker int)) {
	if len(p.helpers) == 0 || tiles < 2 {
		for tile := range tiles {
			run(tile, 0)
		}
		return
	}
	p.run = run
	p.finished.Store(0)
	for w, n := 0, min(tiles, len(p.shares)); w < n; w++ {
		p.shares[w].left.Store(uint64(w*tiles/n)<<32 | uint64((w+1)*tiles/n))
	}
	p.task.Add(1)
	for _, h := range p.helpers[:min(len(p.helpers), tiles-1)] {
		h.rouse()
	}
	p.work(0)
	for look := 1; p.finished.Load() < int64(tiles); look++ {
		switch {
		case look >= 3*looks*turns: // a helper has lost its processor: let it have ours
			time.Sleep(10 * time.Microsecond)
		case look%looks == 0:
			runtime.Gosched()
		}
	}
}

// work runs tiles until none is left.
func (p *Pool) work(worker int) {
	for i := range p.shares {
		of := (worker + i) % len(p.shares)
		for tile, ok := p.shares[of].next(i == 0); ok; tile, ok = p.shares[of].next(i == 0) {
			p.run(tile, worker)
			p.finished.Add(1)
		}
	}
}

func (p *Pool) help(h *helper, worker int) {
	seen := uint64(0)
	for look := 1; !p.closed.Load(); look++ {
		task := p.task.Load()
		switch {
		case task != seen:
			seen = task
			p.work(worker)
			look = 0
		case look == looks*turns:
			h.sleep(p, seen)
			look = 0
		case look%looks == 0:
			runtime.Gosched()
		}
	}
}

// rouse wakes the helper if it sleeps.
func (h *helper) rouse() {
	if h.asleep.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}

// sleep returns when there may be something to do. A task published before the
// helper is marked asleep is seen here; one published later finds the mark.
func (h *helper) sleep(p *Pool, seen uint64) {
	h.asleep.Store(true)
	if (p.task.Load() != seen || p.closed.Load()) && h.asleep.CompareAndSwap(true, false) {
		return
	}
	<-h.wake
}
