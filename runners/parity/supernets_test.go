package parity

import (
	"math"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/longtest"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// golden are values measured on the reference implementations in float64 (PyTorch
// 1.13, exact double backward; idarts.md 8.1 and 8.2): batches of two images, see
// goldenProblem, gamma 0.01, a series of K+1 terms on the training batch.
type golden struct {
	space        string
	c, n         int // sizes of the network
	weights      int // of the supernet with C = 16 as it is published
	partial      int // weights of that, where 1/4 of the channels is mixed; 0: not measured
	fullC, fullN int
	// alpha is entry i of row r, which is entry `flat` of its tensor.
	alpha                 func(row, flat int) float64
	tensors               []int // rows of each tensor of alpha, for flat
	trainLoss, validLoss  float64
	logits                []float64 // the first ones of the training batch
	v                     float64   // |dL_val/dw|
	direct                map[int][]float64
	hv, vhv               float64
	implicit              []float64 // norms of gamma·mixed·s for K = 0, 1, 2
	implicitRow0          map[int][]float64
	derived               string
	layersOfFull          int
	firstOrder, secondOrd float64 // relative tolerances
}

var goldens = []golden{
	{
		space: "nb201", c: 4, n: 1, fullC: 16, fullN: 5, weights: 1686106, layersOfFull: 15,
		alpha: func(_, flat int) float64 { return 0.1 * math.Cos(float64(flat)) }, tensors: []int{6},
		trainLoss: 2.285052023956, validLoss: 2.349764594741,
		logits: []float64{0.0669122568, -0.0538847502, 0.0362942268, -0.0156302707},
		v:      2.728505270341,
		direct: map[int][]float64{0: {-0.000385485911, -0.008240259353, 0.00527208391, 0.001705200321, 0.001648461032}},
		hv:     242.9612961779, vhv: -35.0252297573,
		implicit: []float64{8.557346027806e-02, 3.873294200395e-01, 2.702898326811},
		implicitRow0: map[int][]float64{
			0: {7.7155134339e-05, -2.3342490262e-02, 6.6670682212e-02, -3.2281405730e-02, -1.1123941355e-02},
			2: {1.5449827741e-02, -1.5167622833e-01, 1.7205872073, -1.6108902951, 2.6529488317e-02},
		},
	},
	{space: "nb1b1-s1", fullC: 16, fullN: 3, weights: 1101402, partial: 492570, layersOfFull: 9},
	{space: "nb1b1-s2", fullC: 16, fullN: 3, weights: 1101402, layersOfFull: 9},
	{
		space: "nb1b1-s3", c: 4, n: 1, fullC: 16, fullN: 3, weights: 1509594, partial: 748554, layersOfFull: 9,
		alpha:     func(tensor, flat int) float64 { return 0.1 * math.Cos(float64(flat+tensor)) },
		tensors:   []int{5, 1, 1, 1, 1, 1},
		trainLoss: 2.307671877465, validLoss: 2.314014542557,
		logits: []float64{0.008075584, -0.0048007167, 0.0011193198},
		v:      8.288387677018,
		direct: map[int][]float64{
			0: {-0.020020806629, 0.008306282101, 0.011714524527},
			5: {-0.015047804929, -0.002305788994, 0.015265061225, 0.030428845005, -0.03820116042, 0.009860848113},
			6: {0.018126921455, -0.018126921455},
		},
		hv: 1574.7226330125, vhv: -740.6404767998,
		implicit: []float64{0.2163950657960, 2.746193356476, 47.26705965412},
	},
	{
		space: "darts", c: 4, n: 3, fullC: 16, fullN: 8, weights: 1930618, layersOfFull: 8,
		alpha: func(tensor, flat int) float64 {
			if tensor == 0 {
				return 0.1 * math.Cos(float64(flat))
			}
			return 0.1 * math.Sin(float64(flat)+0.5)
		}, tensors: []int{14, 14},
		trainLoss: 2.290729108110, validLoss: 2.291142669234,
		logits: []float64{-0.0206068407, -0.0160229409, 0.0080494303},
		v:      6.057127096541,
		direct: map[int][]float64{
			0:  {-0.000323791424, 0.001584425597, 0.002018858587, 0.002059851657, 0.001443592172, -0.000368353221, -0.002797094535, -0.003617488833},
			14: {-0.003419670801, -0.001432877775, 0.000582152698, -0.001154969839, -0.003388359705, 0.003672752787, 0.007283783292, -0.002142810656},
		},
		hv: 3037.2524720849, vhv: -1187.8575577665,
		implicit: []float64{0.3050157920278, 4.211023862118, 142.6779759895},
		derived: "Genotype(normal=[('sep_conv_5x5', 1), ('dil_conv_3x3', 0), ('skip_connect', 0), ('max_pool_3x3', 1), " +
			"('sep_conv_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 4), ('skip_connect', 0)], normal_concat=[2, 3, 4, 5], " +
			"reduce=[('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('sep_conv_3x3', 0), ('avg_pool_3x3', 1), " +
			"('skip_connect', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 4), ('skip_connect', 1)], reduce_concat=[2, 3, 4, 5])",
	},
}

// alphas is the golden α in the order of the layout.
func (g golden) alphas(layout search.Layout) (alpha []float64) {
	row := 0
	for tensor, rows := range g.tensors {
		flat := 0
		for range rows {
			for range layout[row].Options {
				alpha = append(alpha, g.alpha(tensor, flat))
				flat++
			}
			row++
		}
	}
	return alpha
}

// goldenProblem is a supernet on the two fixed batches: sine images with labels
// 3, 7 to train and cosine images with labels 1, 4 to validate. Weight tensors
// with two or more dimensions are 0.1·sin(j), j = 1, 2, ... in PyTorch's
// (out, in, kh, kw) order; scales are 1, shifts and biases 0.
func goldenProblem(t *testing.T, space protocol.Space, c, n int) *supernet.Problem {
	t.Helper()
	device := cpu.Open[float64](2)
	t.Cleanup(device.Close)
	const size, channels, classes = 32, 3, 10
	feed := supernet.Feed{
		PerEpoch: [batch.NumSplits]int{1, 1},
		Fill: func(b batch.Batch, images, targets exec.Host) error {
			wave, labels := func(j float64) float64 { return math.Sin(0.37 * j) }, [2]int{3, 7}
			if b.Split == batch.Valid {
				wave, labels = func(j float64) float64 { return math.Cos(0.23 * j) }, [2]int{1, 4}
			}
			targets.Clear()
			for n := range 2 {
				targets.Set(n*classes+labels[n], 1)
				for c := range channels {
					for i := range size * size {
						images.Set((n*size*size+i)*channels+c, wave(float64((n*channels+c)*size*size+i+1)))
					}
				}
			}
			return nil
		},
	}
	build, cells := space.Sized(c, n).Search(supernet.Data{Size: size, Channels: channels, Classes: classes})
	p, err := supernet.New(build, supernet.Options{
		Images: exec.Shape{2, size, size, channels}, Classes: classes,
		Layers: cells, LayerCoefs: space.Search().Layout.Len(), Device: device,
	}, feed)
	if err != nil {
		t.Fatal(err)
	}
	weights := data(p.Weights())
	for _, param := range p.Params() {
		s := param.Shape
		w := weights[param.Offset : param.Offset+s.Len()]
		if param.Vector { // scale, shift or bias
			for i := range w {
				w[i] = param.Start
			}
			continue
		}
		torchOrder(s, func(torch, ours int) { w[ours] = 0.1 * math.Sin(float64(torch+1)) })
	}
	p.Weights().Write(weights)
	return p
}

func length(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

func TestGoldenSupernets(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.space, func(t *testing.T) {
			if g.space == "darts" {
				longtest.Needed(t)
			}
			space, err := protocol.LookupSpace(g.space)
			if err != nil {
				t.Fatal(err)
			}
			first, second := g.firstOrder, g.secondOrd
			if first == 0 {
				first, second = 1e-8, 1e-6
			}
			cases := 0
			check := func(name string, got, want, tol float64) {
				t.Helper()
				cases++
				if !(math.Abs(got-want) <= tol*math.Abs(want)) {
					t.Errorf("%s = %.13g, want %.13g", name, got, want)
				}
			}
			build, cells := space.Sized(g.fullC, g.fullN).Search(supernet.Data{Size: 32, Channels: 3, Classes: 10})
			size, err := supernet.Measure(build, exec.Shape{1, 32, 32, 3}, 10)
			if err != nil {
				t.Fatal(err)
			}
			check("weights", float64(size.Params), float64(g.weights), 0)
			check("cells", float64(cells), float64(g.layersOfFull), 0)
			if g.partial > 0 {
				if build, _, err = space.Sized(g.fullC, g.fullN).SearchWith(search.SupernetOptions{Partial: 4}, supernet.Data{Size: 32, Channels: 3, Classes: 10}); err != nil {
					t.Fatal(err)
				}
				if size, err = supernet.Measure(build, exec.Shape{1, 32, 32, 3}, 10); err != nil {
					t.Fatal(err)
				}
				check("weights of partial channels", float64(size.Params), float64(g.partial), 0)
			}

			if g.alpha == nil {
				t.Logf("%d golden values", cases)
				return
			}
			layout := space.Search().Layout
			alpha := g.alphas(layout)
			if len(alpha) != layout.Len() {
				t.Fatalf("the golden alpha has %d entries, the layout %d", len(alpha), layout.Len())
			}
			p := goldenProblem(t, space, g.c, g.n)
			one, coefs := make([]float64, len(alpha)), []float64(nil)
			search.Softmax.Mix(layout, alpha, one)
			for range p.Layers() {
				coefs = append(coefs, one...)
			}
			pullback := func(dcoefs []float64) []float64 {
				sum, out := make([]float64, len(alpha)), make([]float64, len(alpha))
				for i, d := range dcoefs {
					sum[i%len(sum)] += d
				}
				search.Softmax.Pullback(layout, one, sum, out)
				return out
			}
			starts := []int{0}
			for _, r := range layout {
				starts = append(starts, starts[len(starts)-1]+len(r.Options))
			}

			train, valid := batch.Batch{Split: batch.Train}, batch.Batch{Split: batch.Valid}
			loss, err := p.Gradient(train, coefs, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			check("train loss", loss.Value(), g.trainLoss, 1e-11)
			for i, want := range g.logits {
				check("train logits", p.Logits().At(i), want, 1e-7)
			}
			v, dcoefs := p.NewVec(), make([]float64, len(coefs))
			if loss, err = p.Gradient(valid, coefs, v, dcoefs); err != nil {
				t.Fatal(err)
			}
			check("valid loss", loss.Value(), g.validLoss, 1e-11)
			check("|v|", search.Norm(v), g.v, first)
			dalpha := pullback(dcoefs)
			for row, values := range g.direct {
				for i, want := range values {
					check("dL/dalpha "+layout[row].Name, dalpha[starts[row]+i], want, first)
				}
			}

			if err := p.Linearize(train, coefs); err != nil {
				t.Fatal(err)
			}
			const gamma = 0.01
			u, s, hv := p.NewVec(), p.NewVec(), p.NewVec()
			u.Copy(v)
			s.Copy(v)
			for k, want := range g.implicit {
				if k > 0 {
					if err := p.Product(u, hv, nil); err != nil {
						t.Fatal(err)
					}
					if k == 1 {
						check("|Hv|", search.Norm(hv), g.hv, second)
						check("v·Hv", v.Dot(hv).Value(), g.vhv, second)
					}
					u.Axpy(-gamma, hv)
					s.Axpy(1, u)
				}
				mixed := make([]float64, len(coefs))
				if err := p.Product(s, nil, mixed); err != nil {
					t.Fatal(err)
				}
				got := pullback(mixed)
				for i := range got {
					got[i] *= gamma
				}
				check("norm of the implicit term", length(got), want, second)
				for i, want := range g.implicitRow0[k] {
					check("implicit term, row 0", got[i], want, second)
				}
			}
			if g.derived != "" {
				cases++
				if got := space.Search().Derive(one); got != g.derived {
					t.Errorf("derived %s, want %s", got, g.derived)
				}
			}
			t.Logf("%d golden values", cases)
		})
	}
}
