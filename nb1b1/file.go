package nb1b1

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/arrowio"
	"idarts/internal/trials"
)

// Format is what a file of a [Table] calls itself in its metadata.
const Format = "idarts nb1b1 table, version 1"

var kind = trials.Kind{Package: "nb1b1", Format: Format, Trial: "repeat"}

// The file has one row for each cell, ascending by the column "key", and no
// compression, since it is read often and barely shrinks:
//
//	key         int64    the cell that stands for its class, as a number (Cell.code)
//	module      int64    the cell as the benchmark has it, as a number
//	hash        16 bytes the benchmark's name of the cell
//	parameters  int64    trainable numbers of the network
//	108/0/valid float    and so on: epochs, repeat, measure; null where not known
//
// Accuracies are fractions there. The columns' metadata repeats what is in the
// names.
const (
	metaEpochs, metaRepeat, metaMeasure, metaUnit = "epochs", "repeat", "measure", "unit"

	columnKey, columnModule, columnHash, columnParameters = "key", "module", "hash", "parameters"
)

// indices are the columns that say which cell a row is.
var indices = []string{columnKey, columnModule, columnHash, columnParameters}

// measureName is "train", "valid", "test" or "seconds".
func measureName(measure int) string {
	if measure == seconds {
		return "seconds"
	}
	return Splits[measure]
}

func columnName(budget, repeat, measure int) string {
	return fmt.Sprintf("%d/%d/%s", Budgets[budget], repeat, measureName(measure))
}

// columnMeta is the metadata of a column.
func columnMeta(budget, repeat, measure int) map[string]string {
	unit := "fraction"
	if measure == seconds {
		unit = "s"
	}
	return map[string]string{
		metaEpochs: strconv.Itoa(Budgets[budget]), metaRepeat: strconv.Itoa(repeat),
		metaMeasure: measureName(measure), metaUnit: unit,
	}
}

// save creates or replaces path, whole or not at all. Its bytes do not depend on
// the order of the rows.
func (t *Table) save(path string) error {
	rows := len(t.keys)
	order := make([]int, rows)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(t.keys[a], t.keys[b]) })
	hashes := make([]byte, 0, len(t.hashes))
	for i, row := range order {
		if i > 0 && t.keys[row] == t.keys[order[i-1]] {
			return fmt.Errorf("nb1b1: save table %q: cells %s and %s are isomorphic", path, t.Hash(order[i-1]), t.Hash(row))
		}
		hash := t.Hash(row)
		hashes = append(hashes, hash[:]...)
	}
	out := arrowio.Table{
		Rows: rows, Sealed: true,
		Meta: kind.Meta(t.Origin),
		Columns: []arrowio.Column{
			{Name: columnKey, Values: gather(t.keys, order)},
			{Name: columnModule, Values: gather(t.modules, order)},
			{Name: columnHash, Values: arrowio.Fixed{Width: len(Hash{}), Bytes: hashes}},
			{Name: columnParameters, Values: gather(t.parameters, order)},
		},
	}
	for budget, repeats := range t.columns {
		for repeat, columns := range repeats {
			for measure, column := range columns {
				col, known := column.Stored(columnName(budget, repeat, measure), columnMeta(budget, repeat, measure), order, nil)
				if known > 0 {
					out.Columns = append(out.Columns, col)
				}
			}
		}
	}
	return kind.Save(path, out, arrowio.Plain)
}

func gather[V any](values []V, order []int) []V {
	out := make([]V, len(order))
	for i, row := range order {
		out[i] = values[row]
	}
	return out
}

// Open opens a table that [ImportNASBench101] wrote, reads the cells, and leaves
// their results for later: the file stays open as long as the table lives. Errors
// name the file.
func Open(path string) (*Table, error) { return trials.Open(kind, path, open) }

// Decode is [Open] for a file that is already in memory, and must not change as long
// as the table lives; errors call it name.
func Decode(name string, content []byte) (*Table, error) {
	return trials.Decode(kind, name, content, open)
}

