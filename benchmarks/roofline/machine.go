package main

import (
	"fmt"
	"io"

	"github.com/olekukonko/tablewriter"

	"idarts/benchmarks"
	"idarts/internal/limits"
	"idarts/internal/provenance"
)

// machine is what was found out about the processor.
type machine struct {
	processor string
	sets      []limits.Set // those with limits of their own, the one that the engine uses last
	hertz     float64      // 0: not known
	caches    limits.Caches
	told      bool                // by the system
	speeds    []benchmarks.Limits // with one thread and, if that is another number, with all
}

// measureMachine takes some seconds for each number of threads.
func measureMachine(threads int) *machine {
	m := &machine{processor: provenance.Processor(), sets: benchmarks.Sets()}
	m.hertz, _ = limits.Clock()
	m.caches, m.told = benchmarks.Caches()
	m.speeds = append(m.speeds, benchmarks.MeasureLimits(m.sets, 1, m.caches))
	if threads > 1 {
		m.speeds = append(m.speeds, benchmarks.MeasureLimits(m.sets, threads, m.caches))
	}
	return m
}

func (m *machine) best() limits.Set { return m.sets[len(m.sets)-1] }

func (m *machine) last() benchmarks.Limits { return m.speeds[len(m.speeds)-1] }

// write prints all limits, and per cycle those of one thread: a loop is at a limit
// when it does a whole number of vectors in each.
func (m *machine) write(out io.Writer) {
	last := m.last()
	fmt.Fprintf(out, "%s, %d threads, %v", m.processor, last.Threads, m.best())
	if m.hertz > 0 {
		fmt.Fprintf(out, ", %.2f GHz", m.hertz/1e9)
	}
	source := "as the system tells"
	if !m.told {
		source = "assumed, since the system does not tell"
	}
	third := "no third"
	if m.caches.L3 > 0 {
		third = fmt.Sprintf("a share of %d KB", m.caches.L3>>10)
	}
	fmt.Fprintf(out, "\ncaches of a core: %d KB, %d KB and %s, %s\n", m.caches.L1>>10, m.caches.L2>>10, third, source)
	if m.best() == limits.Plain {
		fmt.Fprintln(out, "limits are those of plain Go: there are no vector loops for this processor and build")
	}
	fmt.Fprintln(out)

	table := tablewriter.NewWriter(out)
	header := []string{"limit"}
	for _, s := range m.speeds {
		header = append(header, fmt.Sprintf("%d threads", s.Threads))
	}
	header[1] = "1 thread"
	table.Header(append(header, "a cycle"))
	row := func(name, unit string, of func(benchmarks.Limits) float64, inCycle string, size float64) {
		cells := []string{name}
		for _, s := range m.speeds {
			cells = append(cells, fmt.Sprintf("%.0f %s", of(s)/1e9, unit))
		}
		cell := ""
		if m.hertz > 0 {
			cell = fmt.Sprintf("%.2f %s", of(m.speeds[0])/size/m.hertz, inCycle)
		}
		table.Append(append(cells, cell))
	}
	for i, set := range m.sets {
		width := float64(set.Width())
		row(fmt.Sprintf("%v, fused multiply-adds", set), "GFLOP/s", func(s benchmarks.Limits) float64 { return s.Operations[i].Fused }, "vectors", 2*width)
		row(fmt.Sprintf("%v, products and sums apart", set), "GFLOP/s", func(s benchmarks.Limits) float64 { return s.Operations[i].Apart }, "vectors", width)
	}
	for i, t := range last.Traffic {
		row(fmt.Sprintf("%s, read", t.Name), "GB/s", func(s benchmarks.Limits) float64 { return s.Traffic[i].Load }, "bytes", 1)
		row(fmt.Sprintf("%s, two read and one written", t.Name), "GB/s", func(s benchmarks.Limits) float64 { return s.Traffic[i].Add }, "bytes", 1)
	}
	table.Render()
	r := last.Roof()
	fmt.Fprintf(out, "least ms below: operations over %.0f GFLOP/s or bytes over the %.0f GB/s of %s, whichever takes longer\n", r.FLOPs/1e9, r.Bytes/1e9, r.Level)
}
