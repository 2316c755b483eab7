package nb1b1

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"idarts/internal/arrowio"
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

// Key says which trained networks a question is about; [trials.Seeds] says which of
// their repeats, numbered from 0 as in the benchmark's file. No part has a default:
// a key with an empty part is an error that lists what the table holds.
type Key struct {
	Epochs int    // length of the training, one of [Budgets]; accuracies are those at its end
	Split  string // one of [Splits]
}

// String is "valid, 108 epochs".
func (k Key) String() string { return fmt.Sprintf("%s, %d epochs", k.Split, k.Epochs) }

// Protocol is a list of keys with a name.
type Protocol struct {
	Name, About string
	Keys        []Key
	Seeds       trials.Seeds
}

// Protocols are the ways in which papers read the table.
var Protocols = []Protocol{
	// Ying et al., section 3.1 and 4: the longest budget, means over all repeats.
	// NAS-Bench-1Shot1 reports 1 minus these.
	{"paper", "means over all repeats of 108 epochs", []Key{{108, "valid"}, {108, "test"}}, trials.All},
}

// Answer is what a table knows of a cell under a key.
type Answer = trials.Answer

// Trial is one trained network's part of an [Answer]. Its Loss is not known.
type Trial = trials.Trial

// Origin is a table's account of itself. Its SHA256 is that of the file that the
// table was made from.
type Origin = trials.Origin

// Table holds the published results of trained cells. Isomorphic cells have the
// same results. Queries may run concurrently.
type Table struct {
	Origin
	name string // the file, as errors call it

	// A row for each cell, ascending by keys.
	keys       []int64 // code of the representative, see Cell.Canonical
	modules    []int64 // code of the cell as the benchmark has it
	hashes     []byte  // the benchmark's names, [rows·16]
	parameters []int64 // trainable numbers

	columns [len(Budgets)][Repeats]measures // nil where there is nothing, or nothing yet
	marks   []int64                         // each stride-th of keys, which a search meets first

	sortHashes sync.Once
	byHash     []int32 // rows in the order of their hashes

	// A table of a file reads columns when they are first asked for: the whole file
	// has 98 MB, a question is about some of them. The file stays open.
	file   *arrowio.File
	stored [len(Budgets)][Repeats][len(measures{})]stored
}

// stored is a column of the file.
type stored struct {
	there bool
	once  sync.Once
	err   error
}

// stride is the distance of marks.
const stride = 256

// measures are the columns of one repeat under one budget: accuracies by split as
// fractions, then seconds. NaN stands for a number that is not known.
//
// The benchmark's accuracies were computed as float32, so nothing is lost here.
type measures [len(Splits) + 1][]float32

// seconds is the place of the training time in measures.
const seconds = len(Splits)

// Name is the file that the table was read from.
func (t *Table) Name() string { return t.name }

// Len is the number of cells, 423,624 in the official table.
func (t *Table) Len() int { return len(t.keys) }

// Cell is cell i, from 0 to Len()-1, as the benchmark has it.
func (t *Table) Cell(i int) (Cell, error) {
	c, err := fromCode(t.modules[i])
	if err != nil {
		return Cell{}, fmt.Errorf("nb1b1: %q row %d: %w", t.name, i, err)
	}
	return c, nil
}

// Hash is the benchmark's name of cell i.
func (t *Table) Hash(i int) Hash { return Hash(t.hashes[i*len(Hash{}):]) }

// ParseHash reads the benchmark's name of a cell, 32 digits 0 to 9, a to f.
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
		return Cell{}, fmt.Errorf("nb1b1: %q has no cell with hash %s, only %d others", t.name, h, len(t.keys))
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
		return 0, fmt.Errorf("nb1b1: %q does not list cell %q, only %d others", t.name, c, len(t.keys))
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

