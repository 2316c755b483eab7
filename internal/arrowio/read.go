package arrowio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"slices"
	"strings"
	"unsafe"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// File is an Arrow file whose columns are read when they are asked for. What
// describes them has been checked: no part lies outside of the file, none is
// counted twice. Its methods may be used by several goroutines at once.
type File struct {
	Name   string // as errors name it
	Rows   int
	Meta   map[string]string
	Fields []Field

	from    io.ReaderAt
	size    int64
	close   func() error
	batches []batch
	words   map[int64]batch // dictionaries by number
}

// Field describes a column of a [File].
type Field struct {
	Name string
	Type string // Arrow's name
	Meta map[string]string

	kind  kind
	first int // its first buffer in a batch
}

// batch is a part of the rows of all columns.
type batch struct {
	rows    int
	codec   int // of compression, plain where there is none
	nulls   []int
	buffers []span
}

// span is a part of the file.
type span struct{ offset, length int64 }

// Open opens path. The file is held open until Close.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("arrowio: no file %q: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("arrowio: read %q: %w", path, err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("arrowio: read %q: %w", path, err)
	}
	f, err := describe(path, file, info.Size())
	if err != nil {
		file.Close()
		return nil, err
	}
	f.close = file.Close
	return f, nil
}

// New is [Open] for a file that is already in memory and must stay as it is while
// columns are read; errors call it name.
func New(name string, content []byte) (*File, error) {
	return describe(name, bytes.NewReader(content), int64(len(content)))
}

// Close ends the use of the file. Columns that were read stay.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// magic opens and closes each Arrow IPC file; behind the first one are two zeros
// and before the last one the length of the footer.
const magic = "ARROW1"

// footer tells apart what is cut off from what never was an Arrow file.
func (f *File) footer() ([]byte, error) {
	var head [len(magic)]byte
	n, err := f.from.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("arrowio: read %q: %w", f.Name, err)
	}
	if !strings.HasPrefix(magic, string(head[:n])) {
		return nil, fmt.Errorf("arrowio: %q is not an Arrow IPC file: it starts with %q, want %q", f.Name, head[:n], magic)
	}
	var tail [4 + len(magic)]byte
	room := f.size - int64(len(tail)+len(magic)+2)
	if room < 0 {
		return nil, fmt.Errorf("arrowio: %q is truncated: it has only %d bytes", f.Name, f.size)
	}
	if err := f.read(tail[:], f.size-int64(len(tail))); err != nil {
		return nil, fmt.Errorf("arrowio: read %q: %w", f.Name, err)
	}
	if string(tail[4:]) != magic {
		return nil, fmt.Errorf("arrowio: %q is truncated: its %d bytes do not end with %q", f.Name, f.size, magic)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if length <= 0 || length > room {
		return nil, fmt.Errorf("arrowio: %q is truncated: its footer says %d bytes, want 1 to %d", f.Name, length, room)
	}
	footer := make([]byte, length)
	if err := f.read(footer, f.size-int64(len(tail))-length); err != nil {
		return nil, fmt.Errorf("arrowio: read %q: %w", f.Name, err)
	}
	return footer, nil
}

// read fills b with what is in the file from a place on.
func (f *File) read(b []byte, place int64) error {
	n, err := f.from.ReadAt(b, place)
	if n == len(b) {
		return nil // an io.EOF may come with it
	}
	if err == io.EOF {
		err = fmt.Errorf("it has become shorter than %d bytes", f.size)
	}
	return err
}

