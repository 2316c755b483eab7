package exec

// Vec is a vector in weight space, wherever it lives. All vectors that meet in
// one call come from the same device and have the same length. Sums have a
// fixed order: the same bits whatever the number of workers. Factors are rounded
// to the device's precision first. A device says whether a product is rounded before
// it is added.
type Vec interface {
	Len() int
	Zero()
	Copy(x Vec)            // v = x
	Axpy(a float64, x Vec) // v += a·x
	Scale(a float64)       // v *= a
	Dot(x Vec) Number      // Σ v·x
	// Step moves v by one step of gradient descent and returns the norm of grad
	// before clipping. grad may be overwritten.
	Step(grad, buf Vec, s SGDStep) Number
	// Slice is the n elements from offset on, which stay where they are.
	Slice(offset, n int) Vec
	// Read fills dst [Len] with the content, Write takes it from src [Len].
	Read(dst []float64)
	Write(src []float64)
	// Bytes is the content in the device's precision, little endian, for checkpoints.
	Bytes() []byte
	// SetBytes restores what Bytes gave; a wrong length is an error.
	SetBytes(b []byte) error
}

// SGDStep are the numbers of one step of stochastic gradient descent, in PyTorch's
// conventions:
//
//	g   ← clip(g) + Decay·w        clip: scale by Clip/(‖g‖+1e-6) where ‖g‖ > Clip > 0
//	buf ← Momentum·buf + g
//	w   ← w − Rate·buf, or with Nesterov  w ← w − Rate·g − Rate·Momentum·buf
//
// Each line is computed in the device's precision, in the order in which it is read;
// the device may fuse a product with the sum that it goes into. Without momentum it is w ← w − Rate·g, and buf may be
// nil.
type SGDStep struct {
	Rate, Momentum, Decay, Clip float64
	Nesterov                    bool
}

// Number is a number that a device has computed or is still computing. The zero
// value is 0.
type Number struct {
	known   float64
	pending Pending
}

// Pending is a number on its way from a device.
type Pending interface{ Wait() float64 }

// Known is a number that is there.
func Known(x float64) Number { return Number{known: x} }

// Later is a number to wait for.
func Later(p Pending) Number { return Number{pending: p} }

// Value is the number; it waits where the device has not come so far.
func (n Number) Value() float64 {
	if n.pending != nil {
		return n.pending.Wait()
	}
	return n.known
}