func open(file *arrowio.File) (*Table, error) {
	t := newTable(file.Name, trials.OriginOf(file.Meta))
	err := t.readIndex(file)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	var others, unknown []string
	for i, field := range file.Fields {
		switch {
		case slices.Contains(indices, field.Name):
		case !isResult(&field):
			others = append(others, field.Name)
		default:
			if _, twice := at[field.Name]; twice {
				return nil, fmt.Errorf("nb1b1: %q has column %q twice", file.Name, field.Name)
			}
			at[field.Name] = i
			unknown = append(unknown, field.Name)
		}
	}
	for budget := range Budgets {
		for repeat := range Repeats {
			for measure := range t.columns[budget][repeat] {
				name := columnName(budget, repeat, measure)
				i, there := at[name]
				if !there {
					continue
				}
				if t.columns[budget][repeat][measure], err = storedColumn(file, i, budget, repeat, measure); err != nil {
					return nil, err
				}
				unknown = slices.DeleteFunc(unknown, func(other string) bool { return other == name })
			}
			t.tell(budget, repeat)
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("nb1b1: %q has %d columns that are not known, want names such as %q, not %q", file.Name, len(unknown), columnName(3, 0, 1), unknown[0])
	}
	return t, t.From(file, others)
}

// isResult reports whether a column says that it is one, in its metadata or its name.
// Others, such as remarks or the index of a data frame, are nothing to read.
func isResult(field *arrowio.Field) bool {
	for _, part := range []string{metaEpochs, metaRepeat, metaMeasure} {
		if _, says := field.Meta[part]; says {
			return true
		}
	}
	parts := strings.Split(field.Name, "/")
	return len(parts) == 3 && (parts[2] == measureName(seconds) || slices.Contains(Splits[:], parts[2]))
}

// storedColumn is a field of a file with the name of a measure, whose metadata, if it
// has any, must say the same.
func storedColumn(file *arrowio.File, field, budget, repeat, measure int) (*trials.Column, error) {
	want := columnMeta(budget, repeat, measure)
	for key, says := range file.Fields[field].Meta {
		if is, ours := want[key]; ours && is != says {
			return nil, fmt.Errorf("nb1b1: %q: column %q has %s %q in its metadata, want %q", file.Name, file.Fields[field].Name, key, says, is)
		}
	}
	kindOf := trials.Accuracy
	if measure == seconds {
		kindOf = trials.Seconds
	}
	return kind.StoredColumn(file, field, kindOf, true, unit(measure))
}

// readIndex reads what says which cell a row is.
func (t *Table) readIndex(file *arrowio.File) error {
	index, err := file.Load(indices...)
	if err != nil {
		return fmt.Errorf("nb1b1: open table: %w", err)
	}
	for _, column := range []struct {
		name   string
		values *[]int64
	}{{columnKey, &t.keys}, {columnModule, &t.modules}, {columnParameters, &t.parameters}} {
		if *column.values, err = arrowio.Values[int64](index, column.name); err != nil {
			return fmt.Errorf("nb1b1: open table: %w", err)
		}
	}
	hashes, err := arrowio.FixedValues(index, columnHash)
	if err != nil {
		return fmt.Errorf("nb1b1: open table: %w", err)
	}
	if hashes.Width != len(Hash{}) {
		return fmt.Errorf("nb1b1: %q: column %q has %d bytes a row, want %d", file.Name, columnHash, hashes.Width, len(Hash{}))
	}
	t.hashes = hashes.Bytes
	for i := 1; i < len(t.keys); i++ {
		if t.keys[i] <= t.keys[i-1] {
			return fmt.Errorf("nb1b1: %q row %d: key %d does not ascend from %d", file.Name, i, t.keys[i], t.keys[i-1])
		}
	}
	for i, n := range t.parameters {
		if n < 0 {
			return fmt.Errorf("nb1b1: %q row %d: %d parameters, want none below 0", file.Name, i, n)
		}
	}
	for i := 0; i < len(t.keys); i += stride {
		t.marks = append(t.marks, t.keys[i])
	}
	return nil
}
