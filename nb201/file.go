package nb201

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

// Format is what a file of a [Table] calls itself in its metadata.
const Format = "idarts nb201 table, version 1"

var kind = trials.Kind{Package: "nb201", Format: Format, Trial: "seed"}

// The file has one row for each cell: the column "cell" with its text, and for
// each key and seed up to four columns, "accuracy" (float64), "loss", "seconds" and
// "other_network" (float32), null where there is no number. Which is which stands in
// the columns' metadata, under the names below; their own names are for readers
// such as a data frame. A column without any number, but of accuracies, is left out.
const (
	metaOrder                                                = "order"
	metaDataset, metaTrainedOn, metaSplit, metaEpochs        = "dataset", "trained_on", "split", "epochs"
	metaSeed, metaMeasure, metaRelease                       = "seed", "measure", "release"
	measureAccuracy, measureLoss, measureSeconds, columnCell = "accuracy", "loss", "seconds", "cell"
	measureOther                                             = "other_network"
	orderOfficial, orderIndex                                = "official", "lexicographic"
)

// measures are the columns of a series in the order of the file, stored what they are.
var (
	measures = []string{measureAccuracy, measureLoss, measureSeconds, measureOther}
	stored   = []trials.Measure{trials.Accuracy, trials.Loss, trials.Seconds, trials.OtherNetwork}
)

// columns are those of a series, in the order of measures.
func columns(s *trials.Series[Key]) [4]**trials.Column {
	return [4]**trials.Column{&s.Accuracy, &s.Loss, &s.Seconds, &s.Other}
}

// Save creates or replaces path, whole or not at all. Its bytes depend on what
// the table holds and not on the order in which that was appended.
func (t *Table) Save(path string) error {
	if err := t.Read(); err != nil {
		return err
	}
	file, compression := t.file()
	return kind.Save(path, file, compression)
}

// file is the table as a file has it, once all of it has been read.
func (t *Table) file() (arrowio.Table, arrowio.Compression) {
	order := make([]int, len(t.cells))
	for i := range order {
		order[i] = i
	}
	meta := kind.Meta(t.Origin)
	meta[metaOrder] = orderOfficial
	if !t.official {
		meta[metaOrder] = orderIndex
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(t.cells[a].Index(), t.cells[b].Index()) })
	}
	texts := make([]string, len(order))
	for i, row := range order {
		texts[i] = t.cells[row].String()
	}
	// Published files of idarts bench build have no checksums inside, and keep their bytes;
	// theirs stand in the manifest beside them.
	out := arrowio.Table{Rows: len(order), Sealed: t.official, Meta: meta, Columns: []arrowio.Column{{Name: columnCell, Values: texts}}}
	accuracies := 0
	for _, s := range t.All() {
		trained := func(row int) bool { return !math.IsNaN(s.Accuracy.At(row)) }
		for i, column := range columns(s) {
			col, known := (*column).Stored(columnName(s, measures[i]), columnMeta(s, measures[i]), order, trained)
			if known > 0 {
				out.Columns = append(out.Columns, col)
			}
			if i == 0 {
				accuracies += known
			}
		}
	}
	// A full table is read often and should open fast; one that is mostly empty
	// would be large for what it holds.
	compression := arrowio.Plain
	if len(order) < NumCells || accuracies < len(order)*len(t.All())/2 {
		compression = arrowio.Zstd
	}
	return out, compression
}

func columnName(s *trials.Series[Key], measure string) string {
	name := fmt.Sprintf("%s/%s/%s/%d/%d/%s", s.Key.Dataset, s.Key.TrainedOn, s.Key.Split, s.Key.Epochs, s.Seed, measure)
	if s.Key.Release != "" {
		name += "/" + s.Key.Release
	}
	return name
}

func columnMeta(s *trials.Series[Key], measure string) map[string]string {
	meta := map[string]string{
		metaDataset: s.Key.Dataset, metaTrainedOn: s.Key.TrainedOn, metaSplit: s.Key.Split,
		metaEpochs: strconv.Itoa(s.Key.Epochs), metaSeed: strconv.FormatInt(s.Seed, 10), metaMeasure: measure,
	}
	if s.Key.Release != "" {
		meta[metaRelease] = s.Key.Release
	}
	return meta
}

