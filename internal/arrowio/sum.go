package arrowio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/endian"
)

// metaSum is the name of checksums in a file's metadata. That of a column is over what
// it holds (its rows and values, not how they are packed or numbered), that of the table
// over its metadata and over name, metadata and checksum of every column that has one. So
// columns can be read alone, and a column without a checksum may be added to a file.
const metaSum = "checksum"

// sum is the checksum of what a column of so many rows holds.
func (c *Column) sum(rows int) string {
	h := &summed{}
	h.number(rows)
	valid := c.Valid
	if valid != nil && valid.count(rows) == rows {
		valid = nil
	}
	if valid == nil {
		h.text("all")
	} else {
		h.text("some")
		raw := bytes.Clone(valid[:(rows+7)/8])
		if rows%8 != 0 {
			raw[rows/8] &= 1<<(rows%8) - 1
		}
		h.bytes(raw)
	}
	switch v := c.Values.(type) {
	case []uint8:
		sumNumbers(h, "uint8", v, valid)
	case []int32:
		sumNumbers(h, "int32", v, valid)
	case []int64:
		sumNumbers(h, "int64", v, valid)
	case []float32:
		sumNumbers(h, "float32", v, valid)
	case []float64:
		sumNumbers(h, "float64", v, valid)
	case []string:
		h.text("text")
		for i, text := range v {
			if !valid.Has(i) {
				text = ""
			}
			h.text(text)
		}
	case Fixed:
		h.text("bytes")
		h.number(v.Width)
		if valid == nil {
			h.bytes(v.Bytes)
			break
		}
		none := make([]byte, v.Width)
		for i := range rows {
			if valid.Has(i) {
				h.bytes(v.Bytes[i*v.Width : (i+1)*v.Width])
			} else {
				h.bytes(none)
			}
		}
	}
	return h.String()
}

// chunk is how many rows are copied at once.
const chunk = 1 << 12

// sumNumbers sums numbers with their lowest byte first, 0 for rows without a value.
func sumNumbers[V uint8 | int32 | int64 | float32 | float64](h *summed, kind string, v []V, valid Bitmap) {
	h.text(kind)
	var known []V
	for i := 0; i < len(v); i += chunk {
		part := v[i:min(i+chunk, len(v))]
		if valid != nil {
			known = append(known[:0], part...)
			for j := 0; j < len(known); j += 8 {
				if valid[(i+j)/8] == 0xff {
					continue
				}
				for k := j; k < min(j+8, len(known)); k++ {
					if !valid.Has(i + k) {
						known[k] = 0
					}
				}
			}
			part = known
		}
		if !endian.IsBigEndian {
			h.bytes(bytesOf(part))
			continue
		}
		h.room(8 * chunk)
		h.kept, _ = binary.Append(h.kept, binary.LittleEndian, part) // fails for no such slice
	}
}

// summed is a checksum that parts are written to with their lengths. They are kept
// until they are worth it.
//
// It is CRC-32C and CRC-32 side by side, for which processors have instructions: each
// sees every damage that lies within 32 bits, and both together miss one in 2^64 of any
// other. A sha256 takes as long as all else that opening a large table does. It is about
// damage; whoever forges a file can make its checksums too.
type summed struct {
	castagnoli, ieee uint32
	kept             []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (h *summed) add(b []byte) {
	h.castagnoli = crc32.Update(h.castagnoli, castagnoli, b)
	h.ieee = crc32.Update(h.ieee, crc32.IEEETable, b)
}

// room sums what is kept if n bytes more would be much.
func (h *summed) room(n int) {
	if len(h.kept)+n > 16*chunk {
		h.add(h.kept)
		h.kept = h.kept[:0]
	}
}

func (h *summed) number(n int) {
	h.room(8)
	h.kept = binary.LittleEndian.AppendUint64(h.kept, uint64(n))
}

func (h *summed) text(s string) {
	h.number(len(s))
	h.room(len(s))
	h.kept = append(h.kept, s...)
}

func (h *summed) bytes(b []byte) {
	h.room(math.MaxInt / 2)
	h.add(b)
}

// pairs writes metadata without the checksum.
func (h *summed) pairs(of map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if key != metaSum {
			h.text(key)
			h.text(of[key])
		}
	}
	h.number(-1)
}

func (h *summed) String() string {
	h.room(math.MaxInt / 2)
	return fmt.Sprintf("%08x%08x", h.castagnoli, h.ieee)
}

// tableSum is the checksum of a table with these metadata and columns.
func tableSum(meta map[string]string, columns []Field) string {
	h := &summed{}
	h.pairs(meta)
	for _, c := range columns {
		if c.sum != "" {
			h.text(c.Name)
			h.pairs(c.Meta)
			h.text(c.sum)
		}
	}
	return h.String()
}

// unseal takes the checksums out of the metadata and compares that of the table.
func (f *File) unseal() error {
	some := false
	for i := range f.Fields {
		field := &f.Fields[i]
		field.sum = field.Meta[metaSum]
		delete(field.Meta, metaSum)
		some = some || field.sum != ""
	}
	sum, sealed := f.Meta[metaSum]
	delete(f.Meta, metaSum)
	if !sealed && !some {
		return nil
	}
	if sum != tableSum(f.Meta, f.Fields) {
		return f.damaged(fmt.Errorf("%w", errSum))
	}
	f.Sealed = true
	return nil
}

// errSum says what to do about a checksum that is another.
var errSum = errors.New("its checksum is another: it was damaged, or changed since the program wrote it. Make it again; " +
	"who changed it on purpose takes \"" + metaSum + "\" out of the metadata of the table and of its columns")
