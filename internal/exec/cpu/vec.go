package cpu

import (
	"encoding/binary"
	"fmt"
	"math"

	"idarts/internal/exec"
)

// Vec is an [exec.Vec] in the processor's memory.
type Vec[T Float] struct {
	pool    *Pool
	data    []T
	kernels *kernels[T]

	// The call at hand, kept here so that a call allocates nothing.
	x, buf             *Vec[T]
	a                  T
	step               sgd[T]
	sums               []float64
	lane               []lanes[T] // by worker
	axpy, dotSum, move func(tile, worker int)
}

// sgd are the factors of an [exec.SGDStep], rounded. clip is what the gradient is
// scaled by. gradRate and bufRate are what the weights get of the gradient, with the
// decay, and of the momentum.
type sgd[T Float] struct{ clip, decay, momentum, gradRate, bufRate T }

// NewVec makes a zero vector of n numbers.
func NewVec[T Float](pool *Pool, n int) *Vec[T] { return WrapVec(pool, make([]T, n)) }

// WrapVec makes a vector of data, which it keeps using.
func WrapVec[T Float](pool *Pool, data []T) *Vec[T] { return wrap(pool, native[T](), data) }

func wrap[T Float](pool *Pool, kernels *kernels[T], data []T) *Vec[T] {
	v := &Vec[T]{pool: pool, data: data, kernels: kernels, sums: make([]float64, (len(data)+vecTile-1)/vecTile), lane: make([]lanes[T], pool.Workers())}
	v.axpy = func(tile, _ int) {
		lo, hi := tile*vecTile, min((tile+1)*vecTile, len(v.data))
		v.kernels.axpy(v.data[lo:hi], v.x.data[lo:hi], v.a)
	}
	v.dotSum = func(tile, worker int) {
		lo, hi := tile*vecTile, min((tile+1)*vecTile, len(v.data))
		acc := &v.lane[worker]
		v.kernels.dot(acc, v.data[lo:hi], v.x.data[lo:hi], 1, 1, hi-lo)
		v.sums[tile] = 0
		v.kernels.fold(v.sums[tile:tile+1], acc, 1)
	}
	v.move = func(tile, _ int) {
		lo, hi := tile*vecTile, min((tile+1)*vecTile, len(v.data))
		var buf []T
		if v.buf != nil {
			buf = v.buf.data[lo:hi]
		}
		v.kernels.sgd(v.data[lo:hi], v.x.data[lo:hi], buf, &v.step)
	}
	return v
}

const vecTile = 4096

// Data is the vector's memory.
func (v *Vec[T]) Data() []T { return v.data }

// Slice is the n elements from offset on.
func (v *Vec[T]) Slice(offset, n int) exec.Vec {
	return wrap(v.pool, v.kernels, v.data[offset:offset+n:offset+n])
}

// Len is the number of elements.
func (v *Vec[T]) Len() int { return len(v.data) }

// Zero sets every element to 0.
func (v *Vec[T]) Zero() { clear(v.data) }

// Copy sets v = x.
func (v *Vec[T]) Copy(x exec.Vec) { copy(v.data, v.like(x).data) }

// Axpy sets v = fma(a, x, v), a being rounded to the device's precision first.
func (v *Vec[T]) Axpy(a float64, x exec.Vec) {
	v.x, v.a = v.like(x), T(a)
	v.each(v.axpy)
	v.x = nil
}

// Scale multiplies by a, rounded to the device's precision first.
func (v *Vec[T]) Scale(a float64) {
	for i, factor := 0, T(a); i < len(v.data); i++ {
		v.data[i] *= factor
	}
}

// Read fills dst.
func (v *Vec[T]) Read(dst []float64) {
	if len(dst) != len(v.data) {
		panic("cpu: length mismatch")
	}
	for i, x := range v.data {
		dst[i] = float64(x)
	}
}

// Write rounds src to the device's precision.
func (v *Vec[T]) Write(src []float64) {
	if len(src) != len(v.data) {
		panic("cpu: length mismatch")
	}
	for i, x := range src {
		v.data[i] = T(x)
	}
}

// Dot is Σ v·x, added up in fixed tiles.
func (v *Vec[T]) Dot(x exec.Vec) exec.Number { return exec.Known(v.dot(v.like(x))) }

func (v *Vec[T]) dot(x *Vec[T]) float64 {
	v.x = x
	v.each(v.dotSum)
	v.x = nil
	sum := 0.0
	for _, s := range v.sums {
		sum += s
	}
	return sum
}

// Step is one walk through the vectors after the one for the norm, a tile at a time.
func (v *Vec[T]) Step(grad, buf exec.Vec, s exec.SGDStep) exec.Number {
	g := v.like(grad)
	norm := math.Sqrt(g.dot(g))
	v.step = sgd[T]{clip: 1, decay: T(s.Decay), momentum: T(s.Momentum)}
	if s.Clip > 0 && norm > s.Clip {
		v.step.clip = T(s.Clip / (norm + 1e-6))
	}
	v.x = g
	if s.Momentum != 0 {
		v.buf, v.step.bufRate = v.like(buf), T(-s.Rate)
		if s.Nesterov {
			v.step.bufRate = T(-s.Rate * s.Momentum)
		}
	}
	if s.Momentum == 0 || s.Nesterov {
		v.step.gradRate = T(-s.Rate)
	}
	v.each(v.move)
	v.x, v.buf = nil, nil
	return exec.Known(norm)
}

// each runs over the tiles, with helpers if there are many.
func (v *Vec[T]) each(run func(tile, worker int)) {
	if len(v.sums) < 16 {
		for tile := range v.sums {
			run(tile, 0)
		}
		return
	}
	v.pool.each(len(v.sums), run)
}

// like is x as the vector of the same device and length that it must be.
func (v *Vec[T]) like(x exec.Vec) *Vec[T] {
	other, ok := x.(*Vec[T])
	if !ok {
		panic("cpu: vector of another device")
	}
	if len(other.data) != len(v.data) {
		panic("cpu: length mismatch")
	}
	return other
}

// Bytes is the content, 4 or 8 bytes an element, little endian.
func (v *Vec[T]) Bytes() []byte {
	switch data := any(v.data).(type) {
	case []float32:
		b := make([]byte, 0, 4*len(data))
		for _, x := range data {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		return b
	case []float64:
		b := make([]byte, 0, 8*len(data))
		for _, x := range data {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	panic("cpu: unknown precision")
}

// SetBytes restores what Bytes gave.
func (v *Vec[T]) SetBytes(b []byte) error {
	size := 4
	if _, double := any(v.data).([]float64); double {
		size = 8
	}
	if len(b) != size*len(v.data) {
		return fmt.Errorf("cpu: vector: %d bytes, want %d (%d elements of %d)", len(b), size*len(v.data), len(v.data), size)
	}
	switch data := any(v.data).(type) {
	case []float32:
		for i := range data {
			data[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case []float64:
		for i := range data {
			data[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return nil
}
