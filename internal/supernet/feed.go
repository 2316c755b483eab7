package supernet

import (
	"fmt"
	"math"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/search"
)

// draws are the loader's names of the methods' draws.
var draws = [...]images.Draw{search.Epochs: images.DrawEpochs, search.Fresh: images.DrawFresh, search.Replaced: images.DrawReplaced}

// Loaders feeds batches of the two halves of the data. valid may be nil for a
// network that is only trained.
func Loaders[T cpu.Float](train, valid *images.Loader) Feed[T] {
	halves := [2]*images.Loader{search.Train: train, search.Valid: valid}
	feed := Feed[T]{}
	var ids [2][]int
	for s, l := range halves {
		if l != nil {
			feed.PerEpoch[s] = l.Batches()
			ids[s] = make([]int, l.Batch)
		}
	}
	feed.Fill = func(b search.Batch, pixels, targets []T) error {
		l := halves[b.Split]
		if l == nil {
			return fmt.Errorf("supernet: split %d has no images", b.Split)
		}
		images.Fill(l, l.Pick(draws[b.Draw], b.Index, ids[b.Split]), draws[b.Draw], b.Index, pixels, targets)
		return nil
	}
	return feed
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
