package trials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"idarts/internal/arrowio"
)

// Open opens the file of a table and hands it to read, which takes from it what it
// needs now and leaves columns for later: the file stays open as long as the table
// lives. Errors name the file.
func Open[T any](k Kind, path string, read func(*arrowio.File) (T, error)) (table T, err error) {
	file, err := arrowio.Open(path)
	if err != nil {
		return table, fmt.Errorf("%s: open table: %w", k.Package, err)
	}
	if table, err = open(k, file, read); err != nil {
		file.Close()
	}
	return table, err
}

// Decode is [Open] for a file that is already in memory, and must not change as long
// as the table lives; errors call it name.
func Decode[T any](k Kind, name string, content []byte, read func(*arrowio.File) (T, error)) (table T, err error) {
	file, err := arrowio.New(name, content)
	if err != nil {
		return table, fmt.Errorf("%s: open table: %w", k.Package, err)
	}
	return open(k, file, read)
}

func open[T any](k Kind, file *arrowio.File, read func(*arrowio.File) (T, error)) (table T, err error) {
	if got := file.Meta[metaFormat]; got != k.Format {
		return table, fmt.Errorf("%s: %q has format %q, want %q", k.Package, file.Name, got, k.Format)
	}
	return read(file)
}

// Save creates or replaces path, whole or not at all.
func (k Kind) Save(path string, table arrowio.Table, compression arrowio.Compression) error {
	if err := arrowio.Write(path, table, compression); err != nil {
		return fmt.Errorf("%s: save table: %w", k.Package, err)
	}
	return nil
}

// CheckTarget finds out before the work whether a table can be saved under path: it
// must not be a folder, and no file may stand where its folders are to be.
func CheckTarget(path string) error {
	if path == "" {
		return errors.New("no name for the table, want a file to write")
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("%q is a folder, want a file to write, such as %q", path, filepath.Join(path, "table.arrow"))
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return nil
		case err == nil:
			return fmt.Errorf("%q cannot be written: %q is a file, not a folder", path, dir)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return fmt.Errorf("%q cannot be written: %w", path, err)
		case dir == filepath.Dir(dir):
			return nil
		}
	}
}
