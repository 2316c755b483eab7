package nb201

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"idarts/internal/trials"
)

// Key says which trained networks a question is about.
type Key struct {
	Dataset   string // whose images it was measured on: "cifar10"
	TrainedOn string // what it was trained on: "cifar10-valid" is CIFAR-10's first half
	Split     string // which images: "train", "x-valid", "x-test", "ori-test"
	Epochs    int    // length of the training; accuracies are those after its last epoch
	// Release of the official benchmark that the numbers are of, see [Releases]; "" where a
	// table does not say. Numbers of two releases are never in one mean.
	Release string
}

// Releases of the official benchmark whose numbers differ, in the order in which a question
// that names none is answered: trials with their own numbers before means.
var Releases = []string{Release201v11, ReleaseNATS, Release102}

// The releases that tables of this program have numbers of.
const (
	Release201v11 = "NAS-Bench-201 v1.1"
	ReleaseNATS   = "NATS-Bench v1.0"
	Release102    = "NAS-Bench-102 v1.0"
	// ReleaseUnstated is that of a file that does not name it.
	ReleaseUnstated = "release not stated"
)

// String is "cifar10 trained on cifar10-valid, x-valid, 200 epochs", with the release behind
// it where there is one.
func (k Key) String() string {
	text := fmt.Sprintf("%s trained on %s, %s, %d epochs", k.Dataset, k.TrainedOn, k.Split, k.Epochs)
	if k.Release != "" {
		text += ", " + k.Release
	}
	return text
}

// Compare orders keys by their parts.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Dataset, other.Dataset), cmp.Compare(k.TrainedOn, other.TrainedOn),
		cmp.Compare(k.Split, other.Split), cmp.Compare(k.Epochs, other.Epochs), cmp.Compare(rank(k.Release), rank(other.Release)), cmp.Compare(k.Release, other.Release))
}

// rank is the place of a release in [Releases], behind them for others.
func rank(release string) int {
	if i := slices.Index(Releases, release); i >= 0 {
		return i
	}
	return len(Releases)
}

// Missing names the first part of the key that is not set, "" where all are.
func (k Key) Missing() string {
	switch {
	case k.Dataset == "":
		return "a dataset"
	case k.TrainedOn == "":
		return "the set it was trained on"
	case k.Split == "":
		return "a split"
	case k.Epochs <= 0:
		return "the number of epochs"
	}
	return ""
}

// Near reports whether other is of the same data set, if k names one.
func (k Key) Near(other Key) bool { return k.Dataset == "" || k.Dataset == other.Dataset }

// Papers are the columns behind the numbers that papers report for the official
// table. Source: NATS-Bench documentation; CIFAR-10 is validated by networks trained
// on one half of the training images and tested with networks trained on all.
var Papers = []trials.Question[Key]{
	{Name: "cifar10 valid", Key: Key{"cifar10", "cifar10-valid", "x-valid", 200, ""}},
	{Name: "cifar10 test", Key: Key{"cifar10", "cifar10", "ori-test", 200, ""}},
	{Name: "cifar100 valid", Key: Key{"cifar100", "cifar100", "x-valid", 200, ""}},
	{Name: "cifar100 test", Key: Key{"cifar100", "cifar100", "x-test", 200, ""}},
	{Name: "ImageNet16-120 valid", Key: Key{"ImageNet16-120", "ImageNet16-120", "x-valid", 200, ""}},
	{Name: "ImageNet16-120 test", Key: Key{"ImageNet16-120", "ImageNet16-120", "x-test", 200, ""}},
}

// Readings are the ways in which the official table is read.
var Readings = []trials.Reading[Key]{
	{Name: "paper", About: "the papers' columns: means over the available trials after 200 epochs", Questions: Papers, Seeds: trials.All},
	{Name: "short", About: "the same columns after 12 of 12 epochs, a training of its own and not a part of the long one", Questions: after(Papers, 12), Seeds: trials.All},
}

// after is questions with another length of training.
func after(questions []trials.Question[Key], epochs int) []trials.Question[Key] {
	out := slices.Clone(questions)
	for i := range out {
		out[i].Key.Epochs = epochs
	}
	return out
}

// Record is one measurement of one trained network. NaN stands for a number that
// is not known; Accuracy must be known.
type Record struct {
	Cell Cell
	Key
	Seed     int64
	Accuracy float64 // percent
	// Loss is the mean cross-entropy, in nats. Tables keep 24 bits of it and of Seconds.
	Loss float64
	// Seconds is the time of the whole training where Split is "train", and of one
	// evaluation otherwise. In local tables it is not known, so that their bytes
	// are the same on each machine.
	Seconds float64
	// OtherNetwork is the share of the trainings behind the number that are of another
	// network than the cell's, see [trials.Trial].
	OtherNetwork float64
}

// Table holds measurements of trained cells. Questions ([trials.Results.Query]) may
// come from several goroutines at once, not while Append or Merge runs.
type Table struct {
	*trials.Results[Cell, Key]
	official bool // rows are all cells in the benchmark's own order
	cells    []Cell
	rows     [NumCells]int16 // row+1 of the cell with this Index, 0 for none
}

// NewTable makes a table without cells. Cells appear as they are appended, and a
// file has them in the order of [Cell.Index].
func NewTable(origin trials.Origin) *Table { return newTable("new table", origin) }

