package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// A state is little-endian: the header (magic, method, seed, number of
// architecture parameters), the method's fields, and a CRC-32 of all before it.
// Slices are led by their length. Form 1 had no parts of their own state.
const stateMagic = "idarts search state 2"

type stateWriter struct{ buf []byte }

func (w *stateWriter) uint(x uint64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, x) }

func (w *stateWriter) bytes(b []byte) {
	w.uint(uint64(len(b)))
	w.buf = append(w.buf, b...)
}

func (w *stateWriter) floats(xs []float64) {
	w.uint(uint64(len(xs)))
	for _, x := range xs {
		w.uint(math.Float64bits(x))
	}
}

func (w *stateWriter) header(method string, seed uint64, params int) {
	w.bytes([]byte(stateMagic))
	w.bytes([]byte(method))
	w.uint(seed)
	w.uint(uint64(params))
}

func (w *stateWriter) seal() []byte {
	return binary.LittleEndian.AppendUint32(w.buf, crc32.ChecksumIEEE(w.buf))
}

// stateReader keeps its first error; what is read after it is zero.
type stateReader struct {
	buf []byte
	err error
}

func openState(state []byte) *stateReader {
	n := len(state) - 4
	if n < 0 || crc32.ChecksumIEEE(state[:n]) != binary.LittleEndian.Uint32(state[n:]) {
		return &stateReader{err: errors.New("damaged: the checksum does not match")}
	}
	return &stateReader{buf: state[:n]}
}

func (r *stateReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.buf = nil
}

func (r *stateReader) next(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.buf)) {
		r.fail(fmt.Errorf("damaged: wants %d more bytes, has %d", n, len(r.buf)))
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *stateReader) uint() uint64 {
	if b := r.next(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *stateReader) bytes() []byte { return r.next(r.uint()) }

func (r *stateReader) floats(want int) []float64 {
	if n := r.uint(); r.err == nil && n != uint64(want) {
		r.fail(fmt.Errorf("has %d numbers where %d are expected", n, want))
	}
	xs := make([]float64, want)
	for i := range xs {
		xs[i] = math.Float64frombits(r.uint())
	}
	return xs
}

func (r *stateReader) header(method string, seed uint64, params int) {
	if magic := string(r.bytes()); r.err == nil && magic != stateMagic {
		r.fail(fmt.Errorf("begins with %q, want %q", magic, stateMagic))
	}
	if got := string(r.bytes()); r.err == nil && got != method {
		r.fail(fmt.Errorf("belongs to method %q", got))
	}
	if got := r.uint(); r.err == nil && got != seed {
		r.fail(fmt.Errorf("belongs to seed %d, want %d", got, seed))
	}
	if got := r.uint(); r.err == nil && got != uint64(params) {
		r.fail(fmt.Errorf("has %d architecture parameters, want %d", got, params))
	}
}

func (r *stateReader) end() error {
	if r.err == nil && len(r.buf) != 0 {
		r.fail(fmt.Errorf("damaged: %d bytes left over", len(r.buf)))
	}
	return r.err
}

// Floats are the bytes of xs, for the state of parts.
func Floats(xs []float64) []byte {
	var w stateWriter
	w.floats(xs)
	return w.buf
}

// SetFloats fills xs with what Floats gave for as many numbers.
func SetFloats(xs []float64, b []byte) error {
	r := stateReader{buf: b}
	fresh := r.floats(len(xs))
	if err := r.end(); err != nil {
		return err
	}
	copy(xs, fresh)
	return nil
}
