package gpu

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"idarts/internal/exec"
)

// A device whose class promises bits is asked for them when it is opened: every kernel
// runs once on small inputs that are always the same, some of them subnormal, and what
// comes out is compared with the hashes in selftest.golden, which PoCL made on a
// processor. That finds compilers that fuse or approximate, and cards that round or
// flush in their own way.

//go:embed selftest.golden
var golden string

// Tried is what one trial of the self-test found.
type Tried struct {
	Name    string   // what was tried
	Kernels []string // that ran
	Bits    string   // hash of the results
	Want    string   // the hash that all devices have, "" for one that is not known
}

// Same says that a device gave the bits that it must.
func (t Tried) Same() bool { return t.Bits == t.Want }

// SelfTests runs all trials on a device, or those of such names.
func SelfTests(driver Driver, only ...string) (tried []Tried, err error) {
	want := map[string]string{}
	for line := range strings.Lines(golden) {
		if bits, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
			want[name] = bits
		}
	}
	w := &witness{Driver: driver, blocks: map[Block]bool{}}
	defer w.end()
	defer func() {
		if err != nil {
			err = fmt.Errorf("gpu: %s: self-test: %w", driver.Name(), err)
		}
	}()
	defer exec.Recover(&err)
	d := New(w)
	for _, t := range trials {
		if len(only) > 0 && !slices.Contains(only, t.name) {
			continue
		}
		w.kernels = nil
		sum := sha256.New()
		for _, v := range t.run(d) {
			sum.Write(v.Bytes())
		}
		kernels := slices.DeleteFunc(w.kernels, func(name string) bool { return name == "vec_fill" && t.name != "vec fill" })
		tried = append(tried, Tried{t.name, kernels, hex.EncodeToString(sum.Sum(nil)), want[t.name]})
	}
	return tried, nil
}

// SelfTest says which kernel of a device gives other bits than all other devices, if
// one does. Then results on it are not to be compared with those of others.
func SelfTest(driver Driver) error {
	tried, err := SelfTests(driver)
	if err != nil {
		return err
	}
	return verdict(driver, tried)
}

func verdict(driver Driver, tried []Tried) error {
	for _, t := range tried {
		if !t.Same() {
			return fmt.Errorf("gpu: %s: self-test %q: kernel %s gives other bits than on other devices: %.16s, want %.16s",
				driver.Name(), t.Name, strings.Join(t.Kernels, " or "), t.Bits, t.Want)
		}
	}
	return nil
}

// Tested is [New] for a driver whose device passes [SelfTest]. One that does not is
// closed; with anyBits it is taken all the same, in a class of its own.
func Tested(driver Driver, anyBits bool) (*Device, error) {
	tried, err := SelfTests(driver)
	if err == nil {
		err = verdict(driver, tried)
	} else {
		anyBits = false
	}
	if err != nil && !anyBits {
		driver.Close()
		return nil, err
	}
	d := New(driver)
	if err != nil {
		sum := sha256.Sum256([]byte(GoldenLines(tried)))
		d.class = fmt.Sprintf("%s other bits %x", Class, sum[:4])
	}
	return d, nil
}

// witness is a driver that remembers which kernels ran, and gives back what its user
// leaves.
type witness struct {
	Driver
	kernels   []string
	blocks    map[Block]bool
	sequences []Sequence
}

func (w *witness) Alloc(words int) (Block, error) {
	b, err := w.Driver.Alloc(words)
	if err == nil {
		w.blocks[b] = true
	}
	return b, err
}

func (w *witness) Free(b Block) {
	delete(w.blocks, b)
	w.Driver.Free(b)
}

func (w *witness) saw(l Launch) {
	if !slices.Contains(w.kernels, l.Kernel) {
		w.kernels = append(w.kernels, l.Kernel)
	}
}

func (w *witness) Run(memory Block, l Launch, a *Args) error {
	w.saw(l)
	return w.Driver.Run(memory, l, a)
}

func (w *witness) Load(table Block, list []Launch) (Sequence, error) {
	for _, l := range list {
		w.saw(l)
	}
	s, err := w.Driver.Load(table, list)
	if err == nil {
		w.sequences = append(w.sequences, s)
	}
	return s, err
}

