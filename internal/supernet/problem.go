package supernet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/graph"
	"idarts/internal/rng"
)

// Options say how a network is run.
type Options struct {
	Images     exec.Shape // one batch, [N,H,W,C]
	Classes    int
	Layers     int // cells that have mixture coefficients of their own; 0 for a final network
	LayerCoefs int // coefficients of one cell
	Seed       uint64
	Pool       *cpu.Pool
}

// Feed says where batches come from.
type Feed[T cpu.Float] struct {
	// Fill writes batch b: images NHWC and one target distribution per image.
	Fill func(b batch.Batch, images, targets []T) error
	// PerEpoch is the number of batches in one epoch of each split.
	PerEpoch [batch.NumSplits]int
}

// Problem is a network on data: the losses and derivatives that a method may
// ask for. It implements [search.Problem] on the CPU in precision T.
//
// Weights start as [Param] says, from Options.Seed. Programs are lowered when
// they are first needed. A Problem is for one goroutine at a time.
type Problem[T cpu.Float] struct {
	opt     Options
	feed    Feed[T]
	build   Build
	train   *network
	mem     cpu.Memory[T]
	weights *cpu.Vec[T]

	first      [2][2]*program[T] // training-mode pass, by [weight gradient][coefficient gradient]
	second     *program[T]       // phases: gradient, H·v and mixed, H·v, mixed
	evaluation *program[T]
	programs   []*program[T] // all of these

	linearized bool
	dropPath   float64
	drops      rng.Source
	gflop      float64
	moved      int // elements, see Traffic
	took       func(exec.Instr, time.Duration)
}

// program is a lowered program bound to the problem's memory.
type program[T cpu.Float] struct {
	flat  *exec.Program
	run   *cpu.Exec[T] // nil until it is bound to the scratch block there is
	gflop []float64    // by phase
	moved []int        // by phase, elements
}

// New prepares the network that build describes.
func New[T cpu.Float](build Build, opt Options, feed Feed[T]) (*Problem[T], error) {
	train, err := assemble(build, opt, false)
	if err != nil {
		return nil, err
	}
	p := &Problem[T]{opt: opt, feed: feed, build: build, train: train}
	size := func(space exec.Space, n int) { p.mem[space] = make([]T, n) }
	coefs := opt.Layers * opt.LayerCoefs
	var buffers, stats int
	for _, n := range train.norms {
		buffers += 2 * n.channels
		stats += 3 * n.channels
	}
	size(exec.Weights, train.weights)
	size(exec.WeightGrad, train.weights)
	size(exec.Direction, train.weights)
	size(exec.HessianVec, train.weights)
	size(exec.Coefs, coefs)
	size(exec.CoefGrad, coefs)
	size(exec.MixedVec, coefs)
	size(exec.Images, opt.Images.Len())
	size(exec.Targets, opt.Images[0]*opt.Classes)
	size(exec.Logits, opt.Images[0]*opt.Classes)
	size(exec.Masks, train.masks)
	size(exec.Buffers, buffers)
	size(exec.Stats, stats)
	size(exec.Loss, 1)
	p.weights = cpu.WrapVec(opt.Pool, p.mem[exec.Weights])
	start(train.params, opt.Seed, func(i int, v float64) { p.mem[exec.Weights][i] = T(v) })
	for _, n := range train.norms {
		for c := range n.channels {
			p.mem[exec.Buffers][n.buffer+n.channels+c] = 1
		}
	}
	return p, nil
}

// Params lists the trainable tensors in the order of the weight vector.
func (p *Problem[T]) Params() []Param { return p.train.params }

// Layers is the number of cells with coefficients of their own.
func (p *Problem[T]) Layers() int { return p.opt.Layers }

// Weights is the live weight vector.
func (p *Problem[T]) Weights() exec.Vec { return p.weights }

// NewVec is a zero vector like Weights.
func (p *Problem[T]) NewVec() exec.Vec { return cpu.NewVec[T](p.opt.Pool, p.train.weights) }

