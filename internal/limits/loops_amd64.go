//go:build !noasm

package limits

import "golang.org/x/sys/cpu"

// vectorLoops are those of AVX2 and AVX-512, as far as this processor has them.
func vectorLoops() []loops {
	var list []loops
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, loops{fused: fusedAVX2, apart: apartAVX2, perStep: 12 * 8, width: 8, load: loadAVX2, add: addAVX2})
		if cpu.X86.HasAVX512F {
			list = append(list, loops{fused: fusedAVX512, apart: apartAVX512, perStep: 24 * 16, width: 16, load: loadAVX512, add: addAVX512})
		}
	}
	return list
}

// Clock is the cycles per second of the core that this runs on, now, by a chain of
// additions that take one cycle each.
func Clock() (hertz float64, ok bool) {
	const steps = 1 << 17
	return 8 * steps / together(1, func(int) { chain(steps) }), true
}

//go:noescape
func fusedAVX2(steps int, sums *[16]float32)

//go:noescape
func apartAVX2(steps int, sums *[16]float32)

//go:noescape
func fusedAVX512(steps int, sums *[16]float32)

//go:noescape
func apartAVX512(steps int, sums *[16]float32)

//go:noescape
func loadAVX2(x []uint32, times int, sums *[16]uint32)

//go:noescape
func addAVX2(z, x, y []uint32, times int)

//go:noescape
func loadAVX512(x []uint32, times int, sums *[16]uint32)

//go:noescape
func addAVX512(z, x, y []uint32, times int)

func chain(steps int) int
