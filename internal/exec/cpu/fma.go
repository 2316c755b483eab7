package cpu

import (
	"math"
	"unsafe"
)

// fma is a·b + c, rounded once to the nearest T, to even in a tie: what a processor's
// fused multiply-add gives. Kernels that add up products do so with chains of it,
// acc = fma(x, w, acc), so that plain Go and native code have the same bits.
//
// It is too long to be inlined. Loops over rows do what it does by themselves, see
// [portableAxpy].
func fma[T Float](a, b, c T) T {
	sum, ok := quickFMA[T](float64(a), float64(b), float64(c))
	if !ok {
		return settleFMA[T](float64(a), float64(b), float64(c))
	}
	return sum
}

// quickFMA is fma of three T in all but rare cases of float32, in which ok is false.
//
// The product of two float32 is exact in float64. Its sum with c is rounded to 53 bits
// and then to 24, which is the same as once to 24 unless the first rounding led to the
// middle between two neighbours: there the second one no longer knows on which side the
// sum was. In the range of normal numbers the last 29 bits of a middle are 100…0. Below
// it, 0 aside, the middles lie elsewhere, and no sum is left to chance.
func quickFMA[T Float](a, b, c float64) (sum T, ok bool) {
	if unsafe.Sizeof(sum) == 8 {
		return T(math.FMA(a, b, c)), true
	}
	const normal = 897 << 53 // 2⁻¹²⁶ without its sign, shifted out on the left
	s := float64(a*b) + c
	bits := math.Float64bits(s)
	return T(s), bits<<35 != 1<<63 && bits<<1-1 >= normal-1 // 0 − 1 is the largest
}

// settleFMA is fma of three float32 of any size. It rounds the sum to odd: an inexact one
// goes to whichever neighbour has the last bit 1. That keeps it off the middles, so that
// the second rounding gives what a single one would (Boldo and Melquiond, "Emulation of
// FMA and correctly rounded sums", IEEE Transactions on Computers 57(4), 2008).
//
//go:noinline
func settleFMA[T Float](a, b, c float64) T {
	p := float64(a * b)
	s := p + c
	r := s - p
	lost := (p - (s - r)) + (c - r) // p + c − s, exactly (Knuth)
	bits := math.Float64bits(s)
	if lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++ // away from zero
		} else {
			bits--
		}
	}
	return T(math.Float64frombits(bits))
}

// addProducts is acc[i] = fma(a[i], b[i], acc[i]).
func addProducts[T Float](acc, a, b []T) {
	a, b = a[:len(acc)], b[:len(acc)]
	for i := range acc {
		x, w, c := float64(a[i]), float64(b[i]), float64(acc[i])
		sum, ok := quickFMA[T](x, w, c)
		if !ok {
			sum = settleFMA[T](x, w, c)
		}
		acc[i] = sum
	}
}

// portableAxpy is y[i] = fma(a, x[i], y[i]).
func portableAxpy[T Float](y, x []T, a T) {
	y = y[:len(x)]
	factor := float64(a)
	for i := range x {
		v, c := float64(x[i]), float64(y[i])
		sum, ok := quickFMA[T](v, factor, c)
		if !ok {
			sum = settleFMA[T](v, factor, c)
		}
		y[i] = sum
	}
}
