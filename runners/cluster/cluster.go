// Package cluster does the runs of a grid on many machines, by way of package queue: it makes
// units of them, does them in the hands of a worker, and takes their files in.
//
// Start at [Units], [Worker] and [Keeper].
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"idarts/internal/device"
	"idarts/internal/queue"
	"idarts/runners"
	"idarts/runners/micro"
)

// Units are the runs of a grid as a queue has them.
func Units(g *runners.Grid) ([]queue.Unit, error) {
	runs, err := g.Units()
	if err != nil {
		return nil, err
	}
	class := classOf(g.Device)
	units := make([]queue.Unit, len(runs))
	for i, u := range runs {
		spec, err := json.Marshal(u)
		if err != nil {
			return nil, fmt.Errorf("cluster: %w", err)
		}
		units[i] = queue.Unit{Name: u.Cell.String(), Class: class, Spec: spec}
	}
	return units, nil
}

// classOf is what may do what is meant for a device.
func classOf(name string) string {
	if device.OnCard(name) {
		return queue.GPU
	}
	return queue.CPU
}

// Shards are shards of a benchmark as a queue has them.
func Shards(m micro.Benchmark, shards []micro.Shard) ([]queue.Unit, error) {
	units := make([]queue.Unit, len(shards))
	for i, s := range shards {
		spec, err := json.Marshal(shard{m.Space, m.Name, s})
		if err != nil {
			return nil, fmt.Errorf("cluster: %w", err)
		}
		units[i] = queue.Unit{Name: shardName(m.Space, m.Name, s.Number), Class: queue.CPU, Spec: spec}
	}
	return units, nil
}

// shard is one with the name of its benchmark.
type shard struct {
	Space string `json:"space"`
	Name  string `json:"name"`
	micro.Shard
}

const shardPrefix = "bench/"

func shardName(space, name string, number int) string {
	return fmt.Sprintf("%s%s/%s/shard-%04d", shardPrefix, space, name, number)
}

// shardFile is what the file of a shard is called among those that travel.
const shardFile = "shard.arrow"

// thing is what a unit is: a run, or a shard.
type thing interface {
	// Finished says whether its files are below an output root, Keep puts them there, and Fail
	// writes down that there are none.
	Finished(out string) (bool, error)
	Keep(out string, files map[string][]byte) error
	Fail(out, why string) error
}

// part is a shard of a benchmark.
type part struct {
	shard micro.Shard
	of    micro.Benchmark
}

func (p part) Finished(out string) (bool, error) {
	return p.shard.Finished(p.of, micro.GridDir(out, p.of))
}

func (p part) Keep(out string, files map[string][]byte) error {
	return p.shard.Keep(p.of, micro.GridDir(out, p.of), files[shardFile])
}

// Fail writes nothing: a build says what is missing.
func (p part) Fail(string, string) error { return nil }

// thingOf reads what a unit is.
func thingOf(q queue.Unit) (thing, error) {
	if !strings.HasPrefix(q.Name, shardPrefix) {
		var u runners.Unit
		if err := json.Unmarshal(q.Spec, &u); err != nil {
			return nil, fmt.Errorf("cluster: unit %q: %w", q.Name, err)
		}
		if u.Cell.String() != q.Name {
			return nil, fmt.Errorf("cluster: unit %q is the run %s", q.Name, u.Cell)
		}
		return u, nil
	}
	var s shard
	if err := json.Unmarshal(q.Spec, &s); err != nil {
		return nil, fmt.Errorf("cluster: unit %q: %w", q.Name, err)
	}
	m, err := micro.Lookup(s.Space, s.Name)
	if err == nil && shardName(s.Space, s.Name, s.Number) != q.Name {
		err = fmt.Errorf("cluster: unit %q is shard %d", q.Name, s.Number)
	}
	return part{s.Shard, m}, err
}

// Keeper keeps a queue whose results are below out: runs as idarts run leaves them, shards of a
// benchmark where [micro.GridDir] says.
func Keeper(out string, s queue.Settings, alone bool, log queue.Log) *queue.Keeper {
	return &queue.Keeper{
		Settings: s, Log: log, Alone: alone,
		Finished: func(q queue.Unit) (bool, error) {
			t, err := thingOf(q)
			if err != nil {
				return false, err
			}
			return t.Finished(out)
		},
		Store: func(q queue.Unit, e queue.Entry, files map[string][]byte) error {
			t, err := thingOf(q)
			if err != nil {
				return queue.Bad{Err: err}
			}
			if len(files) == 0 && e.Error != "" { // it failed before it could leave any
				return t.Fail(out, e.Error)
			}
			return bad(t.Keep(out, files))
		},
		Fact: func(_ string, value json.RawMessage) error {
			return bad(runners.KeepScores(out, value, func(format string, args ...any) { log("", format, args...) }))
		},
	}
}

// bad marks an error for files that no worker of ours leaves.
func bad(err error) error {
	if errors.Is(err, runners.ErrNotOf) || errors.Is(err, micro.ErrNotOf) {
		return queue.Bad{Err: err}
	}
	return err
}
