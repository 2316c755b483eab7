package cpu

import (
	"fmt"
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/exec/ref"
)

// instr is one instruction of the conformance table. Arguments are random; marks
// tell otherwise: "targets" are rows that sum to one, "positive" are in 0.5..1.5,
// "stats" are what BNStats gives for argument 0.
type instr struct {
	op    exec.Op
	attr  exec.Attr
	out   exec.Shape
	args  []exec.Shape
	marks map[int]string
}

func (c instr) String() string {
	return fmt.Sprintf("%v %v %+v", c.op, c.args, c.attr)
}

// image shapes for passes over memory: batch 1, odd sizes, channels that are not
// a multiple of the vector length, tensors larger than a tile.
var images = []exec.Shape{{1, 1, 1, 1}, {1, 5, 3, 1}, {2, 7, 5, 3}, {2, 4, 4, 4}, {3, 5, 7, 8}, {2, 3, 3, 10}, {2, 9, 9, 12}, {5, 16, 16, 16}, {1, 5, 5, 33},
	{2, 7, 3, 48}, {4, 33, 31, 4}, {3, 17, 16, 64}, {9, 33, 33, 1}, {2, 29, 31, 8}, {1, 3, 2, 130}}

// cases are all instructions that the kernels are tested with.
func cases() []instr {
	var l caseList
	l.channels()
	l.elements()
	l.pooling()
	l.convolutions()
	return l
}

type caseList []instr

func (l *caseList) add(op exec.Op, attr exec.Attr, out exec.Shape, args ...exec.Shape) *instr {
	*l = append(*l, instr{op: op, attr: attr, out: out, args: args, marks: map[int]string{}})
	return &(*l)[len(*l)-1]
}

// channels are the operators that tell channels apart.
func (l *caseList) channels() {
	add, one := l.add, exec.Vector(1)
	for _, s := range images {
		c := exec.Vector(s[3])
		stats := exec.Vector(3 * s[3])
		pooled := exec.Shape{s[0], 1, 1, s[3]}
		add(exec.ReLU, exec.Attr{}, s, s)
		add(exec.ReLUMask, exec.Attr{}, s, s, s)
		add(exec.ChanLin, exec.Attr{Terms: 1}, s, s, c)
		add(exec.ChanLin, exec.Attr{Terms: 1}, s, s, one, one)
		add(exec.ChanLin, exec.Attr{Terms: 2}, s, s, c, s, one, c, one)
		add(exec.ChanLin, exec.Attr{Terms: 3}, s, s, one, s, one, s, one)
		add(exec.ChanLin, exec.Attr{Terms: 5}, s, s, c, s, c, s, one, s, one, s, c, c)
		add(exec.ChanLin, exec.Attr{}, s, c, one)
		add(exec.LinReLU, exec.Attr{Terms: 1}, s, s, c, c)
		add(exec.LinReLU, exec.Attr{Terms: 2}, s, s, c, s, one)
		add(exec.LinMask, exec.Attr{Terms: 2}, s, s, s, c, s, one, c)
		add(exec.LinMask, exec.Attr{Terms: 9}, s, s, s, c, s, c, s, c, s, c, s, c, s, c, s, c, s, c, s, c)
		add(exec.LinMask, exec.Attr{}, s, s, c)
		add(exec.ChanDots, exec.Attr{}, c, s)
		add(exec.ChanDots, exec.Attr{}, exec.Vector(4*s[3]), s, s, s, s)
		add(exec.ChanDot, exec.Attr{}, c, s, s)
		add(exec.ChanSum, exec.Attr{}, c, s)
		add(exec.Dot, exec.Attr{}, one, s, s)
		add(exec.BNStats, exec.Attr{Eps: 1e-5}, stats, s)
		add(exec.BNNorm, exec.Attr{}, s, s, stats).marks[1] = "stats"
		add(exec.BNGrad, exec.Attr{}, s, s, s, stats).marks[2] = "stats"
		add(exec.SpatialMean, exec.Attr{}, pooled, s)
		add(exec.SpatialSpread, exec.Attr{}, s, pooled)
	}
}

