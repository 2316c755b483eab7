package runners

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/longtest"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/runners/protocol"
)

// snapshot changes when a file below root is written, renamed or removed.
func snapshot(root string) string {
	var b strings.Builder
	filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if info, err := e.Info(); err == nil {
				fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
			}
		}
		return nil // files come and go under our feet
	})
	return b.String()
}

// child starts this program again with such variables. What it says on stderr is whole once
// it has ended.
func child(t *testing.T, variables ...string) (cmd *osexec.Cmd, ended <-chan error, stderr *bytes.Buffer) {
	t.Helper()
	cmd, stderr = osexec.Command(os.Args[0]), new(bytes.Buffer)
	cmd.Env, cmd.Stderr = append(os.Environ(), variables...), stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- cmd.Wait() }()
	return cmd, waited, stderr
}

// killed are the methods whose runs are killed: all of them in make long, else one of each kind
// of state.
func killed() []string {
	if longtest.Wanted() {
		return search.Names()
	}
	return []string{"random", "bohb", "svge", "enas", "darts-pt", "zarts", "p-darts", "sgas", "idarts"}
}

func TestKilledRunsEndWithTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for half a minute")
	}
	quiet := t.TempDir()
	mustRun(t, grid(quiet, []uint64{0}, killed()...))
	want := contents(t, quiet)
	if len(want) != 3*len(killed())+2 {
		t.Fatalf("an undisturbed run leaves %d files, want config, events and result of each method, the scores and the autoencoder", len(want))
	}

	out := t.TempDir()
	moments := rand.New(rand.NewPCG(1, 2))
	kills, unfinished := 0, 0
	for range 40 {
		cmd, ended, output := child(t, childOut+"="+out)
		// Kill after so many changes of the folder, so that fast and slow machines
		// are hit at the same places; after a dozen kills let it end.
		left := 1 + moments.IntN(12)
		pause := time.Duration(moments.IntN(20)) * time.Millisecond
		var waited error
		for alive, last := true, snapshot(out); alive && (left > 0 || kills >= 12); {
			select {
			case waited = <-ended:
				alive = false
			case <-time.After(time.Millisecond):
				if now := snapshot(out); now != last {
					left, last = left-1, now
				}
			}
			if !alive {
				if waited != nil {
					t.Fatalf("child: %v: %s", waited, output.String())
				}
				t.Logf("%d kills, %d of them before the first result", kills, unfinished)
				if kills < 3 {
					t.Errorf("only %d kills hit a running grid", kills)
				}
				compare(t, contents(t, out), want)
				return
			}
		}
		time.Sleep(pause)
		cmd.Process.Kill()
		<-ended
		kills++
		if found, _ := filepath.Glob(filepath.Join(out, "*/*/*/*/*/"+result.ResultFile)); len(found) == 0 {
			unfinished++
		}
	}
	t.Fatal("the grid did not end")
}

func TestInterruptAndResume(t *testing.T) {
	want := t.TempDir()
	mustRun(t, grid(want, []uint64{3}, "idarts", "random"))

	out := t.TempDir()
	for _, stopAfter := range []int{1, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		g := grid(out, []uint64{3}, "idarts", "random")
		whole := g.Bench
		var scored atomic.Int32
		g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
			b, err := whole(p, fresh)
			if err == nil {
				inner := b.Scorer
				b.Scorer = scorerFunc(func(ctx context.Context, arch string, device exec.Device) (result.Scored, error) {
					if int(scored.Add(1)) > stopAfter {
						cancel()
					}
					return inner.Score(ctx, arch, device)
				})
			}
			return b, err
		}
		sum, err := g.Run(ctx)
		if !errors.Is(err, context.Canceled) || sum.Left == 0 || len(sum.Failed) != 0 {
			t.Fatalf("interrupted run: %+v, %v; want runs left and no failure", sum, err)
		}
		cancel()
	}
	if found, _ := filepath.Glob(filepath.Join(out, "*/*/*/*/*/"+result.FailureFile)); len(found) != 0 {
		t.Errorf("an interrupt left %q", found)
	}
	// A writer that was killed in the middle of a file leaves a temporary one.
	cells, _ := grid(out, []uint64{3}, "idarts").cells()
	for _, dir := range []string{cells[0].Dir(out), filepath.Join(cells[0].Dir(out), checkpointDir)} {
		if err := durable.WriteBytes(filepath.Join(dir, ".events.jsonl.tmp-1"), []byte("part")); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, grid(out, []uint64{3}, "idarts", "random"))
	compare(t, contents(t, out), contents(t, want))
	if sum := mustRun(t, grid(out, []uint64{3}, "idarts", "random")); sum.Reused != 2 || sum.Done != 0 {
		t.Errorf("a second run gives %+v, want 2 reused", sum)
	}
}

func TestDamagedCheckpointStartsOver(t *testing.T) {
	out := t.TempDir()
	g := grid(out, []uint64{0}, "darts-v1")
	mustRun(t, g)
	want := contents(t, out)
	cells, _ := g.cells()
	dir := cells[0].Dir(out)
	if err := os.Remove(filepath.Join(dir, result.ResultFile)); err != nil {
		t.Fatal(err)
	}
	point := &checkpoint{Events: []result.Event{{Epoch: 1}}, state: []byte("rubbish")}
	if err := point.write(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, checkpointDir, checkpointFile)
	content, _ := os.ReadFile(path)
	content[len(content)/2] ^= 1
	os.WriteFile(path, content, 0o644)
	var log bytes.Buffer
	g.Log = &log
	mustRun(t, g)
	compare(t, contents(t, out), want)
	if !strings.Contains(log.String(), "starts over") || !strings.Contains(log.String(), "checksum") {
		t.Errorf("log is %q, want a remark that the run starts over", log.String())
	}
}

func TestFailedSeedStaysVisibleAndIsRetried(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail func() (search.Problem, error)
		want string
	}{
		{"error", func() (search.Problem, error) { return nil, errors.New("boom") }, "boom"},
		{"panic", func() (search.Problem, error) { panic("bang") }, "panic: bang"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := t.TempDir()
			g := grid(out, []uint64{0, 1, 2}, "darts-v1")
			whole := g.Bench
			g.Bench = func(p protocol.Protocol, fresh bool) (*Bench, error) {
				b, err := whole(p, fresh)
				if err == nil {
					build := b.Problem
					b.Problem = func(d exec.Device, seed uint64, o search.SupernetOptions) (search.Problem, error) {
						if seed == 1 {
							return tt.fail()
						}
						return build(d, seed, o)
					}
				}
				return b, err
			}
			sum, err := g.Run(t.Context())
			if err != nil || sum.Done != 2 || len(sum.Failed) != 1 || !strings.Contains(sum.Failed[0], "seed-1") {
				t.Fatalf("summary %+v, %v; want 2 done and seed 1 failed", sum, err)
			}
			runs, _, err := result.Load(out)
			if err != nil || len(runs) != 3 || runs[1].Failure == nil || !strings.Contains(runs[1].Failure.Error, tt.want) {
				t.Fatalf("runs %+v, %v; want 3, the second failed with %q", runs, err, tt.want)
			}
			if sum := mustRun(t, grid(out, []uint64{0, 1, 2}, "darts-v1")); sum.Done != 1 || sum.Reused != 2 {
				t.Errorf("retry gives %+v, want 1 done, 2 reused", sum)
			}
			if run, err := result.Read(runs[1].Dir); err != nil || run.Failure != nil || run.Result == nil {
				t.Errorf("after the retry: %+v, %v; want a result and no failure", run, err)
			}
		})
	}
}
