package supernet

import (
	"errors"
	"fmt"
	"math"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/images"
)

// Evaluate is loss and accuracy of the augmented batch b, without gradients. The loss
// is that of the classifier alone, drop path lets everything through, and of equal
// logits the first class counts.
func (p *Problem) Evaluate(b batch.Batch, coefs []float64, norm exec.NormMode) (batch.Evaluation, error) {
	if err := p.load(b, coefs, 0); err != nil {
		return batch.Evaluation{}, err
	}
	if err := p.forward(coefs, norm); err != nil {
		return batch.Evaluation{}, err
	}
	var sum tally
	sum.add(p.Logits(), p.mem.Host(exec.Targets), p.opt.Images[0], p.opt.Classes)
	return sum.mean(), nil
}

// EvaluateSplit is [Problem.Evaluate] of all images of a split, not augmented.
func (p *Problem) EvaluateSplit(s batch.Split, coefs []float64, norm exec.NormMode) (batch.Evaluation, error) {
	if p.feed.Images[s] == nil {
		return batch.Evaluation{}, fmt.Errorf("supernet: split %d has no images to evaluate", s)
	}
	return p.EvaluateImages(p.feed.Images[s], coefs, norm)
}

// EvaluateImages is [Problem.Evaluate] of all images of l, not augmented. l.Batch must
// be the network's. The last batch is filled up with its last image, which counts once
// but for the batch statistics.
func (p *Problem) EvaluateImages(l *images.Loader, coefs []float64, norm exec.NormMode) (batch.Evaluation, error) {
	if l.Batch != p.opt.Images[0] {
		return batch.Evaluation{}, fmt.Errorf("supernet: evaluation in batches of %d, want the network's %d", l.Batch, p.opt.Images[0])
	}
	if err := p.loadCoefs(coefs); err != nil {
		return batch.Evaluation{}, err
	}
	p.drawMasks(batch.Batch{}, 0)
	pixels, targets := p.mem.Host(exec.Images), p.mem.Host(exec.Targets)
	var sum tally
	for i := range l.EvalBatches() {
		count := fillEval(l, i, pixels, targets)
		p.mem.Upload(exec.Images)
		if err := p.forward(coefs, norm); err != nil {
			return batch.Evaluation{}, err
		}
		sum.add(p.Logits(), targets, count, p.opt.Classes)
	}
	return sum.mean(), nil
}

// forward computes the logits of the batch and with the coefficients in memory.
func (p *Problem) forward(coefs []float64, norm exec.NormMode) error {
	p.linearized = nil
	var prog *program
	var err error
	switch norm {
	case exec.NormUpdate, exec.NormBatch:
		prog, err = p.firstOrder(false, false)
	case exec.NormRunning:
		prog, err = p.runningNorms()
	default:
		err = errors.New("supernet: unknown mode of batch norm")
	}
	if err != nil {
		return err
	}
	if prog, err = p.live(prog, coefs); err != nil {
		return err
	}
	if err := p.run(prog, 0, vectors{}); err != nil {
		return err
	}
	if norm == exec.NormUpdate {
		p.mem.Average(prog.averages)
	}
	return nil
}

// tally adds up evaluations.
type tally struct {
	loss         float64
	right, total int
}

// add takes the first count rows of logits and targets, both [N·classes].
func (t *tally) add(logits, targets exec.Host, count, classes int) {
	if logits.F32 != nil {
		addRows(t, logits.F32, targets.F32, count, classes)
	} else {
		addRows(t, logits.F64, targets.F64, count, classes)
	}
}

// addRows takes differences of logits in the device's precision, all else in double.
func addRows[T float32 | float64](t *tally, logits, targets []T, count, classes int) {
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
			t.right++
		}
		sum, distance := 0.0, 0.0 // Σ exp(z−max), Σ target·(max−z)
		for c, z := range row {
			sum += math.Exp(float64(z - row[best]))
			if target[c] != 0 {
				distance += float64(target[c]) * float64(row[best]-z)
			}
		}
		t.loss += math.Log(sum) + distance
	}
	t.total += count
}

func (t *tally) mean() batch.Evaluation {
	return batch.Evaluation{Loss: t.loss / float64(t.total), Accuracy: 100 * float64(t.right) / float64(t.total)}
}
