package gpu_test

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/graph/conformance"
	"idarts/internal/longtest"
	"idarts/internal/search"
	"idarts/nb201"
	"idarts/runners/protocol"
	"idarts/runners/stages"
)

// reader is a device that runs nothing: it has the phases that it was asked to bind.
type reader struct {
	exec.Device
	phases *[][]exec.Instr
}

func (r reader) Target() exec.Target    { return gpu.Target }
func (r reader) NewMemory() exec.Memory { return readerMemory{r.Device.NewMemory(), r.phases} }

type readerMemory struct {
	exec.Memory
	phases *[][]exec.Instr
}

func (m readerMemory) Resize(s exec.Space, n int) {
	if s != exec.Scratch {
		m.Memory.Resize(s, n)
	}
}

func (m readerMemory) Bind(p *exec.Program, phase int, _ map[exec.Space]exec.Vec) (exec.Bound, error) {
	*m.phases = append(*m.phases, p.Phases[phase])
	return nothing{}, nil
}

type nothing struct{ exec.Bound }

func (nothing) Run() {}

// phasesOf has the phases of a published search that run in a stage, by the stage's name.
func phasesOf(t *testing.T, n stages.Net) map[string][][]exec.Instr {
	t.Helper()
	device := cpu.Open[float32](1)
	defer device.Close()
	var phases [][]exec.Instr
	s, err := stages.New(n, 32, reader{device, &phases})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][][]exec.Instr{}
	for _, stage := range stages.All[1:3] {
		phases = nil
		if err := stage.Do(s); err != nil {
			t.Fatal(err)
		}
		out[stage.Name] = phases
	}
	return out
}

// The published supernets take few launches, in an order that gives every instruction
// what it reads as the program is written.
func TestLaunchesOfSupernets(t *testing.T) {
	most := map[string]int{"nb201/N=5": 700, "nb1b1-s3/N=3": 1200, "darts/N=8": 1450}
	nets := longtest.Of(stages.Nets[:1], stages.Nets[:3], stages.Nets) // lowering the last takes seconds
	for _, n := range nets {
		for name, phases := range phasesOf(t, n) {
			for i, phase := range phases {
				count := gpu.Launches(phase)
				all, lin, again := traffic(phase)
				t.Logf("%v %s %d: %d instructions, %d launches; %.2f GB read and written, %.2f read by sums of images, %.2f of it twice in one launch",
					n, name, i, len(phase), count, all, lin, again)
				if limit := most[n.String()]; limit > 0 && name == "forward-backward" && count > limit {
					t.Errorf("%v: a gradient takes %d launches, want at most %d", n, count, limit)
				}
				if err := replayAll(phase); err != nil {
					t.Errorf("%v %s %d: %v", n, name, i, err)
				}
			}
			if len(phases) == 0 {
				t.Errorf("%v %s: no phase", n, name)
			}
		}
	}
}

// traffic is how many GB the kernels of a phase read and write, how many those read that
// compute sums of images (ChanLin, LinReLU, LinMask), and how many of these are of images
// that another one of the same launch reads as well.
func traffic(phase []exec.Instr) (all, lin, again float64) {
	phase = hoisted(phase)
	gb := func(t exec.Tensor) float64 { return 4e-9 * float64(t.Shape.Len()) }
	for _, step := range gpu.Steps(phase) {
		read := map[exec.Tensor]bool{}
		for _, s := range step {
			in := phase[s.Instr]
			all += gb(in.Out)
			for _, a := range in.Args {
				if s.Form < 0 || a != phase[s.Form].Out {
					all += gb(a)
				}
			}
			if s.Form >= 0 {
				for _, a := range phase[s.Form].Args {
					all += gb(a)
				}
			}
			if s.Writes {
				all += gb(phase[s.Form].Out)
			}
			if in.Op != exec.ChanLin && in.Op != exec.LinReLU && in.Op != exec.LinMask {
				continue
			}
			for _, a := range in.Args {
				if a.Shape[0]*a.Shape[1]*a.Shape[2] == 1 {
					continue
				}
				lin += gb(a)
				if read[a] {
					again += gb(a)
				}
				read[a] = true
			}
		}
	}
	return all, lin, again
}

