package cpu

import "math"

// Operators on rows work in float64 throughout: they are small. Products are rounded
// before they are added, no fused multiply-add; those of two float32 are exact in float64.
// A row is an image [1,1,1,C] of logits, or any image where it is scaled or multiplied
// with another.

const rowTile = 16 // rows in a tile

func (p *plan[T]) rows(n, c int, f func(r int)) {
	p.stage((n+rowTile-1)/rowTile, 20*n*c, func(tile, _ int) {
		for r := tile * rowTile; r < min((tile+1)*rowTile, n); r++ {
			f(r)
		}
	})
}

func planCrossEntropy[T Float](p *plan[T]) {
	z, t, y, c := p.x[0], p.x[1], p.y, p.xs[0][3]
	n := len(z) / c
	losses := p.sums.reserve(n)
	p.rows(n, c, func(r int) {
		z, t := z[r*c:(r+1)*c], t[r*c:(r+1)*c]
		top, sum := expSum(z)
		loss := top + log(sum)
		for k, v := range z {
			loss -= float64(float64(t[k]) * float64(v))
		}
		losses[r] = loss
	})
	p.serial(func() {
		sum := 0.0
		for _, loss := range losses {
			sum += loss
		}
		y[0] = T(sum / float64(n))
	})
}

func planSoftmax[T Float](p *plan[T]) {
	z, y, c := p.x[0], p.y, p.ys[3]
	p.rows(len(z)/c, c, func(r int) {
		z, y := z[r*c:(r+1)*c], y[r*c:(r+1)*c]
		top, sum := expSum(z)
		for k, v := range z {
			y[k] = T(exp(float64(v)-top) / sum)
		}
	})
}

// expSum returns m = max z and Σ exp(z − m).
func expSum[T Float](z []T) (top, sum float64) {
	top = float64(z[0])
	for _, v := range z {
		top = max(top, float64(v))
	}
	for _, v := range z {
		sum += exp(float64(v) - top)
	}
	return top, sum
}

func planSoftmaxJac[T Float](p *plan[T]) {
	a, u, y, c := p.x[0], p.x[1], p.y, p.ys[3]
	p.rows(len(a)/c, c, func(r int) {
		a, u, y := a[r*c:(r+1)*c], u[r*c:(r+1)*c], y[r*c:(r+1)*c]
		mean := rowDot(a, u)
		for k := range y {
			y[k] = T(float64(a[k]) * (float64(u[k]) - mean))
		}
	})
}

func planRowDot[T Float](p *plan[T]) {
	a, b, y, c := p.x[0], p.x[1], p.y, len(p.x[0])/len(p.y)
	p.rows(len(y), c, func(r int) { y[r] = T(rowDot(a[r*c:(r+1)*c], b[r*c:(r+1)*c])) })
}

func planRowScale[T Float](p *plan[T]) {
	x, s, y, c, mul := p.x[0], p.x[1], p.y, len(p.y)/len(p.x[1]), p.kernels.mul
	if c < 512 {
		p.pass(1, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				y[i] = x[i] * s[i/c]
			}
		})
		return
	}
	factors := p.perWorker(512)
	p.batch(len(s), len(s), len(y), func(r, worker int) {
		f := factors[worker]
		for i := range f {
			f[i] = s[r]
		}
		for lo, end := r*c, (r+1)*c; lo < end; lo += len(f) {
			hi := min(lo+len(f), end)
			mul(y[lo:hi], x[lo:hi], f[:hi-lo])
		}
	})
}

func rowDot[T Float](a, b []T) float64 {
	sum := 0.0
	for k, v := range a {
		sum += float64(float64(v) * float64(b[k]))
	}
	return sum
}

// exp and log stand in for those of package math, whose last bit depends on the
// processor. Both are within 2 units in the last place.

// exp is 2^k·Σ rⁿ/n! for x = k·ln 2 + r and |r| ≤ ln 2 / 2.
func exp(x float64) float64 {
	switch {
	case math.IsNaN(x) || x > 709:
		return math.Exp(x) // not a number, or close to overflow
	case x < -745:
		return 0
	}
	const ( // ln 2 in two parts, the first of 33 bits, so that k·high is exact
		high = 0x1.62e42feep-1
		low  = math.Ln2 - high
	)
	k := math.Round(x * (1 / math.Ln2))
	r := x - float64(k*high) - float64(k*low)
	sum := 0.0
	for _, c := range inverseFactorials {
		sum = float64(sum*r) + c
	}
	if k < -1022 {
		return math.Ldexp(sum, int(k)) // not normal
	}
	return sum * math.Float64frombits(uint64(1023+int(k))<<52)
}

// inverseFactorials are 1/n! for n from 13 down to 0. The next one adds 5e-18 at most.
var inverseFactorials = func() (list [14]float64) {
	f := 1.0
	for n := range list {
		f *= max(float64(n), 1)
		list[len(list)-1-n] = 1 / f
	}
	return list
}()

// log is k·ln 2 + 2·Σ sⁿ/n over odd n, for x = 2^k·f, s = (f−1)/(f+1).
func log(x float64) float64 {
	f, k := math.Frexp(x) // f in [1/2, 1)
	if math.IsNaN(x) || math.IsInf(x, 0) || x <= 0 {
		return math.Log(x)
	}
	if f < math.Sqrt2/2 {
		f, k = 2*f, k-1
	}
	s := (f - 1) / (f + 1)
	square, sum := s*s, 0.0
	for n := 25.0; n > 1; n -= 2 {
		sum = float64(square * (sum + 1/n))
	}
	return float64(float64(k)*math.Ln2) + float64(2*(s+float64(s*sum)))
}
