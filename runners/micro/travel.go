package micro

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/work"
	"idarts/nb201"
)

// Shard is one as other machines are given it.
type Shard struct {
	Number int          `json:"number"`
	Origin string       `json:"origin"` // what its numbers depend on: benchmark and data
	Tasks  []TravelTask `json:"tasks"`
}

// TravelTask is a [Task] with its cell as a text.
type TravelTask struct {
	Cell  string `json:"cell"`
	Seed  uint64 `json:"seed"`
	Curve bool   `json:"curve,omitempty"`
}

// ErrOther is wrapped by the error for a shard of another benchmark, version or data.
var ErrOther = errors.New("the shard is of another benchmark or version")

// ErrNotOf is wrapped by the error for what cannot be a shard's file.
var ErrNotOf = errors.New("is not the file of the shard")

// Missing lists the shards that the first round which is not complete lacks; none where all
// rounds are. Later rounds depend on what came of it.
func (b *Build) Missing() (missing []Shard, sum Summary, err error) {
	if err := b.open(); err != nil {
		return nil, sum, err
	}
	for k := range Rounds + 1 {
		units, err := b.round(k)
		if err != nil {
			return nil, sum, err
		}
		if units == nil {
			break
		}
	}
	sum = b.sum(Summary{Trainings: b.trainings()})
	for i, tasks := range b.shards {
		if tasks == nil || b.results[i].rows != nil {
			continue
		}
		s := Shard{Number: i, Origin: b.origin}
		for _, t := range tasks {
			s.Tasks = append(s.Tasks, TravelTask{t.Cell.String(), t.Seed, t.Curve})
		}
		missing = append(missing, s)
	}
	return missing, sum, nil
}

// trainings are those of the whole benchmark.
func (b *Build) trainings() (n int) {
	for _, size := range b.sizes {
		n += size
	}
	return n
}

// build is one of m below out that has this shard alone.
func (s Shard) build(m Benchmark, out string) (*Build, error) {
	b := &Build{Benchmark: m, Options: work.Options{Out: out}}
	if err := b.open(); err != nil {
		return nil, err
	}
	if b.origin != s.Origin || s.Number < 0 || s.Number >= len(b.sizes) {
		return nil, fmt.Errorf("micro: shard %d (%s there, %s here): %w", s.Number, s.Origin, b.origin, ErrOther)
	}
	for _, t := range s.Tasks {
		cell, err := nb201.Parse(t.Cell)
		if err != nil {
			return nil, fmt.Errorf("micro: shard %d: %w: %w", s.Number, err, ErrOther)
		}
		b.shards[s.Number] = append(b.shards[s.Number], Task{cell, t.Seed, t.Curve})
	}
	return b, nil
}

// Train does the trainings of a shard of m and gives its file. dir is a folder to work in.
func (s Shard) Train(ctx context.Context, m Benchmark, dir string, d exec.Device, t work.Teller) ([]byte, error) {
	b, err := s.build(m, dir)
	if err != nil {
		return nil, err
	}
	shard, err := b.trainShard(ctx, b.shards[s.Number], d, t)
	if err == nil {
		err = b.writeShard(s.Number, shard)
	}
	if err != nil {
		return nil, err
	}
	path := b.shardPath(s.Number)
	defer os.Remove(path)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("micro: %w", err)
	}
	return content, nil
}

// Finished says whether the shard's file is below out, and is what it should be.
func (s Shard) Finished(m Benchmark, out string) (bool, error) {
	b, err := s.build(m, out)
	if err != nil {
		return false, err
	}
	found, err := b.look(s.Number)
	return found.Finished, err
}

// Keep puts a shard's file that [Shard.Train] gave elsewhere below out. One that is there and
// sound stays.
func (s Shard) Keep(m Benchmark, out string, content []byte) error {
	try, err := os.MkdirTemp("", "idarts-arriving-*")
	if err != nil {
		return fmt.Errorf("micro: %w", err)
	}
	defer os.RemoveAll(try)
	at, err := s.build(m, try)
	if err != nil {
		return err
	}
	if err := durable.WriteBytes(at.shardPath(s.Number), content); err != nil {
		return err
	}
	if _, err := at.readShard(s.Number, at.shards[s.Number]); err != nil {
		return fmt.Errorf("micro: what came %w: %w", ErrNotOf, err)
	}
	b, err := s.build(m, out)
	if err != nil {
		return err
	}
	release, err := work.AwaitSoon(b.claim(s.Number))
	if err != nil {
		return fmt.Errorf("micro: keep shard %d: %w", s.Number, err)
	}
	defer release()
	path := b.shardPath(s.Number)
	durable.SweepFile(path)
	found, err := b.look(s.Number)
	if err != nil || found.Finished {
		return err
	}
	if b.damage[s.Number] != nil {
		if _, err := durable.SetAside(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.WriteBytes(path, content)
}

// GridDir is where the shards of a benchmark are kept below the output folder of a grid, to be
// read by a build there.
func GridDir(out string, m Benchmark) string { return filepath.Join(out, "bench", m.Space+"-"+m.Name) }
