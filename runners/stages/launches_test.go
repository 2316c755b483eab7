package stages

import (
	"math"
	"testing"

	"idarts/internal/exec/gpu"
	"idarts/internal/longtest"
)

// What a card is told in a gradient, and in H v with the mixed product, is what lowering
// gives: no card is needed to count it. The limits are what there is.
func TestLaunches(t *testing.T) {
	for _, tt := range []struct {
		net                Net
		gradient, products int
		short              bool // it takes a second at most
	}{
		{Nets[0], 218, 322, true},
		{Nets[1], 678, 1040, true},
		{Nets[2], 1175, 1480, false},
		{Nets[3], 1412, 1855, false},
	} {
		t.Run(tt.net.String(), func(t *testing.T) {
			if !tt.short {
				longtest.Needed(t)
			}
			device := gpu.New(gpu.Idle())
			defer device.Close()
			s, err := New(tt.net, Size, device)
			if err != nil {
				t.Fatal(err)
			}
			for _, of := range []struct {
				stage string
				most  int
			}{{"forward-backward", tt.gradient}, {"both-products", tt.products}} {
				stage, err := Lookup(of.stage)
				if err != nil {
					t.Fatal(err)
				}
				if stage.Before != nil {
					if err := stage.Before(s); err != nil {
						t.Fatal(err)
					}
				}
				launches, gflop := s.Problem.Launches(), s.Problem.GFLOP()
				if err := stage.Do(s); err != nil {
					t.Fatal(err)
				}
				launches, gflop = s.Problem.Launches()-launches, s.Problem.GFLOP()-gflop
				t.Logf("%s: %d launches, %.1f GFLOP", of.stage, launches, gflop)
				if launches < 1 || launches > of.most {
					t.Errorf("%s: %d launches, want at most %d", of.stage, launches, of.most)
				}
				if want := tt.net.Cost().GFLOP; of.stage == "forward-backward" && math.Abs(gflop-want) > 0.01*want {
					t.Errorf("a gradient is %.1f GFLOP, and Cost says %.1f", gflop, want)
				}
			}
			arena, _ := s.Problem.Bytes()
			t.Logf("%.1f GB of scratch", float64(arena)/1e9)
			if want := tt.net.Cost().GB; math.Abs(float64(arena)/1e9-want) > 0.2*want {
				t.Errorf("%.1f GB of scratch memory, and Cost says %.1f", float64(arena)/1e9, want)
			}
		})
	}
}
