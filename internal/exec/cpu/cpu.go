// Package cpu runs programs of [exec.Program] on the processor, in float32 or
// float64.
//
// [Bind] checks a program once and turns each instruction into stages: a fixed
// number of tiles that any worker may take. Tiles, and the order in which a
// tile and the tiles' partial sums are added up, depend on shapes alone, so the
// result has the same bits with any number of workers. Products are rounded
// before they are added (T(a*b) + c, which forbids fused multiply-add), so it
// also has the same bits on every kind of processor.
//
// Tensors are dense NHWC, convolution weights [KH, KW, Cin/groups, Cout]. A run
// allocates nothing.
//
// Start at [Bind]; the kernel of each operator is a row of kernels.go, and the
// loops that tuned code may replace are listed in inner.go.
package cpu

import (
	"fmt"

	"idarts/internal/exec"
)

// Float is the precision of the device.
type Float interface{ float32 | float64 }

// Memory is one slice for each space. Programs bound to one Memory share it.
type Memory[T Float] [exec.NumSpaces][]T

// NewMemory makes zeroed memory in which each space is as large as the largest
// need of the programs.
func NewMemory[T Float](programs ...*exec.Program) *Memory[T] {
	mem := new(Memory[T])
	for s := range mem {
		n := 0
		for _, p := range programs {
			n = max(n, p.Size[s])
		}
		mem[s] = make([]T, n)
	}
	return mem
}

// Exec is a program bound to memory and workers.
type Exec[T Float] struct {
	pool   *Pool
	phases [][]stage
}

// stage is one parallel step: run is called once for each tile.
type stage struct {
	tiles int
	alone bool // too little work to wake a helper for
	run   func(tile, worker int)
}

// Bind checks that p fits the operators' shapes, the memory and the rules for
// overlap, and plans the workspace. The slices in mem are taken now: replacing
// one later has no effect on the result of Bind. Errors name the phase and the
// instruction.
func Bind[T Float](pool *Pool, p *exec.Program, mem *Memory[T]) (*Exec[T], error) {
	const worthWaking = 1 << 15 // elements of an addition; some microseconds
	return bind(pool, p, mem, tuned[T](), worthWaking)
}

// bind runs stages with less work than worthWaking on one worker.
func bind[T Float](pool *Pool, p *exec.Program, mem *Memory[T], inner *inner[T], worthWaking int) (*Exec[T], error) {
	rows := kernels[T]()
	e := &Exec[T]{pool: pool, phases: make([][]stage, len(p.Phases))}
	var values arena[T]
	var sums arena[float64]
	poolings := map[window]*pooling[T]{}
	for i, phase := range p.Phases {
		for k, in := range phase {
			in.Attr = normal(in.Attr)
			if err := check(in, mem); err != nil {
				return nil, fmt.Errorf("cpu: phase %d, instruction %d: %w", i, k, err)
			}
			values.used, sums.used = 0, 0
			p := &plan[T]{op: in.Op, attr: in.Attr, y: block(mem, in.Out), ys: in.Out.Shape,
				inner: inner, workers: pool.Workers(), worthWaking: worthWaking, values: &values, sums: &sums, poolings: poolings}
			for _, a := range in.Args {
				p.x, p.xs = append(p.x, block(mem, a)), append(p.xs, a.Shape)
			}
			rows[in.Op](p)
			e.phases[i] = append(e.phases[i], p.stages...)
		}
	}
	return e, nil
}

// Run does one phase.
func (e *Exec[T]) Run(phase int) {
	for i := range e.phases[phase] {
		s := &e.phases[phase][i]
		if s.alone {
			for tile := range s.tiles {
				s.run(tile, 0)
			}
			continue
		}
		e.pool.each(s.tiles, s.run)
	}
}

// plan collects the stages of one instruction.
type plan[T Float] struct {
	op      exec.Op
	attr    exec.Attr
	x       [][]T        // the arguments' memory
	xs      []exec.Shape // and shapes
	y       []T
	ys      exec.Shape
	inner   *inner[T]
	workers int
	stages  []stage

	worthWaking int

	values *arena[T]
	sums   *arena[float64]

	poolings map[window]*pooling[T]
}

func block[T Float](mem *Memory[T], t exec.Tensor) []T {
	end := t.Offset + t.Shape.Len()
	return mem[t.Space][t.Offset:end:end]
}

// stage adds a stage. work is what all tiles do together, in the time that one
// element of an addition takes; below a threshold no helper is woken.
func (p *plan[T]) stage(tiles, work int, run func(tile, worker int)) {
	p.stages = append(p.stages, stage{tiles: tiles, alone: tiles < 2 || work < p.worthWaking, run: run})
}

// serial adds a stage of one tile.
func (p *plan[T]) serial(run func()) {
	p.stage(1, 0, func(int, int) { run() })
}

// perWorker gives each worker its own n elements of workspace.
func (p *plan[T]) perWorker(n int) [][]T {
	bufs := make([][]T, p.workers)
	for i := range bufs {
		bufs[i] = p.values.take(n)
	}
	return bufs
}

// arena hands out workspace. Instructions run one after another, so all of them
// take from the same start; a bigger block replaces the current one when it is
// too small, and earlier takers keep the old one.
type arena[E any] struct {
	block []E
	used  int
}

func (a *arena[E]) take(n int) []E {
	const line = 16 // elements; keeps workers off each other's cache lines
	end := a.used + (n+line-1)/line*line
	if end > len(a.block) {
		a.block = make([]E, 2*end)
	}
	s := a.block[a.used : a.used+n : a.used+n]
	a.used = end
	return s
}
