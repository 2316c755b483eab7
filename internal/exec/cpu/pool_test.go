package cpu

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPoolRunsEveryTileOnce(t *testing.T) {
	for _, workers := range []int{0, 1, 2, 7} {
		pool := NewPool(workers)
		count := make([]atomic.Int32, 50)
		busy := make([]atomic.Int32, pool.Workers())
		for round := range 2000 {
			tiles := round % len(count)
			for i := range count {
				count[i].Store(0)
			}
			pool.each(tiles, func(tile, worker int) {
				if busy[worker].Add(1) != 1 {
					t.Errorf("worker %d has two tiles at a time", worker)
				}
				count[tile].Add(1)
				busy[worker].Add(-1)
			})
			for i := range count {
				want := int32(0)
				if i < tiles {
					want = 1
				}
				if got := count[i].Load(); got != want {
					t.Fatalf("%d workers, %d tiles: tile %d ran %d times, want %d", workers, tiles, i, got, want)
				}
			}
			if round%500 == 0 {
				time.Sleep(time.Millisecond) // helpers fall asleep
			}
		}
		pool.Close()
	}
}

// Each worker begins with its own part of the tiles, takes them in order, and then the last
// ones of others.
func TestWorkersBeginWithTheirShare(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	const tiles = 8
	var begun sync.WaitGroup
	begun.Add(2)
	var order [2][]int
	pool.each(tiles, func(tile, worker int) {
		order[worker] = append(order[worker], tile)
		if len(order[worker]) == 1 {
			begun.Done()
			begun.Wait()
		}
	})
	for w, list := range order {
		rest := list
		for want := w * tiles / 2; len(rest) > 0 && rest[0] == want; want++ {
			rest = rest[1:]
		}
		if len(rest) == len(list) || !slices.IsSortedFunc(rest, func(a, b int) int { return b - a }) {
			t.Errorf("worker %d took the tiles %v of %d, want its half from the front, then others from the back", w, list, tiles)
		}
	}
}

func TestIndependentPools(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			pool := NewPool(3)
			defer pool.Close()
			for range 200 {
				var sum atomic.Int64
				pool.each(20, func(tile, _ int) { sum.Add(int64(tile)) })
				if sum.Load() != 190 {
					t.Errorf("sum of tiles = %d, want 190", sum.Load())
				}
			}
		})
	}
	group.Wait()
}

func TestCloseEndsHelpers(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 20 {
		pool := NewPool(5)
		pool.each(10, func(int, int) {})
		if i%2 == 0 {
			time.Sleep(time.Millisecond)
		}
		pool.Close()
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, want %d as before", runtime.NumGoroutine(), before)
		}
	}
}
