package runners

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/trials"
	"idarts/nb201"
	"idarts/runners/protocol"
)

// fakeStore keeps rows in memory, as the file that several scorers share.
type fakeStore struct {
	dir  string
	mu   *sync.Mutex
	rows *[]Trained
}

func (s fakeStore) Dir() string  { return s.dir }
func (s fakeStore) Path() string { return filepath.Join(s.dir, "scores") }
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

// fakeScorer scores by the length of an architecture's text, with two trials, and
// counts them in trainings.
func fakeScorer(store Store, trainings *atomic.Int32) *TrainedScorer {
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

func TestEachClassIsTrainedOnce(t *testing.T) {
	var rows []Trained
	var trainings atomic.Int32
	store := fakeStore{t.TempDir(), &sync.Mutex{}, &rows}
	s := fakeScorer(store, &trainings)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			arch := []string{"aa", "AA", "bbb", "Bbb"}[i%4]
			got, err := s.Score(t.Context(), arch, nil)
			want := result.Score{Valid: float64(len(arch)) + 0.5, Test: 5, Trials: 2, Source: "trained:test", TestSD: math.Sqrt(50)}
			if err != nil || got.Score != want || got.GFLOP != 14 {
				t.Errorf("%s: %+v, %v; want %+v and 14 GFLOP", arch, got, err, want)
			}
		})
	}
	wait.Wait()
	if n := trainings.Load(); n != 4 {
		t.Errorf("%d trainings, want 4: 2 classes x 2 trials", n)
	}
	if _, err := fakeScorer(store, &trainings).Score(t.Context(), "aA", nil); err != nil || trainings.Load() != 4 {
		t.Errorf("a new scorer trained again: %d trainings, %v", trainings.Load(), err)
	}
	if _, err := s.Score(t.Context(), "", nil); err == nil {
		t.Error("a wrong architecture gives no error")
	}
}

// Scorers of their own stand for processes that share a store.
func TestEachClassIsTrainedByOneProcess(t *testing.T) {
	var rows []Trained
	var trainings atomic.Int32
	store := fakeStore{t.TempDir(), &sync.Mutex{}, &rows}
	s := fakeScorer(store, &trainings)
	var wait sync.WaitGroup
	for _, process := range []*TrainedScorer{s, fakeScorer(store, &trainings), fakeScorer(store, &trainings)} {
		wait.Go(func() {
			if _, err := process.Score(t.Context(), "aa", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := trainings.Load(); len(rows) != 2 || n != 2 {
		t.Errorf("%d trainings and %d rows of the store, want 2: %+v", n, len(rows), rows)
	}

	// One that trains it is killed: who waits takes over.
	release, err := durable.Claim(s.claim("bbb"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Score(ctx, "bbb", nil); !errors.Is(err, context.Canceled) || trainings.Load() != 2 {
		t.Errorf("error %v after %d trainings while another trains and the context has ended, want the context's after 2", err, trainings.Load())
	}
	wait.Go(func() {
		if _, err := s.Score(t.Context(), "bbb", nil); err != nil {
			t.Error(err)
		}
	})
	release()
	wait.Wait()
	if len(rows) != 4 {
		t.Errorf("the store has %d rows, want 4: %+v", len(rows), rows)
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
	want := result.Score{Valid: 82, Test: 85, Trials: 3, Source: "table:small.arrow", TestSD: math.Sqrt(7)}
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
