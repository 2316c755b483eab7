// Package durable writes files that are either whole or absent.
//
// Every file that the harness leaves behind goes through here: the content is
// written to a temporary name in the target folder, flushed to the disk,
// renamed over the target, and the folder entry is flushed as well. A process
// killed at any moment leaves the old file or the new one, never a part.
package durable

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write creates or replaces path with what fill writes. Missing folders are
// created. On any error the old content of path is untouched and no temporary
// file stays behind. Errors name path.
func Write(path string, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("durable: create folder of %q: %w", path, err)
	}
	tmp, err := os.CreateTemp(dir, temporary(path)+"*")
	if err != nil {
		return fmt.Errorf("durable: write %q: %w", path, err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("durable: write %q: %w", path, err)
		}
	}()
	buffered := bufio.NewWriterSize(tmp, 1<<16)
	if err = fill(buffered); err != nil {
		return err
	}
	if err = buffered.Flush(); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// temporaryMark is in the names of files that are being written.
const temporaryMark = ".tmp-"

// temporary is how the names of those begin that become path.
func temporary(path string) string { return "." + filepath.Base(path) + temporaryMark }

// WriteBytes is [Write] for content that is already in memory.
func WriteBytes(path string, content []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
