package arrowio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
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
