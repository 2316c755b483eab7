package runners

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"idarts/internal/batch"
	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/rng"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

// DryRun touches all that a grid needs and runs none of it: it opens data and
// scores, takes one gradient of the supernet, writes below the output folder and
// removes that again, compares run directories with the settings, and prints the
// plan to out, each cell with its number for [Grid.Cell].
func (g *Grid) DryRun(ctx context.Context, out io.Writer) error {
	cells, err := g.chosen()
	if err != nil {
		return err
	}
	jobs := g.AtATime(len(cells))
	d, err := device.Open(g.Device, 32, work.WorkersEach(jobs))
	if err != nil {
		return err
	}
	defer d.Close()
	benches, err := g.benches(cells, false)
	if err != nil {
		return err
	}
	plan, writes, err := g.plan(cells, benches)
	if err != nil {
		return err
	}
	if writes {
		if err := work.Writable(g.Out); err != nil {
			return err
		}
	}
	for i, p := range g.Protocols {
		if benches[i] == nil {
			continue // its cells are not chosen
		}
		began := time.Now()
		line, err := touch(ctx, p, benches[i], d)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "space %s, protocol %s: %s\n", p.Space, p.Name, p.Title)
		for _, name := range slices.Sorted(maps.Keys(benches[i].Data)) {
			fmt.Fprintf(out, "data %s: sha256 %s\n", name, benches[i].Data[name])
		}
		fmt.Fprintf(out, "supernet: %s (%.1f s)\n", line, time.Since(began).Seconds())
	}
	if writes {
		fmt.Fprintf(out, "output %s: writable; %d runs at a time, %d workers each\n", g.Out, jobs, d.Workers())
	}
	_, err = io.WriteString(out, plan)
	return err
}

// plan lists cells with what would become of them; writes says that something would.
func (g *Grid) plan(cells []gridCell, benches []*Bench) (text string, writes bool, err error) {
	var plan strings.Builder
	w := tabwriter.NewWriter(&plan, 0, 0, 2, ' ', 0)
	var names []string
	for _, cell := range cells {
		names = append(names, cell.String())
	}
	again, err := named(g.Redo, names)
	if err != nil {
		return "", false, err
	}
	for i, cell := range cells {
		config, err := g.config(cell, benches[cell.protocol])
		if err != nil {
			return "", false, err
		}
		s, err := inspect(cell.Dir(g.Out), config)
		if err != nil {
			return "", false, err
		}
		text := "to run"
		switch {
		case g.Fresh && s.Exists:
			text = "to run again (--fresh)"
		case slices.Contains(again, i):
			text = "to run again (--redo)"
		case s.Refused != nil:
			text = fmt.Sprintf("is left as it is: %v", s.Refused)
		case s.Finished:
			text = "done"
		case s.Damage != nil:
			text = fmt.Sprintf("to mend: %v", s.Damage)
		case s.Failed != "":
			text = fmt.Sprintf("to retry after epoch %d: %s", s.Epochs, s.Failed)
		case s.Epochs > 0:
			text = fmt.Sprintf("to go on after epoch %d", s.Epochs)
		}
		writes = writes || text != "done"
		fmt.Fprintf(w, "%d\t%s\t%s\n", cell.number, cell, text)
	}
	if err := w.Flush(); err != nil {
		return "", false, err
	}
	return plan.String(), writes, nil
}

// touch trains nothing but shows that scoring and searching would start.
func touch(ctx context.Context, chosen protocol.Protocol, bench *Bench, d exec.Device) (string, error) {
	if chosen.Score.Table {
		if _, err := bench.Scorer.Score(ctx, bench.Space.Random(rng.New(0, "preflight")), d); err != nil {
			return "", err
		}
	}
	p, err := bench.Problem(d, 0, search.SupernetOptions{})
	if err != nil {
		return "", err
	}
	coefs := search.Uniform(bench.Space.Layout, p.Layers())
	number, err := p.Gradient(batch.Batch{Split: batch.Train}, coefs, p.NewVec(), nil)
	if err != nil {
		return "", err
	}
	loss := number.Value()
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return "", fmt.Errorf("runners: loss of the first batch is %v: %w", loss, search.ErrDiverged)
	}
	return fmt.Sprintf("%d weights, %d layers, loss of the first batch %.3f", p.Weights().Len(), p.Layers(), loss), nil
}
