package gpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/gpu"
	"idarts/internal/exec/gpu/gputest"
	"idarts/internal/exec/ref"
	"idarts/internal/rng"
)

// tuned is an instruction for a tuned kernel.
type tuned struct {
	kernel string // the first of its plan
	op     exec.Op
	attr   exec.Attr
	out    exec.Shape
	args   []exec.Shape
	exact  bool // the plain kernel adds up in the same order
}

func shape(n, h, w, c int) exec.Shape { return exec.Shape{n, h, w, c} }

// size is that of a convolution's result.
func size(a exec.Attr, h, w int) (oh, ow int) {
	a = a.Normal()
	return (h+2*a.Pad-a.Dilation*(a.KH-1)-1)/a.Stride + 1, (w+2*a.Pad-a.Dilation*(a.KW-1)-1)/a.Stride + 1
}

// tunedCases are images at the edges: of one image, of as many pixels as a tile has and
// not, narrower than a window, with all channels that networks have.
func tunedCases() []tuned {
	var cases []tuned
	conv := func(n, h, w, cin, c int, a exec.Attr) {
		oh, ow := size(a, h, w)
		x, y, z := shape(n, h, w, cin), shape(n, oh, ow, c), shape(a.KH, a.KW, cin, c)
		var forward, back []exec.Shape
		for range max(a.Terms, 1) {
			forward, back = append(forward, x, z), append(back, z, y)
		}
		cases = append(cases, tuned{"conv_tile", exec.Conv, a, y, forward, true})
		if a.Normal().Stride == 1 {
			cases = append(cases, tuned{"conv_grad_input_tile", exec.ConvGradInput, a, x, back, true})
		}
		if a.Terms == 0 {
			cases = append(cases, tuned{"conv_grad_weight_tile", exec.ConvGradWeight, a, z, []exec.Shape{x, y}, false})
		}
	}
	three, one := exec.Attr{KH: 3, KW: 3, Pad: 1}, exec.Attr{KH: 1, KW: 1}
	for _, c := range []int{16, 32, 48, 64} {
		conv(1, 5, 7, c, c, three)
		conv(3, 5, 7, c, c, one)
	}
	conv(2, 8, 8, 16, 16, three)
	conv(1, 1, 1, 16, 32, three)
	conv(2, 9, 15, 32, 16, exec.Attr{KH: 3, KW: 3, Pad: 1, Stride: 2})
	conv(2, 9, 8, 16, 16, exec.Attr{KH: 3, KW: 3, Pad: 2, Dilation: 2})
	conv(2, 6, 7, 16, 16, exec.Attr{KH: 5, KW: 3})
	conv(2, 6, 7, 16, 32, exec.Attr{KH: 3, KW: 3, Pad: 1, Terms: 3})
	conv(7, 16, 16, 16, 16, three) // several parts
	conv(9, 17, 31, 16, 32, one)
	conv(9, 17, 31, 32, 64, three) // parts of eleven tiles of pixels each
	for _, c := range []int{16, 48, 64, 256} {
		x, sums := shape(5, 12, 11, c), exec.Vector(c)
		cases = append(cases,
			tuned{"chan_dots_parts", exec.ChanDots, exec.Attr{}, exec.Vector(3 * c), []exec.Shape{x, x, x}, false},
			tuned{"chan_dots_parts", exec.ChanSum, exec.Attr{}, sums, []exec.Shape{x}, false},
			tuned{"chan_dot_parts", exec.ChanDot, exec.Attr{}, sums, []exec.Shape{x, x}, false},
			tuned{"bn_stats_parts", exec.BNStats, exec.Attr{Eps: 1e-5}, exec.Vector(3 * c), []exec.Shape{x}, false},
			tuned{"bn_grad_parts", exec.BNGrad, exec.Attr{}, x, []exec.Shape{x, x, exec.Vector(3 * c)}, false})
		one, wide := exec.Vector(1), shape(5, 12, 11, 3*c)
		cases = append(cases,
			tuned{"quad_chan_lin", exec.ChanLin, exec.Attr{Terms: 2}, x, []exec.Shape{x, sums, x, one, sums, one}, true},
			tuned{"quad_lin_relu", exec.LinReLU, exec.Attr{Terms: 1}, x, []exec.Shape{x, sums, sums}, true},
			tuned{"quad_lin_mask", exec.LinMask, exec.Attr{Terms: 2}, x, []exec.Shape{x, x, one, x, sums, sums}, true},
			tuned{"quad_relu", exec.ReLU, exec.Attr{}, x, []exec.Shape{x}, true},
			tuned{"quad_relu_mask", exec.ReLUMask, exec.Attr{}, x, []exec.Shape{x, x}, true},
			tuned{"quad_add", exec.Add, exec.Attr{}, x, []exec.Shape{x, x, x}, true},
			tuned{"quad_slice", exec.Slice, exec.Attr{Offset: c}, x, []exec.Shape{wide}, true},
			tuned{"quad_concat", exec.Concat, exec.Attr{}, wide, []exec.Shape{x, x, x}, true})
		for _, a := range []exec.Attr{{KH: 3, KW: 3, Pad: 1, Groups: c}, {KH: 5, KW: 5, Pad: 4, Dilation: 2, Groups: c}, {KH: 3, KW: 3, Pad: 1, Stride: 2, Groups: c}} {
			y := x
			if a.Stride == 2 {
				y = shape(5, 6, 6, c)
			}
			z := shape(a.KH, a.KW, 1, c)
			cases = append(cases, tuned{"quad_conv", exec.Conv, a, y, []exec.Shape{x, z}, true},
				tuned{"quad_conv_grad_input", exec.ConvGradInput, a, x, []exec.Shape{z, y}, true})
			if pixels := y[0] * y[1] * y[2]; pixels >= 16*(256/c) {
				cases = append(cases, tuned{"depthwise_weight_parts", exec.ConvGradWeight, a, shape(a.KH, a.KW, 1, c), []exec.Shape{x, y}, false})
			}
		}
	}
	return cases
}

