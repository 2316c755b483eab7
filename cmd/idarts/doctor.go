package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners/doctor"
	"idarts/runners/parity"
	"idarts/runners/protocol"
	"idarts/runners/stages"
)

type doctorCmd struct {
	Out string `help:"Output folder to check." default:"out" placeholder:"DIR"`
	inputFlags
	deviceFlag
	Budget time.Duration `help:"How long the phases of a search are timed, all supernets together. One that would take longer is left out." default:"60s" placeholder:"TIME"`
	Quick  bool          `help:"Time them on the smallest supernet alone."`
	JSON   bool          `name:"json" help:"Write all of it as one JSON document."`
}

// Run checks one thing a line. What is only missing for some protocol is said
// and is no failure; what is broken makes the status non-zero.
func (d *doctorCmd) Run(c console) error {
	if d.Budget < 0 {
		return fmt.Errorf("--budget %v: want a time from 0s", d.Budget)
	}
	if d.Quick {
		if err := c.without("--quick times the smallest supernet alone, whatever that takes", "budget"); err != nil {
			return err
		}
	}
	name, err := d.choose(c)
	if err != nil {
		return err
	}
	single, err := device.Open(name, 32, runtime.NumCPU())
	if err != nil {
		return err
	}
	defer single.Close()
	double, err := device.Open(name, 64, runtime.NumCPU())
	if err != nil { // graph and derivatives are the same for all devices
		if double, err = device.Open("cpu", 64, runtime.NumCPU()); err != nil {
			return err
		}
	}
	defer double.Close()
	out := c.out
	if d.JSON {
		out = io.Discard
	}
	e := examination{out: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), report: doctorReport{Checks: []checked{}}}
	e.report.Supernets, e.report.Projections = []doctor.Supernet{}, []doctor.Projection{}
	e.machine()
	e.check("output "+d.Out, "writable", work.Writable(d.Out))
	e.data(d.Data)
	e.table(d.Table, c.given["table"])
	if e.report.Broken == 0 { // else this comes first
		nets := doctor.Nets()
		if d.Quick {
			nets = nets[:1]
		}
		if err := e.slow(c, single, double, nets, d.Budget); err != nil {
			return err
		}
	} else {
		e.line("device", single.Name()+", not looked at: the above is broken")
	}
	e.out.Flush()
	if d.JSON {
		encoder := json.NewEncoder(c.out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(e.report); err != nil {
			return err
		}
	}
	if n := e.report.Broken; n > 0 {
		return fmt.Errorf("%d checks failed", n)
	}
	return nil
}

// slow is what takes longer. The error is that of an interrupt.
func (e *examination) slow(c console, single, double exec.Device, nets []stages.Net, budget time.Duration) error {
	e.device(single)
	e.engine(single, double)
	e.conformance(single)
	e.out.Flush()
	return e.times(c, single, nets, budget)
}

// doctorReport is what is written as JSON.
type doctorReport struct {
	Versions    map[string]string   `json:"versions"`
	Processor   string              `json:"processor"`
	Cores       int                 `json:"cores"`
	Memory      string              `json:"memory"`
	Device      doctor.Device       `json:"device"`
	SelfTest    *doctor.SelfTest    `json:"self_test"` // null: the device has none
	Conformance doctor.Conformance  `json:"conformance"`
	Supernets   []doctor.Supernet   `json:"supernets"`
	Projections []doctor.Projection `json:"projections"`
	Checks      []checked           `json:"checks"`
	Broken      int                 `json:"broken"` // of the checks
}

// checked is a line.
type checked struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Broken bool   `json:"broken"`
}

// examination writes one line for each thing looked at.
type examination struct {
	out    *tabwriter.Writer
	report doctorReport
}

func (e *examination) line(name, text string) { e.add(checked{Name: name, Text: text}) }

// check writes text, or err where there is one, which counts as broken.
func (e *examination) check(name, text string, err error) {
	if err != nil {
		e.report.Broken++
		text = "BROKEN: " + strings.Join(strings.Fields(err.Error()), " ")
	}
	e.add(checked{name, text, err != nil})
}

func (e *examination) add(c checked) {
	e.report.Checks = append(e.report.Checks, c)
	fmt.Fprintf(e.out, "%s\t%s\n", c.Name, c.Text)
}

func (e *examination) machine() {
	r := &e.report
	r.Versions, r.Processor, r.Cores, r.Memory = provenance.Versions(), provenance.Processor(), runtime.NumCPU(), provenance.Memory()
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		e.line(name, r.Versions[name])
	}
	e.line("processor", fmt.Sprintf("%s, %d cores", r.Processor, r.Cores))
	e.line("memory", r.Memory)
}