// Keys lists the keys under which there is anything, by epochs and split.
func (t *Table) Keys() []Key {
	var keys []Key
	for b, epochs := range Budgets {
		for s, split := range Splits {
			if t.repeats(b, s) != nil {
				keys = append(keys, Key{epochs, split})
			}
		}
	}
	return keys
}

// Query returns what is known of a cell, or one isomorphic to it, under a key, as
// the mean over the chosen trials. It is an error when nothing is known, or a trial
// that was named is not there; the error lists what there is. The first question
// under a key reads its columns.
func (t *Table) Query(c Cell, key Key, seeds trials.Seeds) (Answer, error) {
	budget, split := slices.Index(Budgets[:], key.Epochs), slices.Index(Splits[:], key.Split)
	if budget < 0 || split < 0 {
		return Answer{}, t.noKey(key)
	}
	if !seeds.Chosen() {
		return Answer{}, fmt.Errorf("nb1b1: %q cannot be asked for %s without repeats, want all or some of %s", t.name, key, trials.List(t.repeats(budget, split)))
	}
	row, err := t.row(c)
	if err != nil {
		return Answer{}, err
	}
	found := make([]Trial, 0, Repeats)
	for repeat := range Repeats {
		if !seeds.Has(int64(repeat)) {
			continue
		}
		accuracy, err := t.at(budget, repeat, split, row)
		if err != nil {
			return Answer{}, err
		}
		if math.IsNaN(accuracy) {
			continue
		}
		took, err := t.at(budget, repeat, seconds, row)
		if err != nil {
			return Answer{}, err
		}
		found = append(found, Trial{Seed: int64(repeat), Accuracy: 100 * accuracy, Loss: math.NaN(), Seconds: took})
	}
	if len(found) == 0 || len(found) < seeds.Len() {
		return Answer{}, t.noTrials(c, key, seeds, budget, split, row)
	}
	return trials.Mean(found), nil
}

// at is one number, NaN when it is not known.
func (t *Table) at(budget, repeat, measure, row int) (float64, error) {
	if column := &t.stored[budget][repeat][measure]; column.there {
		column.once.Do(func() { column.err = t.load(budget, repeat, measure) })
		if column.err != nil {
			return 0, column.err
		}
	}
	values := t.columns[budget][repeat][measure]
	if row >= len(values) {
		return math.NaN(), nil
	}
	return float64(values[row]), nil
}

// load reads a column of the file.
func (t *Table) load(budget, repeat, measure int) error {
	name := columnName(budget, repeat, measure)
	file, err := t.file.Load(name)
	if err == nil {
		t.columns[budget][repeat][measure], _, err = arrowio.Nullable[float32](file, name)
	}
	if err != nil {
		return fmt.Errorf("nb1b1: read table: %w", err)
	}
	return nil
}

// repeats are the ones with a column.
func (t *Table) repeats(budget, split int) (there []int64) {
	for repeat := range Repeats {
		if t.columns[budget][repeat][split] != nil || t.stored[budget][repeat][split].there {
			there = append(there, int64(repeat))
		}
	}
	return there
}

// noTrials explains why a cell has no answer under a key.
func (t *Table) noTrials(c Cell, key Key, seeds trials.Seeds, budget, split, row int) error {
	var there []int64
	for _, repeat := range t.repeats(budget, split) {
		if v, err := t.at(budget, int(repeat), split, row); err == nil && !math.IsNaN(v) {
			there = append(there, repeat)
		}
	}
	switch {
	case !slices.Contains(t.Keys(), key):
		return t.noKey(key)
	case len(there) == 0:
		return fmt.Errorf("nb1b1: %q has no trained network of cell %q for %s", t.name, c, key)
	}
	return fmt.Errorf("nb1b1: %q has no repeat %s of cell %q for %s, only %s", t.name, trials.List(seeds.Missing(there)), c, key, trials.List(there))
}

