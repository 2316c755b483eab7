package runners

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/internal/training"
	"idarts/internal/trials"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners/protocol"
)

// tiny is a protocol of a second: a few steps on a very small supernet.
func tiny() protocol.Protocol {
	p, err := protocol.Lookup("nb201", "laptop")
	if err != nil {
		panic(err)
	}
	p.Name = "tiny"
	p.Supernet, p.Batch = nb201.Net{C: 2, N: 1}, 16
	p.Score = protocol.Scoring{Trials: 1, Recipe: protocol.Recipe{Net: nb201.Net{C: 2, N: 1}, Recipe: training.Recipe{
		Epochs: 1, Batch: 100,
		Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
		Augment: training.Augment{Flip: true},
	}}}
	for _, of := range p.Search {
		own := of.Settings
		for path, text := range map[string]string{
			"epochs": "3", "max_steps": "4", "queries": "2", "population": "1", "sample": "1",
			"arch.lr": "0.1", // so that a few steps change the derived cell
		} {
			if changed, err := settings.Set(own, path, text); err == nil { // not all methods have it
				own = changed
			}
		}
		p = p.With(of.Method, own)
	}
	return p
}

// grid is a grid of tiny runs below out.
func grid(out string, seeds []uint64, methods ...string) *Grid {
	p := tiny()
	return &Grid{
		Protocols: []protocol.Protocol{p}, Methods: methods, Seeds: seeds, Bench: open(out),
		Options: work.Options{Out: out, Jobs: 2, Log: io.Discard},
	}
}

// few is a tenth of the embedded images.
func few(dataset string) (*images.Dataset, error) {
	whole, err := images.Open(dataset, "")
	if err != nil {
		return nil, err
	}
	data := new(images.Dataset)
	*data = *whole // which others share
	for _, part := range []*images.Part{&data.Train, &data.Valid, &data.Test} {
		part.Indices = part.Indices[:500]
	}
	return data, nil
}

// open opens benches on a tenth of the embedded images.
func open(out string) func(protocol.Protocol, bool) (*Bench, error) {
	return func(p protocol.Protocol, fresh bool) (*Bench, error) {
		data, err := few(p.Dataset)
		if err != nil {
			return nil, err
		}
		return openBench(p, data, Inputs{Out: out}, fresh)
	}
}

// childOut, when set, makes this test program run a grid there and nothing else,
// so that a test can kill it.
const childOut = "IDARTS_TEST_CHILD_OUT"

func TestMain(m *testing.M) {
	if out := os.Getenv(sharedOut); out != "" {
		shareChild(out)
	}
	if out := os.Getenv(extendedOut); out != "" {
		extendedChild(out)
	}
	if out := os.Getenv(childOut); out != "" {
		sum, err := grid(out, []uint64{0}, search.Names()...).Run(context.Background())
		if err != nil || len(sum.Failed) > 0 {
			fmt.Fprintln(os.Stderr, err, sum.Failed)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// contents reads all files below root whose bytes must not depend on time.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		switch e.Name() {
		case result.TimingFile, secondsFile, ".lock":
			return nil
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	names := slices.AppendSeq(slices.Collect(maps.Keys(got)), maps.Keys(want))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		g, okGot := got[name]
		w, okWant := want[name]
		switch {
		case !okGot:
			t.Errorf("%s is missing", name)
		case !okWant:
			t.Errorf("%s should not be there", name)
		case g != w:
			t.Errorf("%s differs: %d bytes, want %d:\n%.300s\nwant\n%.300s", name, len(g), len(w), g, w)
		}
	}
}

func mustRun(t *testing.T, g *Grid) work.Summary {
	t.Helper()
	sum, err := g.Run(t.Context())
	if err != nil || len(sum.Failed) > 0 {
		t.Fatalf("run: %v, failed: %q", err, sum.Failed)
	}
	return sum
}

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

func TestKilledRunsEndWithTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for half a minute")
	}
	quiet := t.TempDir()
	mustRun(t, grid(quiet, []uint64{0}, search.Names()...))
	want := contents(t, quiet)
	if len(want) != 3*len(search.Methods)+1 {
		t.Fatalf("an undisturbed run leaves %d files, want config, events and result of each method and the scores", len(want))
	}

	out := t.TempDir()
	moments := rand.New(rand.NewPCG(1, 2))
	kills, unfinished := 0, 0
	for range 40 {
		cmd := osexec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childOut+"="+out)
		var output bytes.Buffer
		cmd.Stderr = &output
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
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

