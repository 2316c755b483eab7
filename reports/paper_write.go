package reports

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed paper.html
var paperHTML string

// HTML writes p as one page with its figures inside. It needs nothing from elsewhere.
func (p Paper) HTML(w io.Writer) error {
	page, err := template.New("paper").Funcs(template.FuncMap{
		"svg": func(f Figure) (template.HTML, error) {
			drawn, err := f.SVG()
			if err != nil {
				return "", fmt.Errorf("reports: figure %q: %w", f.Name, err)
			}
			at := bytes.Index(drawn, []byte("<svg"))
			label := fmt.Sprintf(`<svg role="img" aria-label="%s"`, template.HTMLEscapeString(f.Title))
			return template.HTML(label + string(drawn[at+len("<svg"):])), nil // our own drawing
		},
		"class": func(cell string) template.HTMLAttr {
			for _, v := range Verdicts {
				if strings.HasPrefix(cell, string(v)) {
					return template.HTMLAttr(` class="text verdict ` + strings.ReplaceAll(string(v), " ", "-") + `"`)
				}
			}
			if len(cell) > 24 {
				return ` class="text"`
			}
			return ""
		},
	}).Parse(paperHTML)
	if err != nil {
		return err
	}
	return page.Execute(w, p)
}

// Markdown writes p with its figures as files beside it, named as [Figure.Name] and .svg.
func (p Paper) Markdown(w io.Writer) error {
	out := &strings.Builder{}
	paragraphs := func(texts []string) {
		for _, text := range texts {
			out.WriteString("\n" + markdownEscaper.Replace(text) + "\n")
		}
	}
	fmt.Fprintf(out, "# %s\n", p.Title)
	paragraphs(p.Text)
	for _, part := range p.Parts {
		fmt.Fprintf(out, "\n## %s\n", part.Title)
		paragraphs(part.Text)
		for _, t := range part.Tables {
			out.WriteString("\n")
			if err := t.Markdown(out); err != nil {
				return err
			}
		}
		for _, f := range part.Figures {
			fmt.Fprintf(out, "\n![%s](%s.svg)\n", markdownEscaper.Replace(oneLine(f.Title)), f.Name)
			paragraphs(f.Notes)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// LaTeX writes p as a document, with its figures as files beside it, named as [Figure.Name]
// and .pdf.
func (p Paper) LaTeX(w io.Writer) error {
	out := &strings.Builder{}
	out.WriteString("\\documentclass{article}\n\\usepackage[a4paper,landscape,margin=15mm]{geometry}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs,adjustbox,graphicx}\n" +
		"\\begin{document}\n\\sloppy\n")
	fmt.Fprintf(out, "\\title{%s}\\date{}\\author{}\\maketitle\n", latexEscaper.Replace(p.Title))
	paragraphs := func(texts []string) {
		for _, text := range texts {
			out.WriteString("\n" + latexEscaper.Replace(text) + "\n")
		}
	}
	paragraphs(p.Text)
	fit := strings.NewReplacer("\\begin{tabular}", "\\begin{adjustbox}{max width=\\linewidth,max totalheight=0.75\\textheight}\n\\begin{tabular}",
		"\\end{tabular}", "\\end{tabular}\n\\end{adjustbox}", "\\begin{table}", "\\begin{table}[p]")
	for _, part := range p.Parts {
		fmt.Fprintf(out, "\n\\section{%s}\n", latexEscaper.Replace(part.Title))
		paragraphs(part.Text)
		for _, t := range part.Tables {
			var table strings.Builder
			if err := t.LaTeX(&table); err != nil {
				return err
			}
			out.WriteString("\n" + fit.Replace(table.String()))
		}
		for _, f := range part.Figures {
			fmt.Fprintf(out, "\n\\begin{figure}[p]\\centering\n\\includegraphics[width=0.7\\linewidth]{%s.pdf}\n\\caption{%s}\n\\end{figure}\n", f.Name, latexEscaper.Replace(oneLine(f.Title)))
		}
		out.WriteString("\\clearpage\n")
	}
	out.WriteString("\\end{document}\n")
	_, err := io.WriteString(w, out.String())
	return err
}
