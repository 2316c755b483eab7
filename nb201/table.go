package nb201

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

// Key says which trained networks a question is about; [trials.Seeds] says which of
// their trials. No part has a default: a key with an empty part is an error that
// lists what the table holds.
type Key struct {
	Dataset   string // whose images it was measured on: "cifar10"
	TrainedOn string // what it was trained on: "cifar10-valid" is CIFAR-10's first half
	Split     string // which images: "train", "x-valid", "x-test", "ori-test"
	Epochs    int    // length of the training; accuracies are those after its last epoch
}

// String is "cifar10 trained on cifar10-valid, x-valid, 200 epochs".
func (k Key) String() string {
	return fmt.Sprintf("%s trained on %s, %s, %d epochs", k.Dataset, k.TrainedOn, k.Split, k.Epochs)
}

// Compare orders keys by their parts.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Dataset, other.Dataset), cmp.Compare(k.TrainedOn, other.TrainedOn),
		cmp.Compare(k.Split, other.Split), cmp.Compare(k.Epochs, other.Epochs))
}

// Column is a key under the name that papers have for it.
type Column struct {
	Dataset, Column string // "cifar10", "valid" or "test"
	Key             Key
}

// Papers are the columns of the protocol behind the numbers that papers report for
// the official table. Source: NATS-Bench documentation; CIFAR-10 is validated by
// networks trained on one half of the training images and tested with networks
// trained on all.
var Papers = []Column{
	{"cifar10", "valid", Key{"cifar10", "cifar10-valid", "x-valid", 200}},
	{"cifar10", "test", Key{"cifar10", "cifar10", "ori-test", 200}},
	{"cifar100", "valid", Key{"cifar100", "cifar100", "x-valid", 200}},
	{"cifar100", "test", Key{"cifar100", "cifar100", "x-test", 200}},
	{"ImageNet16-120", "valid", Key{"ImageNet16-120", "ImageNet16-120", "x-valid", 200}},
	{"ImageNet16-120", "test", Key{"ImageNet16-120", "ImageNet16-120", "x-test", 200}},
}

// Protocol is a list of columns with a name, and the trials that each is a mean of.
type Protocol struct {
	Name, About string
	Columns     []Column
	Seeds       trials.Seeds
}

// Protocols are the ways in which the official table is read.
var Protocols = []Protocol{
	{"paper", "the papers' columns: means over the available trials after 200 epochs", Papers, trials.All},
	{"short", "the same columns after 12 of 12 epochs, a training of its own and not a part of the long one", after(Papers, 12), trials.All},
}

// after is columns with another length of training.
func after(columns []Column, epochs int) []Column {
	out := slices.Clone(columns)
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
}

// Answer is what a table knows of a cell under a key.
type Answer = trials.Answer

// Trial is one trained network's part of an [Answer].
type Trial = trials.Trial

// Origin is a table's account of itself.
type Origin = trials.Origin

// Table holds measurements of trained cells. Queries may run concurrently with
// each other, not with Append or Merge.
type Table struct {
	// Origin is written by Save.
	Origin
	name     string // the file, as errors call it
	official bool   // rows are all cells in the benchmark's own order
	cells    []Cell
	rows     [NumCells]int16 // row+1 of the cell with this Index, 0 for none
	series   []*series       // in ascending order
	byKey    map[Key][]*series
}

// series is one column of trials: the networks of one seed under one key. NaN in
// accuracy stands for a network that was not trained. The others are nil where no
// number is known. A series of a file is read when it is first asked for.
type series struct {
	Key
	seed     int64
	accuracy []float64
	loss     []float32
	seconds  []float32

	file *arrowio.File // nil for a series in memory
	at   [3]int        // fields of accuracy, loss, seconds in the file; -1 where there is none
	once sync.Once
	err  error
}

// read makes sure that the numbers are in memory.
func (s *series) read() error {
	if s.file == nil {
		return nil
	}
	s.once.Do(func() {
		if s.err = s.load(); s.err != nil {
			s.err = fmt.Errorf("nb201: read table: %w", s.err)
		}
	})
	return s.err
}

