// Command peers compares the engine with the best that PyTorch does: the same
// supernets, weights and batches, the same stages of a search, in turns.
//
//	make bench-peers
//	go run ./benchmarks/peers -rounds 1 -samples 2 -nets nb201/N=1 -threads 2
//
// PyTorch's side is peer.py, in variants: two memory layouts, as it is and with
// torch.compile, and second derivatives in reverse and in forward mode. The engine's is
// stages.All on the same fixture. Each turn is a process of its own with one run
// that is not counted before the samples, in which PyTorch compiles; first- and
// second-order stages have turns of their own, so that peak memory is that of the
// second-order stage. A variant that fails is a note under the tables.
//
// Where PyTorch has a card of NVIDIA, its variants and one by CUDA graphs run there too, all
// without TF32, beside the engine on -device; its batches stay on the card, the engine
// brings each one there. That has not run yet: nobody had a card at hand.
//
// Then both compute all that `idarts parity` does on smaller nets and the differences
// are printed. Without PyTorch it says so and ends well.
//
// Any version of PyTorch from 1.13 on will do; -python names another one. Both sides are
// held to AVX2 by
//
//	GODEBUG=cpu.avx512f=off ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 make bench-peers
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"idarts/benchmarks"
	"idarts/internal/durable"
	"idarts/internal/limits"
	"idarts/internal/provenance"
	"idarts/runners/stages"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "turns of each side")
	flag.IntVar(&o.samples, "samples", 4, "samples of a stage in each turn")
	flag.Float64Var(&o.seconds, "seconds", 40, "no further sample of a stage in a turn after so many seconds")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Minute, "longest turn, compilation included; one that takes longer is stopped and counts as failed")
	flag.StringVar(&o.nets, "nets", "", "supernets to time, separated by commas, like nb201/N=1, or darts/N=8/16 for one of several batches; all when left out")
	flag.StringVar(&o.python, "python", "", "Python with PyTorch; when left out, python3 and /usr/bin/python3 are tried")
	flag.StringVar(&o.threads, "threads", strings.Join(slices.Compact([]string{"1", strconv.Itoa(runtime.NumCPU())}), ","), "threads of both sides; a table for each of these numbers")
	flag.StringVar(&o.out, "out", "", "also write the tables to this Markdown file")
	flag.StringVar(&o.device, "device", "cuda", "the engine's card, where PyTorch has one as well; for the program itself: what computes")
	work := flag.String("work", "", "for the program itself: time a fixture and print JSON")
	stages := flag.String("stages", "", "for the program itself: stages to time")
	parity := flag.String("parity", "", "for the program itself: fixture to compute in both precisions, into -out")
	flag.Parse()
	err := func() error {
		switch {
		case *parity != "":
			return computeParity(*parity, o.out)
		case *work != "":
			return timeFixture(os.Stdout, *work, o.device, strings.Split(*stages, ","), o.samples, o.seconds)
		}
		return compare(o, os.Stdout)
	}()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-peers: %v\n", err)
		os.Exit(1)
	}
}

type options struct {
	rounds, samples            int
	seconds                    float64
	timeout                    time.Duration
	nets, python, threads, out string
	device                     string
}

// nets are what is compared. PyTorch needs more than 24 GB for the second-order stage
// of the DARTS supernet with 64 images, so that one comes with 16 as well.
var nets = append(slices.Clone(stages.Nets), stages.Net{Space: "darts", C: 16, N: 8, Batch: 16})

// choose finds nets by their names, with or without the batch.
func choose(names string) ([]stages.Net, error) {
	if names == "" {
		return nets, nil
	}
	var chosen []stages.Net
	for name := range strings.SplitSeq(names, ",") {
		before := len(chosen)
		for _, n := range nets {
			if name == n.String() || name == fmt.Sprintf("%v/%d", n, n.Batch) {
				chosen = append(chosen, n)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("no supernet is named %q, want some of %v", name, nets)
		}
	}
	return chosen, nil
}

// numbers reads a list of numbers of threads.
func numbers(list string) ([]int, error) {
	var out []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-threads %s: %q is no number of threads, want some like 1,2", list, text)
		}
		out = append(out, n)
	}
	return out, nil
}

