package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"idarts/internal/longtest"
)

// Units and workers that do nothing for 50 ms, ten thousand and two hundred of them in make
// chaos: how long it takes to submit, to drain, to ask; and what it takes of memory. It prints,
// and fails only where a unit is missing.
func TestLoad(t *testing.T) {
	change(t, &lost, DefaultLost)
	n, crew := 500, 50
	if os.Getenv("IDARTS_CHAOS") != "" {
		n, crew = 10_000, 200
	} else {
		longtest.Needed(t)
	}
	to := newShelf()
	s := open(t, t.TempDir(), "", to)
	units := make([]Unit, n)
	spec, err := json.Marshal(make([]int, 1000)) // as large as that of a run
	if err != nil {
		t.Fatal(err)
	}
	for i := range units {
		units[i] = Unit{Name: fmt.Sprintf("space/data/protocol/method/seed-%d", i), Class: CPU, Spec: spec}
	}
	began := time.Now()
	if _, err := s.connect(SubmitRole).Submit(t.Context(), units); err != nil {
		t.Fatal(err)
	}
	submitted := time.Since(began)
	began = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range crew {
		c := s.connect(WorkerRole)
		all.Go(func() {
			w := Worker{Name: fmt.Sprint("w", i), Class: CPU, Jobs: 1, Do: func(ctx context.Context, job *Job) (map[string][]byte, error) {
				pause(ctx, 50*time.Millisecond)
				return map[string][]byte{"result": []byte(job.Unit.Name)}, nil
			}}
			w.Work(ctx, c)
		})
	}
	var slowest time.Duration
	ask := s.connect(SubmitRole)
	for end := time.Now().Add(20 * time.Minute); s.keeper.Status().Counts[Done] < n && time.Now().Before(end); time.Sleep(time.Second) {
		asked := time.Now()
		if _, err := ask.Status(t.Context()); err != nil {
			t.Error(err)
		}
		slowest = max(slowest, time.Since(asked))
	}
	drained := time.Since(began)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	stats, err := s.server.nats.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d units, %d workers: submitted in %v, drained in %v (%.0f a second), status in %v at most; %d MB of memory, %.0f messages a second",
		n, crew, submitted.Round(time.Millisecond), drained.Round(time.Millisecond), float64(n)/drained.Seconds(), slowest.Round(time.Millisecond),
		memory.Sys>>20, float64(stats.InMsgs+stats.OutMsgs)/drained.Seconds())
	cancel()
	all.Wait()
	if got := len(to.names()); got != n {
		t.Errorf("%d units are stored", got)
	}
	for name, times := range to.stored {
		if times != 1 {
			t.Errorf("%s is stored %d times", name, times)
		}
	}
}
