package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"idarts/benchmarks"
	"idarts/internal/limits"
	"idarts/runners/stages"
)

//go:embed *.py
var scripts embed.FS

var errNoTorch = errors.New("no Python with PyTorch here (Debian: apt-get install python3-torch)")

// peer runs PyTorch and this program as processes.
type peer struct {
	python, dir, self string
	threads           int           // of each process; onCard: a card computes
	device            string        // the engine's
	timeout           time.Duration // of a process; 0: none
}

// newPeer finds a Python that has PyTorch; errNoTorch when there is none.
func newPeer(python string) (*peer, error) {
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
	return &peer{python: candidates[i], dir: dir, self: self, threads: 1, device: "cpu"}, nil
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
	// What torch.compile made is kept for the next turn of the same variant.
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(p.threads), "TORCHINDUCTOR_CACHE_DIR="+filepath.Join(p.dir, "compiled"))
	cmd.WaitDelay = 10 * time.Second // its compilers may outlive a process that is stopped
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = fmt.Errorf("stopped after %v", p.timeout)
	}
	if err != nil {
		last := strings.Split(strings.TrimSpace(stderr.String()), "\n") // a Python traceback ends with the error
		return fmt.Errorf("%w %s", err, last[len(last)-1])
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(out, result)
}

// fixture writes one with random numbers.
func (p *peer) fixture(path string, n stages.Net, size int, gamma float64) error {
	return p.run(nil, "fixture", path, "--space", n.Space, "--c", strconv.Itoa(n.C), "--n", strconv.Itoa(n.N),
		"--batch", strconv.Itoa(n.Batch), "--size", strconv.Itoa(size), "--gamma", strconv.FormatFloat(gamma, 'g', -1, 64))
}

// measurement is what one turn prints. The maps are by stage.
type measurement struct {
	Seconds map[string][]float64         `json:"seconds"`
	First   map[string]float64           `json:"first"`  // seconds of the run before the samples
	Norm    map[string]float64           `json:"norm"`   // PyTorch's: of all results together
	Failed  map[string]string            `json:"failed"` // PyTorch's: why a stage has no samples
	Peak    float64                      `json:"peak"`   // resident memory in bytes
	Set     limits.Set                   `json:"set"`    // the engine's: the instruction set that it uses
	Kinds   map[string][]benchmarks.Kind `json:"kinds"`  // the engine's
}

// time is one turn.
func (p *peer) time(fixture string, by side, stages []string, o options) (m measurement, err error) {
	names, count, seconds := strings.Join(stages, ","), strconv.Itoa(o.samples), fmt.Sprint(o.seconds)
	if by == sides[ours] {
		err = p.process(&m, p.self, "-work", fixture, "-stages", names, "-samples", count, "-seconds", seconds, "-device", p.device)
	} else {
		err = p.run(&m, "time", fixture, "--device", p.torchDevice(), "--stages", names, "--layout", by.layout, "--way", by.way, "--samples", count, "--seconds", seconds)
	}
	return m, err
}

// torchDevice is where PyTorch computes.
func (p *peer) torchDevice() string {
	if p.threads == onCard {
		return "cuda"
	}
	return "cpu"
}

// parityNets are small enough for PyTorch in float64.
var parityNets = []stages.Net{
	{Space: "nb201", C: 8, N: 1, Batch: 16},
	{Space: "nb1b1-s1", C: 8, N: 1, Batch: 16},
	{Space: "nb1b1-s2", C: 8, N: 1, Batch: 16},
	{Space: "nb1b1-s3", C: 8, N: 1, Batch: 16},
	{Space: "darts", C: 8, N: 3, Batch: 16},
}

// difference is |a−b|/|b| of a group of numbers, b being PyTorch's in float64.
type difference struct {
	Net    stages.Net `json:"-"`
	Group  string     `json:"group"`
	Limit  float64    `json:"limit"`  // of Ours
	Ours   float64    `json:"ours"`   // a: the engine in float32
	Ours64 float64    `json:"ours64"` // a: the engine in float64
	Peer   float64    `json:"peer"`   // a: PyTorch in float32
}

// limit64 is what Ours64 stays below. In float32 an input of ReLU or max pooling
// that is all but equal to 0 or to another one may fall on the other side and change
// a derivative by far more than rounding does; in float64 there is no such excuse.
const limit64 = 1e-10

func (d difference) within() bool { return d.Ours < d.Limit && d.Ours64 < limit64 }

// differences computes what `idarts parity` does on each net and compares.
func (p *peer) differences(nets []stages.Net) ([]difference, error) {
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
