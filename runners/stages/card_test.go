package stages

import (
	"math"
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/longtest"
)

// derivatives are the gradients in w and in α of the supernet on a device, H v and the
// mixed product of v, with the loss first.
func derivatives(t *testing.T, n Net, d exec.Device, v []float64) map[string][]float64 {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(n, 16, d)
	check(err)
	p, out := s.Problem, map[string][]float64{}
	grad, hv, dcoefs := p.NewVec(), p.NewVec(), make([]float64, len(s.Coefs))
	loss, err := p.Gradient(batch.Batch{}, s.Coefs, grad, dcoefs)
	check(err)
	read := func(v exec.Vec) []float64 {
		x := make([]float64, v.Len())
		v.Read(x)
		return x
	}
	out["loss"], out["gradient in w"], out["gradient in α"] = []float64{loss.Value()}, read(grad), slices.Clone(dcoefs)
	if v == nil { // the same direction on all devices
		v = read(s.V)
	}
	s.V.Write(v)
	out["v"] = v
	check(p.Linearize(batch.Batch{}, s.Coefs))
	check(p.Product(s.V, hv, nil))
	check(p.Product(s.V, nil, dcoefs))
	out["H v"], out["mixed product"] = read(hv), dcoefs
	move, curved := make([]float64, len(dcoefs)), make([]float64, len(dcoefs))
	for i := range move {
		move[i] = math.Cos(float64(i))
	}
	check(p.Curvature(batch.Batch{}, s.Coefs, make([]float64, len(dcoefs)), [][]float64{move}, [][]float64{curved}))
	out["curvature"] = curved
	return out
}

// apart is |a − b|/|b|.
func apart(a, b []float64) float64 {
	var d, n float64
	for i := range b {
		d += (a[i] - b[i]) * (a[i] - b[i])
		n += b[i] * b[i]
	}
	return math.Sqrt(d / n)
}

// Derivatives of the supernets of all spaces by way of OpenCL are as near to those in
// float64 as the processor's in float32, within a factor of four and a floor.
func TestSupernetsOnACard(t *testing.T) {
	longtest.Needed(t)
	nets := []Net{{"nb201", 16, 1, 4}, {"nb1b1-s1", 4, 1, 4}, {"nb1b1-s2", 4, 1, 4}, {"nb1b1-s3", 4, 1, 4}, {"darts", 4, 3, 4}}
	if testing.Short() {
		nets = nets[:1]
	}
	card, single, double := gputest.Device(t), cpu.Open[float32](2), cpu.Open[float64](2)
	defer single.Close()
	defer double.Close()
	for _, n := range nets {
		t.Run(n.Space, func(t *testing.T) {
			want := derivatives(t, n, double, nil)
			near, got := derivatives(t, n, single, want["v"]), derivatives(t, n, card, want["v"])
			for _, name := range []string{"loss", "gradient in w", "gradient in α", "H v", "mixed product", "curvature"} {
				e, limit := apart(got[name], want[name]), 4*apart(near[name], want[name])+2e-7
				t.Logf("%-14s %.1e from float64, the processor %.1e", name, e, apart(near[name], want[name]))
				if !(e <= limit) {
					t.Errorf("%s is %.1e from float64, want %.1e at most", name, e, limit)
				}
			}
		})
	}
	if err := card.Check(); err != nil {
		t.Error(err)
	}
}
