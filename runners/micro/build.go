package micro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"idarts/internal/arrowio"
	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/work"
	"idarts/nb201"
)

// Build trains a [Benchmark]. Its folder holds a file for every few trainings,
// written whole or not at all, so that a build that was stopped at any moment
// goes on with at most those lost that were under way.
type Build struct {
	Benchmark
	work.Options // Jobs trainings at a time, each on one thread

	data    *images.Dataset
	origin  string
	trained func() // called after each training; nil: nothing
}

const (
	shardsDir = "shards"
	shardSize = 25 // trainings in a shard: some tens of seconds
	// ShardFormat is what a shard calls itself in its metadata.
	ShardFormat     = "idarts micro benchmark shard, version 1"
	metaCoreSeconds = "core_seconds"
)

// Summary says what a build found and did.
type Summary struct {
	Trainings int // of the whole benchmark
	Before    int // were there already
	Now       int // done now
	// CoreSeconds is the processor time of all trainings that are there, user and
	// system, as the programs that did them used it; 0 where the system does not tell.
	CoreSeconds float64
	Rows        []Row    // of all trainings, in the order of Benchmark.Tasks; nil when some are missing
	Versions    []string // of the programs that trained, in ascending order
}

// Run does the trainings that are missing. When ctx ends before, the error is
// ctx's and the next Run goes on.
func (b *Build) Run(ctx context.Context) (Summary, error) {
	var sum Summary
	var err error
	if b.data, err = b.Benchmark.data(); err != nil {
		return sum, err
	}
	if b.origin, err = b.Benchmark.origin(b.data); err != nil {
		return sum, err
	}
	dir := filepath.Join(b.Out, shardsDir)
	if b.Fresh {
		if err := work.Discard(dir); err != nil {
			return sum, err
		}
	}
	unlock, err := durable.Lock(dir, false)
	if errors.Is(err, durable.ErrLocked) {
		return sum, fmt.Errorf("micro: %q: another process is building there", b.Out)
	}
	if err != nil {
		return sum, err
	}
	defer unlock()
	durable.Sweep(dir)

	var shards [][]Task
	for shard := range slices.Chunk(b.Tasks(), shardSize) {
		shards = append(shards, shard)
	}
	results := make([]trainedShard, len(shards))
	var missing []int
	for i, tasks := range shards {
		sum.Trainings += len(tasks)
		results[i], err = b.readShard(i, tasks)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, i)
		case err != nil:
			return sum, err
		default:
			sum.Before += len(tasks)
		}
	}
	sum.Now, err = b.work(ctx, shards, missing, results, sum)
	versions := map[string]bool{}
	for _, shard := range results {
		if shard.version != "" {
			versions[shard.version] = true
			sum.CoreSeconds += shard.coreSeconds
		}
	}
	sum.Versions = slices.Sorted(maps.Keys(versions))
	if err == nil {
		for _, shard := range results {
			sum.Rows = append(sum.Rows, shard.rows...)
		}
	}
	return sum, err
}

// trainedShard is some trainings with who did them.
type trainedShard struct {
	rows        []Row
	version     string  // of the program; "" when there are none yet
	coreSeconds float64 // processor time of the trainings, those beside them taken out by their number
}

