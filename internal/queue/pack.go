package queue

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"slices"
)

// maxPacked is how large what a worker sends may be, unpacked.
const maxPacked = 1 << 30

// pack makes one piece of files, the same bytes of the same ones.
func pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatPAX}); err != nil {
			return nil, fmt.Errorf("queue: pack %q: %w", name, err)
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, fmt.Errorf("queue: pack %q: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("queue: pack: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("queue: pack: %w", err)
	}
	return out.Bytes(), nil
}

// unpack is the inverse of pack. Names are as somebody wrote them, and no paths to write to.
func unpack(packed []byte) (map[string][]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("queue: unpack: %w", err)
	}
	limited := &io.LimitedReader{R: zip, N: maxPacked}
	r := tar.NewReader(limited)
	files := map[string][]byte{}
	for {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("queue: unpack: %w", err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("queue: unpack %q: %w", header.Name, err)
		}
		files[header.Name] = content
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("queue: unpack: more than %d MB", maxPacked>>20)
	}
	return files, nil
}
