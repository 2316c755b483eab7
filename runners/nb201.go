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
