package supernet

import (
	"fmt"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
)

// Loaders feeds batches of the two halves of the data. valid may be nil for a
// network that is only trained. While one batch is computed on, the next of the
// same kind is assembled beside it.
func Loaders[T cpu.Float](train, valid *images.Loader) Feed[T] {
	halves := [batch.NumSplits]*images.Loader{batch.Train: train, batch.Valid: valid}
	feed := Feed[T]{}
	var ahead [batch.NumSplits][batch.NumDraws]assembly[T]
	for s, l := range halves {
		if l == nil {
			continue
		}
		feed.PerEpoch[s] = l.Batches()
		for d := range ahead[s] {
			a := &ahead[s][d]
			*a = assembly[T]{loader: l, draw: batch.Draw(d), ids: make([]int, l.Batch), ready: make(chan struct{}, 1)}
			a.ahead = a.run
		}
	}
	feed.Fill = func(b batch.Batch, pixels, targets []T) error {
		if halves[b.Split] == nil {
			return fmt.Errorf("supernet: split %d has no images", b.Split)
		}
		ahead[b.Split][b.Draw].take(b.Index, pixels, targets)
		return nil
	}
	return feed
}

// assembly makes the batches of one kind, one of them ahead of time.
type assembly[T cpu.Float] struct {
	loader          *images.Loader
	draw            batch.Draw
	ids             []int
	pixels, targets []T    // of the batch that is made ahead
	index           uint64 // its number
	begun           bool
	ahead           func() // run
	ready           chan struct{}
}

// take writes batch index and starts on the one after it.
func (a *assembly[T]) take(index uint64, pixels, targets []T) {
	if a.begun {
		<-a.ready
	}
	if a.begun && a.index == index {
		copy(pixels, a.pixels)
		copy(targets, a.targets)
	} else {
		a.fill(index, pixels, targets)
	}
	if a.pixels == nil {
		a.pixels, a.targets = make([]T, len(pixels)), make([]T, len(targets))
	}
	a.index, a.begun = index+1, true
	go a.ahead() // a method would be wrapped, and that allocated
}

func (a *assembly[T]) run() {
	a.fill(a.index, a.pixels, a.targets)
	a.ready <- struct{}{}
}

func (a *assembly[T]) fill(index uint64, pixels, targets []T) {
	images.Fill(a.loader, a.loader.Pick(a.draw, index, a.ids), a.draw, index, pixels, targets)
}

// Accuracy runs all images of l through the network in evaluation mode and
// returns the share of right answers in percent and the mean cross-entropy in
// nats. Of equal logits the first class counts. l.Batch must be the network's.
func (p *Problem[T]) Accuracy(coefs []float64, l *images.Loader) (percent, loss float64, err error) {
	if l.Batch != p.opt.Images[0] {
		return 0, 0, fmt.Errorf("supernet: evaluation in batches of %d, want the network's %d", l.Batch, p.opt.Images[0])
	}
	classes := p.opt.Classes
	targets := p.mem[exec.Targets]
	right, total := 0, 0
	for i := range l.EvalBatches() {
		count := 0
		logits, err := p.Evaluate(coefs, func(pixels []T) error {
			count = images.FillEval(l, i, pixels, targets)
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
		for k := range count {
			row, target := logits[k*classes:(k+1)*classes], targets[k*classes:(k+1)*classes]
			best, label := 0, 0
			for c := range row {
				if row[c] > row[best] {
					best = c
				}
				if target[c] > target[label] {
					label = c
				}
			}
			if best == label {
				right++
			}
			sum := 0.0
			for _, z := range row {
				sum += math.Exp(float64(z - row[best]))
			}
			loss += math.Log(sum) + float64(row[best]-row[label])
		}
		total += count
	}
	return 100 * float64(right) / float64(total), loss / float64(total), nil
}
