package supernet

import (
	"math"
	"strings"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/graph"
	"idarts/internal/rng"
)

// narrow is a network of one operation of two convolutions on the first 1/k of eight
// channels.
func narrow(k int) Build {
	return func(b *Builder, x *graph.Node) *graph.Node {
		x = b.ConvNorm("stem", x, 8, graph.Window{K: 3, Pad: 1}, true)
		n := 8 / k
		y := b.ConvNorm("cell0.1<-0.conv.a", b.Slice(x, 0, n), n, graph.Window{K: 3, Pad: 1}, false)
		y = b.Conv("cell0.1<-0.conv.depth", y, n, graph.Window{K: 3, Pad: 1, Groups: n})
		return b.Classifier("classifier", b.Concat(y, b.Slice(x, n, 8-n)), testClasses)
	}
}

// Every further channel of an operation is a copy of one, the same in all its tensors,
// their momentum and the averages of batch norm; all else is copied as it is.
func TestWiden(t *testing.T) {
	loaders := func() Feed { return Loaders(plainLoader(randomSet(testBatch), "train", upTo(testBatch)...)) }
	small := newProblem(t, narrow(4), loaders())
	wide := problemOn(t, small.opt.Device, narrow(2), loaders())
	if _, err := small.Gradient(batch.Batch{}, testCoefs, nil, nil); err != nil { // moves averages
		t.Fatal(err)
	}
	old, momentum := small.NewVec(), wide.NewVec()
	r := rng.New(1, "momentum")
	x := make([]float64, old.Len())
	for i := range x {
		x[i] = r.NormFloat64()
	}
	old.Write(x)
	if err := wide.Widen(small, old, momentum, rng.New(5, "widening")); err != nil {
		t.Fatal(err)
	}
	tensors := func(p *Problem, v exec.Vec) map[string][]float64 {
		all := make([]float64, v.Len())
		v.Read(all)
		out := map[string][]float64{}
		for _, param := range p.Params() {
			out[param.Name] = all[param.Offset : param.Offset+param.Shape.Len()]
		}
		return out
	}
	for what, of := range map[string][2]map[string][]float64{
		"weights":  {tensors(small, small.Weights()), tensors(wide, wide.Weights())},
		"momentum": {tensors(small, old), tensors(wide, momentum)},
	} {
		a, b := of[0], of[1]
		depthwise := "cell0.1<-0.conv.depth.weight"
		var from []int // of each wide channel
		for o := range 4 {
			for at := range 2 {
				if same := b[depthwise][o] == a[depthwise][at]; same {
					from = append(from, at)
				}
			}
		}
		if len(from) != 4 || from[0] != 0 || from[1] != 1 {
			t.Fatalf("%s: channels are copies of %v", what, from)
		}
		conv := "cell0.1<-0.conv.a.conv.weight"
		for k := range 9 {
			for i := range 4 {
				for o := range 4 {
					if got, want := b[conv][(k*4+i)*4+o], a[conv][(k*2+from[i])*2+from[o]]; got != want {
						t.Fatalf("%s: tap %d from channel %d to %d is %v, want %v", what, k, i, o, got, want)
					}
				}
			}
		}
		for name := range a {
			if strings.HasPrefix(name, "stem") || strings.HasPrefix(name, "classifier") {
				for i := range a[name] {
					if a[name][i] != b[name][i] {
						t.Errorf("%s: %s is not as it was", what, name)
						break
					}
				}
			}
		}
		if what == "momentum" {
			continue
		}
		buffers := func(p *Problem, n int) []float64 {
			all := make([]float64, p.size[exec.Buffers])
			p.mem.Region(exec.Buffers).Read(all)
			norm := p.train.norms[n]
			return all[norm.Buffers : norm.Buffers+2*norm.Channels]
		}
		was, is := buffers(small, 1), buffers(wide, 1)
		for c, at := range from {
			if is[c] != was[at] || is[4+c] != was[2+at] || math.IsNaN(is[c]) {
				t.Errorf("averages of channel %d are %v and %v, want those of %d", c, is[c], is[4+c], at)
			}
		}
	}
	if err := small.Widen(wide, momentum, old, rng.New(5, "widening")); err == nil {
		t.Error("narrowing gives no error")
	}
}
