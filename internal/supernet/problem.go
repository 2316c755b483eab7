package supernet

import (
	"errors"
	"fmt"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/rng"
)

// Options say how a network is run.
type Options struct {
	Images     exec.Shape // one batch, [N,H,W,C]
	Classes    int
	Layers     int // cells that have mixture coefficients of their own; 0 for a final network
	LayerCoefs int // coefficients of one cell
	Seed       uint64
	Device     exec.Device
}

// Feed says where batches come from.
type Feed struct {
	// Fill writes batch b: images NHWC and one target distribution per image.
	Fill func(b batch.Batch, images, targets exec.Host) error
	// PerEpoch is the number of batches in one epoch of each split.
	PerEpoch [batch.NumSplits]int
	// Images has all images of each split, for [Problem.EvaluateSplit]; nil: none.
	Images [batch.NumSplits]*images.Loader
}

// Problem is a network on data: the losses and derivatives that a method may
// ask for. It implements [search.Problem] on any device.
//
// Weights start as [Param] says, from Options.Seed. Programs are lowered when
// they are first needed. A Problem is for one goroutine at a time.
type Problem struct {
	opt     Options
	feed    Feed
	build   Build
	train   *network
	mem     exec.Memory
	size    [exec.NumSpaces]int // of mem
	weights exec.Vec

	first      [2][2]*program // training-mode pass, by [weight gradient][coefficient gradient]
	second     *program       // phases: gradient, H·v and mixed, H·v, mixed
	curved     *program       // phases: gradient in the coefficients, its tangent
	evaluation *program
	programs   []*program // all of these

	linearized *program // second, or what is left of it, after Linearize
	skipZeros  bool
	dropPath   float64
	drops      rng.Source
	gflop      float64
	moved      int // elements, see Traffic
	launches   int
	took       took
}

// New prepares the network that build describes.
func New(build Build, opt Options, feed Feed) (*Problem, error) {
	train, err := assemble(build, opt, false)
	if err != nil {
		return nil, err
	}
	p := &Problem{opt: opt, feed: feed, build: build, train: train, mem: opt.Device.NewMemory()}
	coefs := opt.Layers * opt.LayerCoefs
	var buffers, stats int
	for _, n := range train.norms {
		buffers += 2 * n.Channels
		stats += 3 * n.Channels
	}
	p.resize(exec.Weights, train.weights)
	p.resize(exec.Coefs, coefs)
	p.resize(exec.CoefGrad, coefs)
	p.resize(exec.MixedVec, coefs)
	p.resize(exec.Images, opt.Images.Len())
	p.resize(exec.Targets, opt.Images[0]*opt.Classes)
	p.resize(exec.Logits, opt.Images[0]*opt.Classes)
	p.resize(exec.Masks, train.masks)
	p.resize(exec.Buffers, buffers)
	p.resize(exec.Stats, stats)
	p.resize(exec.Loss, 1)
	p.weights = p.mem.Region(exec.Weights)
	p.weights.Write(start(train.params, train.weights, opt.Seed))
	averages := make([]float64, buffers)
	for _, n := range train.norms {
		for c := range n.Channels {
			averages[n.Buffers+n.Channels+c] = 1
		}
	}
	p.mem.Region(exec.Buffers).Write(averages)
	return p, nil
}

func (p *Problem) resize(s exec.Space, n int) {
	p.mem.Resize(s, n)
	p.size[s] = n
}

// Params lists the trainable tensors in the order of the weight vector.
func (p *Problem) Params() []Param { return p.train.params }

// Layers is the number of cells with coefficients of their own.
func (p *Problem) Layers() int { return p.opt.Layers }

// Weights is the live weight vector.
func (p *Problem) Weights() exec.Vec { return p.weights }

// NewVec is a zero vector like Weights.
func (p *Problem) NewVec() exec.Vec { return p.opt.Device.NewVec(p.train.weights) }

// BatchesPerEpoch is the number of batches in one epoch of s.
func (p *Problem) BatchesPerEpoch(s batch.Split) int { return p.feed.PerEpoch[s] }

// GFLOP is the arithmetic done so far, in 10⁹ operations.
func (p *Problem) GFLOP() float64 { return p.gflop }

// load brings batch b and the coefficients into memory, with the factors of drop path
// of probability drop.
func (p *Problem) load(b batch.Batch, coefs []float64, drop float64) error {
	if err := p.loadCoefs(coefs); err != nil {
		return err
	}
	p.drawMasks(b, drop)
	if err := p.feed.Fill(b, p.mem.Host(exec.Images), p.mem.Host(exec.Targets)); err != nil {
		return err
	}
	p.mem.Upload(exec.Images)
	p.mem.Upload(exec.Targets)
	return nil
}

func (p *Problem) loadCoefs(coefs []float64) error {
	if len(coefs) != p.size[exec.Coefs] {
		return fmt.Errorf("supernet: %d mixture coefficients, want %d layers x %d", len(coefs), p.opt.Layers, p.opt.LayerCoefs)
	}
	p.write(exec.Coefs, coefs)
	return nil
}

