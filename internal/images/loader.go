package images

import (
	"fmt"
	"sync"

	"idarts/internal/batch"
	"idarts/internal/rng"
)

// Loader makes batches of Batch images from some indices of a set. Set the
// fields, [Loader.Check] them, and change them no more. Any number of goroutines
// may use one loader.
//
// Batch number i of a draw is a pure function of (Seed, Name, draw, i), of the
// indices and of the augmentation.
type Loader struct {
	Set     *Set
	Indices []int // images of Set; nil: all
	Batch   int   // images in a batch, always
	Augment Augment
	Seed    uint64
	Name    string // of the random streams: "train"
	// DropLast leaves the rest of an epoch that fills no batch unused. Otherwise
	// the last batch is filled up from the start of the same permutation, so that
	// every image is seen at least once: 25,000 images make 391 batches of 64.
	DropLast bool
	// Smoothing spreads this share of each training target evenly over all
	// classes; evaluation keeps one-hot targets.
	Smoothing float64

	ready sync.Once
	table []float64 // [C,256]: normalised value of each pixel value

	mu      sync.Mutex
	epoch   uint64 // of permutation; noEpoch before the first
	order   []int  // permutation of Indices for that epoch
	scratch []int  // Indices, in their order between calls
	swapped []int  // [Batch]
}

// The counters that keep the streams of one loader apart.
const (
	streamPick uint64 = iota
	streamAugment
)

const noEpoch = ^uint64(0)

// Check says which field is wrong, if any is.
func (l *Loader) Check() error {
	if l.Set == nil {
		return fmt.Errorf("images: loader %q has no set", l.Name)
	}
	if err := l.Set.Check(); err != nil {
		return err
	}
	if err := checkIndices(l.Set, l.Indices); err != nil {
		return err
	}
	if l.Indices != nil && len(l.Indices) == 0 {
		return fmt.Errorf("images: loader %q: no images, want at least one", l.Name)
	}
	if l.Batch < 1 {
		return fmt.Errorf("images: loader %q: batch of %d, want at least 1", l.Name, l.Batch)
	}
	if l.DropLast && l.Batch > l.Len() {
		return fmt.Errorf("images: loader %q: batch of %d from %d images, which never fill one", l.Name, l.Batch, l.Len())
	}
	if !(l.Smoothing >= 0 && l.Smoothing < 1) {
		return fmt.Errorf("images: loader %q: label smoothing %v, want 0 or more and below 1", l.Name, l.Smoothing)
	}
	return l.Augment.Check(l.Set)
}

// Len is the number of images in an epoch.
func (l *Loader) Len() int {
	if l.Indices == nil {
		return l.Set.N
	}
	return len(l.Indices)
}

// Batches is the number of [batch.Epochs] batches in an epoch.
func (l *Loader) Batches() int {
	if l.DropLast {
		return l.Len() / l.Batch
	}
	return (l.Len() + l.Batch - 1) / l.Batch
}

// prepare builds what all batches share. Wrong fields are the caller's bug here:
// Check reports them.
func (l *Loader) prepare() {
	l.ready.Do(func() {
		if err := l.Check(); err != nil {
			panic(err.Error())
		}
		l.table = l.Augment.table(l.Set.C)
		l.epoch = noEpoch
		l.scratch = make([]int, l.Len())
		l.order = make([]int, l.Len())
		l.swapped = make([]int, l.Batch)
		l.restart(l.scratch)
	})
}

// restart sets dst to the indices in their own order.
func (l *Loader) restart(dst []int) {
	for i := range dst {
		dst[i] = l.index(i)
	}
}

// index is the image at position i of the indices.
func (l *Loader) index(i int) int {
	if l.Indices == nil {
		return i
	}
	return l.Indices[i]
}

// Epochs returns the images of batch i of the walk through all epochs: batch
// i mod Batches of epoch i / Batches.
func (l *Loader) Epochs(i uint64) []int { return l.Pick(batch.Epochs, i, make([]int, l.Batch)) }

// Fresh returns the first Batch images of permutation i. Beyond the number of
// images it starts over.
func (l *Loader) Fresh(i uint64) []int { return l.Pick(batch.Fresh, i, make([]int, l.Batch)) }

// Replaced returns Batch independent images.
func (l *Loader) Replaced(i uint64) []int { return l.Pick(batch.Replaced, i, make([]int, l.Batch)) }

