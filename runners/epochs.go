package runners

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/provenance"
	"idarts/internal/result"
	"idarts/internal/search"
)

// spent is what a search spends in queries, which are trainings of cells: it counts by
// the time that the training took, also when another run had it done before.
type spent struct {
	waited, trained float64 // seconds: of wall clock, and to count in their place
}

// search runs the epochs that are left, then writes the result.
func (r *run) search(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	saved := time.Now()
	for epoch := len(r.point.Events) + 1; epoch <= r.searcher.Epochs(); epoch++ {
		if err := r.epoch(ctx, epoch); err != nil {
			return fmt.Errorf("runners: %s: epoch %d: %w", r.cell, epoch, err)
		}
		if r.cheap && epoch < r.searcher.Epochs() && time.Since(saved) < time.Second {
			continue
		}
		saved = time.Now()
		if err := r.save(); err != nil {
			return err
		}
	}
	return r.finish()
}

// open makes the searcher and brings it to where the checkpoint is.
func (r *run) open(ctx context.Context) (err error) {
	if r.point, err = readCheckpoint(r.dir, r.config); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			to, failed := durable.SetAside(filepath.Join(r.dir, checkpointDir))
			if failed != nil {
				return errors.Join(err, failed)
			}
			r.turn.Note("%s: starts over: %v; set aside as %q", r.cell, err, to)
		}
		r.point = &checkpoint{Run: r.config.Identity, Versions: r.config.Versions, Timing: result.Timing{Machine: provenance.Machine(r.device.Workers())}}
	}
	r.record()
	r.searcher, err = r.start(r.device, func(arch string) (float64, error) {
		began := time.Now()
		scored, err := r.fitness(ctx, arch, r.device)
		r.query.waited += time.Since(began).Seconds()
		r.query.trained += scored.Seconds
		r.point.QueryGFLOP += scored.GFLOP
		return scored.Valid, err
	})
	if err != nil || len(r.point.Events) == 0 {
		return err
	}
	if err := r.searcher.SetState(r.point.state); err != nil {
		return fmt.Errorf("runners: %s: resume after epoch %d: %w", r.cell, len(r.point.Events), err)
	}
	// The event file may be one epoch behind the checkpoint.
	return result.WriteEvents(r.dir, r.config.Identity, r.point.Events)
}

// record writes down who goes on with the run from here.
func (r *run) record() {
	t := &r.point.Timing
	t.Attempts = max(t.Attempts+1, r.tries)
	now := result.Place{
		Host: provenance.Host(), Machine: provenance.Machine(r.device.Workers()), Device: r.device.Name(),
		Instructions: device.Instructions(r.named), From: len(r.point.Events) + 1,
	}
	if n := len(t.Places); n > 0 {
		last := t.Places[n-1]
		last.From = now.From
		if last == now {
			return
		}
	}
	t.Places = append(t.Places, now)
}

// epoch runs an epoch, scores what it gives and adds its event.
func (r *run) epoch(ctx context.Context, epoch int) error {
	began := time.Now()
	r.query = spent{}
	r.tell(epoch, 0)
	report, err := r.searcher.Epoch(ctx, func(done, total int) { r.tell(epoch, float64(done)/float64(max(total, 1))) })
	if err != nil {
		return err
	}
	r.point.Timing.SearchSeconds = append(r.point.Timing.SearchSeconds, time.Since(began).Seconds()-r.query.waited+r.query.trained)

	began = time.Now()
	var scored result.Scored
	if epoch == r.searcher.Epochs() || !r.last {
		if scored, err = r.score(ctx, report.Arch, r.device); err != nil {
			return err
		}
	}
	r.point.Timing.ScoreSeconds += time.Since(began).Seconds()
	r.point.Events = append(r.point.Events, result.Event{
		Epoch:     epoch,
		TrainLoss: report.TrainLoss,
		ValidLoss: report.ValidLoss,
		Entropy:   report.Entropy,
		GFLOP:     report.GFLOP + r.point.QueryGFLOP,
		Arch:      report.Arch,
		Score:     scored.Score,
		Extra:     report.Extra,
	})
	r.tell(epoch, 1)
	return nil
}

// tell says that so much of an epoch, 0 to 1, is done.
func (r *run) tell(epoch int, fraction float64) {
	epochs := r.searcher.Epochs()
	r.turn.Move((float64(epoch-1)+fraction)/float64(epochs), fmt.Sprintf("%s seed %d epoch %d/%d", r.cell.Name(), r.cell.Seed, epoch, epochs))
}

// held is the error for a run that another process has taken over: this one was not heard of.
func (r *run) held() error {
	if durable.Mine(durable.LockFile(r.dir)) {
		return nil
	}
	return fmt.Errorf("runners: %s: another process has taken it over, to which this one seemed dead: %w", r.cell, durable.ErrLocked)
}

// save writes the checkpoint, and after it the files for people.
func (r *run) save() error {
	if err := r.held(); err != nil {
		return err
	}
	r.point.state = r.searcher.State()
	if err := r.point.write(r.dir); err != nil {
		return err
	}
	if err := result.WriteEvents(r.dir, r.config.Identity, r.point.Events); err != nil {
		return err
	}
	if err := result.WriteJSON(filepath.Join(r.dir, result.TimingFile), r.point.Timing); err != nil {
		return err
	}
	if r.saved != nil {
		r.saved()
	}
	return nil
}

// finish writes what the last epoch gave as the result, which ends the run.
func (r *run) finish() error {
	if err := r.held(); err != nil {
		return err
	}
	events := r.point.Events
	if len(events) == 0 {
		return fmt.Errorf("runners: %s: the protocol gives no epochs", r.cell)
	}
	last := events[len(events)-1]
	final := result.Result{Cell: r.cell, Arch: last.Arch, Score: last.Score, GFLOP: last.GFLOP, Epochs: len(events), Warnings: r.warnings}
	if r.optimum != nil {
		var err error
		if final.Optimum, err = r.optimum(); err != nil {
			return err
		}
	}
	if s, ok := r.searcher.(interface{ Noise() (search.Noise, bool) }); ok {
		if n, ok := s.Noise(); ok {
			final.Noise = &result.Noise{Lost: n.Lost, Mean: n.Mean, Deviation: n.Deviation}
			if n.Undecided() {
				final.Warnings = append(slices.Clone(final.Warnings), fmt.Sprintf("undecided: alpha has lost no more entropy than noise alone takes, %.3f ± %.3f nats", n.Mean, n.Deviation))
			}
		}
	}
	if r.expected != nil {
		var err error
		if final.Expected, err = r.expected(); err != nil {
			return err
		}
	}
	if r.columns != nil {
		var err error
		if final.Columns, err = r.columns(final.Arch); err != nil {
			return err
		}
	}
	if err := result.WriteJSON(filepath.Join(r.dir, result.TimingFile), r.point.Timing); err != nil {
		return err
	}
	if err := result.WriteResult(r.dir, r.config.Identity, events, final); err != nil {
		return err
	}
	return removeCheckpoint(r.dir)
}
