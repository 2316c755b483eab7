package micro

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"

	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/work"
)

// Build trains a [Benchmark]. Its folder holds a file for every few trainings,
// written whole or not at all, so that a build that was stopped at any moment
// goes on with at most those lost that were under way. Any number of processes may
// build in one folder: each shard is trained by one of them. It goes in [Rounds].
type Build struct {
	Benchmark
	Part         Part // of the shards
	work.Options      // Jobs trainings at a time, each on one thread

	data    *images.Dataset
	origin  string
	first   [Rounds + 1]int // shard of each round; the number of all of them at the end
	sizes   []int           // by shard: how many trainings it has
	shards  [][]Task        // by shard; nil where its round has not begun
	results []trainedShard  // by shard; no rows: not there yet
	damage  []error         // by shard: why what is there is set aside
	devices []exec.Device   // by worker
	count   atomic.Int64    // trainings that this process has done
	trained func()          // called after each; nil: nothing
}

const (
	shardsDir = "shards"
	claimsDir = "claims" // below shardsDir
	shardSize = 25       // trainings in a shard: some tens of seconds
	// ShardFormat is what a shard calls itself in its metadata. It has checksums inside
	// since version 2; shards of the first are read as they are.
	ShardFormat     = "idarts micro benchmark shard, version 2"
	shardFormat1    = "idarts micro benchmark shard, version 1"
	metaCoreSeconds = "core_seconds"
)

// Part is every shard whose number gives Index when it is divided by Of, as in 0/4 to
// 3/4. The zero value is all of them.
type Part struct{ Index, Of int }

// ParsePart reads "0/4".
func ParsePart(text string) (Part, error) {
	var p Part
	var rest string
	if n, _ := fmt.Sscanf(text, "%d/%d%s", &p.Index, &p.Of, &rest); n != 2 || p.Index < 0 || p.Index >= p.Of {
		return Part{}, fmt.Errorf("micro: %q is no part of the shards, want I/N with I from 0 to N-1, as in 0/4", text)
	}
	return p, nil
}

func (p Part) has(shard int) bool { return p.Of == 0 || shard%p.Of == p.Index }

// Summary says what a build found and did. Its numbers are of trainings.
type Summary struct {
	Trainings int // of the whole benchmark
	There     int // of these, in the end, whoever did them
	Round     int // the first that lacks some, from 0 on; Rounds where none does
	Mine      int // of this part of it; so are the next three
	Before    int // were there already
	Now       int // done now, by this process
	Elsewhere int // done by another process meanwhile
	// CoreSeconds is the processor time of all trainings that are there, user and
	// system, as the programs that did them used it; 0 where the system does not tell.
	CoreSeconds float64
	Rows        []Row    // of all trainings, by round and in the order of Benchmark.Tasks; nil when some are missing
	Versions    []string // of the programs that trained, in ascending order
}

// Run does the trainings of this part that are missing, round by round, or waits for
// other processes that do them, see [work.RunInTurn]. Shards of other parts are read
// where they are there. A round that other parts have not completed is the last: the next
// Run goes on with those after it. A shard that failed does not stop the others of its
// round; it is an error in the end, and is left to the next Run, also to that of another
// process that waits for it. When ctx ends before, the error is ctx's and the next Run
// goes on.
func (b *Build) Run(ctx context.Context) (Summary, error) {
	if err := b.open(); err != nil {
		return Summary{}, err
	}
	var mine Summary
	shards := 0
	for i, size := range b.sizes {
		mine.Trainings += size
		if b.Part.has(i) {
			mine.Mine += size
			shards++
		}
	}
	devices, closeAll, err := device.OpenEach(b.AtATime(shards), b.Device, 32, 1)
	if err != nil {
		return mine, err
	}
	defer closeAll()
	b.devices = devices
	ends, err := work.RunInTurn(ctx, b.Options, "trainings", mine.Mine, b.round)
	mine.Before, mine.Now, mine.Elsewhere = ends.Reused, ends.Done, ends.Elsewhere
	if err == nil && len(ends.Failed) > 0 {
		err = fmt.Errorf("micro: %d of %d shards failed, the first: %s", len(ends.Failed), shards, ends.Failed[0])
	}
	if err == nil {
		err = b.read() // what other parts have done meanwhile
	}
	for i, why := range b.damage {
		if why != nil && !b.Part.has(i) {
			b.Note("%v; a build of its part makes it again", why)
		}
	}
	return b.sum(mine), err
}