// noKey explains a key that is incomplete or not there.
func (t *Table) noKey(key Key) error {
	what := "has nothing for " + key.String()
	switch {
	case key.Split == "":
		what = "cannot be asked without a split"
	case key.Epochs == 0:
		what = "cannot be asked without the number of epochs"
	}
	var have []string
	for _, k := range t.Keys() {
		have = append(have, k.String())
	}
	return fmt.Errorf("nb1b1: %q %s, want one of: %s", t.name, what, strings.Join(have, "; "))
}

// add makes a row of a cell that is not there yet.
func (t *Table) add(c Cell, hash Hash, parameters int64) (row int) {
	t.keys = append(t.keys, c.Canonical().code())
	t.modules = append(t.modules, c.code())
	t.hashes = append(t.hashes, hash[:]...)
	t.parameters = append(t.parameters, parameters)
	return len(t.keys) - 1
}

// set stores a repeat's numbers, [len(measures)]. The columns grow as they are needed.
func (t *Table) set(row, budget, repeat int, values [len(measures{})]float32) {
	for i, v := range values {
		column := &t.columns[budget][repeat][i]
		for len(*column) <= row {
			*column = append(*column, float32(math.NaN()))
		}
		(*column)[row] = v
	}
}

// Format is what a file of a [Table] calls itself in its metadata.
const Format = "idarts nb1b1 table, version 1"

// The file has one row for each cell, ascending by the column "key", and no
// compression, since it is read often and barely shrinks:
//
//	key         int64    the cell that stands for its class, as a number (Cell.code)
//	module      int64    the cell as the benchmark has it, as a number
//	hash        16 bytes the benchmark's name of the cell
//	parameters  int64    trainable numbers of the network
//	108/0/valid float    and so on: epochs, repeat, measure; null where not known
//
// Accuracies are fractions there. The columns' metadata repeats what is in the
// names.
const (
	metaFormat                                    = "format"
	metaEpochs, metaRepeat, metaMeasure, metaUnit = "epochs", "repeat", "measure", "unit"

	columnKey, columnModule, columnHash, columnParameters = "key", "module", "hash", "parameters"
)

// measureName is "train", "valid", "test" or "seconds".
func measureName(measure int) string {
	if measure == seconds {
		return "seconds"
	}
	return Splits[measure]
}

func columnName(budget, repeat, measure int) string {
	return fmt.Sprintf("%d/%d/%s", Budgets[budget], repeat, measureName(measure))
}

// save creates or replaces path, whole or not at all. Its bytes do not depend on
// the order of the rows.
func (t *Table) save(path string) error {
	rows := len(t.keys)
	order := make([]int, rows)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(t.keys[a], t.keys[b]) })
	hashes := make([]byte, 0, len(t.hashes))
	for i, row := range order {
		if i > 0 && t.keys[row] == t.keys[order[i-1]] {
			return fmt.Errorf("nb1b1: save table %q: cells %s and %s are isomorphic", path, t.Hash(order[i-1]), t.Hash(row))
		}
		hash := t.Hash(row)
		hashes = append(hashes, hash[:]...)
	}
	out := arrowio.Table{
		Rows: rows,
		Meta: map[string]string{metaFormat: Format},
		Columns: []arrowio.Column{
			{Name: columnKey, Values: gather(t.keys, order)},
			{Name: columnModule, Values: gather(t.modules, order)},
			{Name: columnHash, Values: arrowio.Fixed{Width: len(Hash{}), Bytes: hashes}},
			{Name: columnParameters, Values: gather(t.parameters, order)},
		},
	}
	t.Origin.AddTo(out.Meta)
	for budget, repeats := range t.columns {
		for repeat, columns := range repeats {
			for measure, column := range columns {
				for len(column) > 0 && len(column) < rows {
					column = append(column, float32(math.NaN()))
				}
				if !slices.ContainsFunc(column, func(v float32) bool { return v == v }) {
					continue
				}
				values := gather(column, order)
				unit := "fraction"
				if measure == seconds {
					unit = "s"
				}
				out.Columns = append(out.Columns, arrowio.Column{
					Name:   columnName(budget, repeat, measure),
					Values: values,
					Valid:  arrowio.NewBitmap(rows, func(i int) bool { return values[i] == values[i] }),
					Meta: map[string]string{
						metaEpochs: strconv.Itoa(Budgets[budget]), metaRepeat: strconv.Itoa(repeat),
						metaMeasure: measureName(measure), metaUnit: unit,
					},
				})
			}
		}
	}
	if err := arrowio.Write(path, out, arrowio.Plain); err != nil {
		return fmt.Errorf("nb1b1: save table: %w", err)
	}
	return nil
}

