package arrowio

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/endian"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// decode lets Arrow's library read one column: it is handed a stream of that column
// alone, whose buffers are plain, as long as they must be, and in memory. What it
// panics about is an error.
func (l *loader) decode(field *Field, to *Column) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = libraryError(p)
		}
	}()
	from := &feed{loader: l, field: field}
	reader, err := ipc.NewReaderFromMessageReader(from)
	if err != nil {
		return libraryError(err)
	}
	out := newTaker(field.kind, l.batches(), l.Rows)
	out.known = l.seen[field.kind.dictionary]
	for reader.Next() {
		if err := out.take(reader.Record().Column(0)); err != nil {
			return err
		}
	}
	switch {
	case from.err != nil:
		return from.err
	case reader.Err() != nil:
		return libraryError(reader.Err())
	}
	to.Values, to.Valid = out.column()
	if from.words == 1 { // it is the same for all rows
		if l.seen == nil {
			l.seen = map[int64]*words{}
		}
		l.seen[field.kind.dictionary] = out.known
	}
	return nil
}

// libraryError is an error of one line.
func libraryError(what any) error {
	return fmt.Errorf("Arrow's library: %s", strings.ReplaceAll(fmt.Sprint(what), "\n", " "))
}

// feed is one column of a file as messages to Arrow's library.
type feed struct {
	*loader
	field   *Field
	started bool
	at      int   // the next of parts
	words   int   // parts of its dictionary that have been there
	err     error // what the guard found
}

// Retain implements [ipc.MessageReader].
func (f *feed) Retain() {}

// Release implements [ipc.MessageReader].
func (f *feed) Release() {}

// Message implements [ipc.MessageReader].
func (f *feed) Message() (*ipc.Message, error) {
	if !f.started {
		f.started = true
		return f.schema()
	}
	m, err := f.next()
	if err != nil && err != io.EOF {
		f.err = err
	}
	return m, err
}

// schema is the message that the library writes for a column.
func (f *feed) schema() (*ipc.Message, error) {
	order := endian.LittleEndian
	if f.big {
		order = endian.BigEndian
	}
	schema := arrow.NewSchemaWithEndian([]arrow.Field{{Name: f.field.Name, Type: f.field.kind.arrow(), Nullable: true}}, nil, order)
	var out bytes.Buffer
	if err := ipc.NewWriter(&out, ipc.WithSchema(schema)).Close(); err != nil {
		return nil, err
	}
	return ipc.NewMessageReader(&out).Message()
}

// next is the next part of the column: the words of its dictionary, or rows.
func (f *feed) next() (*ipc.Message, error) {
	for f.at < len(f.parts) {
		b := &f.parts[f.at]
		f.at++
		words := f.field.kind.words
		switch {
		case b.words && words != nil && b.id == f.field.kind.dictionary:
			f.words++
			if f.seen[b.id] != nil { // columns that share a dictionary share its memory
				return f.message(&batch{words: true, codec: plain}, *words, 0, make([]span, words.buffers))
			}
			m, err := f.message(b, *words, b.nulls[0], b.buffers)
			if err != nil {
				err = fmt.Errorf("dictionary %d: %w", b.id, err)
			}
			return m, err
		case b.words || b.rows == 0:
		case words != nil && f.words == 0:
			return nil, fmt.Errorf("its dictionary, number %d, is not there", f.field.kind.dictionary)
		default:
			return f.message(b, f.field.kind, b.nulls[f.field.node], b.of(f.field))
		}
	}
	return nil, io.EOF
}

// message is a part of a column of a kind, whose buffers are these.
func (f *feed) message(b *batch, k kind, nulls int64, spans []span) (*ipc.Message, error) {
	const alignment = 8
	needs := k.needs(b.rows, nulls != 0)
	size := 0
	for i, s := range spans {
		if i >= len(needs) {
			size += int(s.length)
		} else {
			size += needs[i]
		}
		size += alignment
	}
	if b.codec != plain {
		size = 0 // is not known yet
	}
	body := make([]byte, 0, size)
	places := make([]span, len(spans))
	for i, s := range spans {
		need, rest := 0, i >= len(needs) // characters are taken as they are
		if !rest {
			need = needs[i]
		}
		from := len(body)
		var err error
		if body, err = f.put(body, b.codec, s, need, rest); err != nil {
			if i == 0 {
				err = fmt.Errorf("validity: %w", err)
			}
			return nil, err
		}
		places[i] = span{int64(from), int64(len(body) - from)}
		for len(body)%alignment != 0 {
			body = append(body, 0)
		}
	}
	return ipc.NewMessage(memory.NewBufferBytes(head(b, k, nulls, places, len(body))), memory.NewBufferBytes(body)), nil
}

// head is the head of a message: a batch of one column that has the dictionary 0, or
// of that dictionary's words. The numbers of slots are those of Message.fbs.
func head(b *batch, k kind, nulls int64, places []span, body int) []byte {
	const version = 4 // the fifth
	out := flatbuffers.NewBuilder(256)
	pairs := func(of ...span) flatbuffers.UOffsetT {
		out.StartVector(16, len(of), 8)
		for i := range of {
			out.Prep(8, 16)
			out.PrependInt64(of[len(of)-1-i].length)
			out.PrependInt64(of[len(of)-1-i].offset)
		}
		return out.EndVector(len(of))
	}
	nodes := pairs(span{int64(b.rows), nulls})
	buffers := pairs(places...)
	var views flatbuffers.UOffsetT
	if k.views > 0 {
		out.StartVector(8, 1, 8)
		out.PrependInt64(int64(len(places) - k.buffers))
		views = out.EndVector(1)
	}
	out.StartObject(5)
	out.PrependInt64Slot(0, int64(b.rows), 0)
	out.PrependUOffsetTSlot(1, nodes, 0)
	out.PrependUOffsetTSlot(2, buffers, 0)
	out.PrependUOffsetTSlot(4, views, 0)
	header, what := out.EndObject(), byte(messageRecords)
	if b.words {
		out.StartObject(3)
		out.PrependUOffsetTSlot(1, header, 0)
		out.PrependBoolSlot(2, b.delta, false)
		header, what = out.EndObject(), messageWords
	}
	out.StartObject(5)
	out.PrependInt16Slot(0, version, 0)
	out.PrependByteSlot(1, what, 0)
	out.PrependUOffsetTSlot(2, header, 0)
	out.PrependInt64Slot(3, int64(body), 0)
	out.Finish(out.EndObject())
	return out.FinishedBytes()
}