// load reads the columns of the file.
func (s *series) load() (err error) {
	var fields []int
	for _, i := range s.at {
		if i >= 0 {
			fields = append(fields, i)
		}
	}
	file, err := s.file.LoadAt(fields...)
	if err != nil {
		return err
	}
	if s.accuracy, err = arrowio.Of[float64](file, &file.Columns[0]); err != nil {
		return err
	}
	next := 1
	for i, values := range []*[]float32{&s.loss, &s.seconds} {
		if s.at[i+1] < 0 {
			continue
		}
		if *values, err = arrowio.Of[float32](file, &file.Columns[next]); err != nil {
			return err
		}
		next++
	}
	if !slices.ContainsFunc(s.accuracy, func(a float64) bool { return a == a }) {
		return fmt.Errorf("%q has no accuracy for %s, seed %d", s.file.Name, s.Key, s.seed)
	}
	return nil
}

// trial is the one of a cell.
func (s *series) trial(row int) Trial {
	t := Trial{Seed: s.seed, Accuracy: s.accuracy[row], Loss: math.NaN(), Seconds: math.NaN()}
	if s.loss != nil {
		t.Loss = float64(s.loss[row])
	}
	if s.seconds != nil {
		t.Seconds = float64(s.seconds[row])
	}
	return t
}

// set replaces the trial of a cell.
func (s *series) set(row int, t Trial) {
	s.accuracy[row] = t.Accuracy
	for _, part := range []struct {
		values *[]float32
		v      float64
	}{{&s.loss, t.Loss}, {&s.seconds, t.Seconds}} {
		if *part.values == nil && !math.IsNaN(part.v) {
			*part.values = missing[float32](len(s.accuracy))
		}
		if *part.values != nil {
			(*part.values)[row] = float32(part.v)
		}
	}
}

func (s *series) compare(other *series) int {
	return cmp.Or(s.Key.Compare(other.Key), cmp.Compare(s.seed, other.seed))
}

// NewTable makes a table without cells. Cells appear as they are appended, and a
// file has them in the order of [Cell.Index].
func NewTable(origin Origin) *Table {
	return &Table{Origin: origin, name: "new table", byKey: map[Key][]*series{}}
}

