// Command peers compares the engine with PyTorch: the same supernets, weights and
// batches, the same stages of a search, in turns.
//
//	make bench-peers
//	go run ./benchmarks/peers -rounds 1 -samples 2 -nets nb201/N=1
//
// PyTorch's side is peer.py, run once in NCHW and once in channels_last layout in
// each round; the engine's is benchmarks.Stages on the same fixture. Each turn is a
// process of its own with one run that is not counted before the samples; first- and
// second-order stages have turns of their own, so that peak memory is that of the
// second-order stage. Then both compute all that `idarts parity` does on smaller nets
// and the differences are printed. Without PyTorch it says so and ends well.
package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
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
	"idarts/internal/provenance"
)

//go:embed *.py
var scripts embed.FS

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "turns of each side")
	flag.IntVar(&o.samples, "samples", 4, "samples of a stage in each turn")
	flag.Float64Var(&o.seconds, "seconds", 40, "no further sample of a stage in a turn after so many seconds")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "longest turn; one that takes longer is stopped and counts as failed")
	flag.StringVar(&o.nets, "nets", "", "supernets to time, separated by commas, like nb201/N=1; all when left out")
	flag.StringVar(&o.python, "python", "", "Python with PyTorch; when left out, python3 and /usr/bin/python3 are tried")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of both sides")
	flag.StringVar(&o.out, "out", "", "also write the tables to this Markdown file")
	work := flag.String("work", "", "for the program itself: time a fixture and print JSON")
	stages := flag.String("stages", "", "for the program itself: stages to time")
	parity := flag.String("parity", "", "for the program itself: fixture to compute in both precisions, into -out")
	flag.Parse()
	err := func() error {
		switch {
		case *parity != "":
			return computeParity(*parity, o.out)
		case *work != "":
			return timeFixture(os.Stdout, *work, strings.Split(*stages, ","), o.samples, o.seconds)
		}
		return compare(o, os.Stdout)
	}()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench-peers: %v\n", err)
		os.Exit(1)
	}
}

type options struct {
	rounds, samples, threads int
	seconds                  float64
	timeout                  time.Duration
	nets, python, out        string
}

var errNoTorch = errors.New("no Python with PyTorch here (Debian: apt-get install python3-torch)")

// nets are what is compared. PyTorch needs more than 24 GB for the second-order stage
// of the DARTS supernet with 64 images, so that one comes with 16 as well.
var nets = append(slices.Clone(benchmarks.Nets), benchmarks.Net{Space: "darts", C: 16, N: 8, Batch: 16})

// turns are the stages that share a process.
var turns = [][]string{{"forward", "forward-backward"}, {"second-order"}}

// goals are how many times faster than PyTorch's better layout the engine is to be.
func goal(net benchmarks.Net, stage string) float64 {
	switch {
	case stage == "forward":
		return 0
	case net.Space != "nb201":
		return 2
	case stage == "second-order":
		return 6
	}
	return 3
}

// sides take turns; ours is the last.
var sides = []string{"nchw", "channels_last", "idarts"}

const ours = 2

// row is what was measured of one stage.
type row struct {
	net     benchmarks.Net
	stage   string
	seconds [3][]float64 // by side
	peak    [3]float64   // bytes, the largest of all turns
	failure [3]string    // why a turn gave nothing, if one did
}

