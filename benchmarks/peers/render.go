package main

import (
	"fmt"
	"slices"
	"strings"

	"idarts/benchmarks"
	"idarts/internal/limits"
	"idarts/runners/stages"
)

// report is all that is printed.
type report struct {
	head        []string // machine, versions and commit
	date        string
	set         limits.Set              // of the engine
	roofs       map[int]benchmarks.Roof // by threads
	lacks       map[string]string       // ways that this PyTorch does not have, and why
	card        string                  // PyTorch's, "" for none
	rows        []*row
	differences []difference
}

// render is the report in Markdown.
func render(r report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The engine and PyTorch\n\n%s. %s, float32.\n\n", strings.Join(r.head, "; "), r.date)
	b.WriteString("Written by `make bench-peers`. All sides took turns, a new process each. PyTorch has variants: two layouts in memory; *tangent* has second\n" +
		"derivatives by `torch.func.jvp` of the gradient; *compiled* is `torch.compile`, in second order of the tangent. *Best* is the variant with the\n" +
		"lowest time. Times are in ms, lowest and median; a ratio is the best variant's over ours, that of medians of the variant with the lowest median.\n" +
		"*At the roof* is the ratio that we would have if each kind of instruction took *least* ms: its arithmetic in registers, or its bytes to and from\n" +
		"the third cache, whichever takes longer (`make roofline`). Data that lie nearer can make it more.\n")
	var threads []int
	for _, row := range r.rows {
		if !slices.Contains(threads, row.threads) {
			threads = append(threads, row.threads)
		}
	}
	for _, n := range threads {
		rows := slices.DeleteFunc(slices.Clone(r.rows), func(row *row) bool { return row.threads != n })
		r.ratios(&b, n, rows)
		r.variants(&b, rows)
		r.peaks(&b, rows)
	}
	if r.card == "" {
		b.WriteString("\nNot measured: a card: PyTorch finds none.\n")
	}
	r.notes(&b)
	if len(r.differences) > 0 {
		writeParity(&b, r.differences)
	}
	return b.String()
}

