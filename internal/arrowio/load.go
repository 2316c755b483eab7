package arrowio

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

// Load reads the named columns, in this order.
func (f *File) Load(names ...string) (*Table, error) {
	at := make([]int, len(names))
	for j, name := range names {
		at[j] = slices.IndexFunc(f.Fields, func(field Field) bool { return field.Name == name })
		if at[j] < 0 {
			return nil, noColumn(f.Name, name, len(f.Fields), func(i int) string { return f.Fields[i].Name })
		}
	}
	return f.LoadAt(at...)
}

// All reads all columns.
func (f *File) All() (*Table, error) {
	at := make([]int, len(f.Fields))
	for i := range at {
		at[i] = i
	}
	return f.LoadAt(at...)
}

// LoadAt reads the columns of some Fields, in this order.
func (f *File) LoadAt(at ...int) (*Table, error) {
	l := loader{File: f, room: maxUnpack}
	defer func() {
		if l.zstd != nil {
			l.zstd.Close()
		}
	}()
	t := &Table{Name: f.Name, Rows: f.Rows, Meta: f.Meta, Columns: make([]Column, len(at))}
	for j, i := range at {
		var err error
		if t.Columns[j], err = l.column(i); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// loader reads columns for one caller.
type loader struct {
	*File
	room int64              // what packed buffers may still unpack to, in bytes
	zstd *zstd.Decoder      // nil until it is needed
	seen map[int64][]string // dictionaries that have been read
}

// column reads one column.
func (l *loader) column(i int) (Column, error) {
	field := &l.Fields[i]
	col := Column{Name: field.Name, Type: field.Type, Meta: field.Meta}
	err := func() (err error) {
		if col.Valid, err = l.valid(i); err != nil {
			return err
		}
		col.Values, err = l.values(i, col.Valid)
		return err
	}()
	if err != nil {
		return Column{}, fmt.Errorf("arrowio: %q is damaged: column %q: %w", l.Name, field.Name, err)
	}
	markNaN(col.Values, col.Valid)
	return col, nil
}

// valid reads which rows of a column have a value.
func (l *loader) valid(i int) (Bitmap, error) {
	field := &l.Fields[i]
	if field.kind.buffers() == 0 || !slices.ContainsFunc(l.batches, func(b batch) bool { return b.nulls[i] != 0 }) {
		return nil, nil
	}
	parts := make([]Bitmap, len(l.batches))
	for j, b := range l.batches {
		if b.nulls[i] == 0 {
			continue
		}
		bytes, err := l.buffer(b, field.first, (b.rows+7)/8)
		if err != nil {
			return nil, fmt.Errorf("validity: %w", err)
		}
		parts[j] = bytes
	}
	if len(parts) == 1 {
		if n := l.batches[0].rows; parts[0].count(n) == n {
			return nil, nil
		}
		return parts[0], nil
	}
	part, first := 0, 0
	return NewBitmap(l.Rows, func(row int) bool {
		for row-first >= l.batches[part].rows {
			first += l.batches[part].rows
			part++
		}
		return parts[part].Has(row - first)
	}), nil
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

// values reads a column. An Arrow type that has no Go type here gives nil.
func (l *loader) values(i int, valid Bitmap) (any, error) {
	field := &l.Fields[i]
	k := field.kind
	switch {
	case k.words:
		return l.wordsOf(i, valid)
	case k.id == typeText:
		return l.texts(l.batches, field.first)
	case k.id == typeFixed:
		raw, err := l.numbers(field.first, k.width)
		return Fixed{Width: k.width, Bytes: raw}, err
	case k.id == typeInt && k.width == 1 && !k.signed:
		return l.numbers(field.first, 1)
	case k.id == typeInt && k.width == 4 && k.signed:
		return asNumbers[int32](l.numbers(field.first, 4))
	case k.id == typeInt && k.width == 8 && k.signed:
		return asNumbers[int64](l.numbers(field.first, 8))
	case k.id == typeFloat && k.width == 4:
		return asNumbers[float32](l.numbers(field.first, 4))
	case k.id == typeFloat && k.width == 8:
		return asNumbers[float64](l.numbers(field.first, 8))
	}
	return nil, nil
}

// numbers reads the values of a column of width bytes each.
func (l *loader) numbers(first, width int) ([]byte, error) {
	if len(l.batches) == 1 {
		return l.buffer(l.batches[0], first+1, l.batches[0].rows*width)
	}
	all := []byte{}
	for _, b := range l.batches {
		part, err := l.buffer(b, first+1, b.rows*width)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

// littleEndian says how this machine stores numbers; Arrow files say how they do.
var littleEndian = func() bool {
	one := uint16(1)
	return *(*byte)(unsafe.Pointer(&one)) == 1
}()

// asNumbers looks at the same memory as numbers of another size.
func asNumbers[V int32 | int64 | float32 | float64](raw []byte, err error) ([]V, error) {
	size := int(unsafe.Sizeof(V(0)))
	if err != nil || len(raw) < size {
		return []V{}, err
	}
	if uintptr(unsafe.Pointer(&raw[0]))%uintptr(size) != 0 {
		moved := make([]V, len(raw)/size)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&moved[0])), len(raw)), raw)
		return moved, nil
	}
	return unsafe.Slice((*V)(unsafe.Pointer(&raw[0])), len(raw)/size), nil
}

// texts reads strings: their ends, one 4-byte number more than there are, and all
// characters. The strings of a batch share one memory.
func (l *loader) texts(batches []batch, first int) ([]string, error) {
	rows := 0
	for _, b := range batches {
		rows += b.rows
	}
	out := make([]string, 0, rows)
	for _, b := range batches {
		if b.rows == 0 {
			continue
		}
		raw, err := l.buffer(b, first+1, 4*(b.rows+1))
		if err != nil {
			return nil, err
		}
		chars, err := l.whole(b, first+2)
		if err != nil {
			return nil, err
		}
		text := unsafe.String(unsafe.SliceData(chars), len(chars)) // nobody else has chars
		at := binary.NativeEndian.Uint32(raw)
		for row := range b.rows {
			end := binary.NativeEndian.Uint32(raw[4*row+4:])
			if end < at || uint64(end) > uint64(len(text)) {
				return nil, fmt.Errorf("row %d has characters %d to %d of %d", row, at, end, len(text))
			}
			out = append(out, text[at:end])
			at = end
		}
	}
	return out, nil
}

// wordsOf reads a column of numbers of words.
func (l *loader) wordsOf(i int, valid Bitmap) ([]string, error) {
	field := &l.Fields[i]
	k := field.kind
	words, known := l.seen[k.dictionary]
	if dictionary, ok := l.words[k.dictionary]; ok && !known {
		var err error
		if words, err = l.texts([]batch{dictionary}, 0); err != nil {
			return nil, fmt.Errorf("dictionary %d: %w", k.dictionary, err)
		}
		if l.seen == nil {
			l.seen = map[int64][]string{}
		}
		l.seen[k.dictionary] = words
	}
	raw, err := l.numbers(field.first, k.width)
	if err != nil {
		return nil, err
	}
	out := make([]string, l.Rows)
	if k.width == 4 && valid == nil { // as our files are
		for row := range out {
			number := binary.NativeEndian.Uint32(raw[4*row:])
			if uint64(number) >= uint64(len(words)) {
				return nil, wordError(row, uint64(number), words)
			}
			out[row] = words[number]
		}
		return out, nil
	}
	for row := range out {
		if !valid.Has(row) {
			continue
		}
		number := k.number(raw[row*k.width:])
		if number >= uint64(len(words)) {
			return nil, wordError(row, number, words)
		}
		out[row] = words[number]
	}
	return out, nil
}

func wordError(row int, number uint64, words []string) error {
	return fmt.Errorf("row %d has word %d of a dictionary of %d", row, int64(number), len(words))
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
