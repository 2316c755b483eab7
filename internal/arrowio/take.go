package arrowio

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// taker gathers the arrays of a column, which Arrow's library made, in one slice and
// one bitmap. Where there is one array, the slice is its memory.
type taker struct {
	values any // a slice of the package's table, or a Fixed
	valid  Bitmap
	rows   int // that have been taken
	all    int // that there are
	one    bool

	dictionary arrow.ArrayData // the last one, which batches share
	known      *words          // what it holds
}

// words are those of a dictionary, and which of them have a value.
type words struct {
	texts []string
	has   Bitmap
}

func newTaker(k kind, batches, rows int) *taker {
	t := &taker{all: rows, one: batches == 1}
	switch {
	case k.words != nil || k.text() != nil:
		t.values = make([]string, 0, rows)
	case k.id == typeFixed:
		t.values = Fixed{Width: k.width, Bytes: []byte{}}
	case k.id == typeFloat && k.width == 4:
		t.values = []float32{}
	case k.id == typeFloat:
		t.values = []float64{}
	case k.width == 1:
		t.values = []uint8{}
	case k.width == 4:
		t.values = []int32{}
	default:
		t.values = []int64{}
	}
	return t
}

// take puts an array behind what is there.
func (t *taker) take(a arrow.Array) (err error) {
	if t.rows+a.Len() > t.all {
		return fmt.Errorf("%d rows, want %d", t.rows+a.Len(), t.all)
	}
	has := Bitmap(nil)
	if a.NullN() != 0 {
		has = a.NullBitmapBytes()
	}
	switch a := a.(type) {
	case *array.Uint8:
		t.values = join(t, a.Len(), t.values.([]uint8), a.Uint8Values())
	case *array.Int32:
		t.values = join(t, a.Len(), t.values.([]int32), a.Int32Values())
	case *array.Int64:
		t.values = join(t, a.Len(), t.values.([]int64), a.Int64Values())
	case *array.Float32:
		t.values = join(t, a.Len(), t.values.([]float32), a.Float32Values())
	case *array.Float64:
		t.values = join(t, a.Len(), t.values.([]float64), a.Float64Values())
	case *array.FixedSizeBinary:
		fixed := t.values.(Fixed)
		fixed.Bytes = join(t, a.Len(), fixed.Bytes, a.Data().Buffers()[1].Bytes())
		t.values = fixed
	case *array.Dictionary:
		has, err = t.look(a, has)
	default:
		t.values, err = texts(a, has, t.values.([]string))
	}
	t.mark(a.Len(), has)
	return err
}

// join is have with more of n rows behind it, or more itself where it is all that there is.
func join[V any](t *taker, n int, have, more []V) []V {
	if t.one {
		return more
	}
	if len(have) == 0 && n > 0 {
		have = make([]V, 0, t.all*(len(more)/n))
	}
	return append(have, more...)
}

// mark keeps which of the next n rows have a value.
func (t *taker) mark(n int, has Bitmap) {
	first := t.rows
	t.rows += n
	switch {
	case has == nil && t.valid == nil:
	case t.one:
		t.valid = has
	default:
		if t.valid == nil {
			t.valid = make(Bitmap, (t.all+7)/8)
			for i := range first {
				t.valid[i/8] |= 1 << (i % 8)
			}
		}
		for i := range n {
			if has.Has(i) {
				t.valid[(first+i)/8] |= 1 << ((first + i) % 8)
			}
		}
	}
}

// column is what was taken. The bitmap is nil where all rows have a value.
func (t *taker) column() (values any, valid Bitmap) {
	if t.valid != nil && t.valid.count(t.rows) < t.rows {
		valid = t.valid
	}
	return t.values, valid
}

// texts puts an array of texts behind out. Rows without a value are "".
func texts(a arrow.Array, has Bitmap, out []string) ([]string, error) {
	values, ok := a.(interface{ Value(i int) string })
	if !ok {
		return nil, fmt.Errorf("an array of type %s, want texts", a.DataType())
	}
	views, _ := a.(*array.StringView)
	for i := range a.Len() {
		if !has.Has(i) {
			out = append(out, "")
			continue
		}
		if views != nil && views.ValueLen(i) < 0 { // which the library takes for a short one
			return nil, fmt.Errorf("row %d has %d characters", i, views.ValueLen(i))
		}
		text := values.Value(i)
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("row %d has a text that is not UTF-8, %.40q", i, text)
		}
		out = append(out, text)
	}
	return out, nil
}

