package supernet

import (
	"fmt"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
)

// Loaders feeds batches of the splits of the data, in the order of [batch.Split];
// splits may be left out or nil. While one batch is computed on, the next of the same
// kind is assembled beside it. What no batch is asked of takes no memory.
func Loaders(splits ...*images.Loader) Feed {
	feed := Feed{}
	var ahead [batch.NumSplits][batch.NumDraws]assembly
	for s, l := range splits {
		if l == nil {
			continue
		}
		feed.Images[s] = l
		feed.PerEpoch[s] = l.Batches()
		for d := range ahead[s] {
			a := &ahead[s][d]
			*a = assembly{loader: l, draw: batch.Draw(d), ids: make([]int, l.Batch), ready: make(chan struct{}, 1)}
			a.ahead = a.run
		}
	}
	feed.Fill = func(b batch.Batch, pixels, targets exec.Host) error {
		if feed.Images[b.Split] == nil {
			return fmt.Errorf("supernet: split %d has no images", b.Split)
		}
		ahead[b.Split][b.Draw].take(b.Index, pixels, targets)
		return nil
	}
	return feed
}

// assembly makes the batches of one kind, one of them ahead of time.
type assembly struct {
	loader          *images.Loader
	draw            batch.Draw
	ids             []int
	pixels, targets exec.Host // of the batch that is made ahead
	index           uint64    // its number
	begun           bool
	ahead           func() // run
	ready           chan struct{}
}

// take writes batch index and starts on the one after it.
func (a *assembly) take(index uint64, pixels, targets exec.Host) {
	if a.begun {
		<-a.ready
	}
	if a.begun && a.index == index {
		pixels.Copy(a.pixels)
		targets.Copy(a.targets)
	} else {
		a.fill(index, pixels, targets)
	}
	if !a.begun {
		a.pixels, a.targets = pixels.New(), targets.New()
	}
	a.index, a.begun = index+1, true
	go a.ahead() // a method would be wrapped, and that allocated
}

func (a *assembly) run() {
	a.fill(a.index, a.pixels, a.targets)
	a.ready <- struct{}{}
}

func (a *assembly) fill(index uint64, pixels, targets exec.Host) {
	ids := a.loader.Pick(a.draw, index, a.ids)
	if pixels.F32 != nil {
		images.Fill(a.loader, ids, a.draw, index, pixels.F32, targets.F32)
	} else {
		images.Fill(a.loader, ids, a.draw, index, pixels.F64, targets.F64)
	}
}

// fillEval is [images.FillEval] in the precision of pixels and targets.
func fillEval(l *images.Loader, i int, pixels, targets exec.Host) (count int) {
	if pixels.F32 != nil {
		return images.FillEval(l, i, pixels.F32, targets.F32)
	}
	return images.FillEval(l, i, pixels.F64, targets.F64)
}
