package main

import (
	"cmp"
	"errors"
	"fmt"
	"text/tabwriter"

	"idarts/internal/images"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/runners/protocol"
)

type listCmd struct {
	What     string `arg:"" optional:"" help:"methods, spaces, protocols or datasets, or all of these when left out; settings of a method." enum:"methods,spaces,protocols,datasets,settings,all" default:"all"`
	Method   string `arg:"" optional:"" help:"The method, with settings."`
	Protocol string `help:"With settings: the protocol." default:"laptop"`
	Space    string `help:"With settings: the search space." default:"nb201"`
	Wide     bool   `help:"With methods: the data of both levels, the relaxation, what moves it, what decides, and what an outer step costs."`
}

func (l *listCmd) Run(c console) error {
	if l.What == "settings" {
		return l.settings(c)
	}
	if l.Method != "" {
		return fmt.Errorf("unexpected argument %q, only settings are of one method", l.Method)
	}
	if err := c.without("only settings are of a protocol and a space", "protocol", "space"); err != nil {
		return err
	}
	if l.Wide && l.What != "methods" {
		return errors.New("--wide is for methods, as in idarts list methods --wide")
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, table := range []struct {
		name string
		rows func()
	}{
		{"methods", func() {
			if l.Wide {
				fmt.Fprintln(w, "method\tdata\trelaxation\tupdate of the architecture\tselection\touter step, in gradients")
			}
			for _, m := range search.Methods {
				if t := m.Traits; l.Wide {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, t.Level, cmp.Or(t.Relaxation, "-"), t.Update, t.Selection, t.Cost)
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", m.Name, m.Title, m.Paper)
			}
		}},
		{"spaces", func() {
			for _, s := range protocol.Spaces {
				fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Title)
			}
		}},
		{"protocols", func() {
			for _, p := range protocol.All {
				fmt.Fprintf(w, "%s\t%s on %s\t%s\n", p.Name, p.Space, p.Dataset, p.Title)
			}
		}},
		{"datasets", func() {
			for _, d := range images.Datasets {
				fmt.Fprintf(w, "%s\t%s\tneeds %s\n", d.Name, d.Title, d.Files)
			}
		}},
	} {
		if l.What != table.name && l.What != "all" {
			continue
		}
		if l.What == "all" {
			fmt.Fprintf(w, "%s:\n", table.name)
		}
		table.rows()
	}
	return w.Flush()
}

// settings prints what idarts run --set can change of a method: name, value, what it
// is, where the value comes from.
func (l *listCmd) settings(c console) error {
	if l.Method == "" {
		return errors.New("settings are those of a method, as in idarts list settings idarts")
	}
	p, err := protocol.Lookup(l.Space, l.Protocol)
	if err != nil {
		return err
	}
	if _, err := search.Lookup(l.Method); err != nil {
		return err
	}
	own, ok := p.Of(l.Method)
	if !ok {
		return fmt.Errorf("protocol %q has no settings for method %q on space %q, only for %q", p.Name, l.Method, p.Space, p.Methods(search.Methods))
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, v := range settings.Walk(own.Settings) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Path, v.Text(), v.Doc, own.SourceOf(v.Path))
	}
	return w.Flush()
}
