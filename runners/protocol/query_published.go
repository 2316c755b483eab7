package protocol

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
)

// askPublished asks a table of published genotypes, by name or by genotype.
func askPublished(q Question) (string, error) {
	if err := q.Without("of a published genotype all is printed that is known", "dataset", "trained-on", "split", "epochs", "seeds", "release", "protocol", "alike"); err != nil {
		return "", err
	}
	table, err := dartsspace.Open(q.Table)
	if err != nil {
		return "", err
	}
	var found []dartsspace.Entry
	if dartsspace.IsText(q.Arch) {
		g, err := dartsspace.Parse(q.Arch)
		if err != nil {
			return "", err
		}
		if found = table.Find(g); len(found) == 0 {
			return "", fmt.Errorf("no published genotype is %s", g)
		}
	} else {
		e, err := table.Query(q.Arch)
		if err != nil {
			return "", err
		}
		found = []dartsspace.Entry{e}
	}
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	line := func(name, text string) {
		if text == "" {
			text = "not reported"
		}
		fmt.Fprintf(w, "%s\t%s\n", name, text)
	}
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		line("name", e.Name)
		line("method", e.Method)
		line("genotype", e.Genotype.String())
		line("parameters", fmt.Sprintf("%d (CIFAR-10, 36 channels, 20 cells), %d (ImageNet, 48 channels, 14 cells), no auxiliary classifier; our count", e.ParamsCIFAR, e.ParamsImageNet))
		line("from", fmt.Sprintf("github.com/%s, %s, line %d", e.Repository, e.Path, e.Line))
		if e.Note != "" {
			line("note", e.Note)
		}
		publishedErrors(line, e.Reports)
	}
	err = w.Flush()
	return out.String(), err
}

// publishedErrors writes what papers report of a genotype.
func publishedErrors(line func(name, text string), found []dartsspace.Report) {
	if len(found) == 0 {
		line("error", "")
	}
	for _, r := range found {
		text := "not reported"
		if !math.IsNaN(r.Error) {
			text = fmt.Sprintf("%.2f %%", r.Error)
		}
		if !math.IsNaN(r.Spread) {
			text += fmt.Sprintf(" ± %.2f (%s)", r.Spread, r.SpreadKind)
		}
		if r.N > 0 {
			text += fmt.Sprintf(", n = %d", r.N)
		}
		line("error on "+r.Dataset, text+"; "+r.About)
		for _, size := range []struct{ name, text string }{{"parameters", r.Params}, {"multiply-adds", r.MACs}} {
			if size.text != "" {
				line("  "+size.name+" as printed", size.text+" million")
			}
		}
		line("  source", r.Source)
	}
}
