package parity

import (
	"errors"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/internal/training"
	"idarts/runners"
	"idarts/runners/protocol"
)

// MemoryPlan builds the supernet of a protocol whose data is at hand on a device,
// takes one second-order product, and says how much memory its programs have.
func MemoryPlan(p protocol.Protocol, data *images.Dataset, d exec.Device) (arena, total int, err error) {
	space, err := protocol.LookupSpace(p.Space)
	if err != nil {
		return 0, 0, err
	}
	problem, err := runners.Supernet(p, data, d, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := problem.Linearize(batch.Batch{}, search.Uniform(space.Search().Layout, problem.Layers())); err != nil {
		return 0, 0, err
	}
	arena, total = problem.Bytes()
	return arena, total, nil
}

// SelfCheck runs a small supernet on a device, which should be one of 64 bits, and
// returns how far its exact Hessian-vector product is from central differences of its
// gradient, as a share of the product's norm. Healthy machines stay below 1e-5.
func SelfCheck(data *images.Dataset, d exec.Device) (float64, error) {
	space, err := protocol.LookupSpace("nb201")
	if err != nil {
		return 0, err
	}
	l := training.Loader("check", data, data.Train, 4, training.Augment{}, 0)
	build, cells := space.Sized(2, 1).Search(supernet.DataOf(data.Train.Set))
	layout := space.Search().Layout
	p, err := supernet.New(build, supernet.Options{
		Images: training.BatchShape(l), Classes: data.Train.Set.Classes,
		Layers: cells, LayerCoefs: layout.Len(), Seed: 1, Device: d,
	}, supernet.Loaders(l, l))
	if err != nil {
		return 0, err
	}
	coefs := search.Uniform(layout, cells)
	v := p.NewVec()
	stream := rng.New(1, "self-check")
	direction := make([]float64, v.Len())
	for i := range direction {
		direction[i] = stream.NormFloat64()
	}
	v.Write(direction)
	v.Scale(1 / search.Norm(v))

	b := batch.Batch{Split: batch.Train}
	exact := p.NewVec()
	if err := p.Linearize(b, coefs); err != nil {
		return 0, err
	}
	if err := p.Product(v, exact, nil); err != nil {
		return 0, err
	}
	const radius = 1e-6
	gradient := func(step float64) (exec.Vec, error) {
		g := p.NewVec()
		p.Weights().Axpy(step, v)
		_, err := p.Gradient(b, coefs, g, nil)
		p.Weights().Axpy(-step, v)
		return g, err
	}
	up, errUp := gradient(radius)
	down, errDown := gradient(-radius)
	if err := errors.Join(errUp, errDown); err != nil {
		return 0, err
	}
	up.Axpy(-1, down)
	up.Scale(1 / (2 * radius))
	up.Axpy(-1, exact)
	return search.Norm(up) / search.Norm(exact), nil
}