// elements are the operators on rows and elements, and those that move numbers.
func (l *caseList) elements() {
	add, one := l.add, exec.Vector(1)
	for _, s := range images {
		c := exec.Vector(s[3])
		rows := exec.Shape{s[0] * s[1], 1, 1, s[3]}
		number := exec.Shape{rows[0], 1, 1, 1}
		add(exec.CrossEntropy, exec.Attr{}, one, rows, rows).marks[1] = "targets"
		add(exec.Softmax, exec.Attr{}, rows, rows)
		add(exec.SoftmaxJac, exec.Attr{}, rows, rows, rows).marks[0] = "targets"
		add(exec.RowDot, exec.Attr{}, number, rows, rows)
		add(exec.RowScale, exec.Attr{}, rows, rows, number)
		add(exec.Add, exec.Attr{}, s, s, s)
		add(exec.Add, exec.Attr{}, s, s, s, s, s)
		add(exec.Mul, exec.Attr{}, s, s, s)
		add(exec.Div, exec.Attr{}, s, s, s).marks[1] = "positive"
		add(exec.Affine, exec.Attr{Alpha: -0.3, Beta: 2}, s, s)
		add(exec.Rsqrt, exec.Attr{Eps: 0.1}, s, s).marks[0] = "positive"
		add(exec.Copy, exec.Attr{}, s, s)
		add(exec.Zero, exec.Attr{}, s)
		long := exec.Vector(s[3] + 5)
		add(exec.Slice, exec.Attr{Offset: 2}, c, long)
		add(exec.Place, exec.Attr{Offset: 3}, long, c)
		more, all := s, s
		more[3], all[3] = s[3]+5, 3*s[3]+5
		add(exec.Slice, exec.Attr{Offset: 2}, s, more)
		add(exec.Place, exec.Attr{Offset: 3}, more, s)
		add(exec.Concat, exec.Attr{}, all, s, more, s)
		images := exec.Shape{s[0], 1, 1, 1}
		add(exec.RowDot, exec.Attr{}, images, s, s)
		add(exec.RowScale, exec.Attr{}, s, s, images)
		for _, a := range []exec.Attr{{Stride: 2}, {Stride: 2, Offset: 1}, {Stride: 3, Offset: 1}, {Stride: 1, Offset: 2}} {
			if y, err := exec.ResultShape(exec.Subsample, a, s); err == nil {
				add(exec.Subsample, a, y, s)
				add(exec.SubsampleGrad, a, s, y)
			}
		}
	}
}

func (l *caseList) pooling() {
	add := l.add
	for _, w := range []struct {
		x    exec.Shape
		attr exec.Attr
	}{
		{exec.Shape{2, 8, 8, 4}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{1, 7, 5, 3}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{3, 2, 2, 16}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{2, 1, 4, 8}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{1, 9, 7, 5}, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 1}},
		{exec.Shape{2, 8, 8, 8}, exec.Attr{KH: 2, KW: 2, Stride: 2}},
		{exec.Shape{1, 7, 9, 2}, exec.Attr{KH: 2, KW: 3, Stride: 3, Pad: 1}},
		{exec.Shape{2, 5, 5, 1}, exec.Attr{KH: 5, KW: 5, Stride: 1, Pad: 2}},
		{exec.Shape{2, 5, 5, 6}, exec.Attr{KH: 1, KW: 1, Stride: 2}},
		{exec.Shape{4, 16, 16, 8}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{2, 16, 16, 16}, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 1}},
		{exec.Shape{1, 9, 8, 44}, exec.Attr{KH: 3, KW: 3, Stride: 2, Pad: 1}},
		{exec.Shape{2, 8, 7, 20}, exec.Attr{KH: 2, KW: 2, Stride: 2, Pad: 1}},
		{exec.Shape{1, 8, 8, 4}, exec.Attr{KH: 5, KW: 5, Stride: 3}},
		{exec.Shape{1, 9, 1, 33}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{1, 5, 1, 7}, exec.Attr{KH: 3, KW: 1, Stride: 4}},
		{exec.Shape{2, 3, 4, 10}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
		{exec.Shape{1, 4, 5, 13}, exec.Attr{KH: 3, KW: 3, Stride: 1, Pad: 1}},
	} {
		y, err := exec.ResultShape(exec.AvgPool, w.attr, w.x)
		if err != nil {
			panic(err)
		}
		add(exec.AvgPool, w.attr, y, w.x)
		add(exec.AvgPoolGrad, w.attr, w.x, y)
		add(exec.MaxPoolIndex, w.attr, y, w.x)
		add(exec.MaxGather, w.attr, y, y, w.x).marks[0] = "index"
		add(exec.MaxScatter, w.attr, w.x, y, y).marks[0] = "index"
	}
}

