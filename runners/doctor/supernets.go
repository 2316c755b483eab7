package doctor

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"idarts/internal/exec"
	"idarts/internal/provenance"
	"idarts/runners/stages"
)

// Supernet is how long the phases of a search take on one.
type Supernet struct {
	Name      string  `json:"name"`
	Space     string  `json:"space"`
	Channels  int     `json:"channels"`
	Cells     int     `json:"cells"`
	Batch     int     `json:"batch"`
	ImageSize int     `json:"image_size"`
	Skipped   string  `json:"skipped,omitempty"` // why nothing was timed
	Scratch   int     `json:"scratch_bytes"`
	Memory    int     `json:"memory_bytes"`
	Phases    []Phase `json:"phases"`

	net stages.Net
}

// Phase is a part of a search.
type Phase struct {
	Name         string  `json:"name"` // of a row of stages.All
	Milliseconds float64 `json:"ms"`
	Launches     int     `json:"launches"` // of kernels of programs; 0 on a processor
	GFLOP        float64 `json:"gflop"`
}

// Phases are what is timed.
var Phases = []string{"forward", "forward-backward", "inner-step", "linearize", "hessian-vector-product", "mixed-product"}

// Small is the supernet of the protocol quick, which any device takes at once.
var Small = stages.Net{Space: "nb201", C: 4, N: 1, Batch: 32}

const (
	smallSize = 16
	// perGradient is the arithmetic of all phases, one after another, in that of a
	// gradient: for the estimate, as all of this.
	perGradient = 7
	turns       = 2 // each phase runs twice at least
)

// Nets are the small one and, after it, those of published sizes, by what they cost.
func Nets() []stages.Net {
	nets := append([]stages.Net{Small}, stages.Nets...)
	slices.SortStableFunc(nets, func(a, b stages.Net) int { return int(a.Cost().GFLOP - b.Cost().GFLOP) })
	return nets
}

// Time times the phases on each net and tells of each as it is done. All together take
// about the budget: from the speed so far it estimates what a net takes, and skips one
// that does not fit into what is left, or not into memory. The first one is not skipped.
func Time(ctx context.Context, d exec.Device, nets []stages.Net, budget time.Duration, tell func(Supernet)) ([]Supernet, error) {
	began, rate := time.Now(), 0.0 // GFLOP a second
	var done []Supernet
	for i, n := range nets {
		s := Supernet{Name: n.String(), Space: n.Space, Channels: n.C, Cells: n.N, Batch: n.Batch, ImageSize: stages.Size, Phases: []Phase{}, net: n}
		if n == Small {
			s.Name, s.ImageSize = "small", smallSize
		}
		cost := n.Cost()
		debug.FreeOSMemory() // of the one before
		if s.Skipped = lacking(d, cost); s.Skipped == "" && i > 0 {
			left := budget - time.Since(began)
			if estimate := time.Duration(turns * perGradient * cost.GFLOP / rate * 1e9); estimate > left {
				s.Skipped = fmt.Sprintf("it would take about %v at %.3g GFLOP/s, and %v of the %v are left", estimate.Round(time.Second), rate, max(left, 0).Round(time.Second), budget)
			}
		}
		if s.Skipped == "" {
			if err := s.time(ctx, d); err != nil {
				return done, fmt.Errorf("supernet %s: %w", s.Name, err)
			}
			for _, p := range s.Phases {
				rate = max(rate, p.GFLOP/p.Milliseconds*1e3)
			}
		}
		done = append(done, s)
		tell(s)
	}
	return done, nil
}

// lacking says why a supernet does not fit into memory.
func lacking(d exec.Device, c stages.Cost) string {
	have, where := provenance.FreeMemory(), "of memory is free"
	if card, ok := d.(exec.Card); ok {
		_, have = card.Capacity()
		where = "is the largest block that the device gives"
	}
	if need := int64(c.GB * 1.1e9); have > 0 && need > have {
		return fmt.Sprintf("it needs about %.1f GB, and %.1f GB %s", float64(need)/1e9, float64(have)/1e9, where)
	}
	return ""
}

// time fills in what is to be found out.
func (s *Supernet) time(ctx context.Context, d exec.Device) (err error) {
	defer exec.Recover(&err)
	on, err := stages.New(s.net, s.ImageSize, d)
	if err != nil {
		return err
	}
	for _, name := range Phases {
		stage, err := stages.Lookup(name)
		if err != nil {
			return err
		}
		p, err := timed(ctx, on, stage)
		if err != nil {
			return err
		}
		s.Phases = append(s.Phases, p)
	}
	s.Scratch, s.Memory = on.Problem.Bytes()
	return nil
}

// timed is the median of some runs after one that lowers the program.
func timed(ctx context.Context, s *stages.Search, stage stages.Stage) (Phase, error) {
	const enough, most = 300 * time.Millisecond, 9
	p := Phase{Name: stage.Name}
	if stage.Before != nil {
		if err := stage.Before(s); err != nil {
			return p, err
		}
	}
	if err := stage.Do(s); err != nil {
		return p, err
	}
	s.Wait()
	launches, gflop := s.Problem.Launches(), s.Problem.GFLOP()
	var times []float64
	for began := time.Now(); len(times) == 0 || len(times) < most && time.Since(began) < enough; {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		start := time.Now()
		if err := stage.Do(s); err != nil {
			return p, err
		}
		s.Wait()
		times = append(times, 1e3*time.Since(start).Seconds())
	}
	n := len(times)
	p.Launches, p.GFLOP = (s.Problem.Launches()-launches)/n, (s.Problem.GFLOP()-gflop)/float64(n)
	slices.Sort(times)
	p.Milliseconds = (times[(n-1)/2] + times[n/2]) / 2
	return p, nil
}
