package doctor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"idarts/internal/batch"
	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/search"
	"idarts/runners/protocol"
	"idarts/runners/stages"
)

// Projection is how long a published search takes by the times of its phases. Scoring,
// batches that come too late and what a method does on the host are not in it.
type Projection struct {
	Space      string  `json:"space"`
	Protocol   string  `json:"protocol"`
	Method     string  `json:"method"`
	Hours      float64 `json:"hours"`
	OuterSteps int     `json:"outer_steps"`
	TimedOn    string  `json:"timed_on"`  // the supernet whose times it is by
	Estimated  bool    `json:"estimated"` // that supernet is another one, and times are by arithmetic
}

// Project projects the search of each method on each space in the protocol "paper". There
// are none where no supernet of a published size was timed.
func Project(ctx context.Context, timed []Supernet) ([]Projection, error) {
	projections := []Projection{}
	for _, p := range protocol.All {
		if p.Name != "paper" {
			continue
		}
		net, ok := published(p)
		if !ok {
			return projections, fmt.Errorf("doctor: no supernet stands for protocol %s of %s", p.Name, p.Space)
		}
		by, scale, ok := timesOf(net, timed)
		if !ok {
			continue
		}
		for _, method := range search.Methods {
			own, ok := p.Of(method.Name)
			if !ok || !slices.Contains(steady, method.Name) {
				continue
			}
			c, err := count(ctx, p, method, own.Settings)
			if err != nil {
				return projections, err
			}
			projections = append(projections, Projection{
				Space: p.Space, Protocol: p.Name, Method: method.Name, OuterSteps: c.steps,
				Hours: c.milliseconds(by.Phases) * scale / 3.6e6, TimedOn: by.Name, Estimated: by.net != net,
			})
		}
	}
	return projections, nil
}

// steady are the methods all of whose epochs ask the whole supernet for the same, so that
// the first one tells what all take. Others warm up, run parts of it, or end early.
var steady = []string{
	"darts-v1", "darts-v2", "idarts", "idarts-released", "idarts-hess", "idarts-approx",
	"drnas", "snas", "sdarts-rs", "sdarts-adv", "sgas", "fair-darts", "beta-darts", "rdarts-l2",
}

// published is the supernet of a published search as the doctor times it.
func published(p protocol.Protocol) (net stages.Net, ok bool) {
	for _, n := range append([]stages.Net{{Space: "nb1b1-s1", C: 16, N: 3, Batch: 96}, {Space: "nb1b1-s2", C: 16, N: 3, Batch: 96}}, stages.Nets...) {
		if n.Space == p.Space {
			net, ok = n, true // the larger one comes last
		}
	}
	return net, ok
}

// timesOf finds the times of a net, or those of the largest that was timed, with the
// factor that arithmetic gives.
func timesOf(n stages.Net, timed []Supernet) (by Supernet, scale float64, ok bool) {
	for _, s := range timed {
		switch {
		case s.net == Small || s.Skipped != "":
		case s.net == n:
			return s, 1, true
		default: // the largest comes last
			by, scale, ok = s, n.Cost().GFLOP/s.net.Cost().GFLOP, true
		}
	}
	return by, scale, ok
}

// counted is a [search.Problem] without a network, which counts what a search asks for.
type counted struct {
	batch, layers int
	device        exec.Device
	weights       exec.Vec
	calls         map[string]int // by name of a phase
	steps         int
}

// half is how many images of CIFAR-10 fit the weights of a published search, and how
// many the architecture.
const half = 25000

// count runs the first epoch of a search on nothing; all epochs of steady methods ask for
// the same.
func count(ctx context.Context, p protocol.Protocol, m search.Method, s search.Settings) (*counted, error) {
	if p.Dataset != "cifar10" {
		return nil, fmt.Errorf("doctor: protocol %s of %s is on %q, want cifar10", p.Name, p.Space, p.Dataset)
	}
	space, err := protocol.LookupSpace(p.Space)
	if err != nil {
		return nil, err
	}
	d, err := device.Open("cpu", 32, 1)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	c := &counted{batch: p.Batch, layers: 1, device: d, weights: d.NewVec(1), calls: map[string]int{}}
	searcher, err := m.New(search.Env{Space: space.Search(), Supernet: func(search.SupernetOptions) (search.Problem, error) { return c, nil }}, s)
	if err != nil {
		return nil, err
	}
	if _, err := searcher.Epoch(ctx, func(done, _ int) { c.steps = done }); err != nil {
		return nil, err
	}
	epochs := searcher.Epochs()
	c.steps *= epochs
	for name := range c.calls {
		c.calls[name] *= epochs
	}
	return c, nil
}

func (c *counted) milliseconds(phases []Phase) (sum float64) {
	for _, p := range phases {
		sum += float64(c.calls[p.Name]) * p.Milliseconds
	}
	return sum
}

func (c *counted) Layers() int       { return c.layers }
func (c *counted) Weights() exec.Vec { return c.weights }
func (c *counted) NewVec() exec.Vec  { return c.device.NewVec(1) }

func (c *counted) BatchesPerEpoch(s batch.Split) int {
	n := half
	if s == batch.Whole {
		n = 2 * half
	}
	return (n + c.batch - 1) / c.batch
}

func (c *counted) Gradient(_ batch.Batch, _ []float64, dw exec.Vec, dcoefs []float64) (exec.Number, error) {
	switch {
	case dcoefs != nil:
		c.calls["forward-backward"]++
	case dw != nil:
		c.calls["inner-step"]++
	default:
		c.calls["forward"]++
	}
	return exec.Known(1), nil
}

func (c *counted) Linearize(batch.Batch, []float64) error {
	c.calls["linearize"]++
	return nil
}

func (c *counted) Product(_, hv exec.Vec, mixed []float64) error {
	if hv != nil {
		c.calls["hessian-vector-product"]++
	}
	if mixed != nil {
		c.calls["mixed-product"]++
	}
	return nil
}

func (c *counted) Curvature(_ batch.Batch, _, _ []float64, directions, _ [][]float64) error {
	c.calls["linearize"]++
	c.calls["mixed-product"] += len(directions) // about as much
	return nil
}

func (c *counted) Evaluate(batch.Batch, []float64, exec.NormMode) (batch.Evaluation, error) {
	c.calls["forward"]++
	return batch.Evaluation{}, nil
}

func (c *counted) EvaluateSplit(s batch.Split, _ []float64, _ exec.NormMode) (batch.Evaluation, error) {
	c.calls["forward"] += c.BatchesPerEpoch(s)
	return batch.Evaluation{}, nil
}

func (c *counted) SkipZeros(bool)                                  {}
func (c *counted) Snapshot() any                                   { return nil }
func (c *counted) Restore(any) error                               { return nil }
func (c *counted) Carry(any) (int, error)                          { return 0, nil }
func (c *counted) Widen(any, exec.Vec, exec.Vec, *rand.Rand) error { return nil }
func (c *counted) GFLOP() float64                                  { return 0 }
func (c *counted) State() []byte                                   { return nil }
func (c *counted) SetState([]byte) error                           { return nil }
