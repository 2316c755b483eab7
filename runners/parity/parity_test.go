package parity

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"idarts/internal/batch"
	"idarts/internal/device"
	"idarts/internal/exec"
	"idarts/internal/longtest"
	"idarts/internal/safetensors"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// goldenFixture is goldenProblem as a file, in PyTorch's order, with the direction
// that is given, or 0.
func goldenFixture(t *testing.T, g golden, v map[string]safetensors.Tensor) *safetensors.File {
	t.Helper()
	space, err := protocol.LookupSpace(g.space)
	if err != nil {
		t.Fatal(err)
	}
	build, _ := space.Sized(g.c, g.n).Search(supernet.Data{Size: 32, Channels: 3, Classes: 10})
	params, err := supernet.Parameters(build, exec.Shape{2, 32, 32, 3}, 10)
	if err != nil {
		t.Fatal(err)
	}
	f := &safetensors.File{Metadata: map[string]string{
		"space": g.space, "C": strconv.Itoa(g.c), "N": strconv.Itoa(g.n), "classes": "10", "gamma": "0.01",
	}, Tensors: map[string]safetensors.Tensor{
		"alpha":        safetensors.Floats([]int{space.Search().Layout.Len()}, g.alphas(space.Search().Layout)),
		"train.labels": safetensors.Ints([]int{2}, []int64{3, 7}),
		"valid.labels": safetensors.Ints([]int{2}, []int64{1, 4}),
	}}
	train, valid := make([]float64, 2*3*32*32), make([]float64, 2*3*32*32)
	for i := range train {
		train[i], valid[i] = math.Sin(0.37*float64(i+1)), math.Cos(0.23*float64(i+1))
	}
	f.Tensors["train.images"] = safetensors.Floats([]int{2, 3, 32, 32}, train)
	f.Tensors["valid.images"] = safetensors.Floats([]int{2, 3, 32, 32}, valid)
	for _, p := range params {
		values := make([]float64, p.Shape.Len())
		for i := range values {
			if values[i] = p.Start; !p.Vector {
				values[i] = 0.1 * math.Sin(float64(i+1))
			}
		}
		shape := torchShapes(p)[0]
		f.Tensors["w."+p.Name] = safetensors.Floats(shape, values)
		f.Tensors["v."+p.Name] = safetensors.Floats(shape, make([]float64, len(values)))
		if v != nil {
			f.Tensors["v."+p.Name] = v["grad.valid.w."+p.Name]
		}
	}
	return f
}

