// Package supernet turns a network description into programs that run: the
// training-mode loss with its gradients in the weights and in the mixture
// coefficients, the exact second-order products, and evaluation with running
// averages.
//
// A search space describes its network once, as a [Build] function over a
// [Builder]; the same function serves the supernet (with mixture coefficients)
// and the networks that are trained from scratch (without). [Problem] is the
// network on data, as internal/search wants it.
//
// Start at [Builder] for describing and [New] for running.
package supernet

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"idarts/internal/exec"
	"idarts/internal/graph"
	"idarts/internal/rng"
)

// Batch-norm constants (PyTorch's defaults).
const (
	normEps      = 1e-5
	normMomentum = 0.1 // see Builder.Momentum
)

// Build adds a network to b and returns its logits, [N,1,1,classes]. It must
// declare the same parameters in the same order each time it is called.
type Build func(b *Builder, images *graph.Node) (logits *graph.Node)

// Param is one trainable tensor.
type Param struct {
	Name   string
	Shape  exec.Shape // [KH,KW,Cin/groups,Cout] or [1,1,1,C]
	Offset int        // in the weight vector
	Bound  float64    // drawn uniformly from ±Bound at the start, or
	Start  float64    // this constant where Bound is 0
	Vector bool       // scale, shift or bias: one number for each channel
	node   *graph.Node
}

// norm is one batch norm. In [exec.Stats] it has 3·Channels numbers: mean, variance
// and 1/deviation.
type norm struct {
	exec.Averages // Rows = N·H·W
	name          string
	node          *graph.Node
}

// auxiliary is a further classifier whose loss counts in training.
type auxiliary struct {
	logits *graph.Node
	weight float64
}

// Builder collects the parameters of a network while its graph is being made.
type Builder struct {
	*graph.Graph
	// Momentum is the weight of the newest batch in the running averages of the
	// norms made from now on; 0.1 at the start.
	Momentum float64

	evaluate bool // batch norm by running averages, no drop path, no auxiliary loss
	params   []Param
	norms    []norm
	weights  int
	coefs    map[int]*graph.Node
	masks    int // images times places of drop path
	aux      []auxiliary
	macs     int // multiply-adds of all images
}

// Training says that the network is made for training and not for evaluation.
// Both must declare the same parameters.
func (b *Builder) Training() bool { return !b.evaluate }

// param declares the next trainable tensor.
func (b *Builder) param(name string, shape exec.Shape, bound, start float64) *graph.Node {
	node := b.Input(exec.Weights, b.weights, shape)
	b.params = append(b.params, Param{Name: name, Shape: shape, Offset: b.weights, Bound: bound, Start: start, node: node})
	b.weights += shape.Len()
	return node
}

// vector declares a scale, shift or bias.
func (b *Builder) vector(name string, n int, bound, start float64) *graph.Node {
	node := b.param(name, exec.Vector(n), bound, start)
	b.params[len(b.params)-1].Vector = true
	return node
}

// Coef is mixture coefficient i as a number. Coefficients of layer l of a
// supernet with A of them per layer are l·A to l·A+A−1.
func (b *Builder) Coef(i int) *graph.Node {
	if b.coefs[i] == nil {
		b.coefs[i] = b.Input(exec.Coefs, i, exec.Vector(1))
	}
	return b.coefs[i]
}

// EdgeWeight is the sum of n mixture coefficients from first on, where there are weights
// of edges; else it is nil, which counts 1.
func (b *Builder) EdgeWeight(weights bool, first, n int) *graph.Node {
	if !weights {
		return nil
	}
	var all []*graph.Node
	for i := range n {
		all = append(all, b.Coef(first+i))
	}
	return b.Add(all...)
}

// Conv is a convolution to cout channels without bias. Its weights start
// uniform in ±1/sqrt(fan-in), as PyTorch's do.
func (b *Builder) Conv(name string, x *graph.Node, cout int, w graph.Window) *graph.Node {
	cin := graph.Shape(x).Channels() / max(w.Groups, 1)
	bound := 1 / math.Sqrt(float64(w.K*w.K*cin))
	y := b.Graph.Conv(x, b.param(name+".weight", exec.Shape{w.K, w.K, cin, cout}, bound, 0), w)
	b.macs += graph.Shape(y).Len() * w.K * w.K * cin
	return y
}

