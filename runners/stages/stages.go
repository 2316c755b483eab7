// Package stages are the parts of a search that run its network, each to be run by
// itself: [All], on supernets of the published sizes, [Nets]. Benchmarks and the doctor
// time them.
package stages

import (
	"fmt"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// Net is a supernet of a published size.
type Net struct {
	Space string // a row of protocol.Spaces
	C, N  int
	Batch int // images, as in the published search
}

// String is "nb201/N=5".
func (n Net) String() string { return fmt.Sprintf("%s/N=%d", n.Space, n.N) }

// Nets are what is timed, on images of 32x32x3 in ten classes.
var Nets = []Net{
	{"nb201", 16, 1, 64},
	{"nb201", 16, 5, 64},
	{"nb1b1-s3", 16, 3, 96},
	{"darts", 16, 8, 64},
}

// Cost is what a supernet takes: arithmetic of a gradient in weights and mixture, and
// scratch memory of its second-order program as a card has it.
type Cost struct{ GFLOP, GB float64 }

// Cost is known of [Nets] and of what else is here, so that nobody has to lower a
// network for it; 0 of others.
func (n Net) Cost() Cost { return costs[n] }

var costs = map[Net]Cost{
	{"nb201", 4, 1, 32}:     {0.19, 0.01}, // on images of 16x16
	{"nb201", 16, 1, 64}:    {21.7, 0.5},
	{"nb201", 16, 5, 64}:    {96.5, 1.8},
	{"nb1b1-s1", 16, 3, 96}: {106.3, 4},
	{"nb1b1-s2", 16, 3, 96}: {106.3, 4.1},
	{"nb1b1-s3", 16, 3, 96}: {145.1, 5.1},
	{"darts", 16, 8, 64}:    {123.4, 9.9},
}

// Search is a search that has come as far as the stage that is timed.
type Search struct {
	Problem *supernet.Problem
	Coefs   []float64 // [cells·A]
	V       exec.Vec  // a direction in the weights

	space          search.Space
	alpha          []float64
	dcoefs, dalpha []float64
	mixture, layer []float64
	grad, buffer   exec.Vec
	hyper          search.Hyper
	moments        search.Moments
	batches        uint64
}

// Of is a search on p, whose direction is v.
func Of(p *supernet.Problem, space search.Space, coefs []float64, v exec.Vec) *Search {
	n := space.Layout.Len()
	s := &Search{
		Problem: p, Coefs: coefs, V: v, space: space,
		alpha: make([]float64, n), dalpha: make([]float64, n), layer: make([]float64, n), mixture: coefs[:n],
		dcoefs: make([]float64, len(coefs)), grad: p.NewVec(), buffer: p.NewVec(),
	}
	s.hyper.Problem = p
	return s
}

// New is a search on n with batches of size x size random images in the augmentation
// of the published searches: times do not depend on what is on the images.
func New(n Net, size int, device exec.Device) (*Search, error) {
	space, err := protocol.LookupSpace(n.Space)
	if err != nil {
		return nil, err
	}
	train := Loader("train", size, n.Batch)
	build, cells := space.Sized(n.C, n.N).Search(supernet.DataOf(train.Set))
	layout := space.Search().Layout
	p, err := supernet.New(build, supernet.Options{
		Images: exec.Shape{n.Batch, size, size, 3}, Classes: Classes,
		Layers: cells, LayerCoefs: layout.Len(), Seed: 1, Device: device,
	}, supernet.Loaders(train, Loader("valid", size, n.Batch)))
	if err != nil {
		return nil, err
	}
	coefs := search.Softmax.Coefs(layout, make([]float64, layout.Len()), cells)
	s := Of(p, space.Search(), coefs, p.NewVec())
	_, err = p.Gradient(s.next(batch.Valid), coefs, s.V, nil)
	return s, err
}

// The images of the published searches.
const (
	Size    = 32 // pixels of a side
	Classes = 10
)

// Loader is batches of 1,024 random images.
func Loader(name string, size, batch int) *images.Loader {
	const n = 1024
	r := rng.New(1, "benchmark images")
	set := &images.Set{Name: "random", N: n, H: size, W: size, C: 3, Classes: Classes,
		Pixels: make([]byte, n*size*size*3), Labels: make([]uint8, n)}
	for i := range set.Pixels {
		set.Pixels[i] = byte(r.UintN(256))
	}
	for i := range set.Labels {
		set.Labels[i] = uint8(i % Classes)
	}
	return &images.Loader{Set: set, Batch: batch, Name: name, Seed: 1, Augment: images.Augment{
		Flip: true, Crop: 4, Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.25, 0.25, 0.25}}}
}

