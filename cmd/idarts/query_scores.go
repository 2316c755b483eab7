package main

import (
	"cmp"
	"fmt"

	"idarts/internal/trials"
	"idarts/reports"
	"idarts/runners"
	"idarts/runners/protocol"
)

// scores asks a table of cells that idarts run has trained.
func (q *queryCmd) scores(c console) error {
	table, err := runners.ReadScores(q.Table)
	if err != nil {
		return err
	}
	if err := q.inSpace(table.Space); err != nil {
		return err
	}
	why := fmt.Sprintf("all networks of %q are trained in one way (%s)", q.Table, table.Origin)
	if err := c.without(why, "trained-on", "epochs", "release", "protocol", "alike"); err != nil {
		return err
	}
	if q.Dataset != "" && q.Dataset != table.Dataset {
		return fmt.Errorf("%q has nothing for data set %q, only for %q", q.Table, q.Dataset, table.Dataset)
	}
	var splits []string
	switch q.Split {
	case "valid", "test":
		splits = []string{q.Split}
	case "":
		splits = []string{"valid", "test"}
	default:
		return fmt.Errorf("%q has nothing for split %q, only for \"valid\" and \"test\"", q.Table, q.Split)
	}
	arch, rows, err := q.trained(table)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n", arch)
	for _, split := range splits {
		accuracies := make([]float64, len(rows))
		for i, row := range rows {
			accuracies[i] = row.Test
			if split == "valid" {
				accuracies[i] = row.Valid
			}
		}
		fmt.Fprintf(c.out, "%s, %s: %.4f %%, mean of %d\n", table.Dataset, split, reports.Summarize(accuracies).Mean, len(rows))
		for i, row := range rows {
			fmt.Fprintf(c.out, "  seed %d: %.4f %%\n", row.Trial, accuracies[i])
		}
	}
	return nil
}

// trained are the rows of the architecture and the seeds that are asked for, all where
// none are named, with the text under which they stand.
func (q *queryCmd) trained(table *runners.Scores) (arch string, rows []runners.Trained, err error) {
	seeds, err := trials.Parse(cmp.Or(q.Seeds, "all"))
	if err != nil {
		return "", nil, err
	}
	space, err := protocol.LookupSpace(table.Space)
	if err != nil {
		return "", nil, err
	}
	text, err := architecture(space.Name, q.Cell)
	if err != nil {
		return "", nil, err
	}
	if arch, err = space.Canonical(text); err != nil {
		return "", nil, err
	}
	var there []int64
	for _, row := range table.Rows {
		if row.Arch != arch {
			continue
		}
		there = append(there, int64(row.Trial))
		if seeds.Has(int64(row.Trial)) {
			rows = append(rows, row)
		}
	}
	if len(there) == 0 {
		return "", nil, fmt.Errorf("%q: architecture %q was not trained there (trained as %q); it has %d rows", q.Table, q.Cell, arch, len(table.Rows))
	}
	if absent := seeds.Missing(there); len(absent) > 0 {
		return "", nil, fmt.Errorf("%q has no seed %s of architecture %q, only %s", q.Table, trials.List(absent), arch, trials.List(there))
	}
	return arch, rows, nil
}
