package queue

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Keeper knows all units of a queue, puts into it what is not done, and takes in what workers
// deliver. A queue has one.
type Keeper struct {
	// Finished says that the files of a unit are stored. An error means that they never can be,
	// as where other files are in their place.
	Finished func(u Unit) (bool, error)
	// Store stores the files of a unit, or those of its failure, which may be none. It may be called again with
	// the same ones. An error that is a [Bad] is for files that no such unit leaves: it is done
	// again. Any other is of the moment, as a full disk is.
	Store func(u Unit, e Entry, files map[string][]byte) error
	// Fact stores a value that was found out for all, see [Job.Once]; nil: nobody wants them.
	Fact     func(name string, value json.RawMessage) error
	Settings Settings
	Log      Log
	// Alone: no other keeper can be there, since the server is this process's own.
	Alone bool

	client  *Client
	mu      sync.Mutex
	units   map[string]*unit
	order   []*unit
	strange map[string]jetstream.KeyValueEntry // entries of units that are in no list
	crew    map[string]member
	ends    []time.Time // of units done since the start, the last ones
	seen    chan delivery

	toPublish  []*unit
	publishing chan struct{} // full when toPublish is not empty

	counts Retries
}

// Retries count what went wrong and was made good.
type Retries struct {
	// Of all units of the queue, by their entries: a watcher need not see every entry, as the
	// store keeps the last one alone.
	TakenOver int // from workers that were not heard of
	GivenBack int
	// As this process saw them.
	Beats   int // entries written while running
	Refused int // deliveries that were not what the unit leaves
}

// Bad is the error of a Store for files that cannot be of the unit.
type Bad struct{ Err error }

func (b Bad) Error() string { return b.Err.Error() }
func (b Bad) Unwrap() error { return b.Err }

// unit is one with all that is known of it.
type unit struct {
	Unit
	entry    Entry
	revision uint64
	written  time.Time
	storing  bool
	since    time.Time // when it came into its state, as far as this process knows
}

type member struct {
	Presence
	written time.Time
}

type delivery struct {
	unit     *unit
	entry    Entry
	revision uint64
}

// stores is how many deliveries are taken in at a time.
const stores = 4

// Keep keeps the queue of a server until ctx ends. ready is called when it answers.
func (k *Keeper) Keep(ctx context.Context, c *Client, ready func()) error {
	k.client, k.units, k.crew, k.seen = c, map[string]*unit{}, map[string]member{}, make(chan delivery, 1<<10)
	k.publishing, k.strange = make(chan struct{}, 1), map[string]jetstream.KeyValueEntry{}
	if k.Log == nil {
		k.Log = func(string, string, ...any) {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := c.create(ctx, k.Settings); err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel(nil)
	if err := k.alone(ctx, &all, cancel); err != nil {
		return err
	}
	if err := k.load(ctx); err != nil {
		return err
	}
	facts, err := c.facts.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("queue: watch what was found out: %w", err)
	}
	entries, err := c.entries.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("queue: watch the units: %w", err)
	}
	workers, err := c.workers.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("queue: watch the workers: %w", err)
	}
	k.follow(ctx, entries) // what is there already
	if _, err := k.fill(ctx, k.order); err != nil {
		return err
	}
	for range stores {
		all.Go(func() { k.takeIn(ctx) })
	}
	all.Go(func() { k.publishAll(ctx) })
	all.Go(func() { k.reconcile(ctx) })
	all.Go(func() { k.followWorkers(ctx, workers) })
	all.Go(func() { k.followFacts(ctx, facts) })
	all.Go(func() {
		k.follow(ctx, entries)
		if ctx.Err() == nil {
			cancel(errors.New("queue: the server has stopped telling of units"))
		}
	})
	submit, err := c.nc.Subscribe(submitSubject, func(m *nats.Msg) { m.Respond(k.answer(ctx, m.Data, k.submit)) })
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer submit.Unsubscribe()
	status, err := c.nc.Subscribe(statusSubject, func(m *nats.Msg) { m.Respond(k.answer(ctx, m.Data, k.status)) })
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer status.Unsubscribe()
	if err := c.nc.Flush(); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if ready != nil {
		ready()
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// alone waits until no other keeper is there, and tells others that this one is.
func (k *Keeper) alone(ctx context.Context, all *sync.WaitGroup, cancel context.CancelCauseFunc) error {
	about := k.client.about
	var revision uint64
	for told := false; ; told = true {
		entry, err := about.Get(ctx, keeperKey)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			break
		}
		if err != nil {
			return fmt.Errorf("queue: %w", err)
		}
		if k.Alone || len(entry.Value()) == 0 || entry.Revision() == revision {
			revision = entry.Revision()
			break
		}
		revision = entry.Revision()
		if !told {
			k.Log("", "another idarts grid serve keeps this queue, or did just now; waiting until it has not been heard of for %v", k.Settings.Lost)
		}
		pause(ctx, k.Settings.Lost)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	write := func(ctx context.Context, text string) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		next, err := put(ctx, about, keeperKey, []byte(text), revision)
		if err == nil {
			revision = next
		}
		return err
	}
	if err := write(ctx, "here"); err != nil {
		return fmt.Errorf("queue: another keeper was quicker: %w", err)
	}
	all.Go(func() {
		taken := false
		every(ctx, k.Settings.beat(), func() bool {
			if taken = isConflict(write(ctx, "here")); taken {
				cancel(errors.New("queue: another idarts grid serve has taken this queue over"))
			}
			return !taken
		})
		if !taken {
			write(context.WithoutCancel(ctx), "") // the next need not wait
		}
	})
	return nil
}

