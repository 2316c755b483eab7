package cpu

// The passes over memory, for every processor.

func portableReLU[T Float](y, x []T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = max(v, 0)
	}
}

func portableReLUMask[T Float](y, x, g []T) {
	y, g = y[:len(x)], g[:len(x)]
	for i, v := range x {
		s := g[i]
		if !(v > 0) {
			s = 0
		}
		y[i] = s
	}
}

func portableAdd[T Float](y, a, b []T) {
	y, b = y[:len(a)], b[:len(a)]
	for i, v := range a {
		y[i] = v + b[i]
	}
}

func portableMul[T Float](y, a, b []T) {
	y, b = y[:len(a)], b[:len(a)]
	for i, v := range a {
		y[i] = v * b[i]
	}
}

func portableLin[T Float](y []T, xs [][]T, at int, coefs, bias []T) {
	linFrom(y, 0, xs, at, coefs, bias)
}

// linFrom is portableLin of the elements of y from one on, a multiple of 32.
func linFrom[T Float](y []T, from int, xs [][]T, at int, coefs, bias []T) {
	period := len(bias)
	for ; from < len(y); from += 32 {
		place := from % period
		acc := [32]T(bias[place:])
		n := min(32, len(y)-from)
		for k, x := range xs {
			addProducts(acc[:n], coefs[k*period+place:], x[at+from:])
		}
		copy(y[from:], acc[:n])
	}
}

func portableNorm[T Float](y, x, mean, rstd []T) {
	period := len(mean)
	for base := 0; base < len(x); base += period {
		x := x[base:min(base+period, len(x))]
		y, mean, rstd := y[base:][:len(x)], mean[:len(x)], rstd[:len(x)]
		for i, v := range x {
			y[i] = (v - mean[i]) * rstd[i]
		}
	}
}

func portableBNGrad[T Float](y, g, x, meanG, meanGX, rstd []T) {
	period := len(rstd)
	for base := 0; base < len(g); base += period {
		g := g[base:min(base+period, len(g))]
		y, x := y[base:][:len(g)], x[base:][:len(g)]
		meanG, meanGX, rstd := meanG[:len(g)], meanGX[:len(g)], rstd[:len(g)]
		for i, v := range g {
			y[i] = rstd[i] * fma(-x[i], meanGX[i], v-meanG[i])
		}
	}
}

func portableSGD[T Float](w, g, buf []T, s *sgd[T]) {
	var block [32]T
	for len(w) > 0 {
		d := block[:min(len(block), len(w))]
		for i, v := range g[:len(d)] {
			d[i] = s.clip * v
		}
		portableAxpy(d, w[:len(d)], s.decay)
		portableAxpy(w, d, s.gradRate)
		if buf != nil {
			portableAxpy(d, buf[:len(d)], s.momentum)
			copy(buf, d)
			portableAxpy(w, d, s.bufRate)
			buf = buf[len(d):]
		}
		w, g = w[len(d):], g[len(d):]
	}
}
