package runners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec/cpu"
	"idarts/internal/result"
	"idarts/internal/search"
)

// Grid is a set of runs: methods times seeds on one space under one protocol.
type Grid struct {
	Protocol Protocol
	Methods  []string
	Seeds    []uint64
	Out      string // root of the run directories
	Jobs     int    // runs at a time
	Fresh    bool   // delete what is there of these runs and start over
	// Bench opens the space on the protocol's data, see [OpenBench].
	Bench func(fresh bool) (*Bench, error)

	Log      io.Writer  // progress and remarks
	Terminal bool       // Log is a terminal
	Width    func() int // its columns
}

// Summary counts what became of the runs of a grid.
type Summary struct {
	Done, Reused int
	Failed       []string // one line each, in the order of the cells
	Left         int      // not finished because of an interrupt
}

// cells lists the runs, seed by seed, so that an early look at the results
// shows all methods.
func (g *Grid) cells() ([]result.Cell, []search.Method, error) {
	var methods []search.Method
	for i, name := range g.Methods {
		m, err := search.Lookup(name)
		if err != nil {
			return nil, nil, err
		}
		if _, ok := g.Protocol.Search[name]; !ok {
			return nil, nil, fmt.Errorf("runners: protocol %q has no settings for method %q", g.Protocol.Name, name)
		}
		for _, other := range g.Methods[:i] {
			if other == name {
				return nil, nil, fmt.Errorf("runners: method %q is named twice", name)
			}
		}
		methods = append(methods, m)
	}
	if len(methods) == 0 || len(g.Seeds) == 0 {
		return nil, nil, fmt.Errorf("runners: nothing to run: %d methods, %d seeds", len(methods), len(g.Seeds))
	}
	var cells []result.Cell
	var each []search.Method
	for _, seed := range g.Seeds {
		for _, m := range methods {
			cells = append(cells, result.Cell{Space: g.Protocol.Space, Dataset: g.Protocol.Dataset, Method: m.Name, Protocol: g.Protocol.Name, Seed: seed})
			each = append(each, m)
		}
	}
	return cells, each, nil
}

// config resolves what one cell is made from.
func (g *Grid) config(cell result.Cell, m search.Method, bench *Bench) (result.Config, error) {
	protocol, err := json.Marshal(g.Protocol)
	if err != nil {
		return result.Config{}, fmt.Errorf("runners: %w", err)
	}
	method, err := json.Marshal(m.Config(g.Protocol.Search[cell.Method]))
	if err != nil {
		return result.Config{}, fmt.Errorf("runners: %w", err)
	}
	return result.Config{
		Cell: cell, Protocol: protocol, Method: method,
		Data: bench.Data, Versions: Versions(), Device: "cpu float32",
	}, nil
}

// register gives every run its directory with config.json, so that one which
// never gets its turn is still missed in the tables. Directories that hold runs
// with other settings are an error before anything has run.
func (g *Grid) register(cells []result.Cell, methods []search.Method, bench *Bench) ([]result.Config, error) {
	configs := make([]result.Config, len(cells))
	states := make([]state, len(cells))
	var err error
	for i, cell := range cells {
		if configs[i], err = g.config(cell, methods[i], bench); err != nil {
			return nil, err
		}
		if states[i], err = inspect(cell.Dir(g.Out), configs[i]); err != nil {
			return nil, err
		}
	}
	for i, cell := range cells {
		if states[i].Exists {
			continue
		}
		if err := result.WriteJSON(filepath.Join(cell.Dir(g.Out), result.ConfigFile), configs[i]); err != nil {
			return nil, err
		}
	}
	return configs, nil
}

// Writable says in one line why nothing can be written below an output root.
func Writable(out string) error {
	probe := filepath.Join(out, ".probe")
	err := durable.WriteBytes(probe, nil)
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil {
		return fmt.Errorf("runners: cannot write to output folder %q: %w", out, err)
	}
	return nil
}

// Run runs the grid. The error is for what stops all runs; what stops one is in
// the summary. When ctx ends, running cells stop at their last checkpoint and
// the error is ctx's.
func (g *Grid) Run(ctx context.Context) (Summary, error) {
	var sum Summary
	cells, methods, err := g.cells()
	if err != nil {
		return sum, err
	}
	if err := Writable(g.Out); err != nil {
		return sum, err
	}
	if g.Fresh {
		for _, cell := range cells {
			if err := discard(cell.Dir(g.Out)); err != nil {
				return sum, err
			}
		}
	}
	bench, err := g.Bench(g.Fresh)
	if err != nil {
		return sum, err
	}
	configs, err := g.register(cells, methods, bench)
	if err != nil {
		return sum, err
	}
	jobs := g.jobs(len(cells))
	show := newProgress(g.Log, g.Terminal, g.Width, len(cells))
	defer show.close()

	failed := make([]string, len(cells)) // by cell, so that their order is fixed
	var mu sync.Mutex
	next := make(chan int)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			pool := cpu.NewPool(g.workers(jobs))
			defer pool.Close()
			for i := range next {
				bar := show.start(cells[i])
				began := time.Now()
				r := run{
					cell: cells[i], dir: cells[i].Dir(g.Out), bench: bench,
					method: methods[i], set: g.Protocol.Search[cells[i].Method], pool: pool, note: show.note,
					moved: func(epoch, epochs int, fraction float64) { show.move(bar, epoch, epochs, fraction) },
				}
				var out outcome
				var err error
				r.config = configs[i]
				out, err = r.do(ctx)
				line := ""
				mu.Lock()
				switch {
				case err != nil && ctx.Err() != nil:
					sum.Left++
				case err != nil:
					failed[i] = fmt.Sprintf("%s: %s", cells[i], oneLine(err))
					line = "failed: " + failed[i]
				case out == reused:
					sum.Reused++
				default:
					sum.Done++
					line = fmt.Sprintf("done: %s in %s", cells[i], time.Since(began).Round(100*time.Millisecond))
				}
				mu.Unlock()
				show.finish(bar, out, err, line)
			}
		})
	}
feed:
	for i := range cells {
		select {
		case next <- i:
		case <-ctx.Done():
			mu.Lock()
			sum.Left += len(cells) - i
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

// jobs is how many runs go at a time.
func (g *Grid) jobs(cells int) int {
	jobs := g.Jobs
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	return min(jobs, cells)
}

// workers is how many cores one of so many concurrent runs has.
func (g *Grid) workers(jobs int) int { return max(1, runtime.NumCPU()/jobs) }

// discard deletes a run directory that no other process is running.
func discard(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := lock(dir, false)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("runners: delete %q: %w", dir, err)
	}
	return nil
}

// oneLine is the text of err on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