// ratios is the table of ours beside the best of PyTorch.
func (r report) ratios(b *strings.Builder, threads int, rows []*row) {
	roof, limited := r.roofs[threads]
	if threads == onCard {
		fmt.Fprintf(b, "\n## On the card\n\nPyTorch on %s.\n\n", r.card)
	} else {
		fmt.Fprintf(b, "\n## %s\n\nAt most %.0f GFLOP/s in registers and %.0f GB/s of %s.\n\n", count(threads, "thread"), roof.FLOPs/1e9, roof.Bytes/1e9, roof.Level)
	}
	fmt.Fprintf(b, "| supernet | stage | best of PyTorch | which | ours | samples | ratio of lowest | of medians | at the roof | least | goal, %v |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|\n", r.set)
	for _, row := range rows {
		own := benchmarks.Summarize(row.by[ours].seconds)
		best, low, ok := row.best(lowest)
		cells := []string{"–", "", "–", fmt.Sprintf("%d, %d", len(row.by[best].seconds), own.N), "–", "–", "–", "–", ""}
		_, middle, _ := row.best(median)
		least := row.least(roof)
		if ok {
			s := benchmarks.Summarize(row.by[best].seconds)
			cells[0], cells[1] = fmt.Sprintf("%.1f / %.1f", 1e3*s.Min, 1e3*s.Median), sides[best].String()
		}
		if own.N > 0 {
			cells[2] = fmt.Sprintf("%.1f / %.1f", 1e3*own.Min, 1e3*own.Median)
			cells[7] = fmt.Sprintf("%.1f", 1e3*least)
		}
		if ok && own.N > 0 {
			cells[4], cells[5], cells[6] = fmt.Sprintf("%.2f", low/own.Min), fmt.Sprintf("%.2f", middle/own.Median), fmt.Sprintf("%.2f", low/least)
		}
		if !limited {
			cells[6], cells[7] = "–", "–"
		}
		if g := goal(row.net, row.stage, r.set); g > 0 && limited {
			cells[8] = fmt.Sprintf("%g", g)
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", describe(row.net), row.stage, strings.Join(cells, " | "))
	}
}

// variants is the table of all times.
func (r report) variants(b *strings.Builder, rows []*row) {
	b.WriteString("\nAll sides, as lowest / median / spread, which is (highest − lowest)/median; *first* is the run before, in s, with the compilation:\n")
	r.bySide(b, "| supernet | stage |", rows, func(side int, row *row) string {
		by := row.by[side]
		s := benchmarks.Summarize(by.seconds)
		switch {
		case !sides[side].takes(row.stage):
			return ""
		case s.N == 0:
			return "failed"
		}
		text := fmt.Sprintf("%.1f / %.1f / %.0f %%", 1e3*s.Min, 1e3*s.Median, 100*s.Spread())
		if sides[side].way == "compiled" {
			text += fmt.Sprintf(", first %.0f", by.first)
		}
		return text
	})
}

// peaks is the table of memory.
func (r report) peaks(b *strings.Builder, rows []*row) {
	if rows[0].threads == onCard {
		b.WriteString("\nMemory of the card that the second-order stage takes at most, in MB:\n")
	} else {
		b.WriteString("\nPeak resident memory of the process of the second-order stage, in MB; that of the compiler is in it:\n")
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(row *row) bool { return row.stage != "second-order" })
	r.bySide(b, "| supernet | stage |", rows, func(side int, row *row) string {
		if len(row.by[side].seconds) == 0 {
			return "failed"
		}
		return fmt.Sprintf("%.0f", row.by[side].peak/1e6)
	})
}

// bySide writes a table with a column for each side that this PyTorch has.
func (r report) bySide(b *strings.Builder, header string, rows []*row, cell func(side int, row *row) string) {
	if len(rows) == 0 {
		return
	}
	line := "\n" + header
	for _, by := range sides {
		if by.has(rows[0].threads, r.lacks) {
			line += fmt.Sprintf(" %v |", by)
		}
	}
	fmt.Fprintf(b, "%s\n%s\n", line, strings.Repeat("|---", strings.Count(line, "|")-1)+"|")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s | %s |", describe(row.net), row.stage)
		for i, by := range sides {
			if by.has(row.threads, r.lacks) {
				fmt.Fprintf(b, " %s |", cell(i, row))
			}
		}
		b.WriteByte('\n')
	}
}

// notes says what was not measured, and why.
func (r report) notes(b *strings.Builder) {
	for _, way := range []string{"tangent", "compiled"} {
		if why := r.lacks[way]; why != "" {
			fmt.Fprintf(b, "\nNot measured: %s: %s\n", way, why)
		}
	}
	for _, row := range r.rows {
		for i, by := range row.by {
			if by.failure != "" {
				fmt.Fprintf(b, "\nFailed: %s of %s %s, %v: %s\n", row.stage, describe(row.net), row.where(), sides[i], by.failure)
			}
		}
	}
}

func writeParity(b *strings.Builder, differences []difference) {
	fmt.Fprintf(b, "\n## Parity\n\n|a − b|/|b| of each group of numbers, where b is PyTorch's in float64 (docs/parity.md); a is ours in float32 /\n"+
		"ours in float64 / PyTorch's in float32. Random images of 16x16. The limit is that of ours in float32; in float64 it is %.0e.\n\n", limit64)
	var groups []difference // the rows, in the order of the first net
	var nets []stages.Net
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
		fmt.Fprintf(b, " %s |", describe(n))
	}
	fmt.Fprintf(b, "\n|---|---|%s\n", strings.Repeat("---|", len(nets)))
	for _, g := range groups {
		fmt.Fprintf(b, "| %s | %.0e |", strings.TrimSuffix(g.Group, "."), g.Limit)
		for _, d := range differences {
			if d.Group != g.Group {
				continue
			}
			mark := ""
			if !d.within() {
				mark = " EXCEEDED"
			}
			fmt.Fprintf(b, " %.1e / %.0e / %.1e%s |", d.Ours, d.Ours64, d.Peer, mark)
		}
		b.WriteByte('\n')
	}
}

func (r *row) where() string {
	if r.threads == onCard {
		return "on the card"
	}
	return "with " + count(r.threads, "thread")
}

func describe(n stages.Net) string { return fmt.Sprintf("%v, C=%d, batch %d", n, n.C, n.Batch) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
