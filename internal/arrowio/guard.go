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
	"unicode/utf8"
)

// File is an Arrow file whose columns are read when they are asked for. What
// describes them has been checked: no part lies outside of the file, none is
// counted twice. Its methods may be used by several goroutines at once.
type File struct {
	Name   string // as errors name it
	Rows   int
	Meta   map[string]string
	Fields []Field

	// Sealed says that the file has checksums; those of a column are compared when it is read.
	Sealed bool

	from  io.ReaderAt
	size  int64
	close func() error
	big   bool    // numbers have their highest byte first
	parts []batch // dictionaries and rows, in the order in which they count
}

// Field describes a column of a [File].
type Field struct {
	Name string
	Type string // Arrow's name
	Meta map[string]string

	kind kind
	sum  string // checksum of what it holds, "" for none
	// Its first node, buffer and view in a batch, buffers of views not counted.
	node, buffer, view int
}

// batch is a part of the rows of all columns, or of the words of a dictionary.
type batch struct {
	words   bool  // it is of words
	id      int64 // the dictionary's number
	delta   bool  // the words go behind those that the dictionary has
	rows    int
	codec   int     // of compression, plain where there is none
	nulls   []int64 // by node
	buffers []span
	views   []int // [views+1]: how many buffers the views before each have beside their own
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
// and before the last one the length of the footer. continued begins each message
// since Arrow 0.15, and so a stream.
const (
	magic     = "ARROW1"
	continued = 0xffffffff
)

// describe reads what says where the columns are, of a file or a stream. The numbers
// of slots and kinds are those of Arrow's format files File.fbs, Schema.fbs and Message.fbs.
func describe(name string, from io.ReaderAt, size int64) (*File, error) {
	f := &File{Name: name, from: from, size: size}
	head := make([]byte, len(magic))
	n, err := from.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("arrowio: read %q: %w", name, err)
	}
	head = head[:n]
	switch {
	case n >= 4 && binary.LittleEndian.Uint32(head) == continued:
		err = f.stream()
	case strings.HasPrefix(magic, string(head)):
		err = f.table()
	case strings.HasPrefix(string(head), "PAR1"):
		err = fmt.Errorf("arrowio: %q is a Parquet file; write it again as Arrow, in Python: pyarrow.feather.write_feather(pyarrow.parquet.read_table(path), out)", name)
	case strings.HasPrefix(string(head), "FEA1"):
		err = fmt.Errorf("arrowio: %q is of Feather's first version; write it again, in Python: pyarrow.feather.write_feather(pyarrow.feather.read_table(path), out)", name)
	default:
		err = fmt.Errorf("arrowio: %q is not an Arrow IPC file: it starts with %q, want %q", name, head, magic)
	}
	if err == nil {
		err = f.unseal()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// damaged is an error about the content of the file.
func (f *File) damaged(err error) error { return fmt.Errorf("arrowio: %q is damaged: %w", f.Name, err) }

// truncated is an error about a file that ends too early.
func (f *File) truncated(format string, args ...any) error {
	return fmt.Errorf("arrowio: %q is truncated: %s", f.Name, fmt.Sprintf(format, args...))
}

// footer tells apart what is cut off from what never was an Arrow file.
func (f *File) footer() ([]byte, error) {
	var tail [4 + len(magic)]byte
	room := f.size - int64(len(tail)+len(magic)+2)
	if room < 0 {
		return nil, f.truncated("it has only %d bytes", f.size)
	}
	if err := f.read(tail[:], f.size-int64(len(tail))); err != nil {
		return nil, fmt.Errorf("arrowio: read %q: %w", f.Name, err)
	}
	if string(tail[4:]) != magic {
		return nil, f.truncated("its %d bytes do not end with %q", f.size, magic)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if length <= 0 || length > room {
		return nil, f.truncated("its footer says %d bytes, want 1 to %d", length, room)
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

// table describes a file of the random-access format by its footer.
func (f *File) table() error {
	content, err := f.footer()
	if err != nil {
		return err
	}
	foot := message(content)
	s := schema{version: foot.root().int16(0), words: map[int64]kind{}}
	f.columns(foot.root().table(1), s)
	words, records := foot.blocks(2), foot.blocks(3)
	if foot.err != nil {
		return f.damaged(foot.err)
	}
	room := f.size
	for i, b := range words {
		if err := f.add(b, messageWords, s, &room); err != nil {
			return f.damaged(fmt.Errorf("dictionary %d: %w", i, err))
		}
	}
	seen := map[int64]bool{}
	for i, b := range f.parts {
		if seen[b.id] && !b.delta {
			return f.damaged(fmt.Errorf("dictionary %d: number %d is there before", i, b.id))
		}
		seen[b.id] = true
	}
	for i, b := range records {
		if err := f.add(b, messageRecords, s, &room); err != nil {
			return f.damaged(fmt.Errorf("batch %d: %w", i, err))
		}
	}
	return nil
}

// stream describes a file of the streaming format, which has message behind message.
// It must have the mark of its end, since what is cut off could not be told otherwise.
func (f *File) stream() error {
	var s schema
	room := f.size
	for at, n := int64(0), 0; ; n++ {
		var prefix [8]byte
		if at > f.size-int64(len(prefix)) {
			return f.truncated("the stream has no mark of its end")
		}
		if err := f.read(prefix[:], at); err != nil {
			return fmt.Errorf("arrowio: read %q: %w", f.Name, err)
		}
		length := int64(binary.LittleEndian.Uint32(prefix[4:]))
		if binary.LittleEndian.Uint32(prefix[:]) != continued {
			return f.damaged(fmt.Errorf("message %d: it starts with %x, want ffffffff", n, prefix[:4]))
		}
		if length == 0 {
			if n == 0 {
				return f.damaged(errors.New("the stream has no schema"))
			}
			if rest := f.size - at - int64(len(prefix)); rest > 0 {
				return f.damaged(fmt.Errorf("%d bytes behind the end of the stream", rest))
			}
			return nil
		}
		b := block{offset: at, head: int64(len(prefix)) + length}
		if b.head > f.size-at {
			return f.truncated("message %d says %d bytes, %d are there", n, length, f.size-at-int64(len(prefix)))
		}
		m, err := f.message(b)
		if err != nil {
			return fmt.Errorf("arrowio: read %q: %w", f.Name, err)
		}
		top := m.root()
		b.body = top.int64(3)
		what := top.uint8(1)
		switch {
		case m.err != nil:
		case n == 0 && what != messageSchema || n > 0 && what == messageSchema:
			m.fail("kind %d", what)
		case n == 0:
			s = schema{version: top.int16(0), words: map[int64]kind{}}
			f.columns(top.table(2), s)
		case b.body > f.size-at-b.head:
			return f.truncated("message %d says %d bytes of data, %d are there", n, b.body, f.size-at-b.head)
		default:
			m.err = f.add(b, what, s, &room)
		}
		if m.err == nil && b.body < 0 {
			m.fail("%d bytes of data", b.body)
		}
		if m.err != nil {
			return f.damaged(fmt.Errorf("message %d: %w", n, m.err))
		}
		at += b.head + b.body
	}
}

// columns reads the schema. Errors stay in the message.
func (f *File) columns(top node, s schema) {
	m := top.f
	if m.err == nil && !top.there {
		m.fail("it has no schema")
	}
	f.big = top.int16(0) != 0
	f.Meta = top.pairs(2)
	var next Field
	top.tables(1, func(n node) {
		field := next
		field.Name, field.Meta = n.text(0), n.pairs(6)
		if !utf8.ValidString(field.Name) {
			m.fail("column %d has a name that is not UTF-8, %q", len(f.Fields), field.Name)
		}
		var err error
		if field.kind, err = s.kind(n, 0); err != nil {
			m.fail("column %q: %w", field.Name, err)
			return
		}
		field.Type = field.kind.String()
		next.node, next.buffer, next.view = field.node+field.kind.nodes, field.buffer+field.kind.buffers, field.view+field.kind.views
		f.Fields = append(f.Fields, field)
	})
}

const (
	maxRows   = 1 << 24 // believed of a file
	maxUnpack = 1 << 30 // bytes that the packed columns of a file may take together

	messageSchema, messageWords, messageRecords = 1, 2, 3 // kinds of message

	lz4Codec, zstdCodec, plain = 0, 1, -1
)

// block is where a message is: its head, then its body.
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

// message reads the head of a block, which lies inside of the file.
func (f *File) message(b block) (*flat, error) {
	head := make([]byte, b.head)
	if err := f.read(head, b.offset); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(head) == continued {
		head = head[4:]
	}
	return message(head[4:]), nil
}

// add reads the head of a batch, which must be a message of the kind want and have
// what the schema asks for. room is what the file has left for batches.
func (f *File) add(b block, want int, s schema, room *int64) error {
	if b.offset < 0 || b.head < 8 || b.body < 0 || b.offset > f.size || b.head > f.size-b.offset || b.body > f.size-b.offset-b.head {
		return fmt.Errorf("%d and %d bytes at byte %d, outside of the file's %d", b.head, b.body, b.offset, f.size)
	}
	if *room -= b.head + b.body; *room < 0 {
		return errors.New("the batches are larger than the file")
	}
	m, err := f.message(b)
	if err != nil {
		return err
	}
	top := m.root()
	if kind := top.uint8(1); kind != want || want != messageWords && want != messageRecords {
		m.fail("a message of kind %d, want %d", kind, want)
	}
	part := batch{words: want == messageWords}
	record := top.table(2)
	var has []kind
	if part.words {
		part.id, part.delta = record.int64(0), record.uint8(2) != 0
		record = record.table(1)
		words, known := s.words[part.id]
		if !known && m.err == nil {
			return nil // no column has it
		}
		has = []kind{words}
	} else {
		for i := range f.Fields {
			has = append(has, f.Fields[i].kind)
		}
	}
	part.read(record, b, has)
	if m.err != nil {
		return m.err
	}
	f.parts = append(f.parts, part)
	if part.words {
		return nil
	}
	buffers := 0
	for _, k := range has {
		buffers += k.buffers
	}
	if f.Rows += part.rows; f.Rows > maxRows || f.Rows > 0 && buffers == 0 {
		return fmt.Errorf("%d rows in %d columns, want at most %d rows and a column with values", f.Rows, len(f.Fields), maxRows)
	}
	return nil
}

// read reads the head of a batch that must have these columns. Errors stay in the message.
func (part *batch) read(record node, b block, has []kind) {
	m := record.f
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
	nodes, buffers, views := 0, 0, 0
	tops := map[int]int{} // columns by their first nodes
	for i, k := range has {
		tops[nodes] = i
		nodes, buffers, views = nodes+k.nodes, buffers+k.buffers, views+k.views
	}
	buffers += part.readViews(record, views)
	const width = 16 // pairs of 8 bytes
	first, n := record.vector(1, width)
	if m.err == nil && n != nodes {
		m.fail("%d columns and parts of columns, want %d", n, nodes)
	}
	for i := range n {
		got := m.int64(first + width*i)
		if column, top := tops[i]; m.err == nil && top && got != rows {
			m.fail("column %d has %d rows, want %d", column, got, rows)
		}
		nulls := m.int64(first + width*i + 8)
		part.nulls = append(part.nulls, min(max(nulls, -1), rows))
	}
	part.readBuffers(record, b, buffers)
}

// readViews reads how many buffers each of so many views has beside its own, and is
// their sum.
func (part *batch) readViews(record node, views int) int {
	m := record.f
	first, n := record.vector(4, 8)
	if m.err == nil && n < views {
		m.fail("%d columns of views, want %d", n, views)
	}
	// Arrow's Go library, version 15, writes those of dictionaries once more before them.
	first += 8 * (n - views)
	part.views = []int{0}
	for i := range views {
		if m.err != nil {
			return 0
		}
		count := m.int64(first + 8*i)
		if count < 0 || count > int64(len(m.b)) {
			m.fail("a view has %d buffers", count)
		}
		part.views = append(part.views, part.views[i]+int(count))
	}
	return part.views[views]
}

// readBuffers reads where so many buffers are, in the body of a block.
func (part *batch) readBuffers(record node, b block, buffers int) {
	m := record.f
	const width = 16
	first, n := record.vector(2, width)
	if m.err == nil && n != buffers {
		m.fail("%d buffers, want %d", n, buffers)
	}
	room := b.body
	for i := range n {
		s := span{m.int64(first + width*i), m.int64(first + width*i + 8)}
		if m.err == nil && (s.offset < 0 || s.length < 0 || s.offset > b.body || s.length > b.body-s.offset) {
			m.fail("buffer %d has %d bytes at byte %d of a body of %d", i, s.length, s.offset, b.body)
		}
		if room -= s.length; m.err == nil && room < 0 {
			m.fail("the buffers are larger than the body's %d bytes", b.body)
		}
		s.offset += b.offset + b.head
		part.buffers = append(part.buffers, s)
	}
}

// of is where a column's buffers are in a batch: those of every column of its type,
// then those of its views.
func (part *batch) of(field *Field) []span {
	first := field.buffer + part.views[field.view]
	end := field.buffer + field.kind.buffers + part.views[field.view+field.kind.views]
	return part.buffers[first:end]
}
