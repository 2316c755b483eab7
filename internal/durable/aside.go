package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// What is in the way is set aside and not deleted: "scores.arrow" becomes
// "scores.arrow.aside-1", or the next number that is free. The caller holds the claim
// under which path is written.

var aside = regexp.MustCompile(`\.aside-[0-9]+$`)

// IsAside says whether a name is one that something was set aside under.
func IsAside(name string) bool { return aside.MatchString(name) }

// asideOf is the k-th name for path.
func asideOf(path string, k int) string { return path + ".aside-" + strconv.Itoa(k) }

// SetAside gives the file, folder or link path another name beside it.
func SetAside(path string) (to string, err error) {
	for k := 1; ; k++ {
		to = asideOf(path, k)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err := os.Rename(path, to); err != nil {
		return "", fmt.Errorf("durable: set aside: %w", err)
	}
	return to, syncDir(filepath.Dir(path))
}

// ReadRegular is os.ReadFile for what must be a file: others, such as a pipe or a
// device, might never end.
func ReadRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("durable: %q is no regular file", path)
	}
	return os.ReadFile(path)
}

// SetContentsAside moves all that is in dir but its lock to a new folder beside it, or
// beside the one that dir is a link to.
func SetContentsAside(dir string) (to string, err error) {
	var entries []fs.DirEntry
	if dir, err = filepath.EvalSymlinks(dir); err == nil {
		entries, err = os.ReadDir(dir)
	}
	if err != nil {
		return "", fmt.Errorf("durable: set aside: %w", err)
	}
	for k := 1; ; k++ {
		to = asideOf(dir, k)
		if err = os.Mkdir(to, 0o755); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("durable: set aside: %w", err)
	}
	for _, e := range entries {
		if e.Name() == filepath.Base(LockFile(dir)) {
			continue
		}
		if err := os.Rename(filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return "", fmt.Errorf("durable: set aside: %w", err)
		}
	}
	return to, syncDir(dir)
}
