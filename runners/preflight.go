package runners

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/images"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/supernet"
)

// DryRun touches all that a grid needs and runs none of it: it opens data and
// scores, takes one gradient of the supernet, writes below the output folder and
// removes that again, compares run directories with the settings, and prints the
// plan to out.
func (g *Grid) DryRun(ctx context.Context, out io.Writer) error {
	cells, err := g.cells()
	if err != nil {
		return err
	}
	if err := Writable(g.Out); err != nil {
		return err
	}
	jobs := g.jobs(len(cells))
	pool := cpu.NewPool(workersEach(jobs))
	defer pool.Close()
	benches := make([]*Bench, len(g.Protocols))
	for i, p := range g.Protocols {
		if benches[i], err = g.Bench(p, false); err != nil {
			return err
		}
		began := time.Now()
		line, err := touch(ctx, p, benches[i], pool)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "space %s, protocol %s: %s\n", p.Space, p.Name, p.Title)
		for _, name := range sortedKeys(benches[i].Data, nil) {
			fmt.Fprintf(out, "data %s: sha256 %s\n", name, benches[i].Data[name])
		}
		fmt.Fprintf(out, "supernet: %s (%.1f s)\n", line, time.Since(began).Seconds())
	}
	fmt.Fprintf(out, "output %s: writable; %d runs at a time, %d workers each\n", g.Out, jobs, pool.Workers())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, cell := range cells {
		config, err := g.config(cell, benches[cell.protocol])
		if err != nil {
			return err
		}
		s, err := inspect(cell.Dir(g.Out), config)
		if err != nil && !g.Fresh {
			return err
		}
		text := "to run"
		switch {
		case g.Fresh && s.Exists:
			text = "to run again (--fresh)"
		case s.Finished:
			text = "done"
		case s.Failed != "":
			text = fmt.Sprintf("to retry after epoch %d: %s", s.Epochs, s.Failed)
		case s.Epochs > 0:
			text = fmt.Sprintf("to go on after epoch %d", s.Epochs)
		}
		fmt.Fprintf(w, "%s\t%s\n", cell, text)
	}
	return w.Flush()
}

// touch trains nothing but shows that scoring and searching would start.
func touch(ctx context.Context, protocol Protocol, bench *Bench, pool *cpu.Pool) (string, error) {
	if protocol.Score.Table {
		if _, err := bench.Scorer.Score(ctx, bench.Space.Random(rng.New(0, "preflight")), pool); err != nil {
			return "", err
		}
	}
	p, err := bench.Problem(pool, 0)
	if err != nil {
		return "", err
	}
	coefs := uniform(bench.Space.Layout, p.Layers())
	loss, err := p.Gradient(batch.Batch{Split: batch.Train}, coefs, p.NewVec(), nil)
	if err != nil {
		return "", err
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return "", fmt.Errorf("runners: loss of the first batch is %v: %w", loss, search.ErrDiverged)
	}
	return fmt.Sprintf("%d weights, %d layers, loss of the first batch %.3f", p.Weights().Len(), p.Layers(), loss), nil
}

// uniform are mixture coefficients that prefer nothing.
func uniform(rows search.Layout, layers int) []float64 {
	return search.Softmax.Coefs(rows, make([]float64, rows.Len()), layers)
}

// Running says whether a process holds the lock of a run directory.
func Running(dir string) bool {
	f, err := os.Open(lockPath(dir))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, false), errLocked)
}

// MemoryPlan builds the supernet of a protocol whose data is at hand, takes one
// second-order product, and says how much memory its programs have.
func MemoryPlan(p Protocol, data *images.Dataset) (arena, total int, err error) {
	space, err := LookupSpace(p.Space)
	if err != nil {
		return 0, 0, err
	}
	pool := cpu.NewPool(runtime.NumCPU())
	defer pool.Close()
	problem, err := Supernet(space, p, data, pool, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := problem.Linearize(batch.Batch{}, uniform(space.Search().Layout, problem.Layers())); err != nil {
		return 0, 0, err
	}
	arena, total = problem.Bytes()
	return arena, total, nil
}

// SelfCheck runs the engine on a small supernet in double precision and returns
// how far its exact Hessian-vector product is from central differences of its
// gradient, as a share of the product's norm. Healthy machines stay below 1e-5.
func SelfCheck(data *images.Dataset) (float64, error) {
	space, err := LookupSpace("nb201")
	if err != nil {
		return 0, err
	}
	pool := cpu.NewPool(runtime.NumCPU())
	defer pool.Close()
	l := loader("check", data, data.Train, 4, Augment{}, 0)
	build, cells := space.Supernet(Net{C: 2, N: 1}, data.Train.Set)
	layout := space.Search().Layout
	p, err := supernet.New(build, supernet.Options{
		Images: batchShape(l), Classes: data.Train.Set.Classes,
		Layers: cells, LayerCoefs: layout.Len(), Seed: 1, Pool: pool,
	}, supernet.Loaders[float64](l, l))
	if err != nil {
		return 0, err
	}
	coefs := uniform(layout, cells)
	v := p.NewVec()
	stream := rng.New(1, "self-check")
	direction := v.(*cpu.Vec[float64]).Data()
	for i := range direction {
		direction[i] = stream.NormFloat64()
	}
	v.Scale(1 / search.Norm(v))

	b := batch.Batch{Split: batch.Train}
	exact := p.NewVec()
	if err := p.Linearize(b, coefs); err != nil {
		return 0, err
	}
	if err := p.Product(v, exact, nil); err != nil {
		return 0, err
	}
	const radius = 1e-6
	gradient := func(step float64) (exec.Vec, error) {
		g := p.NewVec()
		p.Weights().Axpy(step, v)
		_, err := p.Gradient(b, coefs, g, nil)
		p.Weights().Axpy(-step, v)
		return g, err
	}
	up, errUp := gradient(radius)
	down, errDown := gradient(-radius)
	if err := errors.Join(errUp, errDown); err != nil {
		return 0, err
	}
	up.Axpy(-1, down)
	up.Scale(1 / (2 * radius))
	up.Axpy(-1, exact)
	return search.Norm(up) / search.Norm(exact), nil
}
