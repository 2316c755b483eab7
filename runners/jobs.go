package runners

import (
	"context"
	"errors"
	"os"
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
	last    bool // only the last epoch is scored
	cheap   bool // an epoch takes less than writing it down, so that not each is
	// start makes the searcher. query is the validation accuracy of an architecture
	// by score, whose cost counts as search.
	start func(d exec.Device, query func(arch string) (float64, error)) (search.Searcher, error)
	// score is asked once after every epoch, on the searcher's goroutine, and by
	// query.
	score func(ctx context.Context, arch string, d exec.Device) (result.Scored, error)
}

// runJobs does the jobs with all other processes that are given the same ones.
func runJobs(ctx context.Context, o work.Options, jobs []job) (work.Summary, error) {
	if err := register(o, jobs); err != nil {
		return work.Summary{}, err
	}
	atATime := o.AtATime(len(jobs))
	devices, closeAll, err := device.OpenEach(atATime, o.Device, 32, work.WorkersEach(atATime))
	if err != nil {
		return work.Summary{}, err
	}
	defer closeAll()
	units := make([]work.Unit, len(jobs))
	for i, j := range jobs {
		r := &run{job: j, cell: j.config.Cell, dir: j.config.Cell.Dir(o.Out)}
		units[i] = work.Unit{
			Name: r.cell.String(), Size: 1, Claim: durable.LockFile(r.dir), Look: r.look,
			Do: func(ctx context.Context, t *work.Turn) error {
				r.device, r.turn = devices[t.Worker], t
				return r.do(ctx)
			},
		}
	}
	return work.Run(ctx, o, "runs", units)
}

// register gives every run its directory with config.json, so that one which
// never gets its turn is still missed in the tables. Directories that hold runs
// with other settings are an error before anything has run.
func register(o work.Options, jobs []job) error {
	states := make([]state, len(jobs))
	var err error
	for i, j := range jobs {
		if states[i], err = inspect(j.config.Cell.Dir(o.Out), j.config); err != nil {
			return err
		}
	}
	for i, j := range jobs {
		if states[i].Exists {
			continue
		}
		if err := establish(j.config.Cell.Dir(o.Out), j.config); err != nil {
			return err
		}
	}
	return nil
}

// establish makes the directory of a run. Another process that holds its claim does the
// same.
func establish(dir string, config result.Config) error {
	release, err := durable.Claim(durable.LockFile(dir))
	if errors.Is(err, durable.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	path := filepath.Join(dir, result.ConfigFile)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return result.WriteJSON(path, config)
}
