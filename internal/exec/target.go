package exec

// Target are the numbers by which a graph is lowered and fused for a device. They
// decide which passes over memory there are, and so how values are rounded: devices
// of one class have the same. The zero value is right for every device and best for
// none: such sums are written down, nothing is computed twice, and blocks of scratch
// memory lie side by side.
type Target struct {
	// Align is what blocks of scratch memory start at multiples of, in elements.
	Align int
	// Terms is how many images a sum may have that its readers add up for themselves, in
	// place of one that is written down, where there are several readers or where one
	// of them is a batch norm or a sum over pixels.
	Terms int
	// Again is how many passes over an image later phases may take to compute it again
	// wherever they need it, for it not to be kept from phase 0. Reading an argument
	// and writing the result of the same size is a pass each.
	Again float64
	// Fresh is how many instructions long a value that was computed again serves
	// further readers.
	Fresh int
	// Own is the size, in elements, up to which a scratch value has a block to itself:
	// none of another's must be read before it is written, which leaves a device free to
	// run in another order. 0 has all blocks shared.
	Own int
	// Rest is how many instructions long a larger block is left alone before another
	// value takes it, for the same reason.
	Rest int
	// Apart is whether an image that a convolution reads, one that is no sum of several,
	// has another place than what it was computed from, which leaves a device free to
	// compute it while it convolves.
	Apart bool
}
