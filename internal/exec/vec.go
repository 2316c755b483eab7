package exec

// Vec is a vector in weight space, wherever it lives. All vectors that meet in
// one call come from the same device and have the same length. Sums have a
// fixed order: the same bits whatever the number of workers.
type Vec interface {
	Len() int
	Zero()
	Copy(x Vec)            // v = x
	Axpy(a float64, x Vec) // v += a·x
	Scale(a float64)       // v *= a
	Dot(x Vec) float64
	// Bytes is the content in the device's precision, little endian, for checkpoints.
	Bytes() []byte
	// SetBytes restores what Bytes gave; a wrong length is an error.
	SetBytes(b []byte) error
}
