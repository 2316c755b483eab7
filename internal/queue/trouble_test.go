package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// change gives a variable another value for a test. Called before anything that reads it is
// started, it changes it back once all that has ended.
func change[T any](t *testing.T, what *T, to T) {
	was := *what
	*what = to
	t.Cleanup(func() { *what = was })
}

// A unit that is lost five times has failed; the last worker says why. Submitted again it has
// five attempts more, and what was given back before still counts.
func TestLostTooOften(t *testing.T) {
	change(t, &delays, []time.Duration{time.Millisecond})
	s := open(t, t.TempDir(), "", newShelf())
	s.work(Worker{Name: "w", Machine: "here", Jobs: 1, Do: func(context.Context, *Job) (map[string][]byte, error) {
		return nil, errors.New("no space left on device")
	}})
	for round := 1; round <= 2; round++ {
		if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(1)); err != nil {
			t.Fatal(err)
		}
		now := s.until("failed", func(now Status) bool { return all(Failed, 1)(now) && now.Shown[0].Entry.Try == round*Most })
		if got := now.Shown[0].Entry; got.Error != "5 attempts were lost, the last on here: no space left on device" {
			t.Errorf("%+v", got)
		}
		if want := round * (Most - 1); now.Retries.GivenBack != want {
			t.Errorf("%d given back, want %d", now.Retries.GivenBack, want)
		}
	}
}

// Entries that are none, or that the server does not give, keep nobody from the other units.
func TestUnitsInTheWay(t *testing.T) {
	for _, what := range []string{"no entry", "no answer"} {
		t.Run(what, func(t *testing.T) {
			s := open(t, t.TempDir(), "", newShelf())
			c, units := s.connect(WorkerRole), numbered(5)
			bad := &unanswered{KeyValue: c.entries, keys: []string{units[0].ID(), units[1].ID()}}
			c.entries = bad
			if what == "no entry" {
				bad.answers.Store(true)
				for _, key := range bad.keys {
					if _, err := c.entries.Put(t.Context(), key, []byte(`{"state":`)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := s.connect(SubmitRole).Submit(t.Context(), units); err != nil {
				t.Fatal(err)
			}
			s.workBy(c, Worker{Name: "w", Jobs: 1, Do: echo})
			if what == "no answer" {
				s.until("the others are done", all(Done, 3))
				bad.answers.Store(true)
			}
			s.until("all are done", all(Done, 5))
		})
	}
}

// A unit whose entry is overwritten by none while somebody does it is given up and done again.
func TestEntryLostWhileRunning(t *testing.T) {
	s := open(t, t.TempDir(), "", newShelf())
	c, u := s.connect(WorkerRole), numbered(1)[0]
	begun, first := make(chan struct{}), atomic.Bool{}
	s.work(Worker{Name: "w", Jobs: 1, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
		if first.CompareAndSwap(false, true) {
			close(begun)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return echo(ctx, job)
	}})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), []Unit{u}); err != nil {
		t.Fatal(err)
	}
	<-begun
	if _, err := c.entries.Put(t.Context(), u.ID(), []byte(`{"state":`)); err != nil {
		t.Fatal(err)
	}
	s.until("done again", all(Done, 1))
}

// unanswered is a store that does not give the values of some keys until answers is set.
type unanswered struct {
	jetstream.KeyValue
	keys    []string
	answers atomic.Bool
}

func (u *unanswered) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	if slices.Contains(u.keys, key) && !u.answers.Load() {
		return nil, errors.New("nats: no response from stream")
	}
	return u.KeyValue.Get(ctx, key)
}

func TestWorkerThatCanDoNothingStops(t *testing.T) {
	s := open(t, t.TempDir(), "", newShelf())
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(3)); err != nil {
		t.Fatal(err)
	}
	w := Worker{Name: "old", Class: CPU, Jobs: 1, Do: func(context.Context, *Job) (map[string][]byte, error) {
		return nil, Stop{errors.New("this is version 1, the units are of version 2")}
	}}
	_, err := w.Work(t.Context(), s.connect(WorkerRole))
	if err == nil || err.Error() != "this is version 1, the units are of version 2" {
		t.Errorf("Work = %v", err)
	}
	s.work(Worker{Name: "new", Jobs: 1, Do: echo})
	for _, u := range s.until("done", all(Done, 3)).Shown {
		if u.Entry.Lost != 0 {
			t.Errorf("%s was lost %d times", u.Name, u.Entry.Lost)
		}
	}
}

// What is given back counts, however soon somebody takes it again: entries that follow at once
// hide those before.
func TestGivenBackIsCounted(t *testing.T) {
	change(t, &delays, []time.Duration{time.Millisecond})
	s := open(t, t.TempDir(), "", newShelf())
	const n = 100
	s.work(Worker{Name: "w", Jobs: 4, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
		if job.Try == 1 {
			return nil, errors.New("no space left on device")
		}
		return echo(ctx, job)
	}})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(n)); err != nil {
		t.Fatal(err)
	}
	s.until("all done", all(Done, n))
	// Submitted again, all are found done, and what became of them before counts as it did.
	if got, err := s.connect(SubmitRole).Submit(t.Context(), numbered(n)); err != nil || got.Done != n {
		t.Errorf("again: %+v, %v", got, err)
	}
	if got := s.keeper.Status().Retries; got.GivenBack != n || got.TakenOver != 0 {
		t.Errorf("%d units given back and %d taken over, want %d and 0", got.GivenBack, got.TakenOver, n)
	}
}

// A machine with trouble whose worker is started again and again takes other units, and not the
// same one until it has failed.
func TestTroubleAndRestart(t *testing.T) {
	change(t, &delays, []time.Duration{time.Hour}) // longer than the test on any machine
	s := open(t, t.TempDir(), "", newShelf())
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(4)); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		stop := s.work(Worker{Name: fmt.Sprint("w", n), Machine: "full", Jobs: 1, Do: func(context.Context, *Job) (map[string][]byte, error) {
			return nil, errors.New("no space left on device")
		}})
		s.until("given back", func(now Status) bool { return now.Retries.GivenBack == n+1 })
		stop()
	}
	c := s.connect(WorkerRole)
	for _, u := range numbered(4) {
		if e, _, _, err := c.entry(t.Context(), u.ID()); err != nil || e.Lost > 1 {
			t.Errorf("%s is lost %d times, %v", u.Name, e.Lost, err)
		}
	}
}
