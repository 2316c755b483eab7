package main

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"idarts/benchmarks"
	"idarts/internal/limits"
	"idarts/internal/longtest"
	"idarts/runners/stages"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// A process that is to be this program, see peer.self, is the test binary: it gets
// there before any test.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	var err error
	switch {
	case len(args) == 4 && args[0] == "-parity":
		err = computeParity(args[1], args[3])
	case len(args) == 10 && args[0] == "-work":
		err = timeFixture(os.Stdout, args[1], args[9], strings.Split(args[3], ","), 1, 1)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

// torch has one thread: threads that wait for each other crawl on a machine with other
// work.
func torch(t *testing.T) *peer {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PyTorch")
	}
	p, err := newPeer("")
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
	longtest.Needed(t)
	p := torch(t)
	nets := []stages.Net{{Space: "nb201", C: 4, N: 2, Batch: 4}, {Space: "nb1b1-s3", C: 4, N: 1, Batch: 3}, {Space: "darts", C: 4, N: 3, Batch: 4}}
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

// Every side has a sample of each stage, or says why it has none; eager PyTorch and the
// engine always have one. Variants compute the same.
func TestTurnsOfAllSides(t *testing.T) {
	longtest.Needed(t)
	p := torch(t)
	path := p.dir + "/f.safetensors"
	net := stages.Net{Space: "nb201", C: 2, N: 1, Batch: 2}
	if err := p.fixture(path, net, 8, 0.01); err != nil {
		t.Fatal(err)
	}
	var said struct{ Lacks map[string]string }
	if err := p.run(&said, "versions"); err != nil {
		t.Fatal(err)
	}
	t.Logf("this PyTorch lacks %v", said.Lacks)
	rows, set := p.inTurns(path, net, said.Lacks, options{rounds: 1, samples: 1, seconds: 1})
	if len(rows) != 3 {
		t.Fatalf("%d rows, want 3", len(rows))
	}
	if sets := limits.Sets(); set != sets[len(sets)-1] {
		t.Errorf("the engine uses %v, want the best of %v", set, sets)
	}
	for _, r := range rows {
		for i, by := range sides {
			m := r.by[i]
			switch {
			case !by.has(p.threads, said.Lacks) || !by.takes(r.stage):
				if len(m.seconds) > 0 || m.failure != "" {
					t.Errorf("%s of %v: %+v, want no turn", r.stage, by, m)
				}
			case m.failure != "" && i != ours && by.way != "eager":
				t.Logf("%s of %v: %s", r.stage, by, m.failure)
			case m.failure != "" || len(m.seconds) != 1 || !(m.seconds[0] > 0) || !(m.peak > 1e6):
				t.Errorf("%s of %v: %+v, want a sample and memory", r.stage, by, m)
			}
		}
		if !(r.least(benchmarks.Roof{FLOPs: 1e9, Bytes: 1e9}) > 0) {
			t.Errorf("%s: no instructions of the engine", r.stage)
		}
	}
}

func TestWithoutPyTorchItSaysSo(t *testing.T) {
	var out strings.Builder
	if err := compare(options{rounds: 1, samples: 1, threads: "1", python: "/nowhere/python3"}, &out); err != nil {
		t.Fatal(err)
	}
	if want := "bench-peers: skipped: no Python with PyTorch here (Debian: apt-get install python3-torch)\n"; out.String() != want {
		t.Errorf("prints %q, want %q", out.String(), want)
	}
}

func TestFlagsAreRefused(t *testing.T) {
	for _, tt := range []struct{ nets, threads, want string }{
		{"nb301", "1", `no supernet is named "nb301", want some of [nb201/N=1 nb201/N=5`},
		{"nb201/N=1,nb201", "1", `no supernet is named "nb201", want`},
		{"darts/N=8/17", "1", `no supernet is named "darts/N=8/17", want`},
		{"", "1,two", `-threads 1,two: "two" is no number of threads, want some like 1,2`},
		{"", "0", `-threads 0: "0" is no number of threads`},
		{"", "", `-threads : "" is no number of threads`},
	} {
		err := compare(options{nets: tt.nets, threads: tt.threads, python: "/nowhere/python3"}, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("nets %q, threads %q: error %v, want %q", tt.nets, tt.threads, err, tt.want)
		}
	}
}

func TestNetsAreChosenWithOrWithoutTheBatch(t *testing.T) {
	for _, tt := range []struct {
		names string
		want  []stages.Net
	}{
		{"", nets},
		{"nb201/N=5", nets[1:2]},
		{"darts/N=8", nets[3:5]},
		{"darts/N=8/16,nb201/N=1", []stages.Net{nets[4], nets[0]}},
	} {
		if got, err := choose(tt.names); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, %v, want %v", tt.names, got, err, tt.want)
		}
	}
}

// The stages of a turn are stages of benchmarks that need nothing before them.
func TestTurnsAreStages(t *testing.T) {
	for _, name := range slices.Concat(turns...) {
		if !slices.ContainsFunc(stages.All, func(s stages.Stage) bool { return s.Name == name && s.Before == nil }) {
			t.Errorf("stage %q is none of stages.All without a Before", name)
		}
	}
}

