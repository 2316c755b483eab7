package runners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"idarts/internal/exec/cpu"
	"idarts/internal/result"
	"idarts/nb201"
)

// nb201Scores keeps trained scores as a table of the nb201 package, so that
// `idarts query` reads them like the official one.
type nb201Scores struct {
	path        string
	origin      nb201.Origin
	valid, test nb201.Key
}

func nb201Store(path, dataset string, s Scoring, origin string) Store {
	key := func(split string) nb201.Key {
		return nb201.Key{Dataset: dataset, TrainedOn: dataset, Split: split, Epochs: s.Epochs}
	}
	return nb201Scores{path: path, valid: key("valid"), test: key("test"), origin: nb201.Origin{
		Source: "trained by idarts", Licence: "Apache-2.0", Protocol: origin,
	}}
}

// Dir implements [Store].
func (s nb201Scores) Dir() string { return filepath.Dir(s.path) }

// Load implements [Store]. A table from another recipe or other data is an error.
func (s nb201Scores) Load() ([]Trained, error) {
	t, err := nb201.Open(s.path)
	if err != nil {
		return nil, err
	}
	if t.Origin.Protocol != s.origin.Protocol {
		return nil, fmt.Errorf("runners: %q holds scores of another recipe (%s then, %s now); use another --out, or --fresh to delete them", s.path, t.Origin.Protocol, s.origin.Protocol)
	}
	var rows []Trained
	for _, cell := range t.Cells() {
		valid, err := t.Query(cell, s.valid)
		if err != nil {
			return nil, err
		}
		test, err := t.Query(cell, s.test)
		if err != nil {
			return nil, err
		}
		if len(valid.Trials) != len(test.Trials) {
			return nil, fmt.Errorf("runners: %q: cell %q has %d valid and %d test scores", s.path, cell, len(valid.Trials), len(test.Trials))
		}
		for i, trial := range valid.Trials {
			rows = append(rows, Trained{Arch: cell.String(), Trial: uint64(trial.Seed), Valid: trial.Accuracy, Test: test.Trials[i].Accuracy})
		}
	}
	return rows, nil
}

// Save implements [Store].
func (s nb201Scores) Save(rows []Trained) error {
	t := nb201.NewTable(s.origin)
	unknown := math.NaN()
	for _, row := range rows {
		cell, err := nb201.Parse(row.Arch)
		if err != nil {
			return err
		}
		seed := int64(row.Trial)
		err = t.Append(
			nb201.Record{Cell: cell, Key: s.valid, Seed: seed, Accuracy: row.Valid, Loss: unknown, Seconds: unknown},
			nb201.Record{Cell: cell, Key: s.test, Seed: seed, Accuracy: row.Test, Loss: unknown, Seconds: unknown})
		if err != nil {
			return err
		}
	}
	return t.Save(s.path)
}

// nb201Benchmark scores by the official table.
type nb201Benchmark struct {
	table       *nb201.Table
	valid, test nb201.Key
	gflop       func(arch string) float64
}

func nb201Table(path string, s Scoring, gflop func(arch string) float64) (Scorer, string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("runners: no benchmark table %q; make it with: idarts data import nats-bench FOLDER %s", path, path)
	}
	if err != nil {
		return nil, "", fmt.Errorf("runners: %w", err)
	}
	table, err := nb201.Decode(path, content)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(content)
	return nb201Benchmark{table: table, valid: s.Valid.key(s.Epochs), test: s.Test.key(s.Epochs), gflop: gflop}, hex.EncodeToString(sum[:]), nil
}

func (c Column) key(epochs int) nb201.Key {
	return nb201.Key{Dataset: c.Dataset, TrainedOn: c.TrainedOn, Split: c.Split, Epochs: epochs}
}

// Score implements [Scorer]: the means over the trials that the table holds. Trials
// counts the networks behind the smaller of the two means. Seconds is the recorded
// training time of the networks behind Valid, 0 where the table does not know it.
func (b nb201Benchmark) Score(_ context.Context, arch string, _ *cpu.Pool) (Scored, error) {
	cell, err := nb201.Parse(arch)
	if err != nil {
		return Scored{}, err
	}
	valid, err := b.table.Query(cell, b.valid)
	if err != nil {
		return Scored{}, err
	}
	test, err := b.table.Query(cell, b.test)
	if err != nil {
		return Scored{}, err
	}
	scored := Scored{
		Score: result.Score{
			Valid: valid.Accuracy, Test: test.Accuracy,
			Trials: min(len(valid.Trials), len(test.Trials)), Source: "table:" + filepath.Base(b.table.Name()),
		},
		GFLOP: b.gflop(arch),
	}
	train := b.valid
	train.Split = "train"
	if took, err := b.table.Query(cell, train); err == nil && !math.IsNaN(took.Seconds) {
		scored.Seconds = took.Seconds
	}
	return scored, nil
}