// BatchesPerEpoch is the number of batches in one epoch of s.
func (p *Problem[T]) BatchesPerEpoch(s batch.Split) int { return p.feed.PerEpoch[s] }

// GFLOP is the arithmetic done so far, in 10⁹ operations.
func (p *Problem[T]) GFLOP() float64 { return p.gflop }

// lower makes a program of the graph n and binds it to the problem's memory.
func (p *Problem[T]) lower(n *network, phases ...[]graph.Output) (*program[T], error) {
	flat, err := n.Lower(phases...)
	if err != nil {
		return nil, err
	}
	// Scratch memory means nothing between runs, so programs share the largest block.
	if need := flat.Size[exec.Scratch]; need > len(p.mem[exec.Scratch]) {
		p.mem[exec.Scratch] = nil // let go of it first
		for _, other := range p.programs {
			other.run = nil
		}
		p.mem[exec.Scratch] = make([]T, need)
	}
	prog := &program[T]{flat: flat}
	p.programs = append(p.programs, prog)
	for phase := range flat.Phases {
		prog.gflop = append(prog.gflop, flat.FLOP(phase)/1e9)
		prog.moved = append(prog.moved, flat.Elements(phase))
	}
	return prog, nil
}

// Profile calls took with the time of each instruction from now on; nil ends it.
func (p *Problem[T]) Profile(took func(in exec.Instr, d time.Duration)) { p.took = took }

func (p *Problem[T]) run(prog *program[T], phase int) error {
	if prog.run == nil {
		var err error
		if prog.run, err = cpu.Bind(p.opt.Pool, prog.flat, &p.mem); err != nil {
			return err
		}
	}
	if p.took == nil {
		prog.run.Run(phase)
	} else {
		for i, d := range prog.run.Profile(phase) {
			p.took(prog.flat.Phases[phase][i], d)
		}
	}
	p.gflop += prog.gflop[phase]
	p.moved += prog.moved[phase]
	return nil
}

// weightOutputs places one node per weight tensor in a region laid out as the
// weights are, coefOutputs one number per coefficient.
func (n *network) weightOutputs(nodes []*graph.Node, space exec.Space) []graph.Output {
	var out []graph.Output
	for i, node := range nodes {
		out = append(out, graph.Output{Node: node, Space: space, Offset: n.params[i].Offset})
	}
	return out
}

func (n *network) coefOutputs(nodes []*graph.Node, space exec.Space) []graph.Output {
	var out []graph.Output
	for i, node := range nodes {
		out = append(out, graph.Output{Node: node, Space: space, Offset: n.coefOrder[i]})
	}
	return out
}

// gradients builds the reverse pass of n once: the gradient of the loss in each
// weight tensor, then in each coefficient that the network reads.
func (n *network) gradients() (weights, coefs []*graph.Node) {
	if n.grads == nil {
		var leaves []*graph.Node
		for _, param := range n.params {
			leaves = append(leaves, param.node)
		}
		for _, i := range n.coefOrder {
			leaves = append(leaves, n.Coef(i))
		}
		n.grads = n.Gradient(n.loss, leaves...)
	}
	return n.grads[:len(n.params)], n.grads[len(n.params):]
}

// observed is what every training-mode pass leaves besides gradients.
func (n *network) observed() []graph.Output {
	out := []graph.Output{{Node: n.loss, Space: exec.Loss}, {Node: n.logits, Space: exec.Logits}}
	for _, bn := range n.norms {
		out = append(out, graph.Output{Node: bn.node, Space: exec.Stats, Offset: bn.stats})
	}
	return out
}

