package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/provenance"
	"idarts/internal/queue"
	"idarts/internal/result"
	"idarts/internal/work"
	"idarts/runners"
	"idarts/runners/micro"
)

// Worker does runs for a queue.
type Worker struct {
	Data, Table string // see [runners.Inputs]
	Out         string // folder to work in; each worker has one of its own in it, which ends with it
	Device      string // see package device
	Jobs        int    // runs at a time; 0: one for each core
	Idle        time.Duration
	Stall       time.Duration
	// Every is how often a checkpoint is sent at most.
	Every time.Duration
	Log   queue.Log
}

// Work takes runs until ctx ends, or as w says. Before it ends it sends checkpoints of what it
// has begun.
func (w Worker) Work(ctx context.Context, c *queue.Client) (queue.Counts, error) {
	own, release, err := ownFolder(w.Out)
	if err != nil {
		return queue.Counts{}, err
	}
	defer release()
	jobs := work.Options{Jobs: w.Jobs}.AtATime(1 << 20)
	class := classOf(w.Device)
	devices, closeAll, err := device.OpenEach(jobs, w.Device, 32, work.WorkersEach(jobs))
	if err != nil {
		return queue.Counts{}, err
	}
	defer closeAll()
	host := provenance.Host()
	o := &worker{
		Worker: w, devices: devices,
		hand: &runners.Hand{Inputs: runners.Inputs{Data: w.Data, Table: w.Table, Out: own, Note: func(format string, args ...any) { w.Log("", format, args...) }}, Device: w.Device},
	}
	q := &queue.Worker{
		Name: fmt.Sprintf("%s-%d-%s", keyed(host), os.Getpid(), filepath.Base(own)), Class: class, Jobs: jobs,
		Machine: fmt.Sprintf("%s, %s", host, provenance.Machine(work.WorkersEach(jobs))),
		Do:      o.do, Log: w.Log, Idle: w.Idle, Stall: w.Stall,
	}
	if class == queue.GPU {
		q.Machine = host + ", " + devices[0].Name()
	}
	return q.Work(ctx, c)
}

// keyed is a name with letters that keys may have.
func keyed(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, name)
}

const folderPrefix = "worker-"

// ownFolder makes a folder that no other worker has, and deletes those of killed ones.
func ownFolder(out string) (own string, release func(), err error) {
	if err := work.Writable(out); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return "", nil, fmt.Errorf("cluster: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), folderPrefix) && e.IsDir() {
			work.Discard(filepath.Join(out, e.Name())) // one that is held stays
		}
	}
	if own, err = os.MkdirTemp(out, folderPrefix+"*"); err != nil {
		return "", nil, fmt.Errorf("cluster: %w", err)
	}
	unlock, err := durable.Claim(durable.LockFile(own))
	if err != nil {
		return "", nil, err
	}
	return own, func() { os.RemoveAll(own); unlock() }, nil
}

type worker struct {
	Worker
	hand    *runners.Hand
	devices []exec.Device
}

// do does one unit.
func (w *worker) do(ctx context.Context, job *queue.Job) (map[string][]byte, error) {
	t, err := thingOf(job.Unit)
	if err != nil {
		return nil, queue.Failure{Err: err}
	}
	at := &watcher{Job: job, every: w.Every, log: w.Log}
	switch t := t.(type) {
	case part:
		content, err := t.shard.Train(ctx, t.of, micro.GridDir(w.hand.Out, t.of), w.devices[job.Slot], trainings{at, len(t.shard.Tasks)})
		if errors.Is(err, micro.ErrOther) {
			err = queue.Stop{Err: err}
		}
		return map[string][]byte{shardFile: content}, err
	case runners.Unit:
		return w.run(ctx, job, t, at)
	}
	return nil, queue.Failure{Err: fmt.Errorf("cluster: unit %q is nothing that is known here", job.Unit.Name)}
}

