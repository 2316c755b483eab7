package runners

import (
	"context"
	"fmt"
	"slices"

	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// Grid is a set of searches: methods times seeds, each under every protocol.
type Grid struct {
	Protocols []protocol.Protocol
	// Catalog are the methods that there are; nil: search.Methods.
	Catalog search.Catalog
	// Methods are names of them; nil: all that a protocol has settings for. With Main
	// they are those that the protocol has in front, and those that are named.
	Methods []string
	Main    bool
	// Changes are settings in place of the protocols': each combination of values is a
	// run of its own.
	Changes []Change
	Seeds   []uint64
	// Cell limits the grid to one of its cells, by its number in their order from 0;
	// nil: all.
	Cell *int
	// Bench opens the space of a protocol on its data, see [OpenBench].
	Bench func(p protocol.Protocol, fresh bool) (*Bench, error)
	work.Options
}

// gridCell is a cell with what it was made of.
type gridCell struct {
	result.Cell
	number   int // in the whole grid
	protocol int // of Grid.Protocols
	method   search.Method
	variant  variant
}

// chosen are the cells to run: all, or the one that is asked for.
func (g *Grid) chosen() ([]gridCell, error) {
	cells, err := g.cells()
	if err != nil || g.Cell == nil {
		return cells, err
	}
	n := *g.Cell
	if n < 0 || n >= len(cells) {
		return nil, fmt.Errorf("runners: cell %d: the grid has %d, want 0 to %d", n, len(cells), len(cells)-1)
	}
	return cells[n : n+1], nil
}

// Size is how many runs the grid has, which no data is looked at for.
func (g *Grid) Size() (int, error) {
	cells, err := g.chosen()
	return len(cells), err
}

// benches opens those that the cells need, by protocol.
func (g *Grid) benches(cells []gridCell, fresh bool) ([]*Bench, error) {
	benches := make([]*Bench, len(g.Protocols))
	for _, c := range cells {
		if benches[c.protocol] != nil {
			continue
		}
		var err error
		if benches[c.protocol], err = g.Bench(g.Protocols[c.protocol], fresh); err != nil {
			return nil, err
		}
	}
	return benches, nil
}

// cells lists the runs, protocol by protocol and seed by seed, so that an early
// look at the results shows all methods.
func (g *Grid) cells() ([]gridCell, error) {
	if len(g.Protocols) == 0 || len(g.Seeds) == 0 {
		return nil, fmt.Errorf("runners: nothing to run: %d protocols, %d seeds", len(g.Protocols), len(g.Seeds))
	}
	for i, name := range g.Methods {
		if slices.Contains(g.Methods[:i], name) {
			return nil, fmt.Errorf("runners: method %q is named twice", name)
		}
	}
	var cells []gridCell
	given := newChanges(g.Changes)
	for k := range g.Protocols {
		methods, err := g.methods(k, given)
		if err != nil {
			return nil, err
		}
		for _, seed := range g.Seeds {
			for _, c := range methods {
				c.number, c.Seed = len(cells), seed
				cells = append(cells, c)
			}
		}
	}
	return cells, given.unused()
}

// methods are the cells of one protocol, without a seed.
func (g *Grid) methods(k int, given *changes) ([]gridCell, error) {
	p, names := g.Protocols[k], g.Methods
	switch {
	case g.Main:
		main := p.Main(g.catalog())
		names = slices.DeleteFunc(g.catalog().Names(), func(name string) bool {
			return !slices.Contains(main, name) && !slices.Contains(names, name)
		})
	case names == nil:
		names = p.Methods(g.catalog())
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("runners: nothing to run: no method on space %q", p.Space)
	}
	var cells []gridCell
	for _, name := range names {
		m, err := g.catalog().Lookup(name)
		if err != nil {
			return nil, err
		}
		own, ok := p.Of(name)
		if !ok {
			return nil, fmt.Errorf("runners: protocol %q has no settings for method %q on space %q, only for %q", p.Name, name, p.Space, p.Methods(g.catalog()))
		}
		found, err := given.variants(own)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			cell := result.Cell{Space: p.Space, Dataset: p.Dataset, Method: name, Protocol: p.Name, Settings: v.name()}
			cells = append(cells, gridCell{Cell: cell, protocol: k, method: m, variant: v})
		}
	}
	return cells, nil
}

func (g *Grid) catalog() search.Catalog {
	if g.Catalog == nil {
		return search.Methods
	}
	return g.Catalog
}

// config resolves what one cell is made from.
func (g *Grid) config(c gridCell, bench *Bench) (result.Config, error) {
	p := g.Protocols[c.protocol]
	return makeConfig(result.Config{
		Cell:    c.Cell,
		Numbers: result.Numbers{Revision: c.method.Revision, Data: bench.Data},
		About: map[string]string{
			"protocol": p.Title, "method": c.method.Title, "paper": c.method.Paper, "note": c.method.Note,
		},
		Set: c.variant.texts(),
	}, p, c.variant.settings, g.Device)
}

// job is the search of one cell.
func (g *Grid) job(c gridCell, bench *Bench) (job, error) {
	config, err := g.config(c, bench)
	scoring := g.Protocols[c.protocol].Score
	var expected func() (*result.Expected, error)
	if random, ok := c.variant.settings.(search.Random); ok && bench.Expected != nil {
		expected = func() (*result.Expected, error) { return bench.Expected(random.Queries) }
	}
	fitness := bench.Scorer
	if bench.Fitness != nil {
		fitness = bench.Fitness
	}
	return job{
		config: config, last: scoring.Last, optimum: bench.Optimum, expected: expected, columns: bench.Columns, cheap: c.method.BlackBox && scoring.Table,
		start: func(d exec.Device, query func(arch string) (float64, error)) (search.Searcher, error) {
			return c.method.New(search.Env{
				Space: bench.Space, Seed: c.Seed, Query: query, Keep: bench.Keep,
				Supernet: func(o search.SupernetOptions) (search.Problem, error) { return bench.Problem(d, c.Seed, o) },
			}, c.variant.settings)
		},
		score: bench.Scorer.Score, fitness: fitness.Score,
	}, err
}

// Run runs the grid, or what other processes leave of it, see [work.Run]. The error
// is for what stops all runs; what stops one is in the summary. When ctx ends, running
// cells stop at their last checkpoint and the error is ctx's.
func (g *Grid) Run(ctx context.Context) (work.Summary, error) {
	cells, err := g.chosen()
	if err != nil {
		return work.Summary{}, err
	}
	benches, err := g.benches(cells, g.Fresh)
	if err != nil {
		return work.Summary{}, err
	}
	jobs := make([]job, len(cells))
	for i, c := range cells {
		if jobs[i], err = g.job(c, benches[c.protocol]); err != nil {
			return work.Summary{}, err
		}
	}
	return runJobs(ctx, g.Options, jobs)
}
