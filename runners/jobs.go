package runners

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
)

// Summary counts what became of the runs.
type Summary struct {
	Done, Reused int
	Failed       []string // one line each, in the order of the cells
	Left         int      // not finished because of an interrupt
}

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
		if err := result.WriteJSON(filepath.Join(j.config.Cell.Dir(o.Out), result.ConfigFile), j.config); err != nil {
			return err
		}
	}
	return nil
}

// runJobs runs the jobs, some at a time.
func runJobs(ctx context.Context, o work.Options, jobs []job) (Summary, error) {
	var sum Summary
	if err := register(o, jobs); err != nil {
		return sum, err
	}
	atATime := o.AtATime(len(jobs))
	show := newProgress(o.Log, o.Terminal, o.Width, len(jobs))
	defer show.close()

	devices := make([]exec.Device, atATime)
	for k := range devices {
		var err error
		if devices[k], err = device.Open(o.Device, 32, work.WorkersEach(atATime)); err != nil {
			return sum, err
		}
		defer devices[k].Close()
	}
	failed := make([]string, len(jobs)) // by job, so that their order is fixed
	var mu sync.Mutex
	next := make(chan int)
	var workers sync.WaitGroup
	for k := range atATime {
		workers.Go(func() {
			for i := range next {
				cell := jobs[i].config.Cell
				bar := show.start(cell)
				began := time.Now()
				r := run{
					job: jobs[i], cell: cell, dir: cell.Dir(o.Out), device: devices[k], note: show.note,
					moved: func(epoch, epochs int, fraction float64) { show.move(bar, epoch, epochs, fraction) },
				}
				out, err := r.do(ctx)
				line := ""
				mu.Lock()
				switch {
				case err != nil && ctx.Err() != nil:
					sum.Left++
				case err != nil:
					failed[i] = fmt.Sprintf("%s: %s", cell, oneLine(err))
					line = "failed: " + failed[i]
				case out == reused:
					sum.Reused++
				default:
					sum.Done++
					line = fmt.Sprintf("done: %s in %s", cell, time.Since(began).Round(100*time.Millisecond))
				}
				mu.Unlock()
				show.finish(bar, out, err, line)
			}
		})
	}
feed:
	for i := range jobs {
		select {
		case next <- i:
		case <-ctx.Done():
			mu.Lock()
			sum.Left += len(jobs) - i
			mu.Unlock()
			break feed
		}
	}
	close(next)
	workers.Wait()
	for _, line := range failed {
		if line != "" {
			sum.Failed = append(sum.Failed, line)
		}
	}
	if sum.Left > 0 {
		return sum, ctx.Err()
	}
	return sum, nil
}

// oneLine is the text of err on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
