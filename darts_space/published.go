package dartsspace

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"sync"

	"idarts/internal/arrowio"
	"idarts/internal/plainjson"
	"idarts/internal/settings"
	"idarts/testdata"
)

// The papers' networks for the counts of [Entry]: no auxiliary classifier.
var (
	CIFAR10  = Net{C: 36, N: 20, Classes: 10, InChannels: 3, Size: 32}
	ImageNet = Net{C: 48, N: 14, Classes: 1000, InChannels: 3, Size: 224, ImageNet: true}
)

// Entry is a published genotype.
type Entry struct {
	Name     string // as its repository has it
	Method   string
	Genotype Genotype
	// Parameters of the networks [CIFAR10] and [ImageNet], counted by us.
	ParamsCIFAR, ParamsImageNet int
	Repository, Path            string // on GitHub
	Line                        int    // in Path
	Note                        string
	Reports                     []Report // what sources print; may be empty
}

// Published is a table of published genotypes. It is not changed after reading.
type Published struct {
	name    string
	entries []Entry
}

// Open reads the table in path, which [BuildPublished] wrote, or the one inside
// this binary when path is empty.
func Open(path string) (*Published, error) {
	if path == "" {
		return embedded()
	}
	file, err := arrowio.Read(path)
	if err != nil {
		return nil, fmt.Errorf("dartsspace: open table: %w", err)
	}
	return decode(file)
}

var embedded = sync.OnceValues(func() (*Published, error) {
	file, err := arrowio.Decode("darts-genotypes.arrow in this binary", testdata.DartsGenotypes)
	if err != nil {
		return nil, err
	}
	return decode(file)
})

// List returns all entries in the order of the table.
func (p *Published) List() []Entry { return slices.Clone(p.entries) }

// Query finds an entry by its name.
func (p *Published) Query(name string) (Entry, error) {
	var names []string
	for _, e := range p.entries {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Entry{}, fmt.Errorf("dartsspace: %q has no genotype %q, want %s", p.name, name, settings.Offer(name, names))
}

// Find lists the entries with the same architecture as g, whatever the order of
// its edges.
func (p *Published) Find(g Genotype) []Entry {
	text := g.Canonical().String()
	var found []Entry
	for _, e := range p.entries {
		if e.Genotype.Canonical().String() == text {
			found = append(found, e)
		}
	}
	return found
}

// Format is what a file of a [Published] calls itself in its metadata.
const Format = "idarts darts genotypes, version 1"

// The file has one row for each report, and one for an entry without any. The
// columns of the entry are the same in its rows, which stand together.
const (
	metaFormat = "format"
	metaSHA256 = "sha256 genotypes"
)

// row is one row of the file.
type row struct {
	Entry
	Report
	text string // of the genotype
}

// column is a place in a row. Empty text, a count of 0 and NaN have no value in
// the file.
type column[V any] struct {
	name string
	at   func(*row) *V
}

var (
	textColumns = []column[string]{
		{"name", func(r *row) *string { return &r.Name }},
		{"method", func(r *row) *string { return &r.Method }},
		{"genotype", func(r *row) *string { return &r.text }},
		{"repository", func(r *row) *string { return &r.Repository }},
		{"path", func(r *row) *string { return &r.Path }},
		{"note", func(r *row) *string { return &r.Note }},
		{"dataset", func(r *row) *string { return &r.Dataset }},
		{"about", func(r *row) *string { return &r.About }},
		{"spread_kind", func(r *row) *string { return &r.SpreadKind }},
		{"reported_mparams", func(r *row) *string { return &r.Params }},
		{"reported_mmacs", func(r *row) *string { return &r.MACs }},
		{"source", func(r *row) *string { return &r.Source }},
	}
	countColumns = []column[int]{
		{"line", func(r *row) *int { return &r.Line }},
		{"params_cifar", func(r *row) *int { return &r.ParamsCIFAR }},
		{"params_imagenet", func(r *row) *int { return &r.ParamsImageNet }},
		{"n", func(r *row) *int { return &r.N }},
	}
	errorColumns = []column[float64]{
		{"error", func(r *row) *float64 { return &r.Error }},
		{"spread", func(r *row) *float64 { return &r.Spread }},
	}
)

// BuildPublished writes the table that the binary embeds: the genotypes of the
// JSON file jsonPath (a list of objects with name, repo, path, line, the cells as
// [Genotype] has them in JSON, params_cifar and params_imagenet) with the numbers
// that sources report for them, which are part of this package. It is an error
// when a count of parameters there is not the one of the network that this package
// builds. The bytes of outPath are a pure function of the file and this package.
func BuildPublished(jsonPath, outPath string) error {
	content, err := os.ReadFile(jsonPath)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dartsspace: no file %q: %w", jsonPath, err)
	}
	if err != nil {
		return fmt.Errorf("dartsspace: read %q: %w", jsonPath, err)
	}
	entries, err := readGenotypes(content)
	if err != nil {
		return fmt.Errorf("dartsspace: %q: %w", jsonPath, err)
	}
	var rows []row
	for _, e := range entries {
		text := e.Genotype.String()
		for _, r := range e.Reports {
			rows = append(rows, row{e, r, text})
		}
		if len(e.Reports) == 0 {
			rows = append(rows, row{e, Report{Error: math.NaN(), Spread: math.NaN()}, text})
		}
	}
	table := arrowio.Table{Rows: len(rows), Meta: map[string]string{
		metaFormat: Format,
		metaSHA256: fmt.Sprintf("%x", sha256.Sum256(content)),
	}}
	for _, c := range textColumns {
		table.Columns = append(table.Columns, encode(rows, c, func(v string) (string, bool) { return v, v != "" }))
	}
	for _, c := range countColumns {
		table.Columns = append(table.Columns, encode(rows, c, func(v int) (int64, bool) { return int64(v), v != 0 }))
	}
	for _, c := range errorColumns {
		table.Columns = append(table.Columns, encode(rows, c, func(v float64) (float64, bool) { return v, !math.IsNaN(v) }))
	}
	if err := arrowio.Write(outPath, table, arrowio.Zstd); err != nil {
		return fmt.Errorf("dartsspace: save table: %w", err)
	}
	return nil
}

