package runners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Cluster is what a run needs of the machines beside it.
type Cluster interface {
	// Alive says that the run moves on, where it tells no progress.
	Alive()
	// Once gives the value of a name, which one machine finds out for all.
	Once(ctx context.Context, name string, find func(context.Context) (json.RawMessage, error)) (json.RawMessage, error)
}

type clusterKey struct{}

// withCluster is ctx for a run that other machines wait for.
func withCluster(ctx context.Context, c Cluster) context.Context {
	return context.WithValue(ctx, clusterKey{}, c)
}

// clusterOf is the cluster of a run, nil where it runs by itself.
func clusterOf(ctx context.Context) Cluster {
	c, _ := ctx.Value(clusterKey{}).(Cluster)
	return c
}

// aliveOf tells the cluster of steps that nobody else is told of.
func aliveOf(ctx context.Context) func(done, total int) {
	c := clusterOf(ctx)
	if c == nil {
		return nil
	}
	return func(int, int) { c.Alive() }
}

// SharedScores says what trained scores are of, so that machines can give them to each other.
type SharedScores struct {
	Space    string `json:"space"`
	Dataset  string `json:"dataset"`
	Protocol string `json:"protocol"`
	Origin   string `json:"origin"` // recipe and data
}

// sharedClass is the trained scores of one class as they travel.
type sharedClass struct {
	SharedScores
	Class   string  `json:"class"`
	Trials  []trial `json:"trials"`
	Seconds float64 `json:"seconds"`
}

type trial struct {
	Trial uint64  `json:"trial"`
	Valid float64 `json:"valid"`
	Test  float64 `json:"test"`
}

// once trains a class where no machine has, and waits for the one that does.
func (s *SharedScores) once(ctx context.Context, c Cluster, class string, train func(context.Context) ([]Trained, float64, error)) ([]Trained, float64, error) {
	name := fmt.Sprintf("scores of %s on %s, %s, %s", class, s.Space, s.Protocol, s.Origin)
	text, err := c.Once(ctx, name, func(ctx context.Context) (json.RawMessage, error) {
		rows, seconds, err := train(ctx)
		if err != nil {
			return nil, err
		}
		shared := sharedClass{SharedScores: *s, Class: class, Seconds: seconds}
		for _, row := range rows {
			shared.Trials = append(shared.Trials, trial{row.Trial, row.Valid, row.Test})
		}
		return json.Marshal(shared)
	})
	if err != nil {
		return nil, 0, err
	}
	shared, err := readShared(text)
	if err == nil && (shared.SharedScores != *s || shared.Class != class) {
		err = fmt.Errorf("they are of %s on %s", shared.Class, shared.Space)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("runners: %s: %w", name, err)
	}
	return shared.rows(), shared.Seconds, nil
}

func readShared(text json.RawMessage) (s sharedClass, err error) {
	if err := json.Unmarshal(text, &s); err != nil {
		return s, err
	}
	for _, name := range []string{s.Space, s.Dataset, s.Protocol} {
		if name == "" || strings.ContainsAny(name, `/\.`) {
			return s, fmt.Errorf("%q is no name", name)
		}
	}
	if len(s.Trials) == 0 || s.Class == "" || !(s.Seconds >= 0) {
		return s, errors.New("there are none")
	}
	return s, (&Scores{Rows: s.rows(), Sealed: true}).check()
}

func (s sharedClass) rows() []Trained {
	rows := make([]Trained, len(s.Trials))
	for i, t := range s.Trials {
		rows[i] = Trained{Arch: s.Class, Trial: t.Trial, Valid: t.Valid, Test: t.Test}
	}
	return rows
}

// KeepScores adds trained scores that came from another machine to those below an output root.
func KeepScores(out string, text json.RawMessage, note func(format string, args ...any)) error {
	shared, err := readShared(text)
	if err != nil {
		return fmt.Errorf("runners: scores that came: %w: %w", ErrNotOf, err)
	}
	store := scores{path: scoresPath(out, scoresFolder(shared.Space, shared.Dataset, shared.Protocol)), space: shared.Space, dataset: shared.Dataset, origin: shared.Origin}
	s := &TrainedScorer{Store: store, Note: note}
	return s.update(func() error {
		if len(s.rows[shared.Class]) >= len(shared.Trials) {
			return nil
		}
		return s.add(shared.Class, shared.rows(), shared.Seconds)
	})
}
