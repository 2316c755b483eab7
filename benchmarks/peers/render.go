package main

import (
	"fmt"
	"slices"
	"strings"

	"idarts/benchmarks"
)

// render is the report in Markdown: head lists machine, versions and commit.
func render(head []string, date string, rows []*row, differences []difference) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The engine and PyTorch\n\n%s. %s, float32.\n\n", strings.Join(head, "; "), date)
	b.WriteString("Written by `make bench-peers`. Times in ms as lowest / median / spread, where the spread is (highest − lowest)/median;\n" +
		"a ratio is PyTorch's better layout over ours. Both sides took turns, a new process each.\n\n")
	b.WriteString("| supernet | stage | PyTorch NCHW | PyTorch channels_last | ours | samples | ratio of lowest | of medians | goal |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		var s [3]benchmarks.Summary
		cells := make([]string, 3)
		for side := range sides {
			s[side] = benchmarks.Summarize(r.seconds[side])
			cells[side] = fmt.Sprintf("%.1f / %.1f / %.0f %%", 1e3*s[side].Min, 1e3*s[side].Median, 100*s[side].Spread())
			if s[side].N == 0 {
				cells[side] = "failed"
			}
		}
		target := ""
		if g := goal(r.net, r.stage); g > 0 {
			target = fmt.Sprintf("%g", g)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d, %d, %d | %s | %s | %s |\n", describe(r.net), r.stage, strings.Join(cells, " | "), s[0].N, s[1].N, s[ours].N,
			ratio(s[0].Min, s[1].Min, s[ours].Min), ratio(s[0].Median, s[1].Median, s[ours].Median), target)
	}
	b.WriteString("\nPeak resident memory of the process of the second-order stage, in MB:\n\n" +
		"| supernet | PyTorch NCHW | PyTorch channels_last | ours |\n|---|---|---|---|\n")
	for _, r := range rows {
		if r.stage != "second-order" {
			continue
		}
		fmt.Fprintf(&b, "| %s |", describe(r.net))
		for side := range sides {
			if r.peak[side] == 0 {
				b.WriteString(" failed |")
			} else {
				fmt.Fprintf(&b, " %.0f |", r.peak[side]/1e6)
			}
		}
		b.WriteByte('\n')
	}
	for _, r := range rows {
		for side, why := range r.failure {
			if why != "" {
				fmt.Fprintf(&b, "\nFailed: %s of %s, %s: %s\n", r.stage, describe(r.net), sides[side], why)
			}
		}
	}
	if len(differences) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "\nParity: |a − b|/|b| of each group of numbers, where b is PyTorch's in float64 (docs/parity.md); a is ours in float32 /\n"+
		"ours in float64 / PyTorch's in float32. Random images of 16x16. The limit is that of ours in float32; in float64 it is %.0e.\n\n", limit64)
	var groups []difference // the rows, in the order of the first net
	var nets []benchmarks.Net
	for _, d := range differences {
		if !slices.Contains(nets, d.Net) {
			nets = append(nets, d.Net)
		}
		if d.Net == differences[0].Net {
			groups = append(groups, d)
		}
	}
	b.WriteString("| numbers | limit |")
	for _, n := range nets {
		fmt.Fprintf(&b, " %s |", describe(n))
	}
	fmt.Fprintf(&b, "\n|---|---|%s\n", strings.Repeat("---|", len(nets)))
	for _, g := range groups {
		fmt.Fprintf(&b, "| %s | %.0e |", strings.TrimSuffix(g.Group, "."), g.Limit)
		for _, d := range differences {
			if d.Group != g.Group {
				continue
			}
			mark := ""
			if !d.within() {
				mark = " EXCEEDED"
			}
			fmt.Fprintf(&b, " %.1e / %.0e / %.1e%s |", d.Ours, d.Ours64, d.Peer, mark)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func describe(n benchmarks.Net) string { return fmt.Sprintf("%v, C=%d, batch %d", n, n.C, n.Batch) }

// ratio is the faster one of PyTorch's layouts over ours; 0 stands for one that failed.
func ratio(nchw, channelsLast, ours float64) string {
	best := min(nchw, channelsLast)
	if best == 0 {
		best = max(nchw, channelsLast)
	}
	if best == 0 || ours == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", best/ours)
}
