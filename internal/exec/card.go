package exec

// Launcher is a [Bound] on a device that is told each kernel.
type Launcher interface {
	// Launches is how many kernels a run starts.
	Launches() int
}

// Card is a [Device] behind a driver, with memory of its own.
type Card interface {
	Device
	// Capacity is how many bytes it has, and how many lie in one block at most.
	Capacity() (all, block int64)
	// Figures measures what the card and its driver do at best, which takes some
	// seconds.
	Figures() (Figures, error)
}

// SelfTester is a [Card] that knows what its kernels must give.
type SelfTester interface {
	// SelfTest runs each kernel on numbers of its own and compares the bits of its
	// results with those that are right, by the names of the kernels.
	SelfTest() (tried int, wrong []string, err error)
}

// Figures are what a card and its driver do at best.
type Figures struct {
	// Of a kernel that does nothing in a row of many, in seconds: until the host has
	// asked for it, and until it is done. Waited is from asking for one to knowing that
	// it is done.
	Enqueued, Done, Waited float64
	// Bytes a second to and from the card, a megabyte at a time.
	Upload, Download float64
	// FLOPs are fused multiply-adds in registers a second, each counted as two.
	FLOPs float64
	// Bytes a second that copying a large vector, and adding a multiple of one to
	// another, read and write in the card's memory.
	Copy, Axpy float64
}
