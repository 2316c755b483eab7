package runners

import (
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/longtest"
	"idarts/internal/result"
	"idarts/internal/search"
	"idarts/runners/protocol"
)

// The arithmetic of one epoch times the epochs is the budget for methods whose epochs are
// alike; iDARTS sets it, and takes more than 1,000 architecture steps.
func TestFairBudget(t *testing.T) {
	longtest.Needed(t)
	p, err := protocol.Lookup("nb201", "fair")
	if err != nil {
		t.Fatal(err)
	}
	bench, err := OpenBench(p, Inputs{Out: t.TempDir()}, false)
	if err != nil {
		t.Fatal(err)
	}
	device := cpu.Open[float32](2)
	defer device.Close()
	spent := map[string]float64{}
	for _, name := range []string{"idarts", "darts-v1", "darts-v2", "drnas"} {
		method, err := search.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		of, _ := p.Of(name)
		s, err := method.New(search.Env{Space: bench.Space, Supernet: func(o search.SupernetOptions) (search.Problem, error) {
			return bench.Problem(exec.Device(device), 0, o)
		}}, of.Settings)
		if err != nil {
			t.Fatal(err)
		}
		report, err := s.Epoch(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		spent[name] = report.GFLOP * float64(s.Epochs())
		t.Logf("%s: %.0f GFLOP, %.0f architecture steps", name, spent[name], report.Extra[result.ArchSteps]*float64(s.Epochs()))
		if math.Abs(spent[name]/spent["idarts"]-1) > 0.08 {
			t.Errorf("%s spends %.0f GFLOP, iDARTS %.0f", name, spent[name], spent["idarts"])
		}
		if steps := report.Extra[result.ArchSteps] * float64(s.Epochs()); steps < 1000 {
			t.Errorf("%s takes %v architecture steps, want 1,000 at least", name, steps)
		}
	}
	if search.ArchSteps != result.ArchSteps {
		t.Error("architecture steps have two names")
	}
}