// load reads the lists of units that were submitted.
func (k *Keeper) load(ctx context.Context) error {
	list, err := k.client.batches.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("queue: lists of units: %w", err)
	}
	slices.SortFunc(list, func(a, b *jetstream.ObjectInfo) int { return a.ModTime.Compare(b.ModTime) })
	for _, info := range list {
		units, err := k.batch(ctx, info.Name)
		if err != nil {
			k.Log("", "a list of units is left out: %s; submit it again", oneLine(err))
			continue
		}
		k.add(units)
	}
	return nil
}

// batch reads a list of units.
func (k *Keeper) batch(ctx context.Context, name string) ([]Unit, error) {
	packed, err := k.client.batches.GetBytes(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("queue: list %q: %w", name, err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("queue: list %q: %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(zip, maxPacked))
	if err != nil {
		return nil, fmt.Errorf("queue: list %q: %w", name, err)
	}
	if sumOf(text) != name {
		return nil, fmt.Errorf("queue: list %q is damaged: its checksum does not match", name)
	}
	var units []Unit
	if err := json.Unmarshal(text, &units); err != nil {
		return nil, fmt.Errorf("queue: list %q: %w", name, err)
	}
	for _, u := range units {
		if err := u.check(); err != nil {
			return nil, err
		}
	}
	return units, nil
}

// add adds units that are not known, and gives those of the list.
func (k *Keeper) add(units []Unit) []*unit {
	k.mu.Lock()
	var all []*unit
	var known []jetstream.KeyValueEntry
	for _, u := range units {
		id := u.ID()
		there := k.units[id]
		if there == nil {
			there = &unit{Unit: u, entry: Entry{State: Queued}, since: time.Now()}
			k.units[id] = there
			k.order = append(k.order, there)
			if kv := k.strange[id]; kv != nil {
				known = append(known, kv)
				delete(k.strange, id)
			}
		}
		all = append(all, there)
	}
	k.mu.Unlock()
	for _, kv := range known {
		if d := k.learn(kv); d != nil {
			k.seen <- *d
		}
	}
	return all
}

// fill has units put into the queue that are not done, and counts those that are: whose files
// are there, whatever their entry says.
func (k *Keeper) fill(ctx context.Context, units []*unit) (done int, err error) {
	var open []*unit
	for _, u := range units {
		k.mu.Lock()
		state := u.entry.State
		k.mu.Unlock()
		if state == Failed || state == Delivered {
			continue
		}
		finished, err := k.Finished(u.Unit)
		switch {
		case err != nil:
			k.set(u, Failed, oneLine(err))
			continue
		case finished:
			k.set(u, Done, "")
			done++
			continue
		case state == Done: // its files were deleted since
			if err := k.again(ctx, u, "its files were deleted"); err != nil {
				return done, err
			}
		}
		open = append(open, u)
	}
	k.mu.Lock()
	k.toPublish = append(k.toPublish, open...)
	k.mu.Unlock()
	select {
	case k.publishing <- struct{}{}:
	default: // it is told already
	}
	return done, nil
}

// publishAll puts units into the queue as fast as the server's disk takes them. What submitted
// them is stored, so that they are not lost with this process.
func (k *Keeper) publishAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.publishing:
		}
		k.mu.Lock()
		units := k.toPublish
		k.toPublish = nil
		k.mu.Unlock()
		k.insist(ctx, "", "runs cannot be queued now", func() (err error) {
			units, err = k.publish(ctx, units)
			return err
		})
	}
}

