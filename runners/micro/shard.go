package micro

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"idarts/internal/arrowio"
	"idarts/internal/provenance"
	"idarts/nb201"
)

// trainedShard is some trainings with who did them.
type trainedShard struct {
	rows        []Row   // nil when there are none yet
	version     string  // of the program
	coreSeconds float64 // processor time of the trainings, those beside them taken out by their number
}

func (b *Build) shardPath(i int) string {
	return filepath.Join(b.Out, shardsDir, fmt.Sprintf("shard-%04d.arrow", i))
}

// floats are the number columns of a shard.
var floats = []struct {
	name string
	of   func(*Row) *float64
}{
	{"train_loss", func(r *Row) *float64 { return &r.TrainLoss }},
	{"valid", func(r *Row) *float64 { return &r.Valid }},
	{"valid_loss", func(r *Row) *float64 { return &r.ValidLoss }},
	{"test", func(r *Row) *float64 { return &r.Test }},
	{"test_loss", func(r *Row) *float64 { return &r.TestLoss }},
	{"seconds", func(r *Row) *float64 { return &r.Seconds }},
}

// columnsOf are rows as columns of a file: cell, seed, epoch, then the numbers
// with these names.
func columnsOf(rows []Row, names ...string) []arrowio.Column {
	cells, seeds, epochs := make([]string, len(rows)), make([]int32, len(rows)), make([]int32, len(rows))
	for i, r := range rows {
		cells[i], seeds[i], epochs[i] = r.Cell.String(), int32(r.Seed), int32(r.Epoch)
	}
	columns := []arrowio.Column{{Name: "cell", Values: cells}, {Name: "seed", Values: seeds}, {Name: "epoch", Values: epochs}}
	for _, f := range floats {
		if !slices.Contains(names, f.name) {
			continue
		}
		values := make([]float64, len(rows))
		for i := range rows {
			values[i] = *f.of(&rows[i])
		}
		valid := arrowio.NewBitmap(len(values), func(i int) bool { return values[i] == values[i] })
		columns = append(columns, arrowio.Column{Name: f.name, Values: values, Valid: valid})
	}
	return columns
}

// rowsOf reads what columnsOf wrote.
func rowsOf(t *arrowio.Table, names ...string) ([]Row, error) {
	cells, err := arrowio.Values[string](t, "cell")
	if err != nil {
		return nil, err
	}
	seeds, err := arrowio.Values[int32](t, "seed")
	if err != nil {
		return nil, err
	}
	epochs, err := arrowio.Values[int32](t, "epoch")
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(cells))
	for i := range rows {
		if rows[i].Cell, err = nb201.Parse(cells[i]); err != nil {
			return nil, fmt.Errorf("micro: %q row %d: %w", t.Name, i, err)
		}
		rows[i].Seed, rows[i].Epoch = uint64(seeds[i]), int(epochs[i])
	}
	for _, f := range floats {
		if !slices.Contains(names, f.name) {
			continue
		}
		values, _, err := arrowio.Nullable[float64](t, f.name)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			*f.of(&rows[i]) = values[i]
		}
	}
	for i, row := range rows {
		if err := row.check(seeds[i]); err != nil {
			return nil, fmt.Errorf("micro: %q row %d: %w", t.Name, i, err)
		}
	}
	return rows, nil
}

// check compares the numbers of a row with what they can be. NaN is a loss that is not
// finite, or a time that is not known.
func (r *Row) check(seed int32) error {
	switch {
	case seed < 0 || r.Epoch < 1:
		return fmt.Errorf("seed %d, epoch %d, want 0 or more and 1 or more", seed, r.Epoch)
	case !(r.Valid >= 0 && r.Valid <= 100 && r.Test >= 0 && r.Test <= 100):
		return fmt.Errorf("accuracies %v and %v, want 0 to 100 percent", r.Valid, r.Test)
	case r.TrainLoss < 0 || r.ValidLoss < 0 || r.TestLoss < 0 || r.Seconds < 0:
		return fmt.Errorf("losses %v, %v and %v and %v seconds, want none below 0", r.TrainLoss, r.ValidLoss, r.TestLoss, r.Seconds)
	}
	return nil
}

var everything = []string{"train_loss", "valid", "valid_loss", "test", "test_loss", "seconds"}

func (b *Build) writeShard(i int, shard trainedShard) error {
	return arrowio.Write(b.shardPath(i), arrowio.Table{
		Sealed: true,
		Meta: map[string]string{
			provenance.MetaFormat: ShardFormat, provenance.MetaOrigin: b.origin, provenance.MetaVersion: shard.version,
			metaCoreSeconds: strconv.FormatFloat(shard.coreSeconds, 'g', -1, 64),
		},
		Columns: columnsOf(shard.rows, everything...),
	}, arrowio.Plain)
}

var errOtherSettings = errors.New("was made with other settings")

// readShard reads shard i, which must be of these tasks. One that is not there gives an
// error wrapping [fs.ErrNotExist]; all but errOtherSettings and that it may not be read
// say that it is damaged.
func (b *Build) readShard(i int, tasks []Task) (shard trainedShard, err error) {
	path := b.shardPath(i)
	file, err := arrowio.Read(path)
	if err != nil {
		return shard, err
	}
	switch got := file.Meta[provenance.MetaFormat]; {
	case got == ShardFormat && !file.Sealed:
		return shard, fmt.Errorf("micro: %q is damaged: it has no checksums, which files of its format have", path)
	case got != ShardFormat && got != shardFormat1:
		return shard, fmt.Errorf("micro: %q has format %q, want %q", path, got, ShardFormat)
	}
	if got := file.Meta[provenance.MetaOrigin]; got != b.origin {
		return shard, fmt.Errorf("micro: %q %w (%s then, %s now); use another --out, or --fresh to delete them", path, errOtherSettings, got, b.origin)
	}
	if shard.coreSeconds, err = strconv.ParseFloat(file.Meta[metaCoreSeconds], 64); err != nil {
		return shard, fmt.Errorf("micro: %q has core seconds %q, want a number", path, file.Meta[metaCoreSeconds])
	}
	rows, err := rowsOf(file, everything...)
	if err != nil {
		return shard, err
	}
	at := 0
	for _, task := range tasks {
		first := b.Epochs
		if task.Curve {
			first = 1
		}
		// A curve may be shorter where the training diverged; its last row is there.
		for ; ; at++ {
			if at == len(rows) || rows[at].Cell != task.Cell || rows[at].Seed != task.Seed || rows[at].Epoch < first {
				return shard, fmt.Errorf("micro: %q lacks cell %q, seed %d", path, task.Cell, task.Seed)
			}
			if rows[at].Epoch == b.Epochs {
				at++
				break
			}
		}
	}
	if at != len(rows) {
		return shard, fmt.Errorf("micro: %q has %d rows too many", path, len(rows)-at)
	}
	shard.rows, shard.version = rows, file.Meta[provenance.MetaVersion]
	return shard, nil
}
