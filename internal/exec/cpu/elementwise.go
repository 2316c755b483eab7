package cpu

import "math"

// passTile is how many elements one tile of a pass over memory has, about.
const passTile = 8192

// pass adds a stage that goes over all elements of the result, in tiles that
// start at multiples of period; in a chain a tile is an image, or the few that
// have whole periods.
func (p *plan[T]) pass(period int, f func(lo, hi int)) {
	n, image := len(p.y), len(p.y)/p.ys[0]
	p.elements(period, f)
	tile := multiple(image, period)
	if n%tile == 0 && (tile == image || tile <= passTile) && p.ys[1]*p.ys[2] > 1 {
		p.divide(contiguous(p.ys[0], n/tile, tile, f))
	}
}

// elements is pass for what is no batch.
func (p *plan[T]) elements(period int, f func(lo, hi int)) {
	n := len(p.y)
	size := max(passTile/period, 1) * period
	p.stage((n+size-1)/size, n, func(tile, _ int) { f(tile*size, min((tile+1)*size, n)) })
}

func planReLU[T Float](p *plan[T]) {
	x, y, f := p.x[0], p.y, p.kernels.relu
	p.pass(1, func(lo, hi int) { f(y[lo:hi], x[lo:hi]) })
}

func planReLUMask[T Float](p *plan[T]) {
	x, g, y, f := p.x[0], p.x[1], p.y, p.kernels.reluMask
	p.pass(1, func(lo, hi int) { f(y[lo:hi], x[lo:hi], g[lo:hi]) })
}

func planAdd[T Float](p *plan[T]) {
	x, y := p.x, p.y
	if len(x) == 2 {
		f := p.kernels.add
		p.pass(1, func(lo, hi int) { f(y[lo:hi], x[0][lo:hi], x[1][lo:hi]) })
		return
	}
	// With coefficients 1 and no bias the general sum rounds as additions do, and is one pass.
	f := p.kernels.lin
	zeros, ones := make([]T, 32), make([]T, 32*len(x))
	for i := range ones {
		ones[i] = 1
	}
	p.pass(32, func(lo, hi int) { f(y[lo:hi], x, lo, ones, zeros) })
}

func planMul[T Float](p *plan[T]) {
	a, b, y, f := p.x[0], p.x[1], p.y, p.kernels.mul
	p.pass(1, func(lo, hi int) { f(y[lo:hi], a[lo:hi], b[lo:hi]) })
}

func planDiv[T Float](p *plan[T]) {
	a, b, y := p.x[0], p.x[1], p.y
	p.pass(1, func(lo, hi int) {
		a, b, y := a[lo:hi], b[lo:hi], y[lo:hi]
		for i := range y {
			y[i] = a[i] / b[i]
		}
	})
}

func planAffine[T Float](p *plan[T]) {
	x, y, f := p.x[:1], p.y, p.kernels.lin
	coefs, bias := make([]T, 32), make([]T, 32)
	for i := range coefs {
		coefs[i], bias[i] = T(p.attr.Alpha), T(p.attr.Beta)
	}
	p.pass(32, func(lo, hi int) { f(y[lo:hi], x, lo, coefs, bias) })
}

func planRsqrt[T Float](p *plan[T]) {
	x, y, eps := p.x[0], p.y, p.attr.Eps
	p.pass(1, func(lo, hi int) {
		x, y := x[lo:hi], y[lo:hi]
		for i := range y {
			y[i] = T(1 / math.Sqrt(float64(x[i])+eps))
		}
	})
}

func planCopy[T Float](p *plan[T]) {
	x, y := p.x[0], p.y
	p.pass(1, func(lo, hi int) { copy(y[lo:hi], x[lo:hi]) })
}
