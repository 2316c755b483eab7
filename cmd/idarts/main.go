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
	"regexp"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// cli lists the commands. Each command's struct holds its flags, its Run method
// does it.
type cli struct {
	Run     runCmd     `cmd:"" set:"out=out" help:"Run searches: methods times seeds, scored and resumable."`
	Retrain retrainCmd `cmd:"" set:"out=retrained" help:"Train architectures from scratch by a long recipe, resumable."`
	Table   tableCmd   `cmd:"" help:"Print the comparison table of finished runs."`
	Figure  figureCmd  `cmd:"" help:"Draw the figures of finished runs."`
	Status  statusCmd  `cmd:"" help:"Say how far the runs of an output folder are."`
	Query   queryCmd   `cmd:"" help:"Look one architecture up in a table of trained networks."`
	List    listCmd    `cmd:"" help:"List methods, spaces, protocols and data sets."`
	Bench   benchCmd   `cmd:"" help:"Make a benchmark: train every network of a space."`
	Data    dataCmd    `cmd:"" help:"Import, check and build data."`
	Parity  parityCmd  `cmd:"" help:"Compute the losses and derivatives of a fixture, to compare with another framework."`
	Doctor  doctorCmd  `cmd:"" help:"Check this machine: versions, memory, data, the engine itself."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// console is where a command reads its interrupt from and writes to.
type console struct {
	ctx      context.Context
	out, err io.Writer
}

// defaultTable is where the benchmark's table is looked for.
const defaultTable = "data/nats-tss.arrow"

// Exit statuses.
const (
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130 // 128 + SIGINT, as shells count
)

// wantedNumber is what kong says of a number that is none.
var wantedNumber = regexp.MustCompile(`expected a valid \d+ bit u?int but got (.*)$`)

// exit is how kong's --help leaves the parser.
type exit int

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(console{ctx: ctx, out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}

// execute runs one command line and returns the exit status. Every error is one
// line on c.err.
func execute(c console, args []string) (status int) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit:
			status = int(p)
		default:
			panic(p)
		}
	}()
	parser, err := kong.New(&cli{},
		kong.Name("idarts"),
		kong.Description("Neural architecture search with implicit gradients (iDARTS) and its baselines."),
		kong.Writers(c.out, c.err),
		kong.Vars{"out": "out", "table": defaultTable},
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the structs above are wrong
	}
	call, err := parser.Parse(args)
	if err != nil {
		report(c.err, fmt.Errorf("%s (idarts --help lists the commands)", wantedNumber.ReplaceAllString(err.Error(), "want a whole number, got $1")))
		return statusUsage
	}
	err = call.Run(c)
	if err == nil {
		return 0
	}
	report(c.err, err)
	if stopped := interrupted(""); errors.As(err, &stopped) {
		return statusInterrupted
	}
	return statusFailed
}

// report writes err as one line.
func report(w io.Writer, err error) {
	fmt.Fprintf(w, "idarts: %s\n", strings.Join(strings.Fields(err.Error()), " "))
}

// terminal says whether w is one, and how to find its width.
func terminal(w io.Writer) (is bool, width func() int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, func() int { return 0 }
	}
	return true, func() int {
		columns, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 80
		}
		return columns
	}
}
