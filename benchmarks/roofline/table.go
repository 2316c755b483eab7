package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/olekukonko/tablewriter"
)

// roof is what holds every kernel, for all threads together.
type roof struct {
	flops float64 // a second, in registers
	bytes float64 // a second, to and from level
	level string
}

// kind is what is said together of all instructions of one sort in a stage.
type kind struct {
	name        string
	calls       int
	seconds     float64
	flop, bytes float64
	least       float64 // seconds
}

// write prints the kinds, those first that took the longest, and below the table what
// went beyond a limit. Shares of less than 100 % are no claim that the rest can be had.
func write(out io.Writer, kinds map[string]*kind, r roof) {
	list := slices.SortedFunc(maps.Values(kinds), func(a, b *kind) int {
		return cmp.Or(cmp.Compare(b.seconds, a.seconds), cmp.Compare(a.name, b.name))
	})
	table := tablewriter.NewWriter(out)
	table.Header("kernel", "calls", "ms", "GFLOP", "GFLOP/s", "of FMA", "MB", "GB/s", "least ms", "of least")
	all, beyond := &kind{name: "all"}, []string(nil)
	for _, k := range list {
		k.least = max(k.flop/r.flops, k.bytes/r.bytes)
		all.calls, all.seconds, all.flop, all.bytes, all.least = all.calls+k.calls, all.seconds+k.seconds, all.flop+k.flop, all.bytes+k.bytes, all.least+k.least
		switch {
		case k.flop/k.seconds > r.flops:
			beyond = append(beyond, fmt.Sprintf("warning: %s did %s of the operations that registers allow: the limit or the time is wrong", k.name, percent(k.flop/k.seconds, r.flops)))
		case k.least > k.seconds:
			beyond = append(beyond, fmt.Sprintf("note: %s moved %s of the bytes that %s gives: its data lay nearer", k.name, percent(k.bytes/k.seconds, r.bytes), r.level))
		}
	}
	for _, k := range append(list, all) {
		table.Append(k.name, fmt.Sprint(k.calls), fmt.Sprintf("%.1f", 1e3*k.seconds), fmt.Sprintf("%.2f", k.flop/1e9), fmt.Sprintf("%.0f", k.flop/k.seconds/1e9), percent(k.flop/k.seconds, r.flops),
			fmt.Sprintf("%.0f", k.bytes/1e6), fmt.Sprintf("%.0f", k.bytes/k.seconds/1e9), fmt.Sprintf("%.1f", 1e3*k.least), percent(k.least, k.seconds))
	}
	table.Render()
	for _, line := range beyond {
		fmt.Fprintln(out, line)
	}
}

func percent(part, whole float64) string { return fmt.Sprintf("%.0f %%", 100*part/whole) }