// trainings tells of a shard, whose parts are its trainings.
type trainings struct {
	*watcher
	all int
}

func (t trainings) Move(done float64, _ string) {
	t.watcher.Move(done/float64(t.all), fmt.Sprintf("training %.0f/%d", min(done+1, float64(t.all)), t.all))
}

// run does a run.
func (w *worker) run(ctx context.Context, job *queue.Job, u runners.Unit, at *watcher) (map[string][]byte, error) {
	if err := w.resume(ctx, job, u); err != nil {
		return nil, err
	}
	dir, err := w.hand.Do(ctx, u, job.Try, w.devices[job.Slot], at)
	if dir != "" {
		defer os.RemoveAll(dir)
	}
	switch {
	case err == nil:
		return runners.Pack(dir)
	case ctx.Err() != nil:
		if !errors.Is(context.Cause(ctx), queue.ErrTaken) {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
			defer cancel()
			at.send(last)
		}
		return nil, err
	case errors.Is(err, runners.ErrOther):
		return nil, queue.Stop{Err: err}
	case runners.Own(err):
		files, packErr := runners.Pack(dir)
		return nil, queue.Failure{Err: errors.Join(err, packErr), Files: files}
	}
	return nil, err
}

// resume puts the last checkpoint of a unit where the run looks for it.
func (w *worker) resume(ctx context.Context, job *queue.Job, u runners.Unit) error {
	if job.Try == 1 {
		return nil
	}
	files, err := job.Checkpoint(ctx)
	if err != nil {
		w.Log(job.Unit.Name, "starts over: %v", err)
		return nil
	}
	return w.hand.UnpackCheckpoint(u, files)
}

// watcher tells the queue how far a run is.
type watcher struct {
	*queue.Job
	every time.Duration
	log   queue.Log

	mu    sync.Mutex
	now   queue.Progress
	dir   string // of the last checkpoint
	fresh bool   // it was not sent
	sent  time.Time
}

// Move implements [work.Teller].
func (w *watcher) Move(part float64, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := strings.LastIndex(text, "epoch "); at >= 0 { // whose epoch it is says the unit's name
		text = text[at:]
	}
	w.now.Part, w.now.Text = part, text
	w.Tell(w.now)
}

// Note implements [work.Teller].
func (w *watcher) Note(format string, args ...any) { w.log(w.Unit.Name, format, args...) }

// Alive implements [runners.Cluster].
func (w *watcher) Alive() { w.Touch() }

// Saved implements [runners.Watcher].
func (w *watcher) Saved(dir string, events []result.Event) {
	w.mu.Lock()
	last := events[len(events)-1]
	w.now.Loss, w.now.Curve = last.ValidLoss, curve(events)
	w.Tell(w.now)
	w.dir, w.fresh = dir, true
	due := time.Since(w.sent) >= w.every
	w.mu.Unlock()
	if due {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		w.send(ctx)
	}
}

// send sends the last checkpoint. Without it a successor does more again, and nothing else.
func (w *watcher) send(ctx context.Context) {
	w.mu.Lock()
	dir, fresh := w.dir, w.fresh
	w.mu.Unlock()
	if !fresh {
		return
	}
	files, err := runners.PackCheckpoint(dir)
	if err == nil {
		err = w.Send(ctx, files)
	}
	if err != nil {
		w.log(w.Unit.Name, "its checkpoint is not sent: %v", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fresh, w.sent = false, time.Now()
}

// points is how many of a curve are shown at most.
const points = 100

// curve is the validation accuracy of what was derived, by epoch.
func curve(events []result.Event) []float64 {
	var all []float64
	for _, e := range events {
		if e.Score.Source != "" {
			all = append(all, e.Score.Valid)
		}
	}
	step := (len(all) + points - 1) / points
	if step <= 1 {
		return all
	}
	var some []float64
	for i := len(all) - 1; i >= 0; i -= step {
		some = append([]float64{all[i]}, some...)
	}
	return some
}
