package reports

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Table is a table ready to be written, alone or with others as [Tables].
// Methods that write it give the same bytes each time.
type Table struct {
	Name    string // a file name without extension: "nb201-fashion-laptop"
	Caption string // one paragraph, made from the runs
	Header  []string
	Rows    [][]string // the first column is text, the others are numbers
	Notes   []string   // failures, warnings and sources, one a line

	methods, seeds [][]string // full precision, with a header row; nil: nothing that another table has not
}

// Tables are written one after another, with an empty line between them.
type Tables []Table

// Text writes all for a log or a file.
func (ts Tables) Text(w io.Writer) error { return ts.each(w, Table.Text) }

// TextOn writes all for a page.
func (ts Tables) TextOn(w io.Writer, page Page) error {
	return ts.each(w, func(t Table, w io.Writer) error { return t.textOn(w, page) })
}

// Markdown writes all as pipe tables with captions and notes.
func (ts Tables) Markdown(w io.Writer) error { return ts.each(w, Table.Markdown) }

// LaTeX writes all as table environments; they need the package booktabs.
func (ts Tables) LaTeX(w io.Writer) error { return ts.each(w, Table.LaTeX) }

func (ts Tables) each(w io.Writer, write func(Table, io.Writer) error) error {
	for i, t := range ts {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := write(t, w); err != nil {
			return err
		}
	}
	return nil
}

// CSV writes one row for each method of each table, in full precision, below one
// header. A number that is not known is an empty field.
func (ts Tables) CSV(w io.Writer) error {
	return ts.csv(w, func(t Table) [][]string { return t.methods })
}

// SeedsCSV writes one row for each run, failed ones included, as CSV does.
func (ts Tables) SeedsCSV(w io.Writer) error {
	return ts.csv(w, func(t Table) [][]string { return t.seeds })
}

func (ts Tables) csv(w io.Writer, rows func(Table) [][]string) error {
	var all [][]string
	for i, t := range ts {
		of := rows(t)
		if i > 0 && len(of) > 0 {
			of = of[1:] // the same header again
		}
		all = append(all, of...)
	}
	return writeCSV(w, all)
}

// Text writes t for a log or a file.
func (t Table) Text(w io.Writer) error { return t.textOn(w, Page{}) }

// textOn writes t for a page.
func (t Table) textOn(w io.Writer, page Page) error {
	out := &strings.Builder{}
	blocks := page.fit(t)
	if page.ASCII {
		t = t.ascii()
	}
	fill(out, "", t.Caption, page.fill())
	for _, block := range blocks {
		out.WriteString("\n")
		design := tw.Rendition{
			Borders: tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.On, Bottom: tw.On},
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowTop: tw.On, ShowHeaderLine: tw.On, ShowBottom: tw.On},
			},
		}
		var body strings.Builder
		if err := block.render(&body, renderer.NewBlueprint(design)); err != nil {
			return err
		}
		for line := range strings.Lines(body.String()) {
			line = strings.TrimRight(line, " \n")
			if page.ASCII {
				line = ASCII(line) // the rules
			}
			out.WriteString(line + "\n")
		}
	}
	for _, note := range t.Notes {
		fill(out, "  ", note, page.fill())
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Markdown writes t as a pipe table between its caption and its notes.
func (t Table) Markdown(w io.Writer) error {
	out := &strings.Builder{}
	fmt.Fprintf(out, "%s\n\n", markdownEscaper.Replace(t.Caption))
	escaped := Table{Header: escapeAll(t.Header, markdownEscaper)}
	for _, row := range t.Rows {
		escaped.Rows = append(escaped.Rows, escapeAll(row, markdownEscaper))
	}
	if err := escaped.render(out, renderer.NewMarkdown()); err != nil {
		return err
	}
	if len(t.Notes) > 0 {
		out.WriteString("\n")
	}
	for _, note := range t.Notes {
		fmt.Fprintf(out, "- %s\n", markdownEscaper.Replace(note))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// render writes the rows through tablewriter.
func (t Table) render(w io.Writer, r tw.Renderer) error {
	aligns := tw.MakeAlign(len(t.Header), tw.AlignRight)
	aligns[0] = tw.AlignLeft
	section := func() tw.CellConfig {
		return tw.CellConfig{
			Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
			Alignment:  tw.CellAlignment{Global: tw.AlignRight, PerColumn: aligns},
			Padding:    tw.CellPadding{Global: tw.PaddingDefault},
		}
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(r),
		tablewriter.WithConfig(tablewriter.Config{Header: section(), Row: section()}),
		// The library measures "±" as one or two columns by the user's locale.
		tablewriter.WithEastAsian(tw.Off),
	)
	table.Header(t.Header)
	if err := table.Bulk(t.Rows); err != nil {
		return fmt.Errorf("reports: table %q: %w", t.Name, err)
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("reports: table %q: %w", t.Name, err)
	}
	return nil
}

// LaTeX writes t as a table environment; it needs the package booktabs.
func (t Table) LaTeX(w io.Writer) error {
	out := &strings.Builder{}
	out.WriteString("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n")
	fmt.Fprintf(out, "\\caption{%s}\n\\label{tab:%s}\n", latexEscaper.Replace(t.Caption), t.Name)
	fmt.Fprintf(out, "\\begin{tabular}{l%s}\n\\toprule\n", strings.Repeat("r", len(t.Header)-1))
	line := func(cells []string) {
		out.WriteString(strings.Join(escapeAll(cells, latexEscaper), " & ") + " \\\\\n")
	}
	line(t.Header)
	out.WriteString("\\midrule\n")
	for _, row := range t.Rows {
		line(row)
	}
	out.WriteString("\\bottomrule\n\\end{tabular}\n")
	if len(t.Notes) > 0 {
		out.WriteString("\n\\smallskip\n\\begin{minipage}{\\linewidth}\\footnotesize\n")
		for _, note := range t.Notes {
			out.WriteString(latexEscaper.Replace(note) + "\\par\n")
		}
		out.WriteString("\\end{minipage}\n")
	}
	out.WriteString("\\end{table}\n")
	_, err := io.WriteString(w, out.String())
	return err
}

func writeCSV(w io.Writer, rows [][]string) error {
	out := csv.NewWriter(w)
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("reports: write CSV: %w", err)
	}
	return nil
}

var markdownEscaper = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "]", `\]`, "~", `\~`)

var latexEscaper = strings.NewReplacer(
	`\`, `\textbackslash{}`, "&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`, "{", `\{`, "}", `\}`,
	"~", `\textasciitilde{}`, "^", `\textasciicircum{}`, "<", `\textless{}`, ">", `\textgreater{}`, "|", `\textbar{}`,
	"₁", "$_1$", "₂", "$_2$", "∂", `$\partial$`, "γ", `$\gamma$`, "±", `$\pm$`, "–", "--", "−", "$-$", "×", `$\times$`, "α", `$\alpha$`, "β", `$\beta$`, "Λ", `$\Lambda$`)

func escapeAll(cells []string, escaper *strings.Replacer) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = escaper.Replace(c)
	}
	return out
}

// fill writes text in lines of at most width columns where it has spaces, all but the
// first indented.
func fill(out *strings.Builder, indent, text string, width int) {
	for _, line := range lines(text, width, indent) {
		out.WriteString(line + "\n")
	}
}
