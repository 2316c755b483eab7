package ref

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"idarts/internal/exec"
)

// Device is the reference as an [exec.Device], for tests: float64, one thread, no
// fusing. Its host side is apart from its memory, as a graphics card's is, and its
// numbers are on their way until somebody waits, so that code which forgets an
// Upload, a Download or a Value does not get past it.
type Device struct{}

// Open makes the device.
func Open() *Device { return &Device{} }

func (*Device) Name() string           { return "reference" }
func (*Device) Class() string          { return "reference float64" }
func (*Device) Workers() int           { return 1 }
func (*Device) Bits() int              { return 64 }
func (*Device) Target() exec.Target    { return exec.Target{} }
func (*Device) NewVec(n int) exec.Vec  { return &vec{make([]float64, n)} }
func (*Device) NewMemory() exec.Memory { return new(regions) }
func (*Device) Close()                 {}

// onItsWay is a number that was computed when it was asked for.
type onItsWay float64

func (x onItsWay) Wait() float64 { return float64(x) }

func later(x float64) exec.Number { return exec.Later(onItsWay(x)) }

// vec is an [exec.Vec].
type vec struct{ data []float64 }

func (v *vec) Len() int                     { return len(v.data) }
func (v *vec) Zero()                        { clear(v.data) }
func (v *vec) Copy(x exec.Vec)              { copy(v.data, v.like(x)) }
func (v *vec) Read(dst []float64)           { copy(v.like(&vec{dst}), v.data) }
func (v *vec) Write(src []float64)          { copy(v.data, v.like(&vec{src})) }
func (v *vec) Slice(offset, n int) exec.Vec { return &vec{v.data[offset : offset+n : offset+n]} }

func (v *vec) Step(grad, buf exec.Vec, s exec.SGDStep) exec.Number { return Step(v, grad, buf, s) }

func (v *vec) like(x exec.Vec) []float64 {
	other := x.(*vec).data
	if len(other) != len(v.data) {
		panic("ref: length mismatch")
	}
	return other
}

func (v *vec) Axpy(a float64, x exec.Vec) {
	for i, xi := range v.like(x) {
		v.data[i] += float64(a * xi)
	}
}

func (v *vec) Scale(a float64) {
	for i := range v.data {
		v.data[i] *= a
	}
}

func (v *vec) Dot(x exec.Vec) exec.Number {
	sum := 0.0
	for i, xi := range v.like(x) {
		sum += float64(v.data[i] * xi)
	}
	return later(sum)
}

func (v *vec) Bytes() []byte {
	var b []byte
	for _, x := range v.data {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

func (v *vec) SetBytes(b []byte) error {
	if len(b) != 8*len(v.data) {
		return fmt.Errorf("ref: vector: %d bytes, want %d", len(b), 8*len(v.data))
	}
	for i := range v.data {
		v.data[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return nil
}

// regions is an [exec.Memory].
type regions struct{ device, host Memory }

func (r *regions) Resize(s exec.Space, n int) {
	r.device[s], r.host[s] = make([]float64, n), make([]float64, n)
}

func (r *regions) Region(s exec.Space) exec.Vec { return &vec{r.device[s]} }
func (r *regions) Host(s exec.Space) exec.Host  { return exec.Host{F64: r.host[s]} }
func (r *regions) Upload(s exec.Space)          { copy(r.device[s], r.host[s]) }
func (r *regions) Download(s exec.Space)        { copy(r.host[s], r.device[s]) }

func (r *regions) Number(s exec.Space, i int) exec.Number { return later(r.device[s][i]) }

func (r *regions) Average(norms []exec.Averages) {
	for _, n := range norms {
		unbias := 1.0
		if n.Rows > 1 {
			unbias = float64(n.Rows) / float64(n.Rows-1)
		}
		for i := range 2 * n.Channels {
			news := r.device[exec.Stats][n.Stats+i]
			if i >= n.Channels {
				news *= unbias
			}
			old := &r.device[exec.Buffers][n.Buffers+i]
			*old = (1-n.Momentum)**old + n.Momentum*news
		}
	}
}

func (r *regions) Bind(p *exec.Program, phase int, elsewhere map[exec.Space]exec.Vec) (exec.Bound, error) {
	b := &bound{program: p, phase: phase, mem: r.device}
	for s, v := range elsewhere {
		b.mem[s] = v.(*vec).data
	}
	return b, nil
}

// bound is a phase of a program.
type bound struct {
	program *exec.Program
	phase   int
	mem     Memory
}

func (b *bound) Run() { Run(b.program, &b.mem, b.phase) }

func (b *bound) Profile() []time.Duration {
	b.Run()
	return make([]time.Duration, len(b.program.Phases[b.phase]))
}
