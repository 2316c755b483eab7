package nb1b1

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"idarts/internal/trials"
)

// Budgets are the lengths of training in the benchmark, in epochs.
var Budgets = [4]int{4, 12, 36, 108}

// Repeats is how often each cell was trained under each budget.
const Repeats = 3

// Splits are the sets of images of CIFAR-10 that accuracies were measured on:
// 10,000 of the 40,000 that were trained on, 10,000 held out of the training
// set, and the test set.
var Splits = [3]string{"train", "valid", "test"}

// Dataset and TrainedOn say what all networks of the benchmark were trained and
// measured on: CIFAR-10, of whose training images 10,000 are held out.
const Dataset, TrainedOn = "cifar10", "cifar10-40k"

// Key says which trained networks a question is about. Their trials are the repeats,
// numbered from 0 as in the benchmark's file.
type Key struct {
	Epochs int    // length of the training, one of [Budgets]; accuracies are those at its end
	Split  string // one of [Splits]
}

// String is "valid, 108 epochs".
func (k Key) String() string { return fmt.Sprintf("%s, %d epochs", k.Split, k.Epochs) }

// Compare orders keys by epochs, then by the place of the split in [Splits].
func (k Key) Compare(other Key) int {
	place := func(k Key) int { return slices.Index(Splits[:], k.Split) }
	return cmp.Or(cmp.Compare(k.Epochs, other.Epochs), cmp.Compare(place(k), place(other)))
}

// Missing names the first part of the key that is not set, "" where both are.
func (k Key) Missing() string {
	switch {
	case k.Split == "":
		return "a split"
	case k.Epochs <= 0:
		return "the number of epochs"
	}
	return ""
}

// Near reports true: there are twelve keys at most.
func (k Key) Near(Key) bool { return true }

// Readings are the ways in which papers read the table.
var Readings = []trials.Reading[Key]{
	// Ying et al., section 3.1 and 4: the longest budget, means over all repeats.
	// NAS-Bench-1Shot1 reports 1 minus these.
	{
		Name: "paper", About: "means over all repeats of 108 epochs", Seeds: trials.All,
		Questions: []trials.Question[Key]{{Key: Key{108, "valid"}}, {Key: Key{108, "test"}}},
	},
}

// Table holds the published results of trained cells. Isomorphic cells have the
// same results. Questions ([trials.Results.Query]) may come from several goroutines
// at once. Their seconds are those of the training, under each split.
type Table struct {
	*trials.Results[Cell, Key]

	// A row for each cell, ascending by keys.
	keys       []int64 // code of the representative, see Cell.Canonical
	modules    []int64 // code of the cell as the benchmark has it
	hashes     []byte  // the benchmark's names, [rows·16]
	parameters []int64 // trainable numbers

	columns [len(Budgets)][Repeats]measures // nil where there is nothing
	marks   []int64                         // each stride-th of keys, which a search meets first

	sortHashes sync.Once
	byHash     []int32 // rows in the order of their hashes
}

// stride is the distance of marks.
const stride = 256

// measures are the columns of one repeat under one budget: accuracies by split,
// stored as fractions, then seconds.
//
// The benchmark's accuracies were computed as float32, so nothing is lost here.
type measures [len(Splits) + 1]*trials.Column

// seconds is the place of the training time in measures.
const seconds = len(Splits)

// newTable is a table without cells.
func newTable(name string, origin trials.Origin) *Table {
	t := &Table{}
	t.Results = trials.NewResults[Cell, Key](kind, name, origin, t.row)
	return t
}

// Len is the number of cells, 423,624 in the official table.
func (t *Table) Len() int { return len(t.keys) }

// Cell is cell i, from 0 to Len()-1, as the benchmark has it.
func (t *Table) Cell(i int) (Cell, error) {
	c, err := fromCode(t.modules[i])
	if err != nil {
		return Cell{}, fmt.Errorf("nb1b1: %q row %d: %w", t.Name(), i, err)
	}
	return c, nil
}

// Hash is the benchmark's name of cell i.
func (t *Table) Hash(i int) Hash { return Hash(t.hashes[i*len(Hash{}):]) }

