package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Units that need one value have it found out once, whoever finds it; the keeper hears of it.
func TestOnce(t *testing.T) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	var heard sync.Map
	s.keeper.Fact = func(name string, value json.RawMessage) error { heard.Store(name, string(value)); return nil }
	var found atomic.Int32
	do := func(ctx context.Context, job *Job) (map[string][]byte, error) {
		value, err := job.Once(ctx, "the score of a cell", func(context.Context) (json.RawMessage, error) {
			found.Add(1)
			time.Sleep(300 * time.Millisecond)
			return json.RawMessage(`{"valid":71.5}`), nil
		})
		return map[string][]byte{"result": value}, err
	}
	for i := range 3 {
		s.work(Worker{Name: fmt.Sprint("w", i), Jobs: 2, Do: do})
	}
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(12)); err != nil {
		t.Fatal(err)
	}
	s.until("done", all(Done, 12))
	if n := found.Load(); n != 1 {
		t.Errorf("found out %d times", n)
	}
	for _, u := range numbered(12) {
		if got := string(to.files[u.Name]["result"]); got != `{"valid":71.5}` {
			t.Errorf("%s has %q", u.Name, got)
		}
	}
	s.until("the keeper hears of it", func(Status) bool { _, ok := heard.Load("the score of a cell"); return ok })
}

// Who began to find a value and is not heard of again, or fails, leaves it to the next.
func TestOnceIsTakenOver(t *testing.T) {
	for _, how := range []string{"lost", "failed"} {
		t.Run(how, func(t *testing.T) {
			to := newShelf()
			s := open(t, t.TempDir(), "", to)
			begun := make(chan struct{})
			var first atomic.Bool
			do := func(ctx context.Context, job *Job) (map[string][]byte, error) {
				value, err := job.Once(ctx, "x", func(ctx context.Context) (json.RawMessage, error) {
					if first.CompareAndSwap(false, true) {
						close(begun)
						if how == "failed" {
							return nil, Failure{Err: errors.New("no")}
						}
						<-ctx.Done() // which nobody ends: it hangs
						return nil, ctx.Err()
					}
					return json.RawMessage(`1`), nil
				})
				return map[string][]byte{"result": value}, err
			}
			hangs := Worker{Name: "first", Jobs: 1, Do: do, Stall: time.Millisecond}
			if how == "failed" {
				hangs.Stall = 0
			}
			s.work(hangs)
			if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(1)); err != nil {
				t.Fatal(err)
			}
			<-begun
			s.work(Worker{Name: "second", Jobs: 2, Do: do})
			if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(3)); err != nil {
				t.Fatal(err)
			}
			s.until("the others are done", func(now Status) bool { return now.Counts[Done]+now.Counts[Failed] == 3 && now.Counts[Done] >= 2 })
		})
	}
}
