package runners

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/provenance"
	"idarts/internal/result"
)

// outcome says what became of one cell.
type outcome uint8

const (
	done   outcome = iota // run to its end now
	reused                // was already there
)

// run is one cell on its way.
type run struct {
	job
	cell   result.Cell
	dir    string
	device exec.Device
	note   func(format string, args ...any)          // remarks for the person who waits
	moved  func(epoch, epochs int, fraction float64) // progress; fraction is of this epoch
}

// do runs the cell, or what is left of it, and writes its directory. An error
// that is not ctx's is also written to failure.json.
func (r *run) do(ctx context.Context) (out outcome, err error) {
	unlock, err := durable.Lock(r.dir, false)
	if errors.Is(err, durable.ErrLocked) {
		return 0, fmt.Errorf("runners: %s: another process is running it", r.cell)
	}
	if err != nil {
		return 0, err
	}
	defer unlock()
	durable.Sweep(r.dir)
	durable.Sweep(filepath.Join(r.dir, checkpointDir))

	finished, err := r.prepare()
	if err != nil {
		return 0, err
	}
	if finished {
		return reused, removeCheckpoint(r.dir)
	}
	defer func() {
		if p := recover(); p != nil {
			r.note("%s: panic: %v\n%s", r.cell, p, debug.Stack())
			err = fmt.Errorf("runners: %s: panic: %v", r.cell, p)
		}
		if err != nil && ctx.Err() == nil {
			failure := result.Failure{Cell: r.cell, Error: err.Error()}
			if werr := result.WriteJSON(filepath.Join(r.dir, result.FailureFile), failure); werr != nil {
				err = errors.Join(err, werr)
			}
		}
	}()
	return done, r.search(ctx)
}

// prepare compares the directory with what is asked for and says whether the
// run is finished. It leaves config.json in place and no failure.json.
func (r *run) prepare() (finished bool, err error) {
	state, err := inspect(r.dir, r.config)
	if err != nil {
		return false, err
	}
	if state.Finished {
		if state.OtherVersions != "" {
			r.note("%s: result of another version is reused (%s)", r.cell, state.OtherVersions)
		}
		if state.Old { // brought to the present form
			now := r.config
			now.Versions = state.Versions
			return true, result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), now)
		}
		return true, nil
	}
	if state.OtherVersions != "" {
		r.note("%s: starts over, since its first part was run by another version (%s)", r.cell, state.OtherVersions)
		if err := removeCheckpoint(r.dir); err != nil {
			return false, err
		}
	}
	if err := os.Remove(filepath.Join(r.dir, result.FailureFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("runners: %w", err)
	}
	return false, result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), r.config)
}

// search runs the epochs that are left, then writes the result.
func (r *run) search(ctx context.Context) error {
	point, err := readCheckpoint(r.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		point = nil
	case err != nil:
		r.note("%s: starts over: %v", r.cell, err)
		point = nil
	}
	if point == nil {
		point = &checkpoint{Timing: result.Timing{Machine: provenance.Machine(r.device.Workers())}}
	}

	// What the search spends in queries is training of cells: it counts by the
	// time that the training took, also when another run had it done before.
	var waited, trained float64
	searcher, err := r.start(r.device, func(arch string) (float64, error) {
		began := time.Now()
		scored, err := r.score(ctx, arch, r.device)
		waited += time.Since(began).Seconds()
		trained += scored.Seconds
		point.QueryGFLOP += scored.GFLOP
		return scored.Valid, err
	})
	if err != nil {
		return err
	}
	if len(point.Events) > 0 {
		if err := searcher.SetState(point.state); err != nil {
			return fmt.Errorf("runners: %s: resume after epoch %d: %w", r.cell, len(point.Events), err)
		}
		// The event file may be one epoch behind the checkpoint.
		if err := result.WriteEvents(r.dir, point.Events); err != nil {
			return err
		}
	}

	saved := time.Now()
	for epoch := len(point.Events) + 1; epoch <= searcher.Epochs(); epoch++ {
		epochs := searcher.Epochs()
		began := time.Now()
		waited, trained = 0, 0
		report, err := searcher.Epoch(ctx, func(done, total int) {
			r.moved(epoch, epochs, float64(done)/float64(max(total, 1)))
		})
		if err != nil {
			return fmt.Errorf("runners: %s: epoch %d: %w", r.cell, epoch, err)
		}
		epochs = searcher.Epochs() // a search may end early
		point.Timing.SearchSeconds = append(point.Timing.SearchSeconds, time.Since(began).Seconds()-waited+trained)

		began = time.Now()
		var scored result.Scored
		if epoch == epochs || !r.last {
			if scored, err = r.score(ctx, report.Arch, r.device); err != nil {
				return fmt.Errorf("runners: %s: epoch %d: %w", r.cell, epoch, err)
			}
		}
		point.Timing.ScoreSeconds += time.Since(began).Seconds()
		point.Events = append(point.Events, result.Event{
			Epoch:     epoch,
			TrainLoss: report.TrainLoss,
			ValidLoss: report.ValidLoss,
			Entropy:   report.Entropy,
			GFLOP:     report.GFLOP + point.QueryGFLOP,
			Arch:      report.Arch,
			Score:     scored.Score,
			Extra:     report.Extra,
		})
		r.moved(epoch, epochs, 1)
		if r.cheap && epoch < epochs && time.Since(saved) < time.Second {
			continue
		}
		saved = time.Now()
		point.state = searcher.State()
		if err := point.write(r.dir); err != nil {
			return err
		}
		if err := result.WriteEvents(r.dir, point.Events); err != nil {
			return err
		}
		if err := result.WriteJSON(filepath.Join(r.dir, result.TimingFile), point.Timing); err != nil {
			return err
		}
	}
	if len(point.Events) == 0 {
		return fmt.Errorf("runners: %s: the protocol gives no epochs", r.cell)
	}
	last := point.Events[len(point.Events)-1]
	final := result.Result{Cell: r.cell, Arch: last.Arch, Score: last.Score, GFLOP: last.GFLOP, Epochs: len(point.Events), Warnings: r.warnings}
	if r.optimum != nil {
		var err error
		if final.Optimum, err = r.optimum(); err != nil {
			return err
		}
	}
	if err := result.WriteJSON(filepath.Join(r.dir, result.TimingFile), point.Timing); err != nil {
		return err
	}
	if err := result.WriteJSON(filepath.Join(r.dir, result.ResultFile), final); err != nil {
		return err
	}
	return removeCheckpoint(r.dir)
}
