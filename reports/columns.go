package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"idarts/internal/result"
)

// columnNames are the columns that the runs of g have numbers in, in the order of the first
// run that has most of them; with the columns of published rows beside them where these may
// stand there.
func (g group) columnNames() (names []string) {
	for _, m := range g.methods {
		for _, run := range m.done {
			if len(run.Result.Columns) > len(names) {
				names = names[:0]
				for _, c := range run.Result.Columns {
					names = append(names, c.Column)
				}
			}
		}
	}
	if names == nil || g.space != "nb201" {
		return names
	}
	return nb201Columns()
}

// nb201Columns are those of the papers on NAS-Bench-201, as its tables name them.
func nb201Columns() (names []string) {
	for _, d := range nb201Datasets {
		names = append(names, d.column+" valid", d.column+" test")
	}
	return names
}

// columns is the table of what the benchmark's table has of the cells of g beside the score,
// one row a method, and its published row where that may stand there. ok is false where the
// runs have no such numbers.
func (g group) columns() (t Table, ok bool) {
	names := g.columnNames()
	if names == nil {
		return t, false
	}
	t = Table{Name: g.name() + "-columns", Header: append([]string{"Method"}, names...)}
	t.Header = append(t.Header, "n")
	releases, others := make([]string, len(names)), 0
	for _, m := range g.methods {
		row := []string{m.title}
		for k, name := range names {
			values, of := m.column(name)
			if values == nil {
				row = append(row, missing)
				continue
			}
			releases[k] = of
			row = append(row, Summarize(values).plusMinus(2))
		}
		for _, run := range m.done {
			if slices.ContainsFunc(run.Result.Columns, func(c result.Measured) bool { return c.OtherNetwork > 0 }) {
				others++
			}
		}
		t.Rows = append(t.Rows, append(row, fmt.Sprint(len(m.done))))
		if p, ok := g.published(m); ok {
			row := []string{m.title + ", published"}
			for _, d := range nb201Datasets {
				valid, test := publishedOn(p, d.name).stats()
				row = append(row, valid.plusMinus(2), test.plusMinus(2))
			}
			t.Rows = append(t.Rows, append(row, "not stated"))
		}
	}
	t.Caption = strings.TrimSpace(g.heading() + " What the benchmark's table has of the derived cells in each of its columns, in percent: mean ± sample standard deviation over n seeds. " +
		missing + " stands where the table has no such column.")
	var of []string
	for k, release := range releases {
		if release != "" {
			of = append(of, names[k]+": "+release)
		}
	}
	t.Notes = append(t.Notes, "Releases: "+strings.Join(of, "; ")+".")
	if others > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("Of %s a number is a mean in which a training of another network is, see docs/errata.md.", count(others, "run")))
	}
	return t, true
}

// column are the accuracies of the finished runs in a column, nil where one lacks it or is of
// another release, and the release.
func (m method) column(name string) (values []float64, release string) {
	for i, run := range m.done {
		at := slices.IndexFunc(run.Result.Columns, func(c result.Measured) bool { return c.Column == name })
		if at < 0 || i > 0 && run.Result.Columns[at].Release != release {
			return nil, ""
		}
		release = run.Result.Columns[at].Release
		values = append(values, run.Result.Columns[at].Accuracy)
	}
	return values, release
}

// PublishedColumns are the means of a published row on NAS-Bench-201, by the columns of its
// table, as far as they are printed.
func PublishedColumns(title, set string) map[string]float64 {
	means := map[string]float64{}
	for _, d := range nb201Datasets {
		row := publishedOn(Published{Title: title, Set: set}, d.name)
		for name, mean := range map[string]float64{d.column + " valid": row.Valid, d.column + " test": row.Test} {
			if !math.IsNaN(mean) {
				means[name] = mean
			}
		}
	}
	return means
}

// publishedOn is the row beside p on another data set; without numbers where there is none.
func publishedOn(p Published, dataset string) Published {
	for _, other := range PublishedRows() {
		if other.Title == p.Title && other.Set == p.Set && other.Dataset == dataset {
			return other
		}
	}
	p.Dataset, p.Valid, p.Test = dataset, math.NaN(), math.NaN()
	return p
}