// Open opens a table that [Table.Save] wrote, reads the cells, and leaves their
// results for later: the file stays open as long as the table lives. Errors name
// the file.
func Open(path string) (*Table, error) { return trials.Open(kind, path, open) }

// Decode is [Open] for a file that is already in memory, and must not change as long
// as the table lives; errors call it name.
func Decode(name string, content []byte) (*Table, error) {
	return trials.Decode(kind, name, content, open)
}

func open(file *arrowio.File) (*Table, error) {
	cells, err := file.Load(columnCell)
	if err != nil {
		return nil, fmt.Errorf("nb201: open table: %w", err)
	}
	texts, err := arrowio.Values[string](cells, columnCell)
	if err != nil {
		return nil, fmt.Errorf("nb201: open table: %w", err)
	}
	t := newTable(file.Name, trials.OriginOf(file.Meta))
	t.official = file.Meta[metaOrder] == orderOfficial
	t.cells = make([]Cell, 0, len(texts))
	for i, text := range texts {
		c, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("nb201: %q row %d: %w", file.Name, i, err)
		}
		if t.addCell(c) != i {
			return nil, fmt.Errorf("nb201: %q lists cell %q twice", file.Name, text)
		}
	}
	if t.official && len(t.cells) != NumCells {
		return nil, fmt.Errorf("nb201: %q lists %d cells in official order, want %d", file.Name, len(t.cells), NumCells)
	}
	var others []string
	for i := range file.Fields {
		switch field := &file.Fields[i]; {
		case field.Name == columnCell:
		case !isResult(field):
			others = append(others, field.Name)
		default:
			if err := t.addColumn(file, i); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range t.All() {
		if s.Accuracy == nil {
			return nil, fmt.Errorf("nb201: %q has no accuracy for %s, seed %d", file.Name, s.Key, s.Seed)
		}
	}
	return t, t.From(file, others)
}

// isResult reports whether a column says that it is one, in its metadata or its name.
// Others, such as remarks or the index of a data frame, are nothing to read.
func isResult(field *arrowio.Field) bool {
	for _, part := range []string{metaDataset, metaTrainedOn, metaSplit, metaEpochs, metaSeed, metaMeasure} {
		if _, says := field.Meta[part]; says {
			return true
		}
	}
	parts := strings.Split(field.Name, "/")
	return (len(parts) == 6 || len(parts) == 7) && slices.Contains(measures, parts[5])
}

// addColumn gives a column of the file to its series.
func (t *Table) addColumn(file *arrowio.File, field int) error {
	col := &file.Fields[field]
	var numbers [2]int64
	for i, part := range []string{metaEpochs, metaSeed} {
		n, err := strconv.ParseInt(col.Meta[part], 10, 64)
		if err != nil {
			return fmt.Errorf("nb201: %q: column %q has %s %q in its metadata, want a whole number", file.Name, col.Name, part, col.Meta[part])
		}
		numbers[i] = n
	}
	key := Key{col.Meta[metaDataset], col.Meta[metaTrainedOn], col.Meta[metaSplit], int(numbers[0]), col.Meta[metaRelease]}
	if part := key.Missing(); part != "" {
		return fmt.Errorf("nb201: %q: column %q lacks %s in its metadata", file.Name, col.Name, part)
	}
	measure := slices.Index(measures, col.Meta[metaMeasure])
	if measure < 0 {
		return fmt.Errorf("nb201: %q: column %q has measure %q in its metadata, want one of %q", file.Name, col.Name, col.Meta[metaMeasure], measures)
	}
	column, err := kind.StoredColumn(file, field, stored[measure], measures[measure] != measureAccuracy, 1)
	if err != nil {
		return err
	}
	series := t.Series(key, numbers[1])
	if name := columnName(series, measures[measure]); name != col.Name && strings.Count(col.Name, "/") == strings.Count(name, "/") {
		return fmt.Errorf("nb201: %q: column %q is %q by its metadata, want the same", file.Name, col.Name, name)
	}
	to := columns(series)[measure]
	if *to != nil {
		return fmt.Errorf("nb201: %q has column %q twice", file.Name, col.Name)
	}
	*to = column
	return nil
}
