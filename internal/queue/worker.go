package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Worker takes units from a queue.
type Worker struct {
	Name    string // of its own, no other has it
	Machine string // where it runs, for people
	Class   string // of the units that it can do
	Jobs    int    // units at a time
	// Do does a unit and gives its files. Its context ends, with [ErrTaken] as its cause,
	// when the unit is another's. An error that is no [Failure] and no [Stop] is one of this
	// machine or of the moment: somebody tries again, a little later.
	Do  func(ctx context.Context, job *Job) (map[string][]byte, error)
	Log Log
	// Stall is after how long without progress the worker no longer says that the unit is
	// alive; 0: never.
	Stall time.Duration
	// Idle ends the work when there was nothing to do for so long; 0: never.
	Idle time.Duration
}

// Job is a unit in the hands of a worker.
type Job struct {
	Unit Unit
	Slot int // which of the worker's Jobs it is, from 0
	Try  int // see [Entry.Try]

	client *Client
	worker string
	stall  time.Duration
	mu     sync.Mutex
	told   Progress
	point  bool // a checkpoint was sent, by whomever
	moved  time.Time
}

// Tell says how far the unit is.
func (j *Job) Tell(p Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told, j.moved = p, time.Now()
}

// Touch says that the unit is alive, and nothing else of it.
func (j *Job) Touch() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.moved = time.Now()
}

// progress is what was told last, and whether there is a checkpoint.
func (j *Job) progress() (Progress, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.told, j.point
}

// stalled says whether nothing was heard of the unit for too long: a device may hang.
func (j *Job) stalled() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stall > 0 && time.Since(j.moved) > j.stall
}

// Checkpoint is the last one that whoever had the unit sent, nil where none is.
func (j *Job) Checkpoint(ctx context.Context) (map[string][]byte, error) {
	packed, err := j.client.points.GetBytes(ctx, j.Unit.ID())
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("queue: checkpoint of %s: %w", j.Unit.Name, err)
	}
	return unpack(packed)
}