// device says what computes and, where it is a card, what that does at best and whether
// its kernels give the right bits.
func (e *examination) device(d exec.Device) {
	about, err := doctor.Describe(d)
	e.report.Device = about
	e.line("device", about.Name+", "+about.Class)
	if c := about.Card; c != nil {
		e.line("device memory", fmt.Sprintf("%.1f GB, %.1f GB in one block", float64(c.Memory)/1e9, float64(c.LargestBlock)/1e9))
		e.check("launches", fmt.Sprintf("%.1f us to ask for, %.1f us each in a row, %.1f us one that is waited for", c.Enqueued, c.Done, c.Waited), err)
		if err == nil {
			e.line("copies", fmt.Sprintf("%.1f GB/s to the device, %.1f GB/s back", c.Upload, c.Download))
			e.line("at best", fmt.Sprintf("%.0f GFLOP/s of fused multiply-adds, %.0f GB/s copying and %.0f GB/s adding vectors", c.Peak, c.Copy, c.Axpy))
		}
	}
	t, err := doctor.Test(d)
	e.report.SelfTest = t
	if t != nil || err != nil {
		text := ""
		if t != nil {
			text = fmt.Sprintf("%d trials give the bits that all devices give", t.Tried)
		}
		e.check("self-test", text, err)
	}
}

// data looks for each data set in a folder, or in the program where that is "".
func (e *examination) data(folder string) {
	if _, err := os.Stat(folder); err != nil && folder != "" {
		e.check("data", "", err)
	}
	for _, source := range images.Datasets {
		data, err := images.Open(source.Name, folder)
		switch {
		case err == nil:
			e.line("data "+source.Name, "sha256 "+data.SHA256())
		case folder == "":
			e.line("data "+source.Name, "not there; --data FOLDER with "+source.Files)
		default:
			e.line("data "+source.Name, "not there: "+err.Error())
		}
	}
}

// table looks at the table of NAS-Bench-201. One that was asked for must be there.
func (e *examination) table(path string, given bool) {
	if _, err := os.Stat(path); err != nil && !given {
		e.line("table", path+" is not there; idarts data import nats-bench makes it")
		return
	}
	table, err := nb201.Open(path)
	text := ""
	if err == nil {
		text = fmt.Sprintf("%s: %d cells", filepath.Base(path), len(table.Cells()))
	}
	e.check("table", text, err)
}

// engine plans the protocols of the images inside the program, and compares a
// second derivative with central differences.
func (e *examination) engine(single, double exec.Device) {
	data, err := images.Open("fashion16", "")
	if err != nil {
		e.check("engine", "", err)
		return
	}
	for _, p := range protocol.All {
		if p.Dataset != data.Name {
			continue
		}
		arena, total, err := planned(p, data, single)
		e.check("plan of "+p.Name+" on "+p.Space, fmt.Sprintf("%.1f MB a run, %.1f MB of it for intermediate results", float64(total)/1e6, float64(arena)/1e6), err)
	}
	off, err := parity.SelfCheck(data, double)
	if err == nil && !(off < 1e-5) {
		err = fmt.Errorf("Hessian-vector product is off by %.1e from central differences, want below 1e-5", off)
	}
	e.check("engine", fmt.Sprintf("Hessian-vector product within %.1e of central differences", off), err)
}

func planned(p protocol.Protocol, data *images.Dataset, d exec.Device) (arena, total int, err error) {
	defer exec.Recover(&err)
	return parity.MemoryPlan(p, data, d)
}

func (e *examination) conformance(d exec.Device) {
	c, err := doctor.Conform(d)
	e.report.Conformance = c
	e.check("conformance", fmt.Sprintf("%d programs within %.1e of float64 (the worst: %s)", c.Programs, c.Worst, c.Case), err)
}

// times times the phases of searches, a line for each supernet and, where there are
// launches, one for these.
func (e *examination) times(c console, d exec.Device, nets []stages.Net, budget time.Duration) error {
	fmt.Fprintf(e.out, "\nms of each phase\t%s\tGB\n", strings.Join(doctor.Phases, "\t"))
	supernets, err := doctor.Time(c.ctx, d, nets, budget, func(s doctor.Supernet) {
		if s.Skipped != "" {
			fmt.Fprintf(e.out, "%s\tleft out: %s\n", s.Name, s.Skipped)
			return
		}
		var times, launches []string
		for _, p := range s.Phases {
			times = append(times, fmt.Sprintf("%.3g", p.Milliseconds))
			launches = append(launches, fmt.Sprint(p.Launches))
		}
		fmt.Fprintf(e.out, "%s, C=%d, batch %d\t%s\t%.2f\n", s.Name, s.Channels, s.Batch, strings.Join(times, "\t"), float64(s.Memory)/1e9)
		if e.report.Device.Card != nil {
			fmt.Fprintf(e.out, "  launches\t%s\n", strings.Join(launches, "\t"))
		}
	})
	e.report.Supernets = append(e.report.Supernets, supernets...)
	e.out.Flush()
	if err == nil {
		e.report.Projections, err = doctor.Project(c.ctx, supernets)
	}
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	if err != nil {
		e.check("phases", "", err)
	}
	if len(e.report.Projections) > 0 {
		fmt.Fprintln(e.out, "\na published search\thours\touter steps\tby the times of")
	}
	for _, p := range e.report.Projections {
		by := p.TimedOn
		if p.Estimated {
			by += ", an estimate by arithmetic"
		}
		fmt.Fprintf(e.out, "%s on %s, %s\t%.3g\t%d\t%s\n", p.Protocol, p.Space, p.Method, p.Hours, p.OuterSteps, by)
	}
	return nil
}
