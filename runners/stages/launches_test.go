package stages

import (
	"math"
	"testing"
	"time"

	"idarts/internal/exec/gpu"
)

// counter is a card that does nothing: enough to count what it is told to do.
type counter struct{ blocks gpu.Block }

func (*counter) Name() string                         { return "a card that does nothing" }
func (*counter) Memory() (all, block int64)           { return 1 << 40, 1 << 40 }
func (*counter) Free(gpu.Block)                       {}
func (*counter) Write(gpu.Block, int, []uint32) error { return nil }
func (*counter) Read(gpu.Block, int, []uint32) error  { return nil }
func (*counter) Sync() error                          { return nil }
func (*counter) Close()                               {}

func (c *counter) Alloc(int) (gpu.Block, error) {
	c.blocks++
	return c.blocks, nil
}
func (*counter) Run(gpu.Block, gpu.Launch, *gpu.Args) error         { return nil }
func (*counter) Load(gpu.Block, []gpu.Launch) (gpu.Sequence, error) { return idle{}, nil }

type idle struct{}

func (idle) Run(gpu.Block) error                        { return nil }
func (idle) Profile(gpu.Block) ([]time.Duration, error) { return nil, nil }
func (idle) Close()                                     {}

// What a card is told in a gradient, and in H v with the mixed product, is what lowering
// gives: no card is needed to count it. The limits are what there is; a gradient of
// nb201/N=5 must not take more than 1,400, and one of darts 2,600.
func TestLaunches(t *testing.T) {
	for _, tt := range []struct {
		net                Net
		gradient, products int
		short              bool // it takes a second at most
	}{
		{Nets[0], 294, 408, true},
		{Nets[1], 1074, 1476, true},
		{Nets[2], 1617, 2278, false},
		{Nets[3], 2200, 4519, false},
	} {
		t.Run(tt.net.String(), func(t *testing.T) {
			if testing.Short() && !tt.short {
				t.Skip("lowering takes seconds")
			}
			device := gpu.New(&counter{})
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
