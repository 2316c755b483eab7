package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/rng"
)

func TestWinogradFits(t *testing.T) {
	plain := square(3, 1, 1, 1, 1)
	for _, tt := range []struct {
		name string
		convCase
		want bool
	}{
		{"nb201 and nb1b1, second stage", convCase{exec.Shape{64, 16, 16, 32}, 32, plain}, true},
		{"third stage: blocks of four images", convCase{exec.Shape{64, 8, 8, 64}, 64, plain}, true},
		{"62 images are no whole blocks", convCase{exec.Shape{62, 8, 8, 64}, 64, plain}, false},
		{"an image is whole blocks", convCase{exec.Shape{1, 16, 16, 32}, 32, plain}, true},
		{"first stage: 16 channels", convCase{exec.Shape{64, 32, 32, 16}, 16, plain}, false},
		{"16 results", convCase{exec.Shape{64, 32, 32, 64}, 16, plain}, false},
		{"36 channels fill no vectors", convCase{exec.Shape{64, 32, 32, 36}, 32, plain}, false},
		{"nor do 36 of results", convCase{exec.Shape{64, 32, 32, 32}, 36, plain}, false},
		{"an odd height", convCase{exec.Shape{64, 15, 16, 32}, 32, plain}, false},
		{"an odd width", convCase{exec.Shape{64, 16, 15, 32}, 32, plain}, false},
		{"short rows", convCase{exec.Shape{64, 8, 4, 32}, 32, plain}, false},
		{"short rows of few images", convCase{exec.Shape{2, 10, 10, 32}, 32, plain}, false},
		{"a stride", convCase{exec.Shape{64, 16, 16, 32}, 32, square(3, 2, 1, 1, 1)}, false},
		{"no padding", convCase{exec.Shape{64, 16, 16, 32}, 32, square(3, 1, 0, 1, 1)}, false},
		{"a dilation", convCase{exec.Shape{64, 16, 16, 32}, 32, square(3, 1, 1, 2, 1)}, false},
		{"groups", convCase{exec.Shape{64, 16, 16, 64}, 64, square(3, 1, 1, 1, 2)}, false},
		{"another kernel", convCase{exec.Shape{64, 16, 16, 32}, 32, square(5, 1, 1, 1, 1)}, false},
		{"laptop, nb201: 16 channels at 4x4", convCase{exec.Shape{32, 4, 4, 16}, 16, plain}, false},
		{"laptop, nb201: 32 channels at 2x2", convCase{exec.Shape{32, 2, 2, 32}, 32, plain}, false},
		{"laptop, nb1b1: 48 channels at 4x4", convCase{exec.Shape{32, 4, 4, 48}, 48, plain}, false},
	} {
		if got := winogradFits(tt.attr.Normal(), tt.x, tt.cout); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What is said of the kernels of all cases is said of Winograd's form, too.
func TestCasesOfWinograd(t *testing.T) {
	blocks := map[[2]int]bool{} // images and rows of tiles
	counts := map[exec.Op]int{}
	for _, w := range table() {
		in := w.program.Phases[0][0]
		if !Winograd(in) {
			continue
		}
		counts[in.Op]++
		image := in.Args[0].Shape
		if in.Op == exec.ConvGradInput {
			image = in.Out.Shape
		}
		together, rows := winogradBlock(image[1], image[2])
		blocks[[2]int{together, rows}] = true
	}
	if counts[exec.Conv] != 10 || counts[exec.ConvGradInput] != 10 || counts[exec.ConvGradWeight] != 5 {
		t.Errorf("%v cases, want 10 convolutions, 10 gradients in x and 5 of weights", counts)
	}
	for _, want := range [][2]int{{4, 4}, {1, 8}, {2, 4}, {1, 5}} {
		if !blocks[want] {
			t.Errorf("no case with blocks of %d images and %d rows of tiles", want[0], want[1])
		}
	}
}

// Tiles and their transforms, by hand. Channel k of tile t has the numbers times 1 + k + 16t,
// and gaps lie between pixels and between tiles.
func TestTransforms(t *testing.T) {
	ascending := []float32{
		1, 2, 3, 4,
		5, 6, 7, 8,
		9, 10, 11, 12,
		13, 14, 15, 16,
	}
	for _, tt := range []struct {
		name      string
		side      int // of the tile in the image
		of        func(*kernels[float32]) func(g *tileGeometry, dst, src []float32, tiles int)
		toImage   bool
		add       float32 // 1: to what is there
		src, want []float32
	}{
		{
			name: "Bᵀ d B, after −8 −8 −8 −8, 14 16 18 20, 4 4 4 4, −8 −8 −8 −8", side: 4,
			of: func(k *kernels[float32]) func(g *tileGeometry, dst, src []float32, tiles int) {
				return k.transformInput
			},
			src: ascending,
			want: []float32{
				0, -16, 0, 0,
				-4, 34, 2, -4,
				0, 8, 0, 0,
				0, -16, 0, 0,
			},
		},
		{
			name: "Aᵀ m A, after 15 18 21 24, −17 −18 −19 −20", side: 2, toImage: true,
			of: func(k *kernels[float32]) func(g *tileGeometry, dst, src []float32, tiles int) {
				return k.transformOutput
			},
			src:  ascending,
			want: []float32{54, -27, -54, 21},
		},
		{
			name: "A dy Aᵀ without its signs, after 1 2, 4 7, −2 −3, 3 5", side: 2,
			of:  func(k *kernels[float32]) func(g *tileGeometry, dst, src []float32, tiles int) { return k.transformGrad },
			src: []float32{1, 2, 3, 5},
			want: []float32{
				1, 3, -1, 2,
				4, 11, -3, 7,
				-2, -5, 1, -3,
				3, 8, -2, 5,
			},
		},
		{
			name: "G g Gᵀ, after 1 2 3, 6 7.5 9.5, 2 2.5 3.5, 7 8 10", side: 3,
			of: func(k *kernels[float32]) func(g *tileGeometry, dst, src []float32, tiles int) {
				return k.transformWeights
			},
			src: []float32{1, 2, 3, 4, 5, 6, 7, 8, 10},
			want: []float32{
				1, 3, 1, 3,
				6, 11.5, 4, 9.5,
				2, 4, 1.5, 3.5,
				7, 12.5, 4.5, 10,
			},
		},
		{
			name: "Gᵀ m G with the signs, after 8 10 12 14, −2 −2 −2 −2, −6 −6 −6 −6", side: 3, toImage: true, add: 1,
			of: func(k *kernels[float32]) func(g *tileGeometry, dst, src []float32, tiles int) {
				return k.transformWeightsGrad
			},
			src:  ascending,
			want: []float32{19, -1, -3, -4, 0, 0, -12, 0, 0},
		},
	} {
		const tiles, channels, before = 3, 32, 100
		const pixel, step = channels + 16, 4*(channels+16) + 16
		g := &tileGeometry{image: strides{tiles * step, pixel}, step: step, element: tiles*channels + 16, channels: channels}
		inImage := func(i, at int) int { return g.image.at(i/tt.side, i%tt.side) + at/channels*g.step + at%channels }
		inTransform := func(i, at int) int { return i*g.element + at }
		from, to := inImage, inTransform
		if tt.toImage {
			from, to = inTransform, inImage
		}
		src, want := make([]float32, 17*g.element+4*g.image.row), make([]float32, 17*g.element+4*g.image.row)
		for i := range want {
			want[i] = before
		}
		for at := range tiles * channels {
			for i, v := range tt.src {
				src[from(i, at)] = v * float32(1+at)
			}
			for i, v := range tt.want {
				want[to(i, at)] = v*float32(1+at) + tt.add*before
			}
		}
		for _, set := range instructionSets() {
			dst := slices.Repeat([]float32{before}, len(want))
			tt.of(with[float32](set))(g, dst, src, tiles)
			for i, v := range dst {
				if v != want[i] {
					t.Errorf("%s: %s: number %d is %v, want %v", set.name, tt.name, i, v, want[i])
					break
				}
			}
		}
	}
}

// Sums of three have the stated order: 1 + 2⁻²⁴ is 1, and 2⁻²⁴ + 2⁻²⁴ would not be lost.
func TestLinesAddInOrder(t *testing.T) {
	const small = float32(ulp / 2)
	if y, _ := outputLine(1, small, small, 0); y != 1 {
		t.Errorf("(1 + 2⁻²⁴) + 2⁻²⁴ = %v, want 1", y)
	}
	if _, y := outputLine(0, 1, -small, -small); y != 1 {
		t.Errorf("(1 + 2⁻²⁴) + 2⁻²⁴ = %v, want 1", y)
	}
	if _, u, _, _ := weightsLine(1, small, small); u != 0.5 {
		t.Errorf("((1 + 2⁻²⁴) + 2⁻²⁴)/2 = %v, want 0.5", u)
	}
	if g, _, _ := weightsGradLine(1, 2*small, 2*small, 0); g != 1+2*small {
		t.Errorf("1 + (2⁻²³ + 2⁻²³)/2 = %v, want 1 + 2⁻²³", g)
	}
}

// Winograd's form beside the direct one, on layers of the published networks: the errors
// of both against the direct form in float64, over the root mean square of the results.
// x are what a ReLU gives, dy normal numbers, weights those of He's start.
func TestErrorsOfWinograd(t *testing.T) {
	const images = 16
	direct := map[exec.Op]func(*plan[float32]){
		exec.Conv:           func(p *plan[float32]) { correlate(p).plan(p) },
		exec.ConvGradInput:  func(p *plan[float32]) { correlateInput(p).plan(p) },
		exec.ConvGradWeight: planDirectWeight[float32],
	}
	exact := map[exec.Op]func(*plan[float64]){
		exec.Conv:           func(p *plan[float64]) { correlate(p).plan(p) },
		exec.ConvGradInput:  func(p *plan[float64]) { correlateInput(p).plan(p) },
		exec.ConvGradWeight: planDirectWeight[float64],
	}
	for _, l := range []layer{dense(3, 16, 32, 32), dense(3, 8, 64, 64)} {
		r := rng.New(6, "cpu-test")
		partials, err := l.partials(images)
		if err != nil {
			t.Fatal(err)
		}
		normal := func(s exec.Shape, scale float64) []float64 {
			x := make([]float64, s.Len())
			for i := range x {
				x[i] = float64(float32(scale * r.NormFloat64()))
			}
			return x
		}
		x, w, dy := normal(partials[0].args[0], 1), normal(partials[0].args[1], math.Sqrt(2/float64(9*l.cin))), normal(partials[0].out, 1)
		for i, v := range x {
			x[i] = max(v, 0)
		}
		args := map[exec.Op][][]float64{exec.Conv: {x, w}, exec.ConvGradInput: {w, dy}, exec.ConvGradWeight: {x, dy}}
		for _, in := range partials {
			want := planned(in, args[in.op], portable[float64](), exact[in.op])
			worstDirect, meanDirect := errors(planned(in, args[in.op], native[float32](), direct[in.op]), want)
			worst, mean := errors(planned(in, args[in.op], native[float32](), planners[float32]()[in.op]), want)
			t.Logf("%v/%v: direct max %.1e mean %.1e, Winograd max %.1e mean %.1e", in.op, l, worstDirect, meanDirect, worst, mean)
			if worst > 2*worstDirect || mean > 2*meanDirect {
				t.Errorf("%v/%v: errors are more than twice those of the direct form", in.op, l)
			}
			if mean == meanDirect {
				t.Errorf("%v/%v: the errors are those of the direct form", in.op, l)
			}
		}
	}
}

// planned are the results of a planner's stages on one worker.
func planned[T Float](c instr, args [][]float64, k *kernels[T], planner func(*plan[T])) []float64 {
	p := &plan[T]{op: c.op, attr: c.attr.Normal(), xs: c.args, y: make([]T, c.out.Len()), ys: c.out, kernels: k, workers: 1,
		values: new(arena[T]), sums: new(arena[float64]), own: make([]arena[T], 1)}
	for _, a := range args {
		x := make([]T, len(a))
		round(x, a)
		p.x = append(p.x, x)
	}
	planner(p)
	for _, s := range p.stages {
		for tile := range s.tiles {
			s.run(tile, 0)
		}
	}
	got := make([]float64, len(p.y))
	for i, v := range p.y {
		got[i] = float64(v)
	}
	return got
}

// errors are the largest and the mean one, over the root mean square of what is wanted.
func errors(got, want []float64) (worst, mean float64) {
	square := 0.0
	for i, v := range want {
		d := math.Abs(got[i] - v)
		worst, mean, square = max(worst, d), mean+d, square+v*v
	}
	n := float64(len(want))
	scale := math.Sqrt(square / n)
	return worst / scale, mean / n / scale
}

// Convolutions by Winograd's form and their gradients are one chain, with the bits of
// single instructions: they share the workspace of a worker.
func TestChainOfWinograd(t *testing.T) {
	const images = 32
	wide, deep := exec.Shape{images, 16, 16, 32}, exec.Shape{images, 8, 8, 64}
	square3, one := square(3, 1, 1, 1, 1), exec.Vector(1)
	p := &exec.Program{Phases: [][]exec.Instr{nil}}
	put := func(s exec.Shape) exec.Tensor {
		at := exec.Tensor{Offset: p.Size[exec.Scratch], Shape: s}
		p.Size[exec.Scratch] += s.Len()
		return at
	}
	add := func(op exec.Op, attr exec.Attr, out exec.Shape, args ...exec.Tensor) exec.Tensor {
		y := put(out)
		p.Phases[0] = append(p.Phases[0], exec.Instr{Op: op, Attr: attr, Args: args, Out: y})
		return y
	}
	a := put(one)
	for _, s := range []exec.Shape{wide, deep} {
		x, w := put(s), put(exec.Shape{3, 3, s[3], s[3]})
		x = add(exec.ReLU, exec.Attr{}, s, x)
		y := add(exec.Conv, square3, s, x, w)
		dx := add(exec.ConvGradInput, square3, s, w, y)
		add(exec.ConvGradWeight, square3, w.Shape, x, y)
		add(exec.ChanLin, exec.Attr{Terms: 2}, s, dx, a, y, a)
	}
	var want []float32
	for _, workers := range []int{32, 1, 2} { // 32 images are too few for 32 workers
		pool, mem := NewPool(workers), NewMemory[float32](p)
		copy(mem[exec.Scratch], initial(p))
		e, err := bind(pool, p, mem, native[float32](), 0)
		if err != nil {
			t.Fatal(err)
		}
		var owners []int
		for _, s := range e.phases[0] {
			for _, l := range s.links {
				owners = append(owners, l.owner)
			}
		}
		e.Run(0)
		pool.Close()
		if want == nil {
			if want = mem[exec.Scratch]; owners != nil {
				t.Errorf("%d workers: instructions %v are in chains, want none", workers, owners)
			}
			continue
		}
		if got := fmt.Sprint(owners); got != "[0 1 2 3 4 5 6 7 8 9]" {
			t.Errorf("%d workers: instructions %s are in chains, want all", workers, got)
		}
		for i, v := range mem[exec.Scratch] {
			if math.Float32bits(v) != math.Float32bits(want[i]) {
				t.Fatalf("%d workers: number %d = %v, want %v", workers, i, v, want[i])
			}
		}
	}
}
