package main

import (
	"slices"
	"strings"

	"idarts/benchmarks"
	"idarts/internal/limits"
	"idarts/runners/stages"
)

// side is who takes turns: a variant of PyTorch, or the engine.
type side struct{ layout, way string }

// sides are PyTorch's variants and, the last one, the engine. The ways are peer.py's:
// eager, with the second derivatives in reverse mode; tangent, with those in forward
// mode; compiled by torch.compile; graphs, on a card alone, replay eager as a CUDA graph.
var sides = [...]side{
	{"nchw", "eager"}, {"channels_last", "eager"},
	{"nchw", "tangent"}, {"channels_last", "tangent"},
	{"nchw", "compiled"}, {"channels_last", "compiled"},
	{"nchw", "graphs"}, {"channels_last", "graphs"},
	{way: "ours"},
}

const ours = len(sides) - 1

func (s side) String() string {
	switch s.way {
	case "ours":
		return s.way
	case "eager":
		return s.layout
	}
	return s.layout + ", " + s.way
}

// turns are the stages that share a process.
var turns = [][]string{{"forward", "forward-backward"}, {"second-order"}}

// takes says whether the side has the stage in a way of its own.
func (s side) takes(stage string) bool { return s.way != "tangent" || stage == "second-order" }

// goals are how many times faster than the best of PyTorch's variants the engine is to
// be, by the instruction set that it uses; the other stages and sets have none.
var goals = []struct {
	space, stage string // the space by what its name begins with
	avx2, avx512 float64
}{
	{"nb201", "forward-backward", 1.9, 2.5},
	{"nb201", "second-order", 5, 9},
	{"nb1b1", "forward-backward", 1.6, 2},
	{"darts", "forward-backward", 3, 4},
}

// goal is 0 where there is none.
func goal(net stages.Net, stage string, set limits.Set) float64 {
	for _, g := range goals {
		if strings.HasPrefix(net.Space, g.space) && stage == g.stage {
			return map[limits.Set]float64{limits.AVX2: g.avx2, limits.AVX512: g.avx512}[set]
		}
	}
	return 0
}

// onCard stands for the number of threads where a card computes.
const onCard = 0

// has says whether the side is there for so many threads, where PyTorch lacks some ways.
func (s side) has(threads int, lacks map[string]string) bool {
	return lacks[s.way] == "" && (s.way != "graphs" || threads == onCard)
}

// row is what was measured of one stage with so many threads.
type row struct {
	net     stages.Net
	threads int // onCard: a card does it
	stage   string
	by      [len(sides)]measured
	kinds   []benchmarks.Kind // of the engine's instructions
}

// measured is what a side did in all turns.
type measured struct {
	seconds []float64
	first   float64 // the longest first run in seconds: it is no sample, and PyTorch compiles in it
	norm    float64 // of the results
	peak    float64 // bytes, the largest
	failure string  // why a turn gave nothing, if one did
}

// take adds a turn of a side.
func (r *row) take(side int, m measurement, err error) {
	by := &r.by[side]
	by.seconds = append(by.seconds, m.Seconds[r.stage]...)
	by.first = max(by.first, m.First[r.stage])
	by.peak = max(by.peak, m.Peak)
	if norm, known := m.Norm[r.stage]; known {
		by.norm = norm
	}
	by.failure = m.Failed[r.stage]
	if err != nil {
		by.failure = err.Error()
	}
	if side == ours {
		r.kinds = m.Kinds[r.stage]
	}
}

// best is the variant of PyTorch with the lowest time by one of the numbers of its
// summary; ok is false where none has any.
func (r *row) best(number func(benchmarks.Summary) float64) (side int, seconds float64, ok bool) {
	for i := range ours {
		if s := benchmarks.Summarize(r.by[i].seconds); s.N > 0 && (!ok || number(s) < seconds) {
			side, seconds, ok = i, number(s), true
		}
	}
	return side, seconds, ok
}

func lowest(s benchmarks.Summary) float64 { return s.Min }
func median(s benchmarks.Summary) float64 { return s.Median }

// refuseOthers takes the samples from variants whose results are not those of the first
// variant that has some. Rounding moves norms by less than a hundredth, also where it
// changes what a ReLU or a pooling lets through.
func (r *row) refuseOthers() {
	have := func(m measured) bool { return len(m.seconds) > 0 }
	base := slices.IndexFunc(r.by[:ours], have)
	if base < 0 {
		return
	}
	want := r.by[base].norm
	for i := range r.by[:ours] {
		if by := &r.by[i]; have(*by) && !(by.norm > 0.99*want && by.norm < 1.01*want) {
			by.seconds, by.failure = nil, "its results have another norm than those of "+sides[base].String()
		}
	}
}

// least is the time in seconds that the roof leaves to the engine's instructions.
func (r *row) least(roof benchmarks.Roof) float64 {
	sum := 0.0
	for _, k := range r.kinds {
		sum += k.Least(roof)
	}
	return sum
}
