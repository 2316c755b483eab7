package gpu

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// heap is the one block that all kernels work on, and who has which part of it. When
// it is full it moves to a larger block: places stay what they are, so that tables
// which name them stay good.
type heap struct {
	driver Driver
	block  Block
	words  int
	taken  []*region // by place
	shares int       // how many heaps there are on the device, 0 for one
	most   int       // words from the beginning on that there ever was something in

	mu   sync.Mutex
	dead []func() // what the collector found, to be given back by the device's goroutine
}

// region is a part of the heap.
type region struct {
	at, n int
	// passing says that the content means nothing between runs.
	passing bool
}

const (
	line      = 32      // words that regions start at multiples of: 128 bytes
	firstHeap = 1 << 20 // words
	// mostWords is what a table can name: places are 32-bit numbers.
	mostWords = 1 << 32
	// gap is words that belong to nobody behind each region.
	gap = line
)

// alloc makes a region of n zeros.
func (h *heap) alloc(n int, passing bool) (*region, error) {
	h.sweep()
	r := &region{n: n, passing: passing}
	i := h.place(r)
	if r.end() > h.words {
		h.collect()
		i = h.place(r)
	}
	if need := r.end(); need > h.words {
		if err := h.grow(need); err != nil {
			return nil, err
		}
	}
	h.taken = slices.Insert(h.taken, i, r)
	h.most = max(h.most, r.end())
	if err := h.fill(r.at+n, room(n)-n, notANumber); err != nil {
		return nil, err
	}
	return r, h.fill(r.at, n, 0)
}

// place finds the first room for a region, and its index among those that are taken.
func (h *heap) place(r *region) int {
	r.at = 0
	i := 0
	for i < len(h.taken) && h.taken[i].at-r.at < room(r.n) {
		r.at = h.taken[i].end()
		i++
	}
	return i
}

// collect has the collector find what nobody points at any more, such as the supernet of
// the run before.
func (h *heap) collect() {
	found := make(chan bool)
	runtime.AddCleanup(new([16]byte), func(c chan bool) { close(c) }, found)
	runtime.GC()
	select {
	case <-found: // cleanups run one after another, more or less
	case <-time.After(time.Second):
	}
	h.sweep()
}

func (r *region) end() int { return r.at + room(r.n) }

// room is what a region of n words takes, its gap included.
func room(n int) int { return (n+line-1)/line*line + gap }

// free gives a region back.
func (h *heap) free(r *region) {
	if i := slices.Index(h.taken, r); i >= 0 {
		h.taken = slices.Delete(h.taken, i, i+1)
	}
}

// later has the device's goroutine call f, for the collector's.
func (h *heap) later(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead = append(h.dead, f)
}

func (h *heap) sweep() {
	h.mu.Lock()
	dead := h.dead
	h.dead = nil
	h.mu.Unlock()
	for _, f := range dead {
		f()
	}
}

// grow moves the heap to a block of need words or more.
func (h *heap) grow(need int) error {
	all, largest := h.driver.Memory()
	share := all / int64(max(h.shares, 1))
	switch bytes := 4 * int64(need); {
	case need > mostWords:
		return fmt.Errorf("gpu: %d MB are needed, and kernels can name %d MB; take smaller batches or fewer cells", megabytes(need), megabytes(mostWords))
	case largest > 0 && bytes > largest:
		return fmt.Errorf("gpu: %s: %d MB are needed in one block, and it gives %d of its %d MB; take smaller batches, fewer cells or fewer jobs at a time",
			h.driver.Name(), megabytes(need), largest>>20, all>>20)
	case h.shares > 1 && bytes > share:
		return fmt.Errorf("gpu: %s: %d MB are needed, and each of %d runs at a time has %d of its %d MB; take fewer --jobs, smaller batches or fewer cells",
			h.driver.Name(), megabytes(need), h.shares, share>>20, all>>20)
	}
	// Some more than that, so that it does not move for each vector, but not where that would
	// leave no room for tables.
	words := min(max(firstHeap, need, min(2*h.words, need+need/4)), mostWords)
	if largest > 0 {
		words = max(need, min(words, int(min(largest, share-share/8)/4)))
	}
	return h.move(need, words)
}

// shrink gives back what is not taken at the block's end, and says whether that was
// something.
func (h *heap) shrink() (bool, error) {
	words := gap
	for _, r := range h.taken {
		words = max(words, r.end())
	}
	if words >= h.words {
		return false, nil
	}
	return true, h.move(words, words)
}

// move takes a block of so many words in place of the one there is, or of least where that
// is not to be had. What regions hold goes through the host, so that the two blocks need not
// be there at once.
func (h *heap) move(least, words int) error {
	held := make([][]uint32, len(h.taken))
	for i, r := range h.taken {
		if r.passing {
			continue
		}
		held[i] = make([]uint32, r.n)
		if err := h.driver.Read(h.block, r.at, held[i]); err != nil {
			return err
		}
	}
	before := h.words
	if h.block != 0 {
		h.driver.Free(h.block)
		h.block, h.words = 0, 0
	}
	var refused error
	for _, n := range []int{words, least, before} { // the last one is for the runs to come
		if n == 0 {
			continue
		}
		block, err := h.driver.Alloc(n)
		if err == nil {
			h.block, h.words = block, n
			break
		}
		refused = fmt.Errorf("gpu: %s: no memory for %d MB (%w); take smaller batches, fewer cells or fewer jobs at a time", h.driver.Name(), megabytes(n), err)
	}
	if h.words < least && h.words < before {
		return refused
	}
	if err := h.fill(0, h.words, notANumber); err != nil {
		return err
	}
	for i, r := range h.taken {
		if held[i] != nil {
			if err := h.driver.Write(h.block, r.at, held[i]); err != nil {
				return err
			}
		}
	}
	if h.words < least {
		return refused
	}
	return nil
}

func megabytes(words int) int { return words >> 18 }

// notANumber is what memory of nobody holds: who reads it is found out.
const notANumber = 0x7fc0dead

// fill sets words.
func (h *heap) fill(at, n int, word uint32) error {
	if n == 0 {
		return nil
	}
	return h.driver.Run(h.block, Launch{Kernel: "vec_fill", Groups: vectorGroups(n)}, &Args{uint32(at), uint32(n), word})
}

// Check finds memory of nobody that something wrote into.
func (d *Device) Check() error { return d.heap.check() }

func (h *heap) check() error {
	for _, r := range h.taken {
		end := r.at + r.n
		words := make([]uint32, r.end()-end)
		if err := h.driver.Read(h.block, end, words); err != nil {
			return err
		}
		for i, w := range words {
			if w != notANumber {
				return fmt.Errorf("gpu: word %d behind the %d words at %d was written over: %#x", i, r.n, r.at, w)
			}
		}
	}
	return nil
}
