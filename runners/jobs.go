package runners

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
)

// job is one run: a searcher that is driven epoch by epoch, and a score for what
// each epoch gives.
type job struct {
	config   result.Config
	warnings []string // of its result
	// optimum is that of its result, nil where it is not known; nil: it never is.
	optimum func() (*result.Optimum, error)
	// expected is what a search of this method and budget ends with on average; nil where
	// that does not follow from a table.
	expected func() (*result.Expected, error)
	// columns are the numbers of an architecture that papers print; nil where there is no
	// table that has them.
	columns func(arch string) ([]result.Measured, error)
	last    bool // only the last epoch is scored
	cheap   bool // an epoch takes less than writing it down, so that not each is
	// start makes the searcher. query is the validation accuracy of an architecture
	// by score, whose cost counts as search.
	start func(d exec.Device, query func(arch string) (float64, error)) (search.Searcher, error)
	// score is asked once after every epoch, on the searcher's goroutine, and fitness by
	// query.
	score, fitness func(ctx context.Context, arch string, d exec.Device) (result.Scored, error)
}

// runJobs does the jobs with all other processes that are given the same ones.
func runJobs(ctx context.Context, o work.Options, jobs []job) (work.Summary, error) {
	runs, dirs := make([]*run, len(jobs)), make([]string, len(jobs))
	for i, j := range jobs {
		dirs[i] = j.config.Cell.Dir(o.Out)
		runs[i] = &run{job: j, cell: j.config.Cell, dir: dirs[i], named: o.Device, note: o.Note}
	}
	places(o.Out, runs)
	if err := o.Clear(dirs); err != nil {
		return work.Summary{}, err
	}
	if err := redo(runs, o.Redo); err != nil {
		return work.Summary{}, err
	}
	atATime := o.AtATime(len(jobs))
	devices, closeAll, err := device.OpenEach(atATime, o.Device, 32, work.WorkersEach(atATime))
	if err != nil {
		return work.Summary{}, err
	}
	defer closeAll()
	if err := fit(ctx, runs, devices); err != nil {
		return work.Summary{}, err
	}
	if err := register(o, runs); err != nil {
		return work.Summary{}, err
	}
	units := make([]work.Unit, len(jobs))
	for i, r := range runs {
		units[i] = work.Unit{
			Name: r.cell.String(), Size: 1, Claim: durable.LockFile(r.dir), Look: r.look,
			Do: func(ctx context.Context, t *work.Turn) error {
				r.device, r.turn, r.note = devices[t.Worker], t, t.Note
				return r.do(ctx)
			},
		}
	}
	sum, err := work.Run(ctx, o, "runs", units)
	recheck(&sum, runs)
	return sum, err
}

// fit says, before anything has run, that what is left to do does not fit into the memory
// that a card has for each of several runs at a time. It takes the first steps of one run
// of each kind on a card that does nothing. Networks that are trained for a score are not
// counted: they are small beside supernets.
func fit(ctx context.Context, runs []*run, devices []exec.Device) error {
	card, ok := devices[0].(exec.Card)
	if !ok || len(devices) == 1 {
		return nil
	}
	all, _ := card.Capacity()
	seen := map[result.Cell]bool{}
	for _, r := range runs {
		kind := r.cell
		kind.Seed = 0
		if seen[kind] {
			continue
		}
		found, err := r.look()
		if err != nil {
			return err
		}
		if found.Finished {
			continue
		}
		seen[kind] = true
		// What goes wrong here is told when it is that run's turn.
		need, _ := device.Need(func(d exec.Device) error {
			s, err := r.start(d, func(string) (float64, error) { return 0, nil })
			if err != nil {
				return err
			}
			few, cancel := context.WithCancel(ctx)
			defer cancel()
			_, err = s.Epoch(few, func(done, _ int) {
				if done >= firstSteps {
					cancel()
				}
			})
			return err
		})
		if need > all {
			return fmt.Errorf("runners: %s needs %d MB, and %s has %d; take smaller batches or fewer cells", r.cell, need>>20, card.Name(), all>>20)
		}
		if share := all / int64(len(devices)); need > share {
			return fmt.Errorf("runners: %s needs %d MB, and each of %d runs at a time on %s has %d; want --jobs %d",
				r.cell, need>>20, len(devices), card.Name(), share>>20, all/need)
		}
	}
	return nil
}

// firstSteps of a search have all programs that it runs.
const firstSteps = 3

// register gives every run its directory with config.json, so that one which never
// gets its turn is still missed in the tables, and tidies up finished ones where that
// can be written. What is refused is said before anything has run.
func register(o work.Options, runs []*run) error {
	writable := false
	for _, r := range runs {
		found, err := r.look()
		if err != nil {
			return err
		}
		switch {
		case r.refused != nil:
			r.note("%s: is left as it is: %v", r.cell, r.refused)
			continue
		case found.Finished && !r.state.Untidy:
			r.ended = reused
			r.told()
			continue
		case !found.Finished && !writable:
			if err := work.Writable(o.Out); err != nil {
				return err
			}
			writable = true
		}
		if !r.state.Exists || r.state.Sound {
			r.establish() // what stands against it will be told when it is this run's turn
		}
		if found, err = r.look(); err != nil {
			return err
		}
		if found.Finished {
			r.ended = reused
		}
	}
	return nil
}

// establish makes the directory of a run, or tidies it up when that is finished.
// Another process that holds its claim does the same.
func (r *run) establish() error {
	release, err := durable.Claim(durable.LockFile(r.dir))
	if errors.Is(err, durable.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	if _, err := r.look(); err != nil || r.refused != nil {
		return err
	}
	if r.state.Sound {
		_, err := r.prepare()
		return err
	}
	if r.state.Exists {
		return nil
	}
	return result.WriteJSON(filepath.Join(r.dir, result.ConfigFile), r.config)
}