// open reads what the trainings depend on and numbers the shards. Those of this part are
// deleted where they are to be made afresh, of all rounds before the first begins.
func (b *Build) open() (err error) {
	if b.data, err = b.Benchmark.data(); err != nil {
		return err
	}
	if b.origin, err = b.Benchmark.origin(b.data); err != nil {
		return err
	}
	if err := work.Writable(b.Out); err != nil {
		return err
	}
	b.sizes = nil
	for round, left := range b.Sizes() {
		b.first[round] = len(b.sizes)
		for ; left > 0; left -= shardSize {
			b.sizes = append(b.sizes, min(left, shardSize))
		}
	}
	n := len(b.sizes)
	b.first[Rounds] = n
	b.shards, b.results, b.damage = make([][]Task, n), make([]trainedShard, n), make([]error, n)
	for i := range n {
		if b.Fresh && b.Part.has(i) {
			if err := work.DiscardUnit(b.shardPath(i), b.claim(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// round gives the shards of this part that a round has; nil where the one before is not
// complete, or was the last.
func (b *Build) round(k int) ([]work.Unit, error) {
	if k > 0 {
		if err := b.read(); err != nil { // what other parts have done meanwhile
			return nil, err
		}
	}
	if k == Rounds || b.complete() < k {
		return nil, nil
	}
	for i, tasks := range slices.Collect(slices.Chunk(b.Tasks(k, b.rows()), shardSize)) {
		b.shards[b.first[k]+i] = tasks
	}
	if err := b.read(); err != nil {
		return nil, err
	}
	units := []work.Unit{}
	for i := b.first[k]; i < b.first[k+1]; i++ {
		if b.Part.has(i) {
			units = append(units, b.unit(i))
		}
	}
	return units, nil
}

// complete is how many rounds have all their shards.
func (b *Build) complete() int {
	for i, shard := range b.results {
		if shard.rows == nil {
			return slices.IndexFunc(b.first[1:], func(end int) bool { return i < end })
		}
	}
	return Rounds
}

// rows are those of all shards that are there.
func (b *Build) rows() (rows []Row) {
	for _, shard := range b.results {
		rows = append(rows, shard.rows...)
	}
	return rows
}

// read reads the shards, of rounds that have begun, that have come since the last time.
func (b *Build) read() error {
	for i, tasks := range b.shards {
		if tasks == nil {
			continue
		}
		if _, err := b.look(i); err != nil {
			return err
		}
	}
	return nil
}

// look reads shard i where it is there.
func (b *Build) look(i int) (found work.Found, err error) {
	if b.results[i].rows == nil {
		b.damage[i] = nil
		b.results[i], err = b.readShard(i, b.shards[i])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return found, nil
		case err != nil && !errors.Is(err, errOtherSettings) && !errors.Is(err, fs.ErrPermission):
			b.damage[i] = err
			return found, nil
		}
	}
	return work.Found{Finished: err == nil}, err
}

// sum adds to what became of this part what is there of the whole.
func (b *Build) sum(s Summary) Summary {
	versions := map[string]bool{}
	for i, shard := range b.results {
		if shard.rows == nil {
			continue
		}
		versions[shard.version] = true
		s.CoreSeconds += shard.coreSeconds
		s.There += b.sizes[i]
	}
	s.Versions = slices.Sorted(maps.Keys(versions))
	if s.Round = b.complete(); s.Round == Rounds {
		s.Rows = b.rows()
	}
	return s
}

// claim is the path of a shard's claim.
func (b *Build) claim(i int) string {
	return filepath.Join(b.Out, shardsDir, claimsDir, fmt.Sprintf("shard-%04d", i))
}

// unit is shard i as a piece of work.
func (b *Build) unit(i int) work.Unit {
	return work.Unit{
		Name: fmt.Sprintf("shard %d", i), Size: b.sizes[i], Claim: b.claim(i),
		Look: func() (work.Found, error) { return b.look(i) },
		Do: func(ctx context.Context, t *work.Turn) error {
			if b.results[i].rows != nil {
				return nil
			}
			durable.SweepFile(b.shardPath(i))
			if why := b.damage[i]; why != nil {
				to, err := durable.SetAside(b.shardPath(i))
				if err != nil {
					return fmt.Errorf("%w, which stands in the way: %w", err, why)
				}
				t.Note("%v; set aside as %q, its networks are trained again", why, to)
			}
			shard, err := b.trainShard(ctx, b.shards[i], b.devices[t.Worker], t)
			if err == nil {
				err = b.writeShard(i, shard)
			}
			if err == nil {
				b.results[i] = shard
			}
			return err
		},
	}
}

// trainShard does the trainings of one shard. Their processor time is that of the
// process meanwhile, by the share that they are of all trainings that it did.
func (b *Build) trainShard(ctx context.Context, tasks []Task, d exec.Device, t work.Teller) (trainedShard, error) {
	shard := trainedShard{version: provenance.Versions()["idarts"]}
	used, before := cpuSeconds(), b.count.Load()
	t.Move(0, "")
	for k, task := range tasks {
		rows, err := b.train(ctx, b.data, task, d)
		if err != nil {
			return shard, err
		}
		shard.rows = append(shard.rows, rows...)
		b.count.Add(1)
		t.Move(float64(k+1), "")
		if b.trained != nil {
			b.trained()
		}
	}
	shard.coreSeconds = (cpuSeconds() - used) / float64(b.count.Load()-before) * float64(len(tasks))
	return shard, nil
}
