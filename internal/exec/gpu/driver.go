package gpu

import "time"

// Driver is what reaches a card: it has memory in blocks of 32-bit words and runs
// kernels on it, in the order of the calls. What writes or runs may return before the
// work is done; what reads waits. A driver is for one goroutine at a time.
type Driver interface {
	// Name is for people: the device, its driver and version.
	Name() string
	// Memory is how many bytes the device has, and how many a block can have.
	Memory() (all, block int64)
	// Alloc makes a block of so many words, whatever is in them.
	Alloc(words int) (Block, error)
	// Free gives a block back once all that was asked for is done.
	Free(b Block)
	// Write takes src, which is the caller's again when Write returns.
	Write(b Block, at int, src []uint32) error
	// Read fills dst.
	Read(b Block, at int, dst []uint32) error
	// Run starts one kernel of vectors on memory.
	Run(memory Block, l Launch, a *Args) error
	// Load prepares kernels of programs, which read their rows in table.
	Load(table Block, list []Launch) (Sequence, error)
	// Sync waits until all is done.
	Sync() error
	Close()
}

// Block is a driver's memory; 0 is none.
type Block uint64

// Launch is one run of a kernel: so many groups of as many threads as the kernel
// says, on the instruction whose row starts at word Row of the table.
type Launch struct {
	Kernel string
	Groups int
	Row    int
}

// Args are the numbers of a kernel of vectors: places in words, sizes, and constants
// as their bits.
type Args [12]uint32

// Sequence is launches that are prepared, to run one after another.
type Sequence interface {
	Run(memory Block) error
	// Profile is Run, waits, and gives the time of each launch.
	Profile(memory Block) ([]time.Duration, error)
	Close()
}
