package runners

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"idarts/internal/exec/cpu"
	"idarts/internal/result"
	"idarts/testdata"
)

// Table is a benchmark's table as scores are read from it: two of its columns, one
// that searches may ask and one that they are judged by.
type Table interface {
	// Score is what the table says of an architecture, a mean over trials for each
	// column. Trials counts the networks behind the smaller of the two, 0 where the
	// table does not know; Seconds is the training time of those behind Valid, 0 where
	// it does not know. GFLOP is 0 where the protocol's recipe tells it; Source is left
	// to the caller.
	Score(arch string) (result.Scored, error)
	// Optimum is that of the space, each score as Score has it; nil where the table
	// does not hold all of the space. It may be asked often.
	Optimum() (*result.Optimum, error)
}

// tableScorer scores by a benchmark's table.
type tableScorer struct {
	Table
	source string
	gflop  func(arch string) float64 // of training, where the table does not know
}

// Score implements [Scorer].
func (t tableScorer) Score(_ context.Context, arch string, _ *cpu.Pool) (result.Scored, error) {
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
	table, err := space.Table(name, content, s.Valid, s.Test)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(content)
	scorer := tableScorer{table, "table:" + filepath.Base(name), gflop}
	b.Scorer, b.Optimum, b.Data["table"] = scorer, scorer.Optimum, hex.EncodeToString(hash[:])
	return nil
}
