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
				p := &exec.Program{Phases: [][]exec.Instr{nil}}
				place := func(s exec.Shape) exec.Tensor {
					at := p.Size[exec.Scratch]
					p.Size[exec.Scratch] += s.Len()
					return exec.Tensor{Offset: at, Shape: s}
				}
				in := exec.Instr{Op: c.op, Attr: c.attr, Out: place(c.out)}
				for _, s := range c.args {
					in.Args = append(in.Args, place(s))
				}
				p.Phases[0] = []exec.Instr{in}
				mem := d.NewMemory()
				mem.Resize(exec.Scratch, p.Size[exec.Scratch])
				bound, err := mem.Bind(p, 0, nil)
				if err != nil {
					b.Fatal(err)
				}
				bound.Profile()
				for b.Loop() {
					bound.Profile()
				}
				b.ReportMetric(in.FLOP()*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
