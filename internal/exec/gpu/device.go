// Package gpu runs programs of internal/exec on graphics cards, or on whatever else
// has a driver of OpenCL: vectors, memory, programs and the optimiser's step are on
// the device, and the host waits only where a number is read.
//
// All memory is one block (heap). An instruction is a row of numbers in a table (rows)
// that its kernel reads, so that a program is a list of launches which differ by
// their row alone; runs of instructions on vectors are one launch (tape). Kernels are
// OpenCL C, one source for all drivers (kernels). A [Driver] reaches the device:
// opencl and cuda are two.
//
// Every sum is a fixed tree, products are fused where they are added, nothing is
// atomic, and divisions and roots are rounded correctly: all conforming devices give
// the same bits. They are not the bits of exec/cpu, whose sums have another order.
package gpu

import (
	"fmt"
	"runtime"
	"time"

	"idarts/internal/exec"
)

// Device is a card as an [exec.Device] in float32.
type Device struct {
	driver  Driver
	class   string
	heap    *heap
	partial *held // of sums over vectors
	slots   slots
	order   order
}

// New is the device behind a driver, which it closes in the end.
func New(driver Driver) *Device {
	return &Device{driver: driver, class: Class, heap: &heap{driver: driver}}
}

// Share says that so many devices of this program are on the card: each takes no more
// than its part of the memory, and a run that needs more is refused when it asks and
// not when the card is full.
func (d *Device) Share(n int) { d.heap.shares = n }

// Target is what graphs are lowered for. Rows are lines of 128 bytes; sums are written
// down as on the processor. With blocks that rest, a DARTS gradient takes a quarter of
// the launches, in a few per cent more memory.
var Target = exec.Target{Align: line, Terms: 2, Own: 4096, Rest: 800, Apart: true}

// Name implements [exec.Device].
func (d *Device) Name() string { return d.driver.Name() }

// Class is that of all devices of this package: neither the card nor its driver changes
// a bit.
const Class = "gpu float32"

// Class implements [exec.Device].
func (d *Device) Class() string { return d.class }

// Workers implements [exec.Device]: the host's part is one goroutine.
func (d *Device) Workers() int { return 1 }

// Bits implements [exec.Device].
func (d *Device) Bits() int { return 32 }

// Target implements [exec.Device].
func (d *Device) Target() exec.Target { return Target }

// NewVec implements [exec.Device].
func (d *Device) NewVec(n int) exec.Vec { return d.newVec(n) }

func (d *Device) newVec(n int) *vec {
	m := d.hold(n, false)
	return &vec{d, m, m.at, n}
}

// NewMemory implements [exec.Device].
func (d *Device) NewMemory() exec.Memory {
	m := &memory{device: d}
	for s := range exec.NumSpaces {
		m.Resize(s, 0)
	}
	return m
}

// Close implements [exec.Device].
func (d *Device) Close() {
	d.heap.sweep()
	if d.heap.block != 0 {
		d.driver.Free(d.heap.block)
	}
	d.driver.Close()
}

// must ends the run when the device does not do what it is told: its callers have
// no errors to return, see [exec.Failure].
func (d *Device) must(err error) {
	if err != nil {
		panic(exec.Failure{Err: err})
	}
}

func (d *Device) run(l Launch, a *Args)      { d.must(d.driver.Run(d.heap.block, l, a)) }
func (d *Device) read(at int, dst []uint32)  { d.transfer(d.driver.Read, at, dst) }
func (d *Device) write(at int, src []uint32) { d.transfer(d.driver.Write, at, src) }

func (d *Device) transfer(f func(Block, int, []uint32) error, at int, words []uint32) {
	if len(words) > 0 {
		d.must(f(d.heap.block, at, words))
	}
}

// sums is a place for so many partial sums.
func (d *Device) sums(n int) int {
	if d.partial == nil || d.partial.n < n {
		d.partial = nil
		d.partial = d.hold(max(n, 1024), true)
	}
	return d.partial.at
}

// table is a driver's block that goes when nobody points at it.
type table struct{ block Block }

func (d *Device) newTable(words []uint32) (*table, error) {
	d.heap.sweep()
	block, err := d.driver.Alloc(max(len(words), 1))
	if err != nil { // the heap may have more than it uses
		switch less, failed := d.heap.shrink(); {
		case failed != nil:
			return nil, failed
		case less:
			block, err = d.driver.Alloc(max(len(words), 1))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("gpu: %s: no memory for a table of %d words: %w", d.Name(), len(words), err)
	}
	t := &table{block}
	runtime.AddCleanup(t, func(b Block) { d.heap.later(func() { d.driver.Free(b) }) }, block)
	if len(words) == 0 {
		return t, nil
	}
	return t, d.driver.Write(block, 0, words)
}

// bound is launches that are ready to run: an [exec.Bound], or what moves averages.
type bound struct {
	device   *Device
	table    *table
	uses     []*held // what the rows name
	sequence Sequence
	instrs   [][]int32 // of each launch of a program
}

// bind prepares launches on a table, which name what is in uses.
func (d *Device) bind(words []uint32, launches []Launch, uses []*held) (*bound, error) {
	t, err := d.newTable(words)
	if err != nil {
		return nil, err
	}
	sequence, err := d.driver.Load(t.block, launches)
	if err != nil {
		return nil, err
	}
	b := &bound{device: d, table: t, uses: uses, sequence: sequence}
	runtime.AddCleanup(b, func(s Sequence) { d.heap.later(s.Close) }, sequence)
	return b, nil
}

// Run implements [exec.Bound].
func (b *bound) Run() { b.device.must(b.sequence.Run(b.device.heap.block)) }

// Profile implements [exec.Bound]. The instructions of one launch share its time.
func (b *bound) Profile() []time.Duration {
	times, err := b.sequence.Profile(b.device.heap.block)
	b.device.must(err)
	n := 0
	for _, launch := range b.instrs {
		for _, i := range launch {
			n = max(n, int(i)+1)
		}
	}
	out := make([]time.Duration, n)
	for k, launch := range b.instrs {
		for _, i := range launch {
			out[i] += times[k] / time.Duration(len(launch))
		}
	}
	return out
}
