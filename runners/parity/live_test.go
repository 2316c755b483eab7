package parity

import (
	"math/rand/v2"
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/longtest"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// newLive is a small supernet in the precision of a search.
func newLive(t *testing.T, space protocol.Space) (p *supernet.Problem, layout search.Layout) {
	t.Helper()
	device := cpu.Open[float32](2)
	t.Cleanup(device.Close)
	const images, size, classes = 4, 8, 3
	cells := 1
	if space.Name == "darts" {
		cells = 3
	}
	layout = space.Search().Layout
	build, layers := space.Sized(4, cells).Search(supernet.Data{Size: size, Channels: 3, Classes: classes})
	p, err := supernet.New(build, supernet.Options{
		Images: exec.Shape{images, size, size, 3}, Classes: classes, Layers: layers, LayerCoefs: layout.Len(), Seed: 5, Device: device,
	}, supernet.Feed{Fill: func(b batch.Batch, images, targets exec.Host) error {
		r := rng.New(b.Index, "live images", uint64(b.Split))
		for i := range images.Len() {
			images.Set(i, r.NormFloat64())
		}
		targets.Clear()
		for n := range targets.Len() / classes {
			targets.Set(classes*n+r.IntN(classes), 1)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p, layout
}

// paths leaves up to so many options of each row at random, the same in all layers,
// and gives them random coefficients.
func paths(r *rand.Rand, layout search.Layout, layers, most int) []float64 {
	var one []float64
	for _, row := range layout {
		coefs := make([]float64, len(row.Options))
		for range most {
			coefs[r.IntN(len(coefs))] = 0.25 + r.Float64()
		}
		one = append(one, coefs...)
	}
	return slices.Repeat(one, layers)
}

// asked is all that a method may ask a problem for, with names.
type asked struct {
	names  []string
	values [][]float64
}

func (a *asked) add(name string, values ...float64) {
	a.names, a.values = append(a.names, name), append(a.values, values)
}

// ask goes through gradients, products and evaluations of a batch.
func ask(t *testing.T, p *supernet.Problem, b batch.Batch, coefs []float64) (a asked, gflop [3]float64) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	start := p.GFLOP()
	lap := func(i int) { gflop[i], start = p.GFLOP()-start, p.GFLOP() }
	dw, dcoefs := p.NewVec(), make([]float64, len(coefs))
	loss, err := p.Gradient(b, coefs, dw, dcoefs)
	must(err)
	a.add("loss", loss.Value())
	a.add("logits", p.Logits().Read()...)
	a.add("dw", data(dw)...)
	a.add("dcoefs", dcoefs...)
	lap(0)

	must(p.Linearize(b, coefs))
	hv, mixed := p.NewVec(), make([]float64, len(coefs))
	v := p.NewVec()
	v.Copy(dw)
	v.Axpy(0.1, p.Weights())
	must(p.Product(v, hv, mixed))
	a.add("Hv", data(hv)...)
	a.add("mixed", mixed...)
	hv, mixed = p.NewVec(), make([]float64, len(coefs))
	must(p.Product(v, hv, nil))
	must(p.Product(v, nil, mixed))
	a.add("Hv alone", data(hv)...)
	a.add("mixed alone", mixed...)
	lap(1)

	for _, norm := range []exec.NormMode{exec.NormBatch, exec.NormUpdate, exec.NormRunning} {
		e, err := p.Evaluate(b, coefs, norm)
		must(err)
		a.add("evaluation", e.Loss, e.Accuracy)
	}
	lap(2)
	return a, gflop
}

// A supernet that skips coefficients at zero gives the bits of the full one, first
// and second order, and counts the arithmetic that it does.
func TestSkipZeros(t *testing.T) {
	for _, name := range []string{"nb201", "nb1b1-s3", "darts"} {
		t.Run(name, func(t *testing.T) {
			if name == "darts" {
				longtest.Needed(t)
			}
			space, err := protocol.LookupSpace(name)
			if err != nil {
				t.Fatal(err)
			}
			full, layout := newLive(t, space)
			live, _ := newLive(t, space)
			r := rng.New(1, "live paths")
			for i := range uint64(2) {
				most := 1 + int(i)%2*2
				coefs := paths(r, layout, full.Layers(), most)
				live.SkipZeros(true)
				b := batch.Batch{Index: i}
				want, dear := ask(t, full, b, coefs)
				got, cheap := ask(t, live, b, coefs)
				for k, name := range got.names {
					for j, v := range got.values[k] {
						w := want.values[k][j]
						if name == "dcoefs" || name == "mixed" || name == "mixed alone" {
							if coefs[j] == 0 {
								w = 0 // by definition
							}
						}
						if v != w {
							t.Fatalf("up to %d of a row: %s[%d] = %v, want %v as in the full supernet", most, name, j, v, w)
						}
					}
				}
				t.Logf("up to %d of a row: gradient %.0f%%, products %.0f%%, evaluations %.0f%% of the arithmetic", most,
					100*cheap[0]/dear[0], 100*cheap[1]/dear[1], 100*cheap[2]/dear[2])
				for k := range cheap {
					if most == 1 && !(cheap[k] < 0.7*dear[k]) {
						t.Errorf("one path: %.3g GFLOP, want less than 0.7 of %.3g", cheap[k], dear[k])
					}
				}

				live.SkipZeros(false)
				if err := live.SetState(full.State()); err != nil { // averages have parted
					t.Fatal(err)
				}
				want, _ = ask(t, full, b, coefs)
				if got, _ = ask(t, live, b, coefs); !slices.EqualFunc(got.values, want.values, slices.Equal[[]float64]) {
					t.Fatal("with nothing skipped: not what the full supernet gives")
				}
				if err := live.SetState(full.State()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
