package cpu

// Operators that only move numbers, pixel by pixel.

// pixels adds a stage over the pixels of tensors that have c channels together.
func (p *plan[T]) pixels(n, c int, f func(lo, hi int)) {
	size := max(passTile/c, 1)
	p.stage((n+size-1)/size, n*c, func(tile, _ int) { f(tile*size, min((tile+1)*size, n)) })
}

func planSlice[T Float](p *plan[T]) {
	x, y, from, c, at := p.x[0], p.y, p.xs[0][3], p.ys[3], p.attr.Offset
	p.pixels(len(y)/c, c, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(y[i*c:(i+1)*c], x[i*from+at:])
		}
	})
}

func planPlace[T Float](p *plan[T]) {
	x, y, c, to, at := p.x[0], p.y, p.xs[0][3], p.ys[3], p.attr.Offset
	p.pixels(len(x)/c, to, func(lo, hi int) {
		clear(y[lo*to : hi*to])
		for i := lo; i < hi; i++ {
			copy(y[i*to+at:], x[i*c:(i+1)*c])
		}
	})
}

func planConcat[T Float](p *plan[T]) {
	xs, shapes, y, to := p.x, p.xs, p.y, p.ys[3]
	p.pixels(len(y)/to, to, func(lo, hi int) {
		at := 0
		for k, x := range xs {
			c := shapes[k][3]
			for i := lo; i < hi; i++ {
				copy(y[i*to+at:], x[i*c:(i+1)*c])
			}
			at += c
		}
	})
}

func planSubsample[T Float](p *plan[T]) {
	x, y, s, a := p.x[0], p.y, p.ys, p.attr
	rows, wide, row := p.xs[0][1], p.xs[0][2]*s[3], s[2]*s[3]
	p.stage(s[0], len(y), func(n, _ int) {
		for h := range s[1] {
			from, to := x[(n*rows+h*a.Stride+a.Offset)*wide+a.Offset*s[3]:], y[(n*s[1]+h)*row:]
			for w := range s[2] {
				copy(to[w*s[3]:(w+1)*s[3]], from[w*a.Stride*s[3]:])
			}
		}
	})
}

func planSubsampleGrad[T Float](p *plan[T]) {
	g, y, s, a := p.x[0], p.y, p.xs[0], p.attr
	rows, wide, row := p.ys[1], p.ys[2]*s[3], s[2]*s[3]
	p.stage(s[0], len(y), func(n, _ int) {
		clear(y[n*rows*wide : (n+1)*rows*wide])
		for h := range s[1] {
			from, to := g[(n*s[1]+h)*row:], y[(n*rows+h*a.Stride+a.Offset)*wide+a.Offset*s[3]:]
			for w := range s[2] {
				copy(to[w*a.Stride*s[3]:], from[w*s[3]:(w+1)*s[3]])
			}
		}
	})
}
