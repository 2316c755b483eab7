package nb1b1

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// maxRecord is the longest record that is believed, in bytes. Those of the
// official files have some 300.
const maxRecord = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedSum is the checksum of a TFRecord file: CRC-32C, rotated and shifted, so
// that sums of data which holds sums are not weak.
func maskedSum(data []byte) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// records reads TensorFlow's record files: for each record its length (8 bytes,
// little endian), the length's checksum (4), the data, the data's checksum (4).
type records struct {
	r      *bufio.Reader
	offset int64 // of the next record
	number int   // of the next record
	data   []byte
}

// next is the data of the next record, valid until the call after it, or io.EOF
// behind the last one. Memory is bounded by maxRecord, whatever the file says.
func (r *records) next() ([]byte, error) {
	var head [12]byte
	if n, err := io.ReadFull(r.r, head[:]); err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, cutOff(err, "length", n, len(head))
	}
	if got, want := binary.LittleEndian.Uint32(head[8:]), maskedSum(head[:8]); got != want {
		hint := ""
		if r.number == 0 {
			hint = "; is it a TFRecord file?"
		}
		return nil, fmt.Errorf("the length's checksum is %08x, want %08x%s", got, want, hint)
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > maxRecord {
		return nil, fmt.Errorf("the record claims %d bytes, want at most %d", length, maxRecord)
	}
	if need := int(length) + 4; cap(r.data) < need {
		r.data = make([]byte, need)
	} else {
		r.data = r.data[:need]
	}
	if n, err := io.ReadFull(r.r, r.data); err != nil {
		return nil, cutOff(err, "data", n, len(r.data))
	}
	data := r.data[:length]
	if got, want := binary.LittleEndian.Uint32(r.data[length:]), maskedSum(data); got != want {
		return nil, fmt.Errorf("the data's checksum is %08x, want %08x", got, want)
	}
	r.offset += int64(len(head) + len(r.data))
	r.number++
	return data, nil
}

// cutOff explains a file that ends within a part of a record.
func cutOff(err error, part string, got, want int) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file is truncated: it has %d of %d bytes of the record's %s and checksum", got, want, part)
	}
	return err
}
