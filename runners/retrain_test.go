package runners

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	dartsspace "idarts/darts_space"
	"idarts/internal/exec"
	"idarts/internal/result"
	"idarts/internal/training"
	"idarts/internal/work"
	"idarts/runners/protocol"
)

func retrain(t *testing.T, p protocol.Protocol, out string, archs ...string) *Retrain {
	t.Helper()
	data, err := few(p.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	return &Retrain{Protocol: p, Archs: archs, Seeds: []uint64{0}, Data: data, Options: work.Options{Out: out, Jobs: 1, Log: io.Discard}}
}

// dartsTiny is a retraining of a second with all that the long recipes have.
func dartsTiny(t *testing.T) protocol.Protocol {
	p, err := protocol.Lookup("darts", "laptop")
	if err != nil {
		t.Fatal(err)
	}
	p.Name = "tiny"
	recipe := *p.Retrain
	recipe.Net, recipe.Epochs, recipe.Batch = dartsspace.Net{C: 2, N: 3, Aux: true}, 3, 50
	recipe.DropPath, recipe.Smoothing, recipe.Augment = 0.3, 0.1, training.Augment{Flip: true, Cutout: 4}
	p.Retrain = &recipe
	return p
}

const dartsV2 = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"

// A retraining that is stopped in the middle of an epoch and continued leaves the
// same files as one that is not.
func TestRetrainingResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for a while")
	}
	p := dartsTiny(t)
	quiet := t.TempDir()
	if sum, err := retrain(t, p, quiet, dartsV2).Run(t.Context()); err != nil || sum.Done != 1 {
		t.Fatalf("%+v, %v; want 1 done", sum, err)
	}
	want := contents(t, quiet)

	out := t.TempDir()
	for range 2 {
		r := retrain(t, p, out, dartsV2)
		jobs, err := r.jobs()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var scored atomic.Int32
		inner := jobs[0].score
		jobs[0].score = func(c context.Context, arch string, d exec.Device) (result.Scored, error) {
			if scored.Add(1) == 1 {
				cancel()
			}
			return inner(c, arch, d)
		}
		if sum, err := runJobs(ctx, r.Options, jobs); !errors.Is(err, context.Canceled) || sum.Left != 1 {
			t.Fatalf("%+v, %v; want one left", sum, err)
		}
	}
	if sum, err := retrain(t, p, out, dartsV2).Run(t.Context()); err != nil || sum.Done != 1 {
		t.Fatalf("%+v, %v; want 1 done", sum, err)
	}
	compare(t, contents(t, out), want)
	if sum, err := retrain(t, p, out, dartsV2).Run(t.Context()); err != nil || sum.Reused != 1 {
		t.Errorf("%+v, %v; want 1 reused", sum, err)
	}

	runs, _, err := result.Load(out)
	if err != nil || len(runs) != 1 || len(runs[0].Events) != 3 {
		t.Fatalf("%+v, %v; want a run of 3 epochs", runs, err)
	}
	first, last := runs[0].Events[0], runs[0].Events[2]
	if first.Extra["drop_path"] != 0 || math.Abs(last.Extra["drop_path"]-0.2) > 1e-12 || !(last.TrainLoss < first.TrainLoss) {
		t.Errorf("first epoch %+v, last %+v; want drop path to rise from 0 to 0.2 and the loss to fall", first, last)
	}
	if n := runs[0].Config.About["parameters"]; n == "" || n == "0" {
		t.Errorf("it is said of the run %q, want the number of parameters", runs[0].Config.About)
	}
}

func TestRetrainingRefuses(t *testing.T) {
	p := dartsTiny(t)
	none := p
	none.Retrain = nil
	for _, tt := range []struct {
		name string
		p    protocol.Protocol
		arch []string
		want string
	}{
		{"no recipe", none, []string{dartsV2}, "has no recipe for retraining"},
		{"no architecture", p, nil, "nothing to train"},
		{"a bad genotype", p, []string{"Genotype(normal=[('conv', 0)])"}, "genotype"},
	} {
		if _, err := retrain(t, tt.p, t.TempDir(), tt.arch...).Run(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}
