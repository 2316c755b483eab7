package supernet

import (
	"math"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/ref"
)

// A few steps of a search on a device whose memory is apart from the host's, and on
// the processor: the same numbers, whoever computes them.
func TestDevicesAgree(t *testing.T) {
	far, near := ref.Open(), cpu.Open[float64](2)
	defer near.Close()
	got, want := steps(t, far), steps(t, near)
	if len(got) != len(want) || len(want) < 500 {
		t.Fatalf("%d and %d numbers", len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-9*(1+math.Abs(want[i]))) {
			t.Fatalf("number %d of %d is %v on %s, %v on %s", i, len(want), got[i], far.Name(), want[i], near.Name())
		}
	}
	t.Logf("%d numbers", len(want))
}

// steps are all numbers that a problem gives while it is searched on.
func steps(t *testing.T, d exec.Device) (out []float64) {
	t.Helper()
	set := randomSet(40)
	p := problemOn(t, d, mixedNet(3), Loaders(plainLoader(set, "train", upTo(20)...), plainLoader(set, "valid")))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p.SetDropPath(0.3)
	grad, momentum, v, hv := p.NewVec(), p.NewVec(), p.NewVec(), p.NewVec()
	coefs, dcoefs := append([]float64{}, testCoefs...), make([]float64, len(testCoefs))
	for i := range uint64(3) {
		loss, err := p.Gradient(batch.Batch{Index: i}, coefs, grad, nil)
		check(err)
		norm := p.Weights().Step(grad, momentum, exec.SGDStep{Rate: 0.1, Momentum: 0.9, Decay: 3e-4, Clip: 0.5, Nesterov: true})
		out = append(out, loss.Value(), norm.Value())

		loss, err = p.Gradient(batch.Batch{Split: batch.Valid, Index: i}, coefs, v, dcoefs)
		check(err)
		out = append(append(out, loss.Value()), dcoefs...)
		out = append(out, p.Logits().Read()...)
		check(p.Linearize(batch.Batch{Index: i}, coefs))
		check(p.Product(v, hv, nil))
		v.Axpy(-0.1, hv)
		check(p.Product(v, nil, dcoefs))
		out = append(append(out, v.Dot(hv).Value()), dcoefs...)
		for k, g := range dcoefs {
			coefs[k] -= 0.1 * g
		}
	}
	taken := p.Snapshot()
	for _, mode := range []exec.NormMode{exec.NormRunning, exec.NormBatch, exec.NormUpdate} {
		e, err := p.EvaluateSplit(batch.Train, coefs, mode)
		check(err)
		out = append(out, e.Loss, e.Accuracy)
		e, err = p.Evaluate(batch.Batch{Split: batch.Valid}, coefs, mode)
		check(err)
		out = append(out, e.Loss, e.Accuracy)
	}
	out = append(out, p.buffers()...)
	check(p.Restore(taken))
	out = append(append(out, read(p.Weights())...), p.buffers()...)
	state := p.State()
	p.Weights().Zero()
	check(p.SetState(state))
	return append(append(out, read(p.Weights())...), read(momentum)...)
}

// A search's numbers on a device of OpenCL are as near to those in float64 as the
// processor's in float32, within a factor of four and a floor.
func TestOpenCLIsAsNearAsTheProcessor(t *testing.T) {
	card, single := gputest.Device(t), cpu.Open[float32](2)
	defer single.Close()
	want, near, got := steps(t, ref.Open()), steps(t, single), steps(t, card)
	if len(got) != len(want) || len(near) != len(want) {
		t.Fatalf("%d, %d and %d numbers", len(got), len(near), len(want))
	}
	worst := func(x []float64) (e float64) {
		for i := range want {
			e = max(e, math.Abs(x[i]-want[i])/(1+math.Abs(want[i])))
		}
		return e
	}
	t.Logf("at most %.1e apart on %s, %.1e on the processor", worst(got), card.Name(), worst(near))
	if e, limit := worst(got), 4*worst(near)+1e-6; !(e <= limit) {
		t.Errorf("%v apart from float64, want %v", e, limit)
	}
	if err := card.Check(); err != nil {
		t.Error(err)
	}
}
