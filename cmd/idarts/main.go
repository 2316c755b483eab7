// Command idarts runs architecture searches and reports on them.
//
// Flags and output only: what it does is in runners, reports and the search
// spaces. Start at [cli] for the list of commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"idarts/internal/exec"
)

// cli lists the commands. Each command's struct holds its flags, its Run method
// does it.
type cli struct {
	Run     runCmd     `cmd:"" set:"out=out" help:"Run searches: methods times seeds, scored and resumable."`
	Retrain retrainCmd `cmd:"" set:"out=retrained" help:"Train architectures from scratch by a long recipe, resumable."`
	Tune    tuneCmd    `cmd:"" set:"out=tuning" help:"Run the grid of rates that every method is tuned by, and say what it chooses."`
	Table   tableCmd   `cmd:"" help:"Print the comparison table of finished runs."`
	Export  exportCmd  `cmd:"" help:"Write finished and other runs as tidy tables for other programs: CSV, Parquet or Arrow."`
	Figure  figureCmd  `cmd:"" help:"Draw the figures of finished runs."`
	Paper   paperCmd   `cmd:"" help:"Write a page of published tables and figures beside what is here, with verdicts."`
	Status  statusCmd  `cmd:"" help:"Say how far the runs of an output folder are."`
	Grid    gridCmd    `cmd:"" help:"Spread runs over many machines: a queue, its workers, how far they are."`
	Launch  launchCmd  `cmd:"" help:"Submit the runs of a grid to Slurm or Kubernetes, one task each."`
	Query   queryCmd   `cmd:"" help:"Look one architecture up in a table of trained networks."`
	List    listCmd    `cmd:"" help:"List methods, spaces, protocols and data sets."`
	Bench   benchCmd   `cmd:"" help:"Make a benchmark: train every network of a space."`
	Data    dataCmd    `cmd:"" help:"Import, check and build data."`
	Parity  parityCmd  `cmd:"" help:"Compute the losses and derivatives of a fixture, to compare with another framework."`
	Doctor  doctorCmd  `cmd:"" help:"Check this machine: versions, memory, data, the engine itself."`
	Version versionCmd `cmd:"" help:"Print the version."`
	Help    helpCmd    `cmd:"" help:"Say how a command is used, as --help after it does."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// defaultTable is where the benchmark's table is looked for.
const defaultTable = "data/nats-tss.arrow"

// Exit statuses.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130 // 128 + SIGINT, as shells count
)

// exit is how kong's --help leaves the parser.
type exit int

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	c := console{
		ctx: ctx, out: os.Stdout, err: os.Stderr, columns: columnsOf(os.Getenv),
		outScreen: screenOf(os.Stdout, os.Getenv), errScreen: screenOf(os.Stderr, os.Getenv),
	}
	status := execute(c, os.Args[1:])
	if err := os.Stdout.Close(); err != nil && status == 0 { // where some file systems tell of a full disk
		report(os.Stderr, lost(err))
		status = statusFailed
	}
	os.Exit(status)
}

// execute runs one command line and returns the exit status. Every error is one
// line on c.err. Output that could not be written is an error of any command.
func execute(c console, args []string) int {
	out := &output{to: c.out}
	if c.outScreen.ascii {
		out.to = asciiWriter{c.out}
	}
	c.out = out
	if c.errScreen.ascii {
		c.err = asciiWriter{c.err}
	}
	status, err := c.call(args)
	if out.err != nil && (err == nil || errors.Is(err, out.err)) {
		status, err = statusFailed, lost(out.err)
	}
	if err != nil {
		report(c.err, err)
	}
	return status
}

// call does what a command line says.
func (c console) call(args []string) (status int, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit:
			status = int(p)
		case exec.Failure: // a device outside of a run
			status, err = statusFailed, p.Err
		default:
			panic(p)
		}
	}()
	parser := newParser(c)
	call, err := parser.Parse(args)
	if err == nil {
		c.given, err = givenFlags(call)
	}
	if err != nil {
		return statusUsage, fmt.Errorf("%w (idarts --help lists the commands)", flagError(parser.Model, err))
	}
	err = call.Run(c)
	stopped := interrupted("")
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &stopped):
		return statusInterrupted, err
	}
	return statusFailed, err
}

// newParser is the parser of a command line; its help goes to c.
func newParser(c console) *kong.Kong {
	parser, err := kong.New(&cli{},
		kong.Name("idarts"),
		kong.Description("Neural architecture search with implicit gradients (iDARTS) and its baselines."),
		kong.Writers(c.out, c.err),
		kong.Vars{"out": "out", "table": defaultTable, "store": defaultStore, "version": versionLine()},
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the structs above are wrong
	}
	return parser
}

// helpCmd is --help as a command.
type helpCmd struct {
	Of []string `arg:"" optional:"" name:"command" help:"The command, as in idarts help data verify; all of them when left out."`
}

func (h *helpCmd) Run(c console) error {
	if _, err := newParser(c).Parse(append(slices.Clone(h.Of), "--help")); err != nil {
		return fmt.Errorf("%w (idarts --help lists the commands)", err)
	}
	return nil
}

// lost is the error for output that could not be written.
func lost(err error) error { return fmt.Errorf("cannot write the output: %w", err) }

// report writes err as one line.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "idarts: %s\n", strings.Join(strings.Fields(err.Error()), " "))
}