// describe reads the footer and the head of each batch. The numbers of slots and
// kinds are those of Arrow's format files File.fbs, Schema.fbs and Message.fbs.
func describe(name string, from io.ReaderAt, size int64) (*File, error) {
	f := &File{Name: name, from: from, size: size, words: map[int64]batch{}}
	content, err := f.footer()
	if err != nil {
		return nil, err
	}
	foot := message(content)
	schema := foot.root().table(1)
	if foot.err == nil && !schema.there {
		foot.fail("its footer has no schema")
	}
	if foot.err == nil && (schema.int16(0) == 0) != littleEndian {
		return nil, fmt.Errorf("arrowio: %q has numbers in the byte order of another machine", name)
	}
	f.Meta = schema.pairs(2)
	buffers := 0
	schema.tables(1, func(n node) {
		field := Field{Name: n.text(0), Meta: n.pairs(6), first: buffers}
		if field.kind, err = kindOf(n); err != nil {
			foot.fail("column %q: %w", field.Name, err)
		}
		field.Type = field.kind.String()
		buffers += field.kind.buffers()
		f.Fields = append(f.Fields, field)
	})
	words, records := foot.blocks(2), foot.blocks(3)
	if foot.err != nil {
		return nil, fmt.Errorf("arrowio: %q is damaged: %w", name, foot.err)
	}
	room := size
	for i, b := range words {
		id, part, err := f.batch(b, messageWords, 1, 3, &room)
		if err == nil {
			if _, twice := f.words[id]; twice {
				err = fmt.Errorf("number %d is there before", id)
			}
			f.words[id] = part
		}
		if err != nil {
			return nil, fmt.Errorf("arrowio: %q is damaged: dictionary %d: %w", name, i, err)
		}
	}
	for i, b := range records {
		_, part, err := f.batch(b, messageRecords, len(f.Fields), buffers, &room)
		if err != nil {
			return nil, fmt.Errorf("arrowio: %q is damaged: batch %d: %w", name, i, err)
		}
		f.batches = append(f.batches, part)
		if f.Rows += part.rows; f.Rows > maxRows || f.Rows > 0 && buffers == 0 {
			return nil, fmt.Errorf("arrowio: %q claims %d rows in %d columns, want at most %d rows and a column with values", name, f.Rows, len(f.Fields), maxRows)
		}
	}
	return f, nil
}

const (
	maxRows   = 1 << 24 // believed of a file
	maxUnpack = 1 << 30 // bytes that the packed columns of a file may take together

	messageWords, messageRecords = 2, 3 // kinds of message

	lz4Codec, zstdCodec, plain = 0, 1, -1
)

// block is where a batch is: its head, then its body.
type block struct{ offset, head, body int64 }

// blocks is a list of the footer.
func (f *flat) blocks(slot int) []block {
	const width = 24
	first, n := f.root().vector(slot, width)
	out := make([]block, 0, n)
	for i := range n {
		p := first + width*i
		out = append(out, block{f.int64(p), int64(f.int32(p + 8)), f.int64(p + 16)})
	}
	return out
}

// batch reads the head of a batch that must have so many columns and buffers.
// id is the number of a dictionary. room is what the file has left for batches.
func (f *File) batch(b block, want, columns, buffers int, room *int64) (id int64, part batch, err error) {
	if b.offset < 0 || b.head < 8 || b.body < 0 || b.offset > f.size || b.head > f.size-b.offset || b.body > f.size-b.offset-b.head {
		return 0, part, fmt.Errorf("%d and %d bytes at byte %d, outside of the file's %d", b.head, b.body, b.offset, f.size)
	}
	if *room -= b.head + b.body; *room < 0 {
		return 0, part, errors.New("the batches are larger than the file")
	}
	head := make([]byte, b.head)
	if err := f.read(head, b.offset); err != nil {
		return 0, part, err
	}
	const continued = 0xffffffff // begins heads since Arrow 0.15
	if binary.LittleEndian.Uint32(head) == continued {
		head = head[4:]
	}
	m := message(head[4:])
	top := m.root()
	if kind := top.uint8(1); kind != want {
		m.fail("a message of kind %d, want %d", kind, want)
	}
	record := top.table(2)
	if want == messageWords {
		id = record.int64(0)
		if record.uint8(2) != 0 {
			m.fail("it adds words to another dictionary, which is not read")
		}
		record = record.table(1)
	}
	rows := record.int64(0)
	if m.err == nil && (rows < 0 || rows > maxRows) {
		m.fail("%d rows, want 0 to %d", rows, maxRows)
	}
	part.rows, part.codec = int(rows), plain
	if c := record.table(3); c.there {
		if part.codec = c.uint8(0); part.codec != lz4Codec && part.codec != zstdCodec || c.uint8(1) != 0 {
			m.fail("compression %d, want %d (LZ4) or %d (Zstandard)", part.codec, lz4Codec, zstdCodec)
		}
	}
	const width = 16 // both are pairs of 8 bytes
	first, n := record.vector(1, width)
	if m.err == nil && n != columns {
		m.fail("%d columns, want %d", n, columns)
	}
	for i := range n {
		if got := m.int64(first + width*i); m.err == nil && got != rows {
			m.fail("column %d has %d rows, want %d", i, got, rows)
		}
		nulls := m.int64(first + width*i + 8)
		part.nulls = append(part.nulls, int(min(max(nulls, -1), rows)))
	}
	first, n = record.vector(2, width)
	if m.err == nil && n != buffers {
		m.fail("%d buffers, want %d", n, buffers)
	}
	body := b.body
	for i := range n {
		s := span{m.int64(first + width*i), m.int64(first + width*i + 8)}
		if m.err == nil && (s.offset < 0 || s.length < 0 || s.offset > b.body || s.length > b.body-s.offset) {
			m.fail("buffer %d has %d bytes at byte %d of a body of %d", i, s.length, s.offset, b.body)
		}
		if body -= s.length; m.err == nil && body < 0 {
			m.fail("the buffers are larger than the body's %d bytes", b.body)
		}
		s.offset += b.offset + b.head
		part.buffers = append(part.buffers, s)
	}
	return id, part, m.err
}

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