func gather[V any](values []V, order []int) []V {
	out := make([]V, len(order))
	for i, row := range order {
		out[i] = values[row]
	}
	return out
}

// Open opens a table that [ImportNASBench101] wrote, reads the cells, and leaves
// their results for later: the file stays open as long as the table lives. Errors
// name the file.
func Open(path string) (*Table, error) {
	file, err := arrowio.Open(path)
	if err != nil {
		return nil, fmt.Errorf("nb1b1: open table: %w", err)
	}
	t, err := open(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return t, nil
}

// Decode is [Open] for a file that is already in memory, and must not change as long
// as the table lives; errors call it name.
func Decode(name string, content []byte) (*Table, error) {
	file, err := arrowio.New(name, content)
	if err != nil {
		return nil, fmt.Errorf("nb1b1: open table: %w", err)
	}
	return open(file)
}

func open(file *arrowio.File) (*Table, error) {
	if got := file.Meta[metaFormat]; got != Format {
		return nil, fmt.Errorf("nb1b1: %q has format %q, want %q", file.Name, got, Format)
	}
	t := &Table{Origin: trials.OriginOf(file.Meta), name: file.Name, file: file}
	index, err := file.Load(columnKey, columnModule, columnHash, columnParameters)
	if err != nil {
		return nil, fmt.Errorf("nb1b1: open table: %w", err)
	}
	for _, column := range []struct {
		name   string
		values *[]int64
	}{{columnKey, &t.keys}, {columnModule, &t.modules}, {columnParameters, &t.parameters}} {
		if *column.values, err = arrowio.Values[int64](index, column.name); err != nil {
			return nil, fmt.Errorf("nb1b1: open table: %w", err)
		}
	}
	hashes, err := arrowio.FixedValues(index, columnHash)
	if err != nil {
		return nil, fmt.Errorf("nb1b1: open table: %w", err)
	}
	if hashes.Width != len(Hash{}) {
		return nil, fmt.Errorf("nb1b1: %q: column %q has %d bytes a row, want %d", file.Name, columnHash, hashes.Width, len(Hash{}))
	}
	t.hashes = hashes.Bytes
	for i := 1; i < len(t.keys); i++ {
		if t.keys[i] <= t.keys[i-1] {
			return nil, fmt.Errorf("nb1b1: %q row %d: key %d does not ascend from %d", file.Name, i, t.keys[i], t.keys[i-1])
		}
	}
	for i := 0; i < len(t.keys); i += stride {
		t.marks = append(t.marks, t.keys[i])
	}
	known := len(index.Columns)
	for budget := range Budgets {
		for repeat := range Repeats {
			for measure := range t.stored[budget][repeat] {
				name := columnName(budget, repeat, measure)
				i := slices.IndexFunc(file.Fields, func(f arrowio.Field) bool { return f.Name == name })
				if i < 0 {
					continue
				}
				if got := file.Fields[i].Type; got != "float32" {
					return nil, fmt.Errorf("nb1b1: %q: column %q has type %s, want float32", file.Name, name, got)
				}
				t.stored[budget][repeat][measure].there = true
				known++
			}
		}
	}
	if others := len(file.Fields) - known; others > 0 {
		return nil, fmt.Errorf("nb1b1: %q has %d columns that are not known, want names such as %q", file.Name, others, columnName(3, 0, 1))
	}
	return t, nil
}
