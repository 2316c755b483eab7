package exec

import "time"

// Device computes: it has vectors, memory for the spaces of programs, and runs
// programs on it. What is called on one device, its vectors and its memory runs in
// the order of the calls and belongs to one goroutine at a time; where a call may
// return before the work is done, [Number] and the methods that read wait for it.
//
// Memory that ends is the collector's business: nothing of a device is closed but
// the device itself.
type Device interface {
	// Name is for people: "cpu, 8 workers".
	Name() string
	// Class says which bits the device promises, and is a part of a run's identity:
	// devices of one class give the same bits, whatever their speed: "cpu float32 fma v2".
	Class() string
	// Workers is how many cores of the processor it computes on.
	Workers() int
	// Bits is the precision, 32 or 64: the size of a number in all memory.
	Bits() int
	// Target is what graphs are lowered for.
	Target() Target
	// NewVec makes a zero vector of n numbers.
	NewVec(n int) Vec
	// NewMemory makes memory whose spaces are empty.
	NewMemory() Memory
	// Close ends the device, which must not be used afterwards.
	Close()
}

// Memory is the spaces of programs. Programs that are bound to one memory share it.
type Memory interface {
	// Resize makes a space of n zeros. Phases that were bound before and use the
	// space must be bound again.
	Resize(s Space, n int)
	// Region is a space as a vector, which shares its memory until it is resized.
	Region(s Space) Vec
	// Host is the host's side of a space, for what the host makes or reads whole:
	// images, targets, masks, logits. Upload sends it to the device as it is then,
	// whatever the host writes there afterwards; Download waits and brings the space
	// back.
	Host(s Space) Host
	Upload(s Space)
	Download(s Space)
	// Number is element i of a space, as it is now.
	Number(s Space, i int) Number
	// Average moves the running averages in [Buffers] towards the statistics in
	// [Stats], see [Averages].
	Average(norms []Averages)
	// Bind prepares one phase of p to run on this memory. Spaces in elsewhere lie in
	// those vectors, which must not overlap. A phase has its program's scratch space
	// in common with the other phases, however those are bound. Errors name the
	// instruction that does not fit.
	Bind(p *Program, phase int, elsewhere map[Space]Vec) (Bound, error)
}

// Bound is a phase of a program, ready to run.
type Bound interface {
	Run()
	// Profile is Run, waits for the end, and returns the time of each instruction.
	Profile() []time.Duration
}

// Averages says where a batch norm keeps its running averages. With momentum m and
// the batch's mean μ and biased variance σ² over Rows values,
//
//	mean ← (1−m)·mean + m·μ,  variance ← (1−m)·variance + m·(σ²·Rows/(Rows−1))
//
// in double precision, rounded once. Where Rows is 1, σ² counts as it is.
type Averages struct {
	Channels, Rows int
	Buffers        int // offset in [Buffers]: the means, then the variances
	Stats          int // offset in [Stats]: means, biased variances
	Momentum       float64
}

// NormMode says how batch norm works in a pass.
type NormMode uint8

const (
	NormUpdate  NormMode = iota // batch statistics; the running averages take them in
	NormBatch                   // batch statistics; the running averages stay
	NormRunning                 // running averages
)

// Host is numbers in the host's memory in the precision of a device: one of the
// slices has them, the other is nil.
type Host struct {
	F32 []float32
	F64 []float64
}

// New is as many zeros in the same precision.
func (h Host) New() Host {
	if h.F32 != nil {
		return Host{F32: make([]float32, len(h.F32))}
	}
	return Host{F64: make([]float64, len(h.F64))}
}

// Len is how many numbers there are.
func (h Host) Len() int { return len(h.F32) + len(h.F64) }

// At is number i.
func (h Host) At(i int) float64 {
	if h.F32 != nil {
		return float64(h.F32[i])
	}
	return h.F64[i]
}

// Set makes number i x, rounded to the precision.
func (h Host) Set(i int, x float64) {
	if h.F32 != nil {
		h.F32[i] = float32(x)
	} else {
		h.F64[i] = x
	}
}

// Read is a copy of the numbers.
func (h Host) Read() []float64 {
	x := make([]float64, h.Len())
	for i := range x {
		x[i] = h.At(i)
	}
	return x
}

// Write takes as many numbers as there are from x.
func (h Host) Write(x []float64) {
	if len(x) != h.Len() {
		panic("exec: length mismatch")
	}
	for i, v := range x {
		h.Set(i, v)
	}
}

// Clear sets all to 0.
func (h Host) Clear() {
	clear(h.F32)
	clear(h.F64)
}

// Copy takes the numbers of x, which has as many in the same precision.
func (h Host) Copy(x Host) {
	if copy(h.F32, x.F32)+copy(h.F64, x.F64) != h.Len() {
		panic("exec: length mismatch")
	}
}