// replayAll replays how a phase is put into launches: first in another order of
// instructions, then that in steps.
func replayAll(phase []exec.Instr) error {
	hoisted, from := gpu.Hoisted(phase)
	var steps [][]gpu.Step
	for _, i := range from {
		steps = append(steps, []gpu.Step{{Instr: i, Form: -1}})
	}
	if err := replay(phase, steps); err != nil {
		return fmt.Errorf("hoisted: %w", err)
	}
	return replay(hoisted, gpu.Steps(hoisted))
}

// replay follows who wrote what is read: in the order of the program, and step by step,
// where those of one step must not disturb each other.
func replay(phase []exec.Instr, steps [][]gpu.Step) error {
	var cuts [exec.NumSpaces][]int
	tensors := func(in exec.Instr) []exec.Tensor { return append([]exec.Tensor{in.Out}, in.Args...) }
	for _, in := range phase {
		for _, t := range tensors(in) {
			cuts[t.Space] = append(cuts[t.Space], t.Offset, t.Offset+t.Shape.Len())
		}
	}
	for s := range cuts {
		slices.Sort(cuts[s])
		cuts[s] = slices.Compact(cuts[s])
	}
	cells := func(t exec.Tensor) (from, to int) {
		c := cuts[t.Space]
		return sort.SearchInts(c, t.Offset), sort.SearchInts(c, t.Offset+t.Shape.Len())
	}
	type memory [exec.NumSpaces]map[int]int32 // writers of cells, from 1
	read := func(m *memory, args ...exec.Tensor) (writers []int32) {
		for _, a := range args {
			for from, to := cells(a); from < to; from++ {
				writers = append(writers, m[a.Space][from])
			}
		}
		return writers
	}
	write := func(m *memory, out exec.Tensor, by int) {
		for from, to := cells(out); from < to; from++ {
			m[out.Space][from] = int32(by) + 1
		}
	}
	var plain, stepped memory
	for s := range plain {
		plain[s], stepped[s] = map[int]int32{}, map[int]int32{}
	}
	want := make([][]int32, len(phase)) // for each cell of each argument
	for i, in := range phase {
		want[i] = read(&plain, in.Args...)
		write(&plain, in.Out, i)
	}
	ran := make([]int, len(phase))
	for k, step := range steps {
		// What a kernel reads and writes: a convolution that computes its images reads what
		// the pass before it would, and not what that wrote.
		var reads [][]exec.Tensor
		var writes [][]int32
		for _, s := range step {
			args, writers := phase[s.Instr].Args, []int32{s.Instr}
			ran[s.Instr]++
			expected := want[s.Instr]
			if s.Form >= 0 {
				expected = slices.Clone(want[s.Form])
				form, own := phase[s.Form], args
				args = slices.Clone(form.Args)
				at := 0
				for _, a := range own {
					from, to := cells(a)
					if a != form.Out {
						args, expected = append(args, a), append(expected, want[s.Instr][at:at+to-from]...)
					} else if w := want[s.Instr][at : at+to-from]; slices.ContainsFunc(w, func(by int32) bool { return by != s.Form+1 }) {
						return fmt.Errorf("instruction %d in step %d computes what %d does not leave it", s.Instr, k, s.Form)
					}
					at += to - from
				}
				if s.Writes {
					writers = append(writers, s.Form)
					ran[s.Form]++
				}
			}
			if got := read(&stepped, args...); !slices.Equal(got, expected) {
				return fmt.Errorf("instruction %d in step %d does not read what it should", s.Instr, k)
			}
			reads, writes = append(reads, args), append(writes, writers)
		}
		var written memory
		for s := range written {
			written[s] = map[int]int32{}
		}
		for j, writers := range writes {
			for _, i := range writers {
				if slices.Max(read(&written, phase[i].Out)) != 0 {
					return fmt.Errorf("step %d writes twice to the place of instruction %d", k, i)
				}
				write(&written, phase[i].Out, j)
			}
		}
		for j, args := range reads {
			for _, by := range read(&written, args...) {
				// An instruction may lie over its argument; one that computes its images may not,
				// since others read those.
				if by != 0 && (by != int32(j)+1 || step[j].Form >= 0) {
					return fmt.Errorf("instruction %d reads what is written in the same step %d", step[j].Instr, k)
				}
			}
		}
		for _, writers := range writes {
			for _, i := range writers {
				write(&stepped, phase[i].Out, int(i))
			}
		}
	}
	for i, n := range ran {
		if n != 1 {
			return fmt.Errorf("instruction %d runs %d times", i, n)
		}
	}
	for s := range plain {
		for cell, by := range plain[s] {
			if stepped[s][cell] != by {
				return fmt.Errorf("instruction %d is not the last one to write its result", by-1)
			}
		}
	}
	return nil
}