// Pick is Epochs, Fresh or Replaced into ids, of length Batch, which it returns.
func (l *Loader) Pick(draw batch.Draw, index uint64, ids []int) []int {
	l.prepare()
	if len(ids) != l.Batch {
		panic("images: length mismatch")
	}
	n := l.Len()
	switch draw {
	case batch.Epochs:
		batches := uint64(l.Batches())
		l.mu.Lock()
		defer l.mu.Unlock()
		if epoch := index / batches; epoch != l.epoch {
			l.restart(l.order)
			shuffle(l.order, n, rng.New(l.Seed, l.Name, streamPick, uint64(draw), epoch), nil)
			l.epoch = epoch
		}
		at := int(index%batches) * l.Batch
		for k := range ids {
			ids[k] = l.order[(at+k)%n]
		}
	case batch.Fresh:
		// Only the front of the permutation is made, and undone afterwards.
		stream := streams.Get().(*rng.Source)
		defer streams.Put(stream)
		r := stream.Set(l.Seed, l.Name, streamPick, uint64(draw), index)
		front := min(l.Batch, n)
		l.mu.Lock()
		defer l.mu.Unlock()
		shuffle(l.scratch, front, r, l.swapped)
		for k := range ids {
			ids[k] = l.scratch[k%n]
		}
		for i := front - 1; i >= 0; i-- {
			j := l.swapped[i]
			l.scratch[i], l.scratch[j] = l.scratch[j], l.scratch[i]
		}
	case batch.Replaced:
		stream := streams.Get().(*rng.Source)
		defer streams.Put(stream)
		r := stream.Set(l.Seed, l.Name, streamPick, uint64(draw), index)
		for k := range ids {
			ids[k] = l.index(r.IntN(n))
		}
	default:
		panic("images: unknown draw")
	}
	return ids
}

// streams are spare sources, so that a batch allocates nothing.
var streams = sync.Pool{New: func() any { return new(rng.Source) }}

// Fill writes the augmented batch of the images ids: pixels [len(ids),H,W,C]
// and one-hot or smoothed targets [len(ids),Classes]. ids are normally what Pick gave for the
// same draw and index, which name the random stream of the augmentation. It
// allocates nothing.
func Fill[T ~float32 | ~float64](l *Loader, ids []int, draw batch.Draw, index uint64, pixels, targets []T) {
	l.prepare()
	s := l.Set
	size := s.H * s.W * s.C
	if len(pixels) != len(ids)*size || len(targets) != len(ids)*s.Classes {
		panic("images: length mismatch")
	}
	a := &l.Augment
	if !a.Flip && a.Crop == 0 && a.Cutout == 0 {
		for k, id := range ids {
			place(l, id, shift{}, pixels[k*size:(k+1)*size])
			target(l, id, targets[k*s.Classes:(k+1)*s.Classes])
		}
		return
	}
	stream := streams.Get().(*rng.Source)
	defer streams.Put(stream)
	r := stream.Set(l.Seed, l.Name, streamAugment, uint64(draw), index)
	for k, id := range ids {
		image := pixels[k*size : (k+1)*size]
		place(l, id, a.draw(r), image)
		if a.Cutout > 0 {
			cutout(s, a.Cutout, r.IntN(s.H), r.IntN(s.W), image)
		}
		target(l, id, targets[k*s.Classes:(k+1)*s.Classes])
	}
}

// EvalBatches is the number of batches that [FillEval] makes of all images.
func (l *Loader) EvalBatches() int { return (l.Len() + l.Batch - 1) / l.Batch }

// FillEval writes batch i, 0..EvalBatches-1, of a walk through all images in the
// order of the indices, normalised and not augmented. The last batch is filled
// up with its last image; count says how many images of the batch are to be
// counted.
func FillEval[T ~float32 | ~float64](l *Loader, i int, pixels, targets []T) (count int) {
	l.prepare()
	s := l.Set
	size := s.H * s.W * s.C
	if i < 0 || i >= l.EvalBatches() || len(pixels) != l.Batch*size || len(targets) != l.Batch*s.Classes {
		panic("images: length mismatch")
	}
	first := i * l.Batch
	count = min(l.Batch, l.Len()-first)
	for k := range l.Batch {
		id := l.index(first + min(k, count-1))
		place(l, id, shift{}, pixels[k*size:(k+1)*size])
		oneHot(s, id, targets[k*s.Classes:(k+1)*s.Classes])
	}
	return count
}

// target writes the training target of image id, smoothed where that is asked for.
func target[T ~float32 | ~float64](l *Loader, id int, target []T) {
	oneHot(l.Set, id, target)
	if l.Smoothing > 0 {
		for c := range target {
			target[c] = T((1-l.Smoothing)*float64(target[c]) + l.Smoothing/float64(len(target)))
		}
	}
}

// oneHot writes 1 at the label of image id and 0 elsewhere.
func oneHot[T ~float32 | ~float64](s *Set, id int, target []T) {
	clear(target)
	target[s.Labels[id]] = 1
}
