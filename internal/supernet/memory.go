package supernet

import "idarts/internal/exec"

// Bytes is the memory of the programs lowered so far: arena is the shared block
// for intermediate results, total is everything, the vectors that methods make
// with NewVec left out.
func (p *Problem) Bytes() (arena, total int) {
	size := p.opt.Device.Bits() / 8
	for _, n := range p.size {
		total += size * n
	}
	return size * p.size[exec.Scratch], total
}

// Traffic is how many bytes the programs have read and written so far, every
// argument and result of an instruction counted once.
func (p *Problem) Traffic() float64 { return float64(p.opt.Device.Bits() / 8 * p.moved) }

// Launches is how many kernels the programs have started so far on a device that is told
// each, see [exec.Launcher], and 0 elsewhere.
func (p *Problem) Launches() int { return p.launches }

// Wait waits until the device has done all that it was asked for.
func (p *Problem) Wait() { p.mem.Number(exec.Loss, 0).Value() }
