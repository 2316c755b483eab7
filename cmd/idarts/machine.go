package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners/parity"
	"idarts/runners/protocol"
)

type versionCmd struct{}

func (versionCmd) Run(c console) error {
	fmt.Fprintln(c.out, versionLine())
	return nil
}

func versionLine() string { return "idarts " + provenance.Versions()["idarts"] }

type buildCmd struct {
	Fashion   buildFashionCmd   `cmd:"" help:"Make the embedded Fashion-MNIST subset from the original files."`
	Genotypes buildGenotypesCmd `cmd:"" help:"Make the embedded table of published genotypes."`
}

type buildGenotypesCmd struct {
	Notes string `arg:"" help:"JSON file: a list of genotypes with name, repo, path, line, cells and counts of parameters."`
	File  string `arg:"" help:"Arrow file to write."`
}

func (b *buildGenotypesCmd) Run(c console) error {
	if err := dartsspace.BuildPublished(b.Notes, b.File); err != nil {
		return err
	}
	table, err := dartsspace.Open(b.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d genotypes\n", b.File, len(table.List()))
	return nil
}

type buildFashionCmd struct {
	Folder string `arg:"" help:"Folder with the four idx files of Fashion-MNIST, gzipped or not."`
	File   string `arg:"" help:"Arrow file to write."`
	Size   int    `help:"Side of the images." default:"16"`
}

func (b *buildFashionCmd) Run(c console) error {
	if err := images.BuildFashion(b.Folder, b.File, b.Size); err != nil {
		return err
	}
	d, err := images.ReadFashion(b.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: sha256 of the images %s\n", b.File, d.SHA256())
	return nil
}

type doctorCmd struct {
	Out string `help:"Output folder to check." default:"out" placeholder:"DIR"`
	inputFlags
	deviceFlag
}

// Run checks one thing a line. What is only missing for some protocol is said
// and is no failure; what is broken makes the status non-zero.
func (d *doctorCmd) Run(c console) error {
	single, err := device.Open(d.Device, 32, runtime.NumCPU())
	if err != nil {
		return err
	}
	defer single.Close()
	double, err := device.Open(d.Device, 64, runtime.NumCPU())
	if err != nil {
		return err
	}
	defer double.Close()
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	e := examination{out: w}
	e.machine(single)
	e.check("output "+d.Out, "writable", work.Writable(d.Out))
	e.data(d.Data)
	e.table(d.Table, c.given["table"])
	e.engine(single, double)
	if e.broken > 0 {
		return fmt.Errorf("%d checks failed", e.broken)
	}
	return nil
}

// examination writes one line for each thing looked at.
type examination struct {
	out    io.Writer
	broken int
}

func (e *examination) line(name, text string) { fmt.Fprintf(e.out, "%s\t%s\n", name, text) }

// check writes text, or err where there is one, which counts as broken.
func (e *examination) check(name, text string, err error) {
	if err != nil {
		e.broken++
		text = "BROKEN: " + strings.Join(strings.Fields(err.Error()), " ")
	}
	e.line(name, text)
}

func (e *examination) machine(d exec.Device) {
	versions := provenance.Versions()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		e.line(name, versions[name])
	}
	e.line("device", d.Name()+", "+d.Class())
	e.line("processor", fmt.Sprintf("%s, %d cores", provenance.Processor(), runtime.NumCPU()))
	e.line("memory", provenance.Memory())
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
		arena, total, err := parity.MemoryPlan(p, data, single)
		e.check("plan of "+p.Name+" on "+p.Space, fmt.Sprintf("%.1f MB a run, %.1f MB of it for intermediate results", float64(total)/1e6, float64(arena)/1e6), err)
	}
	off, err := parity.SelfCheck(data, double)
	if err == nil && !(off < 1e-5) {
		err = fmt.Errorf("Hessian-vector product is off by %.1e from central differences, want below 1e-5", off)
	}
	e.check("engine", fmt.Sprintf("Hessian-vector product within %.1e of central differences", off), err)
}
