package arrowio

import (
	"encoding/binary"
	"fmt"
)

// flat reads FlatBuffers, the form of Arrow's footers and messages, without trust
// in a single offset. The first thing that is wrong stays in err; from then on all
// parts read as absent. Source: the FlatBuffers internals page.
type flat struct {
	b   []byte
	err error
	// budget is what may still be taken out, in bytes. Parts of a forged buffer can
	// share one place, so that it holds more than its size; honest ones do not.
	budget int
}

// message begins to read b.
func message(b []byte) *flat {
	const spare = 1 << 12
	return &flat{b: b, budget: 8*len(b) + spare}
}

func (f *flat) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// at is n bytes from a place on, zeros where that is outside.
func (f *flat) at(place, n int) []byte {
	if place < 0 || n < 0 || place > len(f.b)-n {
		f.fail("%d bytes at byte %d of a message of %d", n, place, len(f.b))
	}
	if f.err != nil {
		return make([]byte, min(max(n, 0), 8)) // callers that want more look at err
	}
	return f.b[place : place+n]
}

func (f *flat) uint32(place int) int { return int(binary.LittleEndian.Uint32(f.at(place, 4))) }
func (f *flat) int32(place int) int  { return int(int32(binary.LittleEndian.Uint32(f.at(place, 4)))) }
func (f *flat) int64(place int) int64 {
	return int64(binary.LittleEndian.Uint64(f.at(place, 8)))
}

// spend takes n bytes of the budget.
func (f *flat) spend(n int) {
	if f.budget -= n; f.budget < 0 {
		f.fail("its parts hold more than its %d bytes", len(f.b))
	}
}

// node is a table of a FlatBuffer; one that is absent has no fields.
type node struct {
	f     *flat
	place int
	there bool
}

func (f *flat) root() node { return node{f, f.uint32(0), f.err == nil} }

// field is the place of a field's value, 0 where it has its default.
func (n node) field(slot int) int {
	if !n.there {
		return 0
	}
	layout := n.place - n.f.int32(n.place)
	size := int(binary.LittleEndian.Uint16(n.f.at(layout, 2)))
	entry := 4 + 2*slot
	if entry+2 > size {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(n.f.at(layout+entry, 2)))
	if offset == 0 || n.f.err != nil {
		return 0
	}
	return n.place + offset
}

func (n node) uint8(slot int) int {
	if p := n.field(slot); p != 0 {
		return int(n.f.at(p, 1)[0])
	}
	return 0
}

func (n node) int16(slot int) int {
	if p := n.field(slot); p != 0 {
		return int(int16(binary.LittleEndian.Uint16(n.f.at(p, 2))))
	}
	return 0
}

func (n node) int32(slot int) int {
	if p := n.field(slot); p != 0 {
		return n.f.int32(p)
	}
	return 0
}

func (n node) int64(slot int) int64 {
	if p := n.field(slot); p != 0 {
		return n.f.int64(p)
	}
	return 0
}

// table is a field that is a table.
func (n node) table(slot int) node {
	p := n.field(slot)
	if p == 0 {
		return node{f: n.f}
	}
	p += n.f.uint32(p)
	return node{n.f, p, n.f.err == nil}
}

// vector is the place of the first of count entries of width bytes each.
func (n node) vector(slot, width int) (first, count int) {
	p := n.field(slot)
	if p == 0 {
		return 0, 0
	}
	p += n.f.uint32(p)
	count = n.f.uint32(p)
	n.f.at(p+4, count*width)
	if n.f.err != nil {
		return 0, 0
	}
	return p + 4, count
}

// tables calls each for every entry of a vector of tables, until something is wrong.
func (n node) tables(slot int, each func(node)) {
	first, count := n.vector(slot, 4)
	for i := range count {
		p := first + 4*i
		p += n.f.uint32(p)
		if n.f.spend(16); n.f.err != nil {
			return
		}
		each(node{n.f, p, true})
	}
}

// text is a field that is a string.
func (n node) text(slot int) string {
	first, count := n.vector(slot, 1)
	n.f.spend(count)
	if n.f.err != nil {
		return ""
	}
	return string(n.f.at(first, count))
}

// pairs is a vector of pairs of strings, Arrow's metadata.
func (n node) pairs(slot int) map[string]string {
	out := map[string]string{}
	n.tables(slot, func(pair node) {
		key := pair.text(0)
		if key == "" {
			n.f.fail("its metadata has an entry without a name")
		}
		out[key] = pair.text(1)
	})
	return out
}
