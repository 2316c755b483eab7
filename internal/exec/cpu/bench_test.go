package cpu

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"idarts/internal/exec"
	"idarts/internal/limits"
)

// layer is a convolution of the networks that are searched and trained; a linear
// layer is one of 1x1 images.
type layer struct {
	name                string
	size, cin, cout     int // images of size x size
	k, stride, dilation int
	groups              int
}

func dense(k, size, cin, cout int) layer {
	return layer{fmt.Sprintf("%dx%d", k, k), size, cin, cout, k, 1, 1, 1}
}

func separable(k, size, channels, stride, dilation int) layer {
	return layer{fmt.Sprintf("depthwise%dx%d", k, k), size, channels, channels, k, stride, dilation, channels}
}

var layers = []layer{
	// NAS-Bench-201 on CIFAR: 16, 32, 64 channels; the first row is half of that.
	dense(3, 32, 8, 8), dense(3, 32, 16, 16), dense(3, 16, 32, 32), dense(3, 8, 64, 64),
	// Searches at the laptop's scale.
	dense(3, 8, 4, 4), dense(3, 8, 8, 8), dense(3, 8, 16, 16), dense(3, 16, 4, 4), dense(3, 16, 8, 8),
	// Stems and reductions.
	dense(3, 32, 3, 16), dense(3, 16, 1, 8), {"3x3", 32, 16, 32, 3, 2, 1, 1},
	dense(1, 32, 16, 16), dense(1, 16, 32, 32), dense(1, 8, 64, 64),
	// NAS-Bench-1Shot1: five times the channels, joined.
	dense(1, 32, 80, 16), dense(1, 16, 160, 32), dense(1, 8, 320, 64),
	// DARTS: separable and dilated blocks.
	separable(3, 32, 16, 1, 1), separable(3, 16, 32, 1, 1), separable(3, 8, 64, 1, 1),
	separable(5, 32, 16, 1, 1), separable(5, 16, 32, 1, 1), separable(5, 8, 64, 1, 1),
	separable(3, 32, 16, 1, 2), separable(5, 32, 16, 1, 2), separable(3, 32, 16, 2, 1), separable(5, 32, 16, 2, 1),
	{"linear", 1, 64, 10, 1, 1, 1, 1}, {"linear", 1, 256, 10, 1, 1, 1, 1},
}

func (l layer) String() string {
	text := fmt.Sprintf("%s/%dx%d/%d-%d", l.name, l.size, l.size, l.cin, l.cout)
	if l.stride > 1 {
		text += fmt.Sprintf("/stride=%d", l.stride)
	}
	if l.dilation > 1 {
		text += fmt.Sprintf("/dilation=%d", l.dilation)
	}
	return text
}

// partials are the layer on so many images and its two gradients; of a layer that reads
// the images themselves the one that is needed.
func (l layer) partials(images int) ([]instr, error) {
	attr := square(l.k, l.stride, l.k/2*l.dilation, l.dilation, l.groups)
	x, w := exec.Shape{images, l.size, l.size, l.cin}, exec.Shape{l.k, l.k, l.cin / l.groups, l.cout}
	y, err := exec.ResultShape(exec.Conv, attr, x, w)
	list := []instr{
		{op: exec.Conv, attr: attr, out: y, args: []exec.Shape{x, w}},
		{op: exec.ConvGradWeight, attr: attr, out: w, args: []exec.Shape{x, y}},
	}
	if l.cin > 3 {
		list = append(list, instr{op: exec.ConvGradInput, attr: attr, out: x, args: []exec.Shape{w, y}})
	}
	return list, err
}

// BenchmarkKernels and benchmarks/roofline rest on it.
func TestEachInstructionSetHasLimits(t *testing.T) {
	if got, want := len(instructionSets()), len(limits.Sets()); got != want {
		t.Errorf("%d sets of kernels, %d of limits", got, want)
	}
}

// BenchmarkKernels runs convolutions and their gradients with each instruction set, on
// one worker, and sets them beside what that set does at best in registers.
//
// The time is that of a batch of 64 as far as the work goes, but in place of its images
// the first few are taken again and again, as many as fit in 256 KB with their results
// and at least those that one worker must take in order. So data lie in the second
// cache, as they do in a chain of instructions; what is done once a batch (turning the
// weights of the gradient in x around, adding up the parts of the gradient of weights)
// has its true share. Operations are those of the plain formula, which counts taps in
// the padding, also where Winograd's form does 4/9 of them: there %peak can be above 100.
// Speeds are of the fastest run.
func BenchmarkKernels(b *testing.B) {
	const images = 64
	for i, set := range instructionSets() {
		kernels := with[float32](set)
		peak := sync.OnceValue(func() float64 { return limits.Arithmetic(limits.Set(i), 1).Fused })
		for _, l := range layers {
			partials, err := l.partials(images)
			if err != nil {
				b.Fatal(err)
			}
			for _, in := range partials {
				b.Run(fmt.Sprintf("%s/%v/%v", set.name, in.op, l), func(b *testing.B) {
					of := peak()
					speed := in.speed(b, kernels)
					b.ReportMetric(speed/1e9, "GFLOP/s")
					b.ReportMetric(100*speed/of, "%peak")
					b.ReportMetric(0, "ns/op") // the mean says less than the fastest
				})
			}
		}
	}
}

