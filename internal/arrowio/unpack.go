package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// put reads what a buffer of a batch holds behind body: its first need bytes, or all
// of it, at least need, where rest is set.
func (l *loader) put(body []byte, codec int, s span, need int, rest bool) ([]byte, error) {
	if need == 0 && !rest {
		return body, nil
	}
	if codec != plain {
		all, err := l.unpack(codec, s)
		if err == nil && len(all) < need {
			err = fmt.Errorf("its data has %d bytes, want %d", len(all), need)
		}
		if err == nil && !rest {
			all = all[:need]
		}
		return append(body, all...), err
	}
	if s.length < int64(need) {
		return body, fmt.Errorf("its data has %d bytes, want %d", s.length, need)
	}
	n := need
	if rest {
		n = int(s.length)
	}
	body = slices.Grow(body, n)
	from := len(body)
	body = body[:from+n]
	return body, l.read(body[from:], s.offset)
}

// unpack reads a compressed buffer: 8 bytes with the length of the data, which is
// -1 where it is not compressed, then the data. Claims that neither codec can
// keep are not believed.
func (l *loader) unpack(codec int, s span) ([]byte, error) {
	if s.length == 0 {
		return []byte{}, nil
	}
	packed := make([]byte, s.length)
	if err := l.read(packed, s.offset); err != nil {
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
	var err error
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
