package cpu

import (
	"fmt"
	"testing"

	"idarts/internal/exec"
)

// BenchmarkConv runs 3x3 and 1x1 convolutions and their gradients on a batch of
// 16 with one worker, and reports the arithmetic that the plain formula needs.
func BenchmarkConv(b *testing.B) {
	for _, k := range []int{3, 1} {
		for _, size := range []int{16, 32} {
			for _, c := range []int{4, 8, 16, 32, 64} {
				x := exec.Shape{16, size, size, c}
				attr := square(k, 1, k/2, 1, 1)
				w := exec.Shape{k, k, c, c}
				for _, in := range []instr{
					{op: exec.Conv, attr: attr, out: x, args: []exec.Shape{x, w}},
					{op: exec.ConvGradInput, attr: attr, out: x, args: []exec.Shape{w, x}},
					{op: exec.ConvGradWeight, attr: attr, out: w, args: []exec.Shape{x, x}},
				} {
					b.Run(fmt.Sprintf("%v/k=%d/%dx%d/c=%d", in.op, k, size, size, c), func(b *testing.B) { in.bench(b) })
				}
			}
		}
	}
	for _, in := range []instr{
		{op: exec.Conv, attr: square(3, 1, 1, 1, 1), out: exec.Shape{64, 16, 16, 8}, args: []exec.Shape{{64, 16, 16, 1}, {3, 3, 1, 8}}},
		{op: exec.ConvGradWeight, attr: square(3, 1, 1, 1, 1), out: exec.Shape{3, 3, 1, 8}, args: []exec.Shape{{64, 16, 16, 1}, {64, 16, 16, 8}}},
		{op: exec.Conv, attr: square(3, 2, 1, 1, 1), out: exec.Shape{16, 8, 8, 16}, args: []exec.Shape{{16, 16, 16, 8}, {3, 3, 8, 16}}},
		{op: exec.ConvGradInput, attr: square(3, 2, 1, 1, 1), out: exec.Shape{16, 16, 16, 8}, args: []exec.Shape{{3, 3, 8, 16}, {16, 8, 8, 16}}},
		{op: exec.Conv, attr: square(3, 1, 1, 1, 1), out: exec.Shape{16, 4, 4, 16}, args: []exec.Shape{{16, 4, 4, 16}, {3, 3, 16, 16}}},
		{op: exec.Conv, attr: square(3, 1, 1, 1, 16), out: exec.Shape{16, 16, 16, 16}, args: []exec.Shape{{16, 16, 16, 16}, {3, 3, 1, 16}}},
		{op: exec.ConvGradWeight, attr: square(3, 1, 1, 1, 16), out: exec.Shape{3, 3, 1, 16}, args: []exec.Shape{{16, 16, 16, 16}, {16, 16, 16, 16}}},
	} {
		b.Run(in.String(), func(b *testing.B) { in.bench(b) })
	}
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

// BenchmarkDepthwise runs what separable and dilated blocks are made of, at 16
// channels.
func BenchmarkDepthwise(b *testing.B) {
	const c = 16
	for _, size := range []int{16, 32} {
		for _, k := range []struct{ k, stride, dilation int }{{3, 1, 1}, {5, 1, 1}, {3, 1, 2}, {5, 1, 2}, {3, 2, 1}, {5, 2, 1}, {5, 2, 2}} {
			x, w := exec.Shape{16, size, size, c}, exec.Shape{k.k, k.k, 1, c}
			attr := square(k.k, k.stride, k.k/2*k.dilation, k.dilation, c)
			y, err := exec.ResultShape(exec.Conv, attr, x, w)
			if err != nil {
				b.Fatal(err)
			}
			for _, in := range []instr{
				{op: exec.Conv, attr: attr, out: y, args: []exec.Shape{x, w}},
				{op: exec.ConvGradInput, attr: attr, out: x, args: []exec.Shape{w, y}},
				{op: exec.ConvGradWeight, attr: attr, out: w, args: []exec.Shape{x, y}},
			} {
				b.Run(fmt.Sprintf("%v/%dx%d/k=%d/stride=%d/dilation=%d", in.op, size, size, k.k, k.stride, k.dilation), func(b *testing.B) { in.bench(b) })
			}
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

func (c instr) bench(b *testing.B) {
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
	defer pool.Close()
	e, err := Bind(pool, p, mem)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		e.Run(0)
	}
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(p.FLOP(0)/seconds/1e9, "GFLOP/s")
	b.ReportMetric(4*float64(size+c.out.Len())/seconds/1e9, "GB/s")
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