// work trains the missing shards into results and says how many trainings ended.
func (b *Build) work(ctx context.Context, shards [][]Task, missing []int, results []trainedShard, sum Summary) (int, error) {
	jobs := b.Jobs
	if jobs == 0 {
		jobs = runtime.NumCPU()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	show := newProgress(b.Options, sum.Before, sum.Trainings)
	defer show.close()
	var next, kept int
	var mu sync.Mutex // guards both
	take := func() (shard int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(missing) || ctx.Err() != nil {
			return 0, false
		}
		next++
		return missing[next-1], true
	}
	var wait sync.WaitGroup
	for range min(jobs, len(missing)) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			d, err := device.Open(b.Device, 32, 1)
			if err != nil {
				cancel(err)
				return
			}
			defer d.Close()
			for {
				i, ok := take()
				if !ok {
					return
				}
				shard := trainedShard{version: provenance.Versions()["idarts"]}
				used, done := cpuSeconds(), show.count()
				for _, task := range shards[i] {
					rows, err := b.train(ctx, b.data, task, d)
					if err != nil {
						cancel(err)
						return
					}
					shard.rows = append(shard.rows, rows...)
					show.step()
					if b.trained != nil {
						b.trained()
					}
				}
				shard.coreSeconds = (cpuSeconds() - used) / float64(show.count()-done) * float64(len(shards[i]))
				if err := b.writeShard(i, shard); err != nil {
					cancel(err)
					return
				}
				results[i] = shard
				mu.Lock()
				kept += len(shards[i])
				mu.Unlock()
			}
		}()
	}
	wait.Wait()
	return kept, context.Cause(ctx)
}

func (b *Build) shardPath(i int) string {
	return filepath.Join(b.Out, shardsDir, fmt.Sprintf("shard-%04d.arrow", i))
}

// floats are the number columns of a shard.
var floats = []struct {
	name string
	of   func(*Row) *float64
}{
	{"train_loss", func(r *Row) *float64 { return &r.TrainLoss }},
	{"valid", func(r *Row) *float64 { return &r.Valid }},
	{"valid_loss", func(r *Row) *float64 { return &r.ValidLoss }},
	{"test", func(r *Row) *float64 { return &r.Test }},
	{"test_loss", func(r *Row) *float64 { return &r.TestLoss }},
	{"seconds", func(r *Row) *float64 { return &r.Seconds }},
}

// columnsOf are rows as columns of a file: cell, seed, epoch, then the numbers
// with these names.
func columnsOf(rows []Row, names ...string) []arrowio.Column {
	cells, seeds, epochs := make([]string, len(rows)), make([]int32, len(rows)), make([]int32, len(rows))
	for i, r := range rows {
		cells[i], seeds[i], epochs[i] = r.Cell.String(), int32(r.Seed), int32(r.Epoch)
	}
	columns := []arrowio.Column{{Name: "cell", Values: cells}, {Name: "seed", Values: seeds}, {Name: "epoch", Values: epochs}}
	for _, f := range floats {
		if !slices.Contains(names, f.name) {
			continue
		}
		values := make([]float64, len(rows))
		for i := range rows {
			values[i] = *f.of(&rows[i])
		}
		valid := arrowio.NewBitmap(len(values), func(i int) bool { return values[i] == values[i] })
		columns = append(columns, arrowio.Column{Name: f.name, Values: values, Valid: valid})
	}
	return columns
}

// rowsOf reads what columnsOf wrote.
func rowsOf(t *arrowio.Table, names ...string) ([]Row, error) {
	cells, err := arrowio.Values[string](t, "cell")
	if err != nil {
		return nil, err
	}
	seeds, err := arrowio.Values[int32](t, "seed")
	if err != nil {
		return nil, err
	}
	epochs, err := arrowio.Values[int32](t, "epoch")
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(cells))
	for i := range rows {
		if rows[i].Cell, err = nb201.Parse(cells[i]); err != nil {
			return nil, fmt.Errorf("micro: %q row %d: %w", t.Name, i, err)
		}
		rows[i].Seed, rows[i].Epoch = uint64(seeds[i]), int(epochs[i])
	}
	for _, f := range floats {
		if !slices.Contains(names, f.name) {
			continue
		}
		values, _, err := arrowio.Nullable[float64](t, f.name)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			*f.of(&rows[i]) = values[i]
		}
	}
	return rows, nil
}

var everything = []string{"train_loss", "valid", "valid_loss", "test", "test_loss", "seconds"}

func (b *Build) writeShard(i int, shard trainedShard) error {
	return arrowio.Write(b.shardPath(i), arrowio.Table{
		Meta: map[string]string{
			provenance.MetaFormat: ShardFormat, provenance.MetaOrigin: b.origin, provenance.MetaVersion: shard.version,
			metaCoreSeconds: strconv.FormatFloat(shard.coreSeconds, 'g', -1, 64),
		},
		Columns: columnsOf(shard.rows, everything...),
	}, arrowio.Plain)
}

