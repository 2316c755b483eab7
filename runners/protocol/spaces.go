package protocol

import (
	"fmt"

	dartsspace "idarts/darts_space"
	"idarts/internal/diagram"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/nb1b1"
	"idarts/nb201"
)

// Space is what the runners need of a search space. Architectures are text in
// the space's own form; a text that is none of the space's gives an error that
// says why.
type Space struct {
	Name, Title string
	// Search is the space as methods see it.
	Search func() search.Space
	// Sized is a network with c channels in the first stage and n cells (of a stage,
	// or in all, as the space counts), all other sizes as usual.
	Sized func(c, n int) Net
	// Canonical is the representative of all architectures whose trained network is the same.
	Canonical func(arch string) (string, error)
	// Graph is the architecture as a drawing has it.
	Graph func(arch string) ([]diagram.Graph, error)
	// Table reads two columns of the content of a benchmark's table, which errors call
	// name; nil where there is none.
	Table func(name string, content []byte, valid, test Column) (Table, error)
	// TableFrom is the command that makes a table, up to the name of its file.
	TableFrom string
	// Query answers questions to tables whose metadata have the format TableFormat, in
	// text; nil where there are none. Where TableInside is set it knows one inside the
	// program.
	Query       func(q Question) (string, error)
	TableFormat string
	TableInside bool
}

// Spaces lists the search spaces.
var Spaces = []Space{
	{
		Name: "nb201", Title: "NAS-Bench-201: 4 nodes, 6 edges, 5 operations",
		Search:    nb201.Space,
		Sized:     func(c, n int) Net { return nb201.Net{C: c, N: n} },
		Canonical: Parsed(nb201.Parse, func(c nb201.Cell) string { return c.Network().String() }),
		Graph:     Parsed(nb201.Parse, nb201.Cell.Graph),
		Table:     open201,
		TableFrom: "idarts data import nats-bench FOLDER",
		Query:     ask201, TableFormat: nb201.Format, TableInside: true,
	},
	oneShot("nb1b1-s1", nb1b1.Space1),
	oneShot("nb1b1-s2", nb1b1.Space2),
	oneShot("nb1b1-s3", nb1b1.Space3),
	{
		Name: "darts", Title: "DARTS: two kinds of cell, 14 edges each, 8 operations",
		Search:    dartsspace.Space,
		Sized:     func(c, n int) Net { return dartsspace.Net{C: c, N: n} },
		Canonical: Parsed(dartsspace.Parse, func(g dartsspace.Genotype) string { return g.Canonical().String() }),
		Graph:     Parsed(dartsspace.Parse, dartsspace.Genotype.Graph),
		Table:     openSurrogate, TableFrom: "idarts data fetch nb301 --out",
		Query: askPublished, TableFormat: dartsspace.Format, TableInside: true,
	},
}

// Parsed is f of an architecture's text.
func Parsed[A, R any](parse func(string) (A, error), f func(A) R) func(arch string) (R, error) {
	return func(arch string) (R, error) {
		a, err := parse(arch)
		if err != nil {
			var none R
			return none, err
		}
		return f(a), nil
	}
}

// LookupSpace finds a space by its name.
func LookupSpace(name string) (Space, error) {
	var names []string
	for _, s := range Spaces {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Space{}, fmt.Errorf("protocol: unknown space %q, want %s", name, settings.Offer(name, names))
}

// oneShot is the row of one of the spaces of NAS-Bench-1Shot1.
func oneShot(name string, s nb1b1.OneShot) Space {
	return Space{
		Name: name, Title: fmt.Sprintf("%v: %d blocks, 3 operations, cells of NAS-Bench-101", s, s.Blocks()),
		Search:    s.Space,
		Sized:     func(c, n int) Net { return nb1b1.Net{Space: s, C: c, N: n} },
		Canonical: Parsed(s.Parse, func(c nb1b1.Cell) string { return c.Canonical().String() }),
		Graph:     Parsed(s.Parse, nb1b1.Cell.Graph),
		Table: func(name string, content []byte, valid, test Column) (Table, error) {
			table, err := nb1b1.Decode(name, content)
			if err != nil {
				return nil, err
			}
			return table.Scores(nb1b1.Key{Epochs: valid.Epochs, Split: valid.Split}, nb1b1.Key{Epochs: test.Epochs, Split: test.Split}), nil
		},
		TableFrom: "idarts data import nas-bench-101 FILE.tfrecord",
		Query:     func(q Question) (string, error) { return ask101(q, s) }, TableFormat: nb1b1.Format,
	}
}
