package runners

import (
	"fmt"
	"path/filepath"

	"idarts/internal/arrowio"
	"idarts/internal/provenance"
)

// ScoresFormat is what a file of trained scores calls itself in its metadata.
const ScoresFormat = "idarts trained scores, version 1"

// scores is the [Store] in one Arrow file.
type scores struct {
	path                   string
	space, dataset, origin string
}

// Dir implements [Store].
func (s scores) Dir() string { return filepath.Dir(s.path) }

// Load implements [Store]. A table from another recipe or other data is an error.
func (s scores) Load() ([]Trained, error) {
	t, err := ReadScores(s.path)
	if err != nil {
		return nil, err
	}
	if t.Space != s.space || t.Dataset != s.dataset || t.Origin != s.origin {
		return nil, fmt.Errorf("runners: %q holds scores of another recipe (%s, %s, %s then, %s, %s, %s now); use another --out, or --fresh to delete them",
			s.path, t.Space, t.Dataset, t.Origin, s.space, s.dataset, s.origin)
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
		Rows: len(rows),
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
}

// ReadScores reads a scores.arrow of an output folder.
func ReadScores(path string) (*Scores, error) {
	file, err := arrowio.Read(path)
	if err != nil {
		return nil, err
	}
	return readScores(file)
}

func readScores(file *arrowio.Table) (*Scores, error) {
	if got := file.Meta[provenance.MetaFormat]; got != ScoresFormat {
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
	s := &Scores{Space: file.Meta[provenance.MetaSpace], Dataset: file.Meta[provenance.MetaDataset], Origin: file.Meta[provenance.MetaOrigin]}
	for i, arch := range archs {
		s.Rows = append(s.Rows, Trained{Arch: arch, Trial: uint64(trials[i]), Valid: valid[i], Test: test[i]})
	}
	return s, nil
}
