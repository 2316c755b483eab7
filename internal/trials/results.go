package trials

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"idarts/internal/arrowio"
)

// Key says which trained networks a question is about; [Seeds] says which of their
// trials. No part has a default: a key with an empty part is an error that lists
// what the table holds.
type Key[K any] interface {
	comparable
	fmt.Stringer
	// Compare orders keys.
	Compare(other K) int
	// Missing names the first part that is not set, such as "a split"; "" for a whole key.
	Missing() string
	// Near reports whether other is worth naming to somebody who asked for this one.
	Near(other K) bool
}

// Series is the networks of one seed under one key. NaN in Accuracy stands for one
// that was not trained. Several series may share a column.
type Series[K any] struct {
	Key                     K
	Seed                    int64
	Accuracy, Loss, Seconds *Column // as in [Trial]; nil where nothing is known
	Other                   *Column // OtherNetwork of a [Trial], null for 0

	once sync.Once
	err  error
}

// Trial is the one of a row.
func (s *Series[K]) Trial(row int) Trial {
	t := Trial{Seed: s.Seed, Accuracy: s.Accuracy.At(row), Loss: s.Loss.At(row), Seconds: s.Seconds.At(row)}
	if share := s.Other.At(row); share > 0 {
		t.OtherNetwork = share
	}
	return t
}

// meanAccuracy is that of a row over its trials, in percent as [Mean] has it, and how many
// they are; NaN for none. Those of another network are left out as [Results.Query] does.
func meanAccuracy[K any](series []*Series[K], row int) (mean float64, n int) {
	others, sum := 0, 0.0
	for _, s := range series {
		switch v := s.Accuracy.At(row); {
		case math.IsNaN(v):
		case s.Other.At(row) == 1:
			others, sum = others+1, sum+v
		default:
			mean, n = mean+v, n+1
		}
	}
	if n == 0 {
		mean, n = sum, others
	}
	return mean / float64(n), n
}

// Results are what a table knows of its cells, each of which has a row. Questions may
// come from several goroutines at once, not while numbers are put in.
type Results[C fmt.Stringer, K Key[K]] struct {
	Origin
	kind Kind
	name string
	row  func(C) (int, error)

	series []*Series[K] // by key and seed
	byKey  map[K][]*Series[K]

	file   *arrowio.File // nil for results that began in memory
	others []string      // columns of the file that are no results
}

// NewResults makes results without numbers. Errors call the table name. row finds a
// cell's row; its error says why there is none.
func NewResults[C fmt.Stringer, K Key[K]](kind Kind, name string, origin Origin, row func(C) (int, error)) *Results[C, K] {
	return &Results[C, K]{Origin: origin, kind: kind, name: name, row: row, byKey: map[K][]*Series[K]{}}
}

// From says which file the results are of, once its columns are known. others are those
// that are no results. Trials beside means of trials under one key are an error.
func (r *Results[C, K]) From(file *arrowio.File, others []string) error {
	r.file, r.others = file, others
	for _, key := range r.Keys() {
		if err := r.mixed(key); err != nil {
			return fmt.Errorf("%s: %q: %w", r.kind.Package, r.name, err)
		}
	}
	return nil
}

// FileLines says what [Results.From] and the reader of the file saw beside the results, in
// lines; nothing of results that began in memory.
func (r *Results[C, K]) FileLines() (lines []string) {
	if r.file == nil {
		return nil
	}
	for _, name := range r.others {
		lines = append(lines, fmt.Sprintf("column %q is passed over, it is no result", name))
	}
	if r.file.Sealed {
		return append(lines, "the checksums of the columns hold")
	}
	return append(lines, "no checksums inside: damage to single numbers cannot be seen")
}

// Name is the table's name in errors, the file where it is one.
func (r *Results[C, K]) Name() string { return r.name }

// Keys lists the keys under which there is anything, in ascending order.
func (r *Results[C, K]) Keys() []K { return slices.SortedFunc(maps.Keys(r.byKey), K.Compare) }

// Seeds lists the seeds that any cell has under a key, in ascending order.
func (r *Results[C, K]) Seeds(key K) []int64 {
	var seeds []int64
	for _, s := range r.byKey[key] {
		seeds = append(seeds, s.Seed)
	}
	return seeds
}

// All lists the series by key and seed.
func (r *Results[C, K]) All() []*Series[K] { return r.series }

// Find is the series of a seed, nil where there is none.
func (r *Results[C, K]) Find(key K, seed int64) *Series[K] {
	for _, s := range r.byKey[key] {
		if s.Seed == seed {
			return s
		}
	}
	return nil
}

// Series finds the series of a seed, or makes one without columns.
func (r *Results[C, K]) Series(key K, seed int64) *Series[K] {
	if s := r.Find(key, seed); s != nil {
		return s
	}
	s := &Series[K]{Key: key, Seed: seed}
	compare := func(a, b *Series[K]) int { return cmp.Or(a.Key.Compare(b.Key), cmp.Compare(a.Seed, b.Seed)) }
	at, _ := slices.BinarySearchFunc(r.series, s, compare)
	r.series = slices.Insert(r.series, at, s)
	same := r.byKey[key]
	at, _ = slices.BinarySearchFunc(same, s, compare)
	r.byKey[key] = slices.Insert(same, at, s)
	return s
}

