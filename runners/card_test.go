package runners

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"idarts/internal/batch"
	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/longtest"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
)

// cardMethods are those whose searches ask for all that a device does: gradients,
// products, snapshots, single paths.
var cardMethods = []string{"darts-v1", "darts-v2", "idarts", "idarts-released", "zarts", "rsps"}

// Searches on a card end in the same bytes: with one thread of
// OpenCL and killed on the way, in CUDA's recorded sequences, or on a card that is lost in
// the middle. The processor finds the same losses, but for rounding.
func TestSearchesOnACard(t *testing.T) {
	longtest.Needed(t)
	if testing.Short() {
		t.Skip("runs for a while")
	}
	cudatest.Fake(t)
	methods := cardMethods
	on := func(out, device string) (work.Summary, error) {
		g := grid(out, []uint64{0}, methods...)
		g.Device, g.Jobs = device, 1
		return g.Run(t.Context())
	}
	whole := func(t *testing.T, out, device string) {
		t.Helper()
		if sum, err := on(out, device); err != nil || len(sum.Failed) > 0 {
			t.Fatalf("on %s: %v, %q", device, err, sum.Failed)
		}
	}
	quiet := t.TempDir()
	whole(t, quiet, "opencl")
	want := contents(t, quiet)

	t.Run("one thread, killed", func(t *testing.T) {
		out := t.TempDir()
		for kills := 0; ; kills++ {
			cmd, ended, output := child(t, childOut+"="+out, childDevice+"=opencl", "POCL_MAX_PTHREAD_COUNT=1")
			if kills == 2 {
				if err := <-ended; err != nil {
					t.Fatalf("child: %v: %s", err, output.String())
				}
				break
			}
			for changes, last := 5+4*kills, snapshot(out); changes > 0; time.Sleep(time.Millisecond) {
				if now := snapshot(out); now != last {
					changes, last = changes-1, now
				}
			}
			cmd.Process.Kill()
			if err := <-ended; err == nil {
				t.Fatal("it ended before it was killed")
			}
		}
		compare(t, contents(t, out), want)
	})
	t.Run("cuda", func(t *testing.T) {
		out := t.TempDir()
		whole(t, out, "cuda")
		compare(t, contents(t, out), want)
	})
	t.Run("lost", func(t *testing.T) {
		out, lost := t.TempDir(), 0
		for _, after := range []string{"3000", "9000"} {
			cudatest.Fake(t, "LOSE_AFTER="+after)
			sum, err := on(out, "cuda")
			if err != nil {
				t.Fatalf("lost after %s calls: %v", after, err)
			}
			for _, failed := range sum.Failed {
				lost++
				if strings.Contains(failed, "\n") || strings.Contains(failed, "panic") {
					t.Errorf("lost after %s calls: %q, want one line without a panic", after, failed)
				}
			}
		}
		if lost == 0 {
			t.Error("no run lost its card")
		}
		whole(t, out, "opencl")
		compare(t, contents(t, out), want)
		t.Logf("%d runs of %q lost their card", lost, methods)
	})
	t.Run("processor", func(t *testing.T) {
		out := t.TempDir()
		whole(t, out, "cpu")
		card, processor := loaded(t, quiet), loaded(t, out)
		for _, name := range methods {
			c, p := card[name], processor[name]
			if len(c.Events) != len(p.Events) || len(c.Events) == 0 {
				t.Fatalf("%s: %d and %d epochs", name, len(c.Events), len(p.Events))
			}
			var far []float64 // by epoch
			for i := range c.Events {
				a, b := c.Events[i], p.Events[i]
				far = append(far, max(apart(a.TrainLoss, b.TrainLoss), apart(a.ValidLoss, b.ValidLoss)))
			}
			t.Logf("%-16s losses %.0e apart; %s on the card, %s on the processor", name, far, c.Result.Arch, p.Result.Arch)
			// The first steps of Adam have the size of its rate whatever the gradient is: where
			// one is next to nothing, rounding decides its sign, and searches part.
			if !(far[0] <= 1e-2) {
				t.Errorf("%s: losses of the first epoch are %.1e apart", name, far[0])
			}
		}
	})
}

// apart is |a/b − 1|; both may be 0, where a method has no such loss.
func apart(a, b float64) float64 {
	if a == b {
		return 0
	}
	return math.Abs(a/b - 1)
}

// More runs at a time than a card has memory for are refused before anything is written;
// one of them runs.
func TestJobsThatDoNotFit(t *testing.T) {
	longtest.Needed(t)
	p := tiny()
	bench, err := open(t.TempDir())(p, false)
	if err != nil {
		t.Fatal(err)
	}
	need, err := device.Need(func(d exec.Device) error {
		problem, err := bench.Problem(d, 0, search.SupernetOptions{})
		if err != nil {
			return err
		}
		return problem.Linearize(batch.Batch{}, search.Uniform(bench.Space.Layout, problem.Layers()))
	})
	if err != nil || need < 1<<20 {
		t.Fatalf("a supernet needs %d bytes, %v", need, err)
	}
	cudatest.Fake(t, fmt.Sprintf("MEMORY=%d", 2*need-need/4))
	out := t.TempDir()
	g := grid(out, []uint64{0, 1}, "random", "idarts")
	g.Protocols[0].Score.Recipe.Batch = 10 // networks of scores are small beside supernets
	g.Device, g.Jobs = "cuda", 2
	if _, err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "idarts") || !strings.Contains(err.Error(), "want --jobs 1") {
		t.Errorf("two at a time: %v", err)
	}
	if files := contents(t, out); len(files) > 0 {
		t.Errorf("files are left: %d", len(files))
	}
	g.Jobs, g.Methods = 1, []string{"idarts"}
	if sum, err := g.Run(t.Context()); err != nil || len(sum.Failed) > 0 {
		t.Errorf("one at a time: %v, %q", err, sum.Failed)
	}
}

// loaded has the runs of a folder by their methods.
func loaded(t *testing.T, out string) map[string]result.Run {
	t.Helper()
	runs, faults, err := result.Load(out)
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	by := map[string]result.Run{}
	for _, r := range runs {
		by[r.Cell.Method] = r
	}
	return by
}
