package cpu

// The gradients of weights, for every processor.

// portableConvWeight keeps 2 x 4 weights in registers, and finishes with smaller tiles.
func portableConvWeight[T Float](g *weightGeometry, dw, x, dy []T, rows, pixels int) {
	o := 0
	for ; o+4 <= g.outs; o += 4 {
		i := 0
		for ; i+2 <= g.ins; i += 2 {
			var acc [8]T
			for r := range rows {
				weight2x4(&acc, x[r*g.x.row+i:], g.x.pixel, dy[r*g.dy.row+o:], g.dy.pixel, pixels)
			}
			add4((*[4]T)(dw[i*g.dwStep+o:]), [4]T(acc[:4]))
			add4((*[4]T)(dw[(i+1)*g.dwStep+o:]), [4]T(acc[4:]))
		}
		for ; i < g.ins; i++ {
			var acc [4]T
			for r := range rows {
				weight1x4(&acc, x[r*g.x.row+i:], g.x.pixel, dy[r*g.dy.row+o:], g.dy.pixel, pixels)
			}
			add4((*[4]T)(dw[i*g.dwStep+o:]), acc)
		}
	}
	for ; o < g.outs; o++ {
		for i := range g.ins {
			acc := T(0)
			for r := range rows {
				for p := range pixels {
					acc += T(x[g.x.at(r, p)+i] * dy[g.dy.at(r, p)+o])
				}
			}
			dw[i*g.dwStep+o] += acc
		}
	}
}

func add4[T Float](dst *[4]T, sums [4]T) {
	dst[0] += sums[0]
	dst[1] += sums[1]
	dst[2] += sums[2]
	dst[3] += sums[3]
}

func weight2x4[T Float](acc *[8]T, x []T, xStep int, dy []T, dyStep, pixels int) {
	a0, a1, a2, a3, b0, b1, b2, b3 := acc[0], acc[1], acc[2], acc[3], acc[4], acc[5], acc[6], acc[7]
	for range pixels {
		x2, g := (*[2]T)(x), (*[4]T)(dy)
		a0 += T(x2[0] * g[0])
		b0 += T(x2[1] * g[0])
		a1 += T(x2[0] * g[1])
		b1 += T(x2[1] * g[1])
		a2 += T(x2[0] * g[2])
		b2 += T(x2[1] * g[2])
		a3 += T(x2[0] * g[3])
		b3 += T(x2[1] * g[3])
		x, dy = x[min(xStep, len(x)):], dy[min(dyStep, len(dy)):]
	}
	*acc = [8]T{a0, a1, a2, a3, b0, b1, b2, b3}
}

func weight1x4[T Float](acc *[4]T, x []T, xStep int, dy []T, dyStep, pixels int) {
	a0, a1, a2, a3 := acc[0], acc[1], acc[2], acc[3]
	for p := range pixels {
		x, g := x[p*xStep], (*[4]T)(dy[p*dyStep:])
		a0 += T(x * g[0])
		a1 += T(x * g[1])
		a2 += T(x * g[2])
		a3 += T(x * g[3])
	}
	*acc = [4]T{a0, a1, a2, a3}
}

func portableDepthwiseWeight[T Float](g *weightGeometry, dw, x, dy []T, rows, pixels int) {
	for t := range g.ins {
		portableDepthwiseTap(g, dw[t*g.dwStep:], x[t*g.inStep:], dy, rows, pixels, g.outs)
	}
}

// portableDepthwiseTap adds up the first c channels of one tap.
func portableDepthwiseTap[T Float](g *weightGeometry, dw, x, dy []T, rows, pixels, c int) {
	xs, dys := g.x, g.dy
	k := 0
	for ; k+4 <= c; k += 4 {
		var a0, a1, a2, a3 T
		for r := range rows {
			for p := range pixels {
				x, g := (*[4]T)(x[xs.at(r, p)+k:]), (*[4]T)(dy[dys.at(r, p)+k:])
				a0 += T(x[0] * g[0])
				a1 += T(x[1] * g[1])
				a2 += T(x[2] * g[2])
				a3 += T(x[3] * g[3])
			}
		}
		add4((*[4]T)(dw[k:]), [4]T{a0, a1, a2, a3})
	}
	for ; k < c; k++ {
		acc := T(0)
		for r := range rows {
			for p := range pixels {
				acc += T(x[xs.at(r, p)+k] * dy[dys.at(r, p)+k])
			}
		}
		dw[k] += acc
	}
}
