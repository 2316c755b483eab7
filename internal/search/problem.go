// Package search holds architecture-search methods: relaxations, hypergradients,
// updates, selection. It knows no network and no images; it states the [Problem]
// it needs. Start at [Methods] for what there is, at [Hyper.Gradient] for the
// formula of iDARTS, at [Engine] for how a search goes.
//
// Architecture parameters θ are one flat []float64 on the host, owned by a
// [Relaxation]; mixture coefficients c are flat as well, see [Layout]; weights are
// an [exec.Vec] on the device. Losses are mean cross-entropies in nats without
// weight decay.
package search

import (
	"fmt"
	"math/rand/v2"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// Problem is a supernet on data, seen from a method. Mixture coefficients and
// their gradients are [Layers()·A], A = Layout.Len(), layer after layer, so that
// methods can tell layers apart; most of them repeat the same A numbers.
// Losses use the current Weights and, but in Evaluate, batch statistics in batch norm.
type Problem interface {
	Layers() int
	// Weights is the live weight vector; changing it changes the network.
	Weights() exec.Vec
	// NewVec makes a zero vector like Weights.
	NewVec() exec.Vec
	// BatchesPerEpoch is how many [batch.Epochs] batches of the split make one epoch.
	BatchesPerEpoch(s batch.Split) int
	// Gradient returns the loss of b and fills dw = dL/dw and dcoefs = dL/dcoefs;
	// either may be nil when it is not wanted.
	Gradient(b batch.Batch, coefs []float64, dw exec.Vec, dcoefs []float64) (loss exec.Number, err error)
	// Linearize fixes the point (weights, coefs, b) for Product, and computes its
	// activations once. It holds until the next call but Product's.
	Linearize(b batch.Batch, coefs []float64) error
	// Product fills hv = (∂²L/∂w²)·v and mixed = (∂²L/∂coefs∂w)·v, exact products
	// at the linearization point. Either may be nil. v and hv are two vectors.
	Product(v, hv exec.Vec, mixed []float64) error
	// Curvature fills dcoefs = ∂L/∂coefs on b and, for each of the directions in the
	// coefficients, products = (∂²L/∂coefs²)·direction, exact at the current weights.
	// Running averages of batch norm stay as they are.
	Curvature(b batch.Batch, coefs, dcoefs []float64, directions, products [][]float64) error
	// Evaluate is loss and accuracy of one augmented batch, EvaluateSplit that of all
	// images of a split, not augmented; neither computes gradients. norm says where
	// batch norm has its statistics from.
	Evaluate(b batch.Batch, coefs []float64, norm exec.NormMode) (batch.Evaluation, error)
	EvaluateSplit(s batch.Split, coefs []float64, norm exec.NormMode) (batch.Evaluation, error)
	// SkipZeros leaves out, from now on, operations whose coefficient is 0 in their
	// layer. Their entries of dcoefs are then 0.
	SkipZeros(on bool)
	// Snapshot copies weights and batch-norm buffers, and Restore puts them back.
	// Arithmetic that was done in between stays counted. Momentum belongs to the
	// search, which copies it as a vector.
	Snapshot() any
	Restore(snapshot any) error
	// Carry copies every parameter, and running averages, of the same name and shape
	// from another problem of the same kind, and says how many it found.
	Carry(from any) (int, error)
	// Widen is Carry with momentum from a problem whose operations have fewer channels:
	// further channels are copies of those that r chooses. old and momentum are like the
	// weights of from and like these.
	Widen(from any, old, momentum exec.Vec, r *rand.Rand) error
	// GFLOP is the arithmetic done so far through this problem, in 10⁹ operations.
	GFLOP() float64
	// State and SetState save and restore everything that changes besides the
	// arguments above: weights, batch-norm buffers, the GFLOP counter.
	State() []byte
	SetState(b []byte) error
}

// SupernetOptions are what a method may ask of its supernet. The zero value is the
// protocol's own network. What a space cannot build is an error.
//
// Weights of edges need no option where all channels go through the mixtures: a
// relaxation makes the coefficients edge·θ on the host, which is the same sum in the
// network.
type SupernetOptions struct {
	Width   int `json:"width,omitempty"`   // channels of the first stage
	Depth   int `json:"depth,omitempty"`   // cells: of a stage, or in all, as the protocol counts them
	Partial int `json:"partial,omitempty"` // 1/Partial of the channels goes through the mixtures
	// EdgeWeights: what goes around the mixture of an edge counts as much as the sum of
	// its coefficients. Else it counts 1.
	EdgeWeights bool `json:"edge_weights,omitempty"`
}

// Sizes sets the width c and the depth n that are asked for.
func (o SupernetOptions) Sizes(c, n *int) {
	if o.Width > 0 {
		*c = o.Width
	}
	if o.Depth > 0 {
		*n = o.Depth
	}
}

// Check says what a network of c channels in its first stage cannot be.
func (o SupernetOptions) Check(c int) error {
	if k := o.Partial; k > 1 && c%k != 0 {
		return fmt.Errorf("search: 1/%d of %d channels cannot be mixed, want a multiple of %d", k, c, k)
	}
	return nil
}

// Data says which images each level takes its batches from.
type Data uint8

const (
	// Halves: the weights take the training half, the architecture the validation half.
	Halves Data = iota
	// Whole: both levels take the next batch of one stream over all images.
	Whole
	// Shared: the weights take the next batch of that stream, and the architecture
	// takes it once more.
	Shared
)
