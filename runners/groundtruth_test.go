package runners

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"idarts/internal/trials"
	"idarts/nb201"
	"idarts/runners/protocol"
)

// laptop-nb201 asks a table of NAS-Bench-201 for short trainings to choose by and
// long ones to report, and a query costs the short one.
func TestLaptopOnTheRealBenchmark(t *testing.T) {
	p, err := protocol.Lookup("nb201", "laptop-nb201")
	if err != nil {
		t.Fatal(err)
	}
	laptop, err := protocol.Lookup("nb201", "laptop")
	if err != nil {
		t.Fatal(err)
	}
	if p.Supernet != laptop.Supernet || p.Batch != laptop.Batch || p.Dataset != laptop.Dataset || p.Augment != laptop.Augment {
		t.Errorf("the search is not that of laptop: %+v, %+v", p, laptop)
	}

	path := filepath.Join(t.TempDir(), "t.arrow")
	if _, err := OpenBench(p, Inputs{Table: path}, false); err == nil || !strings.HasSuffix(err.Error(), "make it with: idarts data fetch nb201 --out "+path) {
		t.Errorf("without a table: error = %v", err)
	}
	cell := nb201.FromIndex(1462)
	table := nb201.NewTable(trials.Origin{Source: "test"})
	for i, key := range []nb201.Key{
		{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 12},
		{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "x-valid", Epochs: 200},
		{Dataset: "cifar10", TrainedOn: "cifar10-valid", Split: "ori-test", Epochs: 200},
		{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 12},
		{Dataset: "cifar10", TrainedOn: "cifar10", Split: "ori-test", Epochs: 200},
	} {
		if err := table.Append(nb201.Record{Cell: cell, Key: key, Seed: trials.MeanOfTrials, Accuracy: 80 + float64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Save(path); err != nil {
		t.Fatal(err)
	}
	bench, err := OpenBench(p, Inputs{Table: path}, false)
	if err != nil {
		t.Fatal(err)
	}
	got, err := bench.Scorer.Score(t.Context(), cell.String(), nil)
	if err != nil || got.Valid != 80 || got.Test != 84 || got.Trials != 0 {
		t.Errorf("score %+v, %v; want 80 after 12 epochs, 84 after 200, of a number of trials that is not known", got, err)
	}
	// Three passes of two operations for each multiplication, 25,000 images, 12
	// epochs. The benchmark's own count has batch norm and pools in it as well.
	mflops, _ := cell.Cost(nb201.Net{C: 16, N: 5, Classes: 10, InChannels: 3, Size: 32})
	if want := 3 * 2 * mflops / 1e3 * 25000 * 12; math.Abs(got.GFLOP/want-1) > 0.03 {
		t.Errorf("a query costs %.0f GFLOP, want about %.0f", got.GFLOP, want)
	}
	t.Logf("a query of the cell of 3x3 convolutions costs %.0f GFLOP", got.GFLOP)
}