// Norm is a batch norm, with trainable scale and shift when affine. In a
// training network it normalises by the batch and keeps running averages
// (biased statistics normalise, the unbiased variance is averaged).
func (b *Builder) Norm(name string, x *graph.Node, affine bool) *graph.Node {
	shape := graph.Shape(x)
	c := shape.Channels()
	n := norm{name: name, Averages: exec.Averages{Channels: c, Rows: shape.Len() / c, Momentum: b.Momentum}}
	if last := len(b.norms) - 1; last >= 0 {
		n.Buffers = b.norms[last].Buffers + 2*b.norms[last].Channels
		n.Stats = b.norms[last].Stats + 3*b.norms[last].Channels
	}
	var y *graph.Node
	if b.evaluate {
		mean := b.Input(exec.Buffers, n.Buffers, exec.Vector(c))
		variance := b.Input(exec.Buffers, n.Buffers+c, exec.Vector(c))
		y = b.BatchNormEval(x, mean, variance, normEps)
	} else {
		y, n.node = b.BatchNorm(x, normEps)
	}
	b.norms = append(b.norms, n)
	if !affine {
		return y
	}
	scale := b.vector(name+".weight", c, 0, 1)
	shift := b.vector(name+".bias", c, 0, 0)
	return b.ChanLin([]graph.Term{{X: y, A: scale}}, shift)
}

// ConvNorm is conv, then batch norm.
func (b *Builder) ConvNorm(name string, x *graph.Node, cout int, w graph.Window, affine bool) *graph.Node {
	return b.Norm(name+".norm", b.Conv(name+".conv", x, cout, w), affine)
}

// Classifier is global average pooling and a linear layer with bias.
func (b *Builder) Classifier(name string, x *graph.Node, classes int) *graph.Node {
	return b.Dense(name, b.SpatialMean(x), classes)
}

// Dense is a linear layer with bias on x [N,1,1,Cin], both starting uniform in
// ±1/sqrt(Cin).
func (b *Builder) Dense(name string, x *graph.Node, cout int) *graph.Node {
	cin := graph.Shape(x).Channels()
	bound := 1 / math.Sqrt(float64(cin))
	product := b.Conv(name, x, cout, graph.Window{K: 1})
	bias := b.vector(name+".bias", cout, bound, 0)
	ones := b.Affine(bias, 0, 1)
	return b.ChanLin([]graph.Term{{X: product, A: ones}}, bias)
}

// DropPath multiplies each image of x by 0, or by 1/(1−p) with probability 1−p,
// where p is set by [Problem.SetDropPath]. In evaluation it is x.
func (b *Builder) DropPath(x *graph.Node) *graph.Node {
	if b.evaluate {
		return x
	}
	mask := exec.Shape{graph.Shape(x)[0], 1, 1, 1}
	factor := b.Input(exec.Masks, b.masks, mask)
	b.masks += mask.Len()
	return b.RowScale(x, factor)
}

// Auxiliary adds weight times the cross-entropy of further logits to the loss of
// training. In evaluation it does nothing.
func (b *Builder) Auxiliary(logits *graph.Node, weight float64) {
	b.aux = append(b.aux, auxiliary{logits, weight})
}

// start makes the n starting weights of seed. Every tensor has its own random
// stream, so the values of one do not depend on the sizes of others.
func start(params []Param, n int, seed uint64) []float64 {
	w := make([]float64, n)
	for k, p := range params {
		var r *rand.Rand
		if p.Bound > 0 {
			r = rng.New(seed, "weights", uint64(k))
		}
		for i := range p.Shape.Len() {
			v := p.Start
			if r != nil {
				v = p.Bound * (2*r.Float64() - 1)
			}
			w[p.Offset+i] = v
		}
	}
	return w
}

// network is a Build that has been carried out in one mode.
type network struct {
	Builder
	images, targets, logits, loss *graph.Node
	averages                      []exec.Averages
	coefOrder                     []int         // the coefficients that are read, ascending
	grads                         []*graph.Node // see gradients
}

func assemble(build Build, o Options, evaluate bool) (*network, error) {
	n := &network{Builder: Builder{Graph: graph.New(), Momentum: normMomentum, evaluate: evaluate, coefs: map[int]*graph.Node{}}}
	n.images = n.Input(exec.Images, 0, o.Images)
	n.targets = n.Input(exec.Targets, 0, exec.Shape{o.Images[0], 1, 1, o.Classes})
	n.logits = build(&n.Builder, n.images)
	if got, want := graph.Shape(n.logits), graph.Shape(n.targets); got != want {
		return nil, fmt.Errorf("supernet: the network gives logits of shape %v, want %v", got, want)
	}
	for _, bn := range n.norms {
		n.averages = append(n.averages, bn.Averages)
	}
	n.coefOrder = slices.Sorted(maps.Keys(n.coefs))
	if last := len(n.coefOrder) - 1; last >= 0 && n.coefOrder[last] >= o.Layers*o.LayerCoefs {
		return nil, fmt.Errorf("supernet: the network reads mixture coefficient %d of %d", n.coefOrder[last], o.Layers*o.LayerCoefs)
	}
	losses := []*graph.Node{n.CrossEntropy(n.logits, n.targets)}
	for _, aux := range n.aux {
		losses = append(losses, n.Affine(n.CrossEntropy(aux.logits, n.targets), aux.weight, 0))
	}
	n.loss = n.Add(losses...)
	return n, nil
}
