package arrowio

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// kind is an Arrow type as far as it matters here: how many buffers a column has
// and how wide a value is.
type kind struct {
	id     int
	width  int // bytes of a number or of a fixed string
	signed bool
	words  bool // the numbers count words of a dictionary
	// dictionary is the number of that dictionary.
	dictionary int64
}

// Numbers of types in Schema.fbs, union Type.
const (
	typeInt   = 2
	typeFloat = 3
	typeText  = 5
	typeFixed = 15
)

// flatTypes are Arrow's types that are not nested, by their number in the union:
// how many buffers they have, validity included.
var flatTypes = map[int]struct {
	name    string
	buffers int
}{
	1: {"null", 0}, typeInt: {"int", 2}, typeFloat: {"float", 2}, 4: {"binary", 3}, typeText: {"utf8", 3}, 6: {"bool", 2},
	7: {"decimal", 2}, 8: {"date", 2}, 9: {"time", 2}, 10: {"timestamp", 2}, 11: {"interval", 2}, typeFixed: {"fixed_size_binary", 2},
	18: {"duration", 2}, 19: {"large_binary", 3}, 20: {"large_utf8", 3},
}

// kindOf reads the type of a field.
func kindOf(field node) (kind, error) {
	k, err := plainKind(field.uint8(2), field.table(3))
	if err != nil {
		return k, err
	}
	coded := field.table(4)
	if !coded.there {
		return k, nil
	}
	if k.id != typeText {
		return k, errors.New("its dictionary is not of texts")
	}
	index := coded.table(1)
	k = kind{id: typeInt, width: 4, signed: true, words: true, dictionary: coded.int64(0)}
	if index.there {
		k.width, k.signed = index.int32(0)/8, index.uint8(1) != 0
	}
	return k, k.check()
}

func plainKind(id int, n node) (kind, error) {
	k := kind{id: id}
	switch id {
	case typeInt:
		k.width, k.signed = n.int32(0)/8, n.uint8(1) != 0
	case typeFloat:
		k.width = 2 << max(0, min(n.int16(0), 3)) // half, single, double
	case typeFixed:
		k.width = n.int32(0)
	}
	return k, k.check()
}

func (k kind) check() error {
	const widest = 1 << 20
	_, flat := flatTypes[k.id]
	switch {
	case !flat:
		return fmt.Errorf("a type that is not read, number %d; want numbers, texts or bytes", k.id)
	case k.id == typeInt && k.width != 1 && k.width != 2 && k.width != 4 && k.width != 8,
		k.id == typeFloat && k.width > 8,
		k.id == typeFixed && (k.width < 1 || k.width > widest):
		return fmt.Errorf("values of %d bytes", k.width)
	}
	return nil
}

// buffers is how many a column has in a batch.
func (k kind) buffers() int { return flatTypes[k.id].buffers }

// String is Arrow's name of the type.
func (k kind) String() string {
	name := flatTypes[k.id].name
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
	if k.words {
		return fmt.Sprintf("dictionary<values=utf8, indices=%s, ordered=false>", name)
	}
	return name
}

// number reads a word's number; a negative one is larger than any dictionary.
func (k kind) number(b []byte) uint64 {
	var u uint64
	switch k.width {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(binary.NativeEndian.Uint16(b))
	case 4:
		u = uint64(binary.NativeEndian.Uint32(b))
	default:
		u = binary.NativeEndian.Uint64(b)
	}
	if k.signed {
		shift := 64 - 8*k.width
		u = uint64(int64(u<<shift) >> shift)
	}
	return u
}
