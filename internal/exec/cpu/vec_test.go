package cpu

import (
	"math"
	"testing"

	"idarts/internal/exec"
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
	if got := x.Dot(y); got != 42 {
		t.Errorf("dot = %v, want 42", got)
	}
	b := x.Bytes()
	if len(b) != 12 || b[2] != 0x80 || b[3] != 0x3f {
		t.Errorf("bytes = %x, want 1 as 0000803f first", b)
	}
	y.Zero()
	if y.Dot(y) != 0 || y.Len() != 3 {
		t.Errorf("zero vector = %v", y.Data())
	}
	if err := y.SetBytes(b); err != nil || y.Dot(x) != 14 {
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
		x, y := WrapVec(pool, a), WrapVec(pool, b)
		got := x.Dot(y)
		if i == 0 {
			first = got
		}
		if got != first {
			t.Errorf("%d workers: dot = %v, want %v as with 1", workers, got, first)
		}
		if math.Abs(got-want) > 1e-7*size {
			t.Errorf("dot = %v, want %v", got, want)
		}
		if n := testing.AllocsPerRun(5, func() { x.Dot(y); x.Axpy(0, y) }); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
		pool.Close()
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
