package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"idarts/internal/durable"
)

// havoc does damage below root.
type havoc struct {
	*rand.Rand
	root string
}

// entry is a random file, folder or link below root, "" where there is none of the kind.
func (h *havoc) entry(folder bool) string {
	var all []string
	filepath.WalkDir(h.root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != h.root && e.IsDir() == folder && e.Name() != ".lock" && !durable.IsAside(e.Name()) {
			all = append(all, path)
		}
		return nil
	})
	if len(all) == 0 {
		return ""
	}
	return all[h.IntN(len(all))]
}

// some is any entry.
func (h *havoc) some() string { return h.entry(h.IntN(2) == 0) }

// damage does one thing and says what.
func (h *havoc) damage() string {
	file, path, other := h.entry(false), h.some(), h.some()
	if file == "" || path == "" || other == "" {
		return "nothing is left"
	}
	short := func(path string) string { s, _ := filepath.Rel(h.root, path); return s }
	switch h.IntN(12) {
	case 0, 1, 2:
		return h.change(file, "a byte of "+short(file)+" flipped", func(b []byte) []byte {
			if len(b) > 0 {
				b[h.IntN(len(b))] ^= byte(1 + h.IntN(255))
			}
			return b
		})
	case 3:
		return h.change(file, short(file)+" cut", func(b []byte) []byte { return b[:h.IntN(len(b)+1)] })
	case 4:
		insert := []string{"{", "\ufeff", "null", "\n", "x", "[]"}[h.IntN(6)]
		return h.change(file, fmt.Sprintf("%q put before %s", insert, short(file)), func(b []byte) []byte { return append([]byte(insert), b...) })
	case 5:
		os.RemoveAll(path)
		return short(path) + " removed"
	case 6: // a copy
		to := h.beside(path)
		copyTo(path, to)
		return short(path) + " copied to " + short(to)
	case 7: // one more link
		to := h.beside(path)
		os.Symlink(other, to)
		return short(to) + " made a link to " + short(other)
	case 8: // a link in its place
		if other == path || strings.HasPrefix(other, path+"/") {
			other = []string{h.root, filepath.Dir(path), "nowhere", "/dev/null", "/dev/zero"}[h.IntN(5)]
		}
		os.RemoveAll(path)
		os.Symlink(other, path)
		return short(path) + " replaced by a link to " + other
	case 9: // swap
		other = h.entry(h.isDir(path))
		if strings.HasPrefix(other+"/", path+"/") || strings.HasPrefix(path+"/", other+"/") {
			return "nothing"
		}
		spare := filepath.Join(h.root, ".spare")
		os.Rename(path, spare)
		os.Rename(other, path)
		os.Rename(spare, other)
		return short(path) + " and " + short(other) + " swapped"
	case 10: // another kind
		folder := h.isDir(path)
		os.RemoveAll(path)
		if folder {
			os.WriteFile(path, []byte("a file"), 0o644)
		} else {
			os.MkdirAll(filepath.Join(path, "inside"), 0o755)
		}
		return short(path) + " made another kind"
	}
	to := filepath.Join(filepath.Dir(path), []string{"lost+found", ".DS_Store", "notes.txt", "seed-9", "config.json", "result.json", "model", "events.jsonl"}[h.IntN(8)])
	if _, err := os.Lstat(to); err != nil {
		if h.IntN(2) == 0 {
			os.WriteFile(to, []byte("{}"), 0o644)
		} else {
			os.MkdirAll(to, 0o755)
			os.WriteFile(filepath.Join(to, "config.json"), []byte(`{"hidden_size": 3}`), 0o644)
		}
	}
	return short(to) + " added"
}

func (h *havoc) isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// change rewrites a file in place.
func (h *havoc) change(path, what string, by func([]byte) []byte) string {
	content, err := durable.ReadRegular(path)
	if err == nil {
		err = os.WriteFile(path, by(content), 0o644)
	}
	if err != nil {
		return "nothing"
	}
	return what
}

// beside is a name for a copy of path that is free.
func (h *havoc) beside(path string) string {
	for {
		to := path + []string{".bak", "-copy", " (1)", "~"}[h.IntN(4)]
		if strings.HasPrefix(filepath.Base(path), "seed-") && h.IntN(2) == 0 {
			to = filepath.Join(filepath.Dir(path), fmt.Sprintf("seed-%d", h.IntN(20)))
		}
		if h.IntN(4) == 0 {
			to = filepath.Join(h.root, filepath.Base(path)+fmt.Sprint(h.IntN(100)))
		}
		if _, err := os.Lstat(to); err != nil {
			return to
		}
	}
}

// copyTo copies a file or folder.
func copyTo(path, to string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		os.CopyFS(to, os.DirFS(path))
		return
	}
	if content, err := durable.ReadRegular(path); err == nil {
		os.WriteFile(to, content, 0o644)
	}
}
