// Package search holds architecture-search methods: relaxations, hypergradients,
// updates, selection. It knows no network and no images; it states the [Problem]
// it needs.
//
// Architecture parameters α are one flat []float64 on the host, row after row
// (see [Layout]); weights are an [exec.Vec] on the device. Losses are mean
// cross-entropies in nats without weight decay.
package search

import (
	"math/rand/v2"

	"idarts/internal/batch"
	"idarts/internal/exec"
)

// Row is one decision: an edge of a cell and the operations it chooses from.
type Row struct {
	Name    string   // "1<-0"
	Options []string // "none", "skip_connect", ...
}

// Layout lists the decisions of a space. α and the mixture coefficients of one
// layer are flat: the options of row 0, then of row 1, and so on.
type Layout []Row

// Len is the number of architecture parameters.
func (l Layout) Len() int {
	n := 0
	for _, row := range l {
		n += len(row.Options)
	}
	return n
}

// Space is what a method may know of a search space.
type Space struct {
	Layout Layout
	// Derive decides the architecture that α stands for, as the space's own rule
	// says (NAS-Bench-201: the largest entry of each row), in the space's text form.
	Derive func(alpha []float64) string
	// Random draws an architecture uniformly from the space.
	Random func(r *rand.Rand) string
	// Neighbours lists the architectures that differ from arch in one decision, each
	// once, in an order that depends on arch alone. There is at least one, arch is not
	// among them, and steps lead from any architecture to any other.
	Neighbours func(arch string) ([]string, error)
	// Choose is the architecture that takes one option from each row of Layout, an
	// index into its Options. nil: the decisions of the space are of another kind.
	Choose func(options []int) string
}

// Problem is a supernet on data, seen from a method. Mixture coefficients and
// their gradients are [Layers()·A], A = Layout.Len(), layer after layer, so that
// methods can tell layers apart; most of them repeat the same A numbers.
// All losses use batch statistics in batch norm and the current Weights.
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
	// activations once. It holds until the next call of Gradient or Linearize.
	Linearize(b batch.Batch, coefs []float64) error
	// Product fills hv = (∂²L/∂w²)·v and mixed = (∂²L/∂coefs∂w)·v, exact products
	// at the linearization point. Either may be nil. v and hv are two vectors.
	Product(v, hv exec.Vec, mixed []float64) error
	// GFLOP is the arithmetic done so far through this problem, in 10⁹ operations.
	GFLOP() float64
	// State and SetState save and restore everything that changes besides the
	// arguments above: weights, batch-norm buffers, the GFLOP counter.
	State() []byte
	SetState(b []byte) error
}
