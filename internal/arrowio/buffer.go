package arrowio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// buffer reads the first n bytes of a buffer into memory of its own.
func (l *loader) buffer(b batch, i, n int) ([]byte, error) {
	s := b.buffers[i]
	if n == 0 {
		return []byte{}, nil
	}
	if b.codec != plain {
		all, err := l.unpack(b.codec, s)
		if err == nil && len(all) < n {
			err = fmt.Errorf("its data has %d bytes, want %d", len(all), n)
		}
		if err != nil {
			return nil, err
		}
		return all[:n:n], nil
	}
	if s.length < int64(n) {
		return nil, fmt.Errorf("its data has %d bytes, want %d", s.length, n)
	}
	return l.bytes(span{s.offset, int64(n)})
}

// bytes reads a part of the file, which describe has found inside of it.
func (l *loader) bytes(s span) ([]byte, error) {
	out := make([]byte, s.length)
	return out, l.read(out, s.offset)
}

// whole reads a buffer to its end.
func (l *loader) whole(b batch, i int) ([]byte, error) {
	if b.codec != plain {
		return l.unpack(b.codec, b.buffers[i])
	}
	return l.bytes(b.buffers[i])
}

// unpack reads a compressed buffer: 8 bytes with the length of the data, which is
// -1 where it is not compressed, then the data. Claims that neither codec can
// keep are not believed.
func (l *loader) unpack(codec int, s span) ([]byte, error) {
	if s.length == 0 {
		return []byte{}, nil
	}
	packed, err := l.bytes(s)
	if err != nil {
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
