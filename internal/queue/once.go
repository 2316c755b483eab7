package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// fact is a value that units need and one of them finds out for all. Value is empty while it
// is being found out.
type fact struct {
	Name   string          `json:"name"`
	Worker string          `json:"worker"`
	Claim  uint64          `json:"claim"` // tells claims of one worker apart
	Beat   int             `json:"beat"`
	Value  json.RawMessage `json:"value,omitempty"`
}

// Once gives the value of a name: what find gave that any worker called for it. Of workers that
// ask at the same time one calls find and the others wait; when that one fails or is not heard
// of, the next does. The value must follow from the name.
func (j *Job) Once(ctx context.Context, name string, find func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	f := &finding{job: j, key: keyOf(name), name: name}
	for {
		value, mine, err := f.look(ctx)
		if err != nil || value != nil {
			return value, err
		}
		if !mine {
			j.Touch() // to wait is not to hang
			pause(ctx, j.client.settings.beat())
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue
		}
		return f.find(ctx, find)
	}
}

// finding is a claim on a fact.
type finding struct {
	job       *Job
	key, name string
	fact      fact
	revision  uint64
	seen      uint64    // the last revision of another's claim
	since     time.Time // when that was seen first
}

// look reads the fact, or claims it.
func (f *finding) look(ctx context.Context) (value json.RawMessage, mine bool, err error) {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	kv, err := f.job.client.facts.Get(short, f.key)
	var revision uint64
	if err == nil {
		revision = kv.Revision()
		var there fact
		if json.Unmarshal(kv.Value(), &there) == nil {
			if there.Value != nil {
				return there.Value, false, nil
			}
			if revision != f.seen {
				f.seen, f.since = revision, time.Now()
			}
			if there.Worker != "" && time.Since(f.since) < f.job.client.settings.Lost { // who claimed it is alive
				return nil, false, nil
			}
		}
	} else if !errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, fmt.Errorf("queue: ask for %s: %w", f.name, err)
	}
	f.fact = fact{Name: f.name, Worker: f.job.worker, Claim: rand.Uint64()}
	f.revision = revision
	switch err := f.write(short, f.fact); {
	case errors.Is(err, ErrTaken):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return nil, true, nil
}

// write replaces the fact, if it is still this claim's.
func (f *finding) write(ctx context.Context, now fact) error {
	revision, err := swap(ctx, f.job.client.facts, f.key, now, f.revision, func(text []byte) bool {
		var there fact
		return json.Unmarshal(text, &there) == nil && there.Worker == now.Worker && there.Claim == now.Claim
	})
	switch {
	case err == nil:
		f.revision = revision
	case !errors.Is(err, ErrTaken):
		err = fmt.Errorf("queue: claim %s: %w", f.name, err)
	}
	return err
}

// find finds the value out with the claim in hand. A claim that is lost meanwhile does not
// matter: whoever has it finds the same.
func (f *finding) find(ctx context.Context, find func(context.Context) (json.RawMessage, error)) (json.RawMessage, error) {
	beating, end := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() {
		every(beating, f.job.client.settings.beat(), func() bool {
			if !f.job.stalled() {
				f.fact.Beat++
				short, cancel := context.WithTimeout(beating, patience)
				defer cancel()
				f.write(short, f.fact)
			}
			return true
		})
	})
	value, err := find(ctx)
	end()
	beats.Wait()
	f.fact.Value = value
	if err != nil { // the next may try at once
		f.fact.Worker, f.fact.Value = "", nil
	}
	last := context.WithoutCancel(ctx)
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		short, cancel := context.WithTimeout(last, patience)
		failed := f.write(short, f.fact)
		cancel()
		if failed == nil || errors.Is(failed, ErrTaken) || err != nil || ctx.Err() != nil {
			return value, err
		}
		pause(ctx, wait)
	}
}
