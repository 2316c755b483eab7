// Package cpu runs programs of [exec.Program] on the processor, in float32 or
// float64.
//
// [Bind] checks a program once and turns each instruction into stages: a fixed
// number of tiles that any worker may take. Tiles, and the order in which a
// tile and the tiles' partial sums are added up, depend on shapes alone, so the
// result has the same bits with any number of workers. Sums of products are chains
// of fused multiply-adds, acc = fma(x, w, acc), in an order that each kernel states; all
// other products are rounded (T(a*b) + c, which keeps the compiler from fusing where the
// processor could). So the result also has the same bits on every kind of processor.
// 3x3 convolutions of 32 channels and more go by Winograd's form, with 4/9 of the
// products, where shapes allow, see winograd.go; all others are computed as they are written.
// Instructions that go by images are joined to chains, see chain.go: that changes the
// order of tiles and no bits.
//
// Tensors are dense NHWC, convolution weights [KH, KW, Cin/groups, Cout]. A run
// allocates nothing.
//
// Start at [Open], and at [Bind] for how a program gets ready; how each operator is
// planned is a row of planners.go, and the kernels that native code may replace are
// listed in kernels.go.
package cpu

import (
	"fmt"
	"time"

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
	tiles, work int
	alone       bool // too little work to wake a helper for
	run         func(tile, worker int)
	split       *split // nil for a stage that does not go by images
	owner       int    // the instruction, counted in its phase
	links       []link // of a chain
	steps       int    // of a chain's tile
}

// Bind checks that p fits the operators' shapes, the memory and the rules for
// overlap, and plans the workspace. The slices in mem are taken now: replacing
// one later has no effect on the result of Bind. Errors name the phase and the
// instruction.
func Bind[T Float](pool *Pool, p *exec.Program, mem *Memory[T]) (*Exec[T], error) {
	return bind(pool, p, mem, native[T](), worthWaking)
}

// worthWaking is in elements of an addition; some microseconds.
const worthWaking = 1 << 15

// bind runs stages with less work than worthWaking on one worker.
func bind[T Float](pool *Pool, p *exec.Program, mem *Memory[T], kernels *kernels[T], worthWaking int) (*Exec[T], error) {
	rows := planners[T]()
	e := &Exec[T]{pool: pool, phases: make([][]stage, len(p.Phases))}
	c := chain{workers: pool.Workers(), worthWaking: worthWaking}
	var values arena[T]
	var sums arena[float64]
	own := make([]arena[T], pool.Workers())
	poolings := map[window]*pooling[T]{}
	for i, phase := range p.Phases {
		for k, in := range phase {
			in.Attr = in.Attr.Normal()
			if err := check(in, mem); err != nil {
				return nil, fmt.Errorf("cpu: phase %d, instruction %d: %w", i, k, err)
			}
			p := &plan[T]{op: in.Op, attr: in.Attr, y: block(mem, in.Out), ys: in.Out.Shape,
				kernels: kernels, workers: pool.Workers(), worthWaking: worthWaking, values: &values, sums: &sums, own: own, poolings: poolings}
			for _, a := range in.Args {
				p.x, p.xs = append(p.x, block(mem, a)), append(p.xs, a.Shape)
			}
			rows[in.Op](p)
			for w := range own {
				own[w].used = 0
			}
			for s := range p.stages {
				p.stages[s].owner = k
			}
			c.add(&e.phases[i], in, p.stages)
			if c.empty() {
				values.used, sums.used = 0, 0
			}
		}
		c.close(&e.phases[i])
		values.used, sums.used = 0, 0
	}
	return e, nil
}

// Run does one phase.
func (e *Exec[T]) Run(phase int) {
	for i := range e.phases[phase] {
		e.stage(&e.phases[phase][i])
	}
}

func (e *Exec[T]) stage(s *stage) {
	if s.alone {
		for tile := range s.tiles {
			s.run(tile, 0)
		}
		return
	}
	e.pool.each(s.tiles, s.run)
}

// Profile is Run, and returns the time of each instruction. That of instructions
// which go through the batch together is divided as the workers' time was.
func (e *Exec[T]) Profile(phase int) []time.Duration {
	instructions := 0
	for _, s := range e.phases[phase] {
		instructions = max(instructions, s.owner+1)
		for _, l := range s.links {
			instructions = max(instructions, l.owner+1)
		}
	}
	times := make([]time.Duration, instructions)
	for _, s := range e.phases[phase] {
		parts := make([]time.Duration, e.pool.Workers()*len(s.links))
		if s.links != nil {
			took := func(link, worker int, d time.Duration) { parts[worker*len(s.links)+link] += d }
			s.run = func(tile, worker int) { walk(s.links, s.steps, tile, worker, took) }
		}
		start := time.Now()
		e.stage(&s)
		d := time.Since(start)
		if s.links == nil {
			times[s.owner] += d
			continue
		}
		var all time.Duration
		for _, part := range parts {
			all += part
		}
		for i, part := range parts {
			times[s.links[i%len(s.links)].owner] += time.Duration(float64(d) * float64(part) / float64(all))
		}
	}
	return times
}

// plan collects the stages of one instruction.
type plan[T Float] struct {
	op      exec.Op
	attr    exec.Attr
	x       [][]T        // the arguments' memory
	xs      []exec.Shape // and shapes
	y       []T
	ys      exec.Shape
	kernels *kernels[T]
	workers int
	stages  []stage

	worthWaking int

	values *arena[T]
	sums   *arena[float64]
	own    []arena[T] // of each worker

	poolings map[window]*pooling[T]
}

func block[T Float](mem *Memory[T], t exec.Tensor) []T {
	end := t.Offset + t.Shape.Len()
	return mem[t.Space][t.Offset:end:end]
}

// stage adds a stage. work is what all tiles do together, in the time that one
// element of an addition takes; below a threshold no helper is woken.
func (p *plan[T]) stage(tiles, work int, run func(tile, worker int)) {
	p.stages = append(p.stages, stage{tiles: tiles, work: work, alone: tiles < 2 || work < p.worthWaking, run: run})
}

// batch adds a stage whose tiles divide the images of a batch evenly.
func (p *plan[T]) batch(images, tiles, work int, run func(tile, worker int)) {
	p.stage(tiles, work, run)
	p.divide(split{images: images, tiles: tiles, together: 1, run: run})
}

// divide says how the last stage divides a batch, where it does so evenly.
func (p *plan[T]) divide(s split) { p.stages[len(p.stages)-1].split = &s }

// serial adds a stage of one tile.
func (p *plan[T]) serial(run func()) {
	p.stage(1, 0, func(int, int) { run() })
}

// perWorker gives each worker n elements of workspace for what it does within a tile.
// They are those of all other instructions, also in a chain, where a worker goes from a
// tile of one to a tile of another: so they stay in cache.
func (p *plan[T]) perWorker(n int) [][]T {
	bufs := make([][]T, p.workers)
	for i := range bufs {
		bufs[i] = p.own[i].reserve(n)
	}
	return bufs
}

// arena hands out workspace. Instructions that run one after another take from the same
// start; a bigger block replaces the current one when it is too small, and earlier takers
// keep the old one.
type arena[E any] struct {
	block []E
	used  int
}

func (a *arena[E]) reserve(n int) []E {
	const line = 16 // elements; keeps workers off each other's cache lines
	end := a.used + (n+line-1)/line*line
	if end > len(a.block) {
		a.block = make([]E, 2*end)
	}
	s := a.block[a.used : a.used+n : a.used+n]
	a.used = end
	return s
}