// write brings numbers to a space of coefficients.
func (p *Problem) write(space exec.Space, values []float64) {
	host := p.mem.Host(space)
	for i, x := range values {
		host.Set(i, x)
	}
	p.mem.Upload(space)
}

// SetDropPath sets the probability, below 1, that drop path takes an image out of
// a branch in [Problem.Gradient] and [Problem.Linearize]; it is 0 at the start.
func (p *Problem) SetDropPath(probability float64) {
	if !(probability >= 0 && probability < 1) {
		panic("supernet: drop path probability out of range")
	}
	p.dropPath = probability
}

// drawMasks makes the factors of drop path, a pure function of seed and batch: 0
// with probability drop, else 1/(1−drop), so that their mean is 1.
func (p *Problem) drawMasks(b batch.Batch, drop float64) {
	masks := p.mem.Host(exec.Masks)
	if masks.Len() == 0 {
		return
	}
	for i := range masks.Len() {
		masks.Set(i, 1)
	}
	if drop > 0 {
		r := p.drops.Set(p.opt.Seed, "drop path", uint64(b.Split), uint64(b.Draw), b.Index)
		for i := range masks.Len() {
			masks.Set(i, 0)
			if r.Float64() >= drop {
				masks.Set(i, 1/(1-drop))
			}
		}
	}
	p.mem.Upload(exec.Masks)
}

// store brings a space of coefficients to coefs, where that is asked for.
func (p *Problem) store(coefs []float64, space exec.Space) {
	if coefs == nil {
		return
	}
	p.mem.Download(space)
	host := p.mem.Host(space)
	for i := range coefs {
		coefs[i] = host.At(i)
	}
}

// Gradient is the loss of b and, where asked for, its gradients. The running
// averages of batch norm take the batch in, as in any training-mode pass.
func (p *Problem) Gradient(b batch.Batch, coefs []float64, dw exec.Vec, dcoefs []float64) (exec.Number, error) {
	p.linearized = nil
	prog, err := p.firstOrder(dw != nil, dcoefs != nil)
	if err != nil {
		return exec.Number{}, err
	}
	if err := p.load(b, coefs, p.dropPath); err != nil {
		return exec.Number{}, err
	}
	if prog, err = p.live(prog, coefs); err != nil {
		return exec.Number{}, err
	}
	if err := p.run(prog, 0, vectors{gradient: dw}); err != nil {
		return exec.Number{}, err
	}
	p.mem.Average(prog.averages)
	p.store(dcoefs, exec.CoefGrad)
	return p.mem.Number(exec.Loss, 0), nil
}

// Logits are those of the last batch of Gradient, [N·classes], valid until the
// next call.
func (p *Problem) Logits() exec.Host {
	p.mem.Download(exec.Logits)
	return p.mem.Host(exec.Logits)
}

// Linearize computes the activations of b once, for any number of products.
// The running averages of batch norm stay as they are.
func (p *Problem) Linearize(b batch.Batch, coefs []float64) error {
	p.linearized = nil
	prog, err := p.secondOrder()
	if err != nil {
		return err
	}
	if err := p.load(b, coefs, p.dropPath); err != nil {
		return err
	}
	if prog, err = p.live(prog, coefs); err != nil {
		return err
	}
	if err := p.run(prog, 0, vectors{}); err != nil {
		return err
	}
	p.linearized = prog
	return nil
}

// Product is exact: hv = H·v and mixed = (∂²L/∂coefs∂w)·v, either may be nil. v and
// hv are two vectors.
func (p *Problem) Product(v, hv exec.Vec, mixed []float64) error {
	if p.linearized == nil {
		return errors.New("supernet: Product without a Linearize before it")
	}
	if v == hv {
		return errors.New("supernet: Product of a vector into itself, want two vectors")
	}
	phase := 1
	switch {
	case hv == nil && mixed == nil:
		return nil
	case mixed == nil:
		phase = 2
	case hv == nil:
		phase = 3
	}
	if err := p.run(p.linearized, phase, vectors{direction: v, product: hv}); err != nil {
		return err
	}
	p.store(mixed, exec.MixedVec)
	return nil
}

// Curvature is exact. Nothing is left out where coefficients are 0.
func (p *Problem) Curvature(b batch.Batch, coefs, dcoefs []float64, directions, products [][]float64) error {
	p.linearized = nil
	prog, err := p.curvatures()
	if err != nil {
		return err
	}
	if err := p.load(b, coefs, p.dropPath); err != nil {
		return err
	}
	if err := p.run(prog, 0, vectors{}); err != nil {
		return err
	}
	p.store(dcoefs, exec.CoefGrad)
	for i, direction := range directions {
		p.write(exec.CoefDirection, direction)
		if err := p.run(prog, 1, vectors{}); err != nil {
			return err
		}
		p.store(products[i], exec.MixedVec)
	}
	return nil
}
