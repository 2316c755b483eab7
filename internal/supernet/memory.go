package supernet

import (
	"unsafe"

	"idarts/internal/exec"
)

// Bytes is the memory of the programs lowered so far: arena is the shared block
// for intermediate results, total is everything, the vectors that methods make
// with NewVec left out.
func (p *Problem[T]) Bytes() (arena, total int) {
	var element T
	size := int(unsafe.Sizeof(element))
	for _, region := range p.mem {
		total += size * len(region)
	}
	return size * len(p.mem[exec.Scratch]), total
}
