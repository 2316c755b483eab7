package main

import (
	"fmt"
	"slices"
	"strings"

	"idarts/internal/device"
	"idarts/internal/durable"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/runners"
	"idarts/runners/protocol"
)

// inputFlags say where data comes from.
type inputFlags struct {
	Data  string `help:"Folder of the data set, for protocols whose images are not in the program." placeholder:"DIR"`
	Table string `help:"Arrow table of the benchmark, for protocols that score by table." default:"${table}" placeholder:"FILE"`
}

// benches opens what the searches of a grid run on.
func (i inputFlags) benches(out string, note func(format string, args ...any)) func(protocol.Protocol, bool) (*runners.Bench, error) {
	in := runners.Inputs{Data: i.Data, Table: i.Table, Out: out, Note: note}
	return func(p protocol.Protocol, fresh bool) (*runners.Bench, error) {
		bench, err := runners.OpenBench(p, in, fresh)
		return bench, missing(err, place{"table", i.Table}, place{"data", i.Data})
	}
}

// gridFlags say where and how runs go.
type gridFlags struct {
	Out   string `help:"Output folder." default:"${out}" placeholder:"DIR"`
	Jobs  int    `help:"Runs at a time; 0 is one for each core, and one on a graphics card." default:"0" placeholder:"N"`
	Fresh bool   `help:"Delete what is there of these runs and start over."`
	claimsFlag
	deviceFlag
}

// claimsFlag says how processes on one output folder keep apart.
type claimsFlag struct {
	Claims string `help:"How processes that share the output folder keep out of each other's way: locks of the system, which hold on one machine; or leases, files with a sign of life a quarter of a minute apart, for folders that machines share." enum:"locks,leases" default:"locks"`
}

// apply has this process do so.
func (f claimsFlag) apply() {
	if f.Claims == "leases" {
		durable.UseLeases(durable.DefaultLease)
	}
}

// redoFlag names runs to make again.
type redoFlag struct {
	Redo []string `help:"Make this run again, named as idarts status does; what is there of it is set aside. May be repeated." sep:"none" placeholder:"RUN"`
}

// deviceFlag chooses what computes.
type deviceFlag struct {
	Device string `help:"What computes: cpu, cpu:SET for one instruction set (plain, avx2, avx512; all give the same bits), opencl or opencl:N for a graphics card, cuda or cuda:N for one of NVIDIA, or auto for the best that there is." default:"auto" placeholder:"NAME"`

	DeviceAny bool `help:"Take a graphics card that rounds otherwise than all others as well. Its results are of a class of their own."`
}

// choose names the device. What is wrong with a card that auto does not take is one line
// on c.err.
func (d deviceFlag) choose(c console) (string, error) {
	if d.Device == "auto" {
		name, why := device.Best(32, d.DeviceAny)
		if why != "" {
			fmt.Fprintf(c.err, "auto is %s: %s\n", name, why)
		}
		return name, nil
	}
	if !d.DeviceAny {
		return d.Device, nil
	}
	if !device.OnCard(d.Device) {
		return "", fmt.Errorf("--device-any is for graphics cards, and --device is %q", d.Device)
	}
	return device.Any(d.Device), nil
}

// chooseFor is choose, and how many runs go at a time on the device: one on a graphics card
// where nobody says.
func (d deviceFlag) chooseFor(c console, jobs int) (name string, atATime int, err error) {
	if jobs < 0 {
		return "", 0, fmt.Errorf("--jobs is %d, want 0 or more", jobs)
	}
	if name, err = d.choose(c); err == nil && jobs == 0 && device.OnCard(name) {
		jobs = 1
	}
	return name, jobs, err
}

// options are the flags as the runners want them.
func (g gridFlags) options(c console) (work.Options, error) {
	name, jobs, err := g.chooseFor(c, g.Jobs)
	if err != nil {
		return work.Options{}, err
	}
	g.apply()
	o := work.Options{Out: g.Out, Jobs: jobs, Fresh: g.Fresh, Device: name, Log: c.err}
	o.Terminal, o.Width = c.errScreen.terminal, c.errScreen.width
	return o, nil
}

// interrupted is what a run that was told to stop says.
type interrupted string

func (i interrupted) Error() string { return string(i) }

// say prints what became of runs and gives the error that the command ends with.
func say(c console, out string, sum work.Summary, err error) error {
	if err != nil && c.ctx.Err() == nil {
		return err
	}
	others := ""
	if sum.Elsewhere > 0 {
		others = fmt.Sprintf("%d done elsewhere, ", sum.Elsewhere)
	}
	fmt.Fprintf(c.out, "%d runs done, %d reused, %s%d failed in %s\n", sum.Done, sum.Reused, others, len(sum.Failed), out)
	all := sum.Left + sum.Done + sum.Reused + sum.Elsewhere + len(sum.Failed)
	if err != nil {
		return interrupted(fmt.Sprintf("interrupted with %d of %d runs to go; the same command goes on after the last finished epochs", sum.Left, all))
	}
	if len(sum.Failed) > 0 {
		return fmt.Errorf("%d of %d runs failed: %s", len(sum.Failed), all, strings.Join(sum.Failed, "; "))
	}
	return nil
}

