package supernet

import (
	"slices"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/graph"
	"idarts/internal/rng"
)

// fourConvs is a mixture of four convolutions with a batch norm each.
func fourConvs(b *Builder, images *graph.Node) *graph.Node {
	var terms []graph.Term
	for i, name := range []string{"a", "b", "c", "d"} {
		terms = append(terms, graph.Term{X: b.ConvNorm(name, images, 4, graph.Window{K: 1}, false), A: b.Coef(i)})
	}
	return b.Classifier("classes", b.ChanLin(terms), 3)
}

func newFour(t *testing.T) *Problem {
	t.Helper()
	device := cpu.Open[float32](1)
	t.Cleanup(device.Close)
	p, err := New(fourConvs, Options{Images: exec.Shape{4, 4, 4, 2}, Classes: 3, Layers: 1, LayerCoefs: 4, Device: device},
		Feed{Fill: func(b batch.Batch, images, targets exec.Host) error {
			r := rng.New(b.Index, "four")
			for i := range images.Len() {
				images.Set(i, r.NormFloat64())
			}
			targets.Clear()
			for n := range 4 {
				targets.Set(3*n+n%3, 1)
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// averages are the running averages of each of the four norms.
func averages(p *Problem) (by [4][]float64) {
	all := make([]float64, p.size[exec.Buffers])
	p.mem.Region(exec.Buffers).Read(all)
	for i, n := range p.train.norms {
		by[i] = all[n.Buffers : n.Buffers+2*n.Channels]
	}
	return by
}

func TestSkippedNormsKeepTheirAverages(t *testing.T) {
	full, live := newFour(t), newFour(t)
	live.SkipZeros(true)
	start := averages(live)
	coefs := []float64{0.5, 0, 0.25, 0}
	passes := map[string]func(p *Problem) error{
		"gradient": func(p *Problem) error {
			_, err := p.Gradient(batch.Batch{}, coefs, p.NewVec(), nil)
			return err
		},
		"evaluation": func(p *Problem) error {
			_, err := p.Evaluate(batch.Batch{}, coefs, exec.NormUpdate)
			return err
		},
	}
	for name, pass := range passes {
		for _, p := range []*Problem{full, live} {
			if err := pass(p); err != nil {
				t.Fatal(err)
			}
		}
		got, want := averages(live), averages(full)
		for i, c := range coefs {
			if c == 0 {
				want[i] = start[i]
			}
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("after a %s: averages of norm %d, coefficient %v, are %v, want %v", name, i, c, got[i], want[i])
			}
		}
	}
}

// More sets of live operations than stay prepared, each of them twice.
func TestManyLiveSets(t *testing.T) {
	full, live := newFour(t), newFour(t)
	live.SkipZeros(true)
	for round := range 2 {
		for set := range 16 {
			coefs := make([]float64, 4)
			for i := range coefs {
				coefs[i] = float64(set>>i&1) * (0.3 + 0.1*float64(i))
			}
			var losses [2]float64
			for i, p := range []*Problem{full, live} {
				loss, err := p.Gradient(batch.Batch{Index: uint64(round)}, coefs, nil, make([]float64, 4))
				if err != nil {
					t.Fatal(err)
				}
				losses[i] = loss.Value()
			}
			if losses[1] != losses[0] {
				t.Errorf("set %04b: loss %v, want %v", set, losses[1], losses[0])
			}
		}
	}
	if n := len(live.first[0][1].pruned); n > 8 {
		t.Errorf("%d sets stay prepared, want at most 8", n)
	}
}

func TestProductsFollowTheLinearizedSet(t *testing.T) {
	p := newFour(t)
	p.SkipZeros(true)
	product := func() []float64 {
		v, hv := p.NewVec(), p.NewVec()
		v.Copy(p.Weights())
		if err := p.Product(v, hv, nil); err != nil {
			t.Fatal(err)
		}
		x := make([]float64, hv.Len())
		hv.Read(x)
		return x
	}
	var seen [][]float64
	for _, coefs := range [][]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}} {
		if err := p.Linearize(batch.Batch{}, coefs); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, product())
	}
	if !slices.Equal(seen[0], seen[2]) || !slices.Equal(seen[1], seen[3]) || slices.Equal(seen[0], seen[1]) {
		t.Errorf("products %v, want those of the first set, the second, and both again", seen)
	}
	p.SkipZeros(false)
	if err := p.Product(p.NewVec(), p.NewVec(), nil); err == nil {
		t.Error("a product after SkipZeros gives no error, want one: the pass before it was another")
	}
}