// newOfficial makes an empty table of all cells in the benchmark's own order.
func newOfficial(origin Origin, order []Cell) *Table {
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

// OfficialIndex is c's number in the benchmark. Only imported tables know it.
func (t *Table) OfficialIndex(c Cell) (int, error) {
	if !t.official {
		return 0, fmt.Errorf("nb201: %q does not hold the benchmark's order of cells, want an imported table", t.name)
	}
	if !c.valid() {
		return 0, fmt.Errorf("nb201: %q is not a cell", c)
	}
	return int(t.rows[c.Index()]) - 1, nil
}

func (c Cell) valid() bool {
	for _, op := range c {
		if int(op) >= len(Ops) {
			return false
		}
	}
	return true
}

// Keys lists the keys under which there is anything, in ascending order.
func (t *Table) Keys() []Key {
	return slices.SortedFunc(maps.Keys(t.byKey), Key.Compare)
}

// Query returns what is known of a cell under a key, as the mean over the chosen
// trials. It is an error when nothing is known, or a seed that was named is not
// there; the error lists what there is.
func (t *Table) Query(c Cell, key Key, seeds trials.Seeds) (Answer, error) {
	all, ok := t.byKey[key]
	if !ok {
		return Answer{}, t.noKey(key)
	}
	if !seeds.Chosen() {
		return Answer{}, fmt.Errorf("nb201: %q cannot be asked for %s without seeds, want all or some of %s", t.name, key, trials.List(t.Seeds(key)))
	}
	if !c.valid() {
		return Answer{}, fmt.Errorf("nb201: %q is not a cell", c)
	}
	row := int(t.rows[c.Index()]) - 1
	if row < 0 {
		return Answer{}, fmt.Errorf("nb201: %q does not list cell %q, only %d others", t.name, c, len(t.cells))
	}
	found := make([]Trial, 0, len(all))
	for _, s := range all {
		if !seeds.Has(s.seed) {
			continue
		}
		if err := s.read(); err != nil {
			return Answer{}, err
		}
		if math.IsNaN(s.accuracy[row]) {
			continue
		}
		found = append(found, s.trial(row))
	}
	if len(found) == 0 || len(found) < seeds.Len() {
		return Answer{}, t.noTrials(c, key, seeds, row)
	}
	return trials.Mean(found), nil
}

// Seeds lists the seeds that any cell has under a key, in ascending order.
func (t *Table) Seeds(key Key) []int64 {
	var seeds []int64
	for _, s := range t.byKey[key] {
		seeds = append(seeds, s.seed)
	}
	return seeds
}

// noTrials explains why a cell has no answer under a key.
func (t *Table) noTrials(c Cell, key Key, seeds trials.Seeds, row int) error {
	var there []int64
	for _, s := range t.byKey[key] {
		if err := s.read(); err != nil {
			return err
		}
		if !math.IsNaN(s.accuracy[row]) {
			there = append(there, s.seed)
		}
	}
	if there == nil {
		return fmt.Errorf("nb201: %q has no trained network of cell %q for %s", t.name, c, key)
	}
	return fmt.Errorf("nb201: %q has no seed %s of cell %q for %s, only %s", t.name, trials.List(seeds.Missing(there)), c, key, trials.List(there))
}

// noKey explains a key that is incomplete or not there.
func (t *Table) noKey(key Key) error {
	what := fmt.Sprintf("has nothing for %s", key)
	if part := key.missing(); part != "" {
		what = "cannot be asked without " + part
	}
	var have []string
	for _, k := range t.Keys() {
		if key.Dataset == "" || k.Dataset == key.Dataset {
			have = append(have, k.String())
		}
	}
	if have == nil {
		for _, k := range t.Keys() {
			have = append(have, k.String())
		}
	}
	return fmt.Errorf("nb201: %q %s, want one of: %s", t.name, what, strings.Join(have, "; "))
}

// missing names the first part of the key that is not set.
func (k Key) missing() string {
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

// Records lists every measurement, in ascending order of key and seed and in the
// table's order of cells. It reads what has not been read of the file.
func (t *Table) Records() ([]Record, error) {
	if err := t.readAll(); err != nil {
		return nil, err
	}
	var out []Record
	for _, s := range t.series {
		for row, accuracy := range s.accuracy {
			if !math.IsNaN(accuracy) {
				trial := s.trial(row)
				out = append(out, Record{t.cells[row], s.Key, s.seed, accuracy, trial.Loss, trial.Seconds})
			}
		}
	}
	return out, nil
}

// readAll makes sure that all numbers are in memory.
func (t *Table) readAll() error {
	for _, s := range t.series {
		if err := s.read(); err != nil {
			return err
		}
	}
	return nil
}

// Append adds measurements. One that is there already with the same numbers is
// passed over; one with other numbers is an error, and the ones before it stay.
func (t *Table) Append(records ...Record) error {
	if err := t.readAll(); err != nil {
		return err
	}
	for _, r := range records {
		if err := r.check(); err != nil {
			return err
		}
		s := t.find(r.Key, r.Seed)
		row := t.addCell(r.Cell)
		now := Trial{Seed: r.Seed, Accuracy: r.Accuracy, Loss: float64(float32(r.Loss)), Seconds: float64(float32(r.Seconds))}
		old := s.trial(row)
		if math.IsNaN(old.Accuracy) {
			s.set(row, now)
		} else if !same(old.Accuracy, now.Accuracy) || !same(old.Loss, now.Loss) || !same(old.Seconds, now.Seconds) {
			return fmt.Errorf("nb201: %q has another result for cell %q, %s, seed %d: %+v, not %+v", t.name, r.Cell, r.Key, r.Seed, old, now)
		}
	}
	return nil
}

// Merge appends everything that other holds. Both must come from one protocol.
func (t *Table) Merge(other *Table) error {
	if t.Protocol != other.Protocol {
		return fmt.Errorf("nb201: cannot merge %q into %q: its protocol is %q, want %q", other.name, t.name, other.Protocol, t.Protocol)
	}
	records, err := other.Records()
	if err != nil {
		return err
	}
	return t.Append(records...)
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func (r Record) check() error {
	switch part := r.Key.missing(); {
	case !r.Cell.valid():
		return fmt.Errorf("nb201: %q is not a cell", r.Cell)
	case part != "":
		return fmt.Errorf("nb201: result of cell %q (%s) lacks %s", r.Cell, r.Key, part)
	case !(r.Accuracy >= 0 && r.Accuracy <= 100):
		return fmt.Errorf("nb201: cell %q, %s, seed %d: accuracy %v, want 0 to 100 percent", r.Cell, r.Key, r.Seed, r.Accuracy)
	}
	return nil
}

// addCell finds or makes the row of c.
func (t *Table) addCell(c Cell) int {
	i := c.Index()
	if t.rows[i] == 0 {
		t.cells = append(t.cells, c)
		t.rows[i] = int16(len(t.cells))
		for _, s := range t.series {
			s.accuracy = append(s.accuracy, math.NaN())
			for _, values := range []*[]float32{&s.loss, &s.seconds} {
				if *values != nil {
					*values = append(*values, float32(math.NaN()))
				}
			}
		}
	}
	return int(t.rows[i]) - 1
}

// find finds or makes a series.
func (t *Table) find(key Key, seed int64) *series {
	for _, s := range t.byKey[key] {
		if s.seed == seed {
			return s
		}
	}
	s := &series{Key: key, seed: seed, accuracy: missing[float64](len(t.cells))}
	t.insert(s)
	return s
}

// insert keeps both lists in order.
func (t *Table) insert(s *series) {
	at, _ := slices.BinarySearchFunc(t.series, s, (*series).compare)
	t.series = slices.Insert(t.series, at, s)
	same := t.byKey[s.Key]
	at, _ = slices.BinarySearchFunc(same, s, (*series).compare)
	t.byKey[s.Key] = slices.Insert(same, at, s)
}

func missing[V float32 | float64](n int) []V {
	v := make([]V, n)
	for i := range v {
		v[i] = V(math.NaN())
	}
	return v
}

// Format is what a file of a [Table] calls itself in its metadata.
const Format = "idarts nb201 table, version 1"

// The file has one row for each cell: the column "cell" with its text, and for
// each key and seed up to three columns, "accuracy" (float64), "loss" and
// "seconds" (float32), null where there is no number. Which is which stands in
// the columns' metadata, under the names below; their own names are for readers
// such as a data frame. A loss or seconds column without any number is left out.
const (
	metaFormat, metaOrder                                    = "format", "order"
	metaDataset, metaTrainedOn, metaSplit, metaEpochs        = "dataset", "trained_on", "split", "epochs"
	metaSeed, metaMeasure                                    = "seed", "measure"
	measureAccuracy, measureLoss, measureSeconds, columnCell = "accuracy", "loss", "seconds", "cell"
	orderOfficial, orderIndex                                = "official", "lexicographic"
)

// Save creates or replaces path, whole or not at all. Its bytes depend on what
// the table holds and not on the order in which that was appended.
func (t *Table) Save(path string) error {
	if err := t.readAll(); err != nil {
		return err
	}
	file, compression := t.file()
	if err := arrowio.Write(path, file, compression); err != nil {
		return fmt.Errorf("nb201: save table: %w", err)
	}
	return nil
}

// file is the table as a file has it, once all of it has been read.
func (t *Table) file() (arrowio.Table, arrowio.Compression) {
	order, name := make([]int, len(t.cells)), orderIndex
	for i := range order {
		order[i] = i
	}
	if t.official {
		name = orderOfficial
	} else {
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(t.cells[a].Index(), t.cells[b].Index()) })
	}
	texts := make([]string, len(order))
	for i, row := range order {
		texts[i] = t.cells[row].String()
	}
	out := arrowio.Table{
		Rows:    len(order),
		Meta:    map[string]string{metaFormat: Format, metaOrder: name},
		Columns: []arrowio.Column{{Name: columnCell, Values: texts}},
	}
	t.Origin.AddTo(out.Meta)
	known := 0
	for _, s := range t.series {
		for _, col := range []arrowio.Column{
			floats(s, measureAccuracy, s.accuracy, order, &known),
			floats(s, measureLoss, s.loss, order, nil),
			floats(s, measureSeconds, s.seconds, order, nil),
		} {
			if col.Values != nil {
				out.Columns = append(out.Columns, col)
			}
		}
	}
	// A full table is read often and should open fast; one that is mostly empty
	// would be large for what it holds.
	compression := arrowio.Plain
	if len(order) < NumCells || known < len(order)*len(t.series)/2 {
		compression = arrowio.Zstd
	}
	return out, compression
}

// floats is one column in the order of the file; without Values when it has no
// number of a trained network. known, if not nil, is increased by how many it has.
func floats[V float32 | float64](s *series, measure string, values []V, order []int, known *int) arrowio.Column {
	if values == nil {
		return arrowio.Column{}
	}
	v, n := make([]V, len(order)), 0
	for i, row := range order {
		v[i] = V(math.NaN())
		if !math.IsNaN(s.accuracy[row]) {
			v[i] = values[row]
		}
		if v[i] == v[i] {
			n++
		}
	}
	if known != nil {
		*known += n
	}
	if n == 0 {
		return arrowio.Column{}
	}
	return arrowio.Column{
		Name:   fmt.Sprintf("%s/%s/%s/%d/%d/%s", s.Dataset, s.TrainedOn, s.Split, s.Epochs, s.seed, measure),
		Values: v,
		Valid:  arrowio.NewBitmap(len(v), func(i int) bool { return v[i] == v[i] }),
		Meta: map[string]string{
			metaDataset: s.Dataset, metaTrainedOn: s.TrainedOn, metaSplit: s.Split,
			metaEpochs: strconv.Itoa(s.Epochs), metaSeed: strconv.FormatInt(s.seed, 10), metaMeasure: measure,
		},
	}
}

// Open opens a table that [Table.Save] wrote, reads the cells, and leaves their
// results for later: the file stays open as long as the table lives. Errors name
// the file.
func Open(path string) (*Table, error) {
	file, err := arrowio.Open(path)
	if err != nil {
		return nil, fmt.Errorf("nb201: open table: %w", err)
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
		return nil, fmt.Errorf("nb201: open table: %w", err)
	}
	return open(file)
}

func open(file *arrowio.File) (*Table, error) {
	if got := file.Meta[metaFormat]; got != Format {
		return nil, fmt.Errorf("nb201: %q has format %q, want %q", file.Name, got, Format)
	}
	cells, err := file.Load(columnCell)
	if err != nil {
		return nil, fmt.Errorf("nb201: open table: %w", err)
	}
	texts, err := arrowio.Values[string](cells, columnCell)
	if err != nil {
		return nil, fmt.Errorf("nb201: open table: %w", err)
	}
	t := NewTable(trials.OriginOf(file.Meta))
	t.name = file.Name
	t.official = file.Meta[metaOrder] == orderOfficial
	t.cells = make([]Cell, 0, len(texts))
	for i, text := range texts {
		c, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("nb201: %q row %d: %w", file.Name, i, err)
		}
		if t.addCell(c) != i {
			return nil, fmt.Errorf("nb201: %q lists cell %q twice", file.Name, text)
		}
	}
	if t.official && len(t.cells) != NumCells {
		return nil, fmt.Errorf("nb201: %q lists %d cells in official order, want %d", file.Name, len(t.cells), NumCells)
	}
	for i := range file.Fields {
		if file.Fields[i].Name != columnCell {
			if err := t.addColumn(file, i); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range t.series {
		if s.at[0] < 0 {
			return nil, fmt.Errorf("nb201: %q has no accuracy for %s, seed %d", file.Name, s.Key, s.seed)
		}
	}
	return t, nil
}

// addColumn finds or makes the series of a column of the file.
func (t *Table) addColumn(file *arrowio.File, field int) error {
	col := &file.Fields[field]
	var numbers [2]int64
	for i, part := range []string{metaEpochs, metaSeed} {
		n, err := strconv.ParseInt(col.Meta[part], 10, 64)
		if err != nil {
			return fmt.Errorf("nb201: %q: column %q has %s %q in its metadata, want a whole number", file.Name, col.Name, part, col.Meta[part])
		}
		numbers[i] = n
	}
	key := Key{col.Meta[metaDataset], col.Meta[metaTrainedOn], col.Meta[metaSplit], int(numbers[0])}
	if part := key.missing(); part != "" {
		return fmt.Errorf("nb201: %q: column %q lacks %s in its metadata", file.Name, col.Name, part)
	}
	var s *series
	for _, other := range t.byKey[key] {
		if other.seed == numbers[1] {
			s = other
		}
	}
	if s == nil {
		s = &series{Key: key, seed: numbers[1], file: file, at: [3]int{-1, -1, -1}}
		t.insert(s)
	}
	measures := []string{measureAccuracy, measureLoss, measureSeconds}
	measure := slices.Index(measures, col.Meta[metaMeasure])
	if measure < 0 {
		return fmt.Errorf("nb201: %q: column %q has measure %q in its metadata, want one of %q", file.Name, col.Name, col.Meta[metaMeasure], measures)
	}
	want := "float32"
	if measure == 0 {
		want = "float64"
	}
	if col.Type != want {
		return fmt.Errorf("nb201: %q: column %q has type %s, want %s", file.Name, col.Name, col.Type, want)
	}
	if s.at[measure] >= 0 {
		return fmt.Errorf("nb201: %q has column %q twice", file.Name, col.Name)
	}
	s.at[measure] = field
	return nil
}
