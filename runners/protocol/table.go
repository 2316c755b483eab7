package protocol

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"idarts/internal/result"
	"idarts/internal/trials"
	"idarts/nb201"
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
	// Expected is what random search with so many architectures ends with on average; nil
	// where the table does not hold all of the space.
	Expected(draws int) (*result.Expected, error)
}

// Columned is a table that has the columns which papers print of its space.
type Columned interface {
	// Columns are what the table says of an architecture in those that it has, in their
	// order.
	Columns(arch string) ([]result.Measured, error)
}

// table201 is a table of NAS-Bench-201 with the columns of its papers.
type table201 struct {
	*trials.Scores[nb201.Cell, nb201.Key]
	table   *nb201.Table
	columns []trials.Question[nb201.Key] // those that it has, each of the first release that has it
}

func open201(name string, content []byte, valid, test Column) (Table, error) {
	table, err := nb201.Decode(name, content)
	if err != nil {
		return nil, err
	}
	key := func(c Column) nb201.Key {
		return nb201.Key{Dataset: c.Dataset, TrainedOn: c.TrainedOn, Split: c.Split, Epochs: c.Epochs}
	}
	t := table201{Scores: table.Scores(key(valid), key(test)), table: table}
	there := table.Keys()
	for _, q := range nb201.Papers {
		if q.Key = table.Of(q.Key)[0]; slices.Contains(there, q.Key) {
			t.columns = append(t.columns, q)
		}
	}
	return t, nil
}

// Columns implements [Columned].
func (t table201) Columns(arch string) ([]result.Measured, error) {
	cell, err := nb201.Parse(arch)
	if err != nil {
		return nil, err
	}
	var out []result.Measured
	for _, q := range t.columns {
		answer, err := t.table.Query(cell, q.Key, trials.All)
		if err != nil {
			continue // this cell has no such number
		}
		out = append(out, result.Measured{Column: q.Name, Accuracy: answer.Accuracy, Trials: answer.Count(), Release: q.Key.Release, OtherNetwork: answer.OtherNetwork})
	}
	return out, nil
}

// OpenedTable is a table with where it comes from.
type OpenedTable struct {
	Table
	Fitness Table  // with the columns of [Scoring.Fitness]; nil where the protocol has none
	File    string // its name
	SHA256  string // of its bytes
}

// BuiltIn are the tables inside the program, by their names in [Scoring].
var BuiltIn = map[string][]byte{"nb201-micro": testdata.NB201Micro}

// OpenTable opens the table that p scores by: that inside the program which it
// names, else the one in the file path.
func (p Protocol) OpenTable(path string) (OpenedTable, error) {
	var t OpenedTable
	space, err := LookupSpace(p.Space)
	if err != nil {
		return t, err
	}
	if space.Table == nil {
		return t, fmt.Errorf("protocol: protocol %q scores by a table, and space %q has none", p.Name, p.Space)
	}
	var content []byte
	t.File, content = p.Score.BuiltIn, BuiltIn[p.Score.BuiltIn]
	switch {
	case t.File == "":
		t.File = path
		if content, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) {
			return t, fmt.Errorf("protocol: no benchmark table: %w; make it with: %s %s", err, cmp.Or(p.Score.TableFrom, space.TableFrom), path)
		} else if err != nil {
			return t, fmt.Errorf("protocol: %w", err)
		}
	case content == nil:
		return t, fmt.Errorf("protocol: no table %q is built in, only %q", t.File, slices.Sorted(maps.Keys(BuiltIn)))
	}
	sum := sha256.Sum256(content)
	t.SHA256 = hex.EncodeToString(sum[:])
	if t.Table, err = space.Table(t.File, content, p.Score.Valid, p.Score.Test); err == nil && p.Score.Fitness != nil {
		t.Fitness, err = space.Table(t.File, content, *p.Score.Fitness, p.Score.Test)
	}
	return t, err
}
