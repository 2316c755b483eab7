package nb201

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/nlpodyssey/gopickle/types"

	"idarts/internal/unpickle"
)

// readFrame reads a data frame with a row for each cell in the official order.
func readFrame(content []byte) (f frame, order []Cell, err error) {
	if f, err = decodeFrame(content); err != nil {
		return nil, nil, err
	}
	numbers, err := frameColumn[int64](f, "arch")
	if err != nil {
		return nil, nil, err
	}
	texts, err := frameColumn[string](f, "cellstr")
	if err != nil {
		return nil, nil, err
	}
	var seen [NumCells]bool
	for i, text := range texts {
		c, err := Parse(text)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
		if numbers[i] != int64(i) || seen[c.Index()] {
			return nil, nil, fmt.Errorf("row %d is number %d, cell %q, want the number of the row and each cell once", i, numbers[i], c)
		}
		seen[c.Index()] = true
		order = append(order, c)
	}
	if len(order) != NumCells {
		return nil, nil, fmt.Errorf("%d cells, want %d", len(order), NumCells)
	}
	return f, order, nil
}

// readValid reads the data frame with means after 200 epochs and recorded parameters, in
// millions. others is the share of trials of another network behind the mean of each cell
// with such trials, tests the mean test accuracies of the networks that were trained on all
// of CIFAR-10, which stand trial by trial in another file.
func readValid(content []byte, order []Cell) (records []Record, others, tests map[Cell]float64, err error) {
	f, cells, err := readFrame(content)
	if err != nil {
		return nil, nil, nil, err
	}
	if !slices.Equal(cells, order) {
		return nil, nil, nil, fmt.Errorf("its cells are in another order than those of %q", Public[fileShort].Name)
	}
	var columns [4][]float64
	for i, name := range []string{"valid_top1", "valid_test_top1", "test_top1", "params"} {
		if columns[i], err = frameColumn[float64](f, name); err != nil {
			return nil, nil, nil, err
		}
	}
	others, tests = map[Cell]float64{}, map[Cell]float64{}
	for i, c := range order {
		share, err := shareOfOthers(c, columns[3][i])
		if err != nil {
			return nil, nil, nil, fmt.Errorf("row %d: %w", i, err)
		}
		if share > 0 {
			others[c] = share
		}
		tests[c] = columns[2][i]
		for j, split := range []string{"x-valid", "ori-test"} {
			r := meanRecord(c, Key{"cifar10", "cifar10-valid", split, 200, Release201v11}, columns[j][i])
			r.OtherNetwork = share
			records = append(records, r)
		}
	}
	return records, others, tests, nil
}

// readTests reads lines of test accuracies of three data sets and a cell, in the official
// order.
func readTests(content []byte, order []Cell) ([]Record, error) {
	lines, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		return nil, err
	}
	want := []string{"CIFAR10TestAccuracy200Epochs", "CIFAR100TestAccuracy200Epochs", "ImageNetTestAccuracy200Epochs", "ArchitectureString"}
	if len(lines) != 1+NumCells || len(lines[0]) < len(want) || !slices.Equal(lines[0][:len(want)], want) {
		return nil, fmt.Errorf("%d lines that begin with %.80q, want %d with the columns %q", len(lines), lines[:min(1, len(lines))], 1+NumCells, want)
	}
	keys := [3]Key{
		{"cifar10", "cifar10", "ori-test", 200, ReleaseNATS}, {"cifar100", "cifar100", "x-test", 200, ReleaseNATS},
		{"ImageNet16-120", "ImageNet16-120", "x-test", 200, ReleaseNATS},
	}
	var records []Record
	for i, line := range lines[1:] {
		c, err := Parse(line[3])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		if c != order[i] {
			return nil, fmt.Errorf("line %d is cell %q, want %q", i+2, c, order[i])
		}
		for j, key := range keys {
			accuracy, err := strconv.ParseFloat(line[j], 64)
			if err != nil || !(accuracy >= 0 && accuracy <= 100) {
				return nil, fmt.Errorf("line %d: accuracy %q, want 0 to 100", i+2, line[j])
			}
			records = append(records, meanRecord(c, key, accuracy))
		}
	}
	return records, nil
}

// readTrials reads a dict of accuracies of one to three trials by the operations of a cell,
// in the order of [Ops], on the edges in the order of [Cell]. Their means have to be
// those of another file.
func readTrials(content []byte, others, means map[Cell]float64) ([]Record, error) {
	raw, err := loadPickle(content, findClass)
	if err != nil {
		return nil, err
	}
	cells, ok := raw.(*types.Dict)
	if !ok || cells.Len() != NumCells {
		return nil, fmt.Errorf("it is %s, want a dict of %d cells", unpickle.Kind(raw), NumCells)
	}
	key := Key{"cifar10", "cifar10", "ori-test", 200, Release201v11}
	var records []Record
	for _, entry := range *cells {
		c, err := cellOf(entry.Key)
		if err != nil {
			return nil, err
		}
		list, ok := entry.Value.(*types.List)
		if !ok || list.Len() < 1 || list.Len() > 3 {
			return nil, fmt.Errorf("cell %q has %s, want a list of one to three accuracies", c, unpickle.Kind(entry.Value))
		}
		sum := 0.0
		for seed := range list.Len() {
			accuracy, ok := list.Get(seed).(float64)
			if !ok {
				return nil, fmt.Errorf("cell %q: trial %d is %s, want a number", c, seed, unpickle.Kind(list.Get(seed)))
			}
			sum += accuracy
			r := meanRecord(c, key, accuracy)
			r.Seed, r.OtherNetwork = int64(seed), others[c]
			records = append(records, r)
		}
		if mean := sum / float64(list.Len()); !(math.Abs(mean-means[c]) <= 1e-6) {
			return nil, fmt.Errorf("cell %q: the mean of its trials is %v, in %q it is %v", c, mean, Public[fileValid].Name, means[c])
		}
	}
	return records, nil
}

// cellOf is a cell from a tuple of the numbers of its operations.
func cellOf(v any) (c Cell, err error) {
	t, ok := v.(*types.Tuple)
	if !ok || t.Len() != len(c) {
		return c, fmt.Errorf("a cell is %s, want a tuple of %d numbers", unpickle.Kind(v), len(c))
	}
	for e := range c {
		n, ok := t.Get(e).(int)
		if !ok || n < 0 || n >= len(Ops) {
			return c, fmt.Errorf("operation %v of a cell, want 0 to %d", t.Get(e), len(Ops)-1)
		}
		c[e] = Op(n)
	}
	return c, nil
}