// chooseFlags say which runs there are.
type chooseFlags struct {
	Space    []string `help:"Search spaces, comma separated. See: idarts list spaces." default:"nb201"`
	Protocol string   `help:"Protocol: every number but the seed. See: idarts list protocols." default:"laptop"`
	Methods  []string `help:"Methods, comma separated; main: those that the protocol has in front; all: all that it has settings for." default:"main" aliases:"method"`
	Set      []string `help:"Other settings than the protocol's, as in --set inner_steps=1,2 or --set idarts.arch.lr=3e-4: every combination of values is a run of its own. Without a method's name it is for all of the methods that have it; the others run as they are. See: idarts list settings METHOD." sep:"none" placeholder:"NAME=VALUES"`
	Seeds    string   `help:"Seeds and ranges, as in 0-2,5." default:"0-2"`
	inputFlags
}

// grid is the grid of the chosen runs, without what is said of where and how they go.
func (f chooseFlags) grid(c console) (*runners.Grid, error) {
	var protocols []protocol.Protocol
	for i, space := range f.Space {
		if slices.Contains(f.Space[:i], space) {
			return nil, fmt.Errorf("space %q is named twice", space)
		}
		p, err := protocol.Lookup(space, f.Protocol)
		if err != nil {
			return nil, err
		}
		protocols = append(protocols, p)
	}
	seeds, err := runners.ParseSeeds(f.Seeds)
	if err != nil {
		return nil, err
	}
	if err := c.inputsOf(protocols...); err != nil {
		return nil, err
	}
	methods, main, err := methodsOf(f.Methods, protocols)
	if err != nil {
		return nil, err
	}
	var changes []runners.Change
	for _, text := range f.Set {
		change, err := runners.ParseChange(text, search.Names())
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return &runners.Grid{Protocols: protocols, Methods: methods, Main: main, Changes: changes, Seeds: seeds}, nil
}

type runCmd struct {
	chooseFlags
	Cell   *int `help:"Run only this cell of the grid, counted from 0 as --dry-run does; the number of a task of a Slurm array or an indexed job will do." placeholder:"N"`
	DryRun bool `help:"Touch data, scores and output paths, print the plan, run nothing."`
	gridFlags
	redoFlag
}

func (r *runCmd) Run(c console) error {
	options, err := r.options(c)
	if err != nil {
		return err
	}
	options.Redo = r.Redo
	grid, err := r.grid(c)
	if err != nil {
		return err
	}
	grid.Cell, grid.Options, grid.Bench = r.Cell, options, r.benches(r.Out, options.Note)
	if r.DryRun {
		return grid.DryRun(c.ctx, c.out)
	}
	sum, err := grid.Run(c.ctx)
	return say(c, r.Out, sum, err)
}

// methodsOf are the methods of --methods, nil for all that each protocol has settings
// for, and whether those in front are among them. Names beside these words must be ones
// that all protocols have.
func methodsOf(words []string, protocols []protocol.Protocol) (names []string, main bool, err error) {
	all := slices.Contains(words, allMethods)
	main = !all && slices.Contains(words, mainMethods)
	if !all && !main {
		return words, false, nil
	}
	for _, name := range words {
		if name == allMethods || name == mainMethods {
			continue
		}
		if _, err := search.Lookup(name); err != nil {
			return nil, false, err
		}
		for _, p := range protocols {
			if _, ok := p.Of(name); !ok {
				return nil, false, fmt.Errorf("--methods %s: protocol %q has no settings for method %q on space %q, only for %q",
					strings.Join(words, ","), p.Name, name, p.Space, p.Methods(search.Methods))
			}
		}
		names = append(names, name)
	}
	if all {
		names = nil
	}
	return names, main, nil
}

// Words of --methods.
const (
	mainMethods = "main"
	allMethods  = "all"
)

type retrainCmd struct {
	Archs    []string `arg:"" sep:"none" help:"Architectures in the space's own text, or names of published genotypes (see: idarts query --space darts)."`
	Space    string   `help:"Search space." default:"darts"`
	Protocol string   `help:"Protocol, whose recipe for retraining is used." default:"laptop"`
	Seeds    string   `help:"Seeds and ranges, as in 0-2,5." default:"0"`
	Data     string   `help:"Folder of the data set, for protocols whose images are not in the program." placeholder:"DIR"`
	gridFlags
	redoFlag
}

func (r *retrainCmd) Run(c console) error {
	protocol, err := protocol.Lookup(r.Space, r.Protocol)
	if err != nil {
		return err
	}
	if err := c.inputsOf(protocol); err != nil {
		return err
	}
	seeds, err := runners.ParseSeeds(r.Seeds)
	if err != nil {
		return err
	}
	options, err := r.options(c)
	if err != nil {
		return err
	}
	options.Redo = r.Redo
	archs := slices.Clone(r.Archs)
	for i, text := range archs {
		if archs[i], err = architecture(r.Space, text); err != nil {
			return err
		}
	}
	retrain, err := runners.OpenRetrain(protocol, archs, seeds, r.Data, options)
	if err != nil {
		return missing(err, place{"data", r.Data})
	}
	sum, err := retrain.Run(c.ctx)
	return say(c, r.Out, sum, err)
}
