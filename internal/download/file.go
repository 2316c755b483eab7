// Package download gets files of fixed content from public repositories, over lines that
// break off. Start at [Fetch.Get].
package download

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a file in a public repository.
type File struct {
	Name       string // of the local file
	Repository string // on GitHub
	Commit     string
	Path       string // inside the repository
	SHA256     string
	Size       int64 // bytes
	Licence    string
	Holds      string // what is in it
}

// GitHub is where GitHub serves single files.
const GitHub = "https://raw.githubusercontent.com"

// URL is the file's address on a server that has GitHub's paths.
func (f File) URL(base string) string {
	return strings.TrimSuffix(base, "/") + "/" + f.Repository + "/" + f.Commit + "/" + f.Path
}

// ByHand says how to place the file in dir, for a command that fetches it.
func (f File) ByHand(dir, command string) string {
	return fmt.Sprintf("to place it by hand, save %s as %q (%d bytes, sha256 %s) and run %s --from %q",
		f.URL(GitHub), filepath.Join(dir, f.Name), f.Size, f.SHA256, command, dir)
}

// Read reads the file from dir and compares it with its hash.
func (f File) Read(dir string) ([]byte, error) {
	path := filepath.Join(dir, f.Name)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, f.Size+1))
	if err != nil {
		return nil, err
	}
	return content, f.Check(path, content)
}

// ReadAll reads files from dir, for a command that fetches them. Of one that is not there, or is
// another, the error says how to place it by hand.
func ReadAll(dir, command string, files []File) (contents [][]byte, err error) {
	for _, f := range files {
		content, err := f.Read(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOther) {
			return nil, fmt.Errorf("%w; %s", err, f.ByHand(dir, command))
		} else if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

// Origin is what a table made of files says of them: where each is from, their licences, and a
// hash for all, that of the output of sha256sum of them.
func Origin(files []File) (from, licences, sha256Sum string) {
	sums := sha256.New()
	var places, terms []string
	for _, f := range files {
		places = append(places, fmt.Sprintf("%s (%s, commit %s)", f.Name, f.Repository, f.Commit))
		terms = append(terms, f.Name+": "+f.Licence)
		fmt.Fprintf(sums, "%s  %s\n", f.SHA256, f.Name)
	}
	return strings.Join(places, ", ") + "; the sha256 is that of the output of `sha256sum` of these",
		strings.Join(terms, "; "), hex.EncodeToString(sums.Sum(nil))
}

// ErrOther is wrapped by the error of a content that is not the one wanted.
var ErrOther = errors.New("not the file that is wanted")

// Check is an error wrapping [ErrOther] for another content than that of the file.
func (f File) Check(name string, content []byte) error {
	if int64(len(content)) > f.Size {
		return fmt.Errorf("%q: %w: it has more than %d bytes", name, ErrOther, f.Size)
	}
	if sum := hexSum(content); sum != f.SHA256 {
		return fmt.Errorf("%q: %w: sha256 is %s, want %s", name, ErrOther, sum, f.SHA256)
	}
	return nil
}

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
