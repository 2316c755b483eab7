package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shelf stands for an output folder: what a keeper has stored, which outlives it.
type shelf struct {
	mu     sync.Mutex
	files  map[string]map[string][]byte
	stored map[string]int // how often
	refuse func(u Unit, files map[string][]byte) error
}

func newShelf() *shelf {
	return &shelf{files: map[string]map[string][]byte{}, stored: map[string]int{}}
}

func (s *shelf) finished(u Unit) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.files[u.Name]
	return ok, nil
}

func (s *shelf) store(u Unit, e Entry, files map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(u, files); err != nil {
			return err
		}
	}
	if e.Error == "" {
		s.files[u.Name] = files
		s.stored[u.Name]++
	}
	return nil
}

func (s *shelf) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.files))
}

// site is a server with its keeper.
type site struct {
	t      *testing.T
	store  string
	server *Server
	keeper *Keeper
	end    func()
	log    *journal
}

type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(unit, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, unit+": "+fmt.Sprintf(format, args...))
}

func (j *journal) has(text string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.ContainsFunc(j.lines, func(line string) bool { return strings.Contains(line, text) })
}

// lost is when workers are lost in tests.
var lost = time.Second

// open starts a server on store, with a keeper.
func open(t *testing.T, store, listen string, to *shelf) *site {
	t.Helper()
	return openWith(t, ServerOptions{Store: store, Listen: listen}, to)
}

func openWith(t *testing.T, o ServerOptions, to *shelf) *site {
	t.Helper()
	s := &site{t: t, store: o.Store, log: &journal{}}
	o.Log = s.log.add
	var err error
	if s.server, err = Serve(o); err != nil {
		t.Fatal(err)
	}
	client, err := s.server.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.keeper = &Keeper{Finished: to.finished, Store: to.store, Settings: Settings{Lost: lost}, Log: s.log.add, Alone: true}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.keeper.Keep(ctx, client, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	s.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		client.Close()
		s.server.Close()
	})
	t.Cleanup(func() { s.end() })
	return s
}

