// Package cluster does the runs of a grid on many machines, by way of package queue: it makes
// units of them, does them in the hands of a worker, and takes their files in.
//
// Start at [Units], [Worker] and [Keeper].
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"

	"idarts/internal/device"
	"idarts/internal/queue"
	"idarts/runners"
)

// Units are the runs of a grid as a queue has them.
func Units(g *runners.Grid) ([]queue.Unit, error) {
	runs, err := g.Units()
	if err != nil {
		return nil, err
	}
	class := queue.CPU
	if device.OnCard(g.Device) {
		class = queue.GPU
	}
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

// Keeper keeps a queue whose results are below out.
func Keeper(out string, s queue.Settings, alone bool, log queue.Log) *queue.Keeper {
	return &queue.Keeper{
		Settings: s, Log: log, Alone: alone,
		Finished: func(q queue.Unit) (bool, error) {
			u, err := unitOf(q)
			if err != nil {
				return false, err
			}
			return u.Finished(out)
		},
		Store: func(q queue.Unit, e queue.Entry, files map[string][]byte) error {
			u, err := unitOf(q)
			if err != nil {
				return queue.Bad{Err: err}
			}
			if len(files) == 0 && e.Error != "" { // it failed before it could leave any
				return u.Fail(out, e.Error)
			}
			return bad(u.Keep(out, files))
		},
		Fact: func(_ string, value json.RawMessage) error {
			return bad(runners.KeepScores(out, value, func(format string, args ...any) { log("", format, args...) }))
		},
	}
}

// unitOf reads the run of a unit.
func unitOf(q queue.Unit) (u runners.Unit, err error) {
	if err := json.Unmarshal(q.Spec, &u); err != nil {
		return u, fmt.Errorf("cluster: unit %q: %w", q.Name, err)
	}
	if u.Cell.String() != q.Name {
		return u, fmt.Errorf("cluster: unit %q is the run %s", q.Name, u.Cell)
	}
	return u, nil
}

// bad marks an error for files that no worker of ours leaves.
func bad(err error) error {
	if errors.Is(err, runners.ErrNotOf) {
		return queue.Bad{Err: err}
	}
	return err
}
