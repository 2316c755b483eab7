package main

import (
	"fmt"
	"io"
	"os"

	"github.com/olekukonko/tablewriter"

	"idarts/internal/limits"
	"idarts/internal/provenance"
)

// machine is what was found out about the processor.
type machine struct {
	processor string
	sets      []limits.Set // those with limits of their own, the one that the engine uses last
	hertz     float64      // 0: not known
	caches    limits.Caches
	told      bool    // by the system
	speeds    []speed // with one thread and, if that is another number, with all
}

// speed is what so many threads do together.
type speed struct {
	threads    int
	operations []limits.Operations // of each set
	traffic    []limits.Traffic    // of the last one
}

// measureMachine takes some seconds for each number of threads.
func measureMachine(threads int) *machine {
	m := &machine{processor: provenance.Processor(), sets: limits.Sets()}
	if len(m.sets) > 1 {
		m.sets = m.sets[1:] // plain Go holds nothing where there are vectors
	}
	m.hertz, _ = limits.Clock()
	m.caches, m.told = limits.ReadCaches(os.DirFS("/sys/devices/system/cpu/cpu0/cache"))
	m.measure(1)
	if threads > 1 {
		m.measure(threads)
	}
	return m
}

func (m *machine) measure(threads int) {
	s := speed{threads: threads}
	for _, set := range m.sets {
		s.operations = append(s.operations, limits.Arithmetic(set, threads))
	}
	s.traffic = limits.Memory(m.best(), threads, m.caches)
	m.speeds = append(m.speeds, s)
}

func (m *machine) best() limits.Set { return m.sets[len(m.sets)-1] }

// roof takes the fastest of the sets, which may use each other's instructions, and of
// reading and adding.
func (m *machine) roof() roof {
	s := m.speeds[len(m.speeds)-1]
	var r roof
	for _, o := range s.operations {
		r.flops = max(r.flops, o.Fused)
	}
	for _, t := range s.traffic {
		if t.Name == "L3" || t.Name == "memory" {
			return roof{flops: r.flops, bytes: max(t.Load, t.Add), level: t.Name}
		}
	}
	panic("roofline: no level is memory")
}

// write prints all limits, and per cycle those of one thread: a loop is at a limit
// when it does a whole number of vectors in each.
func (m *machine) write(out io.Writer) {
	last := m.speeds[len(m.speeds)-1]
	fmt.Fprintf(out, "%s, %d threads, %v", m.processor, last.threads, m.best())
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
		header = append(header, fmt.Sprintf("%d threads", s.threads))
	}
	header[1] = "1 thread"
	table.Header(append(header, "a cycle"))
	row := func(name, unit string, of func(speed) float64, inCycle string, size float64) {
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
		row(fmt.Sprintf("%v, fused multiply-adds", set), "GFLOP/s", func(s speed) float64 { return s.operations[i].Fused }, "vectors", 2*width)
		row(fmt.Sprintf("%v, products and sums apart", set), "GFLOP/s", func(s speed) float64 { return s.operations[i].Apart }, "vectors", width)
	}
	for i, t := range last.traffic {
		row(fmt.Sprintf("%s, read", t.Name), "GB/s", func(s speed) float64 { return s.traffic[i].Load }, "bytes", 1)
		row(fmt.Sprintf("%s, two read and one written", t.Name), "GB/s", func(s speed) float64 { return s.traffic[i].Add }, "bytes", 1)
	}
	table.Render()
	r := m.roof()
	fmt.Fprintf(out, "least ms below: operations over %.0f GFLOP/s or bytes over the %.0f GB/s of %s, whichever takes longer\n", r.flops/1e9, r.bytes/1e9, r.level)
}
