package runners

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// sharedOut makes this test program run the grid of [sharedGrid] there, one run at a
// time, and print a [shareReport]. sharedMark is the path of a file that it makes when
// its score is asked for the first time; it then waits for the file sharedOther. With
// no other it makes the file when it is asked for the second time, and waits for ever.
const (
	sharedOut   = "IDARTS_TEST_SHARED_OUT"
	sharedMark  = "IDARTS_TEST_SHARED_MARK"
	sharedOther = "IDARTS_TEST_SHARED_OTHER"
	// sharedLease has the process lock by leases of so long.
	sharedLease = "IDARTS_TEST_SHARED_LEASE"
)

const shortLease = time.Second

// shareReport is what a process says that shares a grid.
type shareReport struct {
	work.Summary
	Scored, Trained int // how often a score was asked for, and how many cells were trained for it
}

// sharedGrid has two runs. onScore is called before each score.
func sharedGrid(out string, report *shareReport, onScore func(n int)) *Grid {
	g := grid(out, []uint64{0}, "darts-v1", "random")
	g.Jobs = 1
	whole := g.Bench
	var scored, trained atomic.Int32
	g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
		b, err := whole(p, fresh)
		if err != nil {
			return nil, err
		}
		inner := b.Scorer.(*TrainedScorer)
		train := inner.Train
		inner.Train = func(ctx context.Context, arch string, trial uint64, d exec.Device) (valid, test float64, err error) {
			report.Trained = int(trained.Add(1))
			return train(ctx, arch, trial, d)
		}
		b.Scorer = scorerFunc(func(ctx context.Context, arch string, d exec.Device) (result.Scored, error) {
			report.Scored = int(scored.Add(1))
			onScore(report.Scored)
			return inner.Score(ctx, arch, d)
		})
		return b, nil
	}
	return g
}

// shareChild is the process that the constants above describe.
func shareChild(out string) {
	mark, other := os.Getenv(sharedMark), os.Getenv(sharedOther)
	if os.Getenv(sharedLease) != "" {
		durable.UseLeases(shortLease)
	}
	var report shareReport
	g := sharedGrid(out, &report, func(n int) {
		switch {
		case other == "" && n == 2:
			os.WriteFile(mark, nil, 0o644)
			select {}
		case other != "" && n == 1:
			os.WriteFile(mark, nil, 0o644)
			await(other)
		}
	})
	var err error
	if report.Summary, err = g.Run(context.Background()); err != nil || len(report.Failed) > 0 {
		fmt.Fprintln(os.Stderr, err, report.Failed)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(report)
	os.Exit(0)
}

// await waits for a file that another process makes, unless that one seems dead.
func await(path string) {
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	panic("no " + path)
}

// startChild starts the process.
func startChild(t *testing.T, out, mark, other string, env ...string) (cmd *osexec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	cmd = osexec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), sharedOut+"="+out, sharedMark+"="+mark, sharedOther+"="+other), env...)
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, stdout, stderr
}

// alone is what one process makes of the grid.
func alone(t *testing.T) (files map[string]string, report shareReport) {
	t.Helper()
	out := t.TempDir()
	report.Summary = mustRun(t, sharedGrid(out, &report, func(int) {}))
	if report.Done != 2 || report.Scored < 4 {
		t.Fatalf("one process gives %+v, want 2 runs done", report)
	}
	return contents(t, out), report
}

// Two processes are each in the middle of a run when they meet, so each must find the
// other's held. Cells behind scores are trained once by both together.
func TestTwoProcessesShareAGrid(t *testing.T) {
	t.Run("locks", func(t *testing.T) { twoShareAGrid(t) })
	t.Run("leases", func(t *testing.T) { twoShareAGrid(t, sharedLease+"=1") })
}

func twoShareAGrid(t *testing.T, env ...string) {
	want, one := alone(t)
	out, marks := t.TempDir(), t.TempDir()
	a, b := filepath.Join(marks, "a"), filepath.Join(marks, "b")
	first, firstOut, firstErr := startChild(t, out, a, b, env...)
	second, secondOut, secondErr := startChild(t, out, b, a, env...)
	if err := first.Wait(); err != nil {
		t.Fatalf("the first: %v: %s", err, firstErr)
	}
	if err := second.Wait(); err != nil {
		t.Fatalf("the second: %v: %s", err, secondErr)
	}
	var both [2]shareReport
	for i, text := range []*bytes.Buffer{firstOut, secondOut} {
		if err := json.Unmarshal(text.Bytes(), &both[i]); err != nil {
			t.Fatal(err)
		}
		if got := both[i]; got.Done != 1 || got.Elsewhere != 1 {
			t.Errorf("process %d: %+v, want 1 run done and 1 elsewhere", i, got)
		}
	}
	if n := both[0].Trained + both[1].Trained; n != one.Trained {
		t.Errorf("%d cells trained by both, %d by one process", n, one.Trained)
	}
	compare(t, contents(t, out), want)
}