// readShard reads shard i, which must be of these tasks.
func (b *Build) readShard(i int, tasks []Task) (shard trainedShard, err error) {
	path := b.shardPath(i)
	file, err := arrowio.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return shard, err
	}
	if err != nil {
		return shard, fmt.Errorf("%w; delete it to train its networks again", err)
	}
	if got := file.Meta[provenance.MetaFormat]; got != ShardFormat {
		return shard, fmt.Errorf("micro: %q has format %q, want %q", path, got, ShardFormat)
	}
	if got := file.Meta[provenance.MetaOrigin]; got != b.origin {
		return shard, fmt.Errorf("micro: %q was made with other settings (%s then, %s now); use another --out, or --fresh to delete them", path, got, b.origin)
	}
	if shard.coreSeconds, err = strconv.ParseFloat(file.Meta[metaCoreSeconds], 64); err != nil {
		return shard, fmt.Errorf("micro: %q has core seconds %q, want a number", path, file.Meta[metaCoreSeconds])
	}
	rows, err := rowsOf(file, everything...)
	if err != nil {
		return shard, err
	}
	at := 0
	for _, task := range tasks {
		first := b.Epochs
		if task.Curve {
			first = 1
		}
		// A curve may be shorter where the training diverged; its last row is there.
		for ; ; at++ {
			if at == len(rows) || rows[at].Cell != task.Cell || rows[at].Seed != task.Seed || rows[at].Epoch < first {
				return shard, fmt.Errorf("micro: %q lacks cell %q, seed %d; delete it to train its networks again", path, task.Cell, task.Seed)
			}
			if rows[at].Epoch == b.Epochs {
				at++
				break
			}
		}
	}
	if at != len(rows) {
		return shard, fmt.Errorf("micro: %q has %d rows too many; delete it to train its networks again", path, len(rows)-at)
	}
	shard.rows, shard.version = rows, file.Meta[provenance.MetaVersion]
	return shard, nil
}

// progress says how far a build is: on a terminal one line that is rewritten
// in place, elsewhere one line a minute.
type progress struct {
	work.Options
	before, total int
	began         time.Time
	every         time.Duration

	mu    sync.Mutex
	done  int // in this session
	shown time.Time
}

func newProgress(o work.Options, before, total int) *progress {
	if o.Log == nil {
		o.Log = io.Discard
	}
	now := time.Now()
	p := &progress{Options: o, before: before, total: total, began: now, shown: now, every: time.Minute}
	if o.Terminal {
		p.every = time.Second / 2
	}
	return p
}

// step counts a training.
func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	now := time.Now()
	if now.Sub(p.shown) < p.every {
		return
	}
	p.shown = now
	line := p.line(now)
	if !p.Terminal {
		fmt.Fprintln(p.Log, line)
		return
	}
	if limit := p.Width() - 1; limit > 0 && len(line) > limit {
		line = line[:limit]
	}
	fmt.Fprintf(p.Log, "\r\x1b[K%s", line)
}

// count is the number of trainings done so far.
func (p *progress) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// line is, for example, "1200/6653 trainings, 11m2s, 1.8 a second, about 50m30s left".
func (p *progress) line(now time.Time) string {
	elapsed := now.Sub(p.began)
	rate := float64(p.done) / elapsed.Seconds()
	left := time.Duration(float64(p.total-p.before-p.done) / rate * float64(time.Second))
	return fmt.Sprintf("%d/%d trainings, %s, %.2f a second, about %s left", p.before+p.done, p.total,
		elapsed.Round(time.Second), rate, left.Round(time.Second))
}

// close clears the line on the terminal.
func (p *progress) close() {
	if p.Terminal {
		fmt.Fprint(p.Log, "\r\x1b[K")
	}
}
