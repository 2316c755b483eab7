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

	// The task at hand: how many tiles it has and how many are handed out, in one
	// word so that a helper that comes late cannot mix two tasks up. run may be read
	// only between getting a tile and reporting it finished.
	tiles    atomic.Uint64
	finished atomic.Int64
	run      func(tile, worker int)
}

// helper is a goroutine that looks for tiles, for a while busily, because tasks
// come microseconds apart and waking a thread takes longer; then it sleeps.
type helper struct {
	asleep atomic.Bool
	wake   chan struct{}
}

const (
	looks = 1000 // at the task between two chances for other goroutines
	turns = 40   // of looks before sleep; some 30 to 50 microseconds
)

// NewPool starts workers-1 helpers; fewer than 1 worker means 1. Close ends them.
func NewPool(workers int) *Pool {
	p := new(Pool)
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
	p.tiles.Store(uint64(tiles) << 32)
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

// work runs tiles until none is left, and says whether it ran any.
func (p *Pool) work(worker int) bool {
	any := false
	for waiting(p.tiles.Load()) {
		got := p.tiles.Add(1) - 1
		if !waiting(got) {
			break
		}
		p.run(int(uint32(got)), worker)
		p.finished.Add(1)
		any = true
	}
	return any
}

// waiting says whether tiles are left to hand out.
func waiting(tiles uint64) bool { return uint32(tiles) < uint32(tiles>>32) }

func (p *Pool) help(h *helper, worker int) {
	for look := 1; !p.closed.Load(); look++ {
		switch {
		case p.work(worker):
			look = 0
		case look == looks*turns:
			h.sleep(p)
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
func (h *helper) sleep(p *Pool) {
	h.asleep.Store(true)
	if (waiting(p.tiles.Load()) || p.closed.Load()) && h.asleep.CompareAndSwap(true, false) {
		return
	}
	<-h.wake
}
