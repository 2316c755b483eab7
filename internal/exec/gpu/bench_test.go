package gpu_test

import (
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/gputest"
)

// BenchmarkKernels times tuned kernels beside plain ones, on 16 images of 32x32x16.
func BenchmarkKernels(b *testing.B) {
	x, vector := shape(16, 32, 32, 16), exec.Vector(48)
	three := exec.Attr{KH: 3, KW: 3, Pad: 1}
	deep := exec.Attr{KH: 3, KW: 3, Pad: 1, Groups: 16}
	for _, c := range []tuned{
		{"conv 3x3", exec.Conv, three, x, []exec.Shape{x, shape(3, 3, 16, 16)}, true},
		{"conv 1x1", exec.Conv, exec.Attr{KH: 1, KW: 1}, x, []exec.Shape{x, shape(1, 1, 16, 16)}, true},
		{"conv-grad-input 3x3", exec.ConvGradInput, three, x, []exec.Shape{shape(3, 3, 16, 16), x}, true},
		{"conv-grad-weight 3x3", exec.ConvGradWeight, three, shape(3, 3, 16, 16), []exec.Shape{x, x}, true},
		{"conv-grad-weight depthwise", exec.ConvGradWeight, deep, shape(3, 3, 1, 16), []exec.Shape{x, x}, true},
		{"chan-dots", exec.ChanDots, exec.Attr{}, vector, []exec.Shape{x, x, x}, true},
		{"bn-stats", exec.BNStats, exec.Attr{}, vector, []exec.Shape{x}, true},
		{"bn-grad", exec.BNGrad, exec.Attr{}, x, []exec.Shape{x, x, vector}, true},
	} {
		for _, kind := range []string{"plain", "tuned"} {
			b.Run(c.kernel+"/"+kind, func(b *testing.B) {
				d := gputest.Device(b)
				gpu.Simple(d, kind == "plain")
				p := newScratch()
				in := exec.Instr{Op: c.op, Attr: c.attr, Out: p.place(c.out)}
				for _, s := range c.args {
					in.Args = append(in.Args, p.place(s))
				}
				p.Phases[0] = []exec.Instr{in}
				p.time(b, d)
				b.ReportMetric(in.FLOP()*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

// time runs a program with each iteration.
func (p *scratch) time(b *testing.B, d *gpu.Device) {
	mem := d.NewMemory()
	mem.Resize(exec.Scratch, p.Size[exec.Scratch])
	bound, err := mem.Bind(&p.Program, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	bound.Profile()
	for b.Loop() {
		bound.Profile()
	}
}

// BenchmarkJoined times a pass and the convolution that reads its result as two kernels
// and as one, on 16 images of 32x32x16.
func BenchmarkJoined(b *testing.B) {
	x, vector := shape(16, 32, 32, 16), exec.Vector(16)
	for _, c := range []struct {
		name  string
		pass  exec.Op
		terms int
		conv  exec.Op
		attr  exec.Attr
	}{
		{"relu, conv 3x3", exec.ReLU, 0, exec.Conv, exec.Attr{KH: 3, KW: 3, Pad: 1}},
		{"relu, conv 1x1", exec.ReLU, 0, exec.Conv, exec.Attr{KH: 1, KW: 1}},
		{"chan-lin, conv-grad-input 3x3", exec.ChanLin, 2, exec.ConvGradInput, exec.Attr{KH: 3, KW: 3, Pad: 1}},
		{"chan-lin, conv-grad-input 1x1", exec.ChanLin, 2, exec.ConvGradInput, exec.Attr{KH: 1, KW: 1}},
		{"lin-relu, conv depthwise 3x3", exec.LinReLU, 1, exec.Conv, exec.Attr{KH: 3, KW: 3, Pad: 1, Groups: 16}},
	} {
		for _, kind := range []string{"without joined passes", "by level"} {
			b.Run(c.name+"/"+kind, func(b *testing.B) {
				d := gputest.Device(b)
				gpu.Orders[kind](d)
				p := newScratch()
				pass := exec.Instr{Op: c.pass, Attr: exec.Attr{Terms: c.terms}, Out: p.place(x)}
				for range c.terms {
					pass.Args = append(pass.Args, p.place(x), p.place(vector))
				}
				if c.terms == 0 {
					pass.Args = []exec.Tensor{p.place(x)}
				}
				conv := exec.Instr{Op: c.conv, Attr: c.attr, Out: p.place(x)}
				weights := p.place(shape(c.attr.KH, c.attr.KW, 16/max(c.attr.Groups, 1), 16))
				if conv.Args = []exec.Tensor{pass.Out, weights}; c.conv == exec.ConvGradInput {
					conv.Args = []exec.Tensor{weights, pass.Out}
				}
				p.Phases[0] = []exec.Instr{pass, conv}
				p.time(b, d)
			})
		}
	}
}
