package runners

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idarts/internal/arrowio"
)

// someScores is a small scores.arrow.
func someScores(t testing.TB) (content []byte, rows []Trained) {
	t.Helper()
	s := scores{path: filepath.Join(t.TempDir(), "scores.arrow"), space: "nb201", dataset: "fashion16", origin: "a recipe"}
	rows = []Trained{{Arch: "a", Trial: 0, Valid: 80, Test: 79.5}, {Arch: "a", Trial: 1, Valid: 81, Test: 80}, {Arch: "b", Trial: 0, Valid: 10, Test: 10}}
	if err := s.Save(rows); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return content, rows
}

// Every proper prefix of the file is an error that names it.
func TestTruncatedScores(t *testing.T) {
	content, rows := someScores(t)
	path := filepath.Join(t.TempDir(), "cut.arrow")
	for n := range len(content) + 1 {
		if err := os.WriteFile(path, content[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := ReadScores(path)
		if n == len(content) {
			if err != nil || !slices.Equal(s.Rows, rows) {
				t.Errorf("the whole file: %+v, %v", s, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), `cut.arrow" is `) {
			t.Fatalf("first %d of %d bytes: error = %v", n, len(content), err)
		}
	}
	t.Logf("%d truncations", len(content))
	if err := arrowio.Write(path, arrowio.Table{Meta: map[string]string{"format": "x"}}, arrowio.Plain); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadScores(path); err == nil || !strings.Contains(err.Error(), `cut.arrow" has format "x", want "idarts trained scores`) {
		t.Errorf("another format: error = %v", err)
	}
}

// FuzzScores: any bytes are scores or an error of one line that names the file.
func FuzzScores(f *testing.F) {
	content, _ := someScores(f)
	f.Add(content)
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := arrowio.Decode("f.arrow", content)
		if err == nil {
			_, err = readScores(file)
		}
		if err != nil && (!strings.Contains(err.Error(), `"f.arrow"`) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("error %q", err)
		}
	})
}
