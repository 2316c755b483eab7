package cpu

import (
	"fmt"
	"time"

	"idarts/internal/exec"
)

// Device is the processor as an [exec.Device] that computes in precision T.
type Device[T Float] struct {
	pool    *Pool
	kernels *kernels[T]
}

// Open makes a device with so many workers; fewer than 1 mean 1.
func Open[T Float](workers int) *Device[T] { return &Device[T]{NewPool(workers), native[T]()} }

// Sets names the instruction sets of this processor and build, the one that Open takes
// last. The first one, "plain", is Go without any.
func Sets() (names []string) {
	for _, s := range instructionSets() {
		names = append(names, s.name)
	}
	return names
}

// OpenSet is Open with the kernels of one of [Sets]: all of them give the same bits. In
// float64 all of them are plain.
func OpenSet[T Float](workers int, name string) (*Device[T], error) {
	for _, s := range instructionSets() {
		if s.name == name {
			return &Device[T]{NewPool(workers), with[T](s)}, nil
		}
	}
	return nil, fmt.Errorf("cpu: no instruction set %q on this processor, want one of %q", name, Sets())
}

// Name implements [exec.Device].
func (d *Device[T]) Name() string {
	if n := d.pool.Workers(); n > 1 {
		return fmt.Sprintf("cpu, %d workers", n)
	}
	return "cpu, 1 worker"
}

// Class implements [exec.Device]. The number of workers and the kind of processor
// change no bits; that products are fused with additions did.
func (d *Device[T]) Class() string { return fmt.Sprintf("cpu float%d fma v2", d.Bits()) }

// Workers implements [exec.Device].
func (d *Device[T]) Workers() int { return d.pool.Workers() }

// Bits implements [exec.Device].
func (d *Device[T]) Bits() int {
	if _, single := any(T(0)).(float32); single {
		return 32
	}
	return 64
}

// Target is the same in both precisions and for all processors. What these numbers
// were chosen by is the time of the published supernets on desktop processors; Align
// is a cache line of float32.
var Target = exec.Target{Align: 16, Terms: 2, Again: 10, Fresh: 150}

// Target implements [exec.Device].
func (d *Device[T]) Target() exec.Target { return Target }

// NewVec implements [exec.Device].
func (d *Device[T]) NewVec(n int) exec.Vec { return wrap(d.pool, d.kernels, make([]T, n)) }

// NewMemory implements [exec.Device].
func (d *Device[T]) NewMemory() exec.Memory {
	r := &regions[T]{pool: d.pool, kernels: d.kernels}
	for s := range exec.NumSpaces {
		r.Resize(s, 0)
	}
	return r
}

// Close implements [exec.Device].
func (d *Device[T]) Close() { d.pool.Close() }

// regions is memory whose host side is the memory itself.
type regions[T Float] struct {
	pool    *Pool
	kernels *kernels[T]
	mem     Memory[T]
	hosts   [exec.NumSpaces]exec.Host
}

func (r *regions[T]) Resize(s exec.Space, n int) {
	r.mem[s] = nil // before the new block is there
	r.mem[s] = zeros[T](n)
	switch block := any(r.mem[s]).(type) {
	case []float32:
		r.hosts[s] = exec.Host{F32: block}
	case []float64:
		r.hosts[s] = exec.Host{F64: block}
	}
}

func (r *regions[T]) Region(s exec.Space) exec.Vec           { return wrap(r.pool, r.kernels, r.mem[s]) }
func (r *regions[T]) Host(s exec.Space) exec.Host            { return r.hosts[s] }
func (r *regions[T]) Upload(exec.Space)                      {}
func (r *regions[T]) Download(exec.Space)                    {}
func (r *regions[T]) Number(s exec.Space, i int) exec.Number { return exec.Known(float64(r.mem[s][i])) }

func (r *regions[T]) Average(norms []exec.Averages) {
	stats, buffers := r.mem[exec.Stats], r.mem[exec.Buffers]
	for _, n := range norms {
		unbias := 1.0
		if n.Rows > 1 {
			unbias = float64(n.Rows) / float64(n.Rows-1)
		}
		for c := range n.Channels {
			mean, variance := float64(stats[n.Stats+c]), float64(stats[n.Stats+n.Channels+c])*unbias
			m, v := &buffers[n.Buffers+c], &buffers[n.Buffers+n.Channels+c]
			*m = T(float64((1-n.Momentum)*float64(*m)) + float64(n.Momentum*mean))
			*v = T(float64((1-n.Momentum)*float64(*v)) + float64(n.Momentum*variance))
		}
	}
}

// Bind implements [exec.Memory]: only the phase is planned.
func (r *regions[T]) Bind(p *exec.Program, phase int, elsewhere map[exec.Space]exec.Vec) (exec.Bound, error) {
	mem := r.mem
	for s, v := range elsewhere {
		vec, ok := v.(*Vec[T])
		if !ok {
			return nil, fmt.Errorf("cpu: space %v is in a vector of another device", s)
		}
		mem[s] = vec.data
	}
	phases := make([][]exec.Instr, phase+1)
	phases[phase] = p.Phases[phase]
	e, err := bind(r.pool, &exec.Program{Phases: phases, Size: p.Size}, &mem, r.kernels, worthWaking)
	if err != nil {
		return nil, err
	}
	return bound[T]{e, phase}, nil
}

// bound is a phase of a program.
type bound[T Float] struct {
	exec  *Exec[T]
	phase int
}

func (b bound[T]) Run()                     { b.exec.Run(b.phase) }
func (b bound[T]) Profile() []time.Duration { return b.exec.Profile(b.phase) }
