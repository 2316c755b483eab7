package main

import (
	"fmt"
	"strings"

	"idarts/internal/search"
	"idarts/runners"
)

// inputFlags say where data comes from.
type inputFlags struct {
	Data  string `help:"Folder of the data set, for protocols whose images are not in the program." placeholder:"DIR"`
	Table string `help:"Arrow table of the benchmark, for protocols that score by table." default:"data/nats-tss.arrow" placeholder:"FILE"`
}

type runCmd struct {
	Space    string   `help:"Search space." default:"nb201"`
	Protocol string   `help:"Protocol: every number but the seed. See: idarts list protocols." default:"laptop"`
	Methods  []string `help:"Methods, comma separated, or all." default:"all"`
	Seeds    string   `help:"Seeds and ranges, as in 0-2,5." default:"0-2"`
	Out      string   `help:"Output folder." default:"out" placeholder:"DIR"`
	Jobs     int      `help:"Runs at a time; 0 is one for each core." default:"0" placeholder:"N"`
	DryRun   bool     `help:"Touch data, scores and output paths, print the plan, run nothing."`
	Fresh    bool     `help:"Delete what is there of these runs and start over."`
	inputFlags
}

// interrupted is what a run that was told to stop says.
type interrupted string

func (i interrupted) Error() string { return string(i) }

func (r *runCmd) Run(c console) error {
	protocol, err := runners.LookupProtocol(r.Protocol)
	if err != nil {
		return err
	}
	if _, err := runners.LookupSpace(r.Space); err != nil {
		return err
	}
	if r.Space != protocol.Space {
		return fmt.Errorf("protocol %q is for space %q, not %q", protocol.Name, protocol.Space, r.Space)
	}
	seeds, err := runners.ParseSeeds(r.Seeds)
	if err != nil {
		return err
	}
	if r.Jobs < 0 {
		return fmt.Errorf("--jobs is %d, want 0 or more", r.Jobs)
	}
	methods := r.Methods
	if len(methods) == 1 && methods[0] == "all" {
		methods = search.Names()
	}
	in := runners.Inputs{Data: r.Data, Table: r.Table, Out: r.Out}
	grid := &runners.Grid{
		Protocol: protocol, Methods: methods, Seeds: seeds, Out: r.Out, Jobs: r.Jobs, Fresh: r.Fresh,
		Bench: func(fresh bool) (*runners.Bench, error) { return runners.OpenBench(protocol, in, fresh) },
		Log:   c.err,
	}
	grid.Terminal, grid.Width = terminal(c.err)
	if r.DryRun {
		return grid.DryRun(c.ctx, c.out)
	}
	sum, err := grid.Run(c.ctx)
	if err != nil && c.ctx.Err() == nil {
		return err
	}
	fmt.Fprintf(c.out, "%d runs done, %d reused, %d failed in %s\n", sum.Done, sum.Reused, len(sum.Failed), r.Out)
	if err != nil {
		return interrupted(fmt.Sprintf("interrupted with %d of %d runs to go; the same command goes on after the last finished epochs",
			sum.Left, sum.Left+sum.Done+sum.Reused+len(sum.Failed)))
	}
	if len(sum.Failed) > 0 {
		return fmt.Errorf("%d of %d runs failed: %s", len(sum.Failed), sum.Done+sum.Reused+len(sum.Failed), strings.Join(sum.Failed, "; "))
	}
	return nil
}