func (w *witness) end() {
	for _, s := range w.sequences {
		s.Close()
	}
	for b := range w.blocks {
		w.Driver.Free(b)
	}
}

// trial is one part of the self-test. run leaves what is to be compared.
type trial struct {
	name string
	run  func(d *Device) []exec.Vec
}

// operand is an argument of a trial's instruction: numbers of a shape, or the result of
// an instruction before it.
type operand struct {
	shape    exec.Shape
	positive bool // between 1/2 and 3/2: to divide by
	result   int  // 1 for the first instruction's
}

func in(n, h, w, c int) operand       { return operand{shape: exec.Shape{n, h, w, c}} }
func positive(n, h, w, c int) operand { return operand{shape: exec.Shape{n, h, w, c}, positive: true} }
func vector(c int) operand            { return in(1, 1, 1, c) }
func result(of int) operand           { return operand{result: of} }

// step is an instruction of a trial.
type step struct {
	op   exec.Op
	attr exec.Attr
	out  exec.Shape
	args []operand
}

func do(op exec.Op, attr exec.Attr, n, h, w, c int, args ...operand) step {
	return step{op, attr, exec.Shape{n, h, w, c}, args}
}

// program is a trial of instructions, whose results are all compared.
func program(name string, steps ...step) trial {
	return trial{name, func(d *Device) []exec.Vec {
		p := &exec.Program{Phases: [][]exec.Instr{nil}}
		place := func(s exec.Space, shape exec.Shape) exec.Tensor {
			t := exec.Tensor{Space: s, Offset: p.Size[s], Shape: shape}
			p.Size[s] += (shape.Len() + line - 1) / line * line
			return t
		}
		var values []float64
		var results []exec.Tensor
		for _, s := range steps {
			i := exec.Instr{Op: s.op, Attr: s.attr}
			for _, a := range s.args {
				if a.result > 0 {
					i.Args = append(i.Args, results[a.result-1])
					continue
				}
				t := place(exec.Weights, a.shape)
				values = append(values, numbers(t.Offset, p.Size[exec.Weights]-t.Offset, a.positive)...)
				i.Args = append(i.Args, t)
			}
			i.Out = place(exec.WeightGrad, s.out)
			results = append(results, i.Out)
			p.Phases[0] = append(p.Phases[0], i)
		}
		mem := d.NewMemory()
		for s, n := range p.Size {
			mem.Resize(exec.Space(s), n)
		}
		mem.Region(exec.Weights).Write(values)
		bound, err := mem.Bind(p, 0, nil)
		d.must(err)
		bound.Run()
		return []exec.Vec{mem.Region(exec.WeightGrad)}
	}}
}

// undivided is a trial whose sums are one part each, with as many turns of the kernels'
// loops as a part of millions of pixels has.
func undivided(t trial) trial {
	return trial{t.name, func(d *Device) []exec.Vec {
		defer func(o order) { d.order = o }(d.order)
		d.order.whole = true
		return t.run(d)
	}}
}

// numbers are n numbers between -1 and 1, or between 1/2 and 3/2, none of them 0. Of
// the others some are small enough for products that are subnormal, and some are
// subnormal themselves.
func numbers(seed, n int, positive bool) []float64 {
	x := make([]float64, n)
	state := uint32(seed)*2654435761 + 12345
	for i := range x {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		v := float64(int32(state)|1) / (1 << 31)
		switch {
		case positive:
			v = 1 + v/2
		case i%7 == 3:
			v *= 0x1p-70
		case i%29 == 11:
			v *= 0x1p-130
		}
		x[i] = v
	}
	return x
}

func numbered(d *Device, seed, n int) *vec {
	v := d.newVec(n)
	v.Write(numbers(seed, n, false))
	return v
}

// vectors is a trial of vectors of n numbers.
func vectors(name string, n int, run func(x, y *vec) exec.Number) trial {
	return trial{name, func(d *Device) []exec.Vec {
		x, y, number := numbered(d, 1, n), numbered(d, 2, n), d.newVec(1)
		number.Write([]float64{run(x, y).Value()})
		return []exec.Vec{x, y, number}
	}}
}

