package cpu

// The transforms of Winograd's form for every processor, a channel of a tile at a time.
// Halves are exact, short of underflow; T(...) keeps them from being fused all the same.

func inputLine[T Float](d0, d1, d2, d3 T) (v0, v1, v2, v3 T) {
	return d0 - d2, d1 + d2, d2 - d1, d1 - d3
}

func outputLine[T Float](m0, m1, m2, m3 T) (y0, y1 T) {
	return m0 + m1 + m2, m1 - m2 - m3
}

func gradLine[T Float](y0, y1 T) (m0, m1, m2, m3 T) {
	return y0, y0 + y1, y0 - y1, y1
}

func weightsLine[T Float](g0, g1, g2 T) (u0, u1, u2, u3 T) {
	ends := g0 + g2
	return g0, T((ends + g1) / 2), T((ends - g1) / 2), g2
}

func weightsGradLine[T Float](m0, m1, m2, m3 T) (g0, g1, g2 T) {
	half := T((m1 + m2) / 2)
	return m0 + half, T((m1 - m2) / 2), half - m3
}

func portableTransformInput[T Float](g *tileGeometry, dst, src []T, tiles int) {
	var t [4][4]T
	for i := range tiles * g.channels {
		from := g.at(i)
		for col := range 4 {
			d := src[from+col*g.image.pixel:]
			t[0][col], t[1][col], t[2][col], t[3][col] = inputLine(d[0], d[g.image.row], d[2*g.image.row], d[3*g.image.row])
		}
		for row := range t {
			v := dst[4*row*g.element+i:]
			v[0], v[g.element], v[2*g.element], v[3*g.element] = inputLine(t[row][0], t[row][1], t[row][2], t[row][3])
		}
	}
}

func portableTransformOutput[T Float](g *tileGeometry, dst, src []T, tiles int) {
	var t [2][4]T
	for i := range tiles * g.channels {
		for col := range 4 {
			m := src[col*g.element+i:]
			t[0][col], t[1][col] = outputLine(m[0], m[4*g.element], m[8*g.element], m[12*g.element])
		}
		for row := range t {
			y := dst[g.at(i)+row*g.image.row:]
			y[0], y[g.image.pixel] = outputLine(t[row][0], t[row][1], t[row][2], t[row][3])
		}
	}
}

func portableTransformGrad[T Float](g *tileGeometry, dst, src []T, tiles int) {
	var t [4][2]T
	for i := range tiles * g.channels {
		for col := range 2 {
			y := src[g.at(i)+col*g.image.pixel:]
			t[0][col], t[1][col], t[2][col], t[3][col] = gradLine(y[0], y[g.image.row])
		}
		for row := range t {
			m := dst[4*row*g.element+i:]
			m[0], m[g.element], m[2*g.element], m[3*g.element] = gradLine(t[row][0], t[row][1])
		}
	}
}

func portableTransformWeights[T Float](g *tileGeometry, dst, src []T, tiles int) {
	var t [4][3]T
	for i := range tiles * g.channels {
		for col := range 3 {
			w := src[g.at(i)+col*g.image.pixel:]
			t[0][col], t[1][col], t[2][col], t[3][col] = weightsLine(w[0], w[g.image.row], w[2*g.image.row])
		}
		for row := range t {
			u := dst[4*row*g.element+i:]
			u[0], u[g.element], u[2*g.element], u[3*g.element] = weightsLine(t[row][0], t[row][1], t[row][2])
		}
	}
}

func portableTransformWeightsGrad[T Float](g *tileGeometry, dst, src []T, tiles int) {
	var t [3][4]T
	for i := range tiles * g.channels {
		for col := range 4 {
			m := src[col*g.element+i:]
			t[0][col], t[1][col], t[2][col] = weightsGradLine(m[0], m[4*g.element], m[8*g.element], m[12*g.element])
		}
		for row := range t {
			w := dst[g.at(i)+row*g.image.row:]
			w0, w1, w2 := weightsGradLine(t[row][0], t[row][1], t[row][2], t[row][3])
			w[0] += w0
			w[g.image.pixel] += w1
			w[2*g.image.pixel] += w2
		}
	}
}
