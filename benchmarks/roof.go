package benchmarks

import (
	"fmt"
	"os"
	"time"

	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/limits"
	"idarts/runners/stages"
)

// Limits are what so many threads do together at best, see package limits.
type Limits struct {
	Threads    int
	Operations []limits.Operations // of each of the sets
	Traffic    []limits.Traffic    // of the last one
}

// Sets are those of [limits.Sets] that hold the engine, the one that it uses last.
func Sets() []limits.Set {
	sets := limits.Sets()
	if len(sets) > 1 {
		return sets[1:] // plain Go holds nothing where there are vectors
	}
	return sets
}

// Caches are those of this machine; ok is false where the system does not tell them and
// they are assumed.
func Caches() (c limits.Caches, ok bool) {
	return limits.ReadCaches(os.DirFS("/sys/devices/system/cpu/cpu0/cache"))
}

// MeasureLimits takes half a second for each set, and two more.
func MeasureLimits(sets []limits.Set, threads int, caches limits.Caches) Limits {
	l := Limits{Threads: threads}
	for _, set := range sets {
		l.Operations = append(l.Operations, limits.Arithmetic(set, threads))
	}
	l.Traffic = limits.Memory(sets[len(sets)-1], threads, caches)
	return l
}

// Roof is what holds every instruction, for all threads together.
type Roof struct {
	FLOPs float64 // a second, in registers
	Bytes float64 // a second, to and from Level
	Level string
}

// Roof takes the fastest of the sets, which may use each other's instructions, and of
// reading and adding in the third cache or, where there is none, in memory.
func (l Limits) Roof() Roof {
	var r Roof
	for _, o := range l.Operations {
		r.FLOPs = max(r.FLOPs, o.Fused)
	}
	for _, t := range l.Traffic {
		if t.Name == "L3" || t.Name == "memory" {
			r.Bytes, r.Level = max(t.Load, t.Add), t.Name
			return r
		}
	}
	panic("benchmarks: no level is memory")
}

// Kind is what is said together of all instructions of one sort in a stage.
type Kind struct {
	Name        string
	Calls       int
	Seconds     float64
	FLOP, Bytes float64 // FLOP of the plain formula
	Again       float64 // of FLOP, what phases compute a second time to save memory
	Saved       float64 // of FLOP, what Winograd's form does without
}

// Done are the operations that the kind does.
func (k Kind) Done() float64 { return k.FLOP - k.Saved }

// Least is the time in seconds that the roof leaves to the kind at best.
func (k Kind) Least(r Roof) float64 { return max(k.Done()/r.FLOPs, k.Bytes/r.Bytes) }

// Profile runs a stage once, instruction by instruction, and returns the kinds in no
// order. It ends any other profile of the problem.
func Profile(s *stages.Search, stage stages.Stage) ([]Kind, error) {
	var kinds []Kind
	at := map[string]int{}
	s.Problem.Profile(func(in exec.Instr, d time.Duration) {
		name := label(in)
		if _, known := at[name]; !known {
			at[name] = len(kinds)
			kinds = append(kinds, Kind{Name: name})
		}
		k := &kinds[at[name]]
		k.Calls++
		k.Seconds += d.Seconds()
		k.FLOP += in.FLOP()
		if in.Again {
			k.Again += in.FLOP()
		}
		if cpu.Winograd(in) {
			k.Saved += in.FLOP() * 5 / 9
		}
		k.Bytes += bytes(in)
	})
	defer s.Problem.Profile(nil)
	err := stage.Do(s)
	return kinds, err
}

// bytes are those of all arguments and the result, in float32.
func bytes(in exec.Instr) float64 {
	n := in.Out.Shape.Len()
	for _, a := range in.Args {
		n += a.Shape.Len()
	}
	return 4 * float64(n)
}

// label sorts instructions: convolutions by their window and form, all else by operator;
// what works on vectors over channels goes together.
func label(in exec.Instr) string {
	switch in.Op {
	case exec.Conv, exec.ConvGradInput, exec.ConvGradWeight:
		text := fmt.Sprintf("%v %dx%d", in.Op, in.Attr.KH, in.Attr.KW)
		if in.Attr.Stride > 1 {
			text += fmt.Sprintf(" /%d", in.Attr.Stride)
		}
		if in.Attr.Groups > 1 {
			text += " depthwise"
		}
		if cpu.Winograd(in) {
			text += " winograd"
		}
		return text
	}
	for _, a := range append([]exec.Tensor{in.Out}, in.Args...) {
		if a.Shape[1]*a.Shape[2] > 1 {
			return in.Op.String()
		}
	}
	return "vectors"
}
