package cpu

import (
	"sync"
	"sync/atomic"
)

// Pool is a fixed set of workers that share the tiles of one task at a time. The
// goroutine that asks for the task is one of the workers, so a pool of 1 runs
// everything inline. A pool serves one goroutine; independent pools may run at
// the same time.
type Pool struct {
	workers int
	wake    []chan struct{} // one for each helper goroutine
	done    sync.WaitGroup

	// The task at hand.
	run   func(tile, worker int)
	tiles int64
	next  atomic.Int64
}

// NewPool starts workers-1 helpers; fewer than 1 worker means 1. Close ends them.
func NewPool(workers int) *Pool {
	p := &Pool{workers: max(workers, 1)}
	for i := 1; i < p.workers; i++ {
		wake := make(chan struct{}, 1)
		p.wake = append(p.wake, wake)
		go func() {
			for range wake {
				p.work(i)
				p.done.Done()
			}
		}()
	}
	return p
}

// Workers is the number of tiles that can run at the same time.
func (p *Pool) Workers() int { return p.workers }

// Close ends the helpers. The pool must not be used afterwards.
func (p *Pool) Close() {
	for _, wake := range p.wake {
		close(wake)
	}
	p.wake, p.workers = nil, 1
}

// each calls run for every tile in 0..tiles-1 and returns when all are done. It
// wakes no more helpers than there are tiles for.
func (p *Pool) each(tiles int, run func(tile, worker int)) {
	helpers := min(len(p.wake), tiles-1)
	if helpers <= 0 {
		for tile := range tiles {
			run(tile, 0)
		}
		return
	}
	p.run, p.tiles = run, int64(tiles)
	p.next.Store(0)
	p.done.Add(helpers)
	for _, wake := range p.wake[:helpers] {
		wake <- struct{}{}
	}
	p.work(0)
	p.done.Wait()
	p.run = nil
}

func (p *Pool) work(worker int) {
	for {
		tile := p.next.Add(1) - 1
		if tile >= p.tiles {
			return
		}
		p.run(int(tile), worker)
	}
}
