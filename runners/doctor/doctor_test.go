package doctor

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/runners/stages"
)

// made is a supernet with times that tell phases apart.
func made(n stages.Net) Supernet {
	s := Supernet{Name: n.String(), net: n}
	ms := 0.1
	for _, name := range Phases {
		s.Phases = append(s.Phases, Phase{Name: name, Milliseconds: ms})
		ms *= 10
	}
	return s
}

// An outer step of iDARTS with T=4 and K=2 is 4 weight steps, a gradient, a
// linearization, 2 products with H and a mixed one; one of first-order DARTS is a weight
// step and a gradient. An epoch of 25,000 images in batches of 64 has 391 steps, one in
// batches of 96 has 261.
func TestProject(t *testing.T) {
	nb201, small := stages.Nets[1], stages.Nets[0]
	skipped := made(nb201)
	skipped.Skipped = "no time"
	for _, tt := range []struct {
		name          string
		timed         []Supernet
		space, method string
		steps         int
		hours         float64 // of outer steps, in ms each
		estimated     bool
	}{
		{"idarts", []Supernet{made(small), made(nb201)}, "nb201", "idarts", 30 * 391, 4*10 + 1 + 100 + 2*1000 + 10000, false},
		{"darts-v1", []Supernet{made(small), made(nb201)}, "nb201", "darts-v1", 50 * 391, 10 + 1, false},
		{"T=5 in batches of 96, on a net with as much more arithmetic", []Supernet{made(nb201)}, "nb1b1-s3", "idarts", 50 * 261, (5*10 + 1 + 100 + 2*1000 + 10000) * 145.1 / 96.5, true},
		{"an estimate by the net that was timed", []Supernet{made(small), skipped}, "nb201", "darts-v1", 50 * 391, (10 + 1) * 96.5 / 21.7, true},
	} {
		all, err := Project(t.Context(), tt.timed)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(p Projection) bool { return p.Space == tt.space && p.Method == tt.method })
		if slices.ContainsFunc(all, func(p Projection) bool { return p.Method == "lambda-darts" || p.Method == "svge" }) {
			t.Error("a method whose epochs differ, or that has none, is projected by its first")
		}
		if i < 0 {
			t.Fatalf("%s: no projection of %s on %s in %+v", tt.name, tt.method, tt.space, all)
		}
		// forward-backward is 1 ms, inner-step 10, linearize 100 and so on.
		want := tt.hours * float64(tt.steps) / 3.6e6
		if p := all[i]; p.OuterSteps != tt.steps || math.Abs(p.Hours-want) > 1e-9*want || p.Estimated != tt.estimated {
			t.Errorf("%s: %+v, want %d steps in %v hours, estimated %v", tt.name, p, tt.steps, want, tt.estimated)
		}
	}
	for _, timed := range [][]Supernet{nil, {made(Small)}, {skipped}} {
		if all, err := Project(t.Context(), timed); err != nil || len(all) != 0 {
			t.Errorf("%d projections from no published size (%v)", len(all), err)
		}
	}
}

// tiny is a card with hardly any memory.
type tiny struct{ exec.Device }

func (tiny) Capacity() (all, block int64)   { return 2e8, 1e8 }
func (tiny) Figures() (exec.Figures, error) { return exec.Figures{}, nil }

func TestTimeLeavesOutWhatDoesNotFit(t *testing.T) {
	d, err := device.Open("cpu", 32, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	nets := []stages.Net{Small, stages.Nets[0]}
	for _, tt := range []struct {
		device exec.Device
		budget time.Duration
		want   string // why the second one is left out
	}{
		{d, 0, "it would take about"},
		{tiny{d}, time.Hour, "it needs about 0.6 GB, and 0.1 GB is the largest block"},
	} {
		told := 0
		all, err := Time(t.Context(), tt.device, nets, tt.budget, func(Supernet) { told++ })
		if err != nil || len(all) != 2 || told != 2 {
			t.Fatalf("%d supernets, %d of them told, error %v, want 2", len(all), told, err)
		}
		if all[0].Skipped != "" || len(all[0].Phases) != len(Phases) || !strings.Contains(all[1].Skipped, tt.want) || len(all[1].Phases) != 0 {
			t.Errorf("budget %v: %+v, want the first timed and the second left out because %s", tt.budget, all, tt.want)
		}
	}
}

// lost is a device whose memory fails.
type lost struct{ exec.Device }

func (l lost) NewMemory() exec.Memory { panic(exec.Failure{Err: errLost}) }

type lostError struct{}

func (lostError) Error() string { return "the card is lost" }

var errLost = lostError{}

func TestAFailingDeviceIsOneLine(t *testing.T) {
	d, err := device.Open("cpu", 32, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := Conform(lost{d})
	if err == nil || !strings.Contains(err.Error(), "the card is lost") || c.Failed != 10 || c.Programs != 10 {
		t.Errorf("conformance of a lost device: %+v, %v", c, err)
	}
	if _, err := Time(t.Context(), lost{d}, []stages.Net{Small}, 0, func(Supernet) {}); err == nil || !strings.Contains(err.Error(), "supernet small: the card is lost") {
		t.Errorf("times of a lost device: %v", err)
	}
}
