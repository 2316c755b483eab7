package main

import (
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"idarts/internal/durable"
	"idarts/runners/cluster"
)

type launchCmd struct {
	Slurm launchSlurmCmd `cmd:"" set:"out=out" help:"Submit the runs of a grid as an array of Slurm."`
	K8s   launchK8sCmd   `cmd:"" name:"k8s" set:"out=out" help:"Submit the runs of a grid as an indexed job of Kubernetes."`
}

// launchFlags are the same for all schedulers.
type launchFlags struct {
	chooseFlags
	Out    string `help:"Output folder, which all machines share." default:"${out}" placeholder:"DIR"`
	AtOnce int    `help:"Runs at a time; 0: as many as there is room for." default:"0" placeholder:"N"`
	CPUs   int    `name:"cpus" help:"Cores of a run." default:"2" placeholder:"N"`
	GPUs   int    `name:"gpus" help:"Graphics cards of a run." default:"0" placeholder:"N"`
	Device string `help:"What computes, see idarts run; auto is cpu, or cuda with --gpus." default:"auto" placeholder:"NAME"`
	To     string `help:"Folder that the scripts are written to." default:"launch" placeholder:"DIR"`
	DryRun bool   `help:"Print the scripts, write and submit nothing."`
}

// launch is what the flags say, for a program that the machines find by this name.
func (f launchFlags) launch(c console, program string) (cluster.Launch, error) {
	none := cluster.Launch{}
	if f.AtOnce < 0 || f.CPUs < 1 || f.GPUs < 0 {
		return none, fmt.Errorf("--at-once %d, --cpus %d, --gpus %d: want 0 or more, 1 or more, 0 or more", f.AtOnce, f.CPUs, f.GPUs)
	}
	device := f.Device
	if device == "auto" {
		device = "cpu"
		if f.GPUs > 0 {
			device = "cuda"
		}
	}
	grid, err := f.grid(c)
	if err != nil {
		return none, err
	}
	cells, err := grid.Size() // without data, which need not be on this machine
	if err != nil {
		return none, err
	}
	args := []string{program, "run", "--space", strings.Join(f.Space, ","), "--protocol", f.Protocol, "--methods", strings.Join(f.Methods, ",")}
	for _, set := range f.Set {
		args = append(args, "--set", set)
	}
	args = append(args, "--seeds", f.Seeds)
	for _, own := range []struct{ flag, value string }{{"data", f.Data}, {"table", f.Table}} {
		if c.given[own.flag] {
			args = append(args, "--"+own.flag, own.value)
		}
	}
	args = append(args, "--out", f.Out, "--claims", "leases", "--device", device)
	return cluster.Launch{Args: args, Cells: cells, AtOnce: f.AtOnce, CPUs: f.CPUs, GPUs: f.GPUs}, nil
}

// submit prints scripts, and writes and submits them where that is wanted.
func (f launchFlags) submit(c console, scripts []cluster.Script, with ...string) error {
	if f.DryRun {
		for _, s := range scripts {
			fmt.Fprint(c.out, s.Text)
		}
		return nil
	}
	tool, err := exec.LookPath(with[0])
	if err != nil {
		return fmt.Errorf("no %s on this machine; --dry-run prints what it would be given: %w", with[0], err)
	}
	for _, s := range scripts {
		file := filepath.Join(f.To, s.Name)
		if err := durable.WriteBytes(file, []byte(s.Text)); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s\n", file)
		said, err := exec.CommandContext(c.ctx, tool, append(with[1:], file)...).CombinedOutput()
		fmt.Fprint(c.out, string(said))
		if err != nil {
			return fmt.Errorf("%s %s: %w", with[0], file, err)
		}
	}
	return nil
}

type launchSlurmCmd struct {
	launchFlags
	Time      time.Duration `help:"That a task may take before it is stopped, and goes on later." default:"4h" placeholder:"TIME"`
	Partition string        `help:"Slurm's partition." placeholder:"NAME"`
	Account   string        `help:"Slurm's account." placeholder:"NAME"`
	MaxArray  int           `help:"Tasks of an array at most: more make several arrays." default:"1000" placeholder:"N"`
}

// word is what a name of Slurm's may be.
var word = regexp.MustCompile(`^[A-Za-z0-9_.,-]*$`)

func (l *launchSlurmCmd) Run(c console) error {
	switch {
	case l.Time < 10*time.Minute:
		return fmt.Errorf("--time is %v, want 10m or more", l.Time)
	case l.MaxArray < 1:
		return fmt.Errorf("--max-array is %d, want 1 or more", l.MaxArray)
	case !word.MatchString(l.Partition), !word.MatchString(l.Account):
		return fmt.Errorf("--partition %q, --account %q: want letters, digits and _.,-", l.Partition, l.Account)
	}
	launch, err := l.launch(c, "idarts")
	if err != nil {
		return err
	}
	launch.Time = l.Time
	return l.submit(c, launch.Slurm(l.Partition, l.Account, l.MaxArray), "sbatch")
}

type launchK8sCmd struct {
	launchFlags
	Name  string `help:"Name of the job." default:"idarts" placeholder:"NAME"`
	Image string `help:"Container image that has the program as /idarts." required:"" placeholder:"IMAGE"`
	Claim string `help:"Volume claim of the shared folder." required:"" placeholder:"NAME"`
	Mount string `help:"Where that is in a pod. Relative paths of the other flags lie there." default:"/shared" placeholder:"DIR"`
}

// maxIndexes is how many an indexed job may have.
const maxIndexes = 100_000

// label is what a name of Kubernetes's may be.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$`)

func (l *launchK8sCmd) Run(c console) error {
	switch {
	case !label.MatchString(l.Name):
		return fmt.Errorf("--name is %q, want small letters, digits and -, 53 at most", l.Name)
	case !path.IsAbs(l.Mount):
		return fmt.Errorf("--mount is %q, want a path from the root, as /shared", l.Mount)
	}
	launch, err := l.launch(c, "/idarts")
	if err != nil {
		return err
	}
	if launch.Cells > maxIndexes {
		return fmt.Errorf("the grid has %s runs, and a job of Kubernetes has %d at most: fewer seeds or methods", strconv.Itoa(launch.Cells), maxIndexes)
	}
	return l.submit(c, []cluster.Script{launch.Kubernetes(l.Name, l.Image, l.Claim, l.Mount)}, "kubectl", "apply", "-f")
}
