package runners

import (
	"fmt"

	dartsspace "idarts/darts_space"
	"idarts/internal/diagram"
	"idarts/internal/images"
	"idarts/internal/search"
	"idarts/internal/supernet"
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
	// Supernet is the one-shot network for images like those of set, with the
	// number of its cells. Each cell has its own copy of all mixture coefficients.
	Supernet func(n Net, set *images.Set) (build supernet.Build, cells int)
	// Final is the network of one architecture, for training from scratch.
	Final func(arch string, n Net, set *images.Set) (supernet.Build, error)
	// Canonical is the representative of all architectures whose trained network is the same.
	Canonical func(arch string) (string, error)
	// Graph is the architecture as a drawing has it.
	Graph func(arch string) ([]diagram.Graph, error)
	// Table reads two columns of the content of a benchmark's table, which errors call
	// name; nil where there is none.
	Table func(name string, content []byte, valid, test Column) (Table, error)
	// TableFrom is the command that makes a table, up to the name of its file.
	TableFrom string
}

// Spaces lists the search spaces.
var Spaces = []Space{
	{
		Name: "nb201", Title: "NAS-Bench-201: 4 nodes, 6 edges, 5 operations",
		Search: nb201.Space,
		Supernet: func(n Net, set *images.Set) (supernet.Build, int) {
			net := nb201Net(n, set)
			return net.Supernet(), net.Layers()
		},
		Final: func(arch string, n Net, set *images.Set) (supernet.Build, error) {
			cell, err := nb201.Parse(arch)
			if err != nil {
				return nil, err
			}
			return nb201Net(n, set).Final(cell), nil
		},
		Canonical: parsed(nb201.Parse, func(c nb201.Cell) string { return c.Network().String() }),
		Graph:     parsed(nb201.Parse, nb201.Cell.Graph),
		Table: func(name string, content []byte, valid, test Column) (Table, error) {
			table, err := nb201.Decode(name, content)
			if err != nil {
				return nil, err
			}
			return table.Scores(nb201.Key(valid), nb201.Key(test)), nil
		},
		TableFrom: "idarts data import nats-bench FOLDER",
	},
	oneShot("nb1b1-s1", nb1b1.Space1),
	oneShot("nb1b1-s2", nb1b1.Space2),
	oneShot("nb1b1-s3", nb1b1.Space3),
	{
		Name: "darts", Title: "DARTS: two kinds of cell, 14 edges each, 8 operations",
		Search: dartsspace.Space,
		Supernet: func(n Net, set *images.Set) (supernet.Build, int) {
			net := dartsNet(n, set)
			return net.Supernet(), net.Layers()
		},
		Final: func(arch string, n Net, set *images.Set) (supernet.Build, error) {
			genotype, err := dartsspace.Parse(arch)
			if err != nil {
				return nil, err
			}
			return dartsNet(n, set).Final(genotype), nil
		},
		Canonical: parsed(dartsspace.Parse, func(g dartsspace.Genotype) string { return g.Canonical().String() }),
		Graph:     parsed(dartsspace.Parse, dartsspace.Genotype.Graph),
	},
}

// parsed is f of an architecture's text.
func parsed[A, R any](parse func(string) (A, error), f func(A) R) func(arch string) (R, error) {
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
	return Space{}, fmt.Errorf("runners: unknown space %q, want one of %q", name, names)
}

func nb201Net(n Net, set *images.Set) nb201.Net {
	return nb201.Net{C: n.C, N: n.N, Classes: set.Classes, InChannels: set.C, Size: set.H}
}

// oneShot is the row of one of the spaces of NAS-Bench-1Shot1.
func oneShot(name string, s nb1b1.OneShot) Space {
	parse := func(arch string) (nb1b1.Cell, error) {
		cell, err := nb1b1.Parse(arch)
		if err != nil {
			return cell, err
		}
		return cell, s.Check(cell)
	}
	return Space{
		Name: name, Title: fmt.Sprintf("%v: %d blocks, 3 operations, cells of NAS-Bench-101", s, s.Blocks()),
		Search: s.Space,
		Supernet: func(n Net, set *images.Set) (supernet.Build, int) {
			net := oneShotNet(n, set)
			return net.Supernet(s), net.Layers()
		},
		Final: func(arch string, n Net, set *images.Set) (supernet.Build, error) {
			cell, err := parse(arch)
			if err != nil {
				return nil, err
			}
			return oneShotNet(n, set).Final(cell), nil
		},
		Canonical: parsed(parse, func(c nb1b1.Cell) string { return c.Canonical().String() }),
		Graph:     parsed(parse, nb1b1.Cell.Graph),
		Table: func(name string, content []byte, valid, test Column) (Table, error) {
			table, err := nb1b1.Decode(name, content)
			if err != nil {
				return nil, err
			}
			return table.Scores(nb1b1.Key{Epochs: valid.Epochs, Split: valid.Split}, nb1b1.Key{Epochs: test.Epochs, Split: test.Split}), nil
		},
		TableFrom: "idarts data import nas-bench-101 FILE.tfrecord",
	}
}

func oneShotNet(n Net, set *images.Set) nb1b1.Net {
	return nb1b1.Net{C: n.C, N: n.N, Classes: set.Classes, InChannels: set.C, Size: set.H, Momentum: n.Momentum}
}

func dartsNet(n Net, set *images.Set) dartsspace.Net {
	return dartsspace.Net{
		C: n.C, N: n.N, Classes: set.Classes, InChannels: set.C, Size: set.H,
		Aux: n.Auxiliary, ImageNet: n.ImageNet,
	}
}