// firstOrder is the program that computes just what is asked for.
func (p *Problem[T]) firstOrder(dw, dcoefs bool) (*program[T], error) {
	slot := &p.first[index(dw)][index(dcoefs)]
	if *slot != nil {
		return *slot, nil
	}
	n := p.train
	weights, coefs := n.gradients()
	out := n.observed()
	if dw {
		out = append(out, n.weightOutputs(weights, exec.WeightGrad)...)
	}
	if dcoefs {
		out = append(out, n.coefOutputs(coefs, exec.CoefGrad)...)
	}
	var err error
	*slot, err = p.lower(n, out)
	return *slot, err
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// secondOrder is the gradient program and its tangent in a weight direction.
func (p *Problem[T]) secondOrder() (*program[T], error) {
	if p.second != nil {
		return p.second, nil
	}
	n := p.train
	weights, coefs := n.gradients()
	var at, directions []*graph.Node
	for _, param := range n.params {
		at = append(at, param.node)
		directions = append(directions, n.Input(exec.Direction, param.Offset, param.Shape))
	}
	tangents := n.Tangent(n.grads, at, directions)
	hv := n.weightOutputs(tangents[:len(weights)], exec.HessianVec)
	mixed := n.coefOutputs(tangents[len(weights):], exec.MixedVec)
	gradient := slices.Concat([]graph.Output{{Node: n.loss, Space: exec.Loss}},
		n.weightOutputs(weights, exec.WeightGrad), n.coefOutputs(coefs, exec.CoefGrad))
	var err error
	p.second, err = p.lower(n, gradient, slices.Concat(hv, mixed), hv, mixed)
	return p.second, err
}

// load brings batch b and the coefficients into memory.
func (p *Problem[T]) load(b batch.Batch, coefs []float64) error {
	if len(coefs) != len(p.mem[exec.Coefs]) {
		return fmt.Errorf("supernet: %d mixture coefficients, want %d layers x %d", len(coefs), p.opt.Layers, p.opt.LayerCoefs)
	}
	for i, c := range coefs {
		p.mem[exec.Coefs][i] = T(c)
	}
	p.drawMasks(b)
	return p.feed.Fill(b, p.mem[exec.Images], p.mem[exec.Targets])
}

// SetDropPath sets the probability, below 1, that drop path takes an image out of
// a branch of a training-mode pass; it is 0 at the start.
func (p *Problem[T]) SetDropPath(probability float64) {
	if !(probability >= 0 && probability < 1) {
		panic("supernet: drop path probability out of range")
	}
	p.dropPath = probability
}

// drawMasks fills the factors of drop path, a pure function of seed and batch.
func (p *Problem[T]) drawMasks(b batch.Batch) {
	masks := p.mem[exec.Masks]
	if p.dropPath == 0 {
		for i := range masks {
			masks[i] = 1
		}
		return
	}
	r := p.drops.Set(p.opt.Seed, "drop path", uint64(b.Split), uint64(b.Draw), b.Index)
	for i := range masks {
		masks[i] = 0
		if r.Float64() >= p.dropPath {
			masks[i] = T(1 / (1 - p.dropPath))
		}
	}
}

func (p *Problem[T]) store(coefs []float64, space exec.Space) {
	for i := range coefs {
		coefs[i] = float64(p.mem[space][i])
	}
}

// Gradient is the loss of b and, where asked for, its gradients. The running
// averages of batch norm take the batch in, as in any training-mode pass.
func (p *Problem[T]) Gradient(b batch.Batch, coefs []float64, dw exec.Vec, dcoefs []float64) (float64, error) {
	p.linearized = false
	prog, err := p.firstOrder(dw != nil, dcoefs != nil)
	if err != nil {
		return 0, err
	}
	if err := p.load(b, coefs); err != nil {
		return 0, err
	}
	if err := p.run(prog, 0); err != nil {
		return 0, err
	}
	p.average()
	if dw != nil {
		copy(dw.(*cpu.Vec[T]).Data(), p.mem[exec.WeightGrad])
	}
	p.store(dcoefs, exec.CoefGrad)
	return float64(p.mem[exec.Loss][0]), nil
}

// Logits are those of the last batch of Gradient, [N·classes], valid until the
// next call.
func (p *Problem[T]) Logits() []T { return p.mem[exec.Logits] }

// average moves the running averages of batch norm towards the last batch.
func (p *Problem[T]) average() {
	stats, buffers := p.mem[exec.Stats], p.mem[exec.Buffers]
	for _, n := range p.train.norms {
		unbias := 1.0
		if n.rows > 1 {
			unbias = float64(n.rows) / float64(n.rows-1)
		}
		for c := range n.channels {
			mean, variance := float64(stats[n.stats+c]), float64(stats[n.stats+n.channels+c])*unbias
			m, v := &buffers[n.buffer+c], &buffers[n.buffer+n.channels+c]
			*m = T((1-n.momentum)*float64(*m) + n.momentum*mean)
			*v = T((1-n.momentum)*float64(*v) + n.momentum*variance)
		}
	}
}

// Linearize computes the activations of b once, for any number of products.
// The running averages of batch norm stay as they are.
func (p *Problem[T]) Linearize(b batch.Batch, coefs []float64) error {
	prog, err := p.secondOrder()
	if err != nil {
		return err
	}
	if err := p.load(b, coefs); err != nil {
		return err
	}
	err = p.run(prog, 0)
	p.linearized = err == nil
	return err
}

// Product is exact: hv = H·v and mixed = (∂²L/∂coefs∂w)·v, either may be nil.
func (p *Problem[T]) Product(v, hv exec.Vec, mixed []float64) error {
	if !p.linearized {
		return errors.New("supernet: Product without a Linearize before it")
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
	copy(p.mem[exec.Direction], v.(*cpu.Vec[T]).Data())
	if err := p.run(p.second, phase); err != nil {
		return err
	}
	if hv != nil {
		copy(hv.(*cpu.Vec[T]).Data(), p.mem[exec.HessianVec])
	}
	p.store(mixed, exec.MixedVec)
	return nil
}

// Evaluate is the network's answer to images in evaluation mode: the logits of
// one batch, [N·classes]. Fill writes the images, [N,H,W,C]. The result is
// valid until the next call.
func (p *Problem[T]) Evaluate(coefs []float64, fill func(images []T) error) ([]T, error) {
	p.linearized = false
	if p.evaluation == nil {
		n, err := assemble(p.build, p.opt, true)
		if err != nil {
			return nil, err
		}
		if p.evaluation, err = p.lower(n, []graph.Output{{Node: n.logits, Space: exec.Logits}}); err != nil {
			return nil, err
		}
	}
	for i, c := range coefs {
		p.mem[exec.Coefs][i] = T(c)
	}
	if err := fill(p.mem[exec.Images]); err != nil {
		return nil, err
	}
	if err := p.run(p.evaluation, 0); err != nil {
		return nil, err
	}
	return p.mem[exec.Logits], nil
}

// State is everything that training changes: the weights, the running averages
// of batch norm and the arithmetic done so far.
func (p *Problem[T]) State() []byte {
	state := binary.LittleEndian.AppendUint64(nil, math.Float64bits(p.gflop))
	state = append(state, cpu.WrapVec(p.opt.Pool, p.mem[exec.Buffers]).Bytes()...)
	return append(state, p.weights.Bytes()...)
}

// SetState restores what State gave; a wrong length is an error.
func (p *Problem[T]) SetState(b []byte) error {
	buffers := cpu.WrapVec(p.opt.Pool, p.mem[exec.Buffers])
	split := 8 + len(buffers.Bytes())
	if len(b) < split {
		return fmt.Errorf("supernet: a state of %d bytes is too short for this network", len(b))
	}
	if err := buffers.SetBytes(b[8:split]); err != nil {
		return err
	}
	if err := p.weights.SetBytes(b[split:]); err != nil {
		return err
	}
	p.linearized = false
	p.gflop = math.Float64frombits(binary.LittleEndian.Uint64(b))
	return nil
}