// encode makes a column of the file; value says what stands there for v, if anything.
func encode[V, F any](rows []row, c column[V], value func(v V) (F, bool)) arrowio.Column {
	values := make([]F, len(rows))
	valid := arrowio.NewBitmap(len(rows), func(i int) (ok bool) {
		values[i], ok = value(*c.at(&rows[i]))
		return ok
	})
	return arrowio.Column{Name: c.name, Values: values, Valid: valid}
}

// source is one genotype of the JSON file. What it says in words about errors is
// not read.
type source struct {
	Name     string `json:"name"`
	Repo     string `json:"repo"`
	Path     string `json:"path"`
	Line     int    `json:"line"`
	CIFAR    *int   `json:"params_cifar"`
	ImageNet *int   `json:"params_imagenet"`
	document
}

// readGenotypes makes the entries of the JSON file with what is reported for them.
func readGenotypes(content []byte) ([]Entry, error) {
	var all []source
	if err := plainjson.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("want a list of genotypes: %w", err)
	}
	var entries []Entry
	for i, s := range all {
		known := slices.IndexFunc(published, func(r reported) bool { return r.name == s.Name })
		switch {
		case known < 0:
			return nil, fmt.Errorf("entry %d: nothing is known of a genotype %q; give it a row in darts_space/reported.go", i+1, s.Name)
		case slices.ContainsFunc(entries, func(e Entry) bool { return e.Name == s.Name }):
			return nil, fmt.Errorf("entry %d: genotype %q is there already", i+1, s.Name)
		}
		g, err := s.genotype()
		if err != nil {
			return nil, fmt.Errorf("genotype %q: %w", s.Name, err)
		}
		e := Entry{
			Name: s.Name, Method: published[known].method, Genotype: g,
			Repository: s.Repo, Path: s.Path, Line: s.Line,
			Note: published[known].note, Reports: published[known].reports,
		}
		for _, count := range []struct {
			net   Net
			given *int
			ours  *int
		}{{CIFAR10, s.CIFAR, &e.ParamsCIFAR}, {ImageNet, s.ImageNet, &e.ParamsImageNet}} {
			size, err := count.net.Cost(g)
			if err != nil {
				return nil, fmt.Errorf("genotype %q: %w", s.Name, err)
			}
			*count.ours = size.Params
			if count.given != nil && *count.given != size.Params {
				return nil, fmt.Errorf("genotype %q: %d parameters with C=%d, want %d as the network has", s.Name, *count.given, count.net.C, size.Params)
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// decode reads the rows of the file back into entries.
func decode(file *arrowio.Table) (*Published, error) {
	if got := file.Meta[metaFormat]; got != Format {
		return nil, fmt.Errorf("dartsspace: %q has format %q, want %q", file.Name, got, Format)
	}
	const most = 1 << 16
	if file.Rows > most {
		return nil, fmt.Errorf("dartsspace: %q has %d rows, want at most %d", file.Name, file.Rows, most)
	}
	rows := make([]row, file.Rows)
	for i := range rows {
		rows[i].Error, rows[i].Spread = math.NaN(), math.NaN()
	}
	for _, c := range textColumns {
		if err := fill(file, rows, c, func(v string) string { return v }); err != nil {
			return nil, err
		}
	}
	for _, c := range countColumns {
		if err := fill(file, rows, c, func(v int64) int { return int(v) }); err != nil {
			return nil, err
		}
	}
	for _, c := range errorColumns {
		if err := fill(file, rows, c, func(v float64) float64 { return v }); err != nil {
			return nil, err
		}
	}
	p := &Published{name: file.Name}
	for i, r := range rows {
		last := len(p.entries) - 1
		if last < 0 || p.entries[last].Name != r.Name {
			g, err := Parse(r.text)
			if err != nil {
				return nil, fmt.Errorf("dartsspace: %q, row %d: %w", file.Name, i, err)
			}
			r.Genotype = g
			p.entries = append(p.entries, r.Entry)
			last++
		}
		if r.Dataset != "" {
			p.entries[last].Reports = append(p.entries[last].Reports, r.Report)
		}
	}
	return p, nil
}

// fill reads a column of the file into rows.
func fill[V any, F arrowio.Element](file *arrowio.Table, rows []row, c column[V], value func(F) V) error {
	values, valid, err := arrowio.Nullable[F](file, c.name)
	if err != nil {
		return err
	}
	for i := range rows {
		if valid.Has(i) {
			*c.at(&rows[i]) = value(values[i])
		}
	}
	return nil
}