func (s *site) connect(role string) *Client {
	s.t.Helper()
	c, err := Connect(s.t.Context(), Connection{To: s.store, Role: role, Log: s.log.add})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// work starts a worker; stop ends it and waits.
func (s *site) work(w Worker) (stop func()) {
	s.t.Helper()
	return s.workBy(s.connect(WorkerRole), w)
}

// workBy is work by way of c.
func (s *site) workBy(c *Client, w Worker) (stop func()) {
	w.Class, w.Log = CPU, s.log.add
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := w.Work(ctx, c); err != nil {
			s.log.add("", "worker %s: %v", w.Name, err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	s.t.Cleanup(stop)
	return stop
}

func numbered(n int) []Unit {
	var units []Unit
	for i := range n {
		units = append(units, Unit{Name: fmt.Sprintf("space/unit-%d, x=1", i), Class: CPU, Spec: json.RawMessage(`{"n":` + fmt.Sprint(i) + `}`)})
	}
	return units
}

// echo is a unit's work: its spec as a file.
func echo(_ context.Context, job *Job) (map[string][]byte, error) {
	return map[string][]byte{"result": job.Unit.Spec}, nil
}

// until waits for a state of the queue.
func (s *site) until(what string, ok func(Status) bool) Status {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		now := s.keeper.Status()
		if ok(now) {
			return now
		}
		if time.Now().After(end) {
			s.t.Fatalf("not within a minute: %s; %+v\n%s", what, now.Counts, strings.Join(s.log.lines, "\n"))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func all(state State, n int) func(Status) bool {
	return func(s Status) bool { return s.Counts[state] == n }
}

func TestUnitsAreDoneOnceBySeveralWorkers(t *testing.T) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	for i := range 3 {
		s.work(Worker{Name: fmt.Sprint("w", i), Jobs: 2, Do: echo})
	}
	got, err := s.connect(SubmitRole).Submit(t.Context(), numbered(40))
	if err != nil || got.New != 40 || got.Done != 0 {
		t.Fatalf("Submit = %+v, %v", got, err)
	}
	s.until("40 done", all(Done, 40))
	for _, u := range numbered(40) {
		if string(to.files[u.Name]["result"]) != string(u.Spec) || to.stored[u.Name] != 1 {
			t.Errorf("%s: files %q, stored %d times", u.Name, to.files[u.Name], to.stored[u.Name])
		}
	}
	if got, err := s.connect(SubmitRole).Submit(t.Context(), numbered(41)); err != nil || got.New != 1 || got.Done != 40 {
		t.Errorf("again with one more: %+v, %v", got, err)
	}
	s.until("41 done", all(Done, 41))
}

func TestQueueThatIsLostIsSubmittedAgain(t *testing.T) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(5)); err != nil {
		t.Fatal(err)
	}
	s.until("5 done", all(Done, 5))
	s.end()
	s = open(t, t.TempDir(), "", to)
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	got, err := s.connect(SubmitRole).Submit(t.Context(), numbered(8))
	if err != nil || got.New != 8 || got.Done != 5 {
		t.Errorf("Submit = %+v, %v, want 5 done", got, err)
	}
	s.until("8 done", all(Done, 8))
	for name, n := range to.stored {
		if n != 1 {
			t.Errorf("%s: stored %d times", name, n)
		}
	}
}

func TestServerStartsAgainOnItsStore(t *testing.T) {
	to, store := newShelf(), t.TempDir()
	s := open(t, store, "", to)
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(10)); err != nil {
		t.Fatal(err)
	}
	s.end()
	s = open(t, store, "", to)
	if got := s.keeper.Status(); got.Counts[Queued] != 10 {
		t.Errorf("after the start: %+v", got.Counts)
	}
	s.work(Worker{Name: "w", Jobs: 2, Do: echo})
	s.until("10 done", all(Done, 10))
}

// A worker that is stopped in the middle leaves its checkpoint, with which another goes on.
func TestUnitGoesOnFromACheckpoint(t *testing.T) {
	for _, how := range []string{"given back", "lost"} {
		t.Run(how, func(t *testing.T) {
			to := newShelf()
			s := open(t, t.TempDir(), "", to)
			begun := make(chan struct{})
			first := Worker{Name: "first", Jobs: 1, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
				if err := job.Send(ctx, map[string][]byte{"state": []byte("half")}); err != nil {
					return nil, err
				}
				job.Tell(Progress{Part: 0.5, Text: "epoch 1/2"})
				close(begun)
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			if how == "lost" {
				first.Stall = time.Millisecond
			}
			stop := s.work(first)
			if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(1)); err != nil {
				t.Fatal(err)
			}
			<-begun
			if how == "given back" {
				stop()
			}
			s.work(Worker{Name: "second", Jobs: 1, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
				point, err := job.Checkpoint(ctx)
				return map[string][]byte{"result": append(point["state"], " and the rest"...)}, err
			}})
			now := s.until("done", all(Done, 1))
			if content := string(to.files[numbered(1)[0].Name]["result"]); content != "half and the rest" {
				t.Errorf("result %q", content)
			}
			wantLost := map[string]int{"given back": 0, "lost": 1}[how]
			if got := now.Shown[0].Entry; got.Try != 2 || got.Lost != wantLost || got.Worker != "second" {
				t.Errorf("entry %+v, want the second try, %d lost", got, wantLost)
			}
			if r := now.Retries; r.TakenOver != wantLost || r.GivenBack != 1-wantLost {
				t.Errorf("%+v, want it %s once", r, how)
			}
		})
	}
}