// buffer reads the first n bytes of a buffer into memory of its own.
func (l *loader) buffer(b batch, i, n int) ([]byte, error) {
	s := b.buffers[i]
	if n == 0 {
		return []byte{}, nil
	}
	if b.codec != plain {
		all, err := l.unpack(b.codec, s)
		if err == nil && len(all) < n {
			err = fmt.Errorf("its data has %d bytes, want %d", len(all), n)
		}
		if err != nil {
			return nil, err
		}
		return all[:n:n], nil
	}
	if s.length < int64(n) {
		return nil, fmt.Errorf("its data has %d bytes, want %d", s.length, n)
	}
	return l.bytes(span{s.offset, int64(n)})
}

// bytes reads a part of the file, which describe has found inside of it.
func (l *loader) bytes(s span) ([]byte, error) {
	out := make([]byte, s.length)
	return out, l.read(out, s.offset)
}

// whole reads a buffer to its end.
func (l *loader) whole(b batch, i int) ([]byte, error) {
	if b.codec != plain {
		return l.unpack(b.codec, b.buffers[i])
	}
	return l.bytes(b.buffers[i])
}

// unpack reads a compressed buffer: 8 bytes with the length of the data, which is
// -1 where it is not compressed, then the data. Claims that neither codec can
// keep are not believed.
func (l *loader) unpack(codec int, s span) ([]byte, error) {
	if s.length == 0 {
		return []byte{}, nil
	}
	packed, err := l.bytes(s)
	if err != nil {
		return nil, err
	}
	if len(packed) < 8 {
		return nil, fmt.Errorf("%d compressed bytes", len(packed))
	}
	n := int64(binary.LittleEndian.Uint64(packed))
	packed = packed[8:]
	if n == -1 {
		return packed, nil
	}
	// Zstandard's densest block has 4 bytes for 128 KiB.
	if most := min(l.room, 1<<15*int64(len(packed))); n < 0 || n > most {
		return nil, fmt.Errorf("%d compressed bytes claim to hold %d, want at most %d", len(packed), n, most)
	}
	l.room -= n
	out := make([]byte, 0, n)
	if codec == zstdCodec {
		if l.zstd == nil {
			if l.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true)); err != nil {
				return nil, err
			}
		}
		if out, err = l.zstd.DecodeAll(packed, out); err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
	} else {
		out = out[:n]
		got, err := io.ReadFull(lz4.NewReader(bytes.NewReader(packed)), out)
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		out = out[:got]
	}
	if int64(len(out)) != n {
		return nil, fmt.Errorf("unpack: %d bytes, want %d", len(out), n)
	}
	return out, nil
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
