package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/nb201"
)

const (
	batch   = 64
	size    = 32
	classes = 10
	// The weight step of the published search (learning rate of its first epoch).
	rate = 0.01
)

var weightSGD = search.SGD{LR: rate, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5}

// loader makes batches of random images in the shape of CIFAR-10, with its
// augmentation: times do not depend on what is on the images.
func loader(name string) *images.Loader {
	const n = 1024
	r := rng.New(1, "benchmark images")
	set := &images.Set{Name: "random", N: n, H: size, W: size, C: 3, Classes: classes,
		Pixels: make([]byte, n*size*size*3), Labels: make([]uint8, n)}
	for i := range set.Pixels {
		set.Pixels[i] = byte(r.UintN(256))
	}
	for i := range set.Labels {
		set.Labels[i] = uint8(i % classes)
	}
	return &images.Loader{Set: set, Batch: batch, Name: name, Seed: 1, Augment: images.Augment{
		Flip: true, Crop: 4, Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.25, 0.25, 0.25}}}
}

// stage is a search that has come as far as the stage that is timed.
type stage struct {
	p               *supernet.Problem[float32]
	space           search.Space
	alpha           []float64
	coefs, dcoefs   []float64
	grad, v, buffer exec.Vec
	hyper           search.Hyper
	moments         search.Moments
	batches         uint64
}

func newStage(b *testing.B, cells int) *stage {
	pool := cpu.NewPool(runtime.GOMAXPROCS(0))
	b.Cleanup(pool.Close)
	net := nb201.Net{C: 16, N: cells, Classes: classes, InChannels: 3, Size: size}
	s := &stage{space: nb201.Space()}
	layer := s.space.Layout.Len()
	p, err := supernet.New(net.Supernet(), supernet.Options{
		Images: exec.Shape{batch, size, size, 3}, Classes: classes,
		Layers: net.Layers(), LayerCoefs: layer, Seed: 1, Pool: pool,
	}, supernet.Loaders[float32](loader("train"), loader("valid")))
	check(b, err)
	s.p, s.hyper.Problem = p, p
	s.alpha = make([]float64, layer)
	s.coefs, s.dcoefs = make([]float64, net.Layers()*layer), make([]float64, net.Layers()*layer)
	for i := range s.coefs {
		s.coefs[i] = 1 / float64(len(nb201.Ops))
	}
	s.grad, s.v, s.buffer = p.NewVec(), p.NewVec(), p.NewVec()
	return s
}

func (s *stage) next(split search.Split) search.Batch {
	s.batches++
	return search.Batch{Split: split, Draw: search.Fresh, Index: s.batches}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// network times do after one run that lowers the programs and fills caches.
func (s *stage) network(b *testing.B, do func() error) {
	check(b, do())
	gflop, traffic := s.p.GFLOP(), s.p.Traffic()
	b.ReportAllocs()
	for b.Loop() {
		check(b, do())
	}
	b.ReportMetric((s.p.GFLOP()-gflop)/b.Elapsed().Seconds(), "GFLOP/s")
	b.SetBytes(int64((s.p.Traffic() - traffic) / float64(b.N)))
}

func BenchmarkSearch(b *testing.B) {
	for _, cells := range []int{1, 5} {
		b.Run(fmt.Sprintf("N=%d", cells), func(b *testing.B) {
			b.Run("inner-step", func(b *testing.B) {
				s := newStage(b, cells)
				s.network(b, func() error {
					if _, err := s.p.Gradient(s.next(search.Train), s.coefs, s.grad, nil); err != nil {
						return err
					}
					weightSGD.Step(s.p.Weights(), s.grad, s.buffer, rate)
					return nil
				})
			})
			b.Run("validation-gradient", func(b *testing.B) {
				s := newStage(b, cells)
				s.network(b, func() error {
					_, err := s.p.Gradient(s.next(search.Valid), s.coefs, s.v, s.dcoefs)
					return err
				})
			})
			b.Run("linearize", func(b *testing.B) {
				s := newStage(b, cells)
				s.network(b, func() error { return s.p.Linearize(s.next(search.Train), s.coefs) })
			})
			b.Run("hessian-vector-product", func(b *testing.B) {
				s := newStage(b, cells)
				s.linearize(b)
				s.network(b, func() error { return s.p.Product(s.v, s.grad, nil) })
			})
			b.Run("mixed-product", func(b *testing.B) {
				s := newStage(b, cells)
				s.linearize(b)
				s.network(b, func() error { return s.p.Product(s.v, nil, s.dcoefs) })
			})
			// One architecture step of iDARTS: validation gradient, K = 2 Neumann
			// terms on a training batch, mixed product, Adam.
			b.Run("architecture-step", func(b *testing.B) {
				s := newStage(b, cells)
				adam := search.Adam{LR: 3e-4, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}
				dalpha := make([]float64, len(s.alpha))
				mixture, layer := s.coefs[:len(s.alpha)], make([]float64, len(s.alpha))
				s.network(b, func() error {
					at := search.Point{Coefs: s.coefs, Train: s.next(search.Train), Valid: s.next(search.Valid), Gamma: rate}
					if _, err := s.hyper.Gradient(s.dcoefs, at, search.Neumann{K: 2}); err != nil {
						return err
					}
					clear(layer)
					for i, g := range s.dcoefs {
						layer[i%len(layer)] += g
					}
					search.Softmax.Pullback(s.space.Layout, s.alpha, mixture, layer, dalpha)
					adam.Step(s.alpha, dalpha, &s.moments)
					return nil
				})
			})
		})
	}
}

// linearize leaves v as a validation gradient and the products ready.
func (s *stage) linearize(b *testing.B) {
	_, err := s.p.Gradient(s.next(search.Valid), s.coefs, s.v, nil)
	check(b, err)
	check(b, s.p.Linearize(s.next(search.Train), s.coefs))
}

func BenchmarkBatchAssembly(b *testing.B) {
	l := loader("train")
	ids := make([]int, batch)
	pixels, targets := make([]float32, batch*size*size*3), make([]float32, batch*classes)
	b.SetBytes(int64(4 * (len(pixels) + len(targets))))
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		images.Fill(l, l.Pick(images.DrawEpochs, i, ids), images.DrawEpochs, i, pixels, targets)
	}
}

func BenchmarkDerivation(b *testing.B) {
	space := nb201.Space()
	r := rng.New(1, "alpha")
	alpha := make([]float64, space.Layout.Len())
	for i := range alpha {
		alpha[i] = r.NormFloat64()
	}
	b.ReportAllocs()
	for b.Loop() {
		if space.Derive(alpha) == "" {
			b.Fatal("no cell")
		}
	}
}

// A table of the size of the real benchmark's, with made-up accuracies of three
// trials.
func BenchmarkQuery(b *testing.B) {
	key := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}
	table := nb201.NewTable(nb201.Origin{Source: "made up", Protocol: "none"})
	r := rand.New(rand.NewPCG(1, 1))
	var records []nb201.Record
	for _, cell := range nb201.All() {
		for _, seed := range []int64{777, 888, 999} {
			records = append(records, nb201.Record{Cell: cell, Key: key, Seed: seed, Accuracy: 10 + 84*r.Float64(), Loss: 1, Seconds: 1})
		}
	}
	check(b, table.Append(records...))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 4099) % (len(records) / 3)
		_, err := table.Query(nb201.FromIndex(i), key)
		check(b, err)
	}
}
