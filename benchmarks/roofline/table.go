package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/olekukonko/tablewriter"

	"idarts/benchmarks"
)

// write prints the kinds, those first that took the longest, and below the table what
// went beyond a limit. Shares of less than 100 % are no claim that the rest can be had.
func write(out io.Writer, kinds []benchmarks.Kind, r benchmarks.Roof) {
	slices.SortFunc(kinds, func(a, b benchmarks.Kind) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name))
	})
	table := tablewriter.NewWriter(out)
	table.Header("kernel", "calls", "ms", "GFLOP", "GFLOP/s", "of FMA", "MB", "GB/s", "least ms", "of least")
	row := func(k benchmarks.Kind, least float64) {
		table.Append(k.Name, fmt.Sprint(k.Calls), fmt.Sprintf("%.1f", 1e3*k.Seconds), fmt.Sprintf("%.2f", k.FLOP/1e9), fmt.Sprintf("%.0f", k.FLOP/k.Seconds/1e9), percent(k.FLOP/k.Seconds, r.FLOPs),
			fmt.Sprintf("%.0f", k.Bytes/1e6), fmt.Sprintf("%.0f", k.Bytes/k.Seconds/1e9), fmt.Sprintf("%.1f", 1e3*least), percent(least, k.Seconds))
	}
	all, total := benchmarks.Kind{Name: "all"}, 0.0
	var beyond []string
	for _, k := range kinds {
		least := k.Least(r)
		row(k, least)
		all.Calls, all.Seconds, all.FLOP, all.Bytes, total = all.Calls+k.Calls, all.Seconds+k.Seconds, all.FLOP+k.FLOP, all.Bytes+k.Bytes, total+least
		if k.Saved > 0 {
			beyond = append(beyond, fmt.Sprintf("note: %s does %.2f of the %.2f GFLOP that its formula has", k.Name, k.Done()/1e9, k.FLOP/1e9))
		}
		switch {
		case k.Done()/k.Seconds > r.FLOPs:
			beyond = append(beyond, fmt.Sprintf("warning: %s did %s of the operations that registers allow: the limit or the time is wrong", k.Name, percent(k.Done()/k.Seconds, r.FLOPs)))
		case least > k.Seconds:
			beyond = append(beyond, fmt.Sprintf("note: %s moved %s of the bytes that %s gives: its data lay nearer", k.Name, percent(k.Bytes/k.Seconds, r.Bytes), r.Level))
		}
	}
	row(all, total)
	table.Render()
	for _, line := range beyond {
		fmt.Fprintln(out, line)
	}
}

func percent(part, whole float64) string { return fmt.Sprintf("%.0f %%", 100*part/whole) }
