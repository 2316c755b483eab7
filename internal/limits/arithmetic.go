package limits

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Operations are float32 operations per second of all workers together, on numbers
// that stay in registers. A multiply-add counts as two.
type Operations struct {
	Fused float64 // acc = x·y + acc in one instruction
	Apart float64 // the same in two, the product rounded
}

// Arithmetic measures a set with so many workers at once; it takes half a second.
// It panics for a set that is not among [Sets].
func Arithmetic(set Set, workers int) Operations {
	const steps = 1 << 17
	l := measured[set]
	speed := func(loop func(int, *[16]float32)) float64 {
		seconds := together(workers, func(int) {
			var sums [16]float32
			loop(steps, &sums)
		})
		return 2 * float64(workers*steps*l.perStep) / seconds
	}
	return Operations{Fused: speed(l.fused), Apart: speed(l.apart)}
}

// together lets so many workers do the same at once, again and again for a quarter of
// a second, and returns the least time from the first one's start to the last one's end,
// in seconds. The least is taken because other programs only ever make it longer.
func together(workers int, work func(worker int)) float64 {
	least := time.Duration(1 << 62)
	for began := time.Now(); time.Since(began) < 250*time.Millisecond; {
		least = min(least, round(workers, work))
	}
	return least.Seconds()
}

// round is one turn of together.
func round(workers int, work func(worker int)) time.Duration {
	var ready atomic.Int64
	var done sync.WaitGroup
	start, end := make([]time.Time, workers), make([]time.Time, workers)
	for i := range workers {
		done.Go(func() {
			for ready.Add(1); int(ready.Load()) < workers; {
				runtime.Gosched()
			}
			start[i] = time.Now()
			work(i)
			end[i] = time.Now()
		})
	}
	done.Wait()
	first, last := start[0], end[0]
	for i := range workers {
		if start[i].Before(first) {
			first = start[i]
		}
		if end[i].After(last) {
			last = end[i]
		}
	}
	return last.Sub(first)
}
