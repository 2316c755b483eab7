package main

import (
	"slices"

	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/reports"
	"idarts/runners"
	"idarts/runners/protocol"
)

type tuneCmd struct {
	Space    string   `help:"Search space." default:"nb201"`
	Protocol string   `help:"Protocol whose rates are tuned." default:"fair-untuned"`
	Methods  []string `help:"Methods, comma separated; main: those that the protocol has in front; all: all that it has settings for." default:"main" aliases:"method"`
	Seeds    string   `help:"Seeds and ranges, as in 100-102; other ones than those that are reported." default:"100-102"`
	gridFlags
	inputFlags
}

// Run runs the grid and prints what it chooses.
func (t *tuneCmd) Run(c console) error {
	p, err := protocol.Lookup(t.Space, t.Protocol)
	if err != nil {
		return err
	}
	seeds, err := runners.ParseSeeds(t.Seeds)
	if err != nil {
		return err
	}
	options, err := t.options(c)
	if err != nil {
		return err
	}
	if err := c.inputsOf(p); err != nil {
		return err
	}
	methods, main, err := methodsOf(t.Methods, []protocol.Protocol{p})
	if err != nil {
		return err
	}
	takesPart := func(s protocol.Search) bool {
		return slices.Contains(methods, s.Method) || main && !s.Aside || methods == nil && !main
	}
	grid := &runners.Grid{
		Protocols: []protocol.Protocol{p}, Methods: methods, Main: main, Changes: tuning(p, takesPart), Seeds: seeds, Options: options,
		Bench: t.benches(t.Out, options.Note),
	}
	sum, err := grid.Run(c.ctx)
	if err := say(c, t.Out, sum, err); err != nil {
		return err
	}
	runs, _, err := result.Load(t.Out)
	if err != nil {
		return err
	}
	return reports.Tables{reports.Tune(runs, showOptions())}.TextOn(c.out, c.page())
}

// tuning are the rates that those methods of a protocol go through that take part, by the
// one rule for all.
func tuning(p protocol.Protocol, takesPart func(protocol.Search) bool) (changes []runners.Change) {
	for _, name := range p.Methods(search.Methods) {
		of, _ := p.Of(name)
		if !takesPart(of) {
			continue
		}
		if path, rate, ok := protocol.AlphaRate(of.Settings); ok {
			change := runners.Change{Method: name, Path: path}
			for _, factor := range protocol.Tuning.Alpha {
				change.Values = append(change.Values, protocol.Rate(rate*factor))
			}
			changes = append(changes, change)
		}
		if protocol.HasWeights(of.Settings) {
			change := runners.Change{Method: name, Path: "weights.lr"}
			for _, rate := range protocol.Tuning.Weights {
				change.Values = append(change.Values, protocol.Rate(rate))
			}
			changes = append(changes, change)
		}
	}
	return changes
}
