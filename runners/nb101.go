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
)

// nb101Benchmark scores by a table of NAS-Bench-101.
type nb101Benchmark struct {
	table       *nb1b1.Table
	valid, test nb1b1.Key
	gflop       func(arch string) float64
}

func nb101Table(path string, s Scoring, gflop func(arch string) float64) (Scorer, string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("runners: no benchmark table %q; make it with: idarts data import nas-bench-101 FILE.tfrecord %s", path, path)
	}
	if err != nil {
		return nil, "", fmt.Errorf("runners: %w", err)
	}
	table, err := nb1b1.Decode(path, content)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(content)
	key := func(c Column) nb1b1.Key { return nb1b1.Key{Epochs: s.Epochs, Split: c.Split} }
	return nb101Benchmark{table: table, valid: key(s.Valid), test: key(s.Test), gflop: gflop}, hex.EncodeToString(sum[:]), nil
}

// Score implements [Scorer]: the means over the repeats that the table holds.
// Seconds is the recorded training time of one network, 0 where it is not known.
func (b nb101Benchmark) Score(_ context.Context, arch string, _ *cpu.Pool) (Scored, error) {
	cell, err := nb1b1.Parse(arch)
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
	if !math.IsNaN(valid.Seconds) {
		scored.Seconds = valid.Seconds
	}
	return scored, nil
}