// A unit whose worker is alive is nobody else's, even where the queue gives it out again, as a
// server does that has forgotten it was taken.
func TestUnitOfALivingWorkerIsNotTaken(t *testing.T) {
	s := open(t, t.TempDir(), "", newShelf())
	c := s.connect(WorkerRole)
	u := numbered(1)[0]
	e, revision := Entry{State: Running, Worker: "other", Try: 1}, uint64(0)
	beat := func() {
		var err error
		if revision, err = c.replace(t.Context(), u.ID(), e, revision); err != nil {
			t.Fatal(err)
		}
	}
	beat()
	var taken atomic.Bool
	s.work(Worker{Name: "w", Jobs: 1, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
		taken.Store(true)
		return echo(ctx, job)
	}})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), []Unit{u}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * lost); time.Now().Before(end); time.Sleep(lost / 5) {
		if taken.Load() {
			t.Fatal("it is taken from a worker that is alive")
		}
		beat()
	}
	if got := s.until("done once that one is not heard of", all(Done, 1)).Shown[0].Entry; got.Try != 2 || got.Lost != 1 {
		t.Errorf("%+v, want the second try", got)
	}
}

// A worker that slept until another had its unit cannot deliver it.
func TestZombieDeliversNothing(t *testing.T) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	begun, wake, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.work(Worker{Name: "zombie", Jobs: 1, Stall: time.Millisecond, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
		close(begun)
		<-wake
		defer close(ended)
		return map[string][]byte{"result": []byte("of the zombie")}, nil
	}})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	<-begun
	s.work(Worker{Name: "second", Jobs: 1, Do: echo})
	s.until("done", all(Done, 1))
	close(wake)
	<-ended
	for end := time.Now().Add(20 * time.Second); !s.log.has("thrown away") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	name := numbered(1)[0].Name
	if string(to.files[name]["result"]) == "of the zombie" || to.stored[name] != 1 || !s.log.has("thrown away") {
		t.Errorf("files %q, stored %d times, log %q", to.files[name], to.stored[name], s.log.lines)
	}
}

func TestFailures(t *testing.T) {
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	good := atomic.Bool{}
	s.work(Worker{Name: "w", Jobs: 1, Do: func(_ context.Context, job *Job) (map[string][]byte, error) {
		if good.Load() {
			return map[string][]byte{"result": nil}, nil
		}
		return nil, Failure{Err: errors.New("it diverges"), Files: map[string][]byte{"failure": nil}}
	}})
	submit := s.connect(SubmitRole)
	if _, err := submit.Submit(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	got := s.until("failed", all(Failed, 1)).Shown[0].Entry
	if got.Error != "it diverges" || len(to.files) != 0 {
		t.Errorf("%+v, files %v", got, to.files)
	}
	good.Store(true)
	if again, err := submit.Submit(t.Context(), numbered(1)); err != nil || again.Retried != 1 {
		t.Errorf("submitted again: %+v, %v", again, err)
	}
	s.until("done", all(Done, 1))
}

// Deliveries that are none are done again, and a disk that is full for a while loses nothing.
func TestDeliveriesThatCannotBeStored(t *testing.T) {
	to := newShelf()
	tries := 0
	to.refuse = func(Unit, map[string][]byte) error {
		tries++
		switch tries {
		case 1:
			return Bad{errors.New("not the result of this unit")}
		case 2:
			return errors.New("no space left on device")
		}
		return nil
	}
	s := open(t, t.TempDir(), "", to)
	s.work(Worker{Name: "w", Jobs: 1, Do: echo})
	if _, err := s.connect(SubmitRole).Submit(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	got := s.until("done", all(Done, 1))
	if e := got.Shown[0].Entry; tries != 3 || e.Try != 2 || e.Lost != 1 || got.Retries.Refused != 1 {
		t.Errorf("%d tries to store, entry %+v, %+v", tries, e, got.Retries)
	}
}

func TestTwoServersOnOneStore(t *testing.T) {
	store := t.TempDir()
	open(t, store, "", newShelf())
	if _, err := Serve(ServerOptions{Store: store}); err == nil || !strings.Contains(err.Error(), "another server has it open") {
		t.Errorf("a second server: %v", err)
	}
}
