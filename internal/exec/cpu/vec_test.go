package cpu

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

var _ exec.Vec = (*Vec[float32])(nil)

func TestVec(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	x, y := WrapVec(pool, []float32{1, 2, 3}), NewVec[float32](pool, 3)
	y.Copy(x)
	y.Axpy(0.5, x)
	y.Scale(2)
	if got, want := [3]float32(y.Data()), [3]float32{3, 6, 9}; got != want {
		t.Errorf("2(x + x/2) = %v, want %v", got, want)
	}
	if got := x.Dot(y).Value(); got != 42 {
		t.Errorf("dot = %v, want 42", got)
	}
	b := x.Bytes()
	if len(b) != 12 || b[2] != 0x80 || b[3] != 0x3f {
		t.Errorf("bytes = %x, want 1 as 0000803f first", b)
	}
	y.Zero()
	if y.Dot(y).Value() != 0 || y.Len() != 3 {
		t.Errorf("zero vector = %v", y.Data())
	}
	if err := y.SetBytes(b); err != nil || y.Dot(x).Value() != 14 {
		t.Errorf("restored %v, %v, want %v", y.Data(), err, x.Data())
	}
	if err := y.SetBytes(b[1:]); err == nil {
		t.Error("11 bytes for 3 elements gave no error")
	}
	d := WrapVec(pool, []float64{math.Pi})
	e := NewVec[float64](pool, 1)
	if err := e.SetBytes(d.Bytes()); err != nil || e.Data()[0] != math.Pi {
		t.Errorf("restored %v, %v, want π", e.Data(), err)
	}
}

func TestVecDotIsAccurateAndTheSameWithAnyWorkers(t *testing.T) {
	const n = 300_001
	r := rng.New(3, "vec-test")
	a, b := make([]float32, n), make([]float32, n)
	want, size := 0.0, 0.0
	for i := range a {
		a[i], b[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		want += float64(a[i]) * float64(b[i])
		size += math.Abs(float64(a[i]) * float64(b[i]))
	}
	var first float64
	for i, workers := range []int{1, 2, 7} {
		pool := NewPool(workers)
		x, y, z := WrapVec(pool, a), WrapVec(pool, b), NewVec[float32](pool, n)
		got := x.Dot(y).Value()
		if i == 0 {
			first = got
		}
		if got != first {
			t.Errorf("%d workers: dot = %v, want %v as with 1", workers, got, first)
		}
		if math.Abs(got-want) > 1e-7*size {
			t.Errorf("dot = %v, want %v", got, want)
		}
		if n := testing.AllocsPerRun(5, func() { x.Dot(y); x.Axpy(0, y); z.Step(z, z, exec.SGDStep{Momentum: 1}) }); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
		pool.Close()
	}
}

// The walk through the vectors, tile by tile, gives the bits of the formula, number by
// number, and the reference up to rounding.
func TestStepIsItsFormula(t *testing.T) {
	t.Run("float32", testStep[float32])
	t.Run("float64", testStep[float64])
}

func testStep[T Float](t *testing.T) {
	const n = 100_003
	clipped := 0
	for _, s := range []exec.SGDStep{
		{Rate: 0.1},
		{Rate: 0.1, Decay: 3e-4},
		{Rate: 0.025, Momentum: 0.9},
		{Rate: 0.025, Momentum: 0.9, Decay: 3e-4, Clip: 5},
		{Rate: 0.025, Momentum: 0.9, Decay: 3e-4, Clip: 1e6},
		{Rate: 0.1, Momentum: 0.9, Decay: 5e-4, Clip: 5, Nesterov: true},
		{Rate: 0.1, Momentum: 0.9, Nesterov: true},
	} {
		for _, workers := range []int{1, 3} {
			d := Open[T](workers)
			var got, want, passes [3]*Vec[T] // w, gradient, momentum
			r := rng.New(5, "step")
			for i := range got {
				got[i], want[i], passes[i] = d.NewVec(n).(*Vec[T]), d.NewVec(n).(*Vec[T]), d.NewVec(n).(*Vec[T])
				for k := range got[i].data {
					got[i].data[k] = T(r.NormFloat64())
				}
				want[i].Copy(got[i])
				passes[i].Copy(got[i])
			}
			norm, wantNorm := got[0].Step(got[1], got[2], s).Value(), ref.Step(passes[0], passes[1], passes[2], s).Value()
			stepFormula(want[0].data, want[1].data, want[2].data, s, norm)
			far := 0.0
			for i, w := range got[0].data {
				far = max(far, math.Abs(float64(w-passes[0].data[i])))
			}
			if far > 1e-6 {
				t.Errorf("%+v, %d workers: a weight is off the reference by %v", s, workers, far)
			}
			if norm != wantNorm || !slices.Equal(got[0].data, want[0].data) || !slices.Equal(got[2].data, want[2].data) {
				t.Errorf("%+v, %d workers: norm %v, want %v, or other weights or momentum", s, workers, norm, wantNorm)
			}
			if s.Clip > 0 && norm > s.Clip {
				clipped++
			}
			d.Close()
		}
	}
	if clipped != 4 {
		t.Errorf("%d steps were clipped, want 4", clipped)
	}
}

// stepFormula is the step of [exec.SGDStep], with what is not asked for left out.
func stepFormula[T Float](w, g, buf []T, s exec.SGDStep, norm float64) {
	for i := range w {
		d := g[i]
		if s.Clip > 0 && norm > s.Clip {
			d *= T(s.Clip / (norm + 1e-6))
		}
		if s.Decay != 0 {
			d = fma(T(s.Decay), w[i], d)
		}
		if s.Momentum == 0 {
			w[i] = fma(T(-s.Rate), d, w[i])
			continue
		}
		buf[i] = fma(T(s.Momentum), buf[i], d)
		if s.Nesterov {
			w[i] = fma(T(-s.Rate), d, w[i])
			w[i] = fma(T(-s.Rate*s.Momentum), buf[i], w[i])
		} else {
			w[i] = fma(T(-s.Rate), buf[i], w[i])
		}
	}
}

func TestVecSlicesShareMemory(t *testing.T) {
	d := Open[float32](1)
	defer d.Close()
	v, x := d.NewVec(4), make([]float64, 4)
	v.Write([]float64{1, 2, 3, 1.0 / 3})
	v.Slice(1, 2).Scale(10)
	v.Read(x)
	if want := []float64{1, 20, 30, float64(float32(1.0 / 3))}; !slices.Equal(x, want) {
		t.Errorf("got %v, want %v", x, want)
	}
}

func TestVecPanicsOnLengthMismatch(t *testing.T) {
	pool := NewPool(1)
	defer func() {
		if got := recover(); got != "cpu: length mismatch" {
			t.Errorf("panic = %v", got)
		}
	}()
	NewVec[float64](pool, 2).Copy(NewVec[float64](pool, 3))
}
