//go:build !noasm

package limits

import "golang.org/x/sys/cpu"

// vectorLoops are those of AVX2 and AVX-512, as far as this processor has them.
func vectorLoops() []loops {
	var list []loops
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append(list, loops{fused: fusedAVX2, apart: apartAVX2, perStep: 12 * 8})
		if cpu.X86.HasAVX512F {
			list = append(list, loops{fused: fusedAVX512, apart: apartAVX512, perStep: 24 * 16})
		}
	}
	return list
}

//go:noescape
func fusedAVX2(steps int, sums *[16]float32)

//go:noescape
func apartAVX2(steps int, sums *[16]float32)

//go:noescape
func fusedAVX512(steps int, sums *[16]float32)

//go:noescape
func apartAVX512(steps int, sums *[16]float32)
