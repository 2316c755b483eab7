// Package parity checks the engine against other programs and against itself: the
// numbers of a [Fixture] that another framework wrote, and a self-check.
package parity

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"idarts/internal/batch"
	"idarts/internal/exec"
	"idarts/internal/safetensors"
	"idarts/internal/search"
	"idarts/internal/supernet"
	"idarts/runners/protocol"
)

// Terms is how many hypergradients [Parity] gives: K = 0 to 3.
const Terms = 4

// Fixture is a supernet with weights w, α, a direction v in the weights and one
// batch of each half, as another framework wrote them for comparison.
// docs/parity.md describes the file.
type Fixture struct {
	Space   protocol.Space
	C, N    int // sizes of the network, see [protocol.Space.Sized]
	Partial int // one in so many channels goes through the mixtures; 1: all
	// EdgeWeights: what goes around the mixture of an edge counts as the sum of its coefficients.
	EdgeWeights bool
	Classes     int
	Gamma       float64
	Images      exec.Shape // of a batch, [N,H,W,C]

	path   string
	file   *safetensors.File
	build  supernet.Build
	cells  int
	layout search.Layout
	params []supernet.Param
}

// The limits of a fixture's sizes keep a mistyped number from taking all memory.
const (
	maxChannels = 1 << 12
	maxCells    = 1 << 10
	maxClasses  = 1 << 16
)

// OpenFixture reads a fixture and checks every tensor in it. Errors name the file
// and the tensor, with the shape that is there and the one that is wanted.
func OpenFixture(path string) (*Fixture, error) {
	file, err := safetensors.Read(path)
	if err != nil {
		return nil, err
	}
	f := &Fixture{path: path, file: file}
	if err := f.describe(); err != nil {
		return nil, fmt.Errorf("parity: fixture %q: %w", path, err)
	}
	return f, nil
}

// describe reads the sizes, assembles the network and compares the tensors with it.
func (f *Fixture) describe() error {
	var err error
	if f.Space, err = protocol.LookupSpace(f.file.Metadata["space"]); err != nil {
		return fmt.Errorf("metadata %q: %w", "space", err)
	}
	for _, size := range []struct {
		name string
		n    *int
		most int
	}{{"C", &f.C, maxChannels}, {"N", &f.N, maxCells}, {"classes", &f.Classes, maxClasses}} {
		text := f.file.Metadata[size.name]
		if *size.n, err = strconv.Atoi(text); err != nil || *size.n < 1 || *size.n > size.most {
			return fmt.Errorf("metadata %q is %q, want a whole number from 1 to %d", size.name, text, size.most)
		}
	}
	text := f.file.Metadata["partial"]
	if f.Partial, err = strconv.Atoi(cmp.Or(text, "1")); err != nil || f.Partial < 1 {
		return fmt.Errorf("metadata %q is %q, want a whole number from 1 on", "partial", text)
	}
	text = f.file.Metadata["edge_weights"]
	if f.EdgeWeights, err = strconv.ParseBool(cmp.Or(text, "0")); err != nil {
		return fmt.Errorf("metadata %q is %q, want 1 or 0", "edge_weights", text)
	}
	text = f.file.Metadata["gamma"]
	if f.Gamma, err = strconv.ParseFloat(text, 64); err != nil || !(f.Gamma > 0) || math.IsInf(f.Gamma, 0) {
		return fmt.Errorf("metadata %q is %q, want a number above 0", "gamma", text)
	}

	batch := f.file.Tensors["train.images"].Shape
	if len(batch) != 4 || slices.Contains(batch, 0) || batch[2] != batch[3] {
		return fmt.Errorf("tensor %q has shape %v, want one like [batch channels size size]", "train.images", batch)
	}
	f.Images = exec.Shape{batch[0], batch[2], batch[3], batch[1]}
	f.layout = f.Space.Search().Layout
	if err := f.assemble(); err != nil {
		return err
	}
	wanted := map[string]bool{}
	want := func(name string, types []safetensors.Type, shapes ...[]int) error {
		wanted[name] = true
		return f.check(name, types, shapes)
	}
	floats, ints := []safetensors.Type{safetensors.F32, safetensors.F64}, []safetensors.Type{safetensors.I64}
	for _, half := range halves {
		if err := want(half+".images", floats, batch); err != nil {
			return err
		}
		if err := want(half+".labels", ints, batch[:1]); err != nil {
			return err
		}
		for i, labels := 0, f.file.Tensors[half+".labels"]; i < labels.Len(); i++ {
			if l := labels.Int(i); l < 0 || l >= int64(f.Classes) {
				return fmt.Errorf("tensor %q: label %d is %d, want 0 to %d", half+".labels", i, l, f.Classes-1)
			}
		}
	}
	if err := want("alpha", floats, []int{f.layout.Len()}); err != nil {
		return err
	}
	for _, p := range f.params {
		for _, prefix := range []string{"w.", "v."} {
			if err := want(prefix+p.Name, floats, torchShapes(p)...); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.file.Tensors)) {
		if !wanted[name] {
			return fmt.Errorf("tensor %q is none of %s's with C=%d and N=%d", name, f.Space.Name, f.C, f.N)
		}
	}
	return nil
}

