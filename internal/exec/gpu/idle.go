package gpu

import (
	"time"

	"idarts/internal/exec"
)

// Idle is a card with memory without end that does nothing: what is read from it are
// zeros. It is enough to find out what a card would be told, and how much memory that
// takes.
func Idle() Driver { return new(idle) }

type idle struct {
	blocks []int // words of each, 0 when it is given back
	live   int   // words of all
}

func (*idle) Name() string                     { return "a card that does nothing" }
func (*idle) Memory() (all, block int64)       { return 1 << 40, 1 << 40 }
func (*idle) Write(Block, int, []uint32) error { return nil }
func (*idle) Run(Block, Launch, *Args) error   { return nil }
func (*idle) Sync() error                      { return nil }
func (*idle) Close()                           {}

func (d *idle) Alloc(words int) (Block, error) {
	d.blocks, d.live = append(d.blocks, words), d.live+words
	return Block(len(d.blocks)), nil
}

func (d *idle) Free(b Block) { d.live, d.blocks[b-1] = d.live-d.blocks[b-1], 0 }

func (*idle) Read(_ Block, _ int, dst []uint32) error {
	clear(dst)
	return nil
}

func (*idle) Load(Block, []Launch) (Sequence, error) { return idleSequence{}, nil }

type idleSequence struct{}

func (idleSequence) Run(Block) error                        { return nil }
func (idleSequence) Profile(Block) ([]time.Duration, error) { return nil, nil }
func (idleSequence) Close()                                 {}

// Need is how many bytes of a card's memory f takes at most, tables of programs included.
// f gets a device for which all numbers are 0.
func Need(f func(d exec.Device) error) (bytes int64, err error) {
	card := new(idle)
	d := New(card)
	defer d.Close()
	defer func() { bytes = 4 * int64(d.heap.most+card.live-d.heap.words) }()
	defer exec.Recover(&err)
	return 0, f(d)
}
