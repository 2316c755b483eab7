package runners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/statistics"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// Scorer says how good an architecture is. It answers the same for the same
// architecture, whoever asks and whenever. Searches see only the valid part.
type Scorer interface {
	Score(ctx context.Context, arch string, d exec.Device) (result.Scored, error)
}

// Trained is the outcome of one training.
type Trained struct {
	Arch        string // representative of its class
	Trial       uint64
	Valid, Test float64 // percent
}

// Store keeps trained scores on disk. Save gets rows in ascending order of
// (Arch, Trial) and must write them whole or not at all, the same rows giving
// the same bytes. Load of a store that is not there yet gives an error wrapping
// [fs.ErrNotExist], one of a damaged store an error wrapping [result.ErrDamaged].
type Store interface {
	Load() ([]Trained, error)
	Save(rows []Trained) error
	Dir() string  // the folder that it writes to
	Path() string // what is there of it
}

// TrainedScorer scores an architecture by training its final network from
// scratch. Architectures that are the same network (one isomorphism class) are
// trained once over all runs that share the Store, in this process and in others: who
// holds the claim of a class trains it, and requests for it wait. When that one fails
// or dies, the next takes over.
type TrainedScorer struct {
	Source    string // "trained:laptop"
	Trials    int
	Canonical func(arch string) (string, error)
	// Train is a pure function of arch and trial. Valid and test are accuracies in percent.
	Train func(ctx context.Context, arch string, trial uint64, d exec.Device) (valid, test float64, err error)
	// GFLOP is the arithmetic of one Train.
	GFLOP func(arch string) float64
	Store Store
	// Shared says what the scores are to machines that share no folder; nil: nothing.
	Shared *SharedScores
	// Note tells people what was damaged; nil: nobody.
	Note func(format string, args ...any)

	mu      sync.Mutex
	loaded  bool
	rows    map[string][]Trained // by representative, in order of trial
	seconds map[string]float64   // by representative
	flights map[string]chan struct{}
	damaged map[string]error // files that are to be set aside, with why
}

// secondsFile holds the wall clock of the trainings beside the store, since the
// store itself has the same bytes each time.
const secondsFile = "seconds.json"

// Score implements [Scorer].
func (s *TrainedScorer) Score(ctx context.Context, arch string, d exec.Device) (result.Scored, error) {
	class, err := s.Canonical(arch)
	if err != nil {
		return result.Scored{}, err
	}
	for {
		s.mu.Lock()
		if !s.loaded {
			if err := s.load(); err != nil {
				s.mu.Unlock()
				return result.Scored{}, err
			}
		}
		if rows := s.rows[class]; len(rows) >= s.Trials {
			scored := s.mean(class, rows[:s.Trials])
			s.mu.Unlock()
			return scored, nil
		}
		flight, busy := s.flights[class]
		if !busy {
			flight = make(chan struct{})
			s.flights[class] = flight
		}
		s.mu.Unlock()
		if busy {
			select {
			case <-flight: // look again; if that one failed, this one tries
				continue
			case <-ctx.Done():
				return result.Scored{}, ctx.Err()
			}
		}
		err := s.train(ctx, class, d)
		s.mu.Lock()
		delete(s.flights, class)
		s.mu.Unlock()
		close(flight)
		if err != nil {
			return result.Scored{}, err
		}
	}
}

// mean averages the trials of one class, in their order.
func (s *TrainedScorer) mean(class string, rows []Trained) result.Scored {
	scored := result.Scored{
		Score:   result.Score{Trials: len(rows), Source: s.Source},
		GFLOP:   s.GFLOP(class) * float64(len(rows)),
		Seconds: s.seconds[class],
	}
	var tests []float64
	for _, row := range rows {
		scored.Valid += row.Valid / float64(len(rows))
		scored.Test += row.Test / float64(len(rows))
		tests = append(tests, row.Test)
	}
	if len(tests) > 1 {
		scored.TestSD = statistics.SD(tests)
	}
	return scored
}

// load reads the store into memory. The caller holds mu.
func (s *TrainedScorer) load() error {
	rows, err := s.Store.Load()
	if errors.Is(err, result.ErrDamaged) {
		s.distrust(s.Store.Path(), err)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.rows = map[string][]Trained{}
	for _, row := range rows {
		s.rows[row.Arch] = append(s.rows[row.Arch], row)
	}
	if s.seconds == nil {
		s.seconds = map[string]float64{}
	}
	var seconds map[string]float64
	path := filepath.Join(s.Store.Dir(), secondsFile)
	if err = result.ReadJSON(path, &seconds); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.distrust(path, err)
	}
	for class, v := range seconds {
		s.seconds[class] = v
	}
	if s.flights == nil {
		s.flights = map[string]chan struct{}{}
	}
	s.loaded = true
	return nil
}

// distrust goes on without a file: all that was in it can be made again.
func (s *TrainedScorer) distrust(path string, err error) {
	if s.damaged == nil {
		s.damaged = map[string]error{}
	}
	s.damaged[path] = err
}

func (s *TrainedScorer) note(format string, args ...any) {
	if s.Note != nil {
		s.Note(format, args...)
	}
}