var halves = [2]string{batch.Train: "train", batch.Valid: "valid"}

// assemble makes the network. Sizes that no network can have are an error here:
// the spaces panic with it.
func (f *Fixture) assemble() (err error) {
	none := func(why any) error {
		return fmt.Errorf("no network of %s has C=%d and N=%d on images of %dx%d: %v", f.Space.Name, f.C, f.N, f.Images[1], f.Images[2], why)
	}
	defer func() {
		if p := recover(); p != nil {
			if bug, is := p.(runtime.Error); is {
				panic(bug)
			}
			err = none(p)
		}
	}()
	data := supernet.Data{Size: f.Images[1], Channels: f.Images[3], Classes: f.Classes}
	options := search.SupernetOptions{Partial: f.Partial, EdgeWeights: f.EdgeWeights}
	if f.build, f.cells, err = f.Space.Sized(f.C, f.N).SearchWith(options, data); err != nil {
		return none(err)
	}
	f.params, err = supernet.Parameters(f.build, f.Images, f.Classes)
	return err
}

// check compares a tensor with its types and shapes, one of each.
func (f *Fixture) check(name string, types []safetensors.Type, shapes [][]int) error {
	t, ok := f.file.Tensors[name]
	if !ok {
		return fmt.Errorf("tensor %q is missing, want one of shape %v", name, shapes[0])
	}
	if !slices.Contains(types, t.Type) {
		return fmt.Errorf("tensor %q is of type %s, want one of %v", name, t.Type, types)
	}
	if !slices.ContainsFunc(shapes, func(s []int) bool { return slices.Equal(s, t.Shape) }) {
		var want []string
		for _, shape := range shapes {
			want = append(want, fmt.Sprint(shape))
		}
		return fmt.Errorf("tensor %q has shape %v, want %s", name, t.Shape, strings.Join(want, " or "))
	}
	if t.Type == safetensors.I64 {
		return nil
	}
	for i := range t.Len() {
		if x := t.Float(i); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("tensor %q: element %d is %v, want a finite number", name, i, x)
		}
	}
	return nil
}

// torchShapes are the shapes that a parameter has in PyTorch: [out,in,kh,kw], also
// [out,in] where it is a linear layer there, or [c].
func torchShapes(p supernet.Param) [][]int {
	s := p.Shape
	if p.Vector {
		return [][]int{{s[3]}}
	}
	shapes := [][]int{{s[3], s[2], s[0], s[1]}}
	if s[0] == 1 && s[1] == 1 {
		shapes = append(shapes, []int{s[3], s[2]})
	}
	return shapes
}

// torchOrder calls each with the place of every element of a parameter in PyTorch's
// order and in ours, [KH,KW,Cin,Cout].
func torchOrder(s exec.Shape, each func(torch, ours int)) {
	torch := 0
	for o := range s[3] {
		for i := range s[2] {
			for k := range s[0] * s[1] {
				each(torch, (k*s[2]+i)*s[3]+o)
				torch++
			}
		}
	}
}

// FixtureProblem is the network of f on a device with its weights, its mixture
// coefficients [cells·A] and its direction. Batches are the two of the fixture,
// whatever their draw and number.
func FixtureProblem(f *Fixture, device exec.Device) (p *supernet.Problem, coefs []float64, v exec.Vec, err error) {
	var pixels, targets [len(halves)][]float64
	n, h, w, c := f.Images[0], f.Images[1], f.Images[2], f.Images[3]
	for half, name := range halves {
		t, labels := f.file.Tensors[name+".images"], f.file.Tensors[name+".labels"]
		pixels[half], targets[half] = make([]float64, f.Images.Len()), make([]float64, n*f.Classes)
		for i := range n {
			targets[half][i*f.Classes+int(labels.Int(i))] = 1
			for k := range c {
				for at := range h * w {
					pixels[half][(i*h*w+at)*c+k] = t.Float((i*c+k)*h*w + at)
				}
			}
		}
	}
	p, err = supernet.New(f.build, supernet.Options{
		Images: f.Images, Classes: f.Classes, Layers: f.cells, LayerCoefs: f.layout.Len(), Device: device,
	}, supernet.Feed{PerEpoch: [batch.NumSplits]int{1, 1}, Fill: func(b batch.Batch, images, labels exec.Host) error {
		images.Write(pixels[b.Split])
		labels.Write(targets[b.Split])
		return nil
	}})
	if err != nil {
		return nil, nil, nil, err
	}
	v = p.NewVec()
	for prefix, vec := range map[string]exec.Vec{"w.": p.Weights(), "v.": v} {
		data := make([]float64, vec.Len())
		for _, param := range f.params {
			t := f.file.Tensors[prefix+param.Name]
			torchOrder(param.Shape, func(torch, ours int) { data[param.Offset+ours] = t.Float(torch) })
		}
		vec.Write(data)
	}
	return p, f.mixture(f.cells), v, nil
}