type scorerFunc func(ctx context.Context, arch string, device exec.Device) (result.Scored, error)

func (f scorerFunc) Score(ctx context.Context, arch string, device exec.Device) (result.Scored, error) {
	return f(ctx, arch, device)
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
			runs, err := result.Load(out)
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

func TestOtherSettingsAreRefused(t *testing.T) {
	out := t.TempDir()
	mustRun(t, grid(out, []uint64{0}, "random"))
	before := contents(t, out)
	for _, tt := range []struct {
		name   string
		change func(*protocol.Protocol)
		want   string
	}{
		{"search", func(p *protocol.Protocol) { p.Batch = 8 }, "protocol.batch: 16 then, 8 now"},
		{"method", func(p *protocol.Protocol) {
			*p = p.With("random", search.Random{Budget: search.Budget{Queries: 1}})
		}, "settings.queries: 2 then, 1 now"},
		{"scoring", func(p *protocol.Protocol) { p.Score.Epochs = 2 }, "scores of another recipe"},
	} {
		g := grid(out, []uint64{0}, "random")
		p := tiny()
		tt.change(&p)
		g.Protocols = []protocol.Protocol{p}
		_, err := g.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--fresh") {
			t.Errorf("%s: error %v, want %q and --fresh", tt.name, err, tt.want)
		}
		compare(t, contents(t, out), before)
		g.Fresh = true
		if sum, err := g.Run(t.Context()); err != nil || sum.Done != 1 {
			t.Errorf("%s: --fresh gives %+v, %v; want 1 done", tt.name, sum, err)
		}
		g = grid(out, []uint64{0}, "random")
		g.Fresh = true
		mustRun(t, g)
		compare(t, contents(t, out), before)
	}
}

func TestCellsGoSeedBySeed(t *testing.T) {
	cells, err := grid("out", []uint64{0, 5}, "idarts", "random").cells()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cells {
		got = append(got, c.String())
	}
	want := []string{
		"nb201/fashion8/tiny/idarts/seed-0", "nb201/fashion8/tiny/random/seed-0",
		"nb201/fashion8/tiny/idarts/seed-5", "nb201/fashion8/tiny/random/seed-5",
	}
	if !slices.Equal(got, want) {
		t.Errorf("cells %q, want %q", got, want)
	}
	for _, tt := range []struct {
		methods []string
		want    string
	}{
		{[]string{"dart"}, `unknown method "dart"`},
		{[]string{"idarts", "idarts"}, "named twice"},
		{[]string{}, "nothing to run"},
	} {
		if _, err := grid("out", []uint64{0}, tt.methods...).cells(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("methods %q: error %v, want %q", tt.methods, err, tt.want)
		}
	}
}

func TestParseSeeds(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []uint64
		err  string
	}{
		{"0", []uint64{0}, ""},
		{"0-2,5", []uint64{0, 1, 2, 5}, ""},
		{"5, 1-2,2", []uint64{1, 2, 5}, ""},
		{"18446744073709551615", []uint64{1<<64 - 1}, ""},
		{"", nil, "is no seed"},
		{"1,,2", nil, "is no seed"},
		{"-1", nil, "is no seed"},
		{"a-b", nil, `"a-b" is no seed`},
		{"3-1", nil, "runs backwards"},
		{"0-99999999", nil, "more than"},
		{"0-18446744073709551615", nil, "more than"},
	} {
		got, err := ParseSeeds(tt.text)
		if tt.err == "" && (err != nil || !slices.Equal(got, tt.want)) {
			t.Errorf("%q: %v, %v; want %v", tt.text, got, err, tt.want)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: error %v, want %q", tt.text, err, tt.err)
		}
	}
}

func TestDryRunTouchesAndLeavesNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "new")
	var text bytes.Buffer
	g := grid(out, []uint64{0, 1}, "idarts")
	if err := g.DryRun(t.Context(), &text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sha256", "supernet", "writable", "idarts/seed-1  to run"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("plan has no %q:\n%s", want, text.String())
		}
	}
	if files := contents(t, out); len(files) != 0 {
		t.Errorf("a dry run left %v", files)
	}
	g.Out = "/dev/null/x"
	if err := g.DryRun(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), `cannot write to output folder "/dev/null/x"`) {
		t.Errorf("error %v, want that the folder cannot be written", err)
	}
}