// clean sets aside what is damaged. Where that cannot be written, a training will say
// so again.
func (s *TrainedScorer) clean() {
	if len(s.damaged) == 0 {
		return
	}
	if err := s.update(func() error { return nil }); err != nil {
		for _, why := range s.damaged {
			s.note("%v; it is not used, and stays: %v", why, err)
		}
	}
}

// claimsDir holds the claims of classes beside the store.
const claimsDir = "claims"

// claim is the path of a class's claim. Names of networks may be long.
func (s *TrainedScorer) claim(class string) string {
	sum := sha256.Sum256([]byte(class))
	return filepath.Join(s.Store.Dir(), claimsDir, hex.EncodeToString(sum[:16]))
}

// train trains the missing trials of class and appends them to the store, as soon as no
// other process does.
func (s *TrainedScorer) train(ctx context.Context, class string, d exec.Device) error {
	release, err := work.Await(ctx, s.claim(class))
	if err != nil {
		return err
	}
	defer release()
	var have []Trained
	if err := s.update(func() error { have = slices.Clone(s.rows[class]); return nil }); err != nil {
		return err
	}
	if len(have) >= s.Trials {
		return nil // another process has trained them
	}
	fresh, took, err := s.trained(ctx, class, have, d)
	if err != nil {
		return err
	}
	return s.update(func() error { return s.add(class, fresh, took) })
}

// trained gives the trials of a class that are not among those there are, and the seconds that
// they took: from another machine where that has them, or will have.
func (s *TrainedScorer) trained(ctx context.Context, class string, have []Trained, d exec.Device) (fresh []Trained, seconds float64, err error) {
	if c := clusterOf(ctx); c != nil && s.Shared != nil {
		return s.Shared.once(ctx, c, class, func(ctx context.Context) ([]Trained, float64, error) { return s.trainAll(ctx, class, nil, d) })
	}
	return s.trainAll(ctx, class, have, d)
}

// trainAll trains the trials of a class that are not among those there are.
func (s *TrainedScorer) trainAll(ctx context.Context, class string, have []Trained, d exec.Device) (fresh []Trained, seconds float64, err error) {
	began := time.Now()
	for trial := range uint64(s.Trials) {
		if slices.ContainsFunc(have, func(t Trained) bool { return t.Trial == trial }) {
			continue
		}
		valid, test, err := s.Train(ctx, class, trial, d)
		if err != nil {
			return nil, 0, fmt.Errorf("runners: train %q: %w", class, err)
		}
		fresh = append(fresh, Trained{Arch: class, Trial: trial, Valid: valid, Test: test})
	}
	return fresh, time.Since(began).Seconds(), nil
}

// update loads the store, in which other processes may have saved rows, and does f
// before they can again. f is called with mu held.
func (s *TrainedScorer) update(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	release, err := durable.Lock(s.Store.Dir())
	if err != nil {
		return err
	}
	defer release()
	durable.Sweep(s.Store.Dir())
	s.damaged = nil // another process may have written them again
	if err := s.load(); err != nil {
		return err
	}
	for path, why := range s.damaged {
		to, err := durable.SetAside(path)
		if err != nil {
			return err
		}
		s.note("%v; set aside as %q, what is needed of it is made again", why, to)
		delete(s.damaged, path)
	}
	return f()
}

// add saves fresh trials of class, whose training took so many seconds.
func (s *TrainedScorer) add(class string, fresh []Trained, took float64) error {
	for _, row := range fresh { // where there are no claims, another may have them saved as well
		if !slices.ContainsFunc(s.rows[class], func(t Trained) bool { return t.Trial == row.Trial }) {
			s.rows[class] = append(s.rows[class], row)
		}
	}
	slices.SortFunc(s.rows[class], compareTrained)
	var all []Trained
	for _, rows := range s.rows {
		all = append(all, rows...)
	}
	slices.SortFunc(all, compareTrained)
	if err := s.Store.Save(all); err != nil {
		return err
	}
	s.seconds[class] += took
	return result.WriteJSON(filepath.Join(s.Store.Dir(), secondsFile), s.seconds)
}

func compareTrained(a, b Trained) int {
	if a.Arch != b.Arch {
		if a.Arch < b.Arch {
			return -1
		}
		return 1
	}
	return int(a.Trial) - int(b.Trial)
}

// tableScorer scores by a benchmark's table.
type tableScorer struct {
	protocol.Table
	source string
	gflop  func(arch string) float64 // of training, where the table does not know
}

// Score implements [Scorer].
func (t tableScorer) Score(_ context.Context, arch string, _ exec.Device) (result.Scored, error) {
	scored, err := t.Table.Score(arch)
	if err != nil {
		return result.Scored{}, err
	}
	scored.Source = t.source
	if scored.GFLOP == 0 {
		scored.GFLOP = t.gflop(arch)
	}
	return scored, nil
}

// Optimum is that of the table with the name of its source.
func (t tableScorer) Optimum() (*result.Optimum, error) {
	found, err := t.Table.Optimum()
	if err != nil || found == nil {
		return nil, err
	}
	best := *found
	best.BestTest.Score.Source, best.BestValid.Score.Source = t.source, t.source
	return &best, nil
}