func compare(o options, out io.Writer) error {
	chosen, err := choose(o.nets)
	if err != nil {
		return err
	}
	threads, err := numbers(o.threads)
	if err != nil {
		return err
	}
	p, err := newPeer(o.python)
	if errors.Is(err, errNoTorch) {
		fmt.Fprintf(out, "bench-peers: skipped: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	p.timeout = o.timeout
	var torch struct {
		Versions []string          `json:"versions"`
		Lacks    map[string]string `json:"lacks"` // by way
		Card     string            `json:"card"`  // "": there is none
	}
	if err := p.run(&torch, "versions"); err != nil {
		return fmt.Errorf("PyTorch's versions: %w", err)
	}

	r := report{lacks: torch.Lacks, card: torch.Card, roofs: map[int]benchmarks.Roof{}}
	caches, _ := benchmarks.Caches()
	for _, n := range threads {
		r.roofs[n] = benchmarks.MeasureLimits(benchmarks.Sets(), n, caches).Roof()
	}
	for i, net := range chosen {
		fixture := filepath.Join(p.dir, fmt.Sprintf("%d.safetensors", i))
		if err := p.fixture(fixture, net, 32, 0.01); err != nil {
			return fmt.Errorf("fixture of %v: %w", net, err)
		}
		for _, n := range threads {
			p.threads = n
			rows, set := p.inTurns(fixture, net, r.lacks, o)
			r.rows, r.set = append(r.rows, rows...), set
		}
		if torch.Card != "" {
			p.threads, p.device = onCard, o.device
			rows, _ := p.inTurns(fixture, net, r.lacks, o)
			r.rows = append(r.rows, rows...)
			p.device = "cpu"
		}
	}
	p.threads = threads[len(threads)-1]
	if r.differences, err = p.differences(parityNets); err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	r.head = append([]string{provenance.Processor() + ", " + r.set.String(), o.threads + " threads", "idarts " + commit(), runtime.Version()}, torch.Versions...)
	r.date = time.Now().UTC().Format(time.DateOnly)
	text := render(r)
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if o.out != "" {
		if err := durable.WriteBytes(o.out, []byte(text)); err != nil {
			return err
		}
	}
	for _, row := range r.rows {
		if why := row.by[ours].failure; why != "" {
			return fmt.Errorf("%s of %v: %s", row.stage, row.net, why)
		}
	}
	return nil
}

// inTurns times all stages of a net with p.threads threads, and returns the instruction
// set that the engine uses. A side that failed gets no further turn.
func (p *peer) inTurns(fixture string, net stages.Net, lacks map[string]string, o options) (rows []*row, set limits.Set) {
	for _, stage := range slices.Concat(turns...) {
		rows = append(rows, &row{net: net, threads: p.threads, stage: stage})
	}
	for round := range o.rounds {
		for _, stages := range turns {
			for turn := range sides {
				i := (turn + round) % len(sides) // who comes first differs
				by := sides[i]
				if !by.has(p.threads, lacks) || !by.takes(stages[0]) {
					continue
				}
				left := slices.DeleteFunc(slices.Clone(rows), func(r *row) bool { return !slices.Contains(stages, r.stage) || r.by[i].failure != "" })
				if len(left) == 0 {
					continue
				}
				var names []string
				for _, r := range left {
					names = append(names, r.stage)
				}
				fmt.Fprintf(os.Stderr, "%v, batch %d, threads %d, round %d of %d: %s of %v\n", net, net.Batch, p.threads, round+1, o.rounds, strings.Join(names, ", "), by)
				m, err := p.time(fixture, by, names, o)
				for _, r := range left {
					r.take(i, m, err)
				}
				if i == ours && err == nil {
					set = m.Set
				}
			}
		}
	}
	for _, r := range rows {
		r.refuseOthers()
	}
	return rows, set
}

// commit is the commit of the working tree, with a mark when that differs.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*").Output()
	if err != nil {
		return "of no commit"
	}
	return strings.TrimSpace(string(out))
}
