package arrowio

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
)

// metaSum is the name of checksums in a file's metadata. That of a column is over what
// it holds (its rows and values, not how they are packed or numbered), that of the table
// over its metadata and over name, metadata and checksum of every column that has one. So
// columns can be read alone, and a column without a checksum may be added to a file.
const metaSum = "checksum"

// sum is the checksum of what a column of so many rows holds.
func (c *Column) sum(rows int) string {
	h := summed{Hash: sha256.New()}
	h.number(rows)
	for i := 0; i < rows; i += chunk {
		part := make([]byte, 0, chunk/8)
		for j := i; j < min(i+chunk, rows); j += 8 {
			if c.Valid == nil {
				part = append(part, 0xff)
			} else {
				part = append(part, c.Valid[j/8])
			}
		}
		if n := rows - i; n < chunk && n%8 != 0 {
			part[len(part)-1] &= 1<<(n%8) - 1
		}
		h.Write(part)
	}
	switch v := c.Values.(type) {
	case []uint8:
		sumNumbers(h, "uint8", v, c.Valid)
	case []int32:
		sumNumbers(h, "int32", v, c.Valid)
	case []int64:
		sumNumbers(h, "int64", v, c.Valid)
	case []float32:
		sumNumbers(h, "float32", v, c.Valid)
	case []float64:
		sumNumbers(h, "float64", v, c.Valid)
	case []string:
		h.text("text")
		for i, text := range v {
			if !c.Valid.Has(i) {
				text = ""
			}
			h.text(text)
		}
	case Fixed:
		h.text("bytes")
		h.number(v.Width)
		if c.Valid == nil {
			h.Write(v.Bytes)
			break
		}
		none := make([]byte, v.Width)
		for i := range rows {
			if c.Valid.Has(i) {
				h.Write(v.Bytes[i*v.Width : (i+1)*v.Width])
			} else {
				h.Write(none)
			}
		}
	}
	return h.String()
}

// chunk is how many rows are hashed at once.
const chunk = 1 << 12

// sumNumbers hashes numbers with their lowest byte first, 0 for rows without a value.
func sumNumbers[V uint8 | int32 | int64 | float32 | float64](h summed, kind string, v []V, valid Bitmap) {
	h.text(kind)
	var known []V
	var raw []byte
	for i := 0; i < len(v); i += chunk {
		part := v[i:min(i+chunk, len(v))]
		if valid != nil {
			known = append(known[:0], part...)
			for j := range known {
				if !valid.Has(i + j) {
					known[j] = 0
				}
			}
			part = known
		}
		raw, _ = binary.Append(raw[:0], binary.LittleEndian, part) // fails for no such slice
		h.Write(raw)
	}
}

// summed is a hash that parts are written to with their lengths.
type summed struct{ hash.Hash }

func (h summed) number(n int) { h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) }

func (h summed) text(s string) {
	h.number(len(s))
	h.Write([]byte(s))
}

// pairs writes metadata without the checksum.
func (h summed) pairs(of map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(of)) {
		if key != metaSum {
			h.text(key)
			h.text(of[key])
		}
	}
	h.number(-1)
}

func (h summed) String() string { return hex.EncodeToString(h.Sum(nil)) }

// tableSum is the checksum of a table with these metadata and columns.
func tableSum(meta map[string]string, columns []Field) string {
	h := summed{sha256.New()}
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
