package main

import (
	"bytes"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"idarts/internal/device"
	"idarts/internal/longtest"
	"idarts/internal/result"
)

// process is the program in a process of its own.
type process struct {
	*exec.Cmd
	t     *testing.T
	mu    sync.Mutex
	text  bytes.Buffer // all that it wrote
	ended chan struct{}
}

// Write takes what the process writes.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// start starts the program in dir; it is killed at the end of the test.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(program, args...), t: t, ended: make(chan struct{})}
	p.Dir, p.Stdout, p.Stderr = dir, p, p
	p.Env = append(os.Environ(), asProgram+"=1")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Wait(); close(p.ended) }()
	t.Cleanup(func() { p.Process.Kill(); <-p.ended })
	return p
}

// until waits for a text.
func (p *process) until(text string) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); !strings.Contains(p.said(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%q does not say %q within a minute: %s", p.Args, text, p.said())
		}
	}
}

// stop asks the process to end and gives its status.
func (p *process) stop() int {
	p.Process.Signal(syscall.SIGTERM)
	<-p.ended
	return p.ProcessState.ExitCode()
}

// run runs the program to its end.
func run(t *testing.T, dir string, args ...string) (said string, status int) {
	t.Helper()
	p := start(t, dir, args...)
	<-p.ended
	return p.said(), p.ProcessState.ExitCode()
}

// files are those below dir by name, but for what tells of times.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "timing.json" || e.Name() == "seconds.json" {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same compares two output folders.
func same(t *testing.T, got, want string) {
	t.Helper()
	a, b := files(t, got), files(t, want)
	for name, content := range b {
		switch there, ok := a[name]; {
		case !ok:
			t.Errorf("%s is missing", name)
		case there != content:
			t.Errorf("%s has other bytes", name)
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			t.Errorf("%s is too much", name)
		}
	}
}

