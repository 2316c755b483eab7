package trials

import (
	"fmt"
	"math"
	"sync"

	"idarts/internal/arrowio"
)

// Column is one measure of one series of trials: a number for each row, NaN where
// none is known. Those of a file are read when they are first asked for. A nil
// column knows nothing.
type Column struct {
	// Stored numbers; rows behind the last have none. One of the two is used.
	double []float64
	single []float32
	narrow bool    // it is single
	unit   float64 // what a stored number is multiplied with

	file    *arrowio.File // nil for a column that began in memory
	field   int
	kind    Kind
	measure Measure
	once    sync.Once
	err     error
}

// Measure is what the numbers of a column are, and so which they can be.
type Measure uint8

const (
	Accuracy Measure = iota // percent
	Loss                    // nats
	Seconds
	OtherNetwork // a share, 0 to 1
)

// check compares a number with what it can be; NaN, which is not known, is anything.
func (m Measure) check(v float64) error {
	switch {
	case m == Accuracy && (v < 0 || v > 100):
		return fmt.Errorf("accuracy %v, want 0 to 100 percent", v)
	case m == Loss && v < 0: // without a bound where a training diverged
		return fmt.Errorf("loss %v, want none below 0", v)
	case m == OtherNetwork && (v < 0 || v > 1):
		return fmt.Errorf("share %v of trainings of another network, want 0 to 1", v)
	case m == Seconds && (v < 0 || v > math.MaxFloat64):
		return fmt.Errorf("%v seconds, want a time from 0 on", v)
	}
	return nil
}

// NewColumn is a column of no numbers, in memory. narrow columns keep 24 bits of each.
// unit is what a stored number is multiplied with: 100 where fractions are stored
// and percent is meant.
func NewColumn(narrow bool, unit float64) *Column { return &Column{narrow: narrow, unit: unit} }

// StoredColumn is a field of a file as a column. Its numbers are checked when they are
// read: each is what a measure can be, and accuracies are not fractions where percent is stored.
func (k Kind) StoredColumn(file *arrowio.File, field int, m Measure, narrow bool, unit float64) (*Column, error) {
	want := "float64"
	if narrow {
		want = "float32"
	}
	if f := file.Fields[field]; f.Type != want {
		return nil, fmt.Errorf("%s: %q: column %q has type %s, want %s", k.Package, file.Name, f.Name, f.Type, want)
	}
	return &Column{narrow: narrow, unit: unit, file: file, field: field, kind: k, measure: m}, nil
}

// read makes sure that the numbers are in memory.
func (c *Column) read() error {
	if c == nil || c.file == nil {
		return nil
	}
	c.once.Do(func() {
		var table *arrowio.Table
		if table, c.err = c.file.LoadAt(c.field); c.err != nil {
			return
		}
		if c.narrow {
			c.single, c.err = arrowio.Of[float32](table, &table.Columns[0])
		} else {
			c.double, c.err = arrowio.Of[float64](table, &table.Columns[0])
		}
		if c.err == nil {
			c.err = c.check()
		}
		if c.err != nil {
			c.single, c.double = nil, nil
		}
	})
	return c.err
}

// check looks at all numbers of a column that has been read: at the lowest and the
// highest of them, and at each where these are wrong.
func (c *Column) check() error {
	low, high := bounds(c.double)
	if c.narrow {
		low, high = bounds(c.single)
	}
	low, high = c.unit*low, c.unit*high
	fault := fmt.Sprintf("%s: %q: column %q: ", c.kind.Package, c.file.Name, c.file.Fields[c.field].Name)
	if c.measure == Accuracy && c.unit == 1 && high > 0 && high <= 1 {
		return fmt.Errorf("%sno accuracy is above %v: these are fractions, want percent; multiply them by 100", fault, high)
	}
	if high < low || c.measure.check(low) == nil && c.measure.check(high) == nil {
		return nil
	}
	for row := range max(len(c.double), len(c.single)) {
		v := c.At(row)
		err := c.measure.check(v)
		if err != nil && v > c.unit && c.unit != 1 {
			return fmt.Errorf("%srow %d: %w; its numbers are fractions: divide percent by %v", fault, row, err, c.unit)
		}
		if err != nil {
			return fmt.Errorf("%srow %d: %w", fault, row, err)
		}
	}
	return nil
}

// bounds are the lowest and the highest number, which is below it where there is none.
func bounds[V float32 | float64](values []V) (low, high float64) {
	least, most := V(math.Inf(1)), V(math.Inf(-1))
	for _, v := range values { // NaN is neither below nor above
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	return float64(least), float64(most)
}

// At is the number of a row, in units; NaN where it is not known. What is in a file
// must have been read.
func (c *Column) At(row int) float64 {
	switch {
	case c == nil:
	case row < len(c.double):
		return c.unit * c.double[row]
	case row < len(c.single):
		return c.unit * float64(c.single[row])
	}
	return math.NaN()
}

// Is reports whether a row's number is that which [Column.Set] would store.
func (c *Column) Is(row int, stored float64) bool {
	switch {
	case row < len(c.double):
		return same(c.double[row], stored)
	case row < len(c.single):
		return same(float64(c.single[row]), stored)
	}
	return math.IsNaN(stored)
}

// Set stores a number, which is not multiplied with the unit.
func (c *Column) Set(row int, stored float64) {
	if c.narrow {
		c.single = set(c.single, row, float32(stored))
	} else {
		c.double = set(c.double, row, stored)
	}
}

func set[V float32 | float64](values []V, row int, v V) []V {
	for len(values) <= row {
		values = append(values, V(math.NaN()))
	}
	values[row] = v
	return values
}

// empty reports whether no row has a number.
func (c *Column) empty() bool {
	for row := range max(len(c.double), len(c.single)) {
		if !math.IsNaN(c.At(row)) {
			return false
		}
	}
	return true
}

// Stored is the column as a file has it, its rows in the given order, and how many of
// them have a number; without Values where none has one. keep, if not nil, says
// which rows count.
func (c *Column) Stored(name string, meta map[string]string, order []int, keep func(row int) bool) (col arrowio.Column, known int) {
	switch {
	case c == nil:
	case c.narrow:
		return stored(c.single, name, meta, order, keep)
	default:
		return stored(c.double, name, meta, order, keep)
	}
	return arrowio.Column{}, 0
}

func stored[V float32 | float64](from []V, name string, meta map[string]string, order []int, keep func(row int) bool) (col arrowio.Column, known int) {
	values := make([]V, len(order))
	for i, row := range order {
		values[i] = V(math.NaN())
		if row < len(from) && (keep == nil || keep(row)) {
			values[i] = from[row]
		}
		if values[i] == values[i] {
			known++
		}
	}
	if known == 0 {
		return arrowio.Column{}, 0
	}
	return arrowio.Column{
		Name: name, Values: values, Meta: meta,
		Valid: arrowio.NewBitmap(len(values), func(i int) bool { return values[i] == values[i] }),
	}, known
}
