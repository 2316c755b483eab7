package cpu

import (
	"fmt"
	"testing"
	"time"

	"idarts/internal/exec"
)

// BenchmarkFromMemory runs what NAS-Bench-1Shot1 spends its time with where data lie in
// no cache, which other numbers are read in between to make sure of. Times and speeds are
// of the fastest run on one worker.
func BenchmarkFromMemory(b *testing.B) {
	point := square(1, 1, 0, 1, 1)
	for _, size := range []struct{ image, c int }{{32, 16}, {17, 32}, {9, 64}} {
		c := size.c
		narrow, wide := exec.Shape{96, size.image, size.image, c}, exec.Shape{96, size.image, size.image, 5 * c}
		weights, channels := exec.Shape{1, 1, 5 * c, c}, func(n int) exec.Shape { return exec.Vector(n * c) }
		for _, in := range []instr{
			{op: exec.Conv, attr: point, out: narrow, args: []exec.Shape{wide, weights}},
			{op: exec.ConvGradWeight, attr: point, out: weights, args: []exec.Shape{wide, narrow}},
			{op: exec.ConvGradWeight, attr: point, out: exec.Shape{1, 1, c, c}, args: []exec.Shape{narrow, narrow}},
			{op: exec.ChanDots, out: channels(2), args: []exec.Shape{narrow, narrow}},
			{op: exec.ChanDots, out: channels(4), args: []exec.Shape{narrow, narrow, narrow, narrow}},
			{op: exec.ChanDots, out: channels(10), args: []exec.Shape{wide, wide}},
			{op: exec.ChanDot, out: channels(5), args: []exec.Shape{wide, wide}},
			{op: exec.BNStats, attr: exec.Attr{Eps: 1e-5}, out: channels(3), args: []exec.Shape{narrow}},
			{op: exec.BNStats, attr: exec.Attr{Eps: 1e-5}, out: channels(15), args: []exec.Shape{wide}},
			{op: exec.MaxScatter, attr: square(3, 1, 1, 1, 1), out: narrow, args: []exec.Shape{narrow, narrow}, marks: map[int]string{0: "index"}},
			{op: exec.Slice, attr: exec.Attr{Offset: c}, out: narrow, args: []exec.Shape{wide}},
			{op: exec.Concat, out: wide, args: []exec.Shape{narrow, narrow, narrow, narrow, narrow}},
		} {
			b.Run(fmt.Sprintf("%v/%dx%d/%d-%d/args=%d", in.op, size.image, size.image, in.args[0][3], in.out[3], len(in.args)), in.fromMemory)
		}
	}
}

func (c instr) fromMemory(b *testing.B) {
	p, e := c.bound(b, native[float32]())
	other := make([]float32, 64<<20/4)
	fastest := time.Duration(1 << 62)
	for b.Loop() {
		for i := range other {
			other[i]++
		}
		start := time.Now()
		e.Run(0)
		fastest = min(fastest, time.Since(start))
	}
	b.ReportMetric(fastest.Seconds()*1e3, "ms")
	b.ReportMetric(p.FLOP(0)/fastest.Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(4*float64(p.Size[exec.Scratch])/fastest.Seconds()/1e9, "GB/s")
	b.ReportMetric(0, "ns/op") // other numbers are in it
}
