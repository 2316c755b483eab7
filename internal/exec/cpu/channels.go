package cpu

import "math"

// period is the length to which a vector over c channels is repeated: the least
// common multiple of c and 32, so that vector units never split it.
func period(c int) int {
	n := c
	for n%32 != 0 {
		n += c
	}
	return n
}

// repeat fills dst with copies of src. Both lengths fit.
func repeat[T Float](dst, src []T) {
	for done := copy(dst, src); done < len(dst); {
		done += copy(dst[done:], dst[:done])
	}
}

func planChanLin[T Float](p *plan[T]) {
	y, lin := p.y, p.lin(p.x)
	p.pass(period(p.ys[3]), func(lo, hi int) { lin(y[lo:hi], lo) })
}

func planLinReLU[T Float](p *plan[T]) {
	y, lin, relu := p.y, p.lin(p.x), p.kernels.relu
	p.linPass(func(lo, hi int) {
		lin(y[lo:hi], lo)
		relu(y[lo:hi], y[lo:hi])
	})
}

func planLinMask[T Float](p *plan[T]) {
	y, x, lin, mask := p.y, p.x[0], p.lin(p.x[1:]), p.kernels.reluMask
	p.linPass(func(lo, hi int) {
		lin(y[lo:hi], lo)
		mask(y[lo:hi], x[lo:hi], y[lo:hi])
	})
}

// linPass is a pass that walks through each of its tiles in pieces that stay in the
// fastest cache, f after f.
func (p *plan[T]) linPass(f func(lo, hi int)) {
	n := period(p.ys[3])
	piece := max(2048/n, 1) * n
	p.pass(n, func(lo, hi int) {
		for ; lo < hi; lo += piece {
			f(lo, min(lo+piece, hi))
		}
	})
}

// lin adds a stage that repeats the coefficients of a ChanLin with the arguments x
// and adds the biases up, and returns the function that computes elements lo to
// lo+len(y) for lo a multiple of the period.
func (p *plan[T]) lin(x [][]T) func(y []T, lo int) {
	n, terms := period(p.ys[3]), p.attr.Terms
	coefs, bias := p.values.reserve(n*terms), p.values.reserve(n)
	var xs, as [][]T
	for k := range terms {
		xs, as = append(xs, x[2*k]), append(as, x[2*k+1])
	}
	bs := x[2*terms:]
	p.serial(func() {
		for k, a := range as {
			repeat(coefs[k*n:(k+1)*n], a)
		}
		clear(bias)
		for _, b := range bs {
			for i := range bias {
				bias[i] += b[i%len(b)]
			}
		}
	})
	f := p.kernels.lin
	return func(y []T, lo int) { f(y, xs, lo, coefs, bias) }
}

// reduce adds a stage that splits the pixels of a tensor of c channels into
// tiles and a stage that adds up the tiles' sums in order. tile fills width
// sums per channel (width·c numbers, zero before) for pixels lo to hi; finish
// gets their totals.
func (p *plan[T]) reduce(pixels, c, width int, tile func(sums []float64, lo, hi, worker int), finish func(total []float64)) {
	size := p.tile(pixels, c)
	tiles := (pixels + size - 1) / size
	n := width * c
	sums, total := p.sums.reserve(tiles*n), p.sums.reserve(n)
	p.stage(tiles, pixels*c*width, func(t, worker int) {
		own := sums[t*n : (t+1)*n]
		clear(own)
		tile(own, t*size, min((t+1)*size, pixels), worker)
	})
	if s := p.xs[0]; pixels%size == 0 && pixels == s[0]*s[1]*s[2] && s[1]*s[2] > 1 {
		p.divide(split{images: s[0], tiles: tiles, together: 1, run: p.stages[len(p.stages)-1].run})
	}
	p.serial(func() {
		clear(total)
		for t := range tiles {
			for i, s := range sums[t*n : (t+1)*n] {
				total[i] += s
			}
		}
		finish(total)
	})
}

// tile is the pixels of one tile of a reduction over the first argument, or over all its
// numbers.
func (p *plan[T]) tile(pixels, c int) int {
	s := p.xs[0]
	if s[0]*s[1]*s[2] != pixels {
		return tilePixels(c, 1, pixels)
	}
	return tilePixels(c, s[1]*s[2], s[0])
}

