package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"idarts/benchmarks"
)

// A process that is to be this program, see peer.self, is the test binary: it gets
// there before any test.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	var err error
	switch {
	case len(args) == 4 && args[0] == "-parity":
		err = computeParity(args[1], args[3])
	case len(args) == 8 && args[0] == "-work":
		err = timeFixture(os.Stdout, args[1], strings.Split(args[3], ","), 1, 1)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

func torch(t *testing.T) *peer {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PyTorch")
	}
	// One thread: threads that wait for each other crawl on a machine with other work.
	p, err := newPeer("", 1)
	if errors.Is(err, errNoTorch) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(p.dir) })
	return p
}

func TestParityWithPyTorch(t *testing.T) {
	p := torch(t)
	nets := []benchmarks.Net{{Space: "nb201", C: 4, N: 2, Batch: 4}, {Space: "nb1b1-s3", C: 4, N: 1, Batch: 3}, {Space: "darts", C: 4, N: 3, Batch: 4}}
	differences, err := p.differences(nets)
	if err != nil {
		t.Fatal(err)
	}
	if len(differences) != 12*len(nets) {
		t.Errorf("%d differences, want 12 of each of %d supernets", len(differences), len(nets))
	}
	worst := map[float64]float64{}
	for _, d := range differences {
		worst[d.Limit] = max(worst[d.Limit], d.Ours)
		worst[limit64] = max(worst[limit64], d.Ours64)
		if !d.within() {
			t.Errorf("%v: %s is off by %.1e in float32 and %.1e in float64, want below %.0e and %.0e (PyTorch in float32: %.1e)",
				d.Net, d.Group, d.Ours, d.Ours64, d.Limit, limit64, d.Peer)
		}
	}
	t.Logf("largest difference of those with each limit: %v", worst)
}

func TestTurnsOfBothSides(t *testing.T) {
	p := torch(t)
	n := benchmarks.Net{Space: "nb201", C: 2, N: 1, Batch: 2}
	path := p.dir + "/f.safetensors"
	if err := p.fixture(path, n, 8, 0.01); err != nil {
		t.Fatal(err)
	}
	for side, name := range sides {
		for _, stages := range turns {
			m, err := p.time(path, side, stages, options{samples: 1, seconds: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, stage := range stages {
				if s := m.Seconds[stage]; len(s) != 1 || !(s[0] > 0) {
					t.Errorf("%s, %s: samples %v, want one", name, stage, s)
				}
			}
			if !(m.Peak > 1e6) {
				t.Errorf("%s: peak memory %v bytes", name, m.Peak)
			}
		}
	}
}

func TestWithoutPyTorchItSaysSo(t *testing.T) {
	var out strings.Builder
	if err := compare(options{rounds: 1, samples: 1, threads: 1, python: "/nowhere/python3"}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "bench-peers: skipped: no Python with PyTorch here (Debian: apt-get install python3-torch)\n"; out.String() != want {
		t.Errorf("prints %q, want %q", out.String(), want)
	}
}

func TestUnknownNetsAreRefused(t *testing.T) {
	err := compare(options{nets: "nb301", python: "/nowhere/python3"}, nil)
	if err == nil || !strings.Contains(err.Error(), `no supernet is named "nb301", want some of [nb201/N=1 nb201/N=5`) {
		t.Errorf("error %v", err)
	}
}

// The stages of a turn are stages of benchmarks that need nothing before them.
func TestTurnsAreStages(t *testing.T) {
	for _, stages := range turns {
		for _, name := range stages {
			found := false
			for _, s := range benchmarks.Stages {
				found = found || s.Name == name && s.Before == nil
			}
			if !found {
				t.Errorf("stage %q is none of benchmarks.Stages without a Before", name)
			}
		}
	}
}

// Ratios take PyTorch's better layout: of 30 and 20 ms against 10 it is 2 by the
// lowest, and of medians 40 and 25 against 12.5 it is 2 as well.
func TestRender(t *testing.T) {
	r := &row{net: benchmarks.Nets[1], stage: "second-order", seconds: [3][]float64{{0.030, 0.050}, {0.020, 0.030}, {0.010, 0.015}}, peak: [3]float64{3e9, 2e9, 1e9}}
	var d difference
	if err := json.Unmarshal([]byte(`{"group":"hv.","limit":0.001,"ours":0.002,"ours64":1e-14,"peer":1e-6}`), &d); err != nil {
		t.Fatal(err)
	}
	d.Net = parityNets[0]
	failed := &row{net: benchmarks.Nets[3], stage: "second-order", seconds: [3][]float64{nil, {0.040}, {0.010}}, peak: [3]float64{0, 2e9, 1e9}}
	failed.failure[0] = "signal: killed"
	got := render([]string{"a machine", "idarts 1234"}, "2000-01-02", []*row{r, failed}, []difference{d})
	for _, want := range []string{
		"a machine; idarts 1234. 2000-01-02, float32.",
		"| nb201/N=5, C=16, batch 64 | second-order | 30.0 / 40.0 / 50 % | 20.0 / 25.0 / 40 % | 10.0 / 12.5 / 40 % | 2, 2, 2 | 2.00 | 2.00 | 6 |",
		"| darts/N=8, C=16, batch 64 | second-order | failed | 40.0 / 40.0 / 0 % | 10.0 / 10.0 / 0 % | 0, 1, 1 | 4.00 | 4.00 | 2 |",
		"| darts/N=8, C=16, batch 64 | failed | 2000 | 1000 |",
		"Failed: second-order of darts/N=8, C=16, batch 64, nchw: signal: killed\n",
		"| nb201/N=5, C=16, batch 64 | 3000 | 2000 | 1000 |",
		"| numbers | limit | nb201/N=1, C=8, batch 16 |\n|---|---|---|\n| hv | 1e-03 | 2.0e-03 / 1e-14 / 1.0e-06 EXCEEDED |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

func TestAFailedTurnSaysWhy(t *testing.T) {
	p := &peer{threads: 1, timeout: 100 * time.Millisecond}
	for _, tt := range []struct{ script, want string }{
		{"echo trace >&2; echo 'MemoryError: no more' >&2; exit 3", "exit status 3 MemoryError: no more"},
		{"exec sleep 10", "stopped after 100ms"},
		{"kill -9 $$", "signal: killed"},
	} {
		err := p.process(nil, "sh", "-c", tt.script)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", tt.script, err, tt.want)
		}
	}
}