func (s *Search) next(split batch.Split) batch.Batch {
	s.batches++
	return batch.Batch{Split: split, Draw: batch.Fresh, Index: s.batches}
}

// Wait waits until the device has done all that stages asked of it.
func (s *Search) Wait() { s.Problem.Wait() }

// Lookup finds a stage by its name.
func Lookup(name string) (Stage, error) {
	var names []string
	for _, stage := range All {
		if stage.Name == name {
			return stage, nil
		}
		names = append(names, stage.Name)
	}
	return Stage{}, fmt.Errorf("stages: unknown stage %q, want %s", name, settings.Offer(name, names))
}

// Stage is a part of a search.
type Stage struct {
	Name string
	// Before, where there is one, leaves the search where the stage begins.
	Before func(s *Search) error
	Do     func(s *Search) error
}

// The weight step of the published search on NAS-Bench-201, with the learning rate
// of its first epoch, and its architecture step.
const rate = 0.01

var (
	weightSGD = search.SGD{LR: rate, MinLR: 0.001, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4, Clip: 5}
	alphaAdam = search.Adam{LR: 3e-4, Beta1: 0.5, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-3}
)

// All are the stages. The first three have a twin in PyTorch, see benchmarks/peers. A
// stage may return before its device has done it: who times it calls [Search.Wait].
var All = []Stage{
	{
		Name: "forward", // the loss of a training batch
		Do: func(s *Search) error {
			_, err := s.Problem.Gradient(s.next(batch.Train), s.Coefs, nil, nil)
			return err
		},
	},
	{
		Name: "forward-backward", // and its gradients in w and in α
		Do: func(s *Search) error {
			_, err := s.Problem.Gradient(s.next(batch.Train), s.Coefs, s.grad, s.dcoefs)
			return err
		},
	},
	{
		Name: "second-order", // H v and the mixed product of v, from the batch on
		Do: func(s *Search) error {
			if err := s.Problem.Linearize(s.next(batch.Train), s.Coefs); err != nil {
				return err
			}
			return s.Problem.Product(s.V, s.grad, s.dcoefs)
		},
	},
	{
		Name: "inner-step", // gradient in w, SGD
		Do: func(s *Search) error {
			if _, err := s.Problem.Gradient(s.next(batch.Train), s.Coefs, s.grad, nil); err != nil {
				return err
			}
			weightSGD.Step(s.Problem.Weights(), s.grad, s.buffer, rate)
			return nil
		},
	},
	{
		Name: "validation-gradient",
		Do: func(s *Search) error {
			_, err := s.Problem.Gradient(s.next(batch.Valid), s.Coefs, s.grad, s.dcoefs)
			return err
		},
	},
	{Name: "linearize", Do: linearize},
	{
		Name: "hessian-vector-product", Before: linearize,
		Do: func(s *Search) error { return s.Problem.Product(s.V, s.grad, nil) },
	},
	{
		Name: "mixed-product", Before: linearize,
		Do: func(s *Search) error { return s.Problem.Product(s.V, nil, s.dcoefs) },
	},
	{
		Name: "both-products", Before: linearize,
		Do: func(s *Search) error { return s.Problem.Product(s.V, s.grad, s.dcoefs) },
	},
	{
		// Of iDARTS: validation gradient, K = 2 Neumann terms on a training batch,
		// mixed product, Adam.
		Name: "architecture-step",
		Do: func(s *Search) error {
			at := search.Point{Coefs: s.Coefs, Train: s.next(batch.Train), Valid: s.next(batch.Valid), Gamma: rate}
			if _, err := s.hyper.Gradient(s.dcoefs, at, search.Neumann{K: 2}); err != nil {
				return err
			}
			search.SumLayers(s.layer, s.dcoefs)
			search.Softmax.Pullback(s.space.Layout, s.mixture, s.layer, s.dalpha)
			alphaAdam.Step(s.alpha, s.dalpha, &s.moments)
			return nil
		},
	},
}

func linearize(s *Search) error { return s.Problem.Linearize(s.next(batch.Train), s.Coefs) }
