// Command roofline says what holds a stage of a search: for each kind of kernel
// the time it took, its arithmetic, the bytes that it has to read and write, and the
// time that the machine's own limits, measured first, allow it at best.
//
//	make roofline
//	go run ./benchmarks/roofline -nets nb201/N=1 -stages forward-backward
//
// The limits are the arithmetic of the engine's own multiply-and-add loop on
// numbers in registers, and the speed of a copy between arrays that lie in cache and
// in memory. The least time of an instruction is the larger of arithmetic over peak
// and bytes over the bandwidth of the place where the stage's data lie.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"

	"idarts/benchmarks"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
)

func main() {
	nets := flag.String("nets", "nb201/N=1", "supernets, separated by commas; all: every one")
	stages := flag.String("stages", "forward-backward,second-order", "stages, separated by commas")
	runs := flag.Int("runs", 10, "runs of a stage after the first; times are of the fastest")
	threads := flag.Int("threads", runtime.GOMAXPROCS(0), "threads")
	flag.Parse()
	if err := report(os.Stdout, strings.Split(*nets, ","), strings.Split(*stages, ","), *runs, *threads); err != nil {
		fmt.Fprintf(os.Stderr, "roofline: %v\n", err)
		os.Exit(1)
	}
}

// report prints each stage when it is measured. Output that is lost is an error, told
// at the end.
func report(to io.Writer, nets, stages []string, runs, threads int) error {
	if err := known(nets, stages); err != nil {
		return err
	}
	out := bufio.NewWriter(to) // keeps the first error
	device := cpu.Open[float32](threads)
	defer device.Close()
	peak := cpu.Peak(threads)
	fmt.Fprintf(out, "%d threads: %.0f GFLOP/s of multiplications and additions; copies move %.0f GB/s in cache, %.0f GB/s in memory\n",
		threads, peak.FLOPs/1e9, peak.Cache/1e9, peak.Memory/1e9)
	for _, n := range benchmarks.Nets {
		if !slices.Contains(nets, n.String()) && !slices.Contains(nets, "all") {
			continue
		}
		for _, stage := range benchmarks.Stages {
			if !slices.Contains(stages, stage.Name) {
				continue
			}
			kinds, err := measure(n, stage, runs, device)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "\n%v, batch %d: %s\n\n", n, n.Batch, stage.Name)
			write(out, kinds, peak)
			out.Flush()
		}
	}
	return out.Flush()
}

// known is an error for the first name that is no supernet's or stage's.
func known(nets, stages []string) error {
	for _, name := range nets {
		is := func(n benchmarks.Net) bool { return n.String() == name }
		if name != "all" && !slices.ContainsFunc(benchmarks.Nets, is) {
			return fmt.Errorf("no supernet %q, want some of %v or all", name, benchmarks.Nets)
		}
	}
	for _, name := range stages {
		if !slices.ContainsFunc(benchmarks.Stages, func(s benchmarks.Stage) bool { return s.Name == name }) {
			return fmt.Errorf("no stage %q", name)
		}
	}
	return nil
}

// kind is what is said together of all instructions of one sort in a stage.
type kind struct {
	name        string
	calls       int
	seconds     float64
	flop, bytes float64
	least       float64 // seconds
}

// measure runs a stage and keeps the fastest run.
func measure(n benchmarks.Net, stage benchmarks.Stage, runs int, device exec.Device) (map[string]*kind, error) {
	s, err := benchmarks.New(n, 32, device)
	if err != nil {
		return nil, err
	}
	if stage.Before != nil {
		if err := stage.Before(s); err != nil {
			return nil, err
		}
	}
	if err := stage.Do(s); err != nil {
		return nil, err
	}
	var best map[string]*kind
	fastest := 0.0
	for range runs {
		kinds, total := map[string]*kind{}, 0.0
		s.Problem.Profile(func(in exec.Instr, d time.Duration) {
			name := label(in)
			k := kinds[name]
			if k == nil {
				k = &kind{name: name}
				kinds[name] = k
			}
			k.seconds += d.Seconds()
			total += d.Seconds()
			k.calls++
			k.flop += in.FLOP()
			k.bytes += bytes(in)
		})
		if err := stage.Do(s); err != nil {
			return nil, err
		}
		if best == nil || total < fastest {
			best, fastest = kinds, total
		}
	}
	return best, nil
}

// bytes are those of all arguments and the result.
func bytes(in exec.Instr) float64 {
	n := in.Out.Shape.Len()
	for _, a := range in.Args {
		n += a.Shape.Len()
	}
	return 4 * float64(n)
}

// label sorts instructions: convolutions by their window, all else by operator;
// what works on vectors over channels goes together.
func label(in exec.Instr) string {
	switch in.Op {
	case exec.Conv, exec.ConvGradInput, exec.ConvGradWeight:
		text := fmt.Sprintf("%v %dx%d", in.Op, in.Attr.KH, in.Attr.KW)
		if in.Attr.Stride > 1 {
			text += fmt.Sprintf(" /%d", in.Attr.Stride)
		}
		if in.Attr.Groups > 1 {
			text += " depthwise"
		}
		return text
	}
	for _, a := range append([]exec.Tensor{in.Out}, in.Args...) {
		if a.Shape[1]*a.Shape[2] > 1 {
			return in.Op.String()
		}
	}
	return "vectors"
}

func write(out io.Writer, kinds map[string]*kind, peak cpu.Limits) {
	list := slices.SortedFunc(maps.Values(kinds), func(a, b *kind) int { return cmp.Compare(b.seconds, a.seconds) })
	table := tablewriter.NewWriter(out)
	table.Header("kernel", "calls", "ms", "GFLOP", "GFLOP/s", "MB", "GB/s", "least ms", "of peak")
	all := &kind{name: "all"}
	for _, k := range list {
		k.least = max(k.flop/peak.FLOPs, k.bytes/peak.Cache)
		all.calls, all.seconds, all.flop, all.bytes, all.least = all.calls+k.calls, all.seconds+k.seconds, all.flop+k.flop, all.bytes+k.bytes, all.least+k.least
	}
	for _, k := range append(list, all) {
		table.Append(k.name, fmt.Sprint(k.calls), fmt.Sprintf("%.1f", 1e3*k.seconds), fmt.Sprintf("%.2f", k.flop/1e9), fmt.Sprintf("%.0f", k.flop/k.seconds/1e9),
			fmt.Sprintf("%.0f", k.bytes/1e6), fmt.Sprintf("%.0f", k.bytes/k.seconds/1e9), fmt.Sprintf("%.1f", 1e3*k.least), fmt.Sprintf("%.0f %%", 100*k.least/k.seconds))
	}
	table.Render()
}