// sumOver returns a function that adds the sums over pixels lo to hi of x, by
// channel, to sums.
func (p *plan[T]) sumOver(x []T, c int) func(sums []float64, lo, hi, worker int) {
	k, list, accs, next := p.kernels, laneBlocks(c), make([]lanes[T], p.workers), p.following(c)
	return func(sums []float64, lo, hi, worker int) {
		acc := &accs[worker]
		for i, b := range list {
			next(x, lo, hi, i, len(list))
			k.sum(acc, x[lo*c+b.from:hi*c], c, b.width, hi-lo)
			k.fold(sums[b.from:], acc, b.width)
		}
	}
}

// dotOver is sumOver of the products x·y.
func (p *plan[T]) dotOver(x, y []T, c int) func(sums []float64, lo, hi, worker int) {
	k, list, accs := p.kernels, laneBlocks(c), make([]lanes[T], p.workers)
	return func(sums []float64, lo, hi, worker int) {
		acc := &accs[worker]
		for _, b := range list {
			k.dot(acc, x[lo*c+b.from:hi*c], y[lo*c+b.from:hi*c], c, b.width, hi-lo)
			k.fold(sums[b.from:], acc, b.width)
		}
	}
}

// following returns a function that asks memory for a part of the pixels after lo to hi,
// the ith of n. Sums over more channels than there are lanes jump about in their pixels,
// which a processor does not foresee.
func (p *plan[T]) following(c int) func(x []T, lo, hi, i, n int) {
	fetch := p.kernels.fetch
	if len(laneBlocks(c)) == 1 {
		return func([]T, int, int, int, int) {}
	}
	return func(x []T, lo, hi, i, n int) {
		size := (hi - lo) * c
		fetch(x[lo*c:], size+i*size/n, size/n)
	}
}

func planChanSum[T Float](p *plan[T]) {
	c, y := p.xs[0][3], p.y
	p.reduce(len(p.x[0])/c, c, 1, p.sumOver(p.x[0], c), func(total []float64) { round(y, total) })
}

func planChanDot[T Float](p *plan[T]) {
	c, y := p.xs[0][3], p.y
	p.reduce(len(p.x[0])/c, c, 1, p.dotOver(p.x[0], p.x[1], c), func(total []float64) { round(y, total) })
}

// planChanDots reads x once for all sums of a tile.
func planChanDots[T Float](p *plan[T]) {
	c, y := p.xs[0][3], p.y
	sum := p.sumOver(p.x[0], c)
	var dots []func(sums []float64, lo, hi, worker int)
	for _, z := range p.x[1:] {
		dots = append(dots, p.dotOver(p.x[0], z, c))
	}
	p.reduce(len(p.x[0])/c, c, 1+len(dots),
		func(sums []float64, lo, hi, worker int) {
			sum(sums[:c], lo, hi, worker)
			for k, dot := range dots {
				dot(sums[(k+1)*c:][:c], lo, hi, worker)
			}
		},
		func(total []float64) { round(y, total) })
}

func planDot[T Float](p *plan[T]) {
	y := p.y
	p.reduce(len(p.x[0]), 1, 1, p.dotOver(p.x[0], p.x[1], 1), func(total []float64) { round(y, total) })
}

func round[T Float](y []T, x []float64) {
	for i, v := range x {
		y[i] = T(v)
	}
}