// watch calls seen once, when all of what is written to it has text.
type watch struct {
	all  strings.Builder
	text string
	seen func()
}

func (w *watch) Write(b []byte) (int, error) {
	w.all.Write(b)
	if w.seen != nil && strings.Contains(w.all.String(), w.text) {
		w.seen()
		w.seen = nil
	}
	return len(b), nil
}

// A process that has nothing left but the run of another takes it over when that one
// is killed, after its last finished epoch.
func TestTheRunOfAKilledProcessIsTakenOver(t *testing.T) {
	want, one := alone(t)
	out, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
	child, _, _ := startChild(t, out, mark, "")
	await(mark)
	var report shareReport
	g := sharedGrid(out, &report, func(int) {})
	cells, err := g.cells()
	if err != nil {
		t.Fatal(err)
	}
	log := &watch{text: "done: " + cells[1].String(), seen: func() {
		if !durable.Held(cells[0].Dir(out)) {
			t.Errorf("%s is not held by the other process", cells[0])
		}
		child.Process.Kill()
		child.Wait()
	}}
	g.Log = log
	sum := mustRun(t, g)
	if sum.Done != 2 || report.Scored != one.Scored-1 {
		t.Errorf("%+v with %d scores, want 2 done, all but the first of %d scores", sum, report.Scored, one.Scored)
	}
	if log.seen != nil {
		t.Errorf("the log has no %q: %s", log.text, log.all.String())
	}
	compare(t, contents(t, out), want)
}

// The tasks of an array run one cell each, and leave nothing of the others.
func TestOneCellOfAGrid(t *testing.T) {
	want, _ := alone(t)
	out := t.TempDir()
	for number := range 2 {
		g := grid(out, []uint64{0}, "darts-v1", "random")
		g.Cell = &number
		if sum := mustRun(t, g); sum.Done != 1 || sum.Reused != 0 {
			t.Errorf("cell %d: %+v, want 1 done", number, sum)
		}
		if found, _ := filepath.Glob(filepath.Join(out, "*/*/*/*/*/"+result.ConfigFile)); len(found) != number+1 {
			t.Errorf("after cell %d the runs %q are there", number, found)
		}
	}
	compare(t, contents(t, out), want)
	for _, number := range []int{-1, 2} {
		g := grid(out, []uint64{0}, "darts-v1", "random")
		g.Cell = &number
		_, err := g.Run(t.Context())
		if text := fmt.Sprintf("runners: cell %d: the grid has 2, want 0 to 1", number); err == nil || err.Error() != text {
			t.Errorf("cell %d: error %v, want %q", number, err, text)
		}
		if dry := g.DryRun(t.Context(), io.Discard); dry == nil || dry.Error() != err.Error() {
			t.Errorf("cell %d: a dry run gives %v, want %v", number, dry, err)
		}
	}
}

// What a run of another process ended with is what it ended with for us, until the
// next time.
func TestARunThatFailsElsewhereHasFailed(t *testing.T) {
	out := t.TempDir()
	other := grid(out, []uint64{0}, "darts-v1")
	whole := other.Bench
	other.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
		b, err := whole(p, fresh)
		b.Problem = func(exec.Device, uint64, search.SupernetOptions) (search.Problem, error) {
			return nil, errors.New("boom")
		}
		return b, err
	}
	cells, err := other.cells()
	if err != nil {
		t.Fatal(err)
	}
	release, err := durable.Claim(durable.LockFile(cells[0].Dir(out)))
	if err != nil {
		t.Fatal(err)
	}
	var report shareReport
	sum, err := sharedGrid(out, &report, func(n int) { // of the run that is not held
		if n > 1 {
			return
		}
		release()
		if sum, err := other.Run(t.Context()); err != nil || len(sum.Failed) != 1 {
			t.Errorf("the other: %+v, %v; want 1 failed", sum, err)
		}
	}).Run(t.Context())
	want := cells[0].String() + ": in another process: "
	if err != nil || sum.Done != 1 || len(sum.Failed) != 1 || !strings.HasPrefix(sum.Failed[0], want) || !strings.Contains(sum.Failed[0], "boom") {
		t.Errorf("%+v, %v; want 1 done and %q with boom", sum, err, want)
	}
	if sum := mustRun(t, grid(out, []uint64{0}, "darts-v1", "random")); sum.Done != 1 || sum.Reused != 1 {
		t.Errorf("the next time gives %+v, want 1 done, 1 reused", sum)
	}
}
