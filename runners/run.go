package runners

import (
	"cmp"
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
	named  string      // the device's, as it was asked for
	tries  int         // of the run by now, where somebody counts them
	turn   work.Teller // tells people how far it is
	note   func(format string, args ...any)
	saved  func() // called after each checkpoint; nil: nothing
	state  state  // of the directory, since the last look
	ended  ending // in this session
	// blocked says why nothing can be done where the run belongs; refused is that, or
	// why what is there is left as it is.
	blocked, refused error

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
	if r.refused = cmp.Or(r.blocked, r.state.Refused); r.refused != nil {
		return found, nil
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
func (r *run) do(ctx context.Context) error {
	began := time.Now()
	if r.refused != nil {
		return r.refused
	}
	there := r.state.Finished
	finished, err := r.prepare()
	switch {
	case err != nil:
		return err
	case there:
		r.ended = elsewhere
		return nil
	case finished:
		r.ended = done
		return nil
	}
	err = r.attempt(ctx)
	r.searcher, r.point = nil, nil // others need the memory of its supernet
	if err != nil {
		return err
	}
	// Somebody may have deleted the folder meanwhile, of which only the last files are
	// there again.
	if err := r.seen(); err != nil {
		return err
	}
	r.ended = done
	r.turn.Note("done: %s in %s", r.cell, time.Since(began).Round(100*time.Millisecond))
	return nil
}

// errPanic is a fault of the program.
var errPanic = errors.New("panic")

// attempt searches, and writes down why that failed.
func (r *run) attempt(ctx context.Context) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exec.Failure: // the device has failed, and nothing else is wrong
			err = fmt.Errorf("runners: %s: %w", r.cell, p.Err)
		default:
			r.turn.Note("%s: panic: %v\n%s", r.cell, p, debug.Stack())
			err = fmt.Errorf("runners: %s: %w: %v", r.cell, errPanic, p)
		}
		if err != nil && ctx.Err() == nil && r.held() == nil {
			failure := result.Failure{Cell: r.cell, Error: err.Error(), Run: r.config.Identity}
			if werr := result.WriteJSON(filepath.Join(r.dir, result.FailureFile), failure); werr != nil {
				err = errors.Join(err, werr)
			}
		}
	}()
	return r.search(ctx)
}

// seen makes sure that the finished run is where it belongs.
func (r *run) seen() error {
	s, err := inspect(r.dir, r.config)
	if err == nil && !s.Finished {
		err = cmp.Or(s.Refused, s.Damage, fmt.Errorf("runners: nothing is in %q", r.dir))
	}
	if err != nil {
		return fmt.Errorf("the files of the run were changed or deleted meanwhile: %w", err)
	}
	return nil
}

// prepare makes a directory that was looked at ready to go on, and says whether the
// run is finished. It leaves config.json in place and no failure.json.
func (r *run) prepare() (finished bool, err error) {
	durable.Sweep(r.dir)
	durable.Sweep(filepath.Join(r.dir, checkpointDir))
	if err := r.setAside(); err != nil {
		return false, err
	}
	if r.state.Sound {
		return true, r.tidy()
	}
	if r.state.OtherVersions != "" {
		r.note("%s: starts over, since its first part was run by another version (%s)", r.cell, r.state.OtherVersions)
		if err := removeCheckpoint(r.dir); err != nil {
			return false, err
		}
	}
	for _, name := range []string{result.FailureFile, result.EventsFile} { // events are written again from the checkpoint
		if err := os.Remove(filepath.Join(r.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("runners: %w", err)
		}
	}
	return false, result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), r.config)
}