// Send sends a checkpoint. One of a worker that has lost its unit is as good as another's:
// what follows from it is the same.
func (j *Job) Send(ctx context.Context, files map[string][]byte) error {
	packed, err := pack(files)
	if err != nil {
		return err
	}
	if _, err := j.client.points.PutBytes(ctx, j.Unit.ID(), packed); err != nil {
		return fmt.Errorf("queue: checkpoint of %s: %w", j.Unit.Name, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.point = true
	return nil
}

// Counts are what became of the units that a worker took.
type Counts struct {
	Done, Failed, Back, Lost int // Back: given back; Lost: another has taken it over
}

// Work takes units and does them until ctx ends, or as w says. Running units are given back
// then, with their last checkpoint. A server that is away is waited for.
func (w *Worker) Work(ctx context.Context, c *Client) (Counts, error) {
	if w.Class != CPU && w.Class != GPU {
		return Counts{}, fmt.Errorf("queue: worker of class %q, want %q or %q", w.Class, CPU, GPU)
	}
	s := &session{Worker: w, client: c, last: time.Now()}
	if s.Log == nil {
		s.Log = func(string, string, ...any) {}
	}
	var err error
	if s.consumer, err = c.js.Consumer(ctx, stream, w.Class); err != nil {
		return Counts{}, fmt.Errorf("queue: units of class %s: %w", w.Class, err)
	}
	ctx, s.stop = context.WithCancelCause(ctx)
	defer s.stop(nil)
	if err := s.appear(ctx, false); err != nil {
		return Counts{}, err
	}
	var all sync.WaitGroup
	all.Go(func() { s.beats(ctx) })
	for slot := range w.Jobs {
		all.Go(func() { s.slot(ctx, slot) })
	}
	all.Wait()
	cause := context.Cause(ctx)
	if stop := (Stop{}); errors.As(cause, &stop) {
		return s.counts, stop.Err
	}
	return s.counts, nil
}

// session is a worker at work.
type session struct {
	*Worker
	client   *Client
	consumer jetstream.Consumer
	stop     context.CancelCauseFunc

	mu     sync.Mutex
	counts Counts
	busy   int
	last   time.Time     // when something was to do
	ahead  time.Duration // the server's clock before ours
	bad    int           // units in a row that could not be done for reasons of this machine
}

// errIdle ends a worker that has nothing to do.
var errIdle = errors.New("queue: nothing to do")

// Presence is what a worker says of itself.
type Presence struct {
	Machine string `json:"machine"`
	Class   string `json:"class"`
	Jobs    int    `json:"jobs"`
	Gone    bool   `json:"gone,omitempty"` // it has ended
}

// appear says that the worker is there, or gone, and finds out the server's time.
func (s *session) appear(ctx context.Context, gone bool) error {
	text, err := json.Marshal(Presence{Machine: s.Machine, Class: s.Class, Jobs: s.Jobs, Gone: gone})
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := s.client.workers.Put(ctx, s.Name, text); err != nil {
		return fmt.Errorf("queue: say that the worker is there: %w", err)
	}
	entry, err := s.client.workers.Get(ctx, s.Name)
	if err != nil {
		return fmt.Errorf("queue: ask for the server's time: %w", err)
	}
	s.mu.Lock()
	s.ahead = time.Until(entry.Created())
	s.mu.Unlock()
	return nil
}

// beats says every now and then that the worker is there.
func (s *session) beats(ctx context.Context) {
	every(ctx, s.client.settings.beat(), func() bool {
		s.appear(ctx, false) // the next one may reach it
		s.mu.Lock()
		idle := s.Idle > 0 && s.busy == 0 && time.Since(s.last) > s.Idle
		s.mu.Unlock()
		if idle {
			s.stop(errIdle)
		}
		return true
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	s.appear(ctx, true)
}

// slot does one unit after another.
func (s *session) slot(ctx context.Context, slot int) {
	for ctx.Err() == nil {
		message, err := s.next(ctx)
		if err != nil {
			pause(ctx, time.Second) // the server is away, and the connection says so
			continue
		}
		if message == nil {
			continue
		}
		s.move(1)
		s.take(ctx, slot, message)
		s.move(-1)
	}
}

// move counts units in hand.
func (s *session) move(by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += by
	s.last = time.Now()
}

// next is a message, nil when none came for a while.
func (s *session) next(ctx context.Context) (jetstream.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	batch, err := s.consumer.Fetch(1, jetstream.FetchContext(wait))
	if err != nil {
		return nil, err
	}
	for message := range batch.Messages() {
		return message, nil
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, jetstream.ErrNoMessages) {
		return nil, err
	}
	return nil, nil
}

// take does the unit of a message if it is to be had.
func (s *session) take(ctx context.Context, slot int, message jetstream.Msg) {
	job := &Job{Slot: slot, client: s.client, worker: s.Name, stall: s.Stall, moved: time.Now()}
	if err := json.Unmarshal(message.Data(), &job.Unit); err != nil || job.Unit.check() != nil || job.Unit.subject() != message.Subject() {
		s.Log("", "a message in the queue is no unit, and is thrown away: subject %q, %d bytes", message.Subject(), len(message.Data()))
		message.Term()
		return
	}
	l := &lease{session: s, job: job, message: message, id: job.Unit.ID()}
	held, err := l.claim(ctx)
	if err != nil {
		s.Log(job.Unit.Name, "cannot be taken now: %s", oneLine(err))
		// It rests for longer than the worker: what comes again comes before what is new, and
		// one unit that cannot be had would keep all others from the worker.
		message.NakWithDelay(5 * time.Second)
		pause(ctx, time.Second)
		return
	}
	if held {
		l.work(ctx)
	}
}

func (s *session) count(f func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.counts)
}

// every calls f every so often until that says no, or ctx ends.
func every(ctx context.Context, d time.Duration, f func() (more bool)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !f() {
				return
			}
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
