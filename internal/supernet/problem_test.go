package supernet

import (
	"math"
	"slices"
	"strings"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/exec/cpu"
	"idarts/internal/graph"
	"idarts/internal/images"
	"idarts/internal/rng"
)

const (
	testBatch   = 8
	testClasses = 3
)

// randomSet is n images of 6x6 in two channels.
func randomSet(n int) *images.Set {
	set := &images.Set{Name: "test", N: n, H: 6, W: 6, C: 2, Classes: testClasses, Pixels: make([]byte, n*72), Labels: make([]uint8, n)}
	r := rng.New(1, "feed")
	for i := range set.Pixels {
		set.Pixels[i] = byte(r.UintN(256))
	}
	for i := range set.Labels {
		set.Labels[i] = uint8(r.IntN(testClasses))
	}
	return set
}

// plainLoader makes batches that are not augmented.
func plainLoader(set *images.Set, name string, indices ...int) *images.Loader {
	return &images.Loader{Set: set, Indices: indices, Batch: testBatch, Name: name, Seed: 3,
		Augment: images.Augment{Mean: []float64{0.4, 0.5}, Std: []float64{0.3, 0.2}}}
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// mixedNet is a supernet of two cells of one edge each: skip or a convolution.
func mixedNet(channels int) Build {
	ops := []Op{
		{Name: "skip", Add: func(_ *Builder, _ string, x *graph.Node) *graph.Node { return x }},
		{Name: "conv", Add: func(b *Builder, name string, x *graph.Node) *graph.Node {
			return b.ConvNorm(name, b.ReLU(x), channels, graph.Window{K: 3, Pad: 1}, false)
		}},
	}
	return func(b *Builder, x *graph.Node) *graph.Node {
		x = b.ConvNorm("stem", x, channels, graph.Window{K: 3, Pad: 1}, true)
		for cell, name := range []string{"cell0", "cell1"} {
			x = b.DropPath(b.ChanLin(b.Mixed(name, ops, 2*cell, x)))
		}
		return b.Classifier("classifier", x, testClasses)
	}
}

var testCoefs = []float64{0.3, 0.7, 0.6, 0.4}

func newProblem(t *testing.T, build Build, feed Feed) *Problem {
	t.Helper()
	d := cpu.Open[float64](2)
	t.Cleanup(d.Close)
	return problemOn(t, d, build, feed)
}

func problemOn(t *testing.T, d exec.Device, build Build, feed Feed) *Problem {
	t.Helper()
	p, err := New(build, Options{Images: exec.Shape{testBatch, 6, 6, 2}, Classes: testClasses, Layers: 2, LayerCoefs: 2, Seed: 7, Device: d}, feed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(v exec.Vec) []float64 {
	x := make([]float64, v.Len())
	v.Read(x)
	return x
}

func (p *Problem) buffers() []float64 { return read(p.mem.Region(exec.Buffers)) }

func gradient(t *testing.T, p *Problem, b batch.Batch, dw exec.Vec) float64 {
	t.Helper()
	loss, err := p.Gradient(b, testCoefs, dw, nil)
	if err != nil {
		t.Fatal(err)
	}
	return loss.Value()
}

func evaluate(t *testing.T, p *Problem, b batch.Batch, norm exec.NormMode) batch.Evaluation {
	t.Helper()
	e, err := p.Evaluate(b, testCoefs, norm)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What drop path lets through is multiplied by 1/(1−p), so that its mean stays what
// it was; evaluations let everything through.
func TestDropPathKeepsTheMean(t *testing.T) {
	set := randomSet(40)
	p := newProblem(t, func(b *Builder, x *graph.Node) *graph.Node {
		return b.DropPath(b.Classifier("classifier", x, testClasses))
	}, Loaders(plainLoader(set, "train")))
	const probability = 0.2
	images, err := p.EvaluateSplit(batch.Train, testCoefs, exec.NormBatch)
	if err != nil {
		t.Fatal(err)
	}
	dropped, kept := 0, 0
	for i := range uint64(40) {
		b := batch.Batch{Index: i}
		p.SetDropPath(0)
		gradient(t, p, b, nil)
		whole := p.Logits().Read()
		before := evaluate(t, p, b, exec.NormBatch)
		p.SetDropPath(probability)
		gradient(t, p, b, nil)
		for k, got := range p.Logits().Read() {
			switch want := whole[k] / (1 - probability); {
			case got == 0:
				dropped++
			case math.Abs(got-want) <= 1e-15*math.Abs(want):
				kept++
			default:
				t.Fatalf("logit %v becomes %v, want 0 or %v", whole[k], got, want)
			}
		}
		if after := evaluate(t, p, b, exec.NormBatch); after != before {
			t.Errorf("an evaluation gives %+v with drop path, want %+v", after, before)
		}
		gradient(t, p, b, nil)
		if after, err := p.EvaluateSplit(batch.Train, testCoefs, exec.NormBatch); err != nil || after != images {
			t.Errorf("an evaluation of all images gives %+v with drop path, want %+v; %v", after, images, err)
		}
	}
	if share := float64(dropped) / float64(dropped+kept); math.Abs(share-probability) > 0.06 {
		t.Errorf("%.3f of the images are dropped, want about %v", share, probability)
	}
}

// Batch norm in evaluations: by the batch as in training, with or without the running
// averages taking it in, or by those averages.
func TestEvaluateNormModes(t *testing.T) {
	set := randomSet(40)
	p, twin := newProblem(t, mixedNet(4), Loaders(plainLoader(set, "train"))), newProblem(t, mixedNet(4), Loaders(plainLoader(set, "train")))
	b := batch.Batch{Index: 2}
	weights, fresh := read(p.Weights()), p.buffers()

	want := gradient(t, twin, b, nil) // moves the averages of the twin
	for _, tt := range []struct {
		name    string
		norm    exec.NormMode
		loss    float64
		buffers []float64
	}{
		{"NormBatch leaves the averages", exec.NormBatch, want, fresh},
		{"NormUpdate moves them as a gradient does", exec.NormUpdate, want, twin.buffers()},
		{"NormBatch does not read them", exec.NormBatch, want, twin.buffers()},
	} {
		if e := evaluate(t, p, b, tt.norm); math.Abs(e.Loss-tt.loss) > 1e-12 {
			t.Errorf("%s: loss %v, want %v", tt.name, e.Loss, tt.loss)
		}
		if !slices.Equal(p.buffers(), tt.buffers) {
			t.Errorf("%s: the running averages are wrong", tt.name)
		}
	}
	running := evaluate(t, p, b, exec.NormRunning)
	if math.Abs(running.Loss-want) < 1e-6 || !slices.Equal(p.buffers(), twin.buffers()) {
		t.Errorf("NormRunning: loss %v by the averages, %v by the batch; or the averages moved", running.Loss, want)
	}
	for range 300 {
		evaluate(t, p, b, exec.NormUpdate)
	}
	// Averages of one batch alone tend to its statistics, but for 288/287 in the variance.
	if e := evaluate(t, p, b, exec.NormRunning); math.Abs(e.Loss-want) > 0.01 {
		t.Errorf("loss %v by averages of the batch alone, want about %v", e.Loss, want)
	}
	if !slices.Equal(read(p.Weights()), weights) {
		t.Error("an evaluation changed the weights")
	}
	if _, err := p.Evaluate(b, testCoefs, 9); err == nil {
		t.Error("an unknown mode gives no error")
	}
	if _, err := p.Evaluate(b, nil, exec.NormBatch); err == nil {
		t.Error("no coefficients give no error")
	}
}

// A split is evaluated as its images are one by one, whatever the last batch lacks.
func TestEvaluateSplit(t *testing.T) {
	set := randomSet(40)
	whole := plainLoader(set, "whole", upTo(21)...) // two batches and five images
	p := newProblem(t, mixedNet(4), Loaders(plainLoader(set, "train"), nil, whole))
	for i := range uint64(4) {
		gradient(t, p, batch.Batch{Index: i}, nil)
	}
	got, err := p.EvaluateSplit(batch.Whole, testCoefs, exec.NormRunning)
	if err != nil {
		t.Fatal(err)
	}
	var sum batch.Evaluation
	for i := range 21 {
		e, err := p.EvaluateImages(plainLoader(set, "one", i), testCoefs, exec.NormRunning)
		if err != nil {
			t.Fatal(err)
		}
		sum.Loss += e.Loss / 21
		sum.Accuracy += e.Accuracy / 21
	}
	if math.Abs(got.Loss-sum.Loss) > 1e-12 || math.Abs(got.Accuracy-sum.Accuracy) > 1e-9 {
		t.Errorf("a split of 21 images gives %+v, its images one by one %+v", got, sum)
	}
	if got.Accuracy == 0 || got.Accuracy == 100 {
		t.Errorf("accuracy %v shows nothing", got.Accuracy)
	}
	if n := p.BatchesPerEpoch(batch.Whole); n != 3 {
		t.Errorf("%d batches in the whole, want 3", n)
	}
	if _, err := p.EvaluateSplit(batch.Valid, testCoefs, exec.NormRunning); err == nil || !strings.Contains(err.Error(), "no images") {
		t.Errorf("a split without images gives %v", err)
	}
	narrow := plainLoader(set, "narrow")
	narrow.Batch = 4
	if _, err := p.EvaluateImages(narrow, testCoefs, exec.NormRunning); err == nil {
		t.Error("batches of another size give no error")
	}
}

// Loss and accuracy by hand: logits (ln 3, 0, 0) have the probabilities 3/5, 1/5, 1/5.
func TestTally(t *testing.T) {
	logits := exec.Host{F64: []float64{math.Log(3), 0, 0, math.Log(3), 0, 0, 1, 1, 0, 9, 9, 9}}
	targets := exec.Host{F64: []float64{1, 0, 0, 0.25, 0.5, 0.25, 1, 0, 0, 0, 0, 0}}
	var sum tally
	sum.add(logits, targets, 3, 3)
	e := sum.mean()
	third := math.Log(2 + math.Exp(-1))
	want := (-math.Log(3.0/5) - 0.25*math.Log(3.0/5) - 0.75*math.Log(1.0/5) + third) / 3
	if math.Abs(e.Loss-want) > 1e-15 || math.Abs(e.Accuracy-200.0/3) > 1e-12 {
		t.Errorf("got %+v, want loss %v and two of three right: of equal logits the first counts", e, want)
	}
}

func TestSnapshotBringsBackWeightsAndAverages(t *testing.T) {
	set := randomSet(40)
	feed := Loaders(plainLoader(set, "train"))
	p := newProblem(t, mixedNet(4), feed)
	gradient(t, p, batch.Batch{}, nil)
	weights, buffers, dw := read(p.Weights()), p.buffers(), p.NewVec()
	taken := p.Snapshot()
	for range 2 { // it can be put back more than once
		gradient(t, p, batch.Batch{Index: 1}, dw)
		p.Weights().Axpy(-0.1, dw)
		if slices.Equal(read(p.Weights()), weights) || slices.Equal(p.buffers(), buffers) {
			t.Fatal("nothing has changed")
		}
		done := p.GFLOP()
		if err := p.Restore(taken); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(read(p.Weights()), weights) || !slices.Equal(p.buffers(), buffers) {
			t.Error("weights or running averages are not what they were")
		}
		if p.GFLOP() != done {
			t.Errorf("%v GFLOP after Restore, want %v: what is done is done", p.GFLOP(), done)
		}
	}
	if err := newProblem(t, mixedNet(4), feed).Restore(taken); err == nil {
		t.Error("a snapshot of another problem gives no error")
	}
	if err := p.Restore(nil); err == nil {
		t.Error("no snapshot gives no error")
	}
}

// Carry takes tensors of the same name and shape, and leaves all else.
func TestCarry(t *testing.T) {
	set := randomSet(40)
	feed := Loaders(plainLoader(set, "train"))
	d := cpu.Open[float32](1)
	t.Cleanup(d.Close)
	from := problemOn(t, d, mixedNet(4), feed)
	gradient(t, from, batch.Batch{}, nil)
	from.Weights().Scale(2)

	twin := problemOn(t, d, mixedNet(4), feed)
	if n, err := twin.Carry(from); err != nil || n != len(from.Params()) {
		t.Errorf("%d of %d parameters carried to a twin, %v", n, len(from.Params()), err)
	}
	if !slices.Equal(read(twin.Weights()), read(from.Weights())) || !slices.Equal(twin.buffers(), from.buffers()) {
		t.Error("the twin is another network")
	}

	// One cell less in front: all else moves in the vectors.
	short := problemOn(t, d, func(b *Builder, x *graph.Node) *graph.Node {
		x = b.Norm("stem.norm", x, false) // of 2 channels, not 4
		x = b.ConvNorm("cell1.conv", x, 4, graph.Window{K: 3, Pad: 1}, false)
		return b.Classifier("classifier", x, testClasses)
	}, feed)
	start, buffers := read(short.Weights()), short.buffers()
	n, err := short.Carry(from)
	if err != nil || n != 2 { // the classifier's two; the convolution has 2 channels here and 4 there
		t.Errorf("%d parameters carried, want 2; %v", n, err)
	}
	got, averages := read(short.Weights()), short.buffers()
	for _, param := range short.Params() {
		at, size := param.Offset, param.Shape.Len()
		want := start[at : at+size]
		for _, old := range from.Params() {
			if old.Name == param.Name && old.Shape == param.Shape {
				want = read(from.Weights())[old.Offset : old.Offset+size]
			}
		}
		if !slices.Equal(got[at:at+size], want) {
			t.Errorf("%s is wrong", param.Name)
		}
	}
	last := from.buffers()
	if !slices.Equal(averages[:4], buffers[:4]) || !slices.Equal(averages[4:], last[len(last)-8:]) {
		t.Errorf("the running averages are %v; want those of cell1 and no others", averages)
	}
	if _, err := short.Carry(nil); err == nil {
		t.Error("nothing to carry from gives no error")
	}
	if _, err := newProblem(t, mixedNet(4), feed).Carry(from); err == nil {
		t.Error("another device gives no error")
	}
}

// Any vector takes a result, however many have before, and two vectors the same bits.
func TestResultsGoToAnyVector(t *testing.T) {
	set := randomSet(40)
	p := newProblem(t, mixedNet(4), Loaders(plainLoader(set, "train")))
	b := batch.Batch{Index: 1}
	first, v := p.NewVec(), p.NewVec()
	gradient(t, p, b, first)
	v.Copy(first)
	if err := p.Linearize(b, testCoefs); err != nil {
		t.Fatal(err)
	}
	hv, mixed, alone := p.NewVec(), make([]float64, 4), make([]float64, 4)
	if err := p.Product(v, hv, mixed); err != nil {
		t.Fatal(err)
	}
	if err := p.Product(v, nil, alone); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(mixed, alone) {
		t.Errorf("mixed product %v, and %v without Hv", mixed, alone)
	}
	for range 40 {
		u, hu := p.NewVec(), p.NewVec()
		u.Copy(v)
		if err := p.Product(u, hu, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(read(hu), read(hv)) {
			t.Fatal("other vectors give another product")
		}
	}
	if err := p.Product(v, v, nil); err == nil {
		t.Error("a product of a vector into itself gives no error")
	}
	for range 20 {
		dw := p.NewVec()
		gradient(t, p, b, dw)
		if !slices.Equal(read(dw), read(first)) {
			t.Fatal("another vector gets another gradient")
		}
	}
	if err := p.Product(v, hv, nil); err == nil {
		t.Error("a product after a gradient gives no error")
	}
}