// A grid as README has it, in processes of their own: a server without a port, two workers in
// turn, the first of which is stopped in the middle; the same bytes as of one process.
func TestGridOfProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("a dozen seconds")
	}
	t.Parallel() // most of it is waiting
	dir := t.TempDir()
	serve := start(t, dir, "grid", "serve", "--lost-after", "2s", "--page", "127.0.0.1:0")
	serve.until("page: ")
	grid := []string{"--protocol", "quick", "--methods", "darts-v1,random", "--seeds", "0-2"}
	submit := append([]string{"grid", "submit"}, grid...)
	if said, status := run(t, dir, submit...); status != 0 || said != "6 runs: 6 new, 0 done before, 0 tried again\n" {
		t.Fatalf("submit: status %d, %q", status, said)
	}
	first := start(t, dir, "grid", "work", "--jobs", "1", "--device", "cpu:plain", "--checkpoint-every", "0s", "--out", "first")
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if said, _ := run(t, dir, "grid", "status"); strings.Contains(said, "epoch 2/") || time.Now().After(end) {
			break
		}
	}
	if status := first.stop(); status != 0 || !strings.Contains(first.said(), "1 given back, 0 lost to others\n") {
		t.Errorf("a worker that was stopped: status %d, %q", status, first.said())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "first", "worker-*")); left != nil {
		t.Errorf("it leaves %q", left)
	}
	second := start(t, dir, "grid", "work", "--jobs", "2", "--idle", "3s", "--log", "json")
	<-second.ended
	if status := second.ProcessState.ExitCode(); status != 0 || !strings.Contains(second.said(), `"machine":`) || !strings.Contains(second.said(), `"unit":"nb201/fashion16/quick/darts-v1/seed-1"`) {
		t.Errorf("the second worker: status %d, %q", status, second.said())
	}
	if said, status := run(t, dir, "grid", "status", "--all"); status != 0 || !strings.Contains(said, "\n6 of 6 runs are done, 0 running") || strings.Count(said, "  done ") != 6 {
		t.Errorf("status: %d, %q", status, said)
	}
	at := strings.TrimSpace(serve.said()[strings.LastIndex(serve.said(), "page: ")+6:])
	at, _, _ = strings.Cut(at, "\n")
	for _, want := range [][2]string{{"", "idarts grid"}, {"files", `"table.txt"`}, {"files/table.txt", "3/3 seeds"}, {"metrics", `idarts_units{state="done"} 6`}} {
		answer, err := http.Get(at + want[0])
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		text.ReadFrom(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(text.String(), want[1]) {
			t.Errorf("%s%s: %s, %q", at, want[0], answer.Status, text.String())
		}
	}
	if said, status := run(t, dir, submit...); status != 0 || said != "6 runs: 0 new, 6 done before, 0 tried again\n" {
		t.Errorf("submitted again: status %d, %q", status, said)
	}
	if status := serve.stop(); status != statusInterrupted {
		t.Errorf("the server: status %d, %q", status, serve.said())
	}
	if said, status := run(t, dir, append([]string{"run", "--out", "alone"}, grid...)...); status != 0 {
		t.Fatalf("alone: %q", said)
	}
	same(t, filepath.Join(dir, "out"), filepath.Join(dir, "alone"))
	// The tables say which processors there were, where that is more than one, and records how
	// often a run was begun.
	said, status := run(t, dir, "table", "--out", "out", "--format", "md")
	differ := "plain. All of them give the bits of cpu float32 fma v2, so that no number depends on it."
	if set := device.Instructions("cpu"); status != 0 || strings.Contains(said, differ) != (set != "plain") {
		t.Errorf("with instruction set %q: status %d, %s", set, status, said)
	}
	runs, _, err := result.Load(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	for _, r := range runs {
		attempts = max(attempts, r.Timing.Attempts)
		if len(r.Timing.Places) == 0 || r.Timing.Places[0].Host == "" || r.Timing.Places[0].From != 1 {
			t.Errorf("%s: places %+v", r.Cell, r.Timing.Places)
		}
	}
	if attempts != 2 {
		t.Errorf("a run was begun %d times, want 2", attempts)
	}
}

// Shards of a benchmark are trained by the workers of a grid, and a build reads them.
func TestShardsOfAGrid(t *testing.T) {
	t.Parallel() // most of it is waiting
	longtest.Needed(t)
	dir := t.TempDir()
	start(t, dir, "grid", "serve", "--page", "off").until("keeping the queue")
	if said, status := run(t, dir, "bench", "submit"); status != 0 || !strings.HasPrefix(said, "round 1 of 3: 227 shards: 227 new") {
		t.Fatalf("status %d, %q", status, said)
	}
	waits := start(t, dir, "bench", "submit", "--wait", "--out", "out")
	work := start(t, dir, "grid", "work", "--jobs", "1")
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Second) {
		if there, _ := filepath.Glob(filepath.Join(dir, "out/bench/nb201-micro/shards/*.arrow")); len(there) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no shard within five minutes: ", work.said())
		}
	}
	work.stop()
	if status := waits.stop(); status != statusInterrupted || !strings.Contains(waits.said(), "227 shards: 0 new") {
		t.Errorf("who waits: status %d, %q", status, waits.said())
	}
	if said, _ := run(t, dir, "bench", "submit"); !strings.Contains(said, "25 of 10353 trainings are there") {
		t.Errorf("one shard is there: %q", said)
	}
	if said, status := run(t, dir, "bench", "build", "--out", "out/bench/nb201-micro", "--limit", "1ms"); status != statusInterrupted || !strings.Contains(said, "interrupted with 10328 of 10353") {
		t.Errorf("a build of it: status %d, %q", status, said)
	}
}

