package cpu

// The kernels of convolutions and of the gradients of weights, for every processor. They
// add up a row of results at a time, a tap after the other.

const rowSums = 64 // most results in a row of sums

func portableConv[T Float](g *convGeometry, dst, src, w []T, rows, pixels int, add bool) {
	var sums [rowSums]T
	for r := range rows {
		for p := range pixels {
			for o := 0; o < g.channels; o += rowSums {
				acc := sums[:min(rowSums, g.channels-o)]
				clear(acc)
				at := o
				for _, off := range g.starts {
					for j, x := range src[g.src.at(r, p)+off:][:g.runLen] {
						portableAxpy(acc, w[at+j*g.wStep:][:len(acc)], x)
					}
					at += g.wRun
				}
				put(dst[g.dst.at(r, p)+o:], acc, add)
			}
		}
	}
}

func portableTranspose[T Float](dst, src []T, rows, cols int) {
	for r := range rows {
		for c, v := range src[r*cols:][:cols] {
			dst[c*rows+r] = v
		}
	}
}

func portableDepthwise[T Float](g *convGeometry, dst, src, w []T, rows, pixels int, add bool) {
	var sums [rowSums]T
	for r := range rows {
		for p := range pixels {
			for k := 0; k < g.channels; k += rowSums {
				acc := sums[:min(rowSums, g.channels-k)]
				clear(acc)
				for t, off := range g.starts {
					addProducts(acc, src[g.src.at(r, p)+off+k:], w[t*g.wStep+k:])
				}
				put(dst[g.dst.at(r, p)+k:], acc, add)
			}
		}
	}
}

// put writes sums, or adds them to what is there.
func put[T Float](dst, sums []T, add bool) {
	if add {
		portableAdd(dst, sums, dst)
		return
	}
	copy(dst, sums)
}

func portableConvWeight[T Float](g *weightGeometry, dw, x, dy []T, rows, pixels int) {
	var sums [rowSums]T
	for i := range g.ins {
		for o := 0; o < g.outs; o += rowSums {
			acc := sums[:min(rowSums, g.outs-o)]
			clear(acc)
			for r := range rows {
				for p := range pixels {
					portableAxpy(acc, dy[g.dy.at(r, p)+o:][:len(acc)], x[g.x.at(r, p)+i*g.inStep])
				}
			}
			put(dw[i*g.dwStep+o:], acc, !g.store)
		}
	}
}

func portableDepthwiseWeight[T Float](g *weightGeometry, dw, x, dy []T, rows, pixels int) {
	for t := range g.ins {
		portableDepthwiseTap(g, dw[t*g.dwStep:], x[t*g.inStep:], dy, rows, pixels, g.outs)
	}
}

// portableDepthwiseTap adds up the first c channels of one tap.
func portableDepthwiseTap[T Float](g *weightGeometry, dw, x, dy []T, rows, pixels, c int) {
	var sums [rowSums]T
	for k := 0; k < c; k += rowSums {
		acc := sums[:min(rowSums, c-k)]
		clear(acc)
		for r := range rows {
			for p := range pixels {
				addProducts(acc, x[g.x.at(r, p)+k:], dy[g.dy.at(r, p)+k:])
			}
		}
		put(dw[k:], acc, true)
	}
}