// parity runs a fixture through files.
func parity(t *testing.T, f *safetensors.File, bits int) *safetensors.File {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, "out.safetensors")
	if err := safetensors.Write(in, f); err != nil {
		t.Fatal(err)
	}
	fixture, err := OpenFixture(in)
	if err != nil {
		t.Fatal(err)
	}
	device, err := device.Open("cpu", bits, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if err := Parity(fixture, device, out); err != nil {
		t.Fatal(err)
	}
	r, err := safetensors.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// values are the elements of all tensors whose name starts so, by name.
func values(f *safetensors.File, prefix string) (out []float64) {
	for _, name := range slices.Sorted(maps.Keys(f.Tensors)) {
		for i := 0; strings.HasPrefix(name, prefix) && i < f.Tensors[name].Len(); i++ {
			out = append(out, f.Tensors[name].Float(i))
		}
	}
	return out
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// A fixture in PyTorch's names and order gives PyTorch's numbers: those of
// TestGoldenSupernets, through files.
func TestParityGivesTheGoldenValues(t *testing.T) {
	for _, g := range goldens {
		if g.alpha == nil {
			continue
		}
		t.Run(g.space, func(t *testing.T) {
			if testing.Short() && g.space != "nb201" {
				t.Skip("one space will do")
			}
			if g.space == "darts" {
				longtest.Needed(t)
			}
			space, err := protocol.LookupSpace(g.space)
			if err != nil {
				t.Fatal(err)
			}
			layout := space.Search().Layout
			first := parity(t, goldenFixture(t, g, nil), 64)
			// The golden H v takes v from the validation batch.
			fixture := goldenFixture(t, g, first.Tensors)
			r := parity(t, fixture, 64)

			cases := 0
			check := func(name string, got, want, tol float64) {
				t.Helper()
				cases++
				if !(math.Abs(got-want) <= tol*math.Abs(want)) {
					t.Errorf("%s = %.13g, want %.13g", name, got, want)
				}
			}
			check("train loss", values(r, "loss.train")[0], g.trainLoss, 1e-11)
			check("valid loss", values(r, "loss.valid")[0], g.validLoss, 1e-11)
			for i, want := range g.logits {
				check("train logits", values(r, "logits.train")[i], want, 1e-7)
			}
			check("|v|", length(values(r, "grad.valid.w.")), g.v, 1e-8)
			direct := values(r, "grad.valid.alpha")
			start := 0
			for row := range layout {
				for i, want := range g.direct[row] {
					check("dL/dalpha "+layout[row].Name, direct[start+i], want, 1e-8)
				}
				start += len(layout[row].Options)
			}
			v, hv := values(fixture, "v."), values(r, "hv.")
			dot := 0.0
			for i := range v {
				dot += v[i] * hv[i]
			}
			check("|Hv|", length(hv), g.hv, 1e-6)
			check("v·Hv", dot, g.vhv, 1e-6)
			check("norm of the mixed product", 0.01*length(values(r, "mixed")), g.implicit[0], 1e-6)
			for k, want := range g.implicit {
				check("norm of the implicit term", length(minus(direct, values(r, "hypergradient."+strconv.Itoa(k)))), want, 1e-6)
			}
			t.Logf("%d golden values", cases)

			// Every tensor has the shape that it had in the fixture.
			shapes := 0
			for name, tensor := range fixture.Tensors {
				if base, is := strings.CutPrefix(name, "w."); is {
					for _, prefix := range []string{"grad.train.w.", "grad.valid.w.", "hv."} {
						shapes++
						if got := r.Tensors[prefix+base].Shape; !slices.Equal(got, tensor.Shape) {
							t.Errorf("%s has shape %v, want %v", prefix+base, got, tensor.Shape)
						}
					}
				}
			}
			if want := shapes + 4 + 2 + 1 + Terms; len(r.Tensors) != want {
				t.Errorf("%d tensors, want %d", len(r.Tensors), want)
			}

			single := parity(t, fixture, 32)
			for _, prefix := range []string{"loss.", "grad.train.w.", "grad.valid.alpha", "hv.", "mixed"} {
				wide := values(r, prefix)
				off := length(minus(values(single, prefix), wide)) / length(wide)
				t.Logf("float32 against float64: %-16s %.1e", prefix, off)
				if !(off < 1e-4) {
					t.Errorf("%s is off by %.1e in float32", prefix, off)
				}
			}
		})
	}
}

// What a fixture's file gives is what the problem gives that it describes, bit by bit.
func TestParityIsTheProblem(t *testing.T) {
	g := goldens[0]
	f := goldenFixture(t, g, nil)
	for name, tensor := range f.Tensors {
		if base, is := strings.CutPrefix(name, "w."); is {
			f.Tensors["v."+base] = tensor
		}
	}
	r := parity(t, f, 64)
	space, err := protocol.LookupSpace(g.space)
	if err != nil {
		t.Fatal(err)
	}
	p := goldenProblem(t, space, g.c, g.n)
	layout := space.Search().Layout
	one := make([]float64, layout.Len())
	search.Softmax.Mix(layout, g.alphas(layout), one)
	coefs := slices.Repeat(one, p.Layers())
	grad, dcoefs := p.NewVec(), make([]float64, len(coefs))
	loss, err := p.Gradient(batch.Batch{Split: batch.Train}, coefs, grad, dcoefs)
	if err != nil {
		t.Fatal(err)
	}
	if got := values(r, "loss.train")[0]; got != loss.Value() {
		t.Errorf("loss %v, the problem's is %v", got, loss.Value())
	}
	same := func(prefix string, vec exec.Vec) {
		t.Helper()
		data := data(vec)
		compared := 0
		for _, param := range p.Params() {
			tensor := r.Tensors[prefix+param.Name]
			s := param.Shape
			for i := range tensor.Len() { // i = ((o·Cin + c)·KH + y)·KW + x
				x, y := i%s[1], i/s[1]%s[0]
				c, o := i/(s[1]*s[0])%s[2], i/(s[1]*s[0]*s[2])
				if got, want := tensor.Float(i), data[param.Offset+((y*s[1]+x)*s[2]+c)*s[3]+o]; got != want {
					t.Fatalf("%s%s[%d] = %v, the problem's is %v", prefix, param.Name, i, got, want)
				}
				compared++
			}
		}
		t.Logf("%s: %d numbers", prefix, compared)
	}
	same("grad.train.w.", grad)
	hv := p.NewVec()
	if err := p.Linearize(batch.Batch{Split: batch.Train}, coefs); err != nil {
		t.Fatal(err)
	}
	if err := p.Product(p.Weights(), hv, nil); err != nil {
		t.Fatal(err)
	}
	same("hv.", hv)
}

func TestWrongFixturesSayWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bad.safetensors")
	const stem = "w.stem.conv.weight"
	cases := []struct {
		name   string
		change func(f *safetensors.File)
		want   string
	}{
		{"no space", func(f *safetensors.File) { delete(f.Metadata, "space") }, `metadata "space": protocol: unknown space "", want one of ["nb201"`},
		{"C is no number", func(f *safetensors.File) { f.Metadata["C"] = "four" }, `metadata "C" is "four", want a whole number from 1 to 4096`},
		{"C is enormous", func(f *safetensors.File) { f.Metadata["C"] = "1000000000" }, `metadata "C"`},
		{"N is negative", func(f *safetensors.File) { f.Metadata["N"] = "-1" }, `metadata "N" is "-1"`},
		{"gamma is 0", func(f *safetensors.File) { f.Metadata["gamma"] = "0" }, `metadata "gamma" is "0", want a number above 0`},
		{"gamma is no number", func(f *safetensors.File) { f.Metadata["gamma"] = "NaN" }, `metadata "gamma" is "NaN"`},
		{"another C", func(f *safetensors.File) { f.Metadata["C"] = "8" }, `tensor "w.stem.conv.weight" has shape [4 3 3 3], want [8 3 3 3]`},
		{"another N", func(f *safetensors.File) { f.Metadata["N"] = "2" }, `tensor "w.cell1.1<-0.nor_conv_1x1.conv.weight" has shape [8 8 1 1], want [4 4 1 1] or [4 4]`},
		{"another space", func(f *safetensors.File) { f.Metadata["space"] = "darts"; f.Metadata["N"] = "3" }, `tensor "alpha" has shape [30], want [224]`},
		{"sizes that no network has", func(f *safetensors.File) { f.Metadata["space"] = "darts" }, "no network of darts has C=4 and N=1 on images of 32x32: dartsspace: 1 cells, want 3 or more"},
		{"a missing weight", func(f *safetensors.File) { delete(f.Tensors, stem) }, `tensor "w.stem.conv.weight" is missing, want one of shape [4 3 3 3]`},
		{"a missing direction", func(f *safetensors.File) { delete(f.Tensors, "v.classifier.bias") }, `tensor "v.classifier.bias" is missing, want one of shape [10]`},
		{"one tensor too many", func(f *safetensors.File) { f.Tensors["w.x"] = f.Tensors[stem] }, `tensor "w.x" is none of nb201's`},
		{"no images", func(f *safetensors.File) { delete(f.Tensors, "train.images") }, `tensor "train.images" has shape [], want one like [batch channels size size]`},
		{"a linear layer the other way round", func(f *safetensors.File) {
			w := f.Tensors["w.classifier.weight"]
			w.Shape = []int{16, 10}
			f.Tensors["w.classifier.weight"] = w
		}, `tensor "w.classifier.weight" has shape [16 10], want [10 16 1 1] or [10 16]`},
		{"batches of two sizes", func(f *safetensors.File) {
			f.Tensors["valid.images"] = safetensors.Floats([]int{1, 3, 32, 32}, make([]float32, 3*32*32))
		}, `tensor "valid.images" has shape [1 3 32 32], want [2 3 32 32]`},
		{"a label too large", func(f *safetensors.File) {
			f.Tensors["valid.labels"] = safetensors.Ints([]int{2}, []int64{0, 10})
		}, `tensor "valid.labels": label 1 is 10, want 0 to 9`},
		{"labels that are floats", func(f *safetensors.File) {
			f.Tensors["train.labels"] = safetensors.Floats([]int{2}, []float32{1, 2})
		}, `tensor "train.labels" is of type F32, want one of [I64]`},
		{"a weight that is NaN", func(f *safetensors.File) {
			f.Tensors["w.classifier.bias"] = safetensors.Floats([]int{10}, slices.Repeat([]float64{math.NaN()}, 10))
		}, `tensor "w.classifier.bias": element 0 is NaN, want a finite number`},
	}
	for _, tt := range cases {
		f := goldenFixture(t, goldens[0], nil)
		tt.change(f)
		if err := safetensors.Write(path, f); err != nil {
			t.Fatal(err)
		}
		_, err := OpenFixture(path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one with %q and the file", tt.name, err, tt.want)
		}
	}
	if _, err := OpenFixture(filepath.Join(dir, "none")); !os.IsNotExist(err) && (err == nil || !strings.Contains(err.Error(), "none")) {
		t.Errorf("a missing file: error %v", err)
	}
	t.Logf("%d fixtures", len(cases))
}
