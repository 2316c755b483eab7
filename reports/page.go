package reports

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Page is the room that a table is printed in. The zero value is that of a file:
// rows as wide as they are, captions and notes in 100 columns.
type Page struct {
	Width int  // columns, 0 for no limit; below 40 it counts as 40
	ASCII bool // see [ASCII]
}

const (
	lineWidth = 100 // columns that captions and notes take at most
	narrowest = 40  // columns of a page
)

// fill is how many columns captions and notes take.
func (p Page) fill() int {
	if p.Width == 0 {
		return lineWidth
	}
	return min(lineWidth, max(p.Width, narrowest))
}

// fit is t in blocks that are no wider than the page: each has the first column and as
// many of the others as there is room for, in their order.
func (p Page) fit(t Table) []Table {
	if p.ASCII {
		t = t.ascii()
	}
	if p.Width == 0 {
		return []Table{t}
	}
	width := max(p.Width, narrowest)
	columns := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			columns[i] = max(columns[i], padding+utf8.RuneCountInString(cell))
		}
	}
	if widest := slices.Max(columns[1:]); columns[0]+widest > width {
		columns[0] = max(width-widest, narrowest/3)
		t.Rows = narrowed(t.Rows, columns[0]-padding)
	}
	var blocks []Table
	used := width
	for i := 1; i < len(t.Header); i++ {
		if used+columns[i] > width {
			blocks = append(blocks, t.first())
			used = columns[0]
		}
		block := &blocks[len(blocks)-1]
		block.Header = append(block.Header, t.Header[i])
		for k, row := range t.Rows {
			block.Rows[k] = append(block.Rows[k], row[i])
		}
		used += columns[i]
	}
	return blocks
}

// padding is how many columns a cell of a table has beside its text.
const padding = 2

// first is the first column of t alone.
func (t Table) first() Table {
	f := Table{Name: t.Name, Header: []string{t.Header[0]}}
	for _, row := range t.Rows {
		f.Rows = append(f.Rows, []string{row[0]})
	}
	return f
}

// narrowed has the first cell of each row in lines of at most so many columns, those
// after the first in rows without numbers.
func narrowed(rows [][]string, width int) [][]string {
	var out [][]string
	for _, row := range rows {
		parts := lines(row[0], width, "")
		out = append(out, append([]string{parts[0]}, row[1:]...))
		for _, line := range parts[1:] {
			rest := make([]string, len(row))
			rest[0] = line
			out = append(out, rest)
		}
	}
	return out
}

// lines are text in lines of at most width columns, all but the first indented. Lines end
// at spaces; a longer word stands out, so that an architecture can be copied.
func lines(text string, width int, indent string) []string {
	var out []string
	line, used := "", 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > width:
			out = append(out, line)
			line, used = indent, len(indent)
		default:
			line += " "
			used++
		}
		line += word
		used += n
	}
	return append(out, line)
}

// ascii is t with what [ASCII] makes of its texts.
func (t Table) ascii() Table {
	all := func(texts []string) []string {
		out := make([]string, len(texts))
		for i, text := range texts {
			out[i] = ASCII(text)
		}
		return out
	}
	t.Caption, t.Header, t.Notes = ASCII(t.Caption), all(t.Header), all(t.Notes)
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = all(row)
	}
	t.Rows = rows
	return t
}

// ASCII is text without the letters beyond ASCII that this program prints, each spelt
// out. Others, as in the name of somebody's folder, stay.
func ASCII(text string) string { return asciiNames.Replace(text) }

var asciiNames = strings.NewReplacer(
	"±", "+/-", "−", "-", "–", "-", "─", "-", "×", "x", "·", "*", "→", "->", "…", "...", "≤", "<=", "≥", ">=",
	"‘", "'", "’", "'", "´", "'", "“", `"`, "”", `"`,
	"₁", "1", "₂", "2", "∂", "d", "α", "alpha", "β", "beta", "γ", "gamma", "ε", "epsilon", "θ", "theta", "Λ", "Lambda",
)
