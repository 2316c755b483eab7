package arrowio

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
)

// kind is an Arrow type as far as the guard has to know it: what a column takes of a
// batch, and how it is read.
type kind struct {
	id     int
	width  int // bytes of a number or of a fixed string
	signed bool

	// What a column of the type has in each batch, its parts included: nodes that say
	// how many rows there are, buffers, and parts with as many buffers more as the batch says.
	nodes, buffers, views int

	// words is what the dictionary holds of whose words the column has the numbers.
	words      *kind
	dictionary int64 // the dictionary's number in the file
}

// Numbers of types in Schema.fbs, union Type.
const (
	typeNull     = 1
	typeInt      = 2
	typeFloat    = 3
	typeText     = 5
	typeUnion    = 14
	typeFixed    = 15
	typeLarge    = 20
	typeRunEnds  = 22
	typeByteView = 23
	typeTextView = 24
)

// types are Arrow's, by their number: how many buffers a column has beside those of
// its parts, validity included.
var types = [...]struct {
	name    string
	buffers int
}{
	typeNull: {"null", 0}, typeInt: {"int", 2}, typeFloat: {"float", 2}, 4: {"binary", 3}, typeText: {"utf8", 3}, 6: {"bool", 2},
	7: {"decimal", 2}, 8: {"date", 2}, 9: {"time", 2}, 10: {"timestamp", 2}, 11: {"interval", 2}, 12: {"list", 2}, 13: {"struct", 1},
	typeUnion: {"union", 1}, typeFixed: {"fixed_size_binary", 2}, 16: {"fixed_size_list", 1}, 17: {"map", 2}, 18: {"duration", 2},
	19: {"large_binary", 3}, typeLarge: {"large_utf8", 3}, 21: {"large_list", 2}, typeRunEnds: {"run_end_encoded", 0},
	typeByteView: {"binary_view", 2}, typeTextView: {"utf8_view", 2}, 25: {"list_view", 3}, 26: {"large_list_view", 3},
}

const deepest = 64 // parts of parts of a type

// schema is what is known of a file's columns while they are read.
type schema struct {
	version int            // of its messages
	words   map[int64]kind // what each dictionary holds, by number
}

// kind reads the type of a field that is a part of depth others.
func (s schema) kind(field node, depth int) (k kind, err error) {
	k = kind{id: field.uint8(2), nodes: 1}
	if k.id < 1 || k.id >= len(types) {
		return k, fmt.Errorf("its type has the number %d, which this program does not know, so that nothing behind it can be found; leave the column out when the file is written", k.id)
	}
	if depth > deepest {
		return k, fmt.Errorf("its type has parts in parts, more than %d deep", deepest)
	}
	k.buffers = types[k.id].buffers
	of := field.table(3)
	switch k.id {
	case typeInt:
		k.width, k.signed = of.int32(0)/8, of.uint8(1) != 0
	case typeFloat:
		k.width = 2 << max(0, min(of.int16(0), 3)) // half, single, double
	case typeFixed:
		k.width = of.int32(0)
	case typeUnion:
		k.buffers += of.int16(0) & 1 // a dense one says where each value is
		const noValidity = 4         // since this version
		if s.version < noValidity {
			k.buffers++
		}
	case typeByteView, typeTextView:
		k.views = 1
	}
	field.tables(5, func(part node) {
		p, fault := s.kind(part, depth+1)
		if fault != nil && err == nil {
			err = fault
		}
		k.nodes, k.buffers, k.views = k.nodes+p.nodes, k.buffers+p.buffers, k.views+p.views
	})
	coded := field.table(4)
	if !coded.there || err != nil {
		return k, err
	}
	words := k
	s.words[coded.int64(0)] = words
	k = kind{id: typeInt, width: 4, signed: true, nodes: 1, buffers: 2, words: &words, dictionary: coded.int64(0)}
	if index := coded.table(1); index.there {
		k.width, k.signed = index.int32(0)/8, index.uint8(1) != 0
	}
	return k, nil
}

// arrow is the type for Arrow's library; nil for what has no Go type here.
func (k kind) arrow() arrow.DataType {
	if k.words != nil {
		index, words := k.number(), k.words.text()
		if index == nil || words == nil {
			return nil
		}
		return &arrow.DictionaryType{IndexType: index, ValueType: words}
	}
	const widest = 1 << 20
	switch {
	case k.id == typeInt && (k.width == 1 && !k.signed || k.width >= 4 && k.signed):
		return k.number()
	case k.id == typeFloat && k.width == 4:
		return arrow.PrimitiveTypes.Float32
	case k.id == typeFloat && k.width == 8:
		return arrow.PrimitiveTypes.Float64
	case k.id == typeFixed && k.width >= 1 && k.width <= widest:
		return &arrow.FixedSizeBinaryType{ByteWidth: k.width}
	}
	return k.text()
}

// text is the type of a column of texts, nil for others.
func (k kind) text() arrow.DataType {
	switch {
	case k.words != nil:
	case k.id == typeText:
		return arrow.BinaryTypes.String
	case k.id == typeLarge:
		return arrow.BinaryTypes.LargeString
	case k.id == typeTextView:
		return arrow.BinaryTypes.StringView
	}
	return nil
}

// number is the type of a column of whole numbers.
func (k kind) number() arrow.DataType {
	of := map[int][2]arrow.DataType{
		1: {arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int8}, 2: {arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Int16},
		4: {arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int32}, 8: {arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Int64},
	}[k.width]
	if k.signed {
		return of[1]
	}
	return of[0]
}

// String is Arrow's name of the type.
func (k kind) String() string {
	name := types[k.id].name
	switch {
	case k.id == typeFloat:
		name = fmt.Sprintf("float%d", 8*k.width)
	case k.id == typeFixed:
		name = fmt.Sprintf("fixed_size_binary[%d]", k.width)
	case k.id == typeInt && k.signed:
		name = fmt.Sprintf("int%d", 8*k.width)
	case k.id == typeInt:
		name = fmt.Sprintf("uint%d", 8*k.width)
	}
	if k.words != nil {
		return fmt.Sprintf("dictionary<values=%s, indices=%s, ordered=false>", k.words, name)
	}
	return name
}

// needs is how many bytes the buffers of a column with rows rows must have, from the
// first: validity, numbers, ends of texts. A last buffer of characters is as long as it is.
func (k kind) needs(rows int, nulls bool) []int {
	validity := 0
	if nulls {
		validity = (rows + 7) / 8
	}
	switch {
	case rows == 0:
		return []int{0, 0}
	case k.id == typeText:
		return []int{validity, 4 * (rows + 1)}
	case k.id == typeLarge:
		return []int{validity, 8 * (rows + 1)}
	case k.id == typeTextView:
		return []int{validity, 16 * rows}
	}
	return []int{validity, k.width * rows}
}
