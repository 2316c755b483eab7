package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lease is the right to a unit.
type lease struct {
	*session
	job     *Job
	message jetstream.Msg
	id      string

	mu       sync.Mutex // guards what follows, and that writings come one after another
	entry    Entry
	revision uint64
}

// claim takes the unit, if nobody has it.
func (l *lease) claim(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, revision, written, err := l.client.entry(ctx, l.id)
	if err != nil {
		return false, err
	}
	switch e.State {
	case Delivered, Done, Failed:
		return false, l.message.DoubleAck(ctx)
	case Running:
		l.session.mu.Lock()
		age := time.Now().Add(l.ahead).Sub(written)
		l.session.mu.Unlock()
		if left := l.client.settings.Lost - age; left > 0 { // the queue has forgotten that it is being done
			return false, l.message.NakWithDelay(left + time.Second/4)
		}
		e.Over++
		e.Lost++
		if e.Lost >= Most {
			e.State, e.Error = Delivered, fmt.Sprintf("%d attempts were lost, the last on %s", e.Lost, e.Machine)
			if _, err := l.client.replace(ctx, l.id, e, revision); err != nil && !errors.Is(err, ErrTaken) {
				return false, err
			}
			return false, l.message.DoubleAck(ctx)
		}
		l.Log(l.job.Unit.Name, "taken over from %s, which was not heard of for %v", e.Worker, age.Round(time.Second))
	}
	l.entry = Entry{State: Running, Worker: l.Name, Machine: l.Machine, Try: e.Try + 1, Over: e.Over, Back: e.Back, Lost: e.Lost, Progress: e.Progress, Point: e.Point}
	l.job.Try, l.job.point = l.entry.Try, e.Point
	l.revision, err = l.client.replace(ctx, l.id, l.entry, revision)
	if errors.Is(err, ErrTaken) {
		return false, l.message.NakWithDelay(l.client.settings.Lost)
	}
	return err == nil, err
}

// work does the unit and says what came of it.
func (l *lease) work(ctx context.Context) {
	doing, end := context.WithCancelCause(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { l.beats(doing, end) })
	files, err := l.Do(doing, l.job)
	cause := context.Cause(doing)
	end(nil)
	beats.Wait()

	if errors.Is(cause, ErrTaken) {
		l.thrownAway()
		return
	}
	if ctx.Err() != nil && err != nil {
		l.giveBack(ctx, "", 0)
		return
	}
	failure, stop := Failure{}, Stop{}
	switch {
	case err == nil:
		l.finish(ctx, files, "")
	case errors.As(err, &failure):
		l.finish(ctx, failure.Files, oneLine(err))
	case errors.As(err, &stop):
		l.giveBack(ctx, "", time.Second)
		l.stop(err)
	default:
		l.trouble(ctx, err)
	}
}

// thrownAway says that somebody else has the unit.
func (l *lease) thrownAway() {
	l.Log(l.job.Unit.Name, "another worker has it now; what was done here is thrown away")
	l.count(func(c *Counts) { c.Lost++ })
}

// delays are how long a machine with trouble pauses. Its unit rests for the first of them: a
// worker that is started again has no pause to keep, and would take the same unit at once, until
// that is lost for good.
var delays = []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute}

// trouble gives a unit back that could not be done for a reason of this machine, which then
// pauses: a full disk must not go through the whole queue.
func (l *lease) trouble(ctx context.Context, err error) {
	l.session.mu.Lock()
	delay := delays[min(l.bad, len(delays)-1)]
	l.bad++
	l.session.mu.Unlock()
	l.Log(l.job.Unit.Name, "given back: %s; this worker pauses for %v", oneLine(err), delay)
	l.entry.Lost++
	if l.entry.Lost >= Most {
		l.finish(ctx, nil, fmt.Sprintf("%d attempts were lost, the last on %s: %s", l.entry.Lost, l.Machine, oneLine(err)))
	} else {
		l.giveBack(ctx, fmt.Sprintf("given back by %s: %s", l.Machine, oneLine(err)), delays[0])
	}
	pause(ctx, delay)
}

// beats keeps the lease, and ends the work when it is lost.
func (l *lease) beats(ctx context.Context, end context.CancelCauseFunc) {
	every(ctx, l.client.settings.beat(), func() bool {
		if l.job.stalled() {
			return true
		}
		l.mu.Lock()
		l.entry.Progress, l.entry.Point = l.job.progress()
		err := l.write(ctx, l.entry)
		l.mu.Unlock()
		if errors.Is(err, ErrTaken) {
			end(ErrTaken)
			return false
		}
		l.message.InProgress()
		return true
	})
}

// write replaces the entry. The caller holds mu.
func (l *lease) write(ctx context.Context, e Entry) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	revision, err := l.client.replace(ctx, l.id, e, l.revision)
	if err == nil {
		l.revision = revision
	}
	return err
}

// finish sends the files and says that the unit has ended. It tries until the server has
// them, or somebody else the unit.
func (l *lease) finish(ctx context.Context, files map[string][]byte, failure string) {
	name := l.job.Unit.Name
	packed, err := pack(files)
	if err != nil {
		l.trouble(ctx, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry
	e.Progress, e.Point = l.job.progress()
	e.State, e.Error = Delivered, failure
	sent := true
	if len(files) > 0 {
		e.Sum = sumOf(packed)
		if sent = len(packed) <= inline; sent {
			e.Files = packed
		} else {
			e.Object = fmt.Sprintf("%s.%s.%d", l.id, l.Name, e.Try)
		}
	}
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		if !sent {
			short, cancel := context.WithTimeout(ctx, time.Minute)
			_, err = l.client.files.Put(short, jetstream.ObjectMeta{Name: e.Object}, bytes.NewReader(packed))
			cancel()
			sent = err == nil
		}
		if sent {
			err = l.write(ctx, e)
		}
		if err == nil || errors.Is(err, ErrTaken) {
			break
		}
		if ctx.Err() != nil {
			return // somebody does it again
		}
		l.Log(name, "cannot be delivered now: %s", oneLine(err))
		pause(ctx, wait)
	}
	if err != nil {
		if e.Object != "" {
			l.client.files.Delete(context.WithoutCancel(ctx), e.Object)
		}
		l.thrownAway()
		return
	}
	l.acknowledge(ctx)
	if failure != "" {
		l.Log(name, "failed: %s", failure)
		l.count(func(c *Counts) { c.Failed++ })
		return
	}
	l.session.mu.Lock()
	l.bad = 0
	l.session.mu.Unlock()
	l.Log(name, "done")
	l.count(func(c *Counts) { c.Done++ })
}

// acknowledge takes the message out of the queue. If that does not reach the server, the next
// one to get the message finds the unit done.
func (l *lease) acknowledge(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	l.message.DoubleAck(ctx)
}

// giveBack leaves the unit to others, who go on from its last checkpoint.
func (l *lease) giveBack(ctx context.Context, why string, delay time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry
	e.Progress, e.Point = l.job.progress()
	e.State, e.Error = Queued, why
	e.Back++
	if err := l.write(ctx, e); err != nil {
		return // it is taken over after a while
	}
	if delay > 0 {
		l.message.NakWithDelay(delay)
	} else {
		l.message.Nak()
	}
	l.count(func(c *Counts) { c.Back++ })
}
