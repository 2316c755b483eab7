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

func portableSum3[T Float](y, a, b, c []T) {
	y, b, c = y[:len(a)], b[:len(a)], c[:len(a)]
	for i, v := range a {
		y[i] = v + b[i] + c[i]
	}
}

func portableMul[T Float](y, a, b []T) {
	y, b = y[:len(a)], b[:len(a)]
	for i, v := range a {
		y[i] = v * b[i]
	}
}

func portableAxpy[T Float](y, x []T, a T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += T(a * v)
	}
}

func portableLin[T Float](y []T, xs [][]T, at int, coefs, bias []T) {
	period := len(bias)
	for from := 0; from < len(y); from += 32 {
		place := from % period
		acc := [32]T(bias[place:])
		n := min(32, len(y)-from)
		for k, x := range xs {
			a := (*[32]T)(coefs[k*period+place:])
			for i, v := range x[at+from:][:n] {
				acc[i&31] += T(a[i&31] * v)
			}
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
			y[i] = rstd[i] * ((v - meanG[i]) - T(x[i]*meanGX[i]))
		}
	}
}