// Two pods that are given one index at a time, on a folder where locks do not hold: the same
// bytes, and one of them has done it.
func TestTwoPodsWithOneIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some processes")
	}
	t.Parallel() // most of it is waiting
	dir := t.TempDir()
	args := []string{"run", "--protocol", "quick", "--methods", "darts-v1", "--seeds", "0-1", "--cell", "1", "--claims", "leases"}
	one, other := start(t, dir, args...), start(t, dir, args...)
	<-one.ended
	<-other.ended
	both := one.said() + other.said()
	if one.ProcessState.ExitCode() != 0 || other.ProcessState.ExitCode() != 0 || strings.Count(both, "1 runs done") != 1 || strings.Count(both, "1 done elsewhere")+strings.Count(both, "1 reused") != 1 {
		t.Errorf("%s\n%s", one.said(), other.said())
	}
	if said, status := run(t, dir, append(args, "--out", "alone")...); status != 0 {
		t.Fatal(said)
	}
	same(t, filepath.Join(dir, "out"), filepath.Join(dir, "alone"))
}

// What is told to those who cannot connect, and who should not.
func TestGridRefusals(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some processes")
	}
	t.Parallel() // most of it is waiting
	dir := t.TempDir()
	if said, status := run(t, dir, "grid", "work"); status != 1 || !strings.Contains(said, `no server on the store "grid"`) {
		t.Errorf("no server: status %d, %q", status, said)
	}
	if err := os.WriteFile(filepath.Join(dir, "wrong"), []byte("worker:00000000000000000000000000000000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	early := start(t, dir, "grid", "work", "--connect", "nats://127.0.0.1:1", "--token-file", "wrong")
	early.until("is idarts grid serve running there, with --listen?; waiting for it")
	if status := early.stop(); status != statusInterrupted {
		t.Errorf("a worker that waits for a server: status %d, %q", status, early.said())
	}
	serve := start(t, dir, "grid", "serve", "--listen", "127.0.0.1:0", "--page", "off")
	serve.until("listening on 127.0.0.1:")
	_, rest, _ := strings.Cut(serve.said(), "listening on ")
	at, _, _ := strings.Cut(rest, ";")
	if _, _, err := net.SplitHostPort(at); err != nil {
		t.Fatal(err)
	}
	if said, status := run(t, dir, "grid", "serve", "--page", "off"); status != 1 || !strings.Contains(said, `idarts: queue: store "grid": another server has it open`) {
		t.Errorf("two servers: status %d, %q", status, said)
	}
	for name, args := range map[string][]string{
		"no token":                         {"grid", "work"},
		"a wrong token":                    {"grid", "work", "--token-file", "wrong"},
		"a token of a worker to submit by": {"grid", "submit", "--protocol", "quick", "--seeds", "0", "--token-file", "grid/worker.token"},
	} {
		said, status := run(t, dir, append(args, "--connect", "nats://"+at)...)
		if status != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "token") {
			t.Errorf("%s: status %d, %q, want one line on the token", name, status, said)
		}
	}
	if said, status := run(t, dir, "grid", "status", "--connect", "nats://"+at, "--token-file", "grid/submit.token"); status != 0 || said != "0 of 0 runs are done, 0 running, 0 arriving, 0 queued, 0 failed\n" {
		t.Errorf("with the token: status %d, %q", status, said)
	}
	serve.until("authentication error")
	// A result that is damaged is made again.
	if said, status := run(t, dir, "run", "--protocol", "quick", "--methods", "random", "--seeds", "0"); status != 0 {
		t.Fatal(said)
	}
	damaged := filepath.Join(dir, "out", "nb201", "fashion16", "quick", "random", "seed-0", "result.json")
	if err := os.WriteFile(damaged, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, status := run(t, dir, "grid", "submit", "--protocol", "quick", "--methods", "random", "--seeds", "0"); status != 0 || said != "1 runs: 1 new, 0 done before, 0 tried again\n" {
		t.Errorf("a damaged result: status %d, %q", status, said)
	}
	work := start(t, dir, "grid", "work", "--idle", "2s", "--jobs", "1")
	<-work.ended
	if said, status := run(t, dir, "status"); status != 0 || !strings.Contains(said, "1 of 1 runs are done") {
		t.Errorf("made again: status %d, %q; %s", status, said, work.said())
	}
}
