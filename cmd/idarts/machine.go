package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	dartsspace "idarts/darts_space"
	"idarts/internal/images"
	"idarts/internal/provenance"
	"idarts/internal/search"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners/parity"
	"idarts/runners/protocol"
)

type versionCmd struct{}

func (versionCmd) Run(c console) error {
	fmt.Fprintf(c.out, "idarts %s\n", provenance.Versions()["idarts"])
	return nil
}

type listCmd struct {
	What string `arg:"" optional:"" help:"methods, spaces, protocols or datasets; all of them when left out." enum:"methods,spaces,protocols,datasets,all" default:"all"`
}

func (l *listCmd) Run(c console) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, table := range []struct {
		name string
		rows func()
	}{
		{"methods", func() {
			for _, m := range search.Methods {
				fmt.Fprintf(w, "%s\t%s\t%s\n", m.Name, m.Title, m.Paper)
			}
		}},
		{"spaces", func() {
			for _, s := range protocol.Spaces {
				fmt.Fprintf(w, "%s\t%s\n", s.Name, s.Title)
			}
		}},
		{"protocols", func() {
			for _, p := range protocol.All {
				fmt.Fprintf(w, "%s\t%s on %s\t%s\n", p.Name, p.Space, p.Dataset, p.Title)
			}
		}},
		{"datasets", func() {
			for _, d := range images.Datasets {
				fmt.Fprintf(w, "%s\t%s\tneeds %s\n", d.Name, d.Title, d.Files)
			}
		}},
	} {
		if l.What != table.name && l.What != "all" {
			continue
		}
		if l.What == "all" {
			fmt.Fprintf(w, "%s:\n", table.name)
		}
		table.rows()
	}
	return w.Flush()
}

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
}

// Run checks one thing a line. What is only missing for some protocol is said
// and is no failure; what is broken makes the status non-zero.
func (d *doctorCmd) Run(c console) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	broken := 0
	line := func(name, text string) { fmt.Fprintf(w, "%s\t%s\n", name, text) }
	check := func(name, text string, err error) {
		if err != nil {
			broken++
			text = "BROKEN: " + strings.Join(strings.Fields(err.Error()), " ")
		}
		line(name, text)
	}

	versions := provenance.Versions()
	names := make([]string, 0, len(versions))
	for name := range versions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line(name, versions[name])
	}
	line("device", "cpu float32")
	line("processor", fmt.Sprintf("%s, %d cores", provenance.Processor(), runtime.NumCPU()))
	line("memory", memory())
	check("output "+d.Out, "writable", work.Writable(d.Out))
	for _, source := range images.Datasets {
		data, err := images.Open(source.Name, d.Data)
		if err == nil {
			line("data "+source.Name, "sha256 "+data.SHA256())
		} else if d.Data == "" {
			line("data "+source.Name, "not there; --data FOLDER with "+source.Files)
		} else {
			line("data "+source.Name, "not there: "+err.Error())
		}
	}
	if _, err := os.Stat(d.Table); err != nil {
		line("table", d.Table+" is not there; idarts data import nats-bench makes it")
	} else {
		table, err := nb201.Open(d.Table)
		text := ""
		if err == nil {
			text = fmt.Sprintf("%s: %d cells", filepath.Base(d.Table), len(table.Cells()))
		}
		check("table", text, err)
	}

	data, err := images.Open("fashion16", "")
	if err == nil {
		for _, p := range protocol.All {
			if p.Dataset != data.Name {
				continue
			}
			arena, total, err := parity.MemoryPlan(p, data)
			check("plan of "+p.Name+" on "+p.Space, fmt.Sprintf("%.1f MB a run, %.1f MB of it for intermediate results", float64(total)/1e6, float64(arena)/1e6), err)
		}
		var off float64
		off, err = parity.SelfCheck(data)
		if err == nil && !(off < 1e-5) {
			err = fmt.Errorf("Hessian-vector product is off by %.1e from central differences, want below 1e-5", off)
		}
		check("engine", fmt.Sprintf("Hessian-vector product within %.1e of central differences", off), err)
	} else {
		check("engine", "", err)
	}
	if broken > 0 {
		return fmt.Errorf("%d checks failed", broken)
	}
	return nil
}

// memory is what the system says of its own memory.
func memory() string {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return "not known on this system"
	}
	var parts []string
	for l := range strings.Lines(string(content)) {
		var kib int
		name, rest, _ := strings.Cut(l, ":")
		if name != "MemTotal" && name != "MemAvailable" {
			continue
		}
		if _, err := fmt.Sscan(rest, &kib); err == nil {
			parts = append(parts, fmt.Sprintf("%.1f GB %s", float64(kib)*1024/1e9, map[string]string{"MemTotal": "in all", "MemAvailable": "free"}[name]))
		}
	}
	return strings.Join(parts, ", ")
}
