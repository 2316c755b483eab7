package supernet

import (
	"unsafe"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
)

func elementSize[T cpu.Float]() int {
	var element T
	return int(unsafe.Sizeof(element))
}

// Bytes is the memory of the programs lowered so far: arena is the shared block
// for intermediate results, total is everything, the vectors that methods make
// with NewVec left out.
func (p *Problem[T]) Bytes() (arena, total int) {
	size := elementSize[T]()
	for _, region := range p.mem {
		total += size * len(region)
	}
	return size * len(p.mem[exec.Scratch]), total
}

// Traffic is how many bytes the programs have read and written so far, every
// argument and result of an instruction counted once.
func (p *Problem[T]) Traffic() float64 { return float64(elementSize[T]() * p.moved) }
