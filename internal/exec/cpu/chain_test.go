package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/rng"
)

// randomProgram is a list of instructions on 32 images whose results lie anywhere:
// on one another, in part or whole, as after planning by lifetime, or apart.
func randomProgram(r *rand.Rand) *exec.Program {
	const n, vectors, end = 32, 1 << 12, 1 << 18
	image := func() exec.Tensor {
		s := []exec.Shape{{n, 8, 8, 8}, {n, 16, 16, 8}, {n, 8, 8, 16}, {n, 5, 5, 16}}[r.IntN(4)] // of the last, two images are whole vectors
		at := vectors + r.IntN(end-vectors-s.Len())
		if r.IntN(4) > 0 { // one of few places
			at = vectors + r.IntN(3)*n*16*16*8
		}
		return exec.Tensor{Offset: min(at, end-s.Len()), Shape: s}
	}
	vector := func(shape exec.Shape) exec.Tensor {
		at := r.IntN(vectors - shape.Len())
		if r.IntN(4) > 0 { // one of few places
			at = r.IntN(2) * 512
		}
		return exec.Tensor{Offset: at, Shape: shape}
	}
	program := &exec.Program{Phases: [][]exec.Instr{nil}}
	program.Size[exec.Scratch] = end
	mem := NewMemory[float32](program)
	for len(program.Phases[0]) < 40 {
		x, y := image(), image()
		x.Shape = y.Shape
		x.Offset = min(x.Offset, end-x.Shape.Len())
		c := x.Shape[3]
		k := []int{1, 3}[r.IntN(2)]
		w := exec.Shape{k, k, c, c}
		window := square(k, 1, k/2, 1, 1).Normal()
		in := []exec.Instr{
			{Op: exec.ReLU, Args: []exec.Tensor{x}, Out: y},
			{Op: exec.ReLUMask, Args: []exec.Tensor{x, image()}, Out: y},
			{Op: exec.Conv, Attr: window, Args: []exec.Tensor{x, vector(w)}, Out: y},
			{Op: exec.ConvGradInput, Attr: window, Args: []exec.Tensor{vector(w), x}, Out: y},
			{Op: exec.ConvGradWeight, Attr: window, Args: []exec.Tensor{x, y}, Out: vector(w)},
			{Op: exec.BNStats, Attr: exec.Attr{Eps: 1e-5}, Args: []exec.Tensor{x}, Out: vector(exec.Vector(3 * c))},
			{Op: exec.BNNorm, Args: []exec.Tensor{x, vector(exec.Vector(3 * c))}, Out: y},
			{Op: exec.ChanDots, Args: []exec.Tensor{x, y}, Out: vector(exec.Vector(2 * c))},
			{Op: exec.ChanLin, Attr: exec.Attr{Terms: 1}, Args: []exec.Tensor{x, vector(exec.Vector(c)), vector(exec.Vector(1))}, Out: y},
			{Op: exec.AvgPool, Attr: square(3, 1, 1, 1, 1), Args: []exec.Tensor{x}, Out: y},
			{Op: exec.SpatialMean, Args: []exec.Tensor{x}, Out: vector(exec.Shape{n, 1, 1, c})},
			{Op: exec.Copy, Args: []exec.Tensor{x}, Out: y},
		}[r.IntN(12)]
		if in.Op == exec.ReLUMask {
			in.Args[1].Shape = x.Shape
			in.Args[1].Offset = min(in.Args[1].Offset, end-x.Shape.Len())
		}
		in.Attr = in.Attr.Normal()
		if check(in, mem) == nil {
			program.Phases[0] = append(program.Phases[0], in)
		}
	}
	return program
}

// Whatever the instructions share, going through the images together gives the bits
// of one instruction after another.
func TestChainsGiveTheBitsOfSingleInstructions(t *testing.T) {
	r := rng.New(4, "cpu-test")
	chains, links := 0, 0
	for range 80 {
		p := randomProgram(r)
		var results [2][]float32
		for i, workers := range []int{1, 32} { // 32 images are too few for 32 workers
			pool, mem := NewPool(workers), NewMemory[float32](p)
			copy(mem[exec.Scratch], initial(p))
			e, err := bind(pool, p, mem, native[float32](), 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range e.phases[0] {
				if s.links != nil && i == 0 {
					chains, links = chains+1, links+len(s.links)
				}
				if s.links != nil && i == 1 {
					t.Fatal("32 workers share 32 images in a chain")
				}
			}
			e.Run(0)
			if i == 0 { // timing changes nothing
				copy(mem[exec.Scratch], initial(p))
				if times := e.Profile(0); len(times) != len(p.Phases[0]) {
					t.Fatalf("%d times, want one for each of %d instructions", len(times), len(p.Phases[0]))
				}
			}
			pool.Close()
			results[i] = mem[exec.Scratch]
		}
		for k, v := range results[0] {
			if math.Float32bits(v) != math.Float32bits(results[1][k]) {
				t.Fatalf("element %d = %v, want %v; program %v", k, v, results[1][k], p.Phases[0])
			}
		}
	}
	t.Logf("%d chains of %.1f stages", chains, float64(links)/float64(chains))
	if chains < 500 || links < 2*chains {
		t.Errorf("%d chains of %d stages in all, want some in each program", chains, links)
	}
}

func initial(p *exec.Program) []float32 {
	fill := rng.New(5, "cpu-test")
	values := make([]float32, p.Size[exec.Scratch])
	for k := range values {
		values[k] = float32(fill.NormFloat64()) / 8
	}
	return values
}

// Each instruction here leaves what the next one reads: they are one chain, but for
// the last, which reads what is only known after all images.
func TestChainOfBatchNorm(t *testing.T) {
	s, c, w := exec.Shape{16, 8, 8, 16}, exec.Vector(16), exec.Shape{3, 3, 16, 16}
	at := func(slot int, s exec.Shape) exec.Tensor { return exec.Tensor{Offset: slot * 16384, Shape: s} }
	p := &exec.Program{Phases: [][]exec.Instr{{
		{Op: exec.ReLU, Args: []exec.Tensor{at(0, s)}, Out: at(1, s)},
		{Op: exec.Conv, Attr: square(3, 1, 1, 1, 1), Args: []exec.Tensor{at(1, s), at(4, w)}, Out: at(2, s)},
		{Op: exec.ChanDots, Args: []exec.Tensor{at(2, s)}, Out: at(5, c)},
		{Op: exec.ConvGradWeight, Attr: square(3, 1, 1, 1, 1), Args: []exec.Tensor{at(1, s), at(2, s)}, Out: at(6, w)},
		{Op: exec.ChanLin, Attr: exec.Attr{Terms: 1}, Args: []exec.Tensor{at(2, s), at(5, c)}, Out: at(3, s)},
	}}}
	p.Size[exec.Scratch] = 7 * 16384
	pool := NewPool(2)
	defer pool.Close()
	e, err := Bind(pool, p, NewMemory[float32](p))
	if err != nil {
		t.Fatal(err)
	}
	var owners []int
	for _, s := range e.phases[0] {
		for _, l := range s.links {
			owners = append(owners, l.owner)
		}
	}
	if want := []int{0, 1, 2, 3}; len(owners) != len(want) {
		t.Errorf("the chain is of instructions %v, want %v", owners, want)
	}
}