// scratch is a program of one phase on scratch memory, and what lies there before.
type scratch struct {
	exec.Program
	values []float64
}

func newScratch() *scratch { return &scratch{Program: exec.Program{Phases: [][]exec.Instr{nil}}} }

// place makes room for a tensor.
func (p *scratch) place(s exec.Shape) exec.Tensor {
	at := p.Size[exec.Scratch]
	p.Size[exec.Scratch] += (s.Len() + 31) / 32 * 32
	return exec.Tensor{Offset: at, Shape: s}
}

// fill makes up what lies in memory, once all has its place.
func (p *scratch) fill(r *rand.Rand) {
	p.values = make([]float64, p.Size[exec.Scratch])
	for i := range p.values {
		p.values[i] = float64(float32(r.NormFloat64()))
	}
}

// reference is all memory after a run of the reference.
func (p *scratch) reference() []float64 {
	mem := ref.NewMemory(&p.Program)
	copy(mem[exec.Scratch], p.values)
	ref.Run(&p.Program, mem, 0)
	return mem[exec.Scratch]
}

// on is all memory after a run on a device.
func (p *scratch) on(t *testing.T, d *gpu.Device) []float64 {
	t.Helper()
	mem := d.NewMemory()
	mem.Resize(exec.Scratch, len(p.values))
	mem.Region(exec.Scratch).Write(p.values)
	bound, err := mem.Bind(&p.Program, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	bound.Run()
	all := make([]float64, len(p.values))
	mem.Region(exec.Scratch).Read(all)
	return all
}

// Tuned kernels agree with the reference, and with the plain kernels, by the bit where
// they add up in the same order.
func TestTunedKernels(t *testing.T) {
	d := gputest.Device(t)
	r := rng.New(1, "tuned kernels")
	for _, c := range tunedCases() {
		p := newScratch()
		in := exec.Instr{Op: c.op, Attr: c.attr}
		for _, s := range c.args {
			in.Args = append(in.Args, p.place(s))
		}
		in.Out = p.place(c.out)
		p.Phases[0] = []exec.Instr{in}
		name := fmt.Sprint(c.op, c.attr, c.out, c.args)
		if got := gpu.Kernels(in); got[0] != c.kernel {
			t.Errorf("%s: runs %v, want %s", name, got, c.kernel)
		}
		p.fill(r)
		want := p.reference()
		var results [2][]float64
		for i := range results {
			gpu.Simple(d, i == 0)
			results[i] = p.on(t, d)[in.Out.Offset:][:c.out.Len()]
			worst, scale := 0.0, 1.0
			for k, w := range want[in.Out.Offset:][:c.out.Len()] {
				scale = math.Max(scale, math.Abs(w))
				if e := math.Abs(results[i][k] - w); !(e <= worst) {
					worst = e
				}
			}
			if !(worst/scale <= 5e-6) {
				t.Errorf("%s: kernels %d are %v apart from the reference", name, i, worst/scale)
			}
		}
		if c.exact && !slices.Equal(results[0], results[1]) {
			t.Errorf("%s: has other bits than the plain kernel", name)
		}
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// The tiles of a convolution leave the sums of a batch norm that follows, unless something
// between the two stands in the way.
func TestConvolutionsLeaveSums(t *testing.T) {
	d := gputest.Device(t)
	r := rng.New(1, "sums of tiles")
	for _, tt := range []struct {
		name           string
		n, h, w, c     int
		twice, between bool
		fused          bool
	}{
		{"one tile", 1, 5, 7, 16, false, false, true},
		{"several", 3, 17, 9, 48, false, false, true},
		{"two in one place", 2, 8, 8, 32, true, false, true},
		{"in the way", 2, 8, 8, 32, false, true, false}, // reads what was in the batch norm's place
	} {
		p := newScratch()
		x, z, y, stats, other := p.place(shape(tt.n, tt.h, tt.w, 16)), p.place(shape(3, 3, 16, tt.c)), p.place(shape(tt.n, tt.h, tt.w, tt.c)), p.place(exec.Vector(3*tt.c)), p.place(exec.Vector(3*tt.c))
		p.Phases[0] = []exec.Instr{
			{Op: exec.Conv, Attr: exec.Attr{KH: 3, KW: 3, Pad: 1}, Out: y, Args: []exec.Tensor{x, z}},
			{Op: exec.BNStats, Attr: exec.Attr{Eps: 1e-5}, Out: stats, Args: []exec.Tensor{y}},
		}
		if tt.twice { // the next batch norm has the place of this one
			a, b := p.Phases[0][0], p.Phases[0][1]
			a.Out = p.place(y.Shape)
			b.Args = []exec.Tensor{a.Out}
			p.Phases[0] = append(p.Phases[0], a, b)
		}
		if tt.between {
			p.Phases[0] = slices.Insert(p.Phases[0], 1, exec.Instr{Op: exec.Mul, Out: other, Args: []exec.Tensor{stats, stats}})
		}
		if got := slices.Contains(gpu.LaunchesOf(p.Phases[0]), "conv_tile_stats"); got != tt.fused {
			t.Errorf("%s: launches %q", tt.name, gpu.LaunchesOf(p.Phases[0]))
		}
		p.fill(r)
		want := p.reference()
		for name, use := range gpu.Orders {
			use(d)
			got := p.on(t, d)
			for i, w := range want {
				if !(math.Abs(got[i]-w) <= 2e-5*(1+math.Abs(w))) {
					t.Fatalf("%s %s: number %d is %v, want %v", tt.name, name, i, got[i], w)
				}
			}
		}
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

// Convolutions compute the images that a pass before them would write, to the bit, unless
// something stands in the way; who else reads those finds them in memory.
func TestConvolutionsComputeTheirImages(t *testing.T) {
	d := gputest.Device(t)
	defer gpu.Orders["by level"](d)
	r := rng.New(1, "images of convolutions")
	three, one, five := exec.Attr{KH: 3, KW: 3, Pad: 1}, exec.Attr{KH: 1, KW: 1}, exec.Attr{KH: 5, KW: 5, Pad: 4, Dilation: 2}
	deep := func(a exec.Attr, c int) exec.Attr { a.Groups = c; return a }
	for _, tt := range []struct {
		name    string
		op      exec.Op // the pass
		terms   int
		cin, c  int
		attrs   []exec.Attr // of convolutions that read it
		adjoint bool        // adjoints in the images
		norm    bool        // of the first convolution's result
		over    string      // what lies where it may not, or comes in between
		joined  int
	}{
		{name: "relu", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{three}, joined: 1},
		{name: "for several", op: exec.ReLU, cin: 32, c: 16, attrs: []exec.Attr{{KH: 3, KW: 3, Pad: 1, Stride: 2}, three, one}, norm: true, joined: 3},
		{name: "mask", op: exec.ReLUMask, cin: 16, c: 48, attrs: []exec.Attr{one}, joined: 1},
		{name: "several tiles of channels", op: exec.LinReLU, terms: 1, cin: 16, c: 64, attrs: []exec.Attr{three}, norm: true, joined: 1},
		{name: "sum and mask", op: exec.LinMask, terms: 2, cin: 16, c: 32, attrs: []exec.Attr{one}, joined: 1},
		{name: "batch norm's derivative", op: exec.ChanLin, terms: 2, cin: 32, c: 16, attrs: []exec.Attr{three}, adjoint: true, joined: 1},
		{name: "sum of four", op: exec.ChanLin, terms: 4, cin: 16, c: 32, attrs: []exec.Attr{one}, adjoint: true, joined: 1},
		{name: "wide window", op: exec.LinReLU, terms: 1, cin: 16, c: 16, attrs: []exec.Attr{five}, joined: 1},
		{name: "depthwise", op: exec.LinReLU, terms: 1, cin: 8, c: 8, attrs: []exec.Attr{deep(three, 8), deep(five, 8)}, joined: 2},

		{name: "weights made in between", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{one}, over: "weights", joined: 1},

		{name: "too many for taps", op: exec.ChanLin, terms: 3, cin: 16, c: 16, attrs: []exec.Attr{three}},
		{name: "too many for tiles", op: exec.ChanLin, terms: 3, cin: 16, c: 64, attrs: []exec.Attr{one}},
		{name: "too many for several", op: exec.ChanLin, terms: 2, cin: 16, c: 16, attrs: []exec.Attr{one, one}},
		{name: "too many for depthwise", op: exec.ChanLin, terms: 2, cin: 8, c: 8, attrs: []exec.Attr{deep(three, 8)}},
		{name: "no pixel of its own", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{{KH: 3, KW: 3, Pad: 1, Stride: 2}}},
		{name: "moved by a pixel", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{{KH: 2, KW: 2}}},
		{name: "one without tiles", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{one, {KH: 3, KW: 3, Pad: 1, Groups: 4}}},
		{name: "channels not in fours", op: exec.ReLU, cin: 6, c: 16, attrs: []exec.Attr{one}},
		{name: "result of the pass over its argument", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{three}, over: "pass"},
		{name: "result of the convolution over the pass's argument", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{three}, over: "convolution"},
		{name: "argument written over before the convolution", op: exec.ReLU, cin: 16, c: 16, attrs: []exec.Attr{three, one}, over: "between"},
	} {
		p := newScratch()
		const n, h, w = 3, 9, 7
		pass := exec.Instr{Op: tt.op, Attr: exec.Attr{Terms: tt.terms}}
		switch x := shape(n, h, w, tt.cin); tt.op {
		case exec.ReLU:
			pass.Args = []exec.Tensor{p.place(x)}
		case exec.ReLUMask:
			pass.Args = []exec.Tensor{p.place(x), p.place(x)}
		case exec.LinMask:
			pass.Args = []exec.Tensor{p.place(x)}
		}
		for k := range tt.terms {
			pass.Args = append(pass.Args, p.place(shape(n, h, w, tt.cin)), p.place(exec.Vector([]int{tt.cin, 1}[k%2])))
		}
		if tt.terms > 0 {
			pass.Args = append(pass.Args, p.place(exec.Vector(tt.cin)))
		}
		pass.Out = pass.Args[0]
		if tt.over != "pass" {
			pass.Out = p.place(shape(n, h, w, tt.cin))
		}
		phase := []exec.Instr{pass}
		for k, a := range tt.attrs {
			oh, ow := size(a, h, w)
			conv := exec.Instr{Op: exec.Conv, Attr: a, Args: []exec.Tensor{pass.Out, p.place(shape(a.KH, a.KW, tt.cin/a.Normal().Groups, tt.c))}}
			if tt.adjoint {
				conv.Op, conv.Args = exec.ConvGradInput, []exec.Tensor{p.place(shape(a.KH, a.KW, tt.c, tt.cin)), pass.Out}
			}
			if conv.Out = pass.Args[0]; tt.over != "convolution" {
				conv.Out = p.place(shape(n, oh, ow, tt.c))
			}
			if tt.over == "weights" {
				phase = append(phase, exec.Instr{Op: exec.Add, Args: []exec.Tensor{conv.Args[1], conv.Args[1]}, Out: conv.Args[1]})
			}
			if tt.over == "between" && k == 1 {
				phase = append(phase, exec.Instr{Op: exec.Mul, Args: []exec.Tensor{phase[1].Out, phase[1].Out}, Out: pass.Args[0]})
			}
			phase = append(phase, conv)
			if tt.norm && k == 0 {
				phase = append(phase, exec.Instr{Op: exec.BNStats, Attr: exec.Attr{Eps: 1e-5}, Args: []exec.Tensor{conv.Out}, Out: p.place(exec.Vector(3 * tt.c))})
			}
		}
		// Two more readers, one of them in the pass's place.
		phase = append(phase, exec.Instr{Op: exec.Add, Args: []exec.Tensor{pass.Out, pass.Out}, Out: p.place(pass.Out.Shape)},
			exec.Instr{Op: exec.ReLU, Args: []exec.Tensor{pass.Out}, Out: pass.Out})
		p.Phases[0] = phase
		joined := 0
		for _, step := range gpu.Steps(hoisted(phase)) {
			for _, s := range step {
				if s.Form >= 0 {
					joined++
				}
			}
		}
		if joined != tt.joined {
			t.Errorf("%s: %d convolutions compute their images, want %d: %q", tt.name, joined, tt.joined, gpu.LaunchesOf(phase))
		}
		if err := replayAll(phase); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		p.fill(r)
		want := p.reference()
		gpu.Orders["without joined passes"](d)
		apart := p.on(t, d)
		for i, w := range want {
			if !(math.Abs(apart[i]-w) <= 2e-5*(1+math.Abs(w))) {
				t.Fatalf("%s: number %d is %v, want %v", tt.name, i, apart[i], w)
			}
		}
		for name, use := range gpu.Orders {
			use(d)
			if got := p.on(t, d); !slices.Equal(got, apart) {
				t.Errorf("%s: other bits %s", tt.name, name)
			}
		}
	}
	if err := d.Check(); err != nil {
		t.Error(err)
	}
}

func hoisted(phase []exec.Instr) []exec.Instr {
	phase, _ = gpu.Hoisted(phase)
	return phase
}