func compare(o options, out io.Writer) error {
	var chosen []benchmarks.Net
	for _, n := range nets {
		if o.nets == "" || slices.Contains(strings.Split(o.nets, ","), n.String()) {
			chosen = append(chosen, n)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no supernet is named %q, want some of %v", o.nets, nets)
	}
	p, err := newPeer(o.python, o.threads)
	if errors.Is(err, errNoTorch) {
		fmt.Fprintf(out, "bench-peers: skipped: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	p.timeout = o.timeout
	var versions struct{ Versions []string }
	if err := p.run(&versions, "versions"); err != nil {
		return err
	}

	var rows []*row
	for i, n := range chosen {
		fixture := filepath.Join(p.dir, fmt.Sprintf("%d.safetensors", i))
		if err := p.fixture(fixture, n, 32, 0.01); err != nil {
			return err
		}
		at := len(rows)
		for _, stages := range turns {
			for _, stage := range stages {
				rows = append(rows, &row{net: n, stage: stage})
			}
		}
		for round := range o.rounds {
			for _, stages := range turns {
				for turn := range sides {
					side := (turn + round) % len(sides) // who comes first differs
					mine := slices.DeleteFunc(slices.Clone(rows[at:]), func(r *row) bool { return !slices.Contains(stages, r.stage) })
					if mine[0].failure[side] != "" {
						continue // it would fail again
					}
					fmt.Fprintf(os.Stderr, "%v, batch %d, round %d of %d: %s of %s\n", n, n.Batch, round+1, o.rounds, strings.Join(stages, ", "), sides[side])
					m, err := p.time(fixture, side, stages, o)
					if err != nil && side == ours {
						return err
					}
					for _, r := range mine {
						if err != nil { // most likely a lack of memory
							r.failure[side] = err.Error()
						}
						r.seconds[side] = append(r.seconds[side], m.Seconds[r.stage]...)
						r.peak[side] = max(r.peak[side], m.Peak)
					}
				}
			}
		}
	}
	differences, err := p.differences(parityNets)
	if err != nil {
		return err
	}
	head := append([]string{provenance.Machine(o.threads), "idarts " + commit(), runtime.Version()}, versions.Versions...)
	text := render(head, time.Now().UTC().Format(time.DateOnly), rows, differences)
	if _, err := io.WriteString(out, text); err != nil || o.out == "" {
		return err
	}
	return durable.WriteBytes(o.out, []byte(text))
}

// commit is the commit of the working tree, with a mark when that differs.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*").Output()
	if err != nil {
		return "of no commit"
	}
	return strings.TrimSpace(string(out))
}

// peer runs PyTorch and this program as processes.
type peer struct {
	python, dir, self string
	threads           int
	timeout           time.Duration // of a process; 0: none
}

// newPeer finds a Python that has PyTorch; errNoTorch when there is none.
func newPeer(python string, threads int) (*peer, error) {
	candidates := []string{python}
	if python == "" {
		candidates = []string{"python3", "/usr/bin/python3"}
	}
	i := slices.IndexFunc(candidates, func(path string) bool { return exec.Command(path, "-c", "import torch, numpy").Run() == nil })
	if i < 0 {
		return nil, errNoTorch
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "idarts-peers-")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, scripts); err != nil {
		return nil, err
	}
	return &peer{python: candidates[i], dir: dir, self: self, threads: threads}, nil
}

// run is a command of peer.py; result takes its JSON.
func (p *peer) run(result any, args ...string) error {
	args = append([]string{"-B", filepath.Join(p.dir, "peer.py"), "--threads", strconv.Itoa(p.threads)}, args...)
	return p.process(result, p.python, args...)
}

func (p *peer) process(result any, name string, args ...string) error {
	ctx := context.Background()
	if p.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.timeout)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(p.threads))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = fmt.Errorf("stopped after %v", p.timeout)
	}
	if err != nil {
		last := strings.Split(strings.TrimSpace(stderr.String()), "\n") // a Python traceback ends with the error
		return fmt.Errorf("%s %s: %w %s", filepath.Base(name), strings.Join(args, " "), err, last[len(last)-1])
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(out, result)
}

// fixture writes one with random numbers.
func (p *peer) fixture(path string, n benchmarks.Net, size int, gamma float64) error {
	return p.run(nil, "fixture", path, "--space", n.Space, "--c", strconv.Itoa(n.C), "--n", strconv.Itoa(n.N),
		"--batch", strconv.Itoa(n.Batch), "--size", strconv.Itoa(size), "--gamma", strconv.FormatFloat(gamma, 'g', -1, 64))
}

// measurement is what one turn prints.
type measurement struct {
	Seconds map[string][]float64 `json:"seconds"` // by stage
	Peak    float64              `json:"peak"`    // resident memory in bytes
}

// time is one turn.
func (p *peer) time(fixture string, side int, stages []string, o options) (m measurement, err error) {
	names, count, seconds := strings.Join(stages, ","), strconv.Itoa(o.samples), fmt.Sprint(o.seconds)
	if side == ours {
		err = p.process(&m, p.self, "-work", fixture, "-stages", names, "-samples", count, "-seconds", seconds)
	} else {
		err = p.run(&m, "time", fixture, "--stages", names, "--layout", sides[side], "--samples", count, "--seconds", seconds)
	}
	return m, err
}

// parityNets are small enough for PyTorch in float64.
var parityNets = []benchmarks.Net{
	{Space: "nb201", C: 8, N: 1, Batch: 16},
	{Space: "nb1b1-s1", C: 8, N: 1, Batch: 16},
	{Space: "nb1b1-s2", C: 8, N: 1, Batch: 16},
	{Space: "nb1b1-s3", C: 8, N: 1, Batch: 16},
	{Space: "darts", C: 8, N: 3, Batch: 16},
}

// difference is |a−b|/|b| of a group of numbers, b being PyTorch's in float64.
type difference struct {
	Net    benchmarks.Net `json:"-"`
	Group  string         `json:"group"`
	Limit  float64        `json:"limit"`  // of Ours
	Ours   float64        `json:"ours"`   // a: the engine in float32
	Ours64 float64        `json:"ours64"` // a: the engine in float64
	Peer   float64        `json:"peer"`   // a: PyTorch in float32
}

// limit64 is what Ours64 stays below. In float32 an input of ReLU or max pooling
// that is all but equal to 0 or to another one may fall on the other side and change
// a derivative by far more than rounding does; in float64 there is no such excuse.
const limit64 = 1e-10

func (d difference) within() bool { return d.Ours < d.Limit && d.Ours64 < limit64 }

// differences computes what `idarts parity` does on each net and compares.
func (p *peer) differences(nets []benchmarks.Net) ([]difference, error) {
	var all []difference
	for _, n := range nets {
		in, out := filepath.Join(p.dir, "parity.safetensors"), filepath.Join(p.dir, "result")
		if err := p.fixture(in, n, 16, 0.1); err != nil {
			return nil, err
		}
		if err := p.process(nil, p.self, "-parity", in, "-out", out); err != nil {
			return nil, err
		}
		var some []difference
		if err := p.run(&some, "compare", in, out+"32", out+"64"); err != nil {
			return nil, err
		}
		for i := range some {
			some[i].Net = n
		}
		all = append(all, some...)
	}
	return all, nil
}
