package cpu

import "time"

// Limits are what a machine can do at best, by measurement.
type Limits struct {
	// FLOPs is the arithmetic per second of the convolution loops on numbers that lie
	// in the fastest cache.
	FLOPs float64
	// Cache and Memory are the bytes per second, read and written, of the addition of
	// two arrays: of 4 MB each, as a batch of images in a supernet, and of 256 MB.
	Cache, Memory float64
}

// Peak measures the limits of float32 with so many workers; it takes about a second.
func Peak(workers int) Limits {
	kernels := native[float32]()
	pool := NewPool(workers)
	defer pool.Close()

	// 64 channels, a row of 32 pixels, three taps: 48 KB of weights, 8 KB of pixels.
	const c, pixels, run = 64, 32, 3 * 64
	g := &convGeometry{dst: strides{0, c}, src: strides{0, c}, starts: []int{0}, runLen: run, wStep: c, wRun: run * c, channels: c}
	work := func() func(tile, worker int) {
		ys := make([][]float32, workers)
		xs, w := make([]float32, (pixels+2)*c), make([]float32, run*c)
		for i := range ys {
			ys[i] = make([]float32, pixels*c)
		}
		return func(_, worker int) {
			for range 20 {
				kernels.conv(g, ys[worker], xs, w, 1, pixels, false)
			}
		}
	}()
	limits := Limits{FLOPs: float64(16*workers*20*2*pixels*run*c) / fastest(func() { pool.each(16*workers, work) })}
	for _, size := range []int{1 << 20, 1 << 26} {
		x, y, z := make([]float32, size), make([]float32, size), make([]float32, size)
		const piece = 8192
		speed := float64(12*size) / fastest(func() {
			pool.each(size/piece, func(tile, _ int) {
				lo, hi := tile*piece, (tile+1)*piece
				kernels.add(z[lo:hi], x[lo:hi], y[lo:hi])
			})
		})
		if size == 1<<20 {
			limits.Cache = speed
		} else {
			limits.Memory = speed
		}
	}
	return limits
}

// fastest is the least time of f, in seconds, over some tenths of a second.
func fastest(f func()) float64 {
	f()
	least := time.Duration(1 << 62)
	for began := time.Now(); time.Since(began) < 300*time.Millisecond; {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least.Seconds()
}