// speed is the number of operations per second in the fastest of b's runs.
func (c instr) speed(b *testing.B, kernels *kernels[float32]) float64 {
	const near = 256 << 10 / 4 // elements
	p, e := c.bound(b, kernels)
	e.Run(0)
	fastest := time.Duration(1 << 62)
	for b.Loop() {
		start := time.Now()
		for _, s := range e.phases[0] {
			few := s.tiles
			if s.split != nil {
				few = s.split.few(near * s.split.images / p.Size[exec.Scratch])
			}
			for tile := range s.tiles {
				s.run(tile%few, 0)
			}
		}
		fastest = min(fastest, time.Since(start))
	}
	return p.FLOP(0) / fastest.Seconds()
}

// few is the number of tiles that hold so many images, in whole pieces of work.
func (s *split) few(images int) int {
	pieces := s.tiles * images / s.images / s.together
	return min(max(pieces, 1)*s.together, s.tiles)
}

// BenchmarkPass runs what is bound by memory.
func BenchmarkPass(b *testing.B) {
	attr := square(3, 1, 1, 1, 1)
	for _, s := range []exec.Shape{{64, 16, 16, 4}, {64, 16, 16, 16}} {
		c, one, stats := exec.Vector(s[3]), exec.Vector(1), exec.Vector(3*s[3])
		for _, in := range []instr{
			{op: exec.ChanLin, attr: exec.Attr{Terms: 4}, out: s, args: []exec.Shape{s, one, s, one, s, one, s, one}},
			{op: exec.BNStats, attr: exec.Attr{Eps: 1e-5}, out: stats, args: []exec.Shape{s}},
			{op: exec.BNNorm, out: s, args: []exec.Shape{s, stats}},
			{op: exec.BNGrad, out: s, args: []exec.Shape{s, s, stats}},
			{op: exec.ReLU, out: s, args: []exec.Shape{s}},
			{op: exec.ReLUMask, out: s, args: []exec.Shape{s, s}},
			{op: exec.Add, out: s, args: []exec.Shape{s, s}},
			{op: exec.ChanDot, out: c, args: []exec.Shape{s, s}},
			{op: exec.Dot, out: one, args: []exec.Shape{s, s}},
			{op: exec.AvgPool, attr: attr, out: s, args: []exec.Shape{s}},
			{op: exec.AvgPoolGrad, attr: attr, out: s, args: []exec.Shape{s}},
		} {
			b.Run(fmt.Sprintf("%v/c=%d", in.op, s[3]), func(b *testing.B) { in.bench(b) })
		}
	}
}

// BenchmarkWindow runs pooling.
func BenchmarkWindow(b *testing.B) {
	for _, c := range []int{4, 16} {
		for _, k := range []struct{ k, stride, pad int }{{3, 1, 1}, {3, 2, 1}, {2, 2, 1}} {
			x, attr := exec.Shape{16, 32, 32, c}, exec.Attr{KH: k.k, KW: k.k, Stride: k.stride, Pad: k.pad}
			y, err := exec.ResultShape(exec.AvgPool, attr, x)
			if err != nil {
				b.Fatal(err)
			}
			for _, in := range []instr{
				{op: exec.MaxPoolIndex, attr: attr, out: y, args: []exec.Shape{x}},
				{op: exec.MaxGather, attr: attr, out: y, args: []exec.Shape{y, x}, marks: map[int]string{0: "index"}},
				{op: exec.MaxScatter, attr: attr, out: x, args: []exec.Shape{y, y}, marks: map[int]string{0: "index"}},
				{op: exec.AvgPool, attr: attr, out: y, args: []exec.Shape{x}},
				{op: exec.AvgPoolGrad, attr: attr, out: x, args: []exec.Shape{y}},
			} {
				b.Run(fmt.Sprintf("%v/c=%d/k=%d/stride=%d", in.op, c, k.k, k.stride), func(b *testing.B) { in.bench(b) })
			}
		}
	}
}