// IsHash says whether text is meant as the name of a cell, right or wrong, and not as
// the cell itself.
func IsHash(text string) bool { return len(text) >= 16 && strings.Trim(text, hexadecimal) == "" }

const hexadecimal = "0123456789abcdefABCDEF"

// ParseHash reads the benchmark's name of a cell, 32 digits 0 to 9, a to f, in any case.
func ParseHash(text string) (Hash, error) {
	h, err := parseHash(text)
	if err != nil {
		return h, fmt.Errorf("nb1b1: %w", err)
	}
	return h, nil
}

// Find is the cell with the benchmark's name h. The first call sorts all names, a
// fifth of a second for the official table.
func (t *Table) Find(h Hash) (Cell, error) {
	t.sortHashes.Do(func() {
		t.byHash = make([]int32, len(t.keys))
		for i := range t.byHash {
			t.byHash[i] = int32(i)
		}
		slices.SortFunc(t.byHash, func(a, b int32) int {
			x, y := t.Hash(int(a)), t.Hash(int(b))
			return bytes.Compare(x[:], y[:])
		})
	})
	i, ok := slices.BinarySearchFunc(t.byHash, h, func(row int32, h Hash) int {
		x := t.Hash(int(row))
		return bytes.Compare(x[:], h[:])
	})
	if !ok {
		return Cell{}, fmt.Errorf("nb1b1: %q has no cell with hash %s: it has %d of the %d cells of NAS-Bench-101", t.Name(), h, len(t.keys), Cells)
	}
	return t.Cell(int(t.byHash[i]))
}

// row finds c.
func (t *Table) row(c Cell) (int, error) {
	if !c.valid() {
		return 0, fmt.Errorf("nb1b1: %v is not a cell", c)
	}
	key := c.Canonical().code()
	first, end := 0, len(t.keys)
	if len(t.marks) > 0 { // a search among all keys would wait for memory at each step
		mark, _ := slices.BinarySearch(t.marks, key+1)
		first, end = max(0, mark-1)*stride, min(mark*stride, len(t.keys))
	}
	i, ok := slices.BinarySearch(t.keys[first:end], key)
	if i += first; !ok {
		return 0, fmt.Errorf("nb1b1: %q does not list cell %q: it has %d of the %d cells of NAS-Bench-101", t.Name(), c, len(t.keys), Cells)
	}
	return i, nil
}

// Parameters is the number of trainable numbers of the network that the benchmark
// trained for c.
func (t *Table) Parameters(c Cell) (int64, error) {
	i, err := t.row(c)
	if err != nil {
		return 0, err
	}
	return t.parameters[i], nil
}

// Scores reads the table in two columns. The optimum of a space among its cells is
// not looked for.
func (t *Table) Scores(valid, test Key) *trials.Scores[Cell, Key] {
	return t.Results.Scores(trials.Pair[Key]{Valid: valid, Test: test, Time: valid}, Parse, nil)
}

// add makes a row of a cell that is not there yet.
func (t *Table) add(c Cell, hash Hash, parameters int64) (row int) {
	t.keys = append(t.keys, c.Canonical().code())
	t.modules = append(t.modules, c.code())
	t.hashes = append(t.hashes, hash[:]...)
	t.parameters = append(t.parameters, parameters)
	return len(t.keys) - 1
}

// set stores a repeat's numbers, [len(measures)], accuracies as fractions; NaN is not known.
func (t *Table) set(row, budget, repeat int, values [len(measures{})]float32) {
	columns := &t.columns[budget][repeat]
	if columns[seconds] == nil {
		for i := range columns {
			columns[i] = trials.NewColumn(true, unit(i))
		}
		t.tell(budget, repeat)
	}
	for i, v := range values {
		columns[i].Set(row, float64(v))
	}
}

// tell makes series of a repeat's columns.
func (t *Table) tell(budget, repeat int) {
	columns := &t.columns[budget][repeat]
	for i, split := range Splits {
		if columns[i] != nil {
			s := t.Series(Key{Budgets[budget], split}, int64(repeat))
			s.Accuracy, s.Seconds = columns[i], columns[seconds]
		}
	}
}

// unit is what stored numbers are multiplied with: accuracies are percent.
func unit(measure int) float64 {
	if measure == seconds {
		return 1
	}
	return 100
}