// planBNStats finds the sum S and the squares about the mean, M, of each tile in
// one walk through memory. With m_t the mean of tile t, rounded, n_t its size
// and μ the mean of all:
//
//	Σ (x−μ)² = Σ_t M_t + 2(m_t−μ)(S_t − n_t·m_t) + n_t(m_t−μ)²
//
// which loses nothing when the mean is large beside the spread.
func planBNStats[T Float](p *plan[T]) {
	x, c := p.x[0], p.xs[0][3]
	pixels := len(x) / c
	size := p.tile(pixels, c)
	tiles := (pixels + size - 1) / size
	sums := p.sums.reserve(tiles * 2 * c)
	list, k, lane, next := laneBlocks(c), p.kernels, make([][2]lanes[T], p.workers), p.following(c)
	p.stage(tiles, 2*len(x), func(t, worker int) {
		lo, hi := t*size, min((t+1)*size, pixels)
		s, m := sums[2*t*c:][:c], sums[(2*t+1)*c:][:c]
		clear(s)
		clear(m)
		acc, mean := &lane[worker][0], &lane[worker][1]
		for i, b := range list {
			from, width := b.from, b.width
			next(x, lo, hi, 2*i, 2*len(list))
			k.sum(acc, x[lo*c+from:hi*c], c, width, hi-lo)
			k.fold(s[from:], acc, width)
			next(x, lo, hi, 2*i+1, 2*len(list))
			k.means(mean, s[from:], float64(hi-lo), width)
			k.square(acc, x[lo*c+from:hi*c], mean, c, width, hi-lo)
			k.fold(m[from:], acc, width)
		}
	})
	if pixels%size == 0 && pixels > p.xs[0][0] {
		p.divide(split{images: p.xs[0][0], tiles: tiles, together: 1, run: p.stages[len(p.stages)-1].run})
	}
	mean, variance, rstd, eps := p.y[:c], p.y[c:2*c], p.y[2*c:], p.attr.Eps
	p.serial(func() {
		for k := range c {
			mu := 0.0
			for t := range tiles {
				mu += sums[2*t*c+k]
			}
			mu /= float64(pixels)
			squares := 0.0
			for t := range tiles {
				n := float64(min(size, pixels-t*size))
				s := sums[2*t*c+k]
				m := float64(T(s / n))
				d := m - mu
				squares += sums[(2*t+1)*c+k] + float64(2*d*(s-float64(n*m))) + float64(n*d*d)
			}
			v := max(squares/float64(pixels), 0)
			mean[k], variance[k], rstd[k] = T(mu), T(v), T(1/math.Sqrt(v+eps))
		}
	})
}

func planBNNorm[T Float](p *plan[T]) {
	x, y, stats, c, f := p.x[0], p.y, p.x[1], p.ys[3], p.kernels.norm
	n := period(c)
	mean, rstd := p.values.reserve(n), p.values.reserve(n)
	p.serial(func() {
		repeat(mean, stats[:c])
		repeat(rstd, stats[2*c:])
	})
	p.pass(n, func(lo, hi int) { f(y[lo:hi], x[lo:hi], mean, rstd) })
}

func planBNGrad[T Float](p *plan[T]) {
	g, x, stats, y, c, f := p.x[0], p.x[1], p.x[2], p.y, p.ys[3], p.kernels.bnGrad
	n, pixels := period(c), len(p.y)/p.ys[3]
	meanG, meanGX, rstd := p.values.reserve(n), p.values.reserve(n), p.values.reserve(n)
	sum, dot := p.sumOver(g, c), p.dotOver(g, x, c)
	p.reduce(pixels, c, 2,
		func(sums []float64, lo, hi, worker int) {
			sum(sums[:c], lo, hi, worker)
			dot(sums[c:], lo, hi, worker)
		},
		func(total []float64) {
			for k := range c {
				meanG[k], meanGX[k] = T(total[k]/float64(pixels)), T(total[c+k]/float64(pixels))
			}
			repeat(meanG, meanG[:c])
			repeat(meanGX, meanGX[:c])
			repeat(rstd, stats[2*c:])
		})
	p.pass(n, func(lo, hi int) { f(y[lo:hi], g[lo:hi], x[lo:hi], meanG, meanGX, rstd) })
}

// planSpatialMean sums each image in pieces of one reduction tile.
func planSpatialMean[T Float](p *plan[T]) {
	y, c := p.y, p.ys[3]
	images, pixels := p.xs[0][0], p.xs[0][1]*p.xs[0][2]
	sum, size := p.sumOver(p.x[0], c), tilePixels(c, 1, 1)
	sums := p.sums.reserve(images * c)
	p.batch(images, images, len(p.x[0]), func(n, worker int) {
		own := sums[n*c : (n+1)*c]
		clear(own)
		for lo := 0; lo < pixels; lo += size {
			sum(own, n*pixels+lo, n*pixels+min(lo+size, pixels), worker)
		}
		for k, s := range own {
			y[n*c+k] = T(s / float64(pixels))
		}
	})
}

func planSpatialSpread[T Float](p *plan[T]) {
	g, y, c := p.x[0], p.y, p.ys[3]
	images, pixels := p.ys[0], p.ys[1]*p.ys[2]
	p.batch(images, images, len(y), func(n, _ int) {
		out := y[n*pixels*c : (n+1)*pixels*c]
		for k := range c {
			out[k] = g[n*c+k] / T(pixels)
		}
		repeat(out, out[:c])
	})
}
