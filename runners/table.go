package runners

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"

	"idarts/internal/exec/cpu"
	"idarts/internal/result"
	"idarts/internal/trials"
	"idarts/nb1b1"
	"idarts/nb201"
	"idarts/testdata"
)

// tableScorer scores by a benchmark's table. Trials counts the networks behind the
// smaller of the two means; 0 where the table does not know.
type tableScorer struct {
	file  string
	ask   func(arch string) (tableAnswer, error)
	gflop func(arch string) float64
	// optimum of the space; nil when the table does not hold all of it.
	optimum *result.Optimum
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
	scored := Scored{Score: t.score(a), GFLOP: t.gflop(arch)}
	if !math.IsNaN(a.seconds) {
		scored.Seconds = a.seconds
	}
	return scored, nil
}

func (t tableScorer) score(a tableAnswer) result.Score {
	return result.Score{Valid: a.valid, Test: a.test, Trials: min(a.validTrials, a.testTrials), Source: "table:" + filepath.Base(t.file)}
}

// builtIn are the tables inside the program, by their names in [Scoring].
var builtIn = map[string][]byte{"nb201-micro": testdata.NB201Micro}

// openTable scores by a table: that inside the program which s names, else the
// one in the file path.
func (b *Bench) openTable(space Space, s Scoring, path string, gflop func(arch string) float64) error {
	name, content := s.BuiltIn, builtIn[s.BuiltIn]
	switch {
	case name == "":
		var err error
		name = path
		if content, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("runners: no benchmark table %q; make it with: %s %s", path, cmp.Or(s.TableFrom, space.TableFrom), path)
		} else if err != nil {
			return fmt.Errorf("runners: %w", err)
		}
	case content == nil:
		return fmt.Errorf("runners: no table %q is built in, only %q", name, sortedKeys(builtIn, nil))
	}
	scorer, err := space.Table(name, content, s, gflop)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(content)
	b.Scorer, b.Optimum, b.Data["table"] = scorer, scorer.optimum, hex.EncodeToString(hash[:])
	return nil
}

// findOptimum is that of the space whose architectures are listed; nil when the table
// lacks one of them.
func (t tableScorer) findOptimum(archs iter.Seq[string]) *result.Optimum {
	best := result.Optimum{}
	for arch := range archs {
		a, err := t.ask(arch)
		if err != nil {
			return nil
		}
		here := result.ArchScore{Arch: arch, Score: t.score(a)}
		if best.Archs == 0 || a.test > best.BestTest.Score.Test {
			best.BestTest = here
		}
		if best.Archs == 0 || a.valid > best.BestValid.Score.Valid {
			best.BestValid = here
		}
		best.Archs++
	}
	return &best
}

// nb201Table scores by a table of NAS-Bench-201.
func nb201Table(name string, content []byte, s Scoring, gflop func(arch string) float64) (tableScorer, error) {
	table, err := nb201.Decode(name, content)
	if err != nil {
		return tableScorer{}, err
	}
	key := func(c Column) nb201.Key {
		return nb201.Key{Dataset: c.Dataset, TrainedOn: c.TrainedOn, Split: c.Split, Epochs: c.Epochs}
	}
	ask := func(arch string) (a tableAnswer, err error) {
		cell, err := nb201.Parse(arch)
		if err != nil {
			return a, err
		}
		valid, err := table.Query(cell, key(s.Valid), trials.All)
		if err != nil {
			return a, err
		}
		test, err := table.Query(cell, key(s.Test), trials.All)
		if err != nil {
			return a, err
		}
		a = tableAnswer{valid.Accuracy, test.Accuracy, math.NaN(), valid.Count(), test.Count()}
		train := key(s.Valid)
		train.Split = "train" // the records keep training times there
		if took, err := table.Query(cell, train, trials.All); err == nil {
			a.seconds = took.Seconds
		}
		return a, nil
	}
	t := tableScorer{file: name, ask: ask, gflop: gflop}
	t.optimum = t.findOptimum(func(yield func(string) bool) {
		for i := range nb201.NumCells {
			if !yield(nb201.FromIndex(i).String()) {
				return
			}
		}
	})
	return t, nil
}

// nb101Table scores by a table of NAS-Bench-101. The optimum of a space among its
// cells is not looked for.
func nb101Table(name string, content []byte, s Scoring, gflop func(arch string) float64) (tableScorer, error) {
	table, err := nb1b1.Decode(name, content)
	if err != nil {
		return tableScorer{}, err
	}
	ask := func(arch string) (a tableAnswer, err error) {
		cell, err := nb1b1.Parse(arch)
		if err != nil {
			return a, err
		}
		valid, err := table.Query(cell, nb1b1.Key{Epochs: s.Valid.Epochs, Split: s.Valid.Split}, trials.All)
		if err != nil {
			return a, err
		}
		test, err := table.Query(cell, nb1b1.Key{Epochs: s.Test.Epochs, Split: s.Test.Split}, trials.All)
		return tableAnswer{valid.Accuracy, test.Accuracy, valid.Seconds, len(valid.Trials), len(test.Trials)}, err
	}
	return tableScorer{file: name, ask: ask, gflop: gflop}, nil
}
