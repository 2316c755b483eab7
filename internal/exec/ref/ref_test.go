package ref

import (
	"math"
	"testing"

	"idarts/internal/exec"
	"idarts/internal/rng"
)

// Results computed by hand.
func TestDo(t *testing.T) {
	image := exec.Shape{1, 3, 3, 1} // 1 2 3 / 4 5 6 / 7 8 9
	nine := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	window := func(k, stride, pad int) exec.Attr { return exec.Attr{KH: k, KW: k, Stride: stride, Pad: pad} }
	v := func(n int) exec.Shape { return exec.Vector(n) }
	e := math.E
	for _, tt := range []struct {
		name   string
		op     exec.Op
		attr   exec.Attr
		args   [][]float64
		shapes []exec.Shape
		out    exec.Shape
		want   []float64
	}{
		{"conv 2x2 sums the diagonal", exec.Conv, window(2, 1, 0), [][]float64{nine, {1, 0, 0, 1}}, []exec.Shape{image, {2, 2, 1, 1}}, exec.Shape{1, 2, 2, 1},
			[]float64{6, 8, 12, 14}},
		{"conv 3x3, stride 2, padding 1: corners see four pixels", exec.Conv, window(3, 2, 1), [][]float64{nine, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
			[]exec.Shape{image, {3, 3, 1, 1}}, exec.Shape{1, 2, 2, 1}, []float64{12, 16, 24, 28}},
		{"dilation 2 reaches the corners", exec.Conv, exec.Attr{KH: 2, KW: 2, Dilation: 2}, [][]float64{nine, {1, 1, 1, 1}}, []exec.Shape{image, {2, 2, 1, 1}},
			exec.Shape{1, 1, 1, 1}, []float64{20}},
		{"2 groups do not mix", exec.Conv, exec.Attr{KH: 1, KW: 1, Groups: 2}, [][]float64{{3, 5}, {10, 100}}, []exec.Shape{v(2), {1, 1, 1, 2}}, v(2), []float64{30, 500}},
		{"a linear layer is w transposed times x", exec.Conv, window(1, 1, 0), [][]float64{{1, 2}, {1, 2, 3, 4, 5, 6}}, []exec.Shape{v(2), {1, 1, 2, 3}}, v(3), []float64{9, 12, 15}},
		{"relu", exec.ReLU, exec.Attr{}, [][]float64{{-1, 0, 2}}, []exec.Shape{v(3)}, v(3), []float64{0, 0, 2}},
		{"relu mask is 0 at 0", exec.ReLUMask, exec.Attr{}, [][]float64{{-1, 0, 2}, {5, 6, 7}}, []exec.Shape{v(3), v(3)}, v(3), []float64{0, 0, 7}},
		{"padding does not count in a mean", exec.AvgPool, window(3, 2, 1), [][]float64{nine}, []exec.Shape{image}, exec.Shape{1, 2, 2, 1}, []float64{3, 4, 6, 7}},
		{"its adjoint shares out", exec.AvgPoolGrad, window(2, 1, 0), [][]float64{{4, 0, 0, 8}}, []exec.Shape{{1, 2, 2, 1}}, image, []float64{1, 1, 0, 1, 3, 2, 0, 2, 2}},
		{"the first of equal maxima wins", exec.MaxPoolIndex, window(2, 2, 0), [][]float64{{1, 7, 7, 7}}, []exec.Shape{{1, 2, 2, 1}}, v(1), []float64{1}},
		{"negative pixels beat the padding", exec.MaxPoolIndex, window(3, 1, 1), [][]float64{{-5}}, []exec.Shape{v(1)}, v(1), []float64{4}},
		{"gather", exec.MaxGather, window(2, 1, 0), [][]float64{{3, 2, 1, 0}, nine}, []exec.Shape{{1, 2, 2, 1}, image}, exec.Shape{1, 2, 2, 1}, []float64{5, 5, 5, 5}},
		{"scatter", exec.MaxScatter, window(2, 1, 0), [][]float64{{3, 2, 1, 0}, {1, 2, 4, 8}}, []exec.Shape{{1, 2, 2, 1}, {1, 2, 2, 1}}, image,
			[]float64{0, 0, 0, 0, 15, 0, 0, 0, 0}},
		{"a number scales all, a vector by channel", exec.ChanLin, exec.Attr{Terms: 2}, [][]float64{{1, 2, 3, 4}, {10}, {1, 1, 1, 1}, {1, 2}, {100, 200}, {0.5}},
			[]exec.Shape{{2, 1, 1, 2}, v(1), {2, 1, 1, 2}, v(2), v(2), v(1)}, exec.Shape{2, 1, 1, 2}, []float64{111.5, 222.5, 131.5, 242.5}},
		{"chan-dot", exec.ChanDot, exec.Attr{}, [][]float64{{1, 2, 3, 4}, {5, 6, 7, 8}}, []exec.Shape{{2, 1, 1, 2}, {2, 1, 1, 2}}, v(2), []float64{26, 44}},
		{"chan-sum", exec.ChanSum, exec.Attr{}, [][]float64{{1, 2, 3, 4}}, []exec.Shape{{1, 2, 1, 2}}, v(2), []float64{4, 6}},
		{"dot", exec.Dot, exec.Attr{}, [][]float64{{1, 2, 3}, {4, 5, 6}}, []exec.Shape{v(3), v(3)}, v(1), []float64{32}},
		{"mean, biased variance, 1/sqrt(4+5)", exec.BNStats, exec.Attr{Eps: 5}, [][]float64{{1, 5}}, []exec.Shape{{2, 1, 1, 1}}, v(3), []float64{3, 4, 1.0 / 3}},
		{"bn-norm", exec.BNNorm, exec.Attr{}, [][]float64{{1, 5}, {3, 4, 0.5}}, []exec.Shape{{2, 1, 1, 1}, v(3)}, exec.Shape{2, 1, 1, 1}, []float64{-1, 1}},
		{"bn-grad takes out mean and slope", exec.BNGrad, exec.Attr{}, [][]float64{{6, 2}, {-1, 1}, {3, 4, 0.5}}, []exec.Shape{{2, 1, 1, 1}, {2, 1, 1, 1}, v(3)},
			exec.Shape{2, 1, 1, 1}, []float64{0, 0}},
		{"spatial mean", exec.SpatialMean, exec.Attr{}, [][]float64{{1, 2, 3, 4}}, []exec.Shape{{1, 2, 1, 2}}, v(2), []float64{2, 3}},
		{"spatial spread", exec.SpatialSpread, exec.Attr{}, [][]float64{{2, 4}}, []exec.Shape{v(2)}, exec.Shape{1, 2, 1, 2}, []float64{1, 2, 1, 2}},
		{"cross-entropy of a fair guess is ln 2", exec.CrossEntropy, exec.Attr{}, [][]float64{{7, 7, 1, 1}, {1, 0, 0, 1}}, []exec.Shape{{2, 1, 1, 2}, {2, 1, 1, 2}}, v(1),
			[]float64{math.Ln2}},
		{"softmax", exec.Softmax, exec.Attr{}, [][]float64{{1, 0}}, []exec.Shape{v(2)}, v(2), []float64{e / (1 + e), 1 / (1 + e)}},
		{"softmax jacobian", exec.SoftmaxJac, exec.Attr{}, [][]float64{{0.25, 0.75}, {4, 0}}, []exec.Shape{v(2), v(2)}, v(2), []float64{0.75, -0.75}},
		{"row dot", exec.RowDot, exec.Attr{}, [][]float64{{1, 2, 3, 4}, {1, 1, 2, 2}}, []exec.Shape{{2, 1, 1, 2}, {2, 1, 1, 2}}, exec.Shape{2, 1, 1, 1}, []float64{3, 14}},
		{"row scale", exec.RowScale, exec.Attr{}, [][]float64{{1, 2, 3, 4}, {10, 100}}, []exec.Shape{{2, 1, 1, 2}, {2, 1, 1, 1}}, exec.Shape{2, 1, 1, 2}, []float64{10, 20, 300, 400}},
		{"add", exec.Add, exec.Attr{}, [][]float64{{1, 2}, {3, 4}, {5, 6}}, []exec.Shape{v(2), v(2), v(2)}, v(2), []float64{9, 12}},
		{"mul", exec.Mul, exec.Attr{}, [][]float64{{1, 2}, {3, 4}}, []exec.Shape{v(2), v(2)}, v(2), []float64{3, 8}},
		{"div", exec.Div, exec.Attr{}, [][]float64{{1, 2}, {4, 4}}, []exec.Shape{v(2), v(2)}, v(2), []float64{0.25, 0.5}},
		{"affine", exec.Affine, exec.Attr{Alpha: 2, Beta: 1}, [][]float64{{1, 2}}, []exec.Shape{v(2)}, v(2), []float64{3, 5}},
		{"rsqrt", exec.Rsqrt, exec.Attr{Eps: 1}, [][]float64{{3, 0}}, []exec.Shape{v(2)}, v(2), []float64{0.5, 1}},
		{"slice", exec.Slice, exec.Attr{Offset: 1}, [][]float64{{1, 2, 3, 4}}, []exec.Shape{v(4)}, v(2), []float64{2, 3}},
		{"place", exec.Place, exec.Attr{Offset: 1}, [][]float64{{1, 2}}, []exec.Shape{v(2)}, v(4), []float64{0, 1, 2, 0}},
		{"zero", exec.Zero, exec.Attr{}, nil, nil, v(2), []float64{0, 0}},
		{"copy", exec.Copy, exec.Attr{}, [][]float64{{1, 2}}, []exec.Shape{v(2)}, v(2), []float64{1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := make([]float64, tt.out.Len())
			Do(tt.op, tt.attr, tt.args, tt.shapes, got, tt.out)
			for i := range got {
				if math.Abs(got[i]-tt.want[i]) > 1e-12 {
					t.Fatalf("result = %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// ⟨conv(x, w), y⟩ = ⟨x, gradInput(w, y)⟩ = ⟨w, gradWeight(x, y)⟩ for all x, w, y.
func TestConvolutionGradientsAreAdjoint(t *testing.T) {
	r := rng.New(1, "ref-test")
	random := func(s exec.Shape) []float64 {
		x := make([]float64, s.Len())
		for i := range x {
			x[i] = r.NormFloat64()
		}
		return x
	}
	x, w, y := exec.Shape{2, 9, 7, 4}, exec.Shape{3, 2, 2, 6}, exec.Shape{2, 5, 5, 6}
	attr := exec.Attr{KH: 3, KW: 2, Stride: 2, Pad: 2, Dilation: 2, Groups: 2}
	xs, ws, ys := random(x), random(w), random(y)
	do := func(op exec.Op, a, b []float64, as, bs, out exec.Shape) []float64 {
		z := make([]float64, out.Len())
		Do(op, attr, [][]float64{a, b}, []exec.Shape{as, bs}, z, out)
		return z
	}
	want := dot(do(exec.Conv, xs, ws, x, w, y), ys)
	if got := dot(do(exec.ConvGradInput, ws, ys, w, y, x), xs); math.Abs(got-want) > 1e-10 {
		t.Errorf("⟨x, dx⟩ = %v, want %v", got, want)
	}
	if got := dot(do(exec.ConvGradWeight, xs, ys, x, y, w), ws); math.Abs(got-want) > 1e-10 {
		t.Errorf("⟨w, dw⟩ = %v, want %v", got, want)
	}
}

func TestRunWorksInPlaceAndByPhase(t *testing.T) {
	at := exec.Tensor{Space: exec.Loss, Offset: 1, Shape: exec.Vector(2)}
	double := exec.Instr{Op: exec.Add, Args: []exec.Tensor{at, at}, Out: at}
	p := &exec.Program{Phases: [][]exec.Instr{{double}, {double, double}}}
	p.Size[exec.Loss] = 3
	mem := NewMemory(p)
	copy(mem[exec.Loss], []float64{9, 1, 2})
	Run(p, mem, 1)
	if got, want := [3]float64(mem[exec.Loss]), [3]float64{9, 4, 8}; got != want {
		t.Errorf("after phase 1: %v, want %v", got, want)
	}
	Run(p, mem, 0)
	if got, want := [3]float64(mem[exec.Loss]), [3]float64{9, 8, 16}; got != want {
		t.Errorf("after phase 0: %v, want %v", got, want)
	}
}