// fakeStore keeps rows in memory, as the file that several scorers share.
type fakeStore struct {
	dir  string
	mu   *sync.Mutex
	rows *[]Trained
}

func (s fakeStore) Dir() string { return s.dir }
func (s fakeStore) Load() ([]Trained, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.rows == nil {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(*s.rows), nil
}
func (s fakeStore) Save(rows []Trained) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.IsSortedFunc(rows, compareTrained) {
		return errors.New("rows are not sorted")
	}
	*s.rows = slices.Clone(rows)
	return nil
}

func TestEachClassIsTrainedOnce(t *testing.T) {
	var rows []Trained
	store := fakeStore{t.TempDir(), &sync.Mutex{}, &rows}
	var trainings atomic.Int32
	scorer := func() *TrainedScorer {
		return &TrainedScorer{
			Source: "trained:test", Trials: 2, Store: store,
			Canonical: func(arch string) (string, error) {
				if arch == "" {
					return "", errors.New("empty")
				}
				return strings.ToLower(arch), nil
			},
			Train: func(_ context.Context, arch string, trial uint64, _ exec.Device) (float64, float64, error) {
				trainings.Add(1)
				time.Sleep(time.Millisecond)
				return float64(len(arch)) + float64(trial), 10 * float64(trial), nil
			},
			GFLOP: func(string) float64 { return 7 },
		}
	}
	s := scorer()
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			arch := []string{"aa", "AA", "bbb", "Bbb"}[i%4]
			got, err := s.Score(t.Context(), arch, nil)
			want := result.Score{Valid: float64(len(arch)) + 0.5, Test: 5, Trials: 2, Source: "trained:test"}
			if err != nil || got.Score != want || got.GFLOP != 14 {
				t.Errorf("%s: %+v, %v; want %+v and 14 GFLOP", arch, got, err, want)
			}
		})
	}
	wait.Wait()
	if n := trainings.Load(); n != 4 {
		t.Errorf("%d trainings, want 4: 2 classes x 2 trials", n)
	}
	if _, err := scorer().Score(t.Context(), "aA", nil); err != nil || trainings.Load() != 4 {
		t.Errorf("a new scorer trained again: %d trainings, %v", trainings.Load(), err)
	}
	if _, err := s.Score(t.Context(), "", nil); err == nil {
		t.Error("a wrong architecture gives no error")
	}

	// Other processes want a class at the same time as this one.
	processes := []*TrainedScorer{s, scorer(), scorer()}
	for _, other := range processes {
		wait.Go(func() {
			if _, err := other.Score(t.Context(), "cccc", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := trainings.Load(); len(rows) != 6 || n != 6 {
		t.Errorf("%d trainings and %d rows of the store, want 6: %+v", n, len(rows), rows)
	}

	// One that trains it is killed: who waits takes over.
	release, err := durable.Claim(s.claim("ddddd"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Score(ctx, "ddddd", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v while another trains and the context has ended, want the context's", err)
	}
	wait.Go(func() {
		if _, err := s.Score(t.Context(), "ddddd", nil); err != nil {
			t.Error(err)
		}
	})
	release()
	wait.Wait()
	if len(rows) != 8 {
		t.Errorf("the store has %d rows, want 8: %+v", len(rows), rows)
	}
	if left, err := os.ReadDir(filepath.Join(store.dir, claimsDir)); err != nil || len(left) != 0 {
		t.Errorf("claims left: %v, %v", left, err)
	}
}

// A failing training must not leave those who wait for it hanging.
func TestFailedTrainingIsTriedByTheNext(t *testing.T) {
	var rows []Trained
	var tries atomic.Int32
	s := &TrainedScorer{
		Trials: 1, Store: fakeStore{t.TempDir(), &sync.Mutex{}, &rows},
		Canonical: func(arch string) (string, error) { return arch, nil },
		Train: func(context.Context, string, uint64, exec.Device) (float64, float64, error) {
			if tries.Add(1) == 1 {
				return 0, 0, errors.New("boom")
			}
			return 1, 2, nil
		},
		GFLOP: func(string) float64 { return 0 },
	}
	if _, err := s.Score(t.Context(), "a", nil); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("error %v, want boom", err)
	}
	if got, err := s.Score(t.Context(), "a", nil); err != nil || got.Valid != 1 {
		t.Errorf("second try: %+v, %v", got, err)
	}
}

func TestTableScorerAveragesTheTrials(t *testing.T) {
	paper, err := protocol.Lookup("nb201", "paper")
	if err != nil {
		t.Fatal(err)
	}
	cell := nb201.FromIndex(1462)
	table := nb201.NewTable(trials.Origin{Source: "test"})
	for i, v := range []float64{80, 81, 85} {
		seed := int64(777 + 111*i)
		key := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 200}
		test := nb201.Key{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200}
		if err := table.Append(nb201.Record{Cell: cell, Key: key, Seed: seed, Accuracy: v}, nb201.Record{Cell: cell, Key: test, Seed: seed, Accuracy: v + 3}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "small.arrow")
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	bench, err := openTable("nb201", paper.Score, path)
	if err != nil || len(bench.Data["table"]) != 64 {
		t.Fatalf("open: %+v, %v; want a sha256", bench, err)
	}
	if best, err := bench.Optimum(); best != nil || err != nil {
		t.Errorf("optimum %+v, %v; want none of a space of one cell", best, err)
	}
	got, err := bench.Scorer.Score(t.Context(), cell.String(), nil)
	want := result.Score{Valid: 82, Test: 85, Trials: 3, Source: "table:small.arrow"}
	if err != nil || got.Score != want || got.GFLOP != 5 {
		t.Errorf("score %+v, %v; want %+v", got, err, want)
	}
	if _, err := bench.Scorer.Score(t.Context(), nb201.FromIndex(3).String(), nil); err == nil {
		t.Error("a cell that the table lacks gives no error")
	}
	if _, err := openTable("nb201", paper.Score, filepath.Join(t.TempDir(), "none.arrow")); err == nil || !strings.Contains(err.Error(), "idarts data import") {
		t.Errorf("missing table: error %v, want how to make it", err)
	}
}

func TestProtocolsAreComplete(t *testing.T) {
	for _, p := range protocol.All {
		budgets := map[int]bool{}
		for i, s := range p.Search {
			m, err := search.Lookup(s.Method)
			if err != nil || slices.ContainsFunc(p.Search[:i], func(o protocol.Search) bool { return o.Method == s.Method }) {
				t.Errorf("protocol %q of space %q has settings for %q, which is no method or there twice", p.Name, p.Space, s.Method)
			}
			for _, v := range settings.Walk(s.Settings) {
				if v.Path == "queries" {
					budgets[v.Value.(int)] = true
				}
				if s.SourceOf(v.Path) == "" || v.Doc == "" {
					t.Errorf("protocol %q of space %q: %s of %q: it says that it is %q and comes from %q, want both", p.Name, p.Space, v.Path, s.Method, v.Doc, s.SourceOf(v.Path))
				}
			}
			if reflect.TypeOf(s.Settings) != reflect.TypeOf(m.Zero) {
				t.Errorf("protocol %q of space %q has settings of type %T for %q, want %T", p.Name, p.Space, s.Settings, s.Method, m.Zero)
			} else if err := s.Settings.Check(); err != nil {
				t.Errorf("protocol %q of space %q, method %q: %v", p.Name, p.Space, s.Method, err)
			}
		}
		// Where each query is a training, random search stands for its kind.
		var want []string
		for _, m := range search.Methods {
			if !m.BlackBox || m.Name == "random" || p.Score.Table {
				want = append(want, m.Name)
			}
		}
		// The published settings of a method exist for the spaces of its paper only.
		if got := p.Methods(search.Methods); p.Name != "paper" && !slices.Equal(got, want) {
			t.Errorf("protocol %q of space %q has settings for %q, want %q", p.Name, p.Space, got, want)
		}
		if len(budgets) > 1 {
			t.Errorf("protocol %q of space %q has black-box methods of %d different budgets", p.Name, p.Space, len(budgets))
		}
		if got, err := protocol.Lookup(p.Space, p.Name); err != nil || got.Title != p.Title {
			t.Errorf("protocol %q of space %q: found %q, %v", p.Name, p.Space, got.Title, err)
		}
	}
	if _, err := protocol.Lookup("nb201", "lap"); err == nil || !strings.Contains(err.Error(), `"laptop"`) {
		t.Errorf("error %v, want the list of protocols", err)
	}
}