func TestGoals(t *testing.T) {
	for _, tt := range []struct {
		net          int
		stage        string
		avx2, avx512 float64
	}{
		{0, "forward", 0, 0},
		{0, "forward-backward", 1.9, 2.5},
		{1, "forward-backward", 1.9, 2.5},
		{1, "second-order", 5, 9},
		{2, "forward-backward", 1.6, 2},
		{2, "second-order", 0, 0},
		{4, "forward-backward", 3, 4},
	} {
		for set, want := range map[limits.Set]float64{limits.Plain: 0, limits.AVX2: tt.avx2, limits.AVX512: tt.avx512} {
			if got := goal(nets[tt.net], tt.stage, set); got != want {
				t.Errorf("%s of %v with %v: goal %v, want %v", tt.stage, nets[tt.net], set, got, want)
			}
		}
	}
}

func TestTheBestVariantHasTheLowestTime(t *testing.T) {
	for _, tt := range []struct {
		name           string
		seconds        [len(sides)][]float64
		lowest, median int // sides, -1: none
	}{
		{"the lowest need not have the lowest median", [len(sides)][]float64{0: {1, 9, 9}, 1: {2, 3, 4}, 5: {8}}, 0, 1},
		{"a compiled one", [len(sides)][]float64{0: {5}, 1: {6}, 4: {3}}, 4, 4},
		{"one that failed has none", [len(sides)][]float64{1: {6}}, 1, 1},
		{"ours is none of them", [len(sides)][]float64{3: {6}, ours: {1}}, 3, 3},
		{"all failed", [len(sides)][]float64{ours: {1}}, -1, -1},
	} {
		var r row
		for i := range sides {
			r.by[i].seconds = tt.seconds[i]
		}
		for _, by := range []struct {
			number func(benchmarks.Summary) float64
			want   int
		}{{lowest, tt.lowest}, {median, tt.median}} {
			side, seconds, ok := r.best(by.number)
			if !ok {
				side = -1
			}
			if side != by.want || ok && seconds != by.number(benchmarks.Summarize(r.by[side].seconds)) {
				t.Errorf("%s: side %d, %v s, %v, want side %d", tt.name, side, seconds, ok, by.want)
			}
		}
	}
}

// A turn that fails keeps what others gave, and says why; other stages of a turn go on.
func TestTurnsAreTaken(t *testing.T) {
	r := row{stage: "forward-backward"}
	r.take(1, measurement{Seconds: map[string][]float64{"forward": {9}, "forward-backward": {2, 3}}, First: map[string]float64{"forward-backward": 5}, Norm: map[string]float64{"forward-backward": 7}, Peak: 100}, nil)
	r.take(1, measurement{Seconds: map[string][]float64{"forward": {8}}, Failed: map[string]string{"forward-backward": "no memory"}, Peak: 300}, nil)
	if got := r.by[1]; !slices.Equal(got.seconds, []float64{2, 3}) || got.first != 5 || got.norm != 7 || got.peak != 300 || got.failure != "no memory" {
		t.Errorf("after a failed stage: %+v", got)
	}
	r.take(2, measurement{}, errors.New("signal: killed"))
	if got := r.by[2]; got.seconds != nil || got.failure != "signal: killed" {
		t.Errorf("after a killed process: %+v", got)
	}
	r.take(ours, measurement{Kinds: map[string][]benchmarks.Kind{"forward": {{FLOP: 1}}, "forward-backward": {{FLOP: 30, Bytes: 10}, {FLOP: 1, Bytes: 20}}}}, nil)
	if got := r.least(benchmarks.Roof{FLOPs: 10, Bytes: 5}); got != 3+4 {
		t.Errorf("least time %v s, want 30 FLOP over 10 and 20 bytes over 5", got)
	}
}

func TestVariantsWithOtherResultsAreRefused(t *testing.T) {
	r := row{}
	for i, norm := range map[int]float64{0: 50, 1: 100, 3: 100.5, 4: 98, 5: 0} {
		r.by[i] = measured{seconds: []float64{1}, norm: norm}
	}
	r.by[0].seconds = nil // it failed
	r.refuseOthers()
	for i, want := range map[int]bool{0: false, 1: true, 3: true, 4: false, 5: false} {
		if got := len(r.by[i].seconds) > 0; got != want {
			t.Errorf("side %v of norm %v counts: %v, want %v", sides[i], r.by[i].norm, got, want)
		}
	}
	if want := "its results have another norm than those of channels_last"; r.by[4].failure != want || r.by[3].failure != "" || r.by[0].failure != "" {
		t.Errorf("failures are %q, %q and %q, want %q of the first", r.by[4].failure, r.by[3].failure, r.by[0].failure, want)
	}
}