func (l *caseList) convolutions() {
	add := l.add
	for _, k := range convs {
		w := k.weights()
		y, err := exec.ResultShape(exec.Conv, k.attr, k.x, w)
		if err != nil {
			panic(err)
		}
		add(exec.Conv, k.attr, y, k.x, w)
		add(exec.ConvGradInput, k.attr, k.x, w, y)
		several := k.attr
		several.Terms = 2
		add(exec.Conv, several, y, k.x, w, k.x, w)
		several.Terms = 3
		add(exec.ConvGradInput, several, k.x, w, y, w, y, w, y)
		add(exec.ConvGradWeight, k.attr, w, k.x, y)
	}
}

// convCase is a convolution of images x to cout channels.
type convCase struct {
	x    exec.Shape
	cout int
	attr exec.Attr
}

func (k convCase) weights() exec.Shape {
	return exec.Shape{k.attr.KH, k.attr.KW, k.x[3] / max(k.attr.Groups, 1), k.cout}
}

func square(k, stride, pad, dilation, groups int) exec.Attr {
	return exec.Attr{KH: k, KW: k, Stride: stride, Pad: pad, Dilation: dilation, Groups: groups}
}

var convs = []convCase{
	{exec.Shape{1, 1, 1, 1}, 1, square(1, 1, 0, 1, 1)},
	{exec.Shape{7, 1, 1, 16}, 10, square(1, 1, 0, 1, 1)}, // linear
	{exec.Shape{300, 1, 1, 8}, 10, square(1, 1, 0, 1, 1)},
	{exec.Shape{2, 16, 16, 1}, 8, square(3, 1, 1, 1, 1)}, // stems
	{exec.Shape{2, 9, 9, 3}, 16, square(3, 1, 1, 1, 1)},
	{exec.Shape{2, 16, 16, 4}, 4, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 19, 19, 4}, 4, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 5, 9, 4}, 4, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 16, 16, 8}, 8, square(3, 1, 1, 1, 1)},
	{exec.Shape{2, 8, 8, 16}, 16, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 4, 4, 32}, 32, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 33, 35, 12}, 20, square(3, 1, 1, 1, 1)},
	{exec.Shape{3, 7, 7, 24}, 28, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 2, 3, 5}, 7, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 1, 1, 5}, 7, square(3, 1, 1, 1, 1)},
	{exec.Shape{2, 16, 16, 4}, 4, square(1, 1, 0, 1, 1)},
	{exec.Shape{2, 17, 16, 8}, 16, square(1, 1, 0, 1, 1)},
	{exec.Shape{1, 5, 5, 3}, 2, square(1, 1, 1, 1, 1)},
	{exec.Shape{2, 8, 8, 4}, 8, square(1, 2, 0, 1, 1)},
	{exec.Shape{2, 9, 7, 8}, 16, square(3, 2, 1, 1, 1)},
	{exec.Shape{2, 8, 8, 8}, 16, square(3, 2, 1, 1, 1)},
	{exec.Shape{1, 11, 10, 3}, 5, square(3, 3, 2, 1, 1)},
	{exec.Shape{1, 9, 9, 4}, 4, square(3, 1, 2, 2, 1)},
	{exec.Shape{1, 10, 9, 4}, 8, square(3, 2, 2, 2, 1)},
	{exec.Shape{1, 12, 11, 6}, 6, square(5, 2, 4, 2, 1)},
	{exec.Shape{1, 7, 8, 2}, 3, square(2, 1, 0, 1, 1)},
	{exec.Shape{1, 6, 6, 2}, 4, square(2, 2, 0, 1, 1)},
	{exec.Shape{1, 7, 9, 4}, 4, exec.Attr{KH: 1, KW: 7, Pad: 3}},
	{exec.Shape{1, 9, 5, 8}, 8, exec.Attr{KH: 3, KW: 1, Stride: 2, Pad: 0}},
	{exec.Shape{2, 9, 8, 8}, 12, square(3, 1, 1, 1, 4)}, // groups
	{exec.Shape{2, 9, 8, 8}, 8, square(3, 2, 1, 2, 2)},
	{exec.Shape{1, 6, 6, 4}, 8, square(1, 1, 0, 1, 2)},
	{exec.Shape{2, 7, 7, 8}, 8, square(3, 1, 1, 1, 8)}, // depthwise
	{exec.Shape{2, 9, 7, 5}, 5, square(3, 2, 1, 1, 5)},
	{exec.Shape{1, 9, 9, 12}, 12, square(5, 1, 4, 2, 12)},
	{exec.Shape{2, 11, 17, 24}, 24, square(3, 1, 1, 1, 24)},
	{exec.Shape{2, 16, 18, 16}, 16, square(5, 2, 2, 1, 16)},
	{exec.Shape{2, 9, 8, 4}, 4, square(3, 1, 1, 1, 4)},
	{exec.Shape{1, 10, 17, 28}, 28, square(5, 1, 2, 1, 28)},
	{exec.Shape{2, 16, 15, 16}, 16, square(5, 2, 4, 2, 16)},
	{exec.Shape{1, 12, 9, 20}, 20, square(7, 1, 3, 1, 20)},
	{exec.Shape{1, 7, 9, 6}, 6, square(2, 1, 1, 1, 6)},
	{exec.Shape{1, 9, 9, 4}, 8, square(3, 1, 1, 1, 4)}, // two results a channel
	{exec.Shape{40, 4, 4, 8}, 8, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 3, 3, 4}, 4, square(3, 1, 4, 1, 1)}, // padding wider than the kernel
	{exec.Shape{1, 40, 40, 64}, 16, square(3, 1, 1, 1, 1)},
	{exec.Shape{2, 8, 8, 32}, 32, square(3, 1, 1, 1, 1)}, // vectors of 16 and 32
	{exec.Shape{1, 9, 11, 33}, 52, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 6, 5, 64}, 64, square(1, 1, 0, 1, 1)},
	{exec.Shape{3, 3, 3, 16}, 32, square(3, 2, 1, 1, 1)},
	{exec.Shape{1, 10, 9, 44}, 44, square(5, 1, 2, 1, 44)},
	{exec.Shape{1, 4, 3, 32}, 32, square(3, 1, 1, 1, 32)},
	{exec.Shape{4, 8, 8, 64}, 32, square(3, 1, 1, 1, 1)}, // Winograd's form: a block is four images,
	{exec.Shape{8, 8, 8, 32}, 32, square(3, 1, 1, 1, 1)},
	{exec.Shape{1, 16, 16, 32}, 64, square(3, 1, 1, 1, 1)}, // one,
	{exec.Shape{4, 8, 14, 32}, 32, square(3, 1, 1, 1, 1)},  // two that leave some of the 64 tiles out,
	{exec.Shape{1, 24, 24, 32}, 48, square(3, 1, 1, 1, 1)}, // or 5, 5 and 2 rows of tiles
}

