package gpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"unsafe"

	"idarts/internal/exec"
)

// held is a region that lives as long as somebody points at it.
type held struct{ *region }

func (d *Device) hold(n int, passing bool) *held {
	r, err := d.heap.alloc(n, passing)
	d.must(err)
	h := &held{r}
	heap := d.heap
	runtime.AddCleanup(h, func(r *region) { heap.later(func() { heap.free(r) }) }, r)
	return h
}

// vec is an [exec.Vec] on the device.
type vec struct {
	device *Device
	memory *held
	at, n  int
}

const (
	vectorThreads = 256 // of a group of the kernels of vectors
	sumTile       = 4096
)

func vectorGroups(n int) int { return (n + vectorThreads - 1) / vectorThreads }

// Len implements [exec.Vec].
func (v *vec) Len() int { return v.n }

func (v *vec) like(x exec.Vec) *vec {
	other, ok := x.(*vec)
	if !ok || other.device != v.device {
		panic("gpu: vectors of two devices")
	}
	if other.n != v.n {
		panic("gpu: length mismatch")
	}
	return other
}

func (v *vec) place() uint32 { return uint32(v.at) }

// each runs a kernel with a thread for each element.
func (v *vec) each(kernel string, a *Args) {
	if v.n > 0 {
		v.device.run(Launch{Kernel: kernel, Groups: vectorGroups(v.n)}, a)
	}
}

// Zero implements [exec.Vec].
func (v *vec) Zero() { v.each("vec_fill", &Args{v.place(), uint32(v.n), 0}) }

// Copy implements [exec.Vec].
func (v *vec) Copy(x exec.Vec) {
	v.each("vec_copy", &Args{v.place(), uint32(v.n), v.like(x).place()})
}

// Axpy implements [exec.Vec], fused: fma(a, x, v).
func (v *vec) Axpy(a float64, x exec.Vec) {
	v.each("vec_axpy", &Args{v.place(), uint32(v.n), v.like(x).place(), bits(a)})
}

// Scale implements [exec.Vec].
func (v *vec) Scale(a float64) { v.each("vec_scale", &Args{v.place(), uint32(v.n), bits(a)}) }

// Dot implements [exec.Vec]: tiles of 4,096 products, each a tree, then a tree of
// those.
func (v *vec) Dot(x exec.Vec) exec.Number {
	slot := v.device.slot()
	v.dot(v.like(x), slot.place, 0)
	return exec.Later(slot)
}

// dot leaves Σ v·x, or its root where root is 1, at a place.
func (v *vec) dot(x *vec, to int, root uint32) {
	d := v.device
	tiles := (v.n + sumTile - 1) / sumTile
	partial := d.sums(tiles)
	if tiles > 0 {
		d.run(Launch{Kernel: "vec_dot", Groups: tiles}, &Args{v.place(), uint32(v.n), x.place(), uint32(partial)})
	}
	d.run(Launch{Kernel: "vec_sum", Groups: 1}, &Args{uint32(partial), uint32(tiles), uint32(to), root})
}

// Step implements [exec.Vec]. Nobody waits: the norm that clips stays on the device.
func (v *vec) Step(grad, buf exec.Vec, s exec.SGDStep) exec.Number {
	g, b := v.like(grad), v
	if s.Momentum != 0 {
		b = v.like(buf)
	}
	slot := v.device.slot()
	g.dot(g, slot.place, 1)
	kind := uint32(0)
	switch {
	case s.Momentum != 0 && s.Nesterov:
		kind = 2
	case s.Momentum != 0:
		kind = 1
	}
	v.each("vec_sgd", &Args{v.place(), uint32(v.n), g.place(), b.place(), uint32(slot.place),
		bits(s.Clip), bits(s.Decay), bits(s.Momentum), bits(-s.Rate), bits(-s.Rate * s.Momentum), kind})
	return exec.Later(slot)
}

// Slice implements [exec.Vec].
func (v *vec) Slice(offset, n int) exec.Vec {
	if offset < 0 || n < 0 || offset+n > v.n {
		panic("gpu: slice out of range")
	}
	return &vec{v.device, v.memory, v.at + offset, n}
}

// Read implements [exec.Vec].
func (v *vec) Read(dst []float64) {
	if len(dst) != v.n {
		panic("gpu: length mismatch")
	}
	for i, w := range v.words() {
		dst[i] = float64(math.Float32frombits(w))
	}
}

// Write implements [exec.Vec].
func (v *vec) Write(src []float64) {
	if len(src) != v.n {
		panic("gpu: length mismatch")
	}
	words := make([]uint32, v.n)
	for i, x := range src {
		words[i] = bits(x)
	}
	v.device.write(v.at, words)
}

func (v *vec) words() []uint32 {
	words := make([]uint32, v.n)
	v.device.read(v.at, words)
	return words
}

// Bytes implements [exec.Vec].
func (v *vec) Bytes() []byte {
	out := make([]byte, 0, 4*v.n)
	for _, w := range v.words() {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

// SetBytes implements [exec.Vec].
func (v *vec) SetBytes(b []byte) error {
	if len(b) != 4*v.n {
		return fmt.Errorf("gpu: %d bytes for a vector, want %d", len(b), 4*v.n)
	}
	words := make([]uint32, v.n)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	v.device.write(v.at, words)
	return nil
}

func bits(x float64) uint32 { return math.Float32bits(float32(x)) }

// wordsOf are numbers as a driver takes them.
func wordsOf(x []float32) []uint32 {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*uint32)(unsafe.Pointer(&x[0])), len(x))
}