func newTable(name string, origin trials.Origin) *Table {
	t := &Table{}
	t.Results = trials.NewResults[Cell, Key](kind, name, origin, t.row)
	return t
}

// newOfficial makes an empty table of all cells in the benchmark's own order.
func newOfficial(origin trials.Origin, order []Cell) *Table {
	t := NewTable(origin)
	for _, c := range order {
		t.addCell(c)
	}
	t.official = true
	return t
}

// Cells are the cells that the table lists, with or without results. In an
// imported table they are all cells and their position is the official index.
func (t *Table) Cells() []Cell { return slices.Clone(t.cells) }

// Known is how many cells have any result. It reads what has not been read of the file.
func (t *Table) Known() (int, error) {
	if err := t.Read(); err != nil {
		return 0, err
	}
	n := 0
	for row := range t.cells {
		if slices.ContainsFunc(t.All(), func(s *trials.Series[Key]) bool { return !math.IsNaN(s.Accuracy.At(row)) }) {
			n++
		}
	}
	return n, nil
}

// OfficialIndex is c's number in the benchmark. Only imported tables know it.
func (t *Table) OfficialIndex(c Cell) (int, error) {
	if !t.official {
		return 0, fmt.Errorf("nb201: %q does not hold the benchmark's order of cells, want an imported table", t.Name())
	}
	return t.row(c)
}

func (c Cell) valid() bool {
	for _, op := range c {
		if int(op) >= len(Ops) {
			return false
		}
	}
	return true
}

// row finds c.
func (t *Table) row(c Cell) (int, error) {
	if !c.valid() {
		return 0, fmt.Errorf("nb201: %q is not a cell", c)
	}
	row := int(t.rows[c.Index()]) - 1
	if row < 0 {
		return 0, fmt.Errorf("nb201: %q does not list cell %q, only %d others", t.Name(), c, len(t.cells))
	}
	return row, nil
}

// addCell finds or makes the row of c.
func (t *Table) addCell(c Cell) int {
	i := c.Index()
	if t.rows[i] == 0 {
		t.cells = append(t.cells, c)
		t.rows[i] = int16(len(t.cells))
	}
	return int(t.rows[i]) - 1
}

// Of lists the keys of the table that k means: itself, or, where k names no release, one
// for each release that has such numbers, the first of [Releases] first. It is k alone
// where the table has none.
func (t *Table) Of(k Key) []Key {
	var out []Key
	for _, key := range t.Keys() {
		of := key
		if k.Release == "" {
			of.Release = ""
		}
		if of == k {
			out = append(out, key)
		}
	}
	if out == nil {
		return []Key{k}
	}
	return out
}

// Scores reads the table in two columns, each of one release: where the keys name none,
// the first that has it; see [Table.Of]. Training times stand beside the valid one, under
// "train".
func (t *Table) Scores(valid, test Key) *trials.Scores[Cell, Key] {
	valid, test = t.Of(valid)[0], t.Of(test)[0]
	train := valid
	train.Split = "train"
	return t.Results.Scores(trials.Pair[Key]{Valid: valid, Test: test, Time: train}, Parse, All)
}

// Records lists every measurement, in ascending order of key and seed and in the
// table's order of cells. It reads what has not been read of the file.
func (t *Table) Records() ([]Record, error) {
	if err := t.Read(); err != nil {
		return nil, err
	}
	var out []Record
	for _, s := range t.All() {
		for row, c := range t.cells {
			if accuracy := s.Accuracy.At(row); !math.IsNaN(accuracy) {
				trial := s.Trial(row)
				out = append(out, Record{c, s.Key, s.Seed, accuracy, trial.Loss, trial.Seconds, trial.OtherNetwork})
			}
		}
	}
	return out, nil
}

// Append adds measurements. One that is there already with the same numbers is
// passed over; one with other numbers is an error, and the ones before it stay.
func (t *Table) Append(records ...Record) error {
	if err := t.Read(); err != nil {
		return err
	}
	for _, r := range records {
		trial := trials.Trial{Seed: r.Seed, Accuracy: r.Accuracy, Loss: r.Loss, Seconds: r.Seconds, OtherNetwork: r.OtherNetwork}
		if !r.Cell.valid() {
			return fmt.Errorf("nb201: %q is not a cell", r.Cell)
		}
		if part := r.Key.Missing(); part != "" {
			return fmt.Errorf("nb201: result of cell %q (%s) lacks %s", r.Cell, r.Key, part)
		}
		if err := trial.Check(); err != nil {
			return fmt.Errorf("nb201: cell %q, %s, seed %d: %w", r.Cell, r.Key, r.Seed, err)
		}
		if err := t.Put(r.Cell, t.addCell(r.Cell), r.Key, trial); err != nil {
			return err
		}
	}
	return nil
}

// Merge appends everything that other holds. The networks of both must have been
// trained in the same way.
func (t *Table) Merge(other *Table) error {
	if t.Training != other.Training {
		return fmt.Errorf("nb201: cannot merge %q into %q: its protocol is %q, want %q", other.Name(), t.Name(), other.Training, t.Training)
	}
	records, err := other.Records()
	if err != nil {
		return err
	}
	return t.Append(records...)
}
