package cpu

// Operators that only move numbers, pixel by pixel.

// pixels adds a stage over the n pixels of a result with c channels.
func (p *plan[T]) pixels(n, c int, f func(lo, hi int)) {
	size := max(passTile/c, 1)
	p.stage((n+size-1)/size, n*c, func(tile, _ int) { f(tile*size, min((tile+1)*size, n)) })
	if image := n / p.ys[0]; image > 1 {
		p.divide(contiguous(p.ys[0], p.ys[0], image, f))
	}
}

// move copies n pixels of c elements, which lie to and from elements apart.
func move[T Float](dst []T, to int, src []T, from, n, c int) {
	switch {
	case to == c && from == c:
		copy(dst[:n*c], src)
	case c == 8: // the channels of the laptop's searches
		for i := range n {
			*(*[8]T)(dst[i*to:]) = *(*[8]T)(src[i*from:])
		}
	case c < 16 && c%4 == 0: // a call of copy takes longer than the moves
		for i := range n {
			for k := 0; k < c; k += 4 {
				*(*[4]T)(dst[i*to+k:]) = *(*[4]T)(src[i*from+k:])
			}
		}
	default:
		for i := range n {
			copy(dst[i*to:][:c], src[i*from:])
		}
	}
}

func planSlice[T Float](p *plan[T]) {
	x, y, from, c, at := p.x[0], p.y, p.xs[0][3], p.ys[3], p.attr.Offset
	p.pixels(len(y)/c, c, func(lo, hi int) { move(y[lo*c:], c, x[lo*from+at:], from, hi-lo, c) })
}

func planPlace[T Float](p *plan[T]) {
	x, y, c, to, at := p.x[0], p.y, p.xs[0][3], p.ys[3], p.attr.Offset
	p.pixels(len(x)/c, to, func(lo, hi int) {
		clear(y[lo*to : hi*to])
		move(y[lo*to+at:], to, x[lo*c:], c, hi-lo, c)
	})
}

func planConcat[T Float](p *plan[T]) {
	xs, shapes, y, to := p.x, p.xs, p.y, p.ys[3]
	p.pixels(len(y)/to, to, func(lo, hi int) {
		at := lo * to
		for k, x := range xs {
			c := shapes[k][3]
			move(y[at:], to, x[lo*c:], c, hi-lo, c)
			at += c
		}
	})
}

func planSubsample[T Float](p *plan[T]) {
	x, y, s, a := p.x[0], p.y, p.ys, p.attr
	c, rows, wide, row := s[3], p.xs[0][1], p.xs[0][2]*s[3], s[2]*s[3]
	p.batch(s[0], s[0], len(y), func(n, _ int) {
		for h := range s[1] {
			move(y[(n*s[1]+h)*row:], c, x[(n*rows+h*a.Stride+a.Offset)*wide+a.Offset*c:], a.Stride*c, s[2], c)
		}
	})
}

func planSubsampleGrad[T Float](p *plan[T]) {
	g, y, s, a := p.x[0], p.y, p.xs[0], p.attr
	c, rows, wide, row := s[3], p.ys[1], p.ys[2]*s[3], s[2]*s[3]
	p.batch(s[0], s[0], len(y), func(n, _ int) {
		clear(y[n*rows*wide : (n+1)*rows*wide])
		for h := range s[1] {
			move(y[(n*rows+h*a.Stride+a.Offset)*wide+a.Offset*c:], a.Stride*c, g[(n*s[1]+h)*row:], c, s[2], c)
		}
	})
}

func planZero[T Float](p *plan[T]) {
	y := p.y
	p.pass(1, func(lo, hi int) { clear(y[lo:hi]) })
}
