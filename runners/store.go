package runners

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"idarts/internal/arrowio"
	"idarts/internal/provenance"
	"idarts/internal/result"
)

// What a file of trained scores calls itself in its metadata. It has checksums inside
// since version 2; files of the first are read as they are.
const (
	ScoresFormat  = "idarts trained scores, version 2"
	ScoresFormat1 = "idarts trained scores, version 1"
)

var errOtherRecipe = errors.New("holds scores of another recipe")

// scores is the [Store] in one Arrow file.
type scores struct {
	path                   string
	space, dataset, origin string
}

// damaged is the error of a reader, which says it in its own words.
type damaged struct{ error }

// Is makes it a [result.ErrDamaged].
func (d damaged) Is(target error) bool { return target == result.ErrDamaged }

// Path implements [Store].
func (s scores) Path() string { return s.path }

// Dir implements [Store].
func (s scores) Dir() string { return filepath.Dir(s.path) }

// Load implements [Store]. A table from another recipe or other data is an error.
func (s scores) Load() ([]Trained, error) {
	if info, err := os.Stat(s.path); err == nil && !info.Mode().IsRegular() {
		return nil, damaged{fmt.Errorf("runners: %q is no regular file", s.path)}
	}
	t, err := ReadScores(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return nil, damaged{err}
	}
	if err != nil {
		return nil, err
	}
	if t.Space != s.space || t.Dataset != s.dataset || t.Origin != s.origin {
		return nil, fmt.Errorf("runners: %q %w (%s, %s, %s then, %s, %s, %s now); use another --out, or move that file away",
			s.path, errOtherRecipe, t.Space, t.Dataset, t.Origin, s.space, s.dataset, s.origin)
	}
	return t.Rows, nil
}

// Save implements [Store].
func (s scores) Save(rows []Trained) error {
	archs, trials := make([]string, len(rows)), make([]int64, len(rows))
	valid, test := make([]float64, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		archs[i], trials[i], valid[i], test[i] = row.Arch, int64(row.Trial), row.Valid, row.Test
	}
	return arrowio.Write(s.path, arrowio.Table{
		Rows: len(rows), Sealed: true,
		Meta: map[string]string{provenance.MetaFormat: ScoresFormat, provenance.MetaSpace: s.space, provenance.MetaDataset: s.dataset, provenance.MetaOrigin: s.origin},
		Columns: []arrowio.Column{
			{Name: "arch", Values: archs}, {Name: "trial", Values: trials},
			{Name: "valid", Values: valid}, {Name: "test", Values: test},
		},
	}, arrowio.Plain)
}

// Scores is a file of trained scores.
type Scores struct {
	Space, Dataset string
	Origin         string    // recipe and data
	Rows           []Trained // ascending by architecture and trial; percent
	Sealed         bool      // the file has checksums, which hold
}

// ReadScores reads a scores.arrow of an output folder. Its numbers are those that were
// written, each training is there once, and accuracies are percentages.
func ReadScores(path string) (*Scores, error) {
	file, err := arrowio.Read(path)
	if err != nil {
		return nil, err
	}
	return readScores(file)
}

func readScores(file *arrowio.Table) (*Scores, error) {
	switch got := file.Meta[provenance.MetaFormat]; {
	case got == ScoresFormat && !file.Sealed:
		return nil, fmt.Errorf("runners: %q is damaged: it has no checksums, which files of its format have", file.Name)
	case got != ScoresFormat && got != ScoresFormat1:
		return nil, fmt.Errorf("runners: %q has format %q, want %q", file.Name, got, ScoresFormat)
	}
	archs, err := arrowio.Values[string](file, "arch")
	if err != nil {
		return nil, err
	}
	trials, err := arrowio.Values[int64](file, "trial")
	if err != nil {
		return nil, err
	}
	valid, err := arrowio.Values[float64](file, "valid")
	if err != nil {
		return nil, err
	}
	test, err := arrowio.Values[float64](file, "test")
	if err != nil {
		return nil, err
	}
	s := &Scores{Space: file.Meta[provenance.MetaSpace], Dataset: file.Meta[provenance.MetaDataset], Origin: file.Meta[provenance.MetaOrigin], Sealed: file.Sealed}
	for i, arch := range archs {
		if trials[i] < 0 {
			return nil, fmt.Errorf("runners: %q row %d: trial %d, want a number from 0 on", file.Name, i, trials[i])
		}
		s.Rows = append(s.Rows, Trained{Arch: arch, Trial: uint64(trials[i]), Valid: valid[i], Test: test[i]})
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("runners: %q %w", file.Name, err)
	}
	return s, nil
}

// check looks at all rows: accuracies are percentages and no training is there twice.
func (s *Scores) check() error {
	type training struct {
		arch  string
		trial uint64
	}
	seen := make(map[training]bool, len(s.Rows))
	most := 0.0
	for i, row := range s.Rows {
		if !(row.Valid >= 0 && row.Valid <= 100 && row.Test >= 0 && row.Test <= 100) {
			return fmt.Errorf("row %d: accuracies %v and %v, want 0 to 100 percent", i, row.Valid, row.Test)
		}
		if seen[training{row.Arch, row.Trial}] {
			return fmt.Errorf("row %d is trial %d of %q, which an earlier row is", i, row.Trial, row.Arch)
		}
		seen[training{row.Arch, row.Trial}] = true
		most = max(most, row.Valid, row.Test)
	}
	if most > 0 && most <= 1 && !s.Sealed { // sealed ones are what a training gave
		return fmt.Errorf("has no accuracy above %v: these are fractions, want percent; multiply them by 100", most)
	}
	return nil
}
