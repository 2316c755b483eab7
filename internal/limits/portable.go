package limits

// Go has no vectors: these are the loops for processors that vectorLoops has none for.
// Each accumulator is a factor too, acc = acc·x + y, since the compiler would compute a
// product that all of them share only once.

const plainPerStep = 12

// plainFused leaves it to the compiler whether it fuses: it does on arm64 and others,
// not on amd64.
func plainFused(steps int, sums *[16]float32) {
	x, y := sums[0]+1, sums[1]+1 // nothing that the compiler knows
	var a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11 float32
	for range steps {
		a0 = a0*x + y
		a1 = a1*x + y
		a2 = a2*x + y
		a3 = a3*x + y
		a4 = a4*x + y
		a5 = a5*x + y
		a6 = a6*x + y
		a7 = a7*x + y
		a8 = a8*x + y
		a9 = a9*x + y
		a10 = a10*x + y
		a11 = a11*x + y
	}
	*sums = [16]float32{a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11}
}

func plainApart(steps int, sums *[16]float32) {
	x, y := sums[0]+1, sums[1]+1
	var a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11 float32
	for range steps {
		a0 = float32(a0*x) + y
		a1 = float32(a1*x) + y
		a2 = float32(a2*x) + y
		a3 = float32(a3*x) + y
		a4 = float32(a4*x) + y
		a5 = float32(a5*x) + y
		a6 = float32(a6*x) + y
		a7 = float32(a7*x) + y
		a8 = float32(a8*x) + y
		a9 = float32(a9*x) + y
		a10 = float32(a10*x) + y
		a11 = float32(a11*x) + y
	}
	*sums = [16]float32{a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11}
}

func plainLoad(x []uint32, times int, sums *[16]uint32) {
	var a0, a1, a2, a3, a4, a5, a6, a7 uint32
	for range times {
		for rest := x; len(rest) >= 8; rest = rest[8:] {
			a0 += rest[0]
			a1 += rest[1]
			a2 += rest[2]
			a3 += rest[3]
			a4 += rest[4]
			a5 += rest[5]
			a6 += rest[6]
			a7 += rest[7]
		}
	}
	*sums = [16]uint32{a0, a1, a2, a3, a4, a5, a6, a7}
}

func plainAdd(z, x, y []uint32, times int) {
	x, y = x[:len(z)], y[:len(z)]
	for range times {
		for i := range z {
			z[i] = x[i] + y[i]
		}
	}
}
