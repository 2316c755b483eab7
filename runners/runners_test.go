package runners

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"idarts/internal/durable"
	"idarts/internal/exec"
	"idarts/internal/exec/gpu/cuda/cudatest"
	"idarts/internal/images"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/internal/settings"
	"idarts/internal/training"
	"idarts/internal/work"
	"idarts/nb201"
	"idarts/runners/protocol"
)

// tiny is a protocol of a second: a few steps on a very small supernet.
func tiny() protocol.Protocol {
	p, err := protocol.Lookup("nb201", "laptop")
	if err != nil {
		panic(err)
	}
	p.Name = "tiny"
	p.Supernet, p.Batch = nb201.Net{C: 2, N: 1}, 16
	p.Score = protocol.Scoring{Trials: 1, Recipe: protocol.Recipe{Net: nb201.Net{C: 2, N: 1}, Recipe: training.Recipe{
		Epochs: 1, Batch: 100,
		Weights: search.SGD{LR: 0.1, EachStep: true, Momentum: 0.9, Nesterov: true, WeightDecay: 5e-4},
		Augment: training.Augment{Flip: true},
	}}}
	for _, of := range p.Search {
		own := of.Settings
		for path, text := range map[string]string{
			"epochs": "3", "max_steps": "4", "queries": "2", "population": "1", "sample": "1",
			"sampling.samples": "4", "sampling.batches": "1", "samples": "2", "batches": "1", "warm_up": "1", "every": "1", "lookahead_steps": "2",
			"graphs": "8", "train_epochs": "1", "hidden": "3", "latent": "2", "initial": "1", "round": "1", "candidates": "5", "decodes": "2",
			"arch.lr": "0.1", // so that a few steps change the derived cell
		} {
			if changed, err := settings.Set(own, path, text); err == nil { // not all methods have it
				own = changed
			}
		}
		p = p.With(of.Method, own)
	}
	return p
}

// grid is a grid of tiny runs below out.
func grid(out string, seeds []uint64, methods ...string) *Grid {
	p := tiny()
	return &Grid{
		Protocols: []protocol.Protocol{p}, Methods: methods, Seeds: seeds, Bench: open(out),
		Options: work.Options{Out: out, Jobs: 2, Log: io.Discard},
	}
}

// few is a tenth of the embedded images.
func few(dataset string) (*images.Dataset, error) {
	whole, err := images.Open(dataset, "")
	if err != nil {
		return nil, err
	}
	data := new(images.Dataset)
	*data = *whole // which others share
	for _, part := range []*images.Part{&data.Train, &data.Valid, &data.Test} {
		part.Indices = part.Indices[:500]
	}
	return data, nil
}

// open opens benches on a tenth of the embedded images.
func open(out string) func(protocol.Protocol, bool) (*Bench, error) {
	return func(p protocol.Protocol, fresh bool) (*Bench, error) {
		data, err := few(p.Dataset)
		if err != nil {
			return nil, err
		}
		return openBench(p, data, Inputs{Out: out}, fresh)
	}
}

// childOut, when set, makes this test program run a grid there and nothing else,
// so that a test can kill it.
const childOut = "IDARTS_TEST_CHILD_OUT"

// childDevice has the child run cardMethods on a card, one after another.
const childDevice = "IDARTS_TEST_CHILD_DEVICE"

func TestMain(m *testing.M) {
	if out := os.Getenv(sharedOut); out != "" {
		shareChild(out)
	}
	if out := os.Getenv(extendedOut); out != "" {
		extendedChild(out)
	}
	if out := os.Getenv(childOut); out != "" {
		g := grid(out, []uint64{0}, killed()...)
		if device := os.Getenv(childDevice); device != "" {
			g.Methods, g.Device, g.Jobs = cardMethods, device, 1
		}
		sum, err := g.Run(context.Background())
		if err != nil || len(sum.Failed) > 0 {
			fmt.Fprintln(os.Stderr, err, sum.Failed)
			os.Exit(1)
		}
		os.Exit(0)
	}
	cudatest.Main(m)
}

// contents reads all files below root whose bytes must not depend on time.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.Name() == claimsDir: // what a killed process leaves there does no harm
			return filepath.SkipDir
		case e.IsDir() && durable.IsAside(e.Name()):
			return filepath.SkipDir
		case durable.IsAside(e.Name()):
			return nil
		case e.IsDir():
			return nil
		}
		switch e.Name() {
		case result.TimingFile, secondsFile, ".lock":
			return nil
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	names := slices.AppendSeq(slices.Collect(maps.Keys(got)), maps.Keys(want))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		g, okGot := got[name]
		w, okWant := want[name]
		switch {
		case !okGot:
			t.Errorf("%s is missing", name)
		case !okWant:
			t.Errorf("%s should not be there", name)
		case g != w:
			t.Errorf("%s differs: %d bytes, want %d:\n%.300s\nwant\n%.300s", name, len(g), len(w), g, w)
		}
	}
}

func mustRun(t *testing.T, g *Grid) work.Summary {
	t.Helper()
	sum, err := g.Run(t.Context())
	if err != nil || len(sum.Failed) > 0 {
		t.Fatalf("run: %v, failed: %q", err, sum.Failed)
	}
	return sum
}

type scorerFunc func(ctx context.Context, arch string, device exec.Device) (result.Scored, error)

func (f scorerFunc) Score(ctx context.Context, arch string, device exec.Device) (result.Scored, error) {
	return f(ctx, arch, device)
}
