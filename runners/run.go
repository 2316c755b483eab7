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
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
)

// run is one cell on its way.
type run struct {
	job
	cell   result.Cell
	dir    string
	device exec.Device
	turn   *work.Turn // tells people how far it is
	state  state      // of the directory, since the last look

	// Of the search, see epochs.go.
	searcher search.Searcher
	point    *checkpoint
	query    spent // of the running epoch
}

// look reads the directory.
func (r *run) look() (found work.Found, err error) {
	if r.state, err = inspect(r.dir, r.config); err != nil {
		return found, err
	}
	found = work.Found{Finished: r.state.Finished, Failure: r.state.Failed}
	if found.Failure == "" {
		return found, nil
	}
	info, err := os.Stat(filepath.Join(r.dir, result.FailureFile))
	if errors.Is(err, fs.ErrNotExist) { // another process tries again since just now
		return work.Found{}, nil
	}
	if err != nil {
		return found, fmt.Errorf("runners: %w", err)
	}
	found.FailedAt = info.ModTime()
	return found, nil
}

// do runs the cell, or what is left of it, and writes its directory, whose claim is
// held. An error that is not ctx's is also written to failure.json.
func (r *run) do(ctx context.Context) (err error) {
	began := time.Now()
	durable.Sweep(r.dir)
	durable.Sweep(filepath.Join(r.dir, checkpointDir))
	finished, err := r.prepare()
	if err != nil {
		return err
	}
	if finished {
		return removeCheckpoint(r.dir)
	}
	defer func() {
		if p := recover(); p != nil {
			r.turn.Note("%s: panic: %v\n%s", r.cell, p, debug.Stack())
			err = fmt.Errorf("runners: %s: panic: %v", r.cell, p)
		}
		if err != nil && ctx.Err() == nil {
			failure := result.Failure{Cell: r.cell, Error: err.Error()}
			if werr := result.WriteJSON(filepath.Join(r.dir, result.FailureFile), failure); werr != nil {
				err = errors.Join(err, werr)
			}
		}
	}()
	if err := r.search(ctx); err != nil {
		return err
	}
	r.turn.Note("done: %s in %s", r.cell, time.Since(began).Round(100*time.Millisecond))
	return nil
}

// prepare makes a directory that was looked at ready to go on, and says whether the
// run is finished. It leaves config.json in place and no failure.json.
func (r *run) prepare() (finished bool, err error) {
	if r.state.Finished {
		if r.state.OtherVersions != "" {
			r.turn.Note("%s: result of another version is reused (%s)", r.cell, r.state.OtherVersions)
		}
		if r.state.Old { // brought to the present form
			now := r.config
			now.Versions = r.state.Versions
			return true, result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), now)
		}
		return true, nil
	}
	if r.state.OtherVersions != "" {
		r.turn.Note("%s: starts over, since its first part was run by another version (%s)", r.cell, r.state.OtherVersions)
		if err := removeCheckpoint(r.dir); err != nil {
			return false, err
		}
	}
	if err := os.Remove(filepath.Join(r.dir, result.FailureFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("runners: %w", err)
	}
	return false, result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), r.config)
}