// reconcile looks now and then whether the server's queue is empty while units are left, as after
// damage to its store, and queues these again.
func (k *Keeper) reconcile(ctx context.Context) {
	every(ctx, k.Settings.Lost, func() bool {
		for _, class := range []string{CPU, GPU} {
			if left := k.stranded(ctx, class); len(left) > 0 && ctx.Err() == nil {
				k.Log("", "%d units were not in the server's queue, as %s; they are queued again", len(left), left[0].Name)
				if err := k.requeue(ctx, left); err != nil {
					k.Log("", "%s; tried again in %v", oneLine(err), k.Settings.Lost)
				}
			}
		}
		return true
	})
}

// stranded are units that have been queued for a while although the queue is empty.
func (k *Keeper) stranded(ctx context.Context, class string) (left []*unit) {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	consumer, err := k.client.js.Consumer(short, stream, class)
	if err != nil {
		return nil // the server is away
	}
	if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.toPublish) > 0 {
		return nil
	}
	for _, u := range k.order {
		if u.Class == class && u.entry.State == Queued && time.Since(u.since) > 2*k.Settings.Lost {
			u.since = time.Now()
			left = append(left, u)
		}
	}
	return left
}

// requeue publishes units anew, in place of messages that the queue does not give out.
func (k *Keeper) requeue(ctx context.Context, units []*unit) error {
	queue, err := k.client.js.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	for _, u := range units {
		if err := queue.Purge(ctx, jetstream.WithPurgeSubject(u.subject())); err != nil {
			return fmt.Errorf("queue: take %s out of the queue: %w", u.Name, err)
		}
	}
	_, err = k.publish(ctx, units)
	return err
}

// publish puts units into the queue, and gives those of which the server has not said that it
// has them. One message of a unit may be there already.
func (k *Keeper) publish(ctx context.Context, units []*unit) (left []*unit, err error) {
	var waiting []jetstream.PubAckFuture
	for _, u := range units {
		text, err := json.Marshal(u.Unit)
		if err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		future, err := k.client.js.PublishAsync(u.subject(), text, jetstream.WithStallWait(patience))
		if err != nil {
			return units, fmt.Errorf("queue: put %s into the queue: %w", u.Name, err)
		}
		waiting = append(waiting, future)
	}
	for i, future := range waiting {
		select {
		case <-future.Ok():
		case failed := <-future.Err():
			if !strings.Contains(failed.Error(), "maximum messages per subject exceeded") {
				left, err = append(left, units[i]), fmt.Errorf("queue: put %s into the queue: %w", units[i].Name, failed)
			}
		case <-ctx.Done():
			return units, ctx.Err()
		}
	}
	return left, err
}

// again makes the entry of a unit that has ended one of a unit to do.
func (k *Keeper) again(ctx context.Context, u *unit, why string) error {
	k.mu.Lock()
	e, revision := u.entry, u.revision
	k.mu.Unlock()
	e = Entry{State: Queued, Try: e.Try, Over: e.Over, Back: e.Back, Error: why}
	if revision > 0 {
		var err error
		if revision, err = k.client.replace(ctx, u.ID(), e, revision); err != nil {
			return fmt.Errorf("queue: queue %s again: %w", u.Name, err)
		}
	}
	k.mu.Lock()
	u.entry, u.revision, u.since = e, revision, time.Now()
	k.mu.Unlock()
	return nil
}

// set changes the state that is known of a unit.
func (k *Keeper) set(u *unit, state State, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	u.entry.State, u.entry.Error = state, why
}
