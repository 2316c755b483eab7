package opencl_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/ref"
)

// Vectors do what those of the reference do, within roundings, at lengths that fill
// no group, some, and one element more.
func TestVectors(t *testing.T) {
	d, want := gputest.Device(t), ref.Open()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 5, 255, 256, 257, 4095, 4096, 4097, 100_003} {
		pair := func() (exec.Vec, exec.Vec) {
			x := make([]float64, n)
			for i := range x {
				x[i] = float64(float32(r.NormFloat64()))
			}
			a, b := d.NewVec(n), want.NewVec(n)
			a.Write(x)
			b.Write(x)
			return a, b
		}
		same := func(what string, a, b exec.Vec) {
			t.Helper()
			x, y := make([]float64, n), make([]float64, n)
			a.Read(x)
			b.Read(y)
			for i := range x {
				if !(math.Abs(x[i]-y[i]) <= 2e-6*(1+math.Abs(y[i]))) {
					t.Fatalf("%s, n=%d: element %d is %v, want %v", what, n, i, x[i], y[i])
				}
			}
		}
		near := func(what string, a, b exec.Number, scale float64) {
			t.Helper()
			if x, y := a.Value(), b.Value(); !(math.Abs(x-y) <= 1e-6*scale) {
				t.Errorf("%s, n=%d: %v, want %v", what, n, x, y)
			}
		}
		x, rx := pair()
		y, ry := pair()
		near("dot", x.Dot(y), rx.Dot(ry), float64(n))
		x.Axpy(0.3, y)
		rx.Axpy(float64(float32(0.3)), ry)
		same("axpy", x, rx)
		x.Scale(-1.5)
		rx.Scale(-1.5)
		same("scale", x, rx)
		for _, s := range []exec.SGDStep{
			{Rate: 0.1},
			{Rate: 0.1, Decay: 3e-2, Clip: 0.5},
			{Rate: 0.1, Momentum: 0.9, Decay: 3e-2, Clip: 1e9},
			{Rate: 0.1, Momentum: 0.9, Decay: 3e-2, Clip: 0.5},
			{Rate: 0.1, Momentum: 0.9, Nesterov: true, Clip: 0.01},
		} {
			w, rw := pair()
			g, rg := pair()
			b, rb := pair()
			near("norm", w.Step(g, b, s), rw.Step(rg, rb, s), math.Sqrt(float64(n)))
			same("weights after a step", w, rw)
			same("momentum after a step", b, rb)
		}
		z := d.NewVec(n)
		z.Copy(x)
		if !bytes.Equal(z.Bytes(), x.Bytes()) {
			t.Errorf("n=%d: a copy has other bytes", n)
		}
		z.Zero()
		if err := z.SetBytes(x.Bytes()); err != nil || !bytes.Equal(z.Bytes(), x.Bytes()) {
			t.Errorf("n=%d: SetBytes does not restore Bytes (%v)", n, err)
		}
		if err := z.SetBytes(make([]byte, 3)); err == nil {
			t.Error("SetBytes takes 3 bytes")
		}
		if n > 10 {
			part, rpart := x.Slice(3, n-7), rx.Slice(3, n-7)
			part.Scale(2)
			rpart.Scale(2)
			same("a slice of it scaled", x, rx)
		}
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// Numbers are those of when they were asked for, however late and in whatever order
// they are read, also when there are more of them than places.
func TestNumbersWait(t *testing.T) {
	d := gputest.Device(t)
	v, one := d.NewVec(1), d.NewVec(1)
	one.Write([]float64{1})
	var asked []exec.Number
	for range 700 {
		v.Axpy(1, one)
		asked = append(asked, v.Dot(one))
	}
	for i := len(asked) - 1; i >= 0; i-- {
		if got := asked[i].Value(); got != float64(i+1) {
			t.Fatalf("number %d is %v, want %d", i, got, i+1)
		}
	}
}

// What vectors hold stays when memory moves to a larger block.
func TestMemoryGrows(t *testing.T) {
	d := gputest.Device(t)
	var all []exec.Vec
	for i := range 12 {
		v := d.NewVec(200_000 << min(i, 4))
		v.Write(constant(v.Len(), float64(i)))
		all = append(all, v)
	}
	for i, v := range all {
		got := make([]float64, v.Len())
		v.Read(got)
		for _, x := range got {
			if x != float64(i) {
				t.Fatalf("vector %d holds %v, want %d", i, x, i)
			}
		}
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

func constant(n int, x float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = x
	}
	return out
}