// read keeps the words of a dictionary. Those that were known at first stay.
func (t *taker) read(a *array.Dictionary) (err error) {
	if t.dictionary == nil && t.known != nil || t.dictionary != nil && t.dictionary == a.Data().Dictionary() {
		return nil
	}
	from := a.Dictionary()
	t.dictionary, t.known = a.Data().Dictionary(), &words{}
	if from.NullN() != 0 {
		t.known.has = from.NullBitmapBytes()
	}
	if t.known.texts, err = texts(from, t.known.has, make([]string, 0, from.Len())); err != nil {
		return fmt.Errorf("its dictionary: %w", err)
	}
	return nil
}

// look puts an array of numbers of words behind the texts that are there. A row whose
// word has no value has none.
func (t *taker) look(a *array.Dictionary, has Bitmap) (Bitmap, error) {
	if err := t.read(a); err != nil {
		return nil, err
	}
	var err error
	out := t.values.([]string)
	first := len(out)
	switch numbers := a.Indices().(type) {
	case *array.Int8:
		out, err = wordsOf(numbers.Int8Values(), t.known.texts, has, out)
	case *array.Uint8:
		out, err = wordsOf(numbers.Uint8Values(), t.known.texts, has, out)
	case *array.Int16:
		out, err = wordsOf(numbers.Int16Values(), t.known.texts, has, out)
	case *array.Uint16:
		out, err = wordsOf(numbers.Uint16Values(), t.known.texts, has, out)
	case *array.Int32:
		out, err = wordsOf(numbers.Int32Values(), t.known.texts, has, out)
	case *array.Uint32:
		out, err = wordsOf(numbers.Uint32Values(), t.known.texts, has, out)
	case *array.Int64:
		out, err = wordsOf(numbers.Int64Values(), t.known.texts, has, out)
	case *array.Uint64:
		out, err = wordsOf(numbers.Uint64Values(), t.known.texts, has, out)
	default:
		err = fmt.Errorf("numbers of type %s", a.Indices().DataType())
	}
	t.values = out
	if t.known.has == nil || err != nil {
		return has, err
	}
	return NewBitmap(len(out)-first, func(i int) bool { return has.Has(i) && t.known.has.Has(a.GetValueIndex(i)) }), nil
}

// wordsOf puts the words with some numbers behind out, "" for rows without a value.
func wordsOf[N int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](numbers []N, words []string, has Bitmap, out []string) ([]string, error) {
	for i, n := range numbers {
		switch {
		case !has.Has(i):
			out = append(out, "")
		case n < 0 || uint64(n) >= uint64(len(words)):
			return nil, fmt.Errorf("row %d has word %d of a dictionary of %d", i, n, len(words))
		default:
			out = append(out, words[n])
		}
	}
	return out, nil
}

// count is the number of the first n bits that are set.
func (b Bitmap) count(n int) int {
	c := 0
	for i := range n / 8 {
		c += bits.OnesCount8(b[i])
	}
	if n%8 != 0 {
		c += bits.OnesCount8(b[n/8] & (1<<(n%8) - 1))
	}
	return c
}

// markNaN makes NaNs of the rows without a value.
func markNaN(values any, valid Bitmap) {
	if valid == nil {
		return
	}
	switch v := values.(type) {
	case []float32:
		setAll(unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(v))), len(v)), valid)
	case []float64:
		setAll(unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), len(v)), valid)
	}
}

// setAll sets all bits of the numbers that are not valid, which makes a NaN of a
// float. Eight at a time, without a branch for each.
func setAll[V uint32 | uint64](v []V, valid Bitmap) {
	for i, eight := range valid[:len(v)/8] {
		if eight == 0xff {
			continue
		}
		w := (*[8]V)(v[8*i:])
		w[0] |= V(eight&1) - 1
		w[1] |= V(eight>>1&1) - 1
		w[2] |= V(eight>>2&1) - 1
		w[3] |= V(eight>>3&1) - 1
		w[4] |= V(eight>>4&1) - 1
		w[5] |= V(eight>>5&1) - 1
		w[6] |= V(eight>>6&1) - 1
		w[7] |= V(eight>>7&1) - 1
	}
	for i := len(v) &^ 7; i < len(v); i++ {
		v[i] |= V(valid[i/8]>>(i%8)&1) - 1
	}
}