func window(k, stride, pad int) exec.Attr { return exec.Attr{KH: k, KW: k, Stride: stride, Pad: pad} }

// trials has every kernel of every device: a test fails where one is left out. Add a
// kernel's rows and run make kernels.
var trials = []trial{
	vectors("vec fill", 300, func(x, _ *vec) exec.Number { x.Slice(7, 200).Zero(); return exec.Number{} }),
	vectors("vec copy", 300, func(x, y *vec) exec.Number { x.Copy(y); return exec.Number{} }),
	vectors("vec axpy", 300, func(x, y *vec) exec.Number { x.Axpy(0.3, y); return exec.Number{} }),
	vectors("vec scale", 300, func(x, _ *vec) exec.Number { x.Scale(1.7); return exec.Number{} }),
	vectors("vec dot", 5000, func(x, y *vec) exec.Number { return x.Dot(y) }),
	vectors("step, clipped", 5000, func(x, y *vec) exec.Number { return x.Step(y, nil, exec.SGDStep{Rate: 0.1, Decay: 3e-4, Clip: 5}) }),
	vectors("step, momentum", 300, func(x, y *vec) exec.Number {
		return x.Step(y, numbered(x.device, 3, 300), exec.SGDStep{Rate: 0.025, Momentum: 0.9})
	}),
	vectors("step, Nesterov", 300, func(x, y *vec) exec.Number {
		return x.Step(y, numbered(x.device, 3, 300), exec.SGDStep{Rate: 0.025, Momentum: 0.9, Nesterov: true})
	}),
	{"running averages", func(d *Device) []exec.Vec {
		mem := d.NewMemory()
		mem.Resize(exec.Stats, 3*70)
		mem.Resize(exec.Buffers, 2*70)
		mem.Region(exec.Stats).Write(numbers(1, 3*70, false))
		mem.Region(exec.Buffers).Write(numbers(2, 2*70, false))
		mem.Average([]exec.Averages{{Channels: 70, Rows: 12, Momentum: 0.1}})
		return []exec.Vec{mem.Region(exec.Buffers)}
	}},
	{"peak", func(d *Device) []exec.Vec {
		x := d.newVec(300)
		x.each("peak_fma", &Args{x.place(), 300, 2, bits(0.99), bits(0.3)})
		return []exec.Vec{x}
	}},

	program("conv", do(exec.Conv, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 1}, 2, 4, 3, 6, in(2, 7, 5, 4), in(3, 3, 4, 6))),
	program("conv of two pairs in groups", do(exec.Conv, exec.Attr{KH: 3, KW: 3, Pad: 2, Dilation: 2, Groups: 2, Terms: 2}, 2, 6, 5, 6,
		in(2, 6, 5, 4), in(3, 3, 2, 6), in(2, 6, 5, 4), in(3, 3, 2, 6))),
	program("conv-grad-input", do(exec.ConvGradInput, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 1, Groups: 2}, 2, 7, 5, 4, in(3, 3, 2, 6), in(2, 4, 3, 6))),
	program("conv-grad-weight", do(exec.ConvGradWeight, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 1, Groups: 2}, 3, 3, 2, 6, in(9, 7, 9, 4), in(9, 4, 5, 6))),
	program("conv by tiles", do(exec.Conv, exec.Attr{KH: 3, KW: 3, Pad: 1, Terms: 2}, 2, 5, 7, 16,
		in(2, 5, 7, 16), in(3, 3, 16, 16), in(2, 5, 7, 16), in(3, 3, 16, 16))),
	program("conv and batch norm by tiles", do(exec.Conv, exec.Attr{KH: 1, KW: 1}, 2, 9, 10, 32, in(2, 9, 10, 16), in(1, 1, 16, 32)),
		do(exec.BNStats, exec.Attr{Eps: 1e-5}, 1, 1, 1, 96, result(1))),
	program("convs that compute their images", do(exec.LinReLU, exec.Attr{Terms: 1}, 2, 5, 7, 16, in(2, 5, 7, 16), vector(16), vector(16)),
		do(exec.Conv, exec.Attr{KH: 3, KW: 3, Pad: 1}, 2, 5, 7, 32, result(1), in(3, 3, 16, 32)),
		do(exec.LinMask, exec.Attr{Terms: 2}, 2, 9, 10, 16, in(2, 9, 10, 16), in(2, 9, 10, 16), vector(16), in(2, 9, 10, 16), vector(1), vector(16)),
		do(exec.Conv, exec.Attr{KH: 1, KW: 1}, 2, 9, 10, 16, result(3), in(1, 1, 16, 16)),
		do(exec.BNStats, exec.Attr{Eps: 1e-5}, 1, 1, 1, 48, result(4))),
	program("conv-grad-input that computes its images", do(exec.ChanLin, exec.Attr{Terms: 2}, 2, 5, 7, 32, in(2, 5, 7, 32), vector(32), in(2, 5, 7, 32), vector(32), vector(32)),
		do(exec.ConvGradInput, exec.Attr{KH: 3, KW: 3, Pad: 1}, 2, 5, 7, 16, in(3, 3, 16, 32), result(1))),
	program("conv depthwise that computes its images", do(exec.ReLU, exec.Attr{}, 2, 6, 5, 8, in(2, 6, 5, 8)),
		do(exec.Conv, exec.Attr{KH: 3, KW: 3, Pad: 2, Dilation: 2, Groups: 8}, 2, 6, 5, 8, result(1), in(3, 3, 1, 8))),
	program("conv-grad-input by tiles", do(exec.ConvGradInput, exec.Attr{KH: 3, KW: 3, Pad: 1}, 2, 5, 7, 16, in(3, 3, 16, 32), in(2, 5, 7, 32))),
	program("conv-grad-weight by tiles", do(exec.ConvGradWeight, exec.Attr{KH: 3, KW: 1, Stride: 2, Pad: 1}, 3, 1, 16, 16, in(3, 9, 10, 16), in(3, 5, 6, 16))),
	undivided(program("conv-grad-weight by tiles of many pixels",
		do(exec.ConvGradWeight, exec.Attr{KH: 1, KW: 1}, 1, 1, 16, 16, in(1, 9, 16, 16), in(1, 9, 16, 16)))),
	program("conv-grad-weight depthwise", do(exec.ConvGradWeight, exec.Attr{KH: 3, KW: 1, Pad: 1, Groups: 64}, 3, 1, 1, 64, in(3, 6, 7, 64), in(3, 6, 9, 64))),
	program("relu", do(exec.ReLU, exec.Attr{}, 2, 3, 3, 5, in(2, 3, 3, 5))),
	program("relu-mask", do(exec.ReLUMask, exec.Attr{}, 2, 3, 3, 5, in(2, 3, 3, 5), in(2, 3, 3, 5))),
	program("pools", do(exec.AvgPool, window(3, 2, 1), 2, 4, 3, 5, in(2, 7, 5, 5)), do(exec.AvgPoolGrad, window(3, 2, 1), 2, 7, 5, 5, result(1))),
	program("max pool", do(exec.MaxPoolIndex, window(3, 2, 1), 2, 4, 3, 5, in(2, 7, 5, 5)),
		do(exec.MaxGather, window(3, 2, 1), 2, 4, 3, 5, result(1), in(2, 7, 5, 5)),
		do(exec.MaxScatter, window(3, 2, 1), 2, 7, 5, 5, result(1), in(2, 4, 3, 5))),
	program("chan-lin", do(exec.ChanLin, exec.Attr{Terms: 2}, 2, 3, 3, 5, in(2, 3, 3, 5), vector(5), in(2, 3, 3, 5), vector(1), vector(5), vector(1))),
	program("lin-relu", do(exec.LinReLU, exec.Attr{Terms: 1}, 2, 3, 3, 5, in(2, 3, 3, 5), vector(5), vector(5))),
	program("lin-mask", do(exec.LinMask, exec.Attr{Terms: 1}, 2, 3, 3, 5, in(2, 3, 3, 5), in(2, 3, 3, 5), vector(5), vector(5))),
	program("passes by fours",
		do(exec.ChanLin, exec.Attr{Terms: 2}, 2, 3, 3, 8, in(2, 3, 3, 8), vector(8), in(2, 3, 3, 8), vector(1), vector(8), vector(1)),
		do(exec.LinReLU, exec.Attr{Terms: 1}, 2, 3, 3, 8, result(1), vector(8), vector(8)),
		do(exec.LinMask, exec.Attr{Terms: 1}, 2, 3, 3, 8, in(2, 3, 3, 8), result(1), vector(8), vector(8)),
		do(exec.ReLU, exec.Attr{}, 2, 3, 3, 8, result(1)), do(exec.ReLUMask, exec.Attr{}, 2, 3, 3, 8, result(1), result(3)),
		do(exec.Add, exec.Attr{}, 2, 3, 3, 8, result(1), result(2), result(5)),
		do(exec.Slice, exec.Attr{Offset: 4}, 2, 3, 3, 4, result(6)), do(exec.Concat, exec.Attr{}, 2, 3, 3, 12, result(7), result(6))),
	program("conv depthwise by fours", do(exec.Conv, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 2, Dilation: 2, Groups: 8, Terms: 2}, 2, 4, 3, 8,
		in(2, 7, 5, 8), in(3, 3, 1, 8), in(2, 7, 5, 8), in(3, 3, 1, 8)),
		do(exec.ConvGradInput, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 2, Dilation: 2, Groups: 8}, 2, 7, 5, 8, in(3, 3, 1, 8), result(1))),
	program("sums over pixels", do(exec.ChanDots, exec.Attr{}, 1, 1, 1, 15, in(3, 7, 9, 5), in(3, 7, 9, 5), in(3, 7, 9, 5)),
		do(exec.ChanSum, exec.Attr{}, 1, 1, 1, 5, in(3, 7, 9, 5)), do(exec.ChanDot, exec.Attr{}, 1, 1, 1, 5, in(3, 7, 9, 5), in(3, 7, 9, 5))),
	program("sums over many pixels", do(exec.ChanDots, exec.Attr{}, 1, 1, 1, 128, in(2, 7, 9, 64), in(2, 7, 9, 64)),
		do(exec.ChanSum, exec.Attr{}, 1, 1, 1, 64, in(2, 7, 9, 64)), do(exec.ChanDot, exec.Attr{}, 1, 1, 1, 64, in(2, 7, 9, 64), in(2, 7, 9, 64))),
	program("sums over images", do(exec.Dot, exec.Attr{}, 1, 1, 1, 1, in(3, 7, 9, 5), in(3, 7, 9, 5)),
		do(exec.RowDot, exec.Attr{}, 3, 1, 1, 1, in(3, 7, 9, 5), in(3, 7, 9, 5)), do(exec.RowScale, exec.Attr{}, 3, 2, 2, 5, in(3, 2, 2, 5), result(2))),
	program("batch norm", do(exec.BNStats, exec.Attr{Eps: 1e-5}, 1, 1, 1, 15, in(3, 7, 9, 5)), do(exec.BNNorm, exec.Attr{}, 3, 7, 9, 5, in(3, 7, 9, 5), result(1)),
		do(exec.BNGrad, exec.Attr{}, 3, 7, 9, 5, in(3, 7, 9, 5), result(2), result(1))),
	program("batch norm of many pixels", do(exec.BNStats, exec.Attr{Eps: 1e-5}, 1, 1, 1, 192, in(2, 7, 9, 64)),
		do(exec.BNNorm, exec.Attr{}, 2, 7, 9, 64, in(2, 7, 9, 64), result(1)),
		do(exec.BNGrad, exec.Attr{}, 2, 7, 9, 64, in(2, 7, 9, 64), result(2), result(1))),
	program("means of pixels", do(exec.SpatialMean, exec.Attr{}, 3, 1, 1, 5, in(3, 7, 9, 5)), do(exec.SpatialSpread, exec.Attr{}, 3, 3, 4, 5, result(1))),
	program("cross-entropy", do(exec.CrossEntropy, exec.Attr{}, 1, 1, 1, 1, in(70, 1, 1, 10), positive(70, 1, 1, 10))),
	program("softmax", do(exec.Softmax, exec.Attr{}, 70, 1, 1, 10, in(70, 1, 1, 10)), do(exec.SoftmaxJac, exec.Attr{}, 70, 1, 1, 10, result(1), in(70, 1, 1, 10))),
	program("add", do(exec.Add, exec.Attr{}, 2, 3, 3, 5, in(2, 3, 3, 5), in(2, 3, 3, 5), in(2, 3, 3, 5))),
	program("mul", do(exec.Mul, exec.Attr{}, 2, 3, 3, 5, in(2, 3, 3, 5), in(2, 3, 3, 5))),
	program("div", do(exec.Div, exec.Attr{}, 2, 3, 3, 5, in(2, 3, 3, 5), positive(2, 3, 3, 5))),
	program("affine", do(exec.Affine, exec.Attr{Alpha: 1.3, Beta: -0.2}, 2, 3, 3, 5, in(2, 3, 3, 5))),
	program("rsqrt", do(exec.Rsqrt, exec.Attr{Eps: 1e-3}, 2, 3, 3, 5, positive(2, 3, 3, 5))),
	program("slice and place", do(exec.Slice, exec.Attr{Offset: 1}, 2, 3, 3, 3, in(2, 3, 3, 5)), do(exec.Place, exec.Attr{Offset: 2}, 2, 3, 3, 6, result(1))),
	program("concat", do(exec.Concat, exec.Attr{}, 2, 3, 3, 6, in(2, 3, 3, 1), in(2, 3, 3, 3), in(2, 3, 3, 2))),
	program("subsample", do(exec.Subsample, exec.Attr{Stride: 2, Offset: 1}, 2, 3, 2, 5, in(2, 7, 5, 5)),
		do(exec.SubsampleGrad, exec.Attr{Stride: 2, Offset: 1}, 2, 7, 5, 5, result(1))),
	program("copy and zero", do(exec.Copy, exec.Attr{}, 2, 3, 3, 5, in(2, 3, 3, 5)), do(exec.Zero, exec.Attr{}, 2, 3, 3, 5)),
	program("tape",
		do(exec.ChanLin, exec.Attr{Terms: 1}, 1, 1, 1, 40, vector(40), vector(40), vector(1)),
		do(exec.Add, exec.Attr{}, 1, 1, 1, 40, result(1), vector(40)), do(exec.Mul, exec.Attr{}, 1, 1, 1, 40, result(1), result(2)),
		do(exec.Div, exec.Attr{}, 1, 1, 1, 40, result(3), positive(1, 1, 1, 40)), do(exec.Affine, exec.Attr{Alpha: 1.3, Beta: -0.2}, 1, 1, 1, 40, result(4)),
		do(exec.Rsqrt, exec.Attr{Eps: 1e-3}, 1, 1, 1, 40, positive(1, 1, 1, 40)), do(exec.Slice, exec.Attr{Offset: 3}, 1, 1, 1, 20, result(6)),
		do(exec.Place, exec.Attr{Offset: 2}, 1, 1, 1, 30, result(7)), do(exec.Copy, exec.Attr{}, 1, 1, 1, 30, result(8)), do(exec.Zero, exec.Attr{}, 1, 1, 1, 30),
		do(exec.ChanSum, exec.Attr{}, 1, 1, 1, 40, result(5)), do(exec.ChanDot, exec.Attr{}, 1, 1, 1, 40, result(5), result(6)),
		do(exec.Dot, exec.Attr{}, 1, 1, 1, 1, result(5), result(6))),
}

// GoldenLines writes what trials found as selftest.golden has it.
func GoldenLines(tried []Tried) string {
	var b strings.Builder
	for _, t := range tried {
		fmt.Fprintf(&b, "%s  %s\n", t.Bits, t.Name)
	}
	return b.String()
}
