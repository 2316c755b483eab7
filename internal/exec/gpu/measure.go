package gpu

import (
	"fmt"
	"time"

	"idarts/internal/exec"
)

var (
	_ exec.Card       = (*Device)(nil)
	_ exec.SelfTester = (*Device)(nil)
)

// Launches implements [exec.Launcher].
func (b *bound) Launches() int { return len(b.instrs) }

// Capacity implements [exec.Card].
func (d *Device) Capacity() (all, block int64) { return d.driver.Memory() }

// Figures implements [exec.Card], in blocks of its own.
func (d *Device) Figures() (exec.Figures, error) {
	f, err := measure(d.driver)
	if err != nil {
		return f, fmt.Errorf("gpu: %s: measuring: %w", d.Name(), err)
	}
	return f, nil
}

// SelfTest implements [exec.SelfTester] by [SelfTests].
func (d *Device) SelfTest() (tried int, wrong []string, err error) {
	all, err := SelfTests(d.driver)
	for _, t := range all {
		if !t.Same() {
			wrong = append(wrong, t.Name)
		}
	}
	return len(all), wrong, err
}

const (
	launchRow   = 1000    // launches in a row
	vectorWords = 1 << 25 // of each of two vectors: far more than caches hold
	copyWords   = 1 << 18 // a megabyte, about what a batch is
	peakThreads = 1 << 18
	peakRounds  = 64 // of 64 multiply-adds in each thread
)

func measure(driver Driver) (f exec.Figures, err error) {
	n := vectorWords
	if _, block := driver.Memory(); block > 0 {
		n = min(n, int(block/4/2)) // both lie in one block
	}
	block, err := driver.Alloc(2 * n)
	if err != nil {
		return f, err
	}
	defer driver.Free(block)
	kernel := func(name string, threads int, a *Args) func() error {
		return func() error { return driver.Run(block, Launch{Kernel: name, Groups: vectorGroups(threads)}, a) }
	}
	if err := kernel("vec_fill", 2*n, &Args{0, uint32(2 * n), bits(1)})(); err != nil {
		return f, err
	}

	// A batch norm without channels: its kernel is started like all of a program's.
	row, err := driver.Alloc(averagingRow)
	if err != nil {
		return f, err
	}
	defer driver.Free(row)
	if err := driver.Write(row, 0, make([]uint32, averagingRow)); err != nil {
		return f, err
	}
	list := make([]Launch, launchRow)
	for i := range list {
		list[i] = Launch{Kernel: "bn_average", Groups: 1}
	}
	sequence, err := driver.Load(row, list)
	if err != nil {
		return f, err
	}
	defer sequence.Close()
	enqueued, done, err := timed(driver, func() error { return sequence.Run(block) })
	if err != nil {
		return f, err
	}
	f.Enqueued, f.Done = enqueued/launchRow, done/launchRow
	nothing := kernel("vec_fill", 1, &Args{})
	_, f.Waited, err = timed(driver, func() error {
		if err := nothing(); err != nil {
			return err
		}
		return driver.Sync()
	})
	if err != nil {
		return f, err
	}

	words := make([]uint32, min(copyWords, n))
	vector, copied := 4*float64(n), 4*float64(len(words))
	for _, by := range []struct {
		amount float64
		to     *float64
		run    func() error
	}{
		{copied, &f.Upload, func() error { return driver.Write(block, 0, words) }},
		{copied, &f.Download, func() error { return driver.Read(block, 0, words) }},
		{2 * vector, &f.Copy, kernel("vec_copy", n, &Args{0, uint32(n), uint32(n)})},
		{3 * vector, &f.Axpy, kernel("vec_axpy", n, &Args{0, uint32(n), uint32(n), bits(0.5)})},
		{2 * 64 * peakRounds * peakThreads, &f.FLOPs, kernel("peak_fma", peakThreads, &Args{0, peakThreads, peakRounds, bits(0.5), bits(1)})},
	} {
		_, seconds, err := timed(driver, by.run)
		if err != nil {
			return f, err
		}
		*by.to = by.amount / seconds
	}
	return f, nil
}

// timed runs f until it takes long enough to tell, after one run that is not counted,
// and returns the seconds of a run: until the host has asked for it, and until it is done.
func timed(driver Driver, f func() error) (enqueued, done float64, err error) {
	const enough = 50 * time.Millisecond
	if err := f(); err != nil {
		return 0, 0, err
	}
	for n := 1; ; n *= 2 {
		if err := driver.Sync(); err != nil {
			return 0, 0, err
		}
		began := time.Now()
		for range n {
			if err := f(); err != nil {
				return 0, 0, err
			}
		}
		asked := time.Since(began)
		if err := driver.Sync(); err != nil {
			return 0, 0, err
		}
		if took := time.Since(began); took >= enough || n >= 1<<20 {
			return asked.Seconds() / float64(n), took.Seconds() / float64(n), nil
		}
	}
}