// Read makes sure that all numbers are in memory.
func (r *Results[C, K]) Read() error {
	for _, s := range r.series {
		if err := r.read(s); err != nil {
			return err
		}
	}
	return nil
}

// read makes sure that the numbers of a series are in memory.
func (r *Results[C, K]) read(s *Series[K]) error {
	s.once.Do(func() {
		for _, c := range []*Column{s.Accuracy, s.Loss, s.Seconds, s.Other} {
			if err := c.read(); err != nil {
				s.err = fmt.Errorf("%s: read table: %w", r.kind.Package, err)
				return
			}
		}
		if c := s.Accuracy; c != nil && c.file != nil && c.empty() {
			s.err = fmt.Errorf("%s: read table: %q has no accuracy for %s, %s %d", r.kind.Package, r.name, s.Key, r.kind.Trial, s.Seed)
		}
	})
	return s.err
}

// Query returns what is known of a cell under a key, as the mean over the chosen
// trials; where all are asked for, over those of the cell's own network. It is an error when nothing is known, or a trial that was named is not
// there; the error lists what there is. The first question about a key reads its
// columns.
func (r *Results[C, K]) Query(c C, key K, seeds Seeds) (Answer, error) {
	series, ok := r.byKey[key]
	if !ok {
		return Answer{}, r.noKey(key)
	}
	if !seeds.Chosen() {
		return Answer{}, fmt.Errorf("%s: %q cannot be asked for %s without %ss, want %s", r.kind.Package, r.name, key, r.kind.Trial, choices(r.Seeds(key)))
	}
	row, err := r.row(c)
	if err != nil {
		return Answer{}, err
	}
	found := make([]Trial, 0, len(series))
	for _, s := range series {
		if !seeds.Has(s.Seed) {
			continue
		}
		if err := r.read(s); err != nil {
			return Answer{}, err
		}
		if trial := s.Trial(row); !math.IsNaN(trial.Accuracy) {
			found = append(found, trial)
		}
	}
	if len(found) == 0 || len(found) < seeds.Len() {
		return Answer{}, r.noTrials(c, key, seeds, row)
	}
	var leftOut []Trial
	if seeds.all {
		own := make([]Trial, 0, len(found))
		for _, trial := range found {
			if trial.OtherNetwork == 1 {
				leftOut = append(leftOut, trial)
			} else {
				own = append(own, trial)
			}
		}
		if len(own) == 0 { // better these than nothing, and the answer says it
			own, leftOut = found, nil
		}
		found = own
	}
	answer := Mean(found)
	answer.LeftOut = leftOut
	return answer, nil
}

// noTrials explains why a cell has no answer under a key.
func (r *Results[C, K]) noTrials(c C, key K, seeds Seeds, row int) error {
	var there []int64
	for _, s := range r.byKey[key] {
		if err := r.read(s); err != nil {
			return err
		}
		if !math.IsNaN(s.Accuracy.At(row)) {
			there = append(there, s.Seed)
		}
	}
	if there == nil {
		return fmt.Errorf("%s: %q has no trained network of cell %q for %s", r.kind.Package, r.name, c, key)
	}
	return fmt.Errorf("%s: %q has no %s %s of cell %q for %s, only %s", r.kind.Package, r.name, r.kind.Trial, List(seeds.Missing(there)), c, key, present(there))
}

// noKey explains a key that is incomplete or not there.
func (r *Results[C, K]) noKey(key K) error {
	what := fmt.Sprintf("has nothing for %s", key)
	if part := key.Missing(); part != "" {
		what = "cannot be asked without " + part
	}
	var near, all []string
	for _, k := range r.Keys() {
		all = append(all, k.String())
		if key.Near(k) {
			near = append(near, k.String())
		}
	}
	if near == nil {
		near = all
	}
	return fmt.Errorf("%s: %q %s, want one of: %s", r.kind.Package, r.name, what, strings.Join(near, "; "))
}

// Put stores a trial of the cell in a row, whose columns have been read. One that is
// there already with the same numbers is passed over; one with other numbers is an
// error. Columns of losses and times keep 24 bits of each number.
func (r *Results[C, K]) Put(c C, row int, key K, t Trial) error {
	s := r.Series(key, t.Seed)
	for _, column := range []struct {
		is     **Column
		narrow bool
	}{{&s.Accuracy, false}, {&s.Loss, true}, {&s.Seconds, true}, {&s.Other, true}} {
		if *column.is == nil {
			*column.is = NewColumn(column.narrow, 1)
		}
	}
	t.Loss, t.Seconds = float64(float32(t.Loss)), float64(float32(t.Seconds))
	t.OtherNetwork = float64(float32(t.OtherNetwork))
	old := s.Trial(row)
	if !math.IsNaN(old.Accuracy) {
		if !same(old.Accuracy, t.Accuracy) || !same(old.Loss, t.Loss) || !same(old.Seconds, t.Seconds) || old.OtherNetwork != t.OtherNetwork {
			return fmt.Errorf("%s: %q has another result for cell %q, %s, %s %d: %+v, not %+v", r.kind.Package, r.name, c, key, r.kind.Trial, t.Seed, old, t)
		}
		return nil
	}
	s.Accuracy.Set(row, t.Accuracy)
	s.Loss.Set(row, t.Loss)
	s.Seconds.Set(row, t.Seconds)
	if t.OtherNetwork > 0 {
		s.Other.Set(row, t.OtherNetwork)
	}
	return nil
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
