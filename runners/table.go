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
	"idarts/nb1b1"
	"idarts/nb201"
)

// tableScorer scores by a benchmark's table. Trials counts the networks behind the
// smaller of the two means; 0 where the table does not know.
type tableScorer struct {
	file  string
	ask   func(arch string) (tableAnswer, error)
	gflop func(arch string) float64
}

// tableAnswer is what a table says of an architecture: means over trials in
// percent, and the recorded training time of the networks behind valid, NaN where
// that is not known.
type tableAnswer struct {
	valid, test, seconds    float64
	validTrials, testTrials int
}

// Score implements [Scorer].
func (t tableScorer) Score(_ context.Context, arch string, _ *cpu.Pool) (Scored, error) {
	a, err := t.ask(arch)
	if err != nil {
		return Scored{}, err
	}
	scored := Scored{
		Score: result.Score{Valid: a.valid, Test: a.test, Trials: min(a.validTrials, a.testTrials), Source: "table:" + filepath.Base(t.file)},
		GFLOP: t.gflop(arch),
	}
	if !math.IsNaN(a.seconds) {
		scored.Seconds = a.seconds
	}
	return scored, nil
}

// readTable reads a benchmark's table and its SHA-256. make is the command that
// makes one, up to the name of the file.
func readTable(path, make string) (content []byte, sum string, err error) {
	content, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("runners: no benchmark table %q; make it with: %s %s", path, make, path)
	}
	if err != nil {
		return nil, "", fmt.Errorf("runners: %w", err)
	}
	hash := sha256.Sum256(content)
	return content, hex.EncodeToString(hash[:]), nil
}

// nb201Table scores by a table of NAS-Bench-201.
func nb201Table(path string, s Scoring, gflop func(arch string) float64) (Scorer, string, error) {
	content, sum, err := readTable(path, "idarts data import nats-bench FOLDER")
	if err != nil {
		return nil, "", err
	}
	table, err := nb201.Decode(path, content)
	if err != nil {
		return nil, "", err
	}
	key := func(c Column) nb201.Key {
		return nb201.Key{Dataset: c.Dataset, TrainedOn: c.TrainedOn, Split: c.Split, Epochs: c.Epochs}
	}
	ask := func(arch string) (a tableAnswer, err error) {
		cell, err := nb201.Parse(arch)
		if err != nil {
			return a, err
		}
		valid, err := table.Query(cell, key(s.Valid))
		if err != nil {
			return a, err
		}
		test, err := table.Query(cell, key(s.Test))
		if err != nil {
			return a, err
		}
		a = tableAnswer{valid.Accuracy, test.Accuracy, math.NaN(), valid.Count(), test.Count()}
		train := key(s.Valid)
		train.Split = "train" // the records keep training times there
		if took, err := table.Query(cell, train); err == nil {
			a.seconds = took.Seconds
		}
		return a, nil
	}
	return tableScorer{path, ask, gflop}, sum, nil
}

// nb101Table scores by a table of NAS-Bench-101.
func nb101Table(path string, s Scoring, gflop func(arch string) float64) (Scorer, string, error) {
	content, sum, err := readTable(path, "idarts data import nas-bench-101 FILE.tfrecord")
	if err != nil {
		return nil, "", err
	}
	table, err := nb1b1.Decode(path, content)
	if err != nil {
		return nil, "", err
	}
	ask := func(arch string) (a tableAnswer, err error) {
		cell, err := nb1b1.Parse(arch)
		if err != nil {
			return a, err
		}
		valid, err := table.Query(cell, nb1b1.Key{Epochs: s.Valid.Epochs, Split: s.Valid.Split})
		if err != nil {
			return a, err
		}
		test, err := table.Query(cell, nb1b1.Key{Epochs: s.Test.Epochs, Split: s.Test.Split})
		return tableAnswer{valid.Accuracy, test.Accuracy, valid.Seconds, len(valid.Trials), len(test.Trials)}, err
	}
	return tableScorer{path, ask, gflop}, sum, nil
}