// By hand, with a roof of 100 GFLOP/s and 50 GB/s:
//
//	second order   the tangent is best with 20 ms, 20/10, and a compiled one by medians, 23/12.5; at the roof 20/(4 + 1)
//	first order    compiled is best with 40 / 40 ms; the goal with AVX2 is 1.9
//	DARTS          channels_last is left, 40/10; nothing of others is known
//	1Shot1         all of PyTorch failed
//	on a card      a graph is best, 2/1, and no roof is known
func TestRender(t *testing.T) {
	s := func(ms ...float64) (seconds []float64) {
		for _, x := range ms {
			seconds = append(seconds, x/1e3)
		}
		return seconds
	}
	kinds := []benchmarks.Kind{{FLOP: 400e6, Bytes: 1e6}, {FLOP: 1e6, Bytes: 50e6}}
	second := &row{net: nets[1], threads: 2, stage: "second-order", kinds: kinds}
	second.by = [len(sides)]measured{{seconds: s(30, 50), peak: 3e9}, {seconds: s(31, 40), peak: 2e9}, {seconds: s(20, 30), peak: 2.5e9}, {failure: "RuntimeError: no tangent", peak: 1e8},
		{seconds: s(21, 31), first: 61.4, peak: 4e9}, {seconds: s(22, 23, 32), first: 9, peak: 5e9}, ours: {seconds: s(10, 15), peak: 1e9}}
	first := &row{net: nets[1], threads: 2, stage: "forward-backward", kinds: kinds}
	first.by = [len(sides)]measured{0: {seconds: s(50)}, 1: {seconds: s(60)}, 4: {seconds: s(40), first: 30}, 5: {seconds: s(45), first: 31}, ours: {seconds: s(20)}}
	darts := &row{net: nets[4], threads: 1, stage: "second-order", kinds: kinds}
	darts.by = [len(sides)]measured{0: {failure: "signal: killed"}, 1: {seconds: s(40), peak: 2e9}, 2: {seconds: s(50), peak: 2e9}, 3: {seconds: s(50), peak: 2e9},
		4: {failure: "stopped after 20m0s"}, 5: {failure: "stopped after 20m0s"}, ours: {seconds: s(10), peak: 1e9}}
	old := &row{net: nets[1], threads: 2, stage: "second-order", kinds: kinds}
	old.by = [len(sides)]measured{0: second.by[0], 1: second.by[1], ours: second.by[ours]}
	shot := &row{net: nets[2], threads: 1, stage: "forward-backward", kinds: kinds}
	for i := range ours {
		if sides[i].takes(shot.stage) && sides[i].has(shot.threads, nil) {
			shot.by[i].failure = "no memory"
		}
	}
	shot.by[ours].seconds = s(30)
	card := &row{net: nets[1], threads: onCard, stage: "second-order", kinds: kinds}
	card.by = [len(sides)]measured{0: {seconds: s(3, 5), peak: 3e9}, 1: {seconds: s(4), peak: 2e9}, 6: {seconds: s(2, 3), peak: 4e9}, 7: {failure: "RuntimeError: no capture"}, ours: {seconds: s(1), peak: 1e9}}
	var d difference
	if err := json.Unmarshal([]byte(`{"group":"hv.","limit":0.001,"ours":0.002,"ours64":1e-14,"peer":1e-6}`), &d); err != nil {
		t.Fatal(err)
	}
	d.Net = parityNets[0]
	for _, tt := range []struct {
		golden string
		r      report
	}{
		{"report.md", report{head: []string{"a machine, AVX2", "idarts 1234"}, date: "2000-01-02", set: limits.AVX2,
			card: "a card", roofs: map[int]benchmarks.Roof{1: {FLOPs: 50e9, Bytes: 40e9, Level: "memory"}, 2: {FLOPs: 100e9, Bytes: 50e9, Level: "L3"}},
			rows: []*row{first, second, shot, darts, card}, differences: []difference{d}}},
		{"old.md", report{head: []string{"a machine, AVX-512", "PyTorch 1"}, date: "2000-01-02", set: limits.AVX512, roofs: map[int]benchmarks.Roof{2: {FLOPs: 100e9, Bytes: 50e9, Level: "L3"}},
			lacks: map[string]string{"tangent": "ImportError: no func", "compiled": "AttributeError: no compile"}, rows: []*row{old}}},
	} {
		path, got := filepath.Join("testdata", tt.golden), render(tt.r)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is now (-update rewrites it)\n%s", path, got)
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

// Outer steps of methods that are made of different parts are the same by PyTorch's autograd;
// make peers-steps does all.
func TestStepsAreThose(t *testing.T) {
	longtest.Needed(t)
	p := torch(t)
	program := filepath.Join(t.TempDir(), "idarts")
	if out, err := exec.Command("go", "build", "-o", program, "idarts/cmd/idarts").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	methods := []string{"darts-v2", "idarts", "lambda-darts", "shapley-nas", "darts-pt", "ista-nas", "gaea-gdas", "pc-darts", "darts-es"}
	out, err := exec.Command(p.python, append([]string{"steps.py", program}, methods...)...).CombinedOutput()
	t.Logf("\n%s", out)
	if err != nil || strings.Contains(string(out), "FAR") || strings.Count(string(out), "\n") != 1+len(methods) {
		t.Errorf("steps differ: %v", err)
	}
}
