package benchmarks

import (
	"testing"

	"idarts/internal/exec/cpu"
	"idarts/internal/limits"
	"idarts/runners/stages"
)

func TestRoofIsOfTheThirdCacheOrMemory(t *testing.T) {
	traffic := func(name string, load, add float64) limits.Traffic {
		return limits.Traffic{Level: limits.Level{Name: name}, Load: load, Add: add}
	}
	ops := []limits.Operations{{Fused: 30e9, Apart: 40e9}, {Fused: 20e9}}
	for _, tt := range []struct {
		name    string
		traffic []limits.Traffic
		want    Roof
	}{
		{"the third cache before memory", []limits.Traffic{traffic("L1", 9e9, 9e9), traffic("L3", 5e9, 4e9), traffic("memory", 7e9, 7e9)}, Roof{30e9, 5e9, "L3"}},
		{"memory where there is no third", []limits.Traffic{traffic("L2", 9e9, 9e9), traffic("memory", 2e9, 3e9)}, Roof{30e9, 3e9, "memory"}},
	} {
		if got := (Limits{Operations: ops, Traffic: tt.traffic}).Roof(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// At 10 FLOP/s and 5 bytes/s.
func TestLeastIsTheLargerOfArithmeticAndBytes(t *testing.T) {
	for _, tt := range []struct {
		name string
		kind Kind
		want float64
	}{
		{"20 FLOP beside 5 bytes", Kind{FLOP: 20, Bytes: 5}, 2},
		{"20 FLOP beside 15 bytes", Kind{FLOP: 20, Bytes: 15}, 3},
	} {
		if got := tt.kind.Least(Roof{FLOPs: 10, Bytes: 5}); got != tt.want {
			t.Errorf("%s take %v s, want %v", tt.name, got, tt.want)
		}
	}
}

// Each instruction of a stage counts in one kind: together they do the arithmetic that
// the problem counts for the stage, also when it is profiled again.
func TestProfileMissesNothing(t *testing.T) {
	device := cpu.Open[float32](1)
	defer device.Close()
	s, err := stages.New(stages.Net{Space: "nb201", C: 2, N: 1, Batch: 2}, 8, device)
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range stages.All[:3] {
		for range 2 {
			before := s.Problem.GFLOP()
			kinds, err := Profile(s, stage)
			if err != nil {
				t.Fatal(err)
			}
			flop, names := 0.0, map[string]bool{}
			for _, k := range kinds {
				flop += k.FLOP - k.Again
				names[k.Name] = true
			}
			if want := 1e9 * (s.Problem.GFLOP() - before); !(want > 0) || flop < 0.999999*want || flop > 1.000001*want {
				t.Errorf("%s: kinds do %v FLOP, want %v", stage.Name, flop, want)
			}
			if len(names) != len(kinds) || !names["conv 3x3"] {
				t.Errorf("%s: kinds are %v", stage.Name, kinds)
			}
		}
	}
}
