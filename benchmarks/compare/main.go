// Command compare times the benchmarks of two commits in turns:
//
//	make bench BASE=main~3
//	go run ./benchmarks/compare -base main~3 -bench Search/nb201/N=1 -count 10
//
// The base is checked out in a temporary git worktree; the other side is the working
// tree as it is. Each turn runs every benchmark once on one side, then on the other.
// The outputs are in benchstat's format; its table is printed where it can be run,
// else a table of medians.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"idarts/benchmarks"
)

// benchstat is the version that is run where no other is installed.
const benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"

func main() {
	base := flag.String("base", "", "commit to compare with")
	bench := flag.String("bench", ".", "benchmarks to run, as for go test -bench")
	benchtime := flag.String("benchtime", "1s", "as for go test -benchtime")
	count := flag.Int("count", 10, "turns")
	out := flag.String("out", "", "folder that keeps base.txt and head.txt")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := compare(ctx, *base, *bench, *benchtime, *count, *out); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, base, bench, benchtime string, count int, out string) (err error) {
	if base == "" {
		return fmt.Errorf("no commit to compare with, want -base COMMIT")
	}
	dir, err := os.MkdirTemp("", "idarts-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tree := filepath.Join(dir, "tree")
	if err := run(ctx, "", os.Stderr, "git", "worktree", "add", "--quiet", "--detach", tree, base); err != nil {
		return fmt.Errorf("commit %q: %w", base, err)
	}
	// Also after an interrupt.
	defer run(context.Background(), "", os.Stderr, "git", "worktree", "remove", "--force", tree)

	sides := [2]side{{name: "base", tree: tree}, {name: "head", tree: "."}}
	for i := range sides {
		s := &sides[i]
		s.binary = filepath.Join(dir, s.name+".test")
		if err := run(ctx, s.tree, os.Stderr, "go", "test", "-c", "-o", s.binary, "./benchmarks"); err != nil {
			return fmt.Errorf("build of %s: %w", s.name, err)
		}
	}
	for turn := range count {
		for i := range sides {
			s := &sides[(i+turn)%2] // who comes first differs
			fmt.Fprintf(os.Stderr, "turn %d of %d: %s\n", turn+1, count, s.name)
			if err := run(ctx, filepath.Join(s.tree, "benchmarks"), &s.output, s.binary, "-test.run=^$", "-test.bench="+bench,
				"-test.benchtime="+benchtime, "-test.benchmem", "-test.timeout=0"); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	if out == "" {
		out = dir
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var files [2]string
	for i, s := range sides {
		files[i] = filepath.Join(out, s.name+".txt")
		if err := os.WriteFile(files[i], s.output.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return table(ctx, os.Stdout, files, sides)
}

// side is one of the two commits.
type side struct {
	name, tree, binary string
	output             bytes.Buffer
}

// run runs a command in a folder; where it fails its messages are in the error.
func run(ctx context.Context, dir string, out io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// table prints benchstat's table, or ours where that cannot be run.
func table(ctx context.Context, out io.Writer, files [2]string, sides [2]side) error {
	for _, command := range [][]string{{"benchstat"}, {"go", "run", benchstat}} {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		var text bytes.Buffer
		labelled := []string{sides[0].name + "=" + files[0], sides[1].name + "=" + files[1]}
		if err := run(ctx, "", &text, command[0], append(command[1:], labelled...)...); err == nil {
			_, err := text.WriteTo(out)
			return err
		}
	}
	_, err := io.WriteString(out, medians(sides[0].output.String(), sides[1].output.String()))
	return err
}

// medians is a table of the benchmarks that both outputs have.
func medians(base, head string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "benchmark\tbase, ms\tspread\thead, ms\tspread\thead/base\n")
	before, names := parse(base)
	after, _ := parse(head)
	for _, name := range names {
		if len(after[name]) == 0 {
			continue
		}
		x, y := benchmarks.Summarize(before[name]), benchmarks.Summarize(after[name])
		fmt.Fprintf(w, "%s\t%.4g\t%.0f %%\t%.4g\t%.0f %%\t%.3f\n", name, x.Median/1e6, 100*x.Spread(), y.Median/1e6, 100*y.Spread(), y.Median/x.Median)
	}
	w.Flush()
	return b.String()
}

// parse collects the ns/op of every benchmark, in the order of the output.
func parse(output string) (samples map[string][]float64, names []string) {
	samples = map[string][]float64{}
	for line := range strings.Lines(output) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") || f[3] != "ns/op" {
			continue
		}
		ns, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			continue
		}
		if samples[f[0]] == nil {
			names = append(names, f[0])
		}
		samples[f[0]] = append(samples[f[0]], ns)
	}
	return samples, names
}
