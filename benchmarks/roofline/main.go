// Command roofline says what holds a stage of a search: for each kind of kernel
// the time it took, its arithmetic, the bytes that it has to read and write, and the
// time that the machine's own limits, measured first, allow it at best.
//
//	make roofline
//	go run ./benchmarks/roofline -nets nb201/N=1 -stages forward-backward
//
// The limits are measured by loops that are not the engine's, see package limits. The
// least time of an instruction is the larger of its arithmetic over the fused
// multiply-adds that all threads do in registers, and its bytes over what they move to
// and from the third cache. The first is a limit for all kernels. The second is one
// for data that lie there: those of a chain lie nearer, others in memory.
//
// Operations are those of the plain formula. Convolutions by Winograd's form, which have
// rows of their own, do 4/9 of them: their GFLOP/s can be above the limit, their least time
// is that of what they do.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"idarts/benchmarks"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/runners/stages"
)

func main() {
	nets := flag.String("nets", "nb201/N=1", "supernets, separated by commas; all: every one")
	names := flag.String("stages", "forward-backward,second-order", "stages, separated by commas")
	runs := flag.Int("runs", 10, "runs of a stage after the first; times are of the fastest")
	threads := flag.Int("threads", runtime.GOMAXPROCS(0), "threads")
	flag.Parse()
	if err := report(os.Stdout, strings.Split(*nets, ","), strings.Split(*names, ","), *runs, *threads); err != nil {
		fmt.Fprintf(os.Stderr, "roofline: %v\n", err)
		os.Exit(1)
	}
}

// report prints each stage when it is measured. Output that is lost is an error, told
// at the end.
func report(to io.Writer, nets, names []string, runs, threads int) error {
	if err := known(nets, names); err != nil {
		return err
	}
	out := bufio.NewWriter(to) // keeps the first error
	device := cpu.Open[float32](threads)
	defer device.Close()
	m := measureMachine(threads)
	m.write(out)
	out.Flush()
	for _, n := range stages.Nets {
		if !slices.Contains(nets, n.String()) && !slices.Contains(nets, "all") {
			continue
		}
		for _, stage := range stages.All {
			if !slices.Contains(names, stage.Name) {
				continue
			}
			kinds, err := measure(n, stage, runs, device)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "\n%v, batch %d: %s\n\n", n, n.Batch, stage.Name)
			write(out, kinds, m.last().Roof())
			out.Flush()
		}
	}
	return out.Flush()
}

// known is an error for the first name that is no supernet's or stage's.
func known(nets, names []string) error {
	for _, name := range nets {
		is := func(n stages.Net) bool { return n.String() == name }
		if name != "all" && !slices.ContainsFunc(stages.Nets, is) {
			return fmt.Errorf("no supernet %q, want some of %v or all", name, stages.Nets)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(stages.All, func(s stages.Stage) bool { return s.Name == name }) {
			return fmt.Errorf("no stage %q", name)
		}
	}
	return nil
}

// measure runs a stage and keeps the fastest run.
func measure(n stages.Net, stage stages.Stage, runs int, device exec.Device) ([]benchmarks.Kind, error) {
	s, err := stages.New(n, 32, device)
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
	var best []benchmarks.Kind
	fastest := 0.0
	for range runs {
		kinds, err := benchmarks.Profile(s, stage)
		if err != nil {
			return nil, err
		}
		total := 0.0
		for _, k := range kinds {
			total += k.Seconds
		}
		if best == nil || total < fastest {
			best, fastest = kinds, total
		}
	}
	return best, nil
}