// mixture is softmax(α), once for each cell.
func (f *Fixture) mixture(cells int) []float64 {
	alpha, t := make([]float64, f.layout.Len()), f.file.Tensors["alpha"]
	for i := range alpha {
		alpha[i] = t.Float(i)
	}
	return search.Softmax.Coefs(f.layout, alpha, cells)
}

// result is a file in the names, order and shapes of a fixture.
type result struct {
	*Fixture
	file   *safetensors.File
	double bool
}

// result is an empty file of f's in the precision of a device.
func (f *Fixture) result(device exec.Device) result {
	return result{f, &safetensors.File{Metadata: map[string]string{
		"space": f.Space.Name, "C": strconv.Itoa(f.C), "N": strconv.Itoa(f.N), "classes": strconv.Itoa(f.Classes),
		"gamma": strconv.FormatFloat(f.Gamma, 'g', -1, 64),
	}, Tensors: map[string]safetensors.Tensor{}}, device.Bits() == 64}
}

func (r result) tensor(name string, shape []int, values []float64) {
	if r.double {
		r.file.Tensors[name] = safetensors.Floats(shape, values)
		return
	}
	single := make([]float32, len(values))
	for i, v := range values {
		single[i] = float32(v)
	}
	r.file.Tensors[name] = safetensors.Floats(shape, single)
}

// weights are a vector like the weights, a tensor for each parameter.
func (r result) weights(prefix string, vec exec.Vec) {
	data := make([]float64, vec.Len())
	vec.Read(data)
	for _, param := range r.params {
		values := make([]float64, param.Shape.Len())
		torchOrder(param.Shape, func(torch, ours int) { values[torch] = data[param.Offset+ours] })
		r.tensor(prefix+param.Name, r.Fixture.file.Tensors["w."+param.Name].Shape, values)
	}
}

// Parity computes what there is to compare on a device and writes it, in the device's
// precision, to the file out in the fixture's names and order. docs/parity.md lists it.
func Parity(f *Fixture, device exec.Device, out string) error {
	p, coefs, v, err := FixtureProblem(f, device)
	if err != nil {
		return err
	}
	r := f.result(device)
	tensor, weights := r.tensor, r.weights
	// The gradient in α of what has the gradient dcoefs in the coefficients.
	mixture := f.mixture(1)
	alpha := func(name string, dcoefs []float64) {
		layer, dalpha := make([]float64, len(mixture)), make([]float64, len(mixture))
		search.SumLayers(layer, dcoefs)
		search.Softmax.Pullback(f.layout, mixture, layer, dalpha)
		tensor(name, []int{len(dalpha)}, dalpha)
	}

	grad, dcoefs := p.NewVec(), make([]float64, len(coefs))
	for half, name := range halves {
		loss, err := p.Gradient(batch.Batch{Split: batch.Split(half)}, coefs, grad, dcoefs)
		if err != nil {
			return err
		}
		tensor("loss."+name, []int{}, []float64{loss.Value()})
		tensor("logits."+name, []int{f.Images[0], f.Classes}, p.Logits().Read())
		weights("grad."+name+".w.", grad)
		alpha("grad."+name+".alpha", dcoefs)
	}
	train, valid := batch.Batch{Split: batch.Train}, batch.Batch{Split: batch.Valid}
	if err := p.Linearize(train, coefs); err != nil {
		return err
	}
	if err := p.Product(v, grad, dcoefs); err != nil {
		return err
	}
	weights("hv.", grad)
	alpha("mixed", dcoefs)
	hyper := search.Hyper{Problem: p}
	for k := range Terms {
		at := search.Point{Coefs: coefs, Train: train, Valid: valid, Gamma: f.Gamma}
		if _, err := hyper.Gradient(dcoefs, at, search.Neumann{K: k}); err != nil {
			return err
		}
		alpha(fmt.Sprintf("hypergradient.%d", k), dcoefs)
	}
	return safetensors.Write(out, r.file)
}