func TestKernelsMatchReference(t *testing.T) {
	ran := 0
	for _, w := range table() {
		c := w.instr
		compare(t, c, "float64", result(t, w, 1, native[float64]()), w.want, 1e-12)
		compare(t, c, "float32", result(t, w, 1, native[float32]()), w.want, 3e-5)
		ran++
	}
	t.Logf("%d instructions", ran)
}

func TestSameBitsWithAnyNumberOfWorkers(t *testing.T) {
	for _, w := range table() {
		c := w.instr
		one := result(t, w, 1, native[float32]())
		sameBits(t, c, result(t, w, 2, native[float32]()), one)
		sameBits(t, c, result(t, w, 7, native[float32]()), one)
		if !testing.Short() {
			sameBits(t, c, result(t, w, 7, native[float64]()), result(t, w, 1, native[float64]()))
		}
	}
}

// All instructions in one program give what each gives alone, so none keeps
// hold of another's arguments or workspace.
func TestInstructionsDoNotDisturbEachOther(t *testing.T) {
	p := &exec.Program{Phases: [][]exec.Instr{nil}}
	alone := table()
	for _, w := range alone {
		in := w.program.Phases[0][0]
		in.Args = append([]exec.Tensor(nil), in.Args...)
		for i := range in.Args {
			in.Args[i].Offset += p.Size[exec.Scratch]
		}
		in.Out.Offset += p.Size[exec.Scratch]
		p.Phases[0] = append(p.Phases[0], in)
		p.Size[exec.Scratch] += w.program.Size[exec.Scratch]
	}
	mem := NewMemory[float32](p)
	for i, in := range p.Phases[0] {
		for k, a := range in.Args {
			for j, v := range alone[i].args[k] {
				block(mem, a)[j] = float32(v)
			}
		}
	}
	pool := NewPool(3)
	defer pool.Close()
	e, err := bind(pool, p, mem, native[float32](), 0)
	if err != nil {
		t.Fatal(err)
	}
	e.Run(0)
	for i, w := range alone {
		sameBits(t, w.instr, block(mem, p.Phases[0][i].Out), result(t, w, 1, native[float32]()))
	}
}

