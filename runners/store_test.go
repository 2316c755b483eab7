package runners

import (
	"bytes"
	"math"
	"math/rand/v2"
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

// Of 2,000 random flips of a bit, and of each bit of the file in a long test, every one
// is refused or changes nothing.
func TestBitFlipsOfScores(t *testing.T) {
	content, rows := someScores(t)
	r := rand.New(rand.NewPCG(1, 2))
	bits := 8 * len(content)
	if testing.Short() {
		bits = 2000
	}
	refused := 0
	for i := range bits {
		bit := i
		if testing.Short() {
			bit = r.IntN(8 * len(content))
		}
		bad := bytes.Clone(content)
		bad[bit/8] ^= 1 << (bit % 8)
		file, err := arrowio.Decode("bad.arrow", bad)
		var got *Scores
		if err == nil {
			got, err = readScores(file)
		}
		switch {
		case err != nil:
			refused++
			if !strings.Contains(err.Error(), `"bad.arrow"`) {
				t.Fatalf("bit %d: error %q does not name the file", bit, err)
			}
		case !slices.Equal(got.Rows, rows) || got.Space != "nb201" || got.Dataset != "fashion16" || got.Origin != "a recipe":
			t.Fatalf("bit %d: %+v", bit, got)
		}
	}
	t.Logf("%d of %d flips of %d bytes were refused, the others change nothing", refused, bits, len(content))
}

// Rows of a file that somebody else may have written are checked when they are read.
func TestWrongScores(t *testing.T) {
	good := func() []Trained {
		return []Trained{{Arch: "a", Valid: 80, Test: 79.5}, {Arch: "a", Trial: 1, Valid: 81, Test: 80}, {Arch: "b", Valid: 10, Test: 10}}
	}
	for _, tt := range []struct {
		name   string
		format string
		sealed bool
		change func(rows []Trained)
		want   string // "" for rows that are read
	}{
		{"as they are written", ScoresFormat, true, func([]Trained) {}, ""},
		{"of the first version", ScoresFormat1, false, func([]Trained) {}, ""},
		{"without checksums", ScoresFormat, false, func([]Trained) {}, "is damaged: it has no checksums"},
		{"more than 100 percent", ScoresFormat, true, func(rows []Trained) { rows[2].Test = 194.5 }, "row 2: accuracies 10 and 194.5, want 0 to 100 percent"},
		{"no number", ScoresFormat1, false, func(rows []Trained) { rows[0].Valid = math.NaN() }, "row 0: accuracies NaN and 79.5"},
		{"no bound", ScoresFormat1, false, func(rows []Trained) { rows[0].Valid = math.Inf(1) }, "row 0: accuracies +Inf and 79.5"},
		{"twice", ScoresFormat1, false, func(rows []Trained) { rows[1].Trial = 0 }, `row 1 is trial 0 of "a", which an earlier row is`},
		{"a trial below 0", ScoresFormat, true, func(rows []Trained) { rows[1].Trial = math.MaxUint64 }, "row 1: trial -1, want a number from 0 on"},
		{"fractions", ScoresFormat1, false, func(rows []Trained) {
			for i := range rows {
				rows[i].Valid, rows[i].Test = rows[i].Valid/100, rows[i].Test/100
			}
		}, "has no accuracy above 0.81: these are fractions, want percent; multiply them by 100"},
	} {
		s := scores{path: filepath.Join(t.TempDir(), "scores.arrow"), space: "nb201", dataset: "fashion16", origin: "a recipe"}
		rows := good()
		tt.change(rows)
		if err := s.Save(rows); err != nil {
			t.Fatal(err)
		}
		file, err := arrowio.Read(s.path)
		if err != nil {
			t.Fatal(err)
		}
		file.Meta["format"], file.Sealed = tt.format, tt.sealed
		if err := arrowio.Write(s.path, *file, arrowio.Plain); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load()
		switch {
		case tt.want == "" && (err != nil || !slices.Equal(got, rows)):
			t.Errorf("%s: %v, %v", tt.name, got, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `scores.arrow"`)):
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.want)
		}
	}
}