// Orders that break a rule are found.
func TestReplayFindsBadOrders(t *testing.T) {
	vector := func(at int) exec.Tensor { return exec.Tensor{Offset: at, Shape: exec.Vector(4)} }
	copies := func(to, from int) exec.Instr {
		return exec.Instr{Op: exec.Copy, Args: []exec.Tensor{vector(from)}, Out: vector(to)}
	}
	phase := []exec.Instr{copies(8, 0), copies(16, 8), copies(8, 24), copies(32, 8)}
	for _, tt := range []struct {
		name  string
		steps [][]int32
		ok    bool
	}{
		{"as written", [][]int32{{0}, {1}, {2}, {3}}, true},
		{"a result is read too early", [][]int32{{1}, {0}, {2}, {3}}, false},
		{"a result is read in its own step", [][]int32{{0, 1}, {2}, {3}}, false},
		{"a result is written over before it is read", [][]int32{{0}, {2}, {1}, {3}}, false},
		{"a result is written over in the step that reads it", [][]int32{{0}, {1, 2}, {3}}, false},
		{"two write to one place", [][]int32{{0, 2}, {1}, {3}}, false},
		{"one is left out", [][]int32{{0}, {1}, {2}}, false},
		{"one runs twice", [][]int32{{0}, {1}, {1}, {2}, {3}}, false},
	} {
		var steps [][]gpu.Step
		for _, list := range tt.steps {
			var step []gpu.Step
			for _, i := range list {
				step = append(step, gpu.Step{Instr: i, Form: -1})
			}
			steps = append(steps, step)
		}
		if err := replay(phase, steps); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := replayAll(phase); err != nil {
		t.Error(err)
	}
}

// Batches and tapes change no bit.
func TestOrdersGiveTheSameBits(t *testing.T) {
	d := gputest.Device(t)
	for _, c := range conformance.Cases() {
		p, err := c.Lower(d.Target())
		if err != nil {
			t.Fatal(err)
		}
		var first [exec.NumSpaces][]float64
		for _, name := range []string{"as they are written", "by level without tape", "without joined passes", "by level"} {
			gpu.Orders[name](d)
			got, err := p.On(d)
			if err != nil {
				t.Fatal(err)
			}
			if first[exec.Loss] == nil {
				first = got
				continue
			}
			for s := exec.Scratch + 1; s < exec.NumSpaces; s++ {
				same := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
				if !slices.EqualFunc(got[s], first[s], same) {
					t.Errorf("%s: %v has other bits %s", c.Name, s, name)
				}
			}
		}
	}
}

// Batches and tapes change no bit of a search.
func TestOrdersOfASearch(t *testing.T) {
	longtest.Needed(t)
	if testing.Short() {
		t.Skip("runs for a while")
	}
	d := gputest.Device(t)
	quick, err := protocol.Lookup("nb201", "quick")
	if err != nil {
		t.Fatal(err)
	}
	defer gpu.Orders["by level"](d)
	for _, name := range []string{"darts-v1", "darts-v2", "idarts", "zarts", "rsps"} {
		m, err := search.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		of, _ := quick.Of(name)
		states := map[string]string{}
		for name, order := range gpu.Orders {
			order(d)
			s, err := m.New(search.Env{Space: nb201.Space(), Supernet: func(search.SupernetOptions) (search.Problem, error) {
				net, err := stages.New(stages.Net{Space: "nb201", C: 4, N: 1, Batch: 8}, 8, d)
				if err != nil {
					return nil, err
				}
				return net.Problem, nil
			}}, of.Settings)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Epoch(t.Context(), nil); err != nil {
				t.Fatalf("%s %s: %v", m.Name, name, err)
			}
			states[string(s.State())] = name
		}
		if len(states) != 1 {
			t.Errorf("%s has other bits in other orders", m.Name)
		}
	}
}