func TestNativeKernelsGiveTheBitsOfPortableOnes(t *testing.T) {
	for _, w := range table() {
		c := w.instr
		want := result(t, w, 1, portable[float32]())
		for _, set := range nativeSets() {
			sameBits(t, c, result(t, w, 1, with[float32](set)), want)
		}
	}
	t.Logf("%d instructions, %d instruction sets", len(table()), len(nativeSets()))
}

// Every argument that may share memory with the result does so in turn.
func TestInPlace(t *testing.T) {
	ran := 0
	for _, w := range table() {
		c := w.instr
		for i := range c.args {
			if !exec.InPlace(c.op, c.attr, i) || c.args[i].Len() != c.out.Len() {
				continue
			}
			apart := result(t, w, 2, native[float32]())
			w := w
			in := w.program.Phases[0][0]
			in.Out.Offset = in.Args[i].Offset
			w.program = &exec.Program{Phases: [][]exec.Instr{{in}}, Size: w.program.Size}
			mem := NewMemory[float32](w.program)
			load(mem, w)
			pool := NewPool(2)
			e, err := bind(pool, w.program, mem, native[float32](), 0)
			if err != nil {
				t.Fatal(err)
			}
			e.Run(0)
			pool.Close()
			sameBits(t, c, block(mem, in.Out), apart)
			ran++
		}
	}
	if ran < 100 {
		t.Errorf("%d cases ran, want 100 or more", ran)
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	for _, workers := range []int{1, 3} {
		p := &exec.Program{Phases: [][]exec.Instr{nil}}
		for _, w := range table() {
			one := w.program
			p.Phases[0] = append(p.Phases[0], one.Phases[0]...)
			p.Size[exec.Scratch] = max(p.Size[exec.Scratch], one.Size[exec.Scratch])
		}
		mem := NewMemory[float32](p)
		pool := NewPool(workers)
		e, err := bind(pool, p, mem, native[float32](), 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(3, func() { e.Run(0) }); n != 0 {
			t.Errorf("%d workers: %v allocations in a run, want 0", workers, n)
		}
		pool.Close()
	}
}

func TestStatsOfLargeMeansKeepTheSpread(t *testing.T) {
	s := exec.Shape{4, 33, 33, 8}
	c := instr{op: exec.BNStats, attr: exec.Attr{Eps: 1e-5}, out: exec.Vector(24), args: []exec.Shape{s}}
	w := c.workload()
	for i := range w.args[0] {
		w.args[0][i] = float64(float32(1000 + w.args[0][i]))
	}
	ref.Do(c.op, c.attr, w.args, c.args, w.want, c.out)
	got := result(t, w, 1, native[float32]())
	for k := 8; k < 16; k++ {
		if math.Abs(float64(got[k])/w.want[k]-1) > 1e-4 {
			t.Errorf("variance of channel %d = %v, want %v", k-8, got[k], w.want[k])
		}
	}
}

func TestReLUKeepsNaN(t *testing.T) {
	for _, k := range []*kernels[float32]{portable[float32](), native[float32]()} {
		x := make([]float32, 40)
		for i := range x {
			x[i] = []float32{float32(math.NaN()), -1, 2, float32(math.Inf(1))}[i%4]
		}
		k.relu(x, x)
		for i, v := range x {
			if want := []float32{float32(math.NaN()), 0, 2, float32(math.Inf(1))}[i%4]; v != want && !(v != v && want != want) {
				t.Fatalf("element %d = %v, want %v", i, v, want)
			}
		}
	}
}
