package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// updates calls f with what a store has and with what comes into it, and with nil once f has
// had all that was there, until f says no or ctx ends.
func updates(ctx context.Context, of jetstream.KeyWatcher, f func(kv jetstream.KeyValueEntry) (more bool)) {
	for {
		select {
		case <-ctx.Done():
			return
		case kv, ok := <-of.Updates():
			if !ok || !f(kv) {
				return
			}
		}
	}
}

// follow learns of entries: until what was there at the beginning is known, and when it is
// called again, until ctx ends.
func (k *Keeper) follow(ctx context.Context, entries jetstream.KeyWatcher) {
	updates(ctx, entries, func(kv jetstream.KeyValueEntry) bool {
		if kv == nil {
			return false
		}
		if d := k.learn(kv); d != nil {
			select {
			case k.seen <- *d:
			case <-ctx.Done():
			}
		}
		return true
	})
}

// learn takes an entry in, and gives what is to be stored then.
func (k *Keeper) learn(kv jetstream.KeyValueEntry) *delivery {
	var e Entry
	if err := json.Unmarshal(kv.Value(), &e); err != nil {
		return nil // nobody of ours has written it, and the unit's message comes again
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	u := k.units[kv.Key()]
	if u == nil { // of a list that is lost; submitted again, it counts again
		k.strange[kv.Key()] = kv
		return nil
	}
	if kv.Revision() <= u.revision {
		return nil
	}
	if e.State == Running && u.entry.State == Running && e.mine(u.entry) {
		k.counts.Beats++
	}
	if e.State != u.entry.State {
		u.since = time.Now()
	}
	u.entry, u.revision, u.written = e, kv.Revision(), kv.Created()
	u.entry.Files = nil // the delivery has them
	if e.State != Delivered || u.storing {
		return nil
	}
	u.storing = true
	return &delivery{u, e, kv.Revision()}
}

// followWorkers learns who is there.
func (k *Keeper) followWorkers(ctx context.Context, workers jetstream.KeyWatcher) {
	updates(ctx, workers, func(kv jetstream.KeyValueEntry) bool {
		if kv == nil {
			return true
		}
		m := member{written: kv.Created()}
		if json.Unmarshal(kv.Value(), &m.Presence) == nil {
			k.mu.Lock()
			k.crew[kv.Key()] = m
			k.mu.Unlock()
		}
		return true
	})
}

// followFacts stores what was found out for all.
func (k *Keeper) followFacts(ctx context.Context, facts jetstream.KeyWatcher) {
	updates(ctx, facts, func(kv jetstream.KeyValueEntry) bool {
		var f fact
		if kv == nil || json.Unmarshal(kv.Value(), &f) != nil || f.Value == nil || k.Fact == nil {
			return true
		}
		k.insist(ctx, f.Name, "cannot be stored", func() error { return k.Fact(f.Name, f.Value) })
		return true
	})
}

// takeIn stores what workers have delivered.
func (k *Keeper) takeIn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case d := <-k.seen:
			k.insist(ctx, d.unit.Name, "cannot be stored now", func() error { return k.store(ctx, d) })
			k.mu.Lock()
			d.unit.storing = false
			k.mu.Unlock()
		}
	}
}

// insist tries until it works, the error says that it never will, or ctx ends.
func (k *Keeper) insist(ctx context.Context, unit, what string, try func() error) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := try()
		if err == nil || ctx.Err() != nil {
			return
		}
		k.Log(unit, "%s: %s", what, oneLine(err))
		if bad := (Bad{}); errors.As(err, &bad) {
			return
		}
		pause(ctx, wait)
	}
}

// store takes one delivery in. An error is of the moment.
func (k *Keeper) store(ctx context.Context, d delivery) error {
	e := d.entry
	var files map[string][]byte
	var err error
	switch {
	case e.Sum != "":
		files, err = k.fetch(ctx, e)
	case e.Error == "": // only what has failed may have left none
		err = Bad{errors.New("it has no files, and no error for the lack of them")}
	}
	if err == nil {
		err = k.Store(d.unit.Unit, e, files)
	}
	bad := Bad{}
	switch {
	case errors.As(err, &bad):
		return k.refuse(ctx, d, bad)
	case err != nil:
		return err
	}
	e.State = Done
	if e.Error != "" {
		e.State = Failed
	}
	return k.settle(ctx, d, e)
}

// refuse has a unit done again whose delivery is none.
func (k *Keeper) refuse(ctx context.Context, d delivery, bad Bad) error {
	e := d.entry
	k.Log(d.unit.Name, "what %s delivered is not used: %s", e.Worker, oneLine(bad))
	k.mu.Lock()
	k.counts.Refused++
	k.mu.Unlock()
	e.Lost++
	e.State, e.Error = Queued, oneLine(bad)
	if e.Lost >= Most {
		e.State = Failed
	}
	if err := k.settle(ctx, d, e); err != nil || e.State == Failed {
		return err
	}
	_, err := k.publish(ctx, []*unit{d.unit})
	return err
}

// fetch gets the files of a delivery.
func (k *Keeper) fetch(ctx context.Context, e Entry) (map[string][]byte, error) {
	packed := e.Files
	var err error
	if e.Object != "" {
		packed, err = k.client.files.GetBytes(ctx, e.Object)
	}
	switch {
	case errors.Is(err, jetstream.ErrObjectNotFound), errors.Is(err, jetstream.ErrDigestMismatch), errors.Is(err, jetstream.ErrInvalidStoreName), errors.Is(err, jetstream.ErrNameRequired):
		return nil, Bad{fmt.Errorf("queue: its files: %w", err)}
	case err != nil:
		return nil, fmt.Errorf("queue: its files: %w", err)
	}
	if sumOf(packed) != e.Sum {
		return nil, Bad{errors.New("queue: its files have another checksum than was said")}
	}
	files, err := unpack(packed)
	if err != nil {
		return nil, Bad{err}
	}
	return files, nil
}

// settle writes how a delivered unit has ended and clears up after it.
func (k *Keeper) settle(ctx context.Context, d delivery, e Entry) error {
	object := e.Object
	e.Object, e.Sum, e.Files = "", "", nil
	revision, err := k.client.replace(ctx, d.unit.ID(), e, d.revision)
	if err != nil && !errors.Is(err, ErrTaken) {
		return err
	}
	if err == nil {
		k.mu.Lock()
		if revision > d.unit.revision {
			d.unit.entry, d.unit.revision, d.unit.since = e, revision, time.Now()
		}
		if e.State != Queued {
			k.ends = append(k.ends, time.Now())
			if len(k.ends) > 1000 {
				k.ends = slices.Delete(k.ends, 0, 500)
			}
		}
		k.mu.Unlock()
	}
	if object != "" {
		k.client.files.Delete(ctx, object) // what stays behind is in nobody's way
	}
	if e.State == Done && e.Point {
		k.client.points.Delete(ctx, d.unit.ID())
	}
	return nil
}