// BenchmarkMove runs what only moves numbers.
func BenchmarkMove(b *testing.B) {
	for _, c := range []int{4, 16} {
		s := exec.Shape{16, 32, 32, c}
		wide, half, mask := s, exec.Shape{16, 16, 16, c}, exec.Shape{16, 1, 1, 1}
		wide[3] *= 4
		for _, in := range []instr{
			{op: exec.Concat, out: wide, args: []exec.Shape{s, s, s, s}},
			{op: exec.Slice, attr: exec.Attr{Offset: c}, out: s, args: []exec.Shape{wide}},
			{op: exec.Place, attr: exec.Attr{Offset: c}, out: wide, args: []exec.Shape{s}},
			{op: exec.Subsample, attr: exec.Attr{Stride: 2, Offset: 1}, out: half, args: []exec.Shape{s}},
			{op: exec.SubsampleGrad, attr: exec.Attr{Stride: 2, Offset: 1}, out: s, args: []exec.Shape{half}},
			{op: exec.RowScale, out: s, args: []exec.Shape{s, mask}},
		} {
			b.Run(fmt.Sprintf("%v/c=%d", in.op, c), func(b *testing.B) { in.bench(b) })
		}
	}
}

// bench times the instruction with all that this processor has.
func (c instr) bench(b *testing.B) {
	p, e := c.bound(b, native[float32]())
	b.ResetTimer()
	for b.Loop() {
		e.Run(0)
	}
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(p.FLOP(0)/seconds/1e9, "GFLOP/s")
	b.ReportMetric(4*float64(p.Size[exec.Scratch])/seconds/1e9, "GB/s")
}

// bound is the instruction as a program on one worker, with numbers in its arguments.
func (c instr) bound(b *testing.B, kernels *kernels[float32]) (*exec.Program, *Exec[float32]) {
	p := &exec.Program{Phases: [][]exec.Instr{{{Op: c.op, Attr: c.attr}}}}
	in, size := &p.Phases[0][0], 0
	for _, s := range c.args {
		in.Args = append(in.Args, exec.Tensor{Offset: size, Shape: s})
		size += s.Len()
	}
	in.Out = exec.Tensor{Offset: size, Shape: c.out}
	p.Size[exec.Scratch] = size + c.out.Len()
	mem := NewMemory[float32](p)
	for i := range mem[exec.Scratch] {
		mem[exec.Scratch][i] = float32(i%17)/17 - 0.5
	}
	for i, mark := range c.marks {
		for k := range block(mem, in.Args[i]) {
			if mark == "index" {
				block(mem, in.Args[i])[k] = float32(k * 7 % (c.attr.KH * c.attr.KW))
			}
		}
	}
	pool := NewPool(1)
	b.Cleanup(pool.Close)
	e, err := bind(pool, p, mem, kernels, 0)
	if err != nil {
		b.Fatal(err)
	}
	return p, e
}

// BenchmarkWorkers runs ten layers of convolution, batch norm and mixture, at the
// laptop's scale, with 1 and 2 workers.
func BenchmarkWorkers(b *testing.B) {
	for _, c := range []int{4, 16} {
		s, w, attr := exec.Shape{64, 16, 16, c}, exec.Shape{3, 3, c, c}, square(3, 1, 1, 1, 1)
		p := &exec.Program{Phases: [][]exec.Instr{nil}}
		put := func(s exec.Shape) exec.Tensor {
			t := exec.Tensor{Offset: p.Size[exec.Scratch], Shape: s}
			p.Size[exec.Scratch] += s.Len()
			return t
		}
		add := func(op exec.Op, attr exec.Attr, out exec.Shape, args ...exec.Tensor) exec.Tensor {
			y := put(out)
			p.Phases[0] = append(p.Phases[0], exec.Instr{Op: op, Attr: attr, Args: args, Out: y})
			return y
		}
		x, weights, a := put(s), put(w), put(exec.Vector(1))
		for range 10 {
			y := add(exec.Conv, attr, s, add(exec.ReLU, exec.Attr{}, s, x), weights)
			stats := add(exec.BNStats, exec.Attr{Eps: 1e-5}, exec.Vector(3*c), y)
			y = add(exec.BNNorm, exec.Attr{}, s, y, stats)
			x = add(exec.ChanLin, exec.Attr{Terms: 2}, s, y, a, x, a)
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("c=%d/workers=%d", c, workers), func(b *testing.B) {
				mem := NewMemory[float32](p)
				for i := range mem[exec.Scratch] {
					mem[exec.Scratch][i] = float32(i%17)/17 - 0.5
				}
				pool := NewPool(workers)
				defer pool.Close()
				e, err := Bind(pool, p, mem)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					e.Run(0)
				}
				b.ReportMetric(p.FLOP(0)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
